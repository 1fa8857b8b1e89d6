package schemas_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/format"
)

func TestASchemaIsRegisteredAndFoundAgain(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	first := b.put(t, b.orders, "orders-value", "\n"+record("id"))
	if first.Version != 1 || first.ID != 1 || first.Text != record("id") {
		t.Errorf("got %+v", first)
	}
	second := b.put(t, b.orders, "orders-value", record("id", "note?"))
	if second.Version != 2 || second.ID != 2 {
		t.Errorf("got %+v", second)
	}
	if again := b.put(t, b.orders, "orders-value", record("id")); again.ID != 1 || again.Version != 1 {
		t.Errorf("registered again: %+v", again)
	}
	// The same content under another subject has the same id.
	if elsewhere := b.put(t, b.other, "invoices-value", record("id")); elsewhere.ID != 1 || elsewhere.Version != 1 {
		t.Errorf("under another subject: %+v", elsewhere)
	}
	if found := must(b.Lookup(ctx, b.viewer, schemas.Submission{Subject: "orders-value", Text: record("id", "note?")}, schemas.Live))(t); found.Version != 2 {
		t.Errorf("looked up: %+v", found)
	}
	if s := must(b.ByID(ctx, b.viewer, 2, ""))(t); s.Text != second.Text || s.Type != "AVRO" {
		t.Errorf("by id: %+v", s)
	}
	if v := must(b.Version(ctx, b.viewer, "orders-value", schemas.Latest, schemas.Live))(t); v.Version != 2 || v.ID != 2 || !v.RegisteredAt.Equal(today) {
		t.Errorf("latest: %+v", v)
	}
	if v := must(b.Version(ctx, b.viewer, "orders-value", 1, schemas.Live))(t); v.ID != 1 {
		t.Errorf("version 1: %+v", v)
	}
	if n := must(b.Versions(ctx, b.viewer, "orders-value", schemas.Live))(t); !slices.Equal(n, []int{1, 2}) {
		t.Errorf("versions: %v", n)
	}
	if s := must(b.Subjects(ctx, b.viewer, "", schemas.Live))(t); !slices.Equal(s, []string{"invoices-value", "orders-value"}) {
		t.Errorf("subjects: %v", s)
	}
	if s := must(b.Subjects(ctx, b.viewer, "ord", schemas.Live))(t); !slices.Equal(s, []string{"orders-value"}) {
		t.Errorf("subjects by prefix: %v", s)
	}
	want := []schemas.SubjectVersion{{Subject: "invoices-value", Version: 1}, {Subject: "orders-value", Version: 1}}
	if uses := must(b.UsesOf(ctx, b.viewer, 1, "", schemas.Live))(t); !slices.Equal(uses, want) {
		t.Errorf("uses: %v", uses)
	}
}

// A replica that never saw a schema answers as the one that registered it.
func TestReplicasAgreeAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := schemas.New(b.db, time.Now)
	v := b.put(t, b.orders, "orders-value", record("id"))
	if s := must(other.ByID(t.Context(), b.viewer, v.ID, ""))(t); s.Text != v.Text {
		t.Errorf("got %+v", s)
	}
	if latest := must(other.Version(t.Context(), b.viewer, "orders-value", schemas.Latest, schemas.Live))(t); latest.ID != v.ID {
		t.Errorf("got %+v", latest)
	}
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.orders, "orders-value", record("id"))
	_, err := b.Version(ctx, b.viewer, "nothing", 1, schemas.Live)
	wants(t, err, "SUBJECT_NOT_FOUND")
	_, err = b.Version(ctx, b.viewer, "orders-value", 2, schemas.Live)
	wants(t, err, "VERSION_NOT_FOUND")
	_, err = b.Version(ctx, b.viewer, "orders-value", 0, schemas.Live)
	wants(t, err, "INVALID_VERSION")
	_, err = b.Versions(ctx, b.viewer, "nothing", schemas.Live)
	wants(t, err, "SUBJECT_NOT_FOUND")
	_, err = b.ByID(ctx, b.viewer, 99, "")
	wants(t, err, "SCHEMA_NOT_FOUND")
	_, err = b.Lookup(ctx, b.viewer, schemas.Submission{Subject: "nothing", Text: record("id")}, schemas.Live)
	wants(t, err, "SUBJECT_NOT_FOUND")
	_, err = b.Lookup(ctx, b.viewer, schemas.Submission{Subject: "orders-value", Text: record("other")}, schemas.Live)
	wants(t, err, "SCHEMA_NOT_FOUND")
	_, err = b.LevelSet(ctx, b.viewer, "orders-value")
	wants(t, err, "LEVEL_NOT_FOUND")
}

func TestSubmissionsThatAreRefusedLeaveNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.orders, "orders-value", record("id"))
	before := count(t, b)
	tests := map[string]struct {
		s    schemas.Submission
		code string
	}{
		"no subject":          {schemas.Submission{Text: record("id")}, "INVALID_SUBJECT"},
		"a control character": {schemas.Submission{Subject: "a\nb", Text: record("id")}, "INVALID_SUBJECT"},
		"a reserved name":     {schemas.Submission{Subject: "__GLOBAL", Text: record("id")}, "INVALID_SUBJECT"},
		"a bad context":       {schemas.Submission{Subject: ":.c/x:a", Text: record("id")}, "INVALID_SUBJECT"},
		"a long name":         {schemas.Submission{Subject: strings.Repeat("a", 1001), Text: record("id")}, "INVALID_SUBJECT"},
		"another type":        {schemas.Submission{Subject: "a", Type: "XSD", Text: "{}"}, "INVALID_SCHEMA"},
		"no schema":           {schemas.Submission{Subject: "a", Text: ""}, "INVALID_SCHEMA"},
		"too large":           {schemas.Submission{Subject: "a", Text: strings.Repeat(" ", format.MaxBytes+1)}, "SCHEMA_TOO_LARGE"},
		"too deep":            {schemas.Submission{Subject: "a", Text: strings.Repeat("[", 3000)}, "INVALID_SCHEMA"},
		"no such reference":   {schemas.Submission{Subject: "a", Text: record("id"), References: []schemas.Reference{{Name: "x.Y", Subject: "none", Version: 1}}}, "INVALID_SCHEMA"},
		"another version":     {schemas.Submission{Subject: "a", Text: record("id"), Version: 7}, "INVALID_SCHEMA"},
		"a version it is not": {schemas.Submission{Subject: "orders-value", Text: record("id"), Version: 2}, "INVALID_SCHEMA"},
		"incompatible":        {schemas.Submission{Subject: "orders-value", Text: record("id", "new")}, "SCHEMA_INCOMPATIBLE"},
	}
	for name, tt := range tests {
		_, err := b.Register(t.Context(), b.admin, tt.s)
		if t.Logf("%s: %v", name, err); err == nil {
			t.Errorf("%s was taken", name)
		}
		wants(t, err, tt.code)
	}
	if after := count(t, b); after != before {
		t.Errorf("rows were %v and are %v", before, after)
	}
}

// count is how many subjects, contents, versions and changes there are.
func count(t *testing.T, b *bench) (n [4]int64) {
	t.Helper()
	const q = `
		SELECT (SELECT count(*) FROM schemas_subject) AS subjects, (SELECT count(*) FROM schemas_schema) AS contents,
		       (SELECT count(*) FROM schemas_version) AS versions, (SELECT count(*) FROM schemas_change) AS changes`
	type row struct{ Subjects, Contents, Versions, Changes int64 }
	r := must(postgres.One[row](t.Context(), b.db, q))(t)
	return [4]int64{r.Subjects, r.Contents, r.Versions, r.Changes}
}

func TestWhoMayRegister(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	stranger := principal(t, b.db, access.Principal{Roles: []access.Role{access.CI}, Service: "unheard-of"})
	elsewhere := principal(t, b.db, access.Principal{Roles: []access.Role{access.Steward}, Teams: []string{"finance"}})
	text := 0
	try := func(by access.Principal, subject, code string) {
		t.Helper()
		text++
		fields := []string{"id"}
		for range text {
			fields = append(fields, strings.Repeat("x", len(fields))+"?")
		}
		_, err := b.Register(ctx, by, schemas.Submission{Subject: subject, Text: record(fields...)})
		wants(t, err, code)
	}
	for _, role := range []access.Role{access.Viewer, access.Handler, access.Approver, access.DPO, access.Auditor} {
		try(principal(t, b.db, access.Principal{Roles: []access.Role{role}}), "orders-value", "ROLE_REQUIRED")
	}
	try(access.Principal{}, "orders-value", "UNAUTHENTICATED")
	// orders is a topic of the service orders.
	try(b.orders, "orders-value", "")
	try(b.orders, "orders-key", "")
	try(b.other, "orders-value", "NOT_OWNER")
	try(b.team, "orders-value", "")
	try(elsewhere, "orders-value", "NOT_OWNER")
	try(b.admin, "orders-value", "")
	// Where no topic tells, the subject is the first service's that comes.
	try(stranger, "shop.Event", "SERVICE_UNKNOWN")
	try(b.other, "shop.Event", "")
	try(b.orders, "shop.Event", "NOT_OWNER")
	try(b.other, "shop.Event", "")
	try(elsewhere, "shop.Event", "NOT_OWNER")
	// A topic in a store is of the store's service.
	c := catalog.New(b.db, time.Now)
	billing := must(catalog.ServiceByRef(ctx, b.db, "billing"))(t)
	store := must(c.DeclareStore(ctx, b.admin, catalog.Store{Ref: "kafka", Name: "Kafka", ServiceID: &billing.ID, Technology: "KAFKA"}))(t)
	must(c.DeclareDataset(ctx, b.admin, catalog.Dataset{Namespace: "kafka://default", Name: "stored", Kind: "TOPIC", StoreID: &store.ID}))(t)
	try(b.orders, "stored-value", "NOT_OWNER")
	try(b.other, "stored-value", "")
	// What nobody owns is for admins.
	controller := must(catalog.ControllerByRef(ctx, b.db, "flowmart-de"))(t)
	orphan := must(c.RegisterService(ctx, b.admin, catalog.Service{Ref: "orphan", Name: "Orphan", ControllerID: controller.ID}))(t)
	must(c.DeclareDataset(ctx, b.admin, catalog.Dataset{Namespace: "kafka://default", Name: "orphaned", Kind: "TOPIC", ServiceID: &orphan.ID}))(t)
	try(elsewhere, "orphaned-value", "NOT_OWNER")
	try(b.team, "orphaned-value", "NOT_OWNER")
	try(b.admin, "orphaned-value", "")
	// A subject of nobody is open to stewards, and still to the first service.
	try(elsewhere, "shop.Other", "")
	try(b.other, "shop.Other", "")
}

func TestReadingNeedsNoMoreThanASignIn(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.orders, "orders-value", record("id"))
	for code, by := range map[string]access.Principal{"UNAUTHENTICATED": {}, "": {ID: uuid.Must(uuid.NewV7())}} {
		s := schemas.Submission{Subject: "orders-value", Text: record("id")}
		_, err1 := b.ByID(ctx, by, 1, "")
		_, err2 := b.Version(ctx, by, "orders-value", 1, schemas.Live)
		_, err3 := b.Versions(ctx, by, "orders-value", schemas.Live)
		_, err4 := b.Subjects(ctx, by, "", schemas.Live)
		_, err5 := b.Lookup(ctx, by, s, schemas.Live)
		_, err6 := b.Test(ctx, by, s, schemas.Latest)
		_, err7 := b.TestAll(ctx, by, s)
		_, err8 := b.Level(ctx, by, "orders-value")
		_, err9 := b.UsesOf(ctx, by, 1, "", schemas.Live)
		for _, err := range []error{err1, err2, err3, err4, err5, err6, err7, err8, err9} {
			wants(t, err, code)
		}
	}
}

// Expected verdicts are the definition of the levels: BACKWARD means that the
// new schema reads data of the old.
func TestLevels(t *testing.T) {
	t.Parallel()
	tests := []struct {
		level   schemas.Level
		history [][]string
		next    []string
		want    bool
	}{
		{schemas.None, [][]string{{"a"}}, []string{"b"}, true},
		{schemas.Backward, [][]string{{"a"}}, []string{"a", "b"}, false},
		{schemas.Backward, [][]string{{"a"}}, []string{"a", "b?"}, true},
		{schemas.Backward, [][]string{{"a", "b"}}, []string{"a"}, true},
		{schemas.Forward, [][]string{{"a"}}, []string{"a", "b"}, true},
		{schemas.Forward, [][]string{{"a", "b"}}, []string{"a"}, false},
		{schemas.Forward, [][]string{{"a", "b?"}}, []string{"a"}, true},
		{schemas.Full, [][]string{{"a"}}, []string{"a", "b?"}, true},
		{schemas.Full, [][]string{{"a"}}, []string{"a", "b"}, false},
		{schemas.Full, [][]string{{"a", "b"}}, []string{"a"}, false},
		// What goes with the last version, and not with the first.
		{schemas.Backward, [][]string{{"a"}, {"a", "b?"}}, []string{"a", "b"}, true},
		{schemas.BackwardTransitive, [][]string{{"a"}, {"a", "b?"}}, []string{"a", "b"}, false},
		{schemas.Forward, [][]string{{"a", "b"}, {"a", "b?"}}, []string{"a"}, true},
		{schemas.ForwardTransitive, [][]string{{"a", "b"}, {"a", "b?"}}, []string{"a"}, false},
		{schemas.Full, [][]string{{"a", "b"}, {"a", "b?"}}, []string{"a"}, true},
		{schemas.FullTransitive, [][]string{{"a", "b"}, {"a", "b?"}}, []string{"a"}, false},
	}
	b := setup(t)
	for i, tt := range tests {
		subject := "s" + string(rune('a'+i))
		for _, h := range tt.history {
			b.put(t, b.admin, subject, record(h...))
		}
		if err := b.SetLevel(t.Context(), b.admin, subject, tt.level); err != nil {
			t.Fatal(err)
		}
		s := schemas.Submission{Subject: subject, Text: record(tt.next...)}
		verdict := must(b.TestAll(t.Context(), b.viewer, s))(t)
		_, err := b.Register(t.Context(), b.admin, s)
		if verdict.Compatible() != tt.want || (err == nil) != tt.want {
			t.Errorf("%s: %v then %v: verdict %t, registered %v; want %t", tt.level, tt.history, tt.next, verdict.Compatible(), err, tt.want)
		}
	}
}

func TestARefusalTellsEveryDifference(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.orders, "orders-value", record("id"))
	_, err := b.Register(t.Context(), b.orders, schemas.Submission{Subject: "orders-value", Text: record("a", "b")})
	refused, ok := errors.AsType[*schemas.IncompatibleError](err)
	if !ok || refused.Level != schemas.Backward || len(refused.Mismatches) != 1 || len(refused.Mismatches[0].Found) != 2 {
		t.Fatalf("got %v", err)
	}
	for _, word := range []string{"against version 1", "a: ", "b: ", "default"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in %q", word, err)
		}
	}
}

// The verdict on one version looks at that version, whatever the level.
func TestOneVersionIsTested(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.orders, "orders-value", record("a"))
	b.put(t, b.orders, "orders-value", record("a", "b?"))
	s := schemas.Submission{Subject: "orders-value", Text: record("a", "b")}
	for version, want := range map[int]bool{1: false, 2: true, schemas.Latest: true} {
		if got := must(b.Test(ctx, b.viewer, s, version))(t).Compatible(); got != want {
			t.Errorf("version %d: %t", version, got)
		}
	}
	_, err := b.Test(ctx, b.viewer, s, 3)
	wants(t, err, "VERSION_NOT_FOUND")
	s.Subject = "nothing"
	_, err = b.Test(ctx, b.viewer, s, 1)
	wants(t, err, "VERSION_NOT_FOUND")
	if !must(b.Test(ctx, b.viewer, s, schemas.Latest))(t).Compatible() {
		t.Error("a subject without versions takes anything")
	}
}

func TestLevelsAreSetByWhoMay(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	if l := must(b.LevelSet(ctx, b.viewer, ""))(t); l != schemas.Backward {
		t.Errorf("the registry's level is %s", l)
	}
	wants(t, b.SetLevel(ctx, b.orders, "orders-value", schemas.None), "ROLE_REQUIRED")
	wants(t, b.SetLevel(ctx, b.team, "", schemas.None), "ROLE_REQUIRED")
	wants(t, b.SetLevel(ctx, b.admin, "orders-value", "FORWARDS"), "INVALID_LEVEL")
	wants(t, b.SetLevel(ctx, b.team, "orders-value", schemas.Full), "")
	wants(t, b.SetLevel(ctx, b.team, "orders-value", schemas.None), "")
	wants(t, b.SetLevel(ctx, b.admin, "", schemas.Forward), "")
	for subject, want := range map[string]schemas.Level{"orders-value": schemas.None, "other": schemas.Forward, "": schemas.Forward} {
		if got := must(b.Level(ctx, b.viewer, subject))(t); got != want {
			t.Errorf("%q has %s, want %s", subject, got, want)
		}
	}
	if s := must(b.Subjects(ctx, b.viewer, "", schemas.Live))(t); len(s) != 0 {
		t.Errorf("a level alone makes %v", s)
	}
}

func TestSchemasReferToOthers(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	address := `{"type":"record","name":"shop.Address","fields":[{"name":"city","type":"string"}]}`
	person := `{"type":"record","name":"shop.Person","fields":[{"name":"lives","type":"shop.Address"}]}`
	order := `{"type":"record","name":"shop.Order","fields":[{"name":"by","type":"shop.Person"},{"name":"to","type":"shop.Address"}]}`
	b.put(t, b.other, "address", address)
	toAddress := schemas.Reference{Name: "shop.Address", Subject: "address", Version: schemas.Latest}
	p := must(b.Register(ctx, b.other, schemas.Submission{Subject: "person", Text: person, References: []schemas.Reference{toAddress}}))(t)
	if len(p.References) != 1 || p.References[0].Version != 1 {
		t.Errorf("latest was stored as %+v", p.References)
	}
	// A diamond: Order has Address from two sides.
	refs := []schemas.Reference{{Name: "shop.Person", Subject: "person", Version: 1}, {Name: "shop.Address", Subject: "address", Version: 1}}
	o := must(b.Register(ctx, b.orders, schemas.Submission{Subject: "orders-value", Text: order, References: refs}))(t)
	fresh := schemas.New(b.db, time.Now)
	got := must(fresh.ByID(ctx, b.viewer, o.ID, ""))(t)
	if !slices.Equal(got.References, refs) || strings.Contains(got.Text, "city") {
		t.Errorf("got %+v", got)
	}
	paths := fieldsOf(t, b)
	if want := []string{"by", "by.lives", "by.lives.city", "to", "to.city"}; !slices.Equal(paths, want) {
		t.Errorf("got %v, want %v", paths, want)
	}
	// The next version is held against the old one, with what that refers to.
	verdict := must(fresh.Test(ctx, b.viewer, schemas.Submission{Subject: "orders-value", Text: strings.Replace(order, `"to"`, `"into"`, 1), References: refs}, schemas.Latest))(t)
	if verdict.Compatible() {
		t.Error("a new field without default was taken")
	}
	_, err := b.Register(ctx, b.other, schemas.Submission{Subject: "x", Text: `"shop.Address"`, References: []schemas.Reference{{Name: "shop.Adress", Subject: "address", Version: 1}}})
	wants(t, err, "INVALID_SCHEMA")
	// Two versions of one type, by two ways, are no schema.
	b.put(t, b.other, "address", strings.Replace(address, `"string"}`, `"string"},{"name":"zip","type":"string","default":""}`, 1))
	_, err = b.Register(ctx, b.other, schemas.Submission{Subject: "x", Text: order, References: []schemas.Reference{refs[0], {Name: "shop.Address", Subject: "address", Version: 2}}})
	wants(t, err, "INVALID_SCHEMA")
}

func TestRegistrationsAreRecorded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 3 {
		b.put(t, b.orders, "orders-value", record("id"))
	}
	if err := b.SetLevel(t.Context(), b.team, "orders-value", schemas.Full); err != nil {
		t.Fatal(err)
	}
	const q = `SELECT act || ' ' || code || ' ' || (actor_id = $1)::text FROM audit_entry WHERE act LIKE 'schema.%' ORDER BY id`
	got := must(postgres.Scalars[string](t.Context(), b.db, q, b.orders.ID))(t)
	if want := []string{"schema.registered  true", "schema.level_set FULL false"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	const head = `SELECT s.head = (SELECT max(c.seq) FROM schemas_change c WHERE c.subject_id = s.id) FROM schemas_subject s`
	if !must(postgres.Scalar[bool](t.Context(), b.db, head))(t) {
		t.Error("the subject's head is not its last change")
	}
}
