package schemas_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/schemas"
)

var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// bench is a registry with the services orders and billing, and the topic
// "orders" of the first.
type bench struct {
	*schemas.Registry
	db     *pgxpool.Pool
	admin  access.Principal
	orders access.Principal // the pipeline of orders
	other  access.Principal // the pipeline of billing
	team   access.Principal // a steward of the team that owns both
	viewer access.Principal
	topic  catalog.Dataset
	clock  func() time.Time
}

func setup(t testing.TB) *bench {
	t.Helper()
	db := pgtest.New(t)
	now := func() time.Time { return today }
	b := &bench{Registry: schemas.New(db, now), db: db}
	b.admin = principal(t, db, access.Principal{Roles: []access.Role{access.Admin}})
	b.orders = principal(t, db, access.Principal{Roles: []access.Role{access.CI}, Service: "orders"})
	b.other = principal(t, db, access.Principal{Roles: []access.Role{access.Service}, Service: "billing"})
	b.team = principal(t, db, access.Principal{Roles: []access.Role{access.Steward}, Teams: []string{"shop"}})
	b.viewer = principal(t, db, access.Principal{Roles: []access.Role{access.Viewer}})
	b.clock = now
	c, ctx := catalog.New(db, now), t.Context()
	controller := must(c.DeclareController(ctx, b.admin, catalog.Controller{Ref: "flowmart-de", Name: "FlowMart", Country: "DE", TimeZone: "Europe/Berlin"}))(t)
	team := must(c.DeclareOwner(ctx, b.admin, catalog.Owner{Kind: catalog.Team, Ref: "shop", Name: "Shop", Active: true}))(t)
	services := map[string]uuid.UUID{}
	for _, ref := range []string{"orders", "billing"} {
		services[ref] = must(c.RegisterService(ctx, b.admin, catalog.Service{Ref: ref, Name: ref, OwnerID: &team.ID, ControllerID: controller.ID}))(t).ID
	}
	of := services["orders"]
	policy := must(c.DeclareRetentionPolicy(ctx, b.admin, catalog.RetentionPolicy{Ref: "month", Name: "A month", Duration: "P30D", Trigger: "CREATION", Action: "DELETE"}))(t)
	b.topic = must(c.DeclareDataset(ctx, b.admin, catalog.Dataset{Namespace: "kafka://default", Name: "orders", Kind: "TOPIC", ServiceID: &of, RetentionPolicyID: &policy.ID}))(t)
	purpose := must(c.DeclarePurpose(ctx, b.admin, catalog.Purpose{Ref: "delivery", Name: "Delivery", Use: "essential.service", LegalBasis: "CONTRACT"}))(t)
	must(c.DeclarePermittedUse(ctx, b.admin, catalog.PermittedUse{DatasetID: b.topic.ID, PurposeID: purpose.ID}))(t)
	return b
}

func principal(t testing.TB, db *pgxpool.Pool, p access.Principal) access.Principal {
	t.Helper()
	p.Name = fmt.Sprint(p.Roles, p.Service, p.Teams)
	p.ID = must(audit.EnsurePrincipal(t.Context(), db, "test", p.Name, p.Name))(t)
	return p
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

// record is a schema of string fields; a name that ends in ? has a default.
func record(fields ...string) string {
	text := `{"type":"record","name":"Order","namespace":"shop","fields":[`
	for i, f := range fields {
		if i > 0 {
			text += ","
		}
		if name, optional := f[:len(f)-1], f[len(f)-1] == '?'; optional {
			text += fmt.Sprintf(`{"name":%q,"type":"string","default":""}`, name)
			continue
		}
		text += fmt.Sprintf(`{"name":%q,"type":"string"}`, f)
	}
	return text + "]}"
}

// put registers a schema as somebody.
func (b *bench) put(t testing.TB, by access.Principal, subject, text string) schemas.Version {
	t.Helper()
	return must(b.Register(t.Context(), by, schemas.Submission{Subject: subject, Text: text}))(t)
}

// wants fails unless err is a fault of the code; "" wants none.
func wants(t testing.TB, err error, code string) {
	t.Helper()
	got := ""
	if faults := fault.All(err); len(faults) > 0 {
		got = faults[0].Code
	}
	if got != code || code == "" && err != nil {
		t.Errorf("got %q (%v), want %q", got, err, code)
	}
}
