package search_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/search"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// shop fills a catalog with services and datasets of so many fields each.
func shop(t testing.TB, datasets, fields int) *pgxpool.Pool {
	t.Helper()
	db := pgtest.New(t)
	c := catalog.New(db, time.Now)
	ctx, by := t.Context(), access.System
	if err := taxonomy.Sync(ctx, db); err != nil {
		t.Fatal(err)
	}
	controller, err := c.DeclareController(ctx, by, catalog.Controller{Ref: "de", Name: "DE", Country: "DE", TimeZone: "Europe/Berlin"})
	if err != nil {
		t.Fatal(err)
	}
	service, err := c.RegisterService(ctx, by, catalog.Service{Ref: "customer-orders", Name: "Orders of customers", ControllerID: controller.ID})
	if err != nil {
		t.Fatal(err)
	}
	store, err := c.DeclareStore(ctx, by, catalog.Store{Ref: "orders-db", Name: "Orders", Technology: "POSTGRESQL", ServiceID: &service.ID})
	if err != nil {
		t.Fatal(err)
	}
	for i := range datasets {
		d, err := c.DeclareDataset(ctx, by, catalog.Dataset{Namespace: "postgres://orders", Name: fmt.Sprintf("public.order_%d", i), Kind: "TABLE", StoreID: &store.ID})
		if err != nil {
			t.Fatal(err)
		}
		all := []catalog.Field{{Path: "customerEmail", Doc: "Where invoices go."}}
		for j := 1; j < fields; j++ {
			all = append(all, catalog.Field{Path: fmt.Sprintf("field_%d", j)})
		}
		if _, err := c.DeclareFields(ctx, by, d.ID, all); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func find(t *testing.T, db *pgxpool.Pool, query string, kinds ...string) (refs []string) {
	t.Helper()
	hits, err := search.Find(t.Context(), db, access.System, query, kinds, page.Args{First: 20})
	if err != nil {
		t.Fatalf("%q: %v", query, err)
	}
	for _, h := range hits.Items {
		refs = append(refs, h.Kind+" "+h.Ref)
	}
	return refs
}

func TestFind(t *testing.T) {
	t.Parallel()
	db := shop(t, 2, 2)
	c := catalog.New(db, time.Now)
	d, err := c.FindDataset(t.Context(), access.System, "production", "postgres://orders", "public.order_0")
	if err == nil {
		_, err = c.DeclareFields(t.Context(), access.System, d.ID, []catalog.Field{{Path: "#key.number"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	field := "FIELD postgres://orders/public.order_0#customerEmail"
	for _, c := range []struct {
		query string
		kinds []string
		first string // the nearest hit; "" for none at all
	}{
		{"customer-orders", nil, "SERVICE customer-orders"},
		{"orders-db", nil, "STORE orders-db"},
		{"public.order_1", nil, "DATASET postgres://orders/public.order_1"},
		{"customer email", nil, field},
		{"customerEmail", nil, field},
		{"customer_email", nil, field},
		{"cust em", nil, field},
		{"stomerEm", nil, field}, // inside a word
		{"invoices", nil, field}, // in its description
		{"email invoices", nil, field},
		{"order_0#cust", nil, field}, // across the two names
		{"postgres://orders/public.order_0#customeremail", nil, field},
		{"public.order_0", []string{"FIELD"}, "FIELD postgres://orders/public.order_0#field_1"}, // by its dataset
		{"order_0#nothing", nil, ""},
		{"#customeremail", nil, field},
		{"order_0##key.num", nil, "FIELD postgres://orders/public.order_0##key.number"},
		{"##key", nil, "FIELD postgres://orders/public.order_0##key.number"},
		{"#key.number", nil, "FIELD postgres://orders/public.order_0##key.number"},
		{"order_0#", []string{"FIELD"}, "FIELD postgres://orders/public.order_0#field_1"},
		{"order_0#key", nil, ""},
		{"user.contact.email", nil, "TERM user.contact.email"},
		{"email", []string{"TERM"}, "TERM user.contact.email"},
		{"orders", []string{"STORE", "SERVICE"}, "STORE orders-db"},
		{"zzzz", nil, ""},
		{"100%", nil, ""},
		{"a' | 'zzz", nil, ""},
		{"!!", nil, ""},
		{`\\`, nil, ""},
		{":*", nil, ""},
		{"日本", nil, ""},
	} {
		got := find(t, db, c.query, c.kinds...)
		if c.first == "" && len(got) > 0 || c.first != "" && (len(got) == 0 || got[0] != c.first && got[0] != strings.Replace(c.first, "order_0", "order_1", 1)) {
			t.Errorf("%q in %v finds %v, want first %q", c.query, c.kinds, got, c.first)
		}
	}
}

func TestFindRefuses(t *testing.T) {
	t.Parallel()
	db := shop(t, 0, 0)
	for _, c := range []struct {
		query string
		kinds []string
		p     page.Args
		code  string
	}{
		{"", nil, page.Args{First: 1}, "BAD_QUERY"},
		{"a", nil, page.Args{First: 1}, "BAD_QUERY"},
		{"a\x00b", nil, page.Args{First: 1}, "BAD_QUERY"},
		{strings.Repeat("a", 201), nil, page.Args{First: 1}, "BAD_QUERY"},
		{"é", nil, page.Args{First: 1}, "BAD_QUERY"}, // one character of two bytes
		{strings.Repeat("ü", 201), nil, page.Args{First: 1}, "BAD_QUERY"},
		{"abc", []string{"TABLE"}, page.Args{First: 1}, "UNKNOWN_VALUE"},
		{"abc", nil, page.Args{First: 0}, "OUT_OF_RANGE"},
		{"abc", nil, page.Args{First: 101}, "OUT_OF_RANGE"},
		{"abc", nil, page.Args{First: 1, After: "x"}, "BAD_CURSOR"},
	} {
		_, err := search.Find(t.Context(), db, access.System, c.query, c.kinds, c.p)
		if faults := fault.All(err); len(faults) != 1 || faults[0].Code != c.code {
			t.Errorf("%q %v %v: %v, want %s", c.query, c.kinds, c.p, err, c.code)
		}
	}
}

// Pages of three together are the same list as one page of all.
func TestPagesJoinUp(t *testing.T) {
	t.Parallel()
	db := shop(t, 10, 1)
	var want, got []string
	all, err := search.Find(t.Context(), db, access.System, "order", nil, page.Args{First: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range all.Items {
		want = append(want, h.ID.String())
	}
	p := page.Args{First: 3}
	for {
		hits, err := search.Find(t.Context(), db, access.System, "order", nil, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits.Items {
			got = append(got, h.ID.String())
		}
		if !hits.HasNext {
			break
		}
		p.After = hits.Cursors[len(hits.Cursors)-1]
	}
	if len(want) < 20 || !slices.Equal(got, want) {
		t.Errorf("pages give %d hits, one page %d", len(got), len(want))
	}
	if _, err := search.Find(t.Context(), db, access.System, "orders", nil, page.Args{First: 3, After: all.Cursors[0]}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a cursor of another search: %v", err)
	}
}

// A renamed dataset takes the names of its fields along.
func TestRenamedDatasetIsFound(t *testing.T) {
	t.Parallel()
	db := shop(t, 1, 1)
	c := catalog.New(db, time.Now)
	d, err := c.FindDataset(t.Context(), access.System, "production", "postgres://orders", "public.order_0")
	if err != nil {
		t.Fatal(err)
	}
	d.Name = "public.purchase"
	if _, err := c.DeclareDataset(t.Context(), access.System, d); err != nil {
		t.Fatal(err)
	}
	if got := find(t, db, "customerEmail", "FIELD"); len(got) != 1 || got[0] != "FIELD postgres://orders/public.purchase#customerEmail" {
		t.Errorf("found %v", got)
	}
}

func BenchmarkFind(b *testing.B) {
	db := shop(b, 500, 20)
	for _, query := range []string{"customerEmail", "public.order_77", "stomerEm", "user.contact"} {
		b.Run(query, func(b *testing.B) {
			for b.Loop() {
				if _, err := search.Find(context.Background(), db, access.System, query, nil, page.Args{First: 20}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
