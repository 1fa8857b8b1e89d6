package findings_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/findings"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// open lists the open findings as "CODE about", where names stand for ids.
func open(t *testing.T, db *pgxpool.Pool, names map[uuid.UUID]string) []string {
	t.Helper()
	var out []string
	for _, f := range must(findings.List(t.Context(), db, nil, page.Args{First: 100}))(t).Items {
		out = append(out, f.Code+" "+names[f.EntityID])
	}
	slices.Sort(out)
	return out
}

// Each code comes when its cause comes and goes when it goes. The causes are
// those of the package's own list of codes.
func TestFindingsComeAndGo(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	c := catalog.New(db, func() time.Time { return today }, catalog.Dev)
	ctx, by := t.Context(), access.System
	controller := must(c.DeclareController(ctx, by, catalog.Controller{Ref: "de", Name: "DE", Country: "DE", TimeZone: "Europe/Berlin"}))(t)
	team := must(c.DeclareOwner(ctx, by, catalog.Owner{Kind: catalog.Team, Ref: "team", Name: "Team", Active: true}))(t)
	policy := must(c.DeclareRetentionPolicy(ctx, by, catalog.RetentionPolicy{Ref: "p", Name: "P", Duration: "P1Y", Trigger: "CREATION", Action: "DELETE"}))(t)
	service := func(ref string) catalog.Service {
		return must(c.RegisterService(ctx, by, catalog.Service{Ref: ref, Name: ref, OwnerID: &team.ID, ControllerID: controller.ID, Endpoint: ptr("http://127.0.0.1:1"), IdentifierTypes: []string{"email"}}))(t)
	}
	orders, other := service("orders"), service("other")
	ch := must(c.BeginChallenge(ctx, by, orders.ID))(t)
	key := make([]byte, 32)
	key[5] = 7
	orders = must(c.CompleteChallenge(ctx, by, orders.ID, catalog.Answer{Nonce: ch.Nonce, Keys: []catalog.ServiceKey{{ID: "k", PublicKey: key}}}))(t)
	store := must(c.DeclareStore(ctx, by, catalog.Store{Ref: "db", Name: "DB", Technology: "POSTGRESQL", ServiceID: &orders.ID, BackupHorizonDays: ptr(30), BackupEvidenceOn: ptr(today.AddDate(0, 0, -180))}))(t)
	table := must(c.DeclareDataset(ctx, by, catalog.Dataset{Namespace: "postgres://orders", Name: "orders", Kind: "TABLE", StoreID: &store.ID, RetentionPolicyID: &policy.ID}))(t)
	must(c.AssertTags(ctx, by, []catalog.Tag{{DatasetID: table.ID, Term: "user.name"}}))(t)
	names := map[uuid.UUID]string{orders.ID: "orders", other.ID: "other", store.ID: "db", table.ID: "table"}
	expect := func(what string, want ...string) {
		t.Helper()
		if got := open(t, db, names); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "; "), strings.Join(want, "; "))
		}
	}
	expect("all is well")

	store.BackupEvidenceOn = ptr(today.AddDate(0, 0, -181))
	store = must(c.DeclareStore(ctx, by, store))(t)
	expect("evidence of 181 days ago", "BACKUP_EVIDENCE_STALE db")
	store.BackupEvidenceOn = ptr(today)
	store = must(c.DeclareStore(ctx, by, store))(t)

	table.RetentionPolicyID = nil
	table = must(c.DeclareDataset(ctx, by, table))(t)
	expect("no retention", "PERSONAL_WITHOUT_RETENTION table")
	table.RetentionPolicyID = &policy.ID
	table = must(c.DeclareDataset(ctx, by, table))(t)

	orders = must(c.DisableService(ctx, by, orders.ID, orders.Rev))(t)
	expect("service disabled", "DATASET_WITHOUT_ENDPOINT table")
	ch = must(c.BeginChallenge(ctx, by, orders.ID))(t)
	orders = must(c.CompleteChallenge(ctx, by, orders.ID, catalog.Answer{Nonce: ch.Nonce, Keys: []catalog.ServiceKey{{ID: "k", PublicKey: key}}}))(t)

	orders = must(c.SetServiceOwner(ctx, by, orders.ID, orders.Rev, nil))(t)
	expect("nobody owns the service", "DATASET_WITHOUT_OWNER table", "SERVICE_WITHOUT_OWNER orders")
	orders = must(c.SetServiceOwner(ctx, by, orders.ID, orders.Rev, &team.ID))(t)
	team.Active = false
	team = must(c.DeclareOwner(ctx, by, team))(t)
	expect("the team is gone", "OWNER_INACTIVE table")
	team.Active = true
	team = must(c.DeclareOwner(ctx, by, team))(t)

	reader := must(c.DeclareStoreReader(ctx, by, catalog.StoreReader{StoreID: store.ID, ServiceID: other.ID}))(t)
	expect("another service reads the store", "STORE_READ_BY_OTHER db")
	consumption := must(c.DeclareConsumption(ctx, by, catalog.Consumption{ServiceID: other.ID, DatasetID: table.ID}))(t)
	expect("and says so of a table: one finding", "STORE_READ_BY_OTHER db")
	if err := c.EndStoreReader(ctx, by, reader.ID); err != nil {
		t.Fatal(err)
	}
	expect("still by its consumption", "STORE_READ_BY_OTHER db")
	if err := c.EndConsumption(ctx, by, consumption.ID); err != nil {
		t.Fatal(err)
	}

	if err := catalog.RecordObservedReads(ctx, db, []catalog.ObservedRead{{Cluster: "default", Group: "g", DatasetID: table.ID, LastSeen: today}}); err != nil {
		t.Fatal(err)
	}
	if err := c.RefreshFindings(ctx); err != nil {
		t.Fatal(err)
	}
	expect("an unknown reader", "READER_UNKNOWN table")
	dismissal := must(c.DismissReader(ctx, by, catalog.Dismissal{Group: "g", DatasetID: table.ID, Reason: "a tool", ValidTo: time.Now().Add(time.Hour)}))(t)
	expect("an explained reader")
	if err := c.EndDismissal(ctx, by, dismissal.ID); err != nil {
		t.Fatal(err)
	}
	expect("that is not explained any more", "READER_UNKNOWN table")
	must(c.DeclareActorAlias(ctx, by, catalog.ActorAlias{Kind: "GROUP", Name: "g", ServiceID: other.ID}))(t)
	expect("a reader that declared nothing", "READER_UNDECLARED table")
	consumption = must(c.DeclareConsumption(ctx, by, catalog.Consumption{ServiceID: other.ID, DatasetID: table.ID}))(t)
	expect("a reader that declared", "STORE_READ_BY_OTHER db")
	if err := c.EndConsumption(ctx, by, consumption.ID); err != nil {
		t.Fatal(err)
	}
	expect("and took it back", "READER_UNDECLARED table")

	derived := must(c.DeclareDataset(ctx, by, catalog.Dataset{Namespace: "redis://x", Name: "copy", Kind: "CACHE", ServiceID: &orders.ID, DerivedFrom: []uuid.UUID{table.ID}}))(t)
	names[derived.ID] = "copy"
	expect("a copy that says nothing", "DERIVED_WITHOUT_TAGS copy", "READER_UNDECLARED table")
	must(c.AssertTags(ctx, by, []catalog.Tag{{DatasetID: derived.ID, Term: "user", Polarity: "-", Reason: "sums only"}}))(t)
	expect("a copy that denies", "READER_UNDECLARED table")
	identity(t, db, c)
}

// A finding that stays keeps its id and first day; computing it again writes
// nothing.
func identity(t *testing.T, db *pgxpool.Pool, c *catalog.Catalog) {
	t.Helper()
	before := must(findings.List(t.Context(), db, []string{"OPEN", "FIXED"}, page.Args{First: 100}))(t).Items
	if err := c.RefreshFindings(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := must(findings.List(t.Context(), db, []string{"OPEN", "FIXED"}, page.Args{First: 100}))(t).Items
	if !slices.Equal(before, after) {
		t.Errorf("computed again:\n%v\n%v", before, after)
	}
	byEntity := must(findings.OpenByEntity(t.Context(), db, []uuid.UUID{before[0].EntityID}))(t)
	byID := must(findings.ByID(t.Context(), db, []uuid.UUID{before[0].ID}))(t)
	if byID[before[0].ID].Code != before[0].Code || len(byEntity) > 1 {
		t.Errorf("by id %v, by entity %v", byID, byEntity)
	}
	one := must(findings.List(t.Context(), db, []string{"FIXED"}, page.Args{First: 1}))(t)
	two := must(findings.List(t.Context(), db, []string{"FIXED"}, page.Args{First: 1, After: one.Cursors[0]}))(t)
	if !one.HasNext || two.Items[0].ID == one.Items[0].ID || strings.Compare(two.Items[0].ID.String(), one.Items[0].ID.String()) > 0 {
		t.Error("pages are not newest first")
	}
}
