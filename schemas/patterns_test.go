package schemas_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
)

// orderIn is an order with a buyer and lines in each type of schema, the e-mail
// in its fourth line. Mark is put into that line.
func orderIn(kind, mark string) string {
	switch kind {
	case "JSON":
		return "{\"title\":\"Order\",\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\n\"id\":{\"type\":\"string\"},\n\"buyer\":{\"type\":\"object\",\"properties\":{\n" +
			"\"email\":{\"type\":\"string\"" + mark + "}}},\n\"lines\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"mailTo\":{\"type\":\"string\"}}}}}}"
	case "PROTOBUF":
		return "syntax = \"proto3\"; package shop; import \"confluent/meta.proto\";\nmessage Order { string id = 1; Buyer buyer = 2; repeated Line lines = 3; }\nmessage Buyer {\n" +
			"string email = 1" + mark + "; }\nmessage Line { string mailTo = 1; }"
	}
	return "{\"type\":\"record\",\"name\":\"Order\",\"namespace\":\"shop\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},\n{\"name\":\"buyer\",\"type\":{\"type\":\"record\",\"name\":\"Buyer\",\"fields\":[\n\n" +
		"{\"name\":\"email\",\"type\":\"string\"" + mark + "}]}},\n{\"name\":\"lines\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Line\",\"fields\":[{\"name\":\"mailTo\",\"type\":\"string\"}]}}}]}"
}

var kinds = []string{"AVRO", "JSON", "PROTOBUF"}

// inKind is an order whose metadata tag what patterns say.
func inKind(kind, mark string, tags map[string][]string) schemas.Submission {
	return schemas.Submission{Subject: "orders-value", Type: kind, Text: orderIn(kind, mark), Metadata: &schemas.Metadata{Tags: tags}}
}

// What the metadata say of the fields of a pattern counts as what stands at the
// field: in the check, and in the catalog once it is registered. Names and
// wildcards are Confluent's (schemas/pattern); by hand.
func TestPatternsTagFields(t *testing.T) {
	t.Parallel()
	own := map[string]string{"AVRO": "shop.Buyer.email", "JSON": "$.buyer.email", "PROTOBUF": "shop.Buyer.email"}
	inner := map[string]string{"AVRO": "shop.Line.mailTo", "JSON": "$.lines.mailTo", "PROTOBUF": "shop.Line.mailTo"}
	const email, name = "user.contact.email", "user.name"
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.policy(t, "orders-value", gate.Enforce)
			for _, c := range []struct {
				what    string
				tags    map[string][]string
				verdict gate.Verdict
				want    string
			}{
				{"nothing", nil, gate.Fail, "CG010 4: buyer.email"},
				{"by a wildcard", map[string][]string{"**.email": {email}}, gate.Pass, ""},
				{"by name", map[string][]string{own[kind]: {email}}, gate.Pass, ""},
				{"no category", map[string][]string{"**.email": {"user.contact.emial"}}, gate.Fail, "CG012 4: buyer.email, CG010 4: buyer.email"},
				{"a name that no field has", map[string][]string{"**.email": {email}, "buyer.email": {email}}, gate.Warning, "CG017 1: "},
				{"a wildcard that none has", map[string][]string{"**.email": {email}, "**.ssn": {"nonsense"}}, gate.Pass, ""},
			} {
				a := b.checked(t, inKind(kind, "", c.tags))
				var got []string
				for _, f := range a.Findings {
					got = append(got, fmt.Sprintf("%s %d: %s", f.Code, f.Line, f.Path))
				}
				if all := strings.Join(got, ", "); a.Verdict != c.verdict || all != c.want {
					t.Errorf("%s: %s %q, want %s %q", c.what, a.Verdict, all, c.verdict, c.want)
				}
			}
			s := inKind(kind, "", map[string][]string{"**.email": {email}, "**.email*": {name}, inner[kind]: {email}})
			a := b.checked(t, s)
			want := []gate.Tag{
				{Path: "buyer.email", Category: email, Source: gate.Inline, From: "buyer.email"},
				{Path: "buyer.email", Category: name, Source: gate.Inline, From: "buyer.email"},
				{Path: "lines[].mailTo", Category: email, Source: gate.Inline, From: "lines[].mailTo"},
			}
			if !slices.Equal(a.Tags, want) {
				t.Errorf("the tags would be %v", a.Tags)
			}
			must(b.Register(t.Context(), b.orders, s))(t)
			asserted := []string{"buyer.email +user.contact.email SCHEMA ", "buyer.email +user.name SCHEMA ", "lines[].mailTo +user.contact.email SCHEMA "}
			if got := tagsOf(t, b, b.topic.ID); !slices.Equal(got, asserted) {
				t.Errorf("asserted are %q", got)
			}
			// What the version before said counts for what is taken away, also where
			// the catalog has it from there alone.
			less := b.checked(t, inKind(kind, "", map[string][]string{"**.email": {email}}))
			if got := codes(less.Findings); less.Verdict != gate.Fail || !slices.Equal(got, []string{"CG016 buyer.email", "CG016 lines[].mailTo"}) {
				t.Errorf("with less of them: %s %q", less.Verdict, got)
			}
		})
	}
}

// What people decided of a field stands: an exception from a pattern is made by
// rejecting it there, and what a schema says against a decision is told and not
// asserted.
func TestPatternsYieldToPeople(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	c := catalog.New(b.db, b.clock)
	fields := must(c.DeclareFields(ctx, b.admin, b.topic.ID, []catalog.Field{{Path: "id"}, {Path: "buyer.email"}}))(t)
	email := fields[slices.IndexFunc(fields, func(f catalog.Field) bool { return f.Path == "buyer.email" })].ID
	decide := func(tag catalog.Tag) {
		t.Helper()
		tag.DatasetID, tag.FieldID = b.topic.ID, &email
		must(c.AssertTags(ctx, b.admin, []catalog.Tag{tag}))(t)
	}
	decide(catalog.Tag{Term: "user.contact.email", Source: "DETECTOR", State: "REJECTED", Reason: "a list's"})
	s := inKind("AVRO", "", map[string][]string{"**.email": {"user.contact.email"}})
	must(b.Register(ctx, b.orders, s))(t)
	const rejected = "buyer.email +user.contact.email DETECTOR a list's"
	if got := tagsOf(t, b, b.topic.ID); !slices.Equal(got, []string{rejected}) {
		t.Errorf("after a pattern: %q", got)
	}
	inline := inKind("AVRO", `,"tags":["user.contact.email"]`, nil)
	if a := b.checked(t, inline); !slices.Contains(codes(a.Findings), "CG013 buyer.email") || len(a.Tags) > 0 {
		t.Errorf("a tag at the field: %q %v", codes(a.Findings), a.Tags)
	}
	must(b.Register(ctx, b.orders, inline))(t)
	if got := tagsOf(t, b, b.topic.ID); !slices.Equal(got, []string{rejected}) {
		t.Errorf("after a tag at the field: %q", got)
	}
	// Who thinks again says so in their own name.
	decide(catalog.Tag{Term: "user.contact.email"})
	if a := b.checked(t, inline); slices.Contains(codes(a.Findings), "CG013 buyer.email") || len(a.Tags) != 1 {
		t.Errorf("confirmed: %q %v", codes(a.Findings), a.Tags)
	}
}

// A pattern that contradicts what people confirmed is told as a tag at the
// field is.
func TestAPatternAgainstTheCatalog(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	c := catalog.New(b.db, b.clock)
	field := must(c.DeclareFields(ctx, b.admin, b.topic.ID, []catalog.Field{{Path: "buyer.email"}}))(t)[0].ID
	must(c.AssertTags(ctx, b.admin, []catalog.Tag{{DatasetID: b.topic.ID, FieldID: &field, Term: "user.contact.email"}}))(t)
	a := b.checked(t, inKind("AVRO", "", map[string][]string{"shop.**": {"user.name"}, "**.email": {"user.contact"}}))
	if got, want := codes(a.Findings), "CG013 buyer.email"; len(got) == 0 || got[0] != want || !strings.Contains(a.Findings[0].Message, `by "shop.**"`) {
		t.Errorf("%q, want %q first: %v", got, want, a.Findings)
	}
}

// Patterns made to take long, and too many tags, are refused before they are
// kept, and a check says so.
func TestHostilePatterns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("t%d", i)
	}
	slow := map[string][]string{}
	for i := range 1000 {
		slow[strings.Repeat("**e", 300)+fmt.Sprint(i)] = []string{"x"}
	}
	var names []string
	for i := range 300 {
		names = append(names, strings.Repeat("e", 200)+fmt.Sprintf("x%d", i))
	}
	var uses []string
	for i := range 1200 {
		uses = append(uses, fmt.Sprintf(`"p%d":{"$ref":"#/definitions/d"}`, i))
	}
	used := `{"properties":{` + strings.Join(uses, ",") + `},"definitions":{"d":{"type":"string"`
	tagged := `,"tags":["` + strings.Join(many[:84], `","`) + `"]}}}`
	some := map[string][]string{"**p1*": many[:90], "**p2*": many[:90], "**p3*": many[:90], "**p4*": many[:90], "**p5*": many[:90], "**p6*": many[:90], "**p7*": many[:90], "**p8*": many[:90], "**p9*": many[:90]}
	short := map[string][]string{}
	for i := range 60_000 {
		short[fmt.Sprintf("z%d?", i)] = []string{"x"}
	}
	for name, s := range map[string]schemas.Submission{
		"many uses of tags":     {Type: "JSON", Text: used + tagged},
		"many short patterns":   {Type: "JSON", Text: used + "}}}", Metadata: &schemas.Metadata{Tags: short}},
		"many uses of patterns": {Type: "JSON", Text: used + "}}}", Metadata: &schemas.Metadata{Tags: some}},
		"many tags":             {Text: record("a"), Metadata: &schemas.Metadata{Tags: map[string][]string{"**": many}}},
		"slow patterns":         {Text: record(names...), Metadata: &schemas.Metadata{Tags: slow}},
	} {
		s.Subject = "orders-value"
		if a := b.checked(t, s); a.Verdict != gate.Fail || len(a.Findings) != 1 || a.Findings[0].Code != "CG001" || len(a.Findings[0].Message) > 500 {
			t.Errorf("%s: %s %v", name, a.Verdict, a.Findings)
		}
		_, err := b.Register(t.Context(), b.orders, s)
		wants(t, err, "INVALID_SCHEMA")
	}
}

// What another version than the latest says stands as such: it is not taken
// back, as records may be there, and it counts no more for what is registered
// next. It is as before once the latest says it again.
func TestWhatAnotherVersionSaid(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b, ctx := setup(t), t.Context()
			mark := map[string]string{"AVRO": `,"tags":["user.contact.email"]`, "JSON": `,"tags":["user.contact.email"]`, "PROTOBUF": ` [(confluent.field_meta).tags = "user.contact.email"]`}[kind]
			register := func(s schemas.Submission) { t.Helper(); must(b.Register(ctx, b.orders, s))(t) }
			stands := func(what string, reason string) {
				t.Helper()
				want := []string{"buyer.email +user.contact.email SCHEMA " + reason}
				if got := tagsOf(t, b, b.topic.ID); !slices.Equal(got, want) {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
			}
			said, unsaid := inKind(kind, mark, nil), inKind(kind, "", nil)
			byPattern := inKind(kind, "", map[string][]string{"**.email": {"user.contact.email"}})
			register(said)
			stands("said", "")
			if a := b.checked(t, unsaid); !slices.Equal(codes(a.Findings), []string{"CG010 buyer.email"}) || len(a.Tags) > 0 {
				t.Errorf("about to be left out: %q %v", codes(a.Findings), a.Tags)
			}
			register(unsaid)
			stands("left out", "another version said so; version 2 does not")
			if a := b.checked(t, unsaid); !slices.Contains(codes(a.Findings), "CG010 buyer.email") {
				t.Errorf("left out: %q", codes(a.Findings))
			}
			register(byPattern)
			stands("said again, by a pattern", "")
			// Deleted, what is left is the latest.
			must(b.DeleteVersion(ctx, b.orders, "orders-value", 3, false))(t)
			stands("the latest deleted", "another version said so; version 2 does not")
			must(b.DeleteVersion(ctx, b.orders, "orders-value", 2, false))(t)
			stands("the one before deleted", "")
			must(b.DeleteSubject(ctx, b.orders, "orders-value", false))(t)
			stands("all deleted", "another version said so; none is live for this topic")
			must(b.DeleteSubject(ctx, b.admin, "orders-value", true))(t)
			stands("all deleted for good", "another version said so; none is live for this topic")
			register(said)
			stands("and back", "")
		})
	}
}

// Of another part of the record, and of what people rejected, nothing changes.
func TestWhatAnotherVersionSaidOfOthers(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	must(b.SetConfig(ctx, b.admin, "", schemas.Patch{"compatibility": []byte(`"NONE"`)}))(t)
	b.put(t, b.orders, "orders-key", `{"type":"record","name":"K","fields":[{"name":"email","type":"string","tags":"user.contact.email"}]}`)
	b.put(t, b.orders, "orders-value", tagged)
	var email uuid.UUID
	for _, tag := range must(catalog.TagsByDataset(ctx, b.db, []uuid.UUID{b.topic.ID}))(t)[b.topic.ID] {
		if f := must(catalog.FieldsByDataset(ctx, b.db, []uuid.UUID{b.topic.ID}))(t)[b.topic.ID]; slices.ContainsFunc(f, func(f catalog.Field) bool { return f.ID == *tag.FieldID && f.Path == "email" }) {
			email = *tag.FieldID
		}
	}
	c := catalog.New(b.db, b.clock)
	must(c.AssertTags(ctx, b.admin, []catalog.Tag{{DatasetID: b.topic.ID, FieldID: &email, Term: "user.contact.email", Source: "SCHEMA", State: "REJECTED", Reason: "a list's"}}))(t)
	b.put(t, b.orders, "orders-value", record("id", "email"))
	must(b.DeleteSubject(ctx, b.orders, "orders-value", false))(t)
	want := []string{"#key.email +user.contact.email SCHEMA ", "email +user.contact.email SCHEMA a list's"}
	if got := tagsOf(t, b, b.topic.ID); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	must(b.DeleteSubject(ctx, b.orders, "orders-key", false))(t)
	want[0] += "another version said so; none is live for this topic"
	if got := tagsOf(t, b, b.topic.ID); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What is told of names and patterns in metadata is cut: a body of 7 MiB holds
// 400,000 names, or one of 7 MiB.
func TestOfManyNamesInMetadataSomeAreTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	many := map[string][]string{"a" + strings.Repeat("n", 1<<18): {"user.name"}, strings.Repeat("**", 1<<17): {"nonsense"}}
	for i := range 10_000 {
		many[fmt.Sprint("b", i)] = []string{"user.name"}
	}
	found := must(b.Check(t.Context(), b.viewer, []schemas.Submission{{Subject: "orders-value", Text: record("a"), Metadata: &schemas.Metadata{Tags: many}}}))(t)
	told := map[string]int{}
	for _, f := range found[0].Findings {
		told[f.Code]++
		if len(f.Message) > 1000 {
			t.Errorf("%s has %d bytes", f.Code, len(f.Message))
		}
	}
	if told["CG017"] != 50 || told["CG012"] != 1 {
		t.Errorf("told %v", told)
	}
}

// What is said beside a schema is as long as the schema may be, at most.
func TestMetadataAndRulesHaveALength(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for bytes, code := range map[int]string{1<<20 - 100: "", 1 << 20: "SCHEMA_TOO_LARGE"} {
		long := strings.Repeat("x", bytes/2)
		s := schemas.Submission{Subject: fmt.Sprint(bytes), Text: record("a"), Metadata: &schemas.Metadata{Properties: map[string]string{"doc": long}}, RuleSet: &schemas.RuleSet{DomainRules: []schemas.Rule{{"name": "rule", "doc": long}}}}
		found := must(b.Check(t.Context(), b.viewer, []schemas.Submission{s}))(t)
		if refused := len(found[0].Findings) > 0 && found[0].Findings[0].Rule == code; refused != (code != "") {
			t.Errorf("%d bytes: %+v", bytes, found[0].Findings)
		}
		_, err := b.Register(t.Context(), b.admin, s)
		wants(t, err, code)
	}
}
