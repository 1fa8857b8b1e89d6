package stores_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas/gate"
)

// A table whose name is another store's dataset is no table of this one.
func TestAnotherStoresDataset(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	of := b.billing
	other := must(b.catalog.DeclareStore(ctx, b.admin, catalog.Store{Ref: "billing-db", Name: "Billing", ServiceID: &of, Technology: "POSTGRESQL"}))(t)
	must(b.catalog.DeclareDataset(ctx, b.admin, catalog.Dataset{Namespace: "postgres://shared", Name: "public.customer", Kind: "TABLE", StoreID: &other.ID}))(t)
	sub := scripts(first)
	sub.Namespace = "postgres://shared"
	a := must(b.Push(ctx, b.admin, "orders-db", sub))(t)
	if !slices.Contains(told(a), "CG008 1.sql:1:1 ") || a.Pushed || a.Verdict != gate.Fail {
		t.Errorf("%+v", a)
	}
	if s := must(b.Latest(ctx, b.viewer, "orders-db"))(t); s.Version != 0 {
		t.Errorf("%+v", s)
	}
}

// Stores share a namespace once somebody who answers for all of them says so, and
// from then on each pushes its own tables there. Nobody else comes into it, and
// nobody into one that is called after another store. Decision 18.
func TestSharedNamespace(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	owner := must(b.catalog.DeclareOwner(ctx, b.admin, catalog.Owner{Kind: catalog.Team, Ref: "other", Name: "Other", Active: true}))(t)
	all := must(b.catalog.Snapshot(ctx, b.admin))(t)
	theirs := must(b.catalog.RegisterService(ctx, b.admin, catalog.Service{Ref: "stock", Name: "Stock", OwnerID: &owner.ID, ControllerID: all.Controllers[0].ID}))(t)
	stock := principal(t, b.db, access.Principal{Roles: []access.Role{access.CI}, Service: "stock"})
	both := principal(t, b.db, access.Principal{Roles: []access.Role{access.Steward}, Teams: []string{"shop", "other"}})
	for ref, of := range map[string]*uuid.UUID{"billing-db": &b.billing, "stock-db": &theirs.ID, "nobodys-db": nil} {
		must(b.catalog.DeclareStore(ctx, b.admin, catalog.Store{Ref: ref, Name: ref, ServiceID: of, Technology: "POSTGRESQL"}))(t)
	}
	push := func(by access.Principal, store, namespace string, texts ...string) error {
		t.Helper()
		sub := scripts(texts...)
		sub.Namespace = namespace
		a, err := b.Push(ctx, by, store, sub)
		if err == nil && !a.Pushed {
			t.Errorf("%s into %s: %q", store, namespace, told(a))
		}
		return err
	}
	const shared = "postgres://db.flowmart.example:5432"
	if err := push(b.orders, "orders-db", shared, "CREATE TABLE orders (i int);"); err != nil {
		t.Fatalf("nobody was there: %v", err)
	}
	// The team of both brings the second in, and its pipeline goes on.
	wants(t, push(b.other, "billing-db", shared, "CREATE TABLE bill (i int);"), "NAMESPACE_SHARED")
	sub := scripts("CREATE TABLE bill (i int);")
	sub.Namespace = shared
	if a := must(b.Check(ctx, b.viewer, "billing-db", sub))(t); a.Verdict != gate.Warning || !slices.Contains(told(a), "CG008 1.sql:1:1 ") {
		t.Errorf("%s %q", a.Verdict, told(a))
	}
	if err := push(b.team, "billing-db", shared, "CREATE TABLE bill (i int);"); err != nil {
		t.Error(err)
	}
	if err := push(b.other, "billing-db", "", "CREATE TABLE bill (i int, j int);"); err != nil {
		t.Error(err)
	}
	if a := must(b.Check(ctx, b.viewer, "billing-db", sub))(t); a.Namespace != shared || len(told(a)) > 0 {
		t.Errorf("%s %q", a.Namespace, told(a))
	}
	// A third needs the teams of all.
	wants(t, push(stock, "stock-db", shared, "CREATE TABLE item (i int);"), "NAMESPACE_SHARED")
	wants(t, push(b.team, "stock-db", shared, "CREATE TABLE item (i int);"), "NOT_OWNER")
	if err := push(both, "stock-db", shared, "CREATE TABLE item (i int);"); err != nil {
		t.Error(err)
	}
	// What is called after a store that never pushed is not free, nor what is
	// nobody's.
	if err := push(b.orders, "orders-db", "postgres://orders-db", "CREATE TABLE orders (i int);"); err != nil {
		t.Errorf("it is called after the store itself: %v", err)
	}
	wants(t, push(b.orders, "orders-db", "postgres://nobodys-db", "CREATE TABLE orders (i int);"), "NAMESPACE_SHARED")
	wants(t, push(both, "orders-db", "postgres://nobodys-db", "CREATE TABLE orders (i int);"), "NAMESPACE_SHARED")
	if err := push(b.admin, "orders-db", "postgres://nobodys-db", "CREATE TABLE orders (i int);"); err != nil {
		t.Error(err)
	}
}

// Of two stores that come into a namespace at once, one does.
func TestSharedNamespaceAtOnce(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	must(b.catalog.DeclareStore(ctx, b.admin, catalog.Store{Ref: "billing-db", Name: "Billing", ServiceID: &b.billing, Technology: "POSTGRESQL"}))(t)
	for i := range 20 {
		namespace := fmt.Sprintf("postgres://free-%d", i)
		var g sync.WaitGroup
		errs := make([]error, 2)
		for k, one := range []struct {
			store string
			by    access.Principal
		}{{"orders-db", b.orders}, {"billing-db", b.other}} {
			g.Go(func() {
				sub := scripts("CREATE TABLE " + strings.TrimSuffix(one.store, "-db") + " (i int);")
				sub.Namespace = namespace
				_, errs[k] = b.Push(ctx, one.by, one.store, sub)
			})
		}
		g.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("%s: %v, %v", namespace, errs[0], errs[1])
		}
	}
}

// A dataset in no store becomes this one's by its name, unless somebody else
// answers for it: whoever pushes chooses the namespace.
func TestDatasetInNoStore(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	all := must(b.catalog.Snapshot(ctx, b.admin))(t)
	shop := all.Owners[0].ID
	other := must(b.catalog.DeclareOwner(ctx, b.admin, catalog.Owner{Kind: catalog.Team, Ref: "other", Name: "Other", Active: true}))(t).ID
	for _, c := range []struct {
		what string
		catalog.Dataset
		code string
	}{
		{"nobody's", catalog.Dataset{Kind: "TABLE"}, ""},
		{"the service's own", catalog.Dataset{Kind: "TABLE", ServiceID: b.store.ServiceID}, ""},
		{"the same team's", catalog.Dataset{Kind: "TABLE", OwnerID: &shop}, ""},
		{"another service's", catalog.Dataset{Kind: "TABLE", ServiceID: &b.billing}, "CG008"},
		{"another team's", catalog.Dataset{Kind: "TABLE", OwnerID: &other}, "CG008"},
		{"a topic", catalog.Dataset{Kind: "TOPIC"}, "CG008"},
	} {
		c.Namespace = "kafka://" + strings.ReplaceAll(c.what, " ", "_")
		c.Name = "public.customer"
		d := must(b.catalog.DeclareDataset(ctx, b.admin, c.Dataset))(t)
		sub := scripts(first, "-- "+c.what+"\nCREATE TABLE "+strings.NewReplacer(" ", "_", "'", "").Replace(c.what)+" (n int);")
		sub.Namespace = c.Namespace
		a := must(b.Push(ctx, b.orders, "orders-db", sub))(t)
		if refused := strings.Contains(fmt.Sprint(told(a)), "CG008"); a.Pushed == refused || refused != (c.code != "") {
			t.Errorf("%s: pushed %t, told %q", c.what, a.Pushed, told(a))
		}
		now := must(b.catalog.Snapshot(ctx, b.admin))(t).Datasets
		i := slices.IndexFunc(now, func(o catalog.Dataset) bool { return o.ID == d.ID })
		if taken := now[i].StoreID != nil; taken != (c.code == "") {
			t.Errorf("%s: taken %t", c.what, taken)
		}
	}
}
