package yaml_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/personal"
	"github.com/flowmart/lethe/catalog/yaml"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

type bench struct {
	*catalog.Catalog
	db    *pgxpool.Pool
	admin access.Principal
}

func setup(t testing.TB) *bench {
	t.Helper()
	db := pgtest.New(t)
	b := &bench{Catalog: catalog.New(db, func() time.Time { return today }, catalog.Dev), db: db}
	b.admin = b.person(t, access.Admin)
	return b
}

func (b *bench) person(t testing.TB, role access.Role, teams ...string) access.Principal {
	t.Helper()
	id, err := audit.EnsurePrincipal(t.Context(), b.db, "test", fmt.Sprint(role, teams), string(role))
	if err != nil {
		t.Fatal(err)
	}
	return access.Principal{ID: id, Roles: []access.Role{role}, Teams: teams}
}

// ports are the addresses of the demo's services.
func ports(name string) (string, bool) {
	known := []string{"CUSTOMERS_URL", "ORDERS_URL", "PAYMENTS_URL", "SHIPPING_URL", "REVIEWS_URL", "NOTIFICATIONS_URL"}
	for i, k := range known {
		if k == name {
			return fmt.Sprintf("http://127.0.0.1:%d", 41000+i), true
		}
	}
	return "", false
}

func flowmart(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("../../examples/flowmart/catalog.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (b *bench) plan(t testing.TB, data []byte) yaml.Plan {
	t.Helper()
	doc, err := yaml.Parse("catalog.yaml", data, ports)
	if err != nil {
		t.Fatalf("parse:\n%s", strings.Join(yaml.Lines(err), "\n"))
	}
	plan, err := yaml.NewPlan(t.Context(), b.Catalog, b.admin, doc)
	if err != nil {
		t.Fatalf("plan:\n%s", strings.Join(yaml.Lines(err), "\n"))
	}
	return plan
}

func (b *bench) apply(t testing.TB, data []byte) yaml.Plan {
	t.Helper()
	plan := b.plan(t, data)
	if err := plan.Rehearse(t.Context(), b.Catalog, b.admin); err != nil {
		t.Fatalf("rehearse:\n%s", strings.Join(yaml.Lines(err), "\n"))
	}
	if err := plan.Apply(t.Context(), b.Catalog, b.admin); err != nil {
		t.Fatalf("apply:\n%s", strings.Join(yaml.Lines(err), "\n"))
	}
	return plan
}

func (b *bench) everything(t testing.TB) catalog.Contents {
	t.Helper()
	all, err := b.Snapshot(t.Context(), b.admin)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A second import of FlowMart changes nothing, and what is exported says the
// same to another catalog.
func TestFlowMart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.apply(t, flowmart(t))
	if len(first.Steps) == 0 || first.Unchanged != 0 {
		t.Fatalf("first import: %d steps, %d unchanged", len(first.Steps), first.Unchanged)
	}
	for _, s := range first.Steps {
		if s.Action != yaml.Create {
			t.Errorf("first import: %+v", s)
		}
	}
	generation, _ := b.Generation(t.Context(), b.admin)
	second := b.apply(t, flowmart(t))
	if len(second.Steps) != 0 {
		t.Errorf("second import: %+v", second.Steps)
	}
	if again, _ := b.Generation(t.Context(), b.admin); again != generation {
		t.Errorf("a second import moved the generation from %d to %d", generation, again)
	}
	exported := yaml.Export(b.everything(t))
	if rest := b.plan(t, exported).Steps; len(rest) != 0 {
		t.Errorf("importing an export changes %+v", rest)
	}
	other := setup(t)
	other.apply(t, exported)
	if again := yaml.Export(other.everything(t)); !bytes.Equal(again, exported) {
		t.Errorf("the export of an import of an export differs:\n%s\n%s", exported, again)
	}
	isPersonal(t, b)
}

// What the demo relies on, by hand from the services' own README.
func isPersonal(t *testing.T, b *bench) {
	t.Helper()
	de, err := catalog.ControllerByRef(t.Context(), b.db, "flowmart-de")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := personal.Datasets(t.Context(), b.db, de.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"postgres://customers/public.customers":         "customers DELETE",
		"postgres://customers/public.addresses":         "customers DELETE",
		"postgres://orders/public.orders":               "orders DELETE",
		"postgres://orders/public.order_items":          "orders DELETE",
		"postgres://orders/public.order_customers":      "orders DELETE derived",
		"postgres://payments/public.payments":           "payments ANONYMISE",
		"postgres://payments/public.invoices":           "payments DELETE 17(3)(b)",
		"postgres://shipping/public.shipments":          "shipping DELETE",
		"postgres://reviews/public.reviews":             "reviews ANONYMISE",
		"postgres://reviews/public.purchases":           "reviews DELETE derived",
		"postgres://notifications/public.notifications": "notifications DELETE",
		"kafka://default/flowmart.customers.v1":         "customers EXPIRE derived",
		"kafka://default/flowmart.orders.v1":            "orders EXPIRE derived",
		"kafka://default/flowmart.payments.v1":          "payments EXPIRE derived",
		"kafka://default/flowmart.shipments.v1":         "shipping EXPIRE derived",
		"kafka://default/flowmart.reviews.v1":           "reviews EXPIRE derived",
	}
	for _, r := range rows {
		services, err := catalog.ServicesByID(t.Context(), b.db, []uuid.UUID{r.ServiceID})
		if err != nil {
			t.Fatal(err)
		}
		got := services[r.ServiceID].Ref + " " + r.EraseBy
		if r.Derived {
			got += " derived"
		}
		if r.RetentionGround != nil {
			got += " " + *r.RetentionGround
		}
		name := r.Namespace + "/" + r.Name
		if got != want[name] {
			t.Errorf("%s: %q, want %q", name, got, want[name])
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("%s is not among the personal datasets", name)
	}
}

// A renamed dataset keeps its identity, its tags and its old name.
func TestFormerly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.apply(t, []byte(small))
	before := b.everything(t)
	renamed := strings.Replace(small, "name: public.customer\n", "name: crm.customer\n        formerly: [postgres://shop/public.customer]\n", 1)
	plan := b.apply(t, []byte(renamed))
	if len(plan.Steps) != 1 || plan.Steps[0].Action != yaml.Update || !slices.Equal(plan.Steps[0].Keys, []string{"name"}) || plan.Steps[0].Line == 0 {
		t.Errorf("steps: %+v", plan.Steps)
	}
	if again := b.plan(t, []byte(renamed)); len(again.Steps) != 0 {
		t.Errorf("a second import: %+v", again.Steps)
	}
	after := b.everything(t)
	if len(after.Datasets) != 1 || after.Datasets[0].ID != before.Datasets[0].ID || len(after.Tags) != len(before.Tags) {
		t.Errorf("after: %+v", after.Datasets)
	}
	if old, err := b.FindDataset(t.Context(), b.admin, "production", "postgres://shop", "public.customer"); err != nil || old.Name != "crm.customer" {
		t.Errorf("by its old name: %v %v", old, err)
	}
}

// A file ends what an import said and it no longer says, and nothing else.
func TestFileSpeaksForWhatItLists(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.apply(t, []byte(small))
	all := b.everything(t)
	table, field := all.Datasets[0].ID, all.Fields[0].ID
	if _, err := b.AssertTags(t.Context(), b.admin, []catalog.Tag{{DatasetID: table, Term: "user.social"}, {DatasetID: table, FieldID: &field, Term: "user.name", Source: "SCHEMA"}}); err != nil {
		t.Fatal(err)
	}
	fewer := strings.Replace(small, ", tags: [user.contact.email]", "", 1)
	plan := b.apply(t, []byte(fewer))
	if len(plan.Steps) != 1 || plan.Steps[0].Action != yaml.End || plan.Steps[0].Kind != "TAG" {
		t.Errorf("steps: %+v", plan.Steps)
	}
	var left []string
	for _, tag := range b.everything(t).Tags {
		left = append(left, tag.Term+" "+tag.Source)
	}
	slices.Sort(left)
	if want := []string{"customer IMPORT", "user.name SCHEMA", "user.social MANUAL"}; !slices.Equal(left, want) {
		t.Errorf("left %v, want %v", left, want)
	}
	// What a person says already is not said again by the import.
	manual := strings.Replace(fewer, "tags: [customer]", "tags: [customer, user.social]", 1)
	if plan := b.plan(t, []byte(manual)); len(plan.Steps) != 0 {
		t.Errorf("steps: %+v", plan.Steps)
	}
}
