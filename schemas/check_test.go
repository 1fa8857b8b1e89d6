package schemas_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
)

// checked checks one schema as the viewer, who may not register.
func (b *bench) checked(t testing.TB, s schemas.Submission) schemas.Answer {
	t.Helper()
	return must(b.Check(t.Context(), b.viewer, []schemas.Submission{s}))(t)[0]
}

// policy sets a subject's policy of the gate.
func (b *bench) policy(t testing.TB, subject string, p gate.Policy) {
	t.Helper()
	name, _ := json.Marshal(p)
	must(b.SetConfig(t.Context(), b.admin, subject, schemas.Patch{"gate": name}))(t)
}

// told writes findings in short: code, place, field; what does not count in
// parentheses.
func told(findings []gate.Finding) []string {
	out := []string{}
	for _, f := range findings {
		s := fmt.Sprintf("%s %d:%d %s", f.Code, f.Line, f.Column, f.Path)
		if f.Baseline {
			s = "(" + s + ")"
		}
		out = append(out, s)
	}
	return out
}

// One verdict on what a registration would come to. The codes are those of
// catalog.md §13; what they say of which schema is by hand.
func TestCheck(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.orders, "orders-value", record("id"))
	lines := func(fields ...string) string {
		return "{\"type\":\"record\",\"name\":\"Order\",\"namespace\":\"shop\",\"fields\":[\n" + strings.Join(fields, ",\n") + "]}"
	}
	id, email := `{"name":"id","type":"string"}`, `  {"name":"email","type":"string","default":""}`
	for _, c := range []struct {
		name    string
		policy  gate.Policy
		s       schemas.Submission
		verdict gate.Verdict
		want    []string
		version int
	}{
		{"what is registered", gate.Enforce, schemas.Submission{Text: record("id")}, gate.Pass, nil, 1},
		{"an e-mail that nobody classified", gate.Enforce, schemas.Submission{Text: lines(id, email)}, gate.Fail, []string{"CG010 3:3 email"}, 2},
		{"the same, only to be told", gate.Warn, schemas.Submission{Text: lines(id, email)}, gate.Warning, []string{"CG010 3:3 email"}, 2},
		{"the same, where nothing is looked for", gate.Off, schemas.Submission{Text: lines(id, email)}, gate.Pass, nil, 2},
		{"classified where it stands", gate.Enforce, schemas.Submission{Text: lines(id, `{"name":"email","type":"string","default":"","confluent:tags":["user.contact.email"]}`)}, gate.Pass, nil, 2},
		{"a tag with a slip", gate.Enforce, schemas.Submission{Text: lines(id, `{"name":"email","type":"string","default":"","tags":["user.contact.emial"]}`)}, gate.Fail, []string{"CG012 3:1 email", "CG010 3:1 email"}, 2},
		{"may not follow, whatever the policy", gate.Off, schemas.Submission{Text: lines(id, `{"name":"total","type":"string"}`)}, gate.Fail, []string{"CG002 3:1 total"}, 2},
		{"no JSON", gate.Off, schemas.Submission{Text: "{\n  \"type\": }"}, gate.Fail, []string{"CG001 2:11 "}, 0},
		{"a type that is none", gate.Off, schemas.Submission{Text: lines(id, `{"name":"total","type":"strng"}`)}, gate.Fail, []string{"CG001 3:24 "}, 0},
		{"refers to what is not there", gate.Off, schemas.Submission{Text: lines(id), References: []schemas.Reference{{Name: "shop.Money", Subject: "money", Version: -1}}}, gate.Fail, []string{"CG050 1:1 "}, 0},
		{"an id that the mode does not take", gate.Off, schemas.Submission{Text: lines(id, email), ID: 77}, gate.Fail, []string{"CG005 1:1 "}, 2},
		{"the next number", gate.Off, schemas.Submission{Text: lines(id, email), Version: 2}, gate.Pass, nil, 2},
		{"a number that is not the next", gate.Off, schemas.Submission{Text: lines(id, email), Version: 7}, gate.Fail, []string{"CG005 1:1 "}, 2},
		{"a number that it does not have", gate.Off, schemas.Submission{Text: record("id"), Version: 2}, gate.Fail, []string{"CG005 1:1 "}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.policy(t, "orders-value", c.policy)
			c.s.Subject = "orders-value"
			a := b.checked(t, c.s)
			if got := told(a.Findings); a.Verdict != c.verdict || !slices.Equal(got, c.want) && len(got)+len(c.want) > 0 || a.Version != c.version || a.Known != (a.ID > 0) {
				t.Errorf("%s %q version %d, want %s %q version %d\n%+v", a.Verdict, got, a.Version, c.verdict, c.want, c.version, a)
			}
			for _, f := range a.Findings {
				if f.Message == "" || f.Mend == "" {
					t.Errorf("%+v does not say what is amiss and what to do", f)
				}
			}
		})
	}
	if versions := must(b.Versions(t.Context(), b.viewer, "orders-value", schemas.WithDeleted))(t); len(versions) != 1 {
		t.Errorf("a check wrote versions: %v", versions)
	}
}

// A check finds what handing the schema in would find: however it is put into
// words, and with what the subject adds to it.
func TestCheckFindsWhatIsKept(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	const plain, normal = `{"type":"record","name":"R","fields":[{"name":"a","type":"int","z":1,"y":2}]}`, `{"type":"record","name":"R","fields":[{"name":"a","type":"int","y":2,"z":1}]}`
	owned := &schemas.Metadata{Properties: map[string]string{"owner": "shop"}}
	for i, c := range []struct {
		patch        string
		given, again schemas.Submission
	}{
		{`{}`, schemas.Submission{Text: normal, Normalize: true}, schemas.Submission{Text: plain, Normalize: true}},
		{`{"normalize":true}`, schemas.Submission{Text: normal}, schemas.Submission{Text: plain}},
		{`{"defaultMetadata":{"properties":{"team":"red"}}}`, schemas.Submission{Text: plain, Metadata: owned}, schemas.Submission{Text: plain, Metadata: owned}},
		{`{"overrideMetadata":{"properties":{"owner":"all"}}}`, schemas.Submission{Text: plain, Metadata: owned}, schemas.Submission{Text: plain, Metadata: owned}},
	} {
		subject := fmt.Sprint("s", i)
		var patch schemas.Patch
		must(0, json.Unmarshal([]byte(c.patch), &patch))(t)
		must(b.SetConfig(ctx, b.admin, subject, patch))(t)
		c.given.Subject, c.again.Subject = subject, subject
		v := must(b.Register(ctx, b.admin, c.given))(t)
		a := b.checked(t, c.again)
		again := must(b.Register(ctx, b.admin, c.again))(t)
		if !a.Known || a.Version != 1 || a.ID != v.ID || again.ID != v.ID || again.Version != 1 {
			t.Errorf("%s: a check says known %v, version %d, id %d; registering it is version %d, id %d", c.patch, a.Known, a.Version, a.ID, again.Version, again.ID)
		}
	}
}

// What a steward said in the catalog counts: a category confirmed, one denied.
func TestCheckAsksTheCatalog(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.policy(t, "orders-value", gate.Enforce)
	b.policy(t, "orders-key", gate.Enforce)
	first := schemas.Submission{Subject: "orders-value", Text: record("email", "lastName", "id")}
	if a := b.checked(t, first); a.Verdict != gate.Fail {
		t.Fatalf("%+v", a)
	}
	c := catalog.New(b.db, b.clock)
	fields := must(c.DeclareFields(ctx, b.admin, b.topic.ID, []catalog.Field{{Path: "email"}, {Path: "lastName"}, {Path: "#key.email"}}))(t)
	at := map[string]*uuid.UUID{}
	for _, f := range fields {
		at[f.Path] = &f.ID
	}
	must(c.AssertTags(ctx, b.admin, []catalog.Tag{
		{DatasetID: b.topic.ID, FieldID: at["email"], Term: "user.contact.email"},
		{DatasetID: b.topic.ID, FieldID: at["lastName"], Term: "user.name", Polarity: "-", Reason: "the last name of a branch"},
		{DatasetID: b.topic.ID, FieldID: at["#key.email"], Term: "user.contact.email"},
	}))(t)
	a := b.checked(t, first)
	if want := []gate.Tag{{Path: "email", Category: "user.contact.email", Source: gate.Confirmed, From: "email"}}; a.Verdict != gate.Pass || !slices.Equal(a.Tags, want) {
		t.Errorf("%s %q %v", a.Verdict, told(a.Findings), a.Tags)
	}
	if a := b.checked(t, schemas.Submission{Subject: "orders-key", Text: record("email")}); a.Verdict != gate.Fail || !slices.Equal(told(a.Findings), []string{"CG030 1:62 #key.email"}) {
		t.Errorf("the key: %s %q", a.Verdict, told(a.Findings))
	}
}

// Schemas that refer to one another are checked together before any of them
// is registered, and none is.
func TestCheckTogether(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	all := []schemas.Submission{
		{Subject: "money", Text: `{"type":"record","name":"shop.Money","fields":[{"name":"cents","type":"long"}]}`},
		{Subject: "line", Text: `{"type":"record","name":"shop.Line","fields":[{"name":"price","type":"Money"}]}`,
			References: []schemas.Reference{{Name: "shop.Money", Subject: "money", Version: schemas.Latest}}},
		{Subject: "orders-value", Text: `{"type":"record","name":"shop.Order","fields":[{"name":"email","type":"string"},{"name":"line","type":"Line"}]}`,
			References: []schemas.Reference{{Name: "shop.Line", Subject: "line", Version: schemas.Latest}}},
	}
	for range 2 { // the first leaves nothing behind that the second could see
		got := must(b.Check(ctx, b.viewer, all))(t)
		for i, want := range []gate.Verdict{gate.Pass, gate.Pass, gate.Warning} {
			if got[i].Verdict != want || got[i].Version != 1 || got[i].Known {
				t.Errorf("%s: %+v", all[i].Subject, got[i])
			}
		}
	}
	if a := b.checked(t, all[2]); !slices.Equal(told(a.Findings), []string{"CG050 1:1 "}) {
		t.Errorf("alone: %+v", a)
	}
	if names := must(b.Subjects(ctx, b.viewer, "", schemas.WithDeleted))(t); len(names) != 0 {
		t.Errorf("a check made subjects: %v", names)
	}
	for _, s := range all {
		must(b.Register(ctx, b.admin, s))(t)
	}
	for i, a := range must(b.Check(ctx, b.viewer, all))(t) {
		if !a.Known || a.ID != i+1 {
			t.Errorf("after it was registered: %+v", a)
		}
	}
}

// Whoever checks waits for nobody who registers, and holds up nobody: all that
// a registration locks is locked meanwhile.
func TestCheckTogetherTakesNoLock(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	money := func(fields string) string {
		return `{"type":"record","name":"shop.Money","fields":[{"name":"cents","type":"long"}` + fields + `]}`
	}
	b.put(t, b.admin, "money", money(""))
	line := schemas.Submission{Subject: "line", Text: `{"type":"record","name":"shop.Line","fields":[{"name":"price","type":"Money"}]}`,
		References: []schemas.Reference{{Name: "shop.Money", Subject: "money", Version: 2}}}
	next := schemas.Submission{Subject: "money", Text: money(`,{"name":"currency","type":"string","default":"EUR"}`)}
	err := postgres.Work(ctx, b.db, func(tx pgx.Tx) error {
		must(tx.Exec(ctx, `SELECT FROM schemas_subject FOR UPDATE`))(t)
		must(tx.Exec(ctx, `SELECT FROM schemas_context FOR UPDATE`))(t)
		must(tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('lethe.catalog'))`))(t)
		got := must(b.Check(ctx, b.viewer, []schemas.Submission{next, line, next}))(t)
		for i, want := range []struct {
			version int
			known   bool
		}{{2, false}, {1, false}, {2, true}} {
			if a := got[i]; a.Verdict != gate.Pass || a.Version != want.version || a.Known != want.known || a.ID != 0 {
				t.Errorf("%d: %+v", i, a)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// What is refused is not taken on, so that nothing can refer to it.
	next.Text = money(`,{"name":"currency","type":"string"}`)
	for i, want := range [][]string{{"CG002 1:79 currency"}, {"CG050 1:1 "}} {
		if got := told(must(b.Check(ctx, b.viewer, []schemas.Submission{next, line}))(t)[i].Findings); !slices.Equal(got, want) {
			t.Errorf("%d: %v", i, got)
		}
	}
}

func TestCheckIsForWhoeverIsKnown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	nobody := b.viewer
	nobody.ID = uuid.Nil
	nobody.Roles = nil
	_, err := b.Check(t.Context(), nobody, []schemas.Submission{{Subject: "x", Text: `"string"`}})
	wants(t, err, "UNAUTHENTICATED")
	_, err = b.Check(t.Context(), b.viewer, nil)
	wants(t, err, "OUT_OF_RANGE")
	_, err = b.SetConfig(t.Context(), b.admin, "orders-value", schemas.Patch{"gate": json.RawMessage(`"STRICT"`)})
	wants(t, err, "INVALID_CONFIG")
}

// What the catalog lacks for the data is a finding of the schema that brings
// it: each rule is tried in package gate, here that the catalog is asked.
func TestCheckAsksWhatIsAround(t *testing.T) {
	t.Parallel()
	m, ctx := newMarket(t), t.Context()
	text := strings.Replace(record("id", "email"), `"name":"email",`, `"name":"email","tags":"user.contact.email",`, 1)
	s := schemas.Submission{Subject: "orders-value", Text: text}
	check := func(want ...string) {
		t.Helper()
		if got := codes(m.checked(t, s).Findings); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	check()
	advertising := must(m.catalog.DeclarePurpose(ctx, m.admin, catalog.Purpose{Ref: "ads", Name: "Advertising", Use: "marketing", LegalBasis: "CONSENT"}))(t)
	n := must(m.catalog.DeclareConsumption(ctx, m.admin, catalog.Consumption{ServiceID: m.billing.ID, DatasetID: m.topic.ID, PurposeIDs: []uuid.UUID{advertising.ID}}))(t)
	check("CG021 email")
	if err := m.catalog.EndConsumption(ctx, m.admin, n.ID); err != nil {
		t.Fatal(err)
	}
	must(m.catalog.DeclareConsumption(ctx, m.admin, catalog.Consumption{ServiceID: m.billing.ID, DatasetID: m.topic.ID, Fields: []string{"#key", "id", "gone"}}))(t)
	check("CG023 email", "CG051 ")
	m.observed(t, "compact", 31*24*time.Hour)
	check("CG040 ", "CG041 ", "CG023 email", "CG051 ")
	uses := must(catalog.PermittedUsesByDataset(ctx, m.db, []uuid.UUID{m.topic.ID}))(t)[m.topic.ID]
	if err := m.catalog.EndPermittedUse(ctx, m.admin, uses[0].ID); err != nil {
		t.Fatal(err)
	}
	check("CG020 ", "CG040 ", "CG041 ", "CG023 email", "CG051 ")
	m.policy(t, "orders-value", gate.Off)
	check()
}

// A schema of 200 fields is checked within 200 ms (catalog.md §17, T4).
func BenchmarkCheck(b *testing.B) {
	m := newMarket(b)
	var fields []string
	for i := range 200 {
		fields = append(fields, fmt.Sprintf("customerEmail%d?", i))
	}
	m.put(b, m.orders, "orders-value", record(fields...))
	n := 0
	for b.Loop() {
		n++
		a := must(m.Check(b.Context(), m.viewer, []schemas.Submission{{Subject: "orders-value", Text: record(append(fields, fmt.Sprintf("note%d?", n))...)}}))(b)[0]
		if len(a.Findings) < 200 {
			b.Fatal(a.Verdict)
		}
	}
}
