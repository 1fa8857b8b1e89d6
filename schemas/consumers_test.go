package schemas_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/contract"
	"github.com/flowmart/lethe/schemas/gate"
)

// market is a bench with consumers of another team: billing is the money
// team's, which reads orders.
type market struct {
	*bench
	catalog *catalog.Catalog
	billing catalog.Service
	money   access.Principal // a steward of the team that owns billing
	second  access.Principal // another pipeline of orders
}

func newMarket(t testing.TB) *market {
	t.Helper()
	m := &market{bench: setup(t)}
	ctx := t.Context()
	m.catalog = catalog.New(m.db, m.clock)
	team := must(m.catalog.DeclareOwner(ctx, m.admin, catalog.Owner{Kind: catalog.Team, Ref: "money", Name: "Money", Active: true}))(t)
	billing := must(catalog.ServiceByRef(ctx, m.db, "billing"))(t)
	billing.OwnerID = &team.ID
	m.billing = must(m.catalog.UpdateService(ctx, m.admin, billing))(t)
	m.money = principal(t, m.db, access.Principal{Roles: []access.Role{access.Steward}, Teams: []string{"money"}})
	m.second = principal(t, m.db, access.Principal{Roles: []access.Role{access.CI}, Service: "orders", Teams: []string{"second"}})
	return m
}

// reads has billing declare that it reads orders with a schema.
func (m *market) reads(t testing.TB, name, text string) contract.Reader {
	t.Helper()
	return must(m.DeclareReader(t.Context(), m.other, "billing", name, schemas.Submission{Subject: "orders-value", Text: text}))(t)
}

// seen has a consumer group show up at the topic.
func (m *market) seen(t testing.TB, group string, service *uuid.UUID) {
	t.Helper()
	at := m.clock()
	if err := catalog.RecordObservedReads(t.Context(), m.db, []catalog.ObservedRead{{Cluster: "default", Group: group, DatasetID: m.topic.ID, ServiceID: service, FirstSeen: at, LastSeen: at}}); err != nil {
		t.Fatal(err)
	}
}

// observed has the cluster tell how long the topic keeps its records.
func (m *market) observed(t testing.TB, policy string, retention time.Duration) {
	t.Helper()
	const q = `UPDATE catalog_topic SET observed_at = now(), cleanup_policy = $2, retention_ms = $3 WHERE dataset_id = $1`
	if _, err := m.db.Exec(t.Context(), q, m.topic.ID, policy, retention.Milliseconds()); err != nil {
		t.Fatal(err)
	}
}

func codes(findings []gate.Finding) (out []string) {
	for _, f := range findings {
		out = append(out, f.Code+" "+f.Path)
	}
	return out
}

// A change that the level lets pass breaks a consumer all the same: the level
// asks about the versions, and billing reads with a schema of its own.
func TestConsumersAreNamedFieldByField(t *testing.T) {
	t.Parallel()
	m, ctx := newMarket(t), t.Context()
	m.put(t, m.orders, "orders-value", record("id", "total", "note"))
	reader := m.reads(t, "invoices", record("id", "total"))
	without := schemas.Submission{Subject: "orders-value", Text: record("id", "note")}
	a := m.checked(t, without)
	if got, want := codes(a.Findings), []string{"CG004 total"}; !slices.Equal(got, want) || a.Verdict != gate.Warning {
		t.Fatalf("%s %q, want %q\n%+v", a.Verdict, got, want, a.Findings)
	}
	if f := a.Findings[0]; !strings.Contains(f.Message, "breaks billing (team money): invoices reads with a schema of its own") || f.Rule != "billing" || f.Mend == "" {
		t.Errorf("%+v", f)
	}
	if a := m.checked(t, schemas.Submission{Subject: "orders-value", Text: record("id", "total")}); len(a.Findings) != 0 {
		t.Errorf("a field that nobody reads: %q", codes(a.Findings))
	}
	m.policy(t, "orders-value", gate.Enforce)
	_, err := m.Register(ctx, m.orders, without)
	wants(t, err, "GATE_FAILED")
	// What it cannot read today is not the doing of the next version.
	m.reads(t, "invoices", record("id", "vat"))
	if a := m.checked(t, schemas.Submission{Subject: "orders-value", Text: record("id", "total")}); len(a.Findings) != 0 {
		t.Errorf("broken before: %q", codes(a.Findings))
	}
	if readers := must(m.Readers(ctx, m.viewer, "orders-value"))(t); len(readers) != 1 || readers[0].ID == reader.ID {
		t.Errorf("what a reader declares takes the place of what it declared: %+v", readers)
	}
	if err := m.EndReader(ctx, m.other, must(m.Readers(ctx, m.viewer, "orders-value"))(t)[0].ID); err != nil {
		t.Fatal(err)
	}
	must(m.Register(ctx, m.orders, without))(t)
}

// Who declares which fields it reads is warned of those that would go, or be of
// another type.
func TestDeclaredFieldsCount(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.put(t, m.orders, "orders-value", record("id", "total", "note"))
	must(m.catalog.DeclareConsumption(t.Context(), m.admin, catalog.Consumption{ServiceID: m.billing.ID, DatasetID: m.topic.ID, Fields: []string{"id", "total"}}))(t)
	text := strings.Replace(record("total", "note"), `{"name":"total","type":"string"}`, `{"name":"total","type":"bytes"}`, 1)
	if got, want := codes(m.checked(t, schemas.Submission{Subject: "orders-value", Text: text}).Findings), []string{"CG004 id", "CG004 total"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A breaking change passes once the owner of the consumer agreed: to this
// content after this version, until the approval ends, and not by the hand of
// who registers.
func TestABreakingChangeHasAWayThrough(t *testing.T) {
	t.Parallel()
	m, ctx := newMarket(t), t.Context()
	m.put(t, m.orders, "orders-value", record("id", "total"))
	m.reads(t, "", record("id", "total"))
	change := schemas.Submission{Subject: "orders-value", Text: record("id", "amount")} // amount has no default
	register := func(by access.Principal, s schemas.Submission) error {
		_, err := m.Register(ctx, by, s)
		return err
	}
	err := register(m.orders, change)
	wants(t, err, "SCHEMA_INCOMPATIBLE")
	if !strings.Contains(err.Error(), "it needs the approval of billing (team money)") {
		t.Errorf("who has to agree is not said: %v", err)
	}
	a := m.checked(t, change)
	if len(a.Needs) != 1 || a.Needs[0].Service != "billing" || a.Needs[0].Owner != "money" || a.Needs[0].Approved || a.Verdict != gate.Fail {
		t.Fatalf("%s %+v", a.Verdict, a.Needs)
	}
	tomorrow := time.Now().Add(24 * time.Hour)
	approve := func(by access.Principal, s schemas.Submission, reason string, until time.Time) error {
		_, err := m.Approve(ctx, by, s, reason, until)
		return err
	}
	wants(t, approve(m.team, change, "the old field is dead", tomorrow), "NOT_OWNER") // of orders' team
	wants(t, approve(m.admin, change, "I am the admin", tomorrow), "NOT_OWNER")
	wants(t, approve(m.orders, change, "please", tomorrow), "ROLE_REQUIRED")
	wants(t, approve(m.money, change, "", tomorrow), "REQUIRED")
	wants(t, approve(m.money, change, "later", tomorrow.Add(40*24*time.Hour)), "OUT_OF_RANGE")
	wants(t, approve(m.money, schemas.Submission{Subject: "orders-value", Text: record("id", "total", "x?")}, "why not", tomorrow), "NOTHING_TO_APPROVE")
	wants(t, approve(m.money, schemas.Submission{Subject: "nowhere", Text: record("id")}, "why not", tomorrow), "SUBJECT_NOT_FOUND")
	wants(t, register(m.orders, change), "SCHEMA_INCOMPATIBLE")

	given := must(m.Approve(ctx, m.money, change, "we read amount from May on", tomorrow))(t)
	if len(given) != 1 || *given[0].ServiceID != m.billing.ID || !slices.Equal(given[0].Fingerprint, a.Fingerprint) {
		t.Fatalf("%+v", given)
	}
	if a := m.checked(t, change); a.Verdict != gate.Warning || !a.Needs[0].Approved {
		t.Errorf("agreed: %s %+v", a.Verdict, a.Needs)
	}
	// Another content, and the same by who agreed to it, are not covered.
	wants(t, register(m.orders, schemas.Submission{Subject: "orders-value", Text: record("id", "amount", "more?")}), "SCHEMA_INCOMPATIBLE")
	if a := must(m.Check(ctx, m.money, []schemas.Submission{change}))(t)[0]; a.Needs[0].Approved {
		t.Error("who agreed may not register it, too")
	}
	wants(t, register(m.orders, change), "")
	// It is used up: what follows another version is another change.
	m.put(t, m.orders, "orders-value", record("id", "amount", "x?"))
	wants(t, register(m.orders, schemas.Submission{Subject: "orders-value", Text: record("id", "total", "amount", "y")}), "SCHEMA_INCOMPATIBLE")
	const q = `SELECT count(*) FROM audit_entry WHERE act = 'schema.change_approved' AND actor_id = $1 AND entity_id = $2 AND digest = $3`
	if n := must(postgres.Scalar[int](ctx, m.db, q, m.money.ID, given[0].SubjectID, a.Fingerprint))(t); n != 1 {
		t.Errorf("the log has it %d times", n)
	}
}

// A subject that has an alias is that subject for its consumers, too: who
// declares to read it is one of them, and who agrees agrees to the change that
// is registered.
func TestConsumersByAnAlias(t *testing.T) {
	t.Parallel()
	m, ctx := newMarket(t), t.Context()
	m.put(t, m.orders, "orders-value", record("id", "total"))
	must(m.SetConfig(ctx, m.admin, "feed", schemas.Patch{"alias": json.RawMessage(`"orders-value"`)}))(t)
	declared := must(m.DeclareReader(ctx, m.other, "billing", "", schemas.Submission{Subject: "feed", Version: schemas.Latest}))(t)
	for _, subject := range []string{"feed", "orders-value"} {
		all := must(m.Readers(ctx, m.viewer, subject))(t)
		if len(all) != 1 || all[0].ID != declared.ID || all[0].Subject != "orders-value" {
			t.Errorf("readers of %s: %+v", subject, all)
		}
		if a := must(m.SafeToContract(ctx, m.viewer, contract.Question{Subject: subject, Field: "total"}))(t); a.Safety != contract.No {
			t.Errorf("total of %s can be taken away: %+v", subject, a)
		}
	}
	change := schemas.Submission{Subject: "feed", Text: record("id", "amount")}
	_, err := m.Register(ctx, m.orders, change)
	wants(t, err, "SCHEMA_INCOMPATIBLE")
	must(m.Approve(ctx, m.money, change, "we read amount from May on", time.Now().Add(time.Hour)))(t)
	if v := m.put(t, m.orders, "feed", change.Text); v.Subject != "orders-value" || v.Version != 2 {
		t.Errorf("registered as %+v", v)
	}
}

// An approval ends: by its day, and when somebody else turns out to be
// affected.
func TestAnApprovalEnds(t *testing.T) {
	t.Parallel()
	m, ctx := newMarket(t), t.Context()
	m.put(t, m.orders, "orders-value", record("id", "total"))
	m.reads(t, "", record("id", "total"))
	change := schemas.Submission{Subject: "orders-value", Text: record("id", "amount")}
	a := m.checked(t, change)
	const q = `
		INSERT INTO schemas_approval (id, subject_id, fingerprint, service_id, reason, approved_by, approved_at, expires_at)
		SELECT gen_random_uuid(), id, $1, $2, 'agreed', $3, now() - interval '2 hours', now() + $4 FROM schemas_subject WHERE name = 'orders-value'`
	for _, c := range []struct {
		left     time.Duration
		approved bool
	}{{-time.Second, false}, {time.Hour, true}} {
		if _, err := m.db.Exec(ctx, q, a.Fingerprint, m.billing.ID, m.money.ID, c.left); err != nil {
			t.Fatal(err)
		}
		if a := m.checked(t, change); a.Needs[0].Approved != c.approved {
			t.Errorf("with %s left: %+v", c.left, a.Needs)
		}
	}
	// orders itself declares that it reads its own topic.
	must(m.DeclareReader(ctx, m.orders, "orders", "", schemas.Submission{Subject: "orders-value", Version: 1}))(t)
	a = m.checked(t, change)
	if len(a.Needs) != 2 || a.Needs[0].Approved || a.Needs[1].Approved {
		t.Errorf("somebody came: %+v", a.Needs)
	}
}

// Where the level is broken, whoever reads and does not say what is asked, too,
// and for groups that nobody knows the subject's own service answers.
func TestWhoIsAskedToAgree(t *testing.T) {
	t.Parallel()
	m, ctx := newMarket(t), t.Context()
	change := schemas.Submission{Subject: "orders-value", Text: record("id", "amount")}
	needs := func() (out []string) {
		for _, n := range m.checked(t, change).Needs {
			out = append(out, n.Service+"/"+n.Owner)
		}
		return out
	}
	if got := needs(); got != nil {
		t.Errorf("a first version: %q", got)
	}
	m.put(t, m.orders, "orders-value", record("id"))
	if got, want := needs(), []string{"orders/shop"}; !slices.Equal(got, want) {
		t.Errorf("nobody reads: %q, want %q", got, want)
	}
	m.seen(t, "billing-group", &m.billing.ID)
	if got, want := needs(), []string{"billing/money"}; !slices.Equal(got, want) {
		t.Errorf("billing was seen: %q, want %q", got, want)
	}
	m.seen(t, "somebody", nil)
	if got, want := needs(), []string{"billing/money", "orders/shop"}; !slices.Equal(got, want) {
		t.Errorf("a group was seen: %q, want %q", got, want)
	}
	m.reads(t, "", record("id"))
	if got, want := needs(), []string{"orders/shop"}; !slices.Equal(got, want) {
		t.Errorf("billing can read it: %q, want %q", got, want)
	}
	must(m.Approve(ctx, m.team, change, "it is our topic", time.Now().Add(time.Hour)))(t)
	must(m.Register(ctx, m.orders, change))(t)
}

func TestWhoDeclaresReaders(t *testing.T) {
	t.Parallel()
	m, ctx := newMarket(t), t.Context()
	m.put(t, m.orders, "orders-value", record("id"))
	for _, c := range []struct {
		by            access.Principal
		service, code string
		s             schemas.Submission
	}{
		{m.other, "billing", "", schemas.Submission{Subject: "orders-value", Version: schemas.Latest}},
		{m.money, "billing", "", schemas.Submission{Subject: "orders-value", Version: 1}},
		{m.admin, "billing", "", schemas.Submission{Subject: "orders-value", Text: record("id")}},
		{m.orders, "billing", "NOT_OWNER", schemas.Submission{Subject: "orders-value", Version: 1}},
		{m.team, "billing", "NOT_OWNER", schemas.Submission{Subject: "orders-value", Version: 1}},
		{m.viewer, "billing", "ROLE_REQUIRED", schemas.Submission{Subject: "orders-value", Version: 1}},
		{m.other, "nobody", "SERVICE_NOT_FOUND", schemas.Submission{Subject: "orders-value", Version: 1}},
		{m.other, "billing", "SUBJECT_NOT_FOUND", schemas.Submission{Subject: "nowhere", Text: record("id")}},
		{m.other, "billing", "VERSION_NOT_FOUND", schemas.Submission{Subject: "orders-value", Version: 9}},
		{m.other, "billing", "INVALID_SCHEMA", schemas.Submission{Subject: "orders-value", Text: "{"}},
	} {
		_, err := m.DeclareReader(ctx, c.by, c.service, "", c.s)
		wants(t, err, c.code)
	}
	_, err := m.DeclareReader(ctx, m.other, "billing", "a\nb", schemas.Submission{Subject: "orders-value", Version: 1})
	wants(t, err, "BAD_NAME")
	for i := range 99 { // and the one above makes 100
		m.reads(t, fmt.Sprintf("reader %d", i), record("id"))
	}
	_, err = m.DeclareReader(ctx, m.other, "billing", "one too many", schemas.Submission{Subject: "orders-value", Version: 1})
	wants(t, err, "OUT_OF_RANGE")
	m.reads(t, "reader 7", record("id")) // in the place of what it declared before
	n := must(m.Readers(ctx, m.viewer, "orders-value"))(t)[0]
	wants(t, m.EndReader(ctx, m.orders, n.ID), "NOT_OWNER")
	wants(t, m.EndReader(ctx, m.viewer, n.ID), "ROLE_REQUIRED")
	wants(t, m.EndReader(ctx, m.money, n.ID), "")
	wants(t, m.EndReader(ctx, m.money, n.ID), "READER_NOT_FOUND")
}

// Safe to contract? What is declared and seen, by hand.
func TestSafeToContract(t *testing.T) {
	t.Parallel()
	m, ctx := newMarket(t), t.Context()
	m.put(t, m.orders, "orders-value", record("id", "total", "note"))
	m.put(t, m.orders, "orders-value", record("id", "total"))
	ask := func(q contract.Question) (contract.Safety, string) {
		t.Helper()
		a := must(m.SafeToContract(ctx, m.viewer, q))(t)
		var reasons []string
		for _, w := range a.Witnesses {
			reasons = append(reasons, strings.TrimSpace(string(w.Safety)+" "+w.Service+w.Group+": "+w.Reason))
		}
		return a.Safety, strings.Join(reasons, "\n")
	}
	want := func(what string, q contract.Question, safety contract.Safety, parts ...string) {
		t.Helper()
		got, said := ask(q)
		ok := got == safety
		for _, part := range parts {
			ok = ok && strings.Contains(said, part)
		}
		if !ok {
			t.Errorf("%s: %s, want %s because of %q\n%s", what, got, safety, parts, said)
		}
	}
	note, total := contract.Question{Subject: "orders-value", Field: "note"}, contract.Question{Subject: "orders-value", Field: "total"}
	want("nobody has looked", note, contract.Unknown, "nobody has looked who reads the topic on the cluster default")
	m.observed(t, "delete", time.Hour)
	want("nobody reads", note, contract.Yes)
	m.seen(t, "somebody", nil)
	want("a group of nobody", note, contract.Unknown, "UNKNOWN somebody: it was seen reading this data until 2026-11-23, and nobody knows whose it is")
	if _, err := m.catalog.DismissReader(ctx, m.admin, catalog.Dismissal{Group: "somebody", DatasetID: m.topic.ID, Reason: "a console", ValidTo: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	want("explained", note, contract.Yes)
	m.seen(t, "billing-group", &m.billing.ID)
	want("seen, not declared", note, contract.Unknown, "UNKNOWN billingbilling-group: it was seen reading this data until 2026-11-23, and declared nothing")
	must(m.catalog.DeclareConsumption(ctx, m.admin, catalog.Consumption{ServiceID: m.billing.ID, DatasetID: m.topic.ID}))(t)
	want("declared, not which fields", note, contract.Unknown, "not which fields")
	must(m.catalog.DeclareConsumption(ctx, m.admin, catalog.Consumption{ServiceID: m.billing.ID, DatasetID: m.topic.ID, Fields: []string{"total"}}))(t)
	want("declared others", note, contract.Yes)
	want("declared this one", total, contract.No, "NO billing: it declared that it reads total")
	m.reads(t, "invoices", strings.Replace(record("id", "sum"), `"name":"sum"`, `"name":"sum","aliases":["note"]`, 1))
	want("read under an alias", note, contract.No, "the schema it reads with in invoices has sum")
	want("what a schema says counts more", total, contract.Yes)

	want("the latest version", contract.Question{Subject: "orders-value", Version: 2}, contract.No, "it is the latest version")
	want("an old one, its records gone", contract.Question{Subject: "orders-value", Version: 1}, contract.No, "records written with it are kept until")
	m.observed(t, "compact", -1)
	want("an old one, kept without a bound", contract.Question{Subject: "orders-value", Version: 1}, contract.Unknown, "without a bound")
	must(m.DeclareReader(ctx, m.other, "billing", "reports", schemas.Submission{Subject: "orders-value", Version: 1}))(t)
	want("read with that version", contract.Question{Subject: "orders-value", Version: 1}, contract.No, "version 1, which it reads with, in reports is this one")

	for _, c := range []struct {
		q    contract.Question
		code string
	}{
		{contract.Question{Subject: "orders-value"}, "BAD_QUESTION"}, {contract.Question{Field: "id"}, "BAD_QUESTION"}, {contract.Question{Dataset: m.topic.ID, Version: 1}, "BAD_QUESTION"},
		{contract.Question{Subject: "orders-value", Field: "totl"}, "UNKNOWN_FIELD"}, {contract.Question{Subject: "nowhere", Field: "x"}, "SUBJECT_NOT_FOUND"},
		{contract.Question{Subject: "orders-value", Version: 9}, "VERSION_NOT_FOUND"}, {contract.Question{Dataset: uuid.New(), Field: "x"}, "DATASET_NOT_FOUND"}, {contract.Question{Dataset: m.topic.ID, Field: "x"}, "UNKNOWN_FIELD"},
	} {
		_, err := m.SafeToContract(ctx, m.viewer, c.q)
		wants(t, err, c.code)
	}
	_, err := m.SafeToContract(ctx, m.other, note)
	wants(t, err, "ROLE_REQUIRED") // a service needs no map of everybody else's data
}

// A column is asked about by its table.
func TestSafeToContractAColumn(t *testing.T) {
	t.Parallel()
	m, ctx := newMarket(t), t.Context()
	of := must(catalog.ServiceByRef(ctx, m.db, "orders"))(t).ID
	store := must(m.catalog.DeclareStore(ctx, m.admin, catalog.Store{Ref: "orders-db", Name: "Orders", Technology: "POSTGRESQL", ServiceID: &of}))(t)
	table := must(m.catalog.DeclareDataset(ctx, m.admin, catalog.Dataset{Namespace: "postgres://orders", Name: "public.customer", Kind: "TABLE", StoreID: &store.ID}))(t)
	must(m.catalog.DeclareFields(ctx, m.admin, table.ID, []catalog.Field{{Path: "email"}, {Path: "phone"}}))(t)
	ask := func(field string) contract.Answer {
		t.Helper()
		return must(m.SafeToContract(ctx, m.viewer, contract.Question{Dataset: table.ID, Field: field}))(t)
	}
	if a := ask("email"); a.Safety != contract.Yes || len(a.Witnesses) != 1 || !strings.Contains(a.Witnesses[0].Reason, "not observed") {
		t.Errorf("nobody reads: %+v", a)
	}
	must(m.catalog.DeclareStoreReader(ctx, m.admin, catalog.StoreReader{StoreID: store.ID, ServiceID: m.billing.ID, Reason: "reports"}))(t)
	if a := ask("email"); a.Safety != contract.Unknown || a.Witnesses[0].Service != "billing" || a.Witnesses[0].Owner != "money" {
		t.Errorf("a reader of the store: %+v", a)
	}
	must(m.catalog.DeclareConsumption(ctx, m.admin, catalog.Consumption{ServiceID: m.billing.ID, DatasetID: table.ID, Fields: []string{"phone"}}))(t)
	if a, b := ask("email"), ask("phone"); a.Safety != contract.Yes || b.Safety != contract.No {
		t.Errorf("declared fields: %+v, %+v", a, b)
	}
}

// A reader whose schema cannot be read any more keeps nobody from registering:
// it is one that does not say what it reads. What was declared of a subject goes
// with it.
func TestReadersOutliveWhatTheyReferTo(t *testing.T) {
	t.Parallel()
	m, ctx := newMarket(t), t.Context()
	m.put(t, m.orders, "orders-value", record("id"))
	m.put(t, m.admin, "money", `{"type":"record","name":"shop.Money","fields":[]}`)
	text := `{"type":"record","name":"shop.Order","fields":[{"name":"total","type":["null","Money"],"default":null}]}`
	must(m.DeclareReader(ctx, m.other, "billing", "", schemas.Submission{Subject: "orders-value", Text: text,
		References: []schemas.Reference{{Name: "shop.Money", Subject: "money", Version: 1}}}))(t)
	fresh := schemas.New(m.db, m.clock) // remembers nothing of it
	must(fresh.DeleteSubject(ctx, m.admin, "money", false))(t)
	a := must(fresh.Check(ctx, m.viewer, []schemas.Submission{{Subject: "orders-value", Text: record("id", "must")}}))(t)[0]
	if len(a.Needs) != 1 || a.Needs[0].Service != "billing" || !strings.Contains(a.Needs[0].Why[0], "does not say") {
		t.Errorf("%+v", a.Needs)
	}
	if safe := must(fresh.SafeToContract(ctx, m.viewer, contract.Question{Subject: "orders-value", Field: "id"}))(t); safe.Safety != contract.Unknown ||
		!slices.ContainsFunc(safe.Witnesses, func(w contract.Witness) bool {
			return w.Service == "billing" && strings.Contains(w.Reason, "cannot be read any more")
		}) {
		t.Errorf("%+v", safe)
	}
	must(fresh.Register(ctx, m.orders, schemas.Submission{Subject: "orders-value", Text: record("id", "may?")}))(t)
	for _, permanent := range []bool{false, true} {
		must(fresh.DeleteSubject(ctx, m.admin, "orders-value", permanent))(t)
	}
	if left := must(fresh.Readers(ctx, m.viewer, "orders-value"))(t); len(left) != 0 {
		t.Errorf("left behind: %+v", left)
	}
}
