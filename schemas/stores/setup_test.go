package stores_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/schemas/migration"
	"github.com/flowmart/lethe/schemas/stores"
)

// bench is a catalog with the services orders and billing of the team shop, and
// the store orders-db of the first.
type bench struct {
	*stores.Stores
	db      *pgxpool.Pool
	catalog *catalog.Catalog
	admin   access.Principal
	orders  access.Principal // the pipeline of orders
	other   access.Principal // the pipeline of billing
	team    access.Principal // a steward of the team that owns both
	viewer  access.Principal
	billing uuid.UUID
	store   catalog.Store
}

func setup(t testing.TB) *bench {
	t.Helper()
	db := pgtest.New(t)
	b := &bench{Stores: stores.New(db), db: db, catalog: catalog.New(db, time.Now)}
	b.admin = principal(t, db, access.Principal{Roles: []access.Role{access.Admin}})
	b.orders = principal(t, db, access.Principal{Roles: []access.Role{access.CI}, Service: "orders"})
	b.other = principal(t, db, access.Principal{Roles: []access.Role{access.CI}, Service: "billing"})
	b.team = principal(t, db, access.Principal{Roles: []access.Role{access.Steward}, Teams: []string{"shop"}})
	b.viewer = principal(t, db, access.Principal{Roles: []access.Role{access.Viewer}})
	ctx := t.Context()
	controller := must(b.catalog.DeclareController(ctx, b.admin, catalog.Controller{Ref: "flowmart-de", Name: "FlowMart", Country: "DE", TimeZone: "Europe/Berlin"}))(t)
	team := must(b.catalog.DeclareOwner(ctx, b.admin, catalog.Owner{Kind: catalog.Team, Ref: "shop", Name: "Shop", Active: true}))(t)
	ids := map[string]uuid.UUID{}
	for _, ref := range []string{"orders", "billing"} {
		ids[ref] = must(b.catalog.RegisterService(ctx, b.admin, catalog.Service{Ref: ref, Name: ref, OwnerID: &team.ID, ControllerID: controller.ID}))(t).ID
	}
	b.billing = ids["billing"]
	of := ids["orders"]
	b.store = must(b.catalog.DeclareStore(ctx, b.admin, catalog.Store{Ref: "orders-db", Name: "Orders", ServiceID: &of, Technology: "POSTGRESQL"}))(t)
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

func wants(t testing.TB, err error, code string) {
	t.Helper()
	faults := fault.All(err)
	if len(faults) == 0 || faults[0].Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

// scripts are SQL files, 1.sql and on.
func scripts(texts ...string) stores.Submission {
	s := stores.Submission{Source: migration.Source{Format: "sql"}}
	for i, text := range texts {
		s.Files = append(s.Files, migration.File{Path: fmt.Sprintf("%d.sql", i+1), Text: text})
	}
	return s
}

// push pushes scripts as the store's own pipeline.
func (b *bench) push(t testing.TB, texts ...string) stores.Answer {
	t.Helper()
	return must(b.Push(t.Context(), b.orders, "orders-db", scripts(texts...)))(t)
}

// told writes what is amiss in short: code, place, field; what does not count in
// parentheses.
func told(a stores.Answer) []string {
	out := []string{}
	for _, c := range a.Schemas {
		for _, f := range c.Findings {
			s := fmt.Sprintf("%s %s:%d:%d %s", f.Code, f.File, f.Line, f.Column, f.Path)
			if f.Baseline {
				s = "(" + s + ")"
			}
			out = append(out, s)
		}
	}
	return out
}

// datasets are the store's datasets in the catalog by name, with their fields by
// path and the terms that hold of each.
func (b *bench) datasets(t testing.TB) map[string]map[string][]string {
	t.Helper()
	all := must(b.catalog.Snapshot(t.Context(), b.admin))(t)
	names, out := map[uuid.UUID]string{}, map[string]map[string][]string{}
	for _, d := range all.Datasets {
		if d.StoreID != nil && *d.StoreID == b.store.ID {
			names[d.ID] = d.Namespace + " " + d.Name
			out[names[d.ID]] = map[string][]string{}
		}
	}
	paths := map[uuid.UUID]string{}
	for _, f := range all.Fields {
		if name, ok := names[f.DatasetID]; ok {
			paths[f.ID] = f.Path
			out[name][f.Path] = []string{}
		}
	}
	for _, tag := range all.Tags {
		if tag.FieldID != nil && names[tag.DatasetID] != "" && tag.State == "CONFIRMED" {
			at := out[names[tag.DatasetID]]
			at[paths[*tag.FieldID]] = append(at[paths[*tag.FieldID]], tag.Term)
			slices.Sort(at[paths[*tag.FieldID]])
		}
	}
	return out
}
