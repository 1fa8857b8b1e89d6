package stores_test

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/stores"
)

const first = `CREATE TABLE customer (
  id bigint PRIMARY KEY,
  created_at timestamptz NOT NULL
);
COMMENT ON TABLE customer IS 'Everybody who ever bought something. @tags(customer)';
COMMENT ON COLUMN customer.id IS 'Number. @tags(user.unique_id)';
`

const email = "ALTER TABLE customer\n  ADD COLUMN email text NOT NULL DEFAULT '';\n"

// The tables become datasets and fields of the store, once; a version is
// counted only where something changes.
func TestPush(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.push(t, first)
	if got := told(a); !reflect.DeepEqual(got, []string{"CG020 1.sql:1:1 "}) { // what will be asked for
		t.Errorf("%q", got)
	}
	if a.Verdict != gate.Warning || !a.Pushed || a.Version != 1 || a.Namespace != "postgres://orders-db" || len(a.Changes) != 1 || a.Changes[0].At.String() != "1.sql:1:1" {
		t.Fatalf("%+v", a)
	}
	want := map[string]map[string][]string{"postgres://orders-db public.customer": {"id": {"user.unique_id"}, "created_at": {}}}
	if got := b.datasets(t); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if a := b.push(t, "\n-- the same, elsewhere\n"+first); a.Pushed || !a.Known || a.Version != 1 || len(a.Changes) != 0 {
		t.Errorf("pushed again: %+v", a)
	}
	a = b.push(t, first, email, "COMMENT ON COLUMN customer.email IS '@tags(user.contact.email)'")
	if a.Verdict != gate.Warning || a.Version != 2 || len(a.Changes) != 1 || a.Changes[0].At.String() != "3.sql:1:1" || a.Changes[0].Field != "email" || a.Changes[0].Dataset != "public.customer" || a.Changes[0].DatasetID == nil {
		t.Errorf("%+v", a)
	}
	s := must(b.Latest(t.Context(), b.viewer, "orders-db"))(t)
	if s.Version != 2 || len(s.Tables) != 1 || len(s.Tables[0].Columns) != 3 || s.PushedAt == nil {
		t.Errorf("%+v", s)
	}
	all := must(b.catalog.Snapshot(t.Context(), b.admin))(t)
	for _, f := range all.Fields {
		first, last := map[string]int{"id": 1, "created_at": 1, "email": 2}[f.Path], 2
		if f.Source != "SCHEMA" || *f.FirstVersion != first || *f.LastVersion != last {
			t.Errorf("%s: %s, versions %d to %d", f.Path, f.Source, *f.FirstVersion, *f.LastVersion)
		}
	}
	if !slices.ContainsFunc(all.Tags, func(t catalog.Tag) bool { return t.FieldID == nil && t.Term == "customer" && t.Source == "SCHEMA" }) {
		t.Errorf("the table's own tag is not in the catalog: %+v", all.Tags)
	}
	if d := all.Datasets[0]; d.Kind != "TABLE" || d.Doc != "Everybody who ever bought something." || *d.StoreID != b.store.ID {
		t.Errorf("%+v", d)
	}
}

// A migration that adds an e-mail column without saying what it is is caught, at
// its line; what was there and is not touched is not held against it.
func TestGate(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.push(t, first+"CREATE TABLE person (id int, last_name text);")
	for _, c := range []struct {
		policy  gate.Policy
		verdict gate.Verdict
		want    []string
	}{
		{gate.Warn, gate.Warning, []string{"CG020 1.sql:1:1 ", "CG040 1.sql:1:1 ", "CG010 2.sql:2:14 email", "(CG010 1.sql:7:22 id)", "(CG010 1.sql:7:30 last_name)"}},
		{gate.Enforce, gate.Fail, []string{"CG020 1.sql:1:1 ", "CG040 1.sql:1:1 ", "CG010 2.sql:2:14 email", "(CG010 1.sql:7:22 id)", "(CG010 1.sql:7:30 last_name)"}},
		{gate.Off, gate.Pass, []string{}},
	} {
		if _, err := b.SetPolicy(ctx, b.team, "orders-db", c.policy); err != nil {
			t.Fatal(err)
		}
		sub := scripts(first+"CREATE TABLE person (id int, last_name text);", email)
		a := must(b.Check(ctx, b.viewer, "orders-db", sub))(t)
		if got := told(a); a.Verdict != c.verdict || !reflect.DeepEqual(got, c.want) || a.Version != 2 || a.Pushed {
			t.Errorf("%s: %s %q, want %s %q", c.policy, a.Verdict, got, c.verdict, c.want)
		}
		if c.policy == gate.Enforce {
			if a := must(b.Push(ctx, b.orders, "orders-db", sub))(t); a.Pushed || a.Verdict != gate.Fail {
				t.Errorf("pushed nevertheless: %+v", a)
			}
		}
	}
	if s := must(b.Latest(ctx, b.viewer, "orders-db"))(t); s.Version != 1 {
		t.Errorf("a check or a refusal wrote version %d", s.Version)
	}
}

// What the catalog says counts: a category confirmed there needs no comment, and
// a comment against it is told.
func TestGateAsksTheCatalog(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	d := must(b.catalog.DeclareDataset(ctx, b.admin, catalog.Dataset{Namespace: "postgres://shop", Name: "public.customer", Kind: "TABLE", StoreID: &b.store.ID, Doc: "Ours."}))(t)
	fields := must(b.catalog.DeclareFields(ctx, b.admin, d.ID, []catalog.Field{{Path: "email"}, {Path: "contact"}}))(t)
	must(b.catalog.AssertTags(ctx, b.admin, []catalog.Tag{{DatasetID: d.ID, FieldID: &fields[1].ID, Term: "user.contact.email"}, {DatasetID: d.ID, FieldID: &fields[0].ID, Term: "user.name"}}))(t)
	a := b.push(t, first+email)
	lacks := []string{"CG020 1.sql:1:1 ", "CG040 1.sql:1:1 "} // no purpose and no retention, which the next test gives it
	if got := told(a); a.Namespace != "postgres://shop" || a.Verdict != gate.Warning || !reflect.DeepEqual(got, lacks) {
		t.Errorf("%s %s %q", a.Namespace, a.Verdict, got)
	}
	a = b.push(t, first+email+"ALTER TABLE customer ADD contact text;\nCOMMENT ON COLUMN customer.contact IS 'x @tags(user.contact.emial, user.contact.phone_number) y';")
	if got, want := told(a), append([]string{"CG012 1.sql:10:1 contact", "CG013 1.sql:10:1 contact"}, lacks...); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	a = must(b.Check(ctx, b.viewer, "orders-db", scripts("CREATE TABLE t (a int);\nCOMMENT ON TABLE t IS '@tags(custommer)';")))(t)
	if got, want := told(a), []string{"CG012 1.sql:1:1 "}; !reflect.DeepEqual(got, want) {
		t.Errorf("a slip in the table's tag: %q, want %q", got, want)
	}
	all := must(b.catalog.Snapshot(ctx, b.admin))(t)
	if len(all.Datasets) != 1 || all.Datasets[0].Doc != "Ours." {
		t.Errorf("%+v", all.Datasets)
	}
}

// What the catalog lacks for the data of a table counts as for a topic: what it
// may be used for, and how long it stays.
func TestGateKnowsWhatIsAround(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	policy := must(b.catalog.DeclareRetentionPolicy(ctx, b.admin, catalog.RetentionPolicy{Ref: "account", Name: "Account", Duration: "P2Y", Trigger: "ACCOUNT_CLOSURE", Action: "DELETE"}))(t)
	purpose := must(b.catalog.DeclarePurpose(ctx, b.admin, catalog.Purpose{Ref: "account", Name: "Account", Use: "essential.service", LegalBasis: "CONTRACT"}))(t)
	d := must(b.catalog.DeclareDataset(ctx, b.admin, catalog.Dataset{Namespace: "postgres://shop", Name: "public.customer", Kind: "TABLE", StoreID: &b.store.ID, RetentionPolicyID: &policy.ID}))(t)
	if a := b.push(t, first); !reflect.DeepEqual(told(a), []string{"CG020 1.sql:1:1 "}) {
		t.Errorf("without a purpose: %q", told(a))
	}
	must(b.catalog.DeclarePermittedUse(ctx, b.admin, catalog.PermittedUse{DatasetID: d.ID, PurposeID: purpose.ID}))(t)
	add := "ALTER TABLE customer ADD note2 text; COMMENT ON COLUMN customer.note2 IS '@tags(user.health_and_medical)';"
	if a := b.push(t, first, add); !reflect.DeepEqual(told(a), []string{"CG022 2.sql:1:38 note2"}) {
		t.Errorf("health on the ground of a contract: %q", told(a))
	}
	if a := b.push(t, first, "ALTER TABLE customer ADD retries int;"); a.Verdict != gate.Pass {
		t.Errorf("with both: %q", told(a))
	}
}

// A column that is renamed keeps its tags, a table that is renamed its dataset.
func TestRenamed(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.push(t, first)
	all := must(b.catalog.Snapshot(ctx, b.admin))(t)
	created := all.Fields[slices.IndexFunc(all.Fields, func(f catalog.Field) bool { return f.Path == "created_at" })]
	must(b.catalog.AssertTags(ctx, b.admin, []catalog.Tag{{DatasetID: created.DatasetID, FieldID: &created.ID, Term: "user.behavior"}}))(t)
	a := b.push(t, first, "ALTER TABLE customer RENAME created_at TO since;\nALTER TABLE customer RENAME TO client;")
	if len(a.Changes) != 2 || a.Changes[0].Dataset != "public.customer" || a.Changes[1].Field != "created_at" || a.Changes[1].At.String() != "2.sql:1:29" {
		t.Errorf("%+v", a.Changes)
	}
	want := map[string]map[string][]string{"postgres://orders-db public.client": {"id": {"user.unique_id"}, "created_at": {"user.behavior"}, "since": {"user.behavior"}}}
	if got := b.datasets(t); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// What a comment said and says no more counts no more: the column is looked at
// anew. In the catalog it is marked and not taken back, as the rows are still
// there; what a person said stays, and a push that changes nothing asserts
// nothing.
func TestACommentTakenAway(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	const tagged = "ALTER TABLE customer ADD email text; COMMENT ON COLUMN customer.email IS '@tags(user.contact.email)';"
	const untagged = "COMMENT ON COLUMN customer.email IS 'where to write';"
	b.push(t, first, tagged)
	tags := func() (out []string) {
		for _, d := range must(b.catalog.Snapshot(ctx, b.admin))(t).Datasets {
			for _, tag := range must(catalog.TagsByDataset(ctx, b.db, []uuid.UUID{d.ID}))(t)[d.ID] {
				if tag.Term == "user.contact.email" {
					out = append(out, tag.Source+" "+tag.State+" "+tag.Reason)
				}
			}
		}
		return out
	}
	if got := tags(); !slices.Equal(got, []string{"SCHEMA CONFIRMED "}) {
		t.Errorf("%q", got)
	}
	a := must(b.Check(ctx, b.viewer, "orders-db", scripts(first, tagged, untagged)))(t)
	if !slices.Contains(told(a), "CG010 3.sql:1:1 email") {
		t.Errorf("a comment without the tag: %q", told(a))
	}
	for range 2 {
		b.push(t, first, tagged, untagged)
		if got := tags(); !slices.Equal(got, []string{"SCHEMA CONFIRMED another version said so; version 2 does not"}) {
			t.Errorf("%q", got)
		}
	}
	b.push(t, first, tagged, untagged, tagged[strings.Index(tagged, "COMMENT"):])
	if got := tags(); !slices.Equal(got, []string{"SCHEMA CONFIRMED "}) {
		t.Errorf("said again: %q", got)
	}
}

// A name that the catalog would not take is written so that it does.
func TestNamesWithSpaces(t *testing.T) {
	t.Parallel()
	b := setup(t)
	script := `CREATE TABLE "Order Lines" ("Unit Price" int, "a.b" int);`
	b.push(t, script)
	want := map[string]map[string][]string{"postgres://orders-db public.Order%20Lines": {"Unit Price": {}, `a\.b`: {}}}
	if got := b.datasets(t); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if a := b.push(t, script, `ALTER TABLE "Order Lines" RENAME TO lines;`); a.Changes[0].DatasetID == nil {
		t.Errorf("%+v", a.Changes)
	}
	if got := b.datasets(t); got["postgres://orders-db public.lines"] == nil || len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// Whoever says that it reads what is taken away is named.
func TestReadersMiss(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	table := "CREATE TABLE item (id int, sku text, price int, at timestamp);\nCREATE TABLE other (a int);"
	b.push(t, table)
	all := must(b.catalog.Snapshot(ctx, b.admin))(t)
	item := all.Datasets[slices.IndexFunc(all.Datasets, func(d catalog.Dataset) bool { return d.Name == "public.item" })]
	must(b.catalog.DeclareConsumption(ctx, b.admin, catalog.Consumption{ServiceID: b.billing, DatasetID: item.ID, Fields: []string{"price", "sku"}}))(t)
	for _, c := range []struct {
		step    string
		verdict gate.Verdict
		want    []string
	}{
		{"ALTER TABLE item DROP COLUMN price;", gate.Fail, []string{"CG004 2.sql:1:30 price"}},
		{"ALTER TABLE item RENAME sku TO code;", gate.Fail, []string{"CG004 2.sql:1:25 sku"}},
		{"ALTER TABLE item ALTER price TYPE bigint;", gate.Fail, []string{"CG004 2.sql:1:24 price"}},
		{"DROP TABLE item;", gate.Fail, []string{"CG004 2.sql:1:1 "}},
		{"ALTER TABLE item RENAME TO line;", gate.Fail, []string{"CG004 2.sql:1:1 "}},
		{"ALTER TABLE item DROP COLUMN at; DROP TABLE other;", gate.Pass, []string{}},
		{"ALTER TABLE item ADD COLUMN tax int;", gate.Pass, []string{}},
	} {
		if _, err := b.SetPolicy(ctx, b.admin, "orders-db", gate.Enforce); err != nil {
			t.Fatal(err)
		}
		a := must(b.Check(ctx, b.viewer, "orders-db", scripts(table, c.step)))(t)
		if got := told(a); a.Verdict != c.verdict || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %s %q, want %s %q", c.step, a.Verdict, got, c.verdict, c.want)
		}
	}
	must(b.catalog.DeclareStoreReader(ctx, b.admin, catalog.StoreReader{StoreID: b.store.ID, ServiceID: b.billing, Reason: "reports"}))(t)
	a := must(b.Check(ctx, b.viewer, "orders-db", scripts(table, "ALTER TABLE item DROP COLUMN at;")))(t)
	if got := told(a); a.Verdict != gate.Warning || len(got) != 1 {
		t.Errorf("a reader of the whole store: %s %q", a.Verdict, got)
	}
}

// Lines of an order are found by the order, whose customer is known.
func TestFoundThroughKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := must(b.Check(t.Context(), b.viewer, "orders-db", scripts(first+`
		CREATE TABLE address (c bigint REFERENCES customer, street text);
		CREATE TABLE geo (address bigint, street text);
		COMMENT ON COLUMN address.street IS '@tags(user.contact.address.street)';
		COMMENT ON COLUMN geo.street IS '@tags(user.contact.address.street)';`)))(t)
	if got, want := told(a), []string{"CG020 1.sql:8:3 ", "CG020 1.sql:1:1 ", "CG031 1.sql:9:3 ", "CG020 1.sql:9:3 "}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Files that cannot be read are findings with their places, and nothing else is
// said.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	a := must(b.Check(ctx, b.viewer, "orders-db", scripts("CREATE TABLE a (id int);\nALTER TABLE b ADD c int;", "CREAT TABLE x;")))(t)
	if got, want := told(a), []string{"CG001 1.sql:2:1 ", "CG001 2.sql:1:1 "}; a.Verdict != gate.Fail || !reflect.DeepEqual(got, want) || a.Version != 0 {
		t.Errorf("%s %q, want %q", a.Verdict, got, want)
	}
	a = must(b.Check(ctx, b.viewer, "orders-db", scripts("DO $$ BEGIN END $$;\nCREATE TABLE a (id int);")))(t)
	if got, want := told(a), []string{"CG006 1.sql:1:1 "}; a.Verdict != gate.Warning || !reflect.DeepEqual(got, want) {
		t.Errorf("%s %q, want %q", a.Verdict, got, want)
	}
	_, err := b.Check(ctx, b.viewer, "orders-db", stores.Submission{})
	wants(t, err, "UNKNOWN_FORMAT")
	_, err = b.Check(ctx, b.viewer, "orders-db", scripts())
	wants(t, err, "OUT_OF_RANGE")
	_, err = b.Check(ctx, b.viewer, "nowhere", scripts(first))
	wants(t, err, "STORE_NOT_FOUND")
	_, err = b.Check(ctx, b.viewer, "order-db", scripts(first))
	wants(t, err, "STORE_NOT_FOUND")
	if !strings.Contains(err.Error(), "orders-db") {
		t.Errorf("%v does not name the nearest store", err)
	}
}

func TestAuthorisation(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	for _, c := range []struct {
		name        string
		by          access.Principal
		push, setup string
	}{
		{"nobody", access.Principal{}, "UNAUTHENTICATED", "UNAUTHENTICATED"},
		{"a viewer", b.viewer, "ROLE_REQUIRED", "ROLE_REQUIRED"},
		{"another service's pipeline", b.other, "NOT_OWNER", "ROLE_REQUIRED"},
		{"its service's pipeline", b.orders, "", "ROLE_REQUIRED"},
		{"a steward of its team", b.team, "", ""},
		{"an admin", b.admin, "", ""},
	} {
		_, err := b.Push(ctx, c.by, "orders-db", scripts(first))
		if c.push != "" || err != nil {
			wants(t, err, c.push)
		}
		_, err = b.SetPolicy(ctx, c.by, "orders-db", gate.Warn)
		if c.setup != "" || err != nil {
			wants(t, err, c.setup)
		}
	}
	_, err := b.Latest(ctx, access.Principal{}, "orders-db")
	wants(t, err, "UNAUTHENTICATED")
	_, err = b.Check(ctx, access.Principal{}, "orders-db", scripts(first))
	wants(t, err, "UNAUTHENTICATED")
	_, err = b.SetPolicy(ctx, b.admin, "orders-db", "STRICT")
	wants(t, err, "UNKNOWN_VALUE")
}

// Of equal pushes at once one counts; each is answered.
func TestPushesAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var wg sync.WaitGroup
	answers := make([]stores.Answer, 8)
	for i := range answers {
		wg.Go(func() {
			a, err := b.Push(t.Context(), b.orders, "orders-db", scripts(first))
			if err != nil {
				t.Error(err)
			}
			answers[i] = a
		})
	}
	wg.Wait()
	pushed := 0
	for _, a := range answers {
		if a.Version != 1 {
			t.Errorf("version %d", a.Version)
		}
		if a.Pushed {
			pushed++
		}
	}
	if pushed != 1 || len(b.datasets(t)) != 1 {
		t.Errorf("%d of %d counted", pushed, len(answers))
	}
}

// A job pushes where it was let in for that, and checks anyway.
func TestAJobKeepsToItsErrand(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	job := b.orders
	for _, c := range []struct {
		errand access.Errand
		code   string
	}{
		{access.Errand{Verbs: []access.Verb{access.Check, access.Register}, Subjects: []string{"*"}}, "NOT_TRUSTED"},
		{access.Errand{Verbs: []access.Verb{access.Check}, Held: "it runs for a pull request"}, "NOT_TRUSTED"},
		{access.Errand{Verbs: []access.Verb{access.Check, access.Push}}, ""},
	} {
		job.Errand = &c.errand
		if found := must(b.Check(ctx, job, "orders-db", scripts(first)))(t); found.Version != 1 {
			t.Errorf("%+v", found)
		}
		a, err := b.Push(ctx, job, "orders-db", scripts(first))
		if c.code != "" {
			wants(t, err, c.code)
		} else if err != nil || !a.Pushed {
			t.Errorf("%+v %v", a, err)
		}
	}
	_, err := b.SetPolicy(ctx, job, "orders-db", gate.Off)
	wants(t, err, "ROLE_REQUIRED")
}

// A table of which something is found in one file is told of there, once, and
// the mend is one that a column has.
func TestAFindingStandsInItsFile(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	a := must(b.Check(ctx, b.viewer, "orders-db", scripts("CREATE TABLE parcel (id int PRIMARY KEY);", "ALTER TABLE parcel ADD customer_email text;")))(t)
	if len(a.Schemas) != 1 || a.Schemas[0].File != "2.sql" || len(a.Schemas[0].Findings) == 0 || len(a.Schemas[0].Difference) != 1 {
		t.Fatalf("%+v", a.Schemas)
	}
	if f := a.Schemas[0].Findings[0]; f.File != "2.sql" || a.Schemas[0].Level != "" {
		t.Errorf("%+v", a.Schemas[0])
	}
	both := must(b.Check(ctx, b.viewer, "orders-db", scripts("CREATE TABLE parcel (id int PRIMARY KEY, phone_number text);", "ALTER TABLE parcel ADD customer_email text;")))(t)
	if len(both.Schemas) != 1 || len(both.Schemas[0].Findings) != 2 || both.Schemas[0].Findings[0].File != "1.sql" || both.Schemas[0].Findings[1].File != "2.sql" || len(both.Schemas[0].Difference) != 2 {
		t.Errorf("two files say something of one table: %+v", both.Schemas)
	}
	if mend := a.Schemas[0].Findings[0].Mend; !strings.Contains(mend, "@tags(user.contact.email)") {
		t.Errorf("%q does not say how a column is tagged", mend)
	}
}
