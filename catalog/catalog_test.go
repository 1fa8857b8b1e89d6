package catalog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/personal"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// today is the day of every test.
var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// person makes somebody known to the audit log, with a role.
func person(t testing.TB, db *pgxpool.Pool, role access.Role, teams ...string) access.Principal {
	t.Helper()
	id := must(audit.EnsurePrincipal(t.Context(), db, "test", fmt.Sprint(role, teams), string(role)))(t)
	return access.Principal{ID: id, Name: string(role), Roles: []access.Role{role}, Teams: teams}
}

// bench is a small company: a controller, two teams, the service customers
// with a store, a table and its email field.
type bench struct {
	*catalog.Catalog
	db         *pgxpool.Pool
	admin      access.Principal
	steward    access.Principal // of customer-platform
	other      access.Principal // steward of order-management
	controller catalog.Controller
	team       catalog.Owner
	orders     catalog.Owner
	service    catalog.Service
	store      catalog.Store
	dataset    catalog.Dataset
	email      catalog.Field
}

func setup(t testing.TB) *bench {
	t.Helper()
	db := pgtest.New(t)
	b := &bench{Catalog: catalog.New(db, func() time.Time { return today }, catalog.Dev), db: db}
	ctx := t.Context()
	b.admin = person(t, db, access.Admin)
	b.steward = person(t, db, access.Steward, "customer-platform")
	b.other = person(t, db, access.Steward, "order-management")
	b.controller = must(b.DeclareController(ctx, b.admin, catalog.Controller{Ref: "flowmart-de", Name: "FlowMart GmbH", Country: "DE", TimeZone: "Europe/Berlin"}))(t)
	b.team = must(b.DeclareOwner(ctx, b.admin, catalog.Owner{Kind: catalog.Team, Ref: "customer-platform", Name: "Customer platform", Active: true}))(t)
	b.orders = must(b.DeclareOwner(ctx, b.admin, catalog.Owner{Kind: catalog.Team, Ref: "order-management", Name: "Order management", Active: true}))(t)
	b.service = must(b.RegisterService(ctx, b.steward, b.aService("customers")))(t)
	b.store = must(b.DeclareStore(ctx, b.steward, catalog.Store{Ref: "customers-db", Name: "Customers", ServiceID: &b.service.ID, Technology: "POSTGRESQL"}))(t)
	b.dataset = must(b.DeclareDataset(ctx, b.steward, catalog.Dataset{Namespace: "postgres://customers", Name: "public.customer", Kind: "TABLE", StoreID: &b.store.ID}))(t)
	b.email = must(b.DeclareFields(ctx, b.steward, b.dataset.ID, []catalog.Field{{Path: "email", DataType: "text"}}))(t)[0]
	return b
}

func (b *bench) aService(ref string) catalog.Service {
	endpoint := "http://127.0.0.1:9001"
	return catalog.Service{Ref: ref, Name: ref, OwnerID: &b.team.ID, ControllerID: b.controller.ID, Endpoint: &endpoint, IdentifierTypes: []string{"customer_id", "email"}}
}

// tag asserts a category of the email field.
func (b *bench) tag(t testing.TB, term string) catalog.Tag {
	t.Helper()
	return must(b.AssertTags(t.Context(), b.steward, []catalog.Tag{{DatasetID: b.dataset.ID, FieldID: &b.email.ID, Term: term}}))(t)[0]
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func generation(t *testing.T, b *bench) int64 {
	t.Helper()
	return must(b.Generation(t.Context(), b.admin))(t)
}

func TestPersonalDatasetsFollowTags(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	count := func() int {
		return len(must(personal.Datasets(ctx, b.db, b.controller.ID))(t))
	}
	if n := count(); n != 0 {
		t.Fatalf("untagged: %d personal datasets", n)
	}
	before := generation(t, b)
	tag := b.tag(t, "user.contact.email")
	if n := count(); n != 1 {
		t.Fatalf("tagged: %d personal datasets", n)
	}
	if generation(t, b) <= before {
		t.Error("a tag must move the generation on")
	}
	if err := b.EndTags(ctx, b.steward, []uuid.UUID{tag.ID}); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 0 {
		t.Fatalf("tag ended: %d personal datasets", n)
	}
}
