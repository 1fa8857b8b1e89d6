package graph_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/graph"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/internal/vault"
	"github.com/flowmart/lethe/lineage"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/stores"
)

// rooms makes every room of the API on db.
func rooms(t *testing.T, db *pgxpool.Pool) func(*graph.Config) {
	t.Helper()
	must(t, taxonomy.Sync(t.Context(), db))
	jobs, err := river.NewClient(riverpgxv5.New(db), &river.Config{})
	must(t, err)
	signer, err := audit.GenerateKey(filepath.Join(t.TempDir(), "checkpoint.key"), "lethe.test/audit")
	must(t, err)
	anchor, err := audit.OpenAnchor(t.TempDir(), signer.Keys)
	must(t, err)
	_, key, err := ed25519.GenerateKey(nil)
	must(t, err)
	log, keys := audit.New(db, signer, anchor), vault.New(pgtest.NewKeystore(t), []vault.KEK{vault.NewKEK()})
	rooms := catalog.New(db, time.Now)
	requests := erasure.New(erasure.Setup{DB: db, Jobs: jobs, Vault: keys, Log: log, Now: time.Now,
		Issuer: "https://lethe.test", Keys: []ed25519.PrivateKey{key}})
	deliveries := queue.New(db, jobs, keys, time.Now, uuid.Nil)
	exports, err := export.New(db, jobs, keys, t.TempDir(), time.Now, export.Config{}, requests.Packaged)
	must(t, err)
	t.Cleanup(func() { _ = exports.Close() })
	return func(c *graph.Config) {
		c.DB, c.Audit, c.Catalog, c.Requests, c.Deliveries, c.Exports = db, log, rooms, requests, deliveries, exports
		c.Schemas, c.Tables, c.Lineage = schemas.New(db, time.Now), stores.New(db), lineage.New(db, time.Now)
		c.Challenge = func(ctx context.Context, by access.Principal, service uuid.UUID) (catalog.Service, error) {
			return challenge(ctx, rooms, by, service, rooms.BeginChallenge)
		}
		c.Rotate = func(ctx context.Context, by access.Principal, service uuid.UUID) (catalog.Service, error) {
			return challenge(ctx, rooms, by, service, rooms.BeginRotation)
		}
	}
}

// challenge stands for a service that answers with a key at once.
func challenge(ctx context.Context, c *catalog.Catalog, by access.Principal, service uuid.UUID,
	begin func(context.Context, access.Principal, uuid.UUID) (catalog.Challenge, error)) (catalog.Service, error) {
	ch, err := begin(ctx, by, service)
	if err != nil {
		return catalog.Service{}, err
	}
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		return catalog.Service{}, err
	}
	return c.CompleteChallenge(ctx, by, service, catalog.Answer{Nonce: ch.Nonce, Keys: []catalog.ServiceKey{{ID: "key-" + uuid.NewString(), PublicKey: public}}})
}

// company is an API with FlowMart's beginnings in its catalog, all of it
// declared through the API.
type company struct {
	*fixture
	rooms                       graph.Config // the rooms behind the API
	t                           *testing.T
	admin, handler, approver    access.Principal
	controller, ordersTeam      string
	paymentsTeam                string
	orders, payments            string // services
	paymentsStore               string
	ordersStore, order, invoice string
}

func furnish(t *testing.T, change ...func(*graph.Config)) *company {
	t.Helper()
	db := pgtest.New(t)
	c := &company{t: t}
	keep := func(made *graph.Config) { c.rooms = *made }
	c.fixture = setup(t, append(append([]func(*graph.Config){rooms(t, db)}, change...), keep)...)
	c.admin = c.person(t, "ada", access.Admin)
	c.handler = c.person(t, "hannah", access.Handler)
	c.approver = c.person(t, "anton", access.Approver)
	c.controller = c.declare("declareController", "controller", `ref: "flowmart-de", name: "FlowMart GmbH", country: "DE", timeZone: "Europe/Berlin"`)
	c.ordersTeam = c.declare("declareOwner", "owner", `kind: TEAM, ref: "orders-team", name: "Orders"`)
	c.paymentsTeam = c.declare("declareOwner", "owner", `kind: TEAM, ref: "payments-team", name: "Payments"`)
	c.orders, c.payments = c.service("orders", c.ordersTeam), c.service("payments", c.paymentsTeam)
	c.ordersStore, c.order = c.storeAndTable("orders", c.orders, "public.order")
	c.paymentsStore, c.invoice = c.storeAndTable("payments", c.payments, "public.invoice")
	return c
}

func (c *company) service(ref, team string) string {
	c.t.Helper()
	id := c.declare("registerService", "service", fmt.Sprintf(`ref: %q, name: %[1]q, ownerId: %q, controllerId: %q,
		endpoint: "https://%[1]s.flowmart.example", identifierTypes: ["customer_id"], resolves: ["customer_id"], allowedNetworks: ["10.0.0.0/8"]`, ref, team, c.controller))
	return c.declare("challengeService", "service", fmt.Sprintf(`serviceId: %q`, id))
}

func (c *company) storeAndTable(ref, service, table string) (store, dataset string) {
	c.t.Helper()
	store = c.declare("declareStore", "store", fmt.Sprintf(`ref: "%s-db", name: "Database", serviceId: %q, technology: POSTGRESQL, backupHorizonDays: 30`, ref, service))
	dataset = c.declare("declareDataset", "dataset", fmt.Sprintf(`namespace: "postgres://%s", name: %q, kind: TABLE, storeId: %q`, ref, table, store))
	a := c.do(c.admin, fmt.Sprintf(`mutation { assertTags(input: {tags: [{datasetId: %q, term: "user.contact.email"}]}) { tags { id } userErrors { code path message } } }`, dataset))
	c.clean(a, "assertTags")
	return store, dataset
}

// declare runs a mutation as an admin and returns the id of what it made.
func (c *company) declare(mutation, field, input string) string {
	c.t.Helper()
	a := c.do(c.admin, fmt.Sprintf(`mutation { %s(input: {%s}) { %s { id } userErrors { code path message } } }`, mutation, input, field))
	c.clean(a, mutation)
	return a.text(c.t, mutation, field, "id")
}

func (c *company) do(by access.Principal, query string, variables ...map[string]any) answer {
	c.t.Helper()
	var v map[string]any
	if len(variables) > 0 {
		v = variables[0]
	}
	return c.ask(c.t, by, query, v)
}

// clean fails the test unless a mutation was done.
func (c *company) clean(a answer, mutation string) {
	c.t.Helper()
	if a.Status != 200 || len(a.Errors) > 0 || len(a.refusals(c.t, mutation)) > 0 {
		c.t.Fatalf("%s: %d %s", mutation, a.Status, a.Raw)
	}
}

// at finds a value in the data of an answer.
func (a answer) at(t *testing.T, path ...any) any {
	t.Helper()
	var v any = a.Data
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("no %v in %s", path, a.Raw)
			}
			v = m[s]
		case int:
			l, ok := v.([]any)
			if !ok || s >= len(l) {
				t.Fatalf("no %v in %s", path, a.Raw)
			}
			v = l[s]
		}
	}
	return v
}

func (a answer) text(t *testing.T, path ...any) string {
	t.Helper()
	s, ok := a.at(t, path...).(string)
	if !ok {
		t.Fatalf("no text at %v in %s", path, a.Raw)
	}
	return s
}

type refusal struct {
	Code, Message string
	Path          []string
}

func (a answer) refusals(t *testing.T, mutation string) []refusal {
	t.Helper()
	raw, err := json.Marshal(a.at(t, mutation, "userErrors"))
	must(t, err)
	var out []refusal
	must(t, json.Unmarshal(raw, &out))
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
