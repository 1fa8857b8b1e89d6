package schemas_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
)

// closed is a JSON Schema of an object with string properties and no others; a
// name that ends in ! is required.
func closed(names ...string) schemas.Submission {
	var properties, required []string
	for _, n := range names {
		name := strings.TrimSuffix(n, "!")
		properties = append(properties, `"`+name+`":{"type":"string"}`)
		if name != n {
			required = append(required, `"`+name+`"`)
		}
	}
	return inJSON(`{"type":"object","properties":{` + strings.Join(properties, ",") + `},"required":[` + strings.Join(required, ",") + `],"additionalProperties":false}`)
}

func inJSON(text string, references ...schemas.Reference) schemas.Submission {
	return schemas.Submission{Type: "JSON", Text: text, References: references}
}

// add registers a submission under a subject.
func (b *bench) add(t testing.TB, subject string, s schemas.Submission) schemas.Version {
	t.Helper()
	s.Subject = subject
	return must(b.Register(t.Context(), b.admin, s))(t)
}

// The levels, by what each asks of whom: an optional property that is new in a
// closed model can be read and not be read by, one that is gone the other way
// round.
func TestLevelsOfJSONSchema(t *testing.T) {
	t.Parallel()
	type s = []string
	b := setup(t)
	for i, tt := range []struct {
		level   schemas.Level
		history []s
		next    s
		want    bool
	}{
		{schemas.None, []s{{"a"}}, s{"b!"}, true},
		{schemas.Backward, []s{{"a"}}, s{"a", "b"}, true},
		{schemas.Backward, []s{{"a", "b"}}, s{"a"}, false},
		{schemas.Backward, []s{{"a"}}, s{"a!"}, false},
		{schemas.Forward, []s{{"a", "b"}}, s{"a"}, true},
		{schemas.Forward, []s{{"a"}}, s{"a", "b"}, false},
		{schemas.Forward, []s{{"a!"}}, s{"a"}, false},
		{schemas.Full, []s{{"a"}}, s{"a", "b"}, false},
		{schemas.Full, []s{{"a"}}, s{"a"}, true},
		// What goes with the last version, and not with the first.
		{schemas.Backward, []s{{"a"}, {"a", "b"}, {"a", "b!"}}, s{"a", "b!", "c"}, true},
		{schemas.BackwardTransitive, []s{{"a"}, {"a", "b"}, {"a", "b!"}}, s{"a", "b!", "c"}, false},
		{schemas.Forward, []s{{"a!", "b"}, {"b"}}, s{"b"}, true},
		{schemas.ForwardTransitive, []s{{"a!", "b"}, {"a"}}, s{}, false},
		{schemas.FullTransitive, []s{{"a"}, {"b"}}, s{"b"}, true},
	} {
		subject := "s" + string(rune('a'+i))
		if err := b.SetLevel(t.Context(), b.admin, subject, schemas.None); err != nil {
			t.Fatal(err)
		}
		for _, h := range tt.history {
			b.add(t, subject, closed(h...))
		}
		if err := b.SetLevel(t.Context(), b.admin, subject, tt.level); err != nil {
			t.Fatal(err)
		}
		next := closed(tt.next...)
		next.Subject = subject
		verdict := must(b.TestAll(t.Context(), b.viewer, next))(t)
		_, err := b.Register(t.Context(), b.admin, next)
		// What is registered already is found, whatever the level.
		known := slices.ContainsFunc(tt.history, func(h s) bool { return slices.Equal(h, tt.next) })
		if !known && verdict.Compatible() != tt.want || (err == nil) != tt.want {
			t.Errorf("%s: %v then %v: verdict %t, registered %v; want %t", tt.level, tt.history, tt.next, verdict.Compatible(), err, tt.want)
		}
	}
}

// References lead from schema to schema, and a version is held against the old
// one with what that refers to.
func TestJSONSchemasReferToOthers(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.add(t, "currency", inJSON(`{"enum":["EUR","USD"]}`))
	money := `{"type":"object","properties":{"in":{"$ref":"currency.json"},"amount":{"type":"integer"}},"additionalProperties":false}`
	b.add(t, "money", inJSON(money, schemas.Reference{Name: "currency.json", Subject: "currency", Version: schemas.Latest}))
	order := `{"$id":"https://shop.example/order.json","type":"object","properties":{"total":{"$ref":"money.json"}},"additionalProperties":false}`
	to := schemas.Reference{Name: "money.json", Subject: "money", Version: 1}
	o := b.add(t, "orders-value", inJSON(order, to))
	if len(o.References) != 1 || o.References[0] != to {
		t.Errorf("stored as %+v", o.References)
	}
	if got, want := fieldsOf(t, b), []string{"total", "total.amount", "total.in"}; !slices.Equal(got, want) {
		t.Errorf("fields %q, want %q", got, want)
	}
	// The same text with another version behind it is another schema, held
	// against the old one by a replica that knows neither.
	b.add(t, "currency", inJSON(`{"enum":["EUR","USD","GBP"]}`))
	b.add(t, "money", inJSON(money, schemas.Reference{Name: "currency.json", Subject: "currency", Version: 2}))
	fresh := schemas.New(b.db, time.Now)
	next := inJSON(order, schemas.Reference{Name: "money.json", Subject: "money", Version: 2})
	next.Subject = "orders-value"
	if v := must(fresh.Register(ctx, b.admin, next))(t); v.Version != 2 || v.ID == o.ID {
		t.Errorf("%+v", v)
	}
	if err := b.SetLevel(ctx, b.admin, "currency", schemas.None); err != nil {
		t.Fatal(err)
	}
	b.add(t, "currency", inJSON(`{"enum":["EUR"]}`))
	if err := b.SetLevel(ctx, b.admin, "money", schemas.None); err != nil {
		t.Fatal(err)
	}
	b.add(t, "money", inJSON(money, schemas.Reference{Name: "currency.json", Subject: "currency", Version: 3}))
	next.References[0].Version = 3
	_, err := fresh.Register(ctx, b.admin, next)
	wants(t, err, "SCHEMA_INCOMPATIBLE")
	if err == nil || !strings.Contains(err.Error(), "total.in") {
		t.Errorf("%v", err)
	}
	// A reference is to a schema of the same type.
	b.put(t, b.admin, "avro", record("a"))
	s := inJSON(`{"$ref":"a.json"}`, schemas.Reference{Name: "a.json", Subject: "avro", Version: 1})
	s.Subject = "x"
	_, err = b.Register(ctx, b.admin, s)
	wants(t, err, "INVALID_SCHEMA")
}

// Fields of values and keys, their descriptions and tags reach the catalog.
func TestFieldsOfJSONSchemaReachTheCatalog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.add(t, "orders-value", inJSON(`{"title":"Order","type":"object","properties":{
		"email":{"type":["string","null"],"description":"where the bill goes","confluent:tags":["user.contact.email"]},
		"items":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string"}}}},
		"raw":{}}}`))
	b.add(t, "orders-key", inJSON(`{"type":"string","format":"uuid"}`))
	fields := must(catalog.FieldsByDataset(t.Context(), b.db, []uuid.UUID{b.topic.ID}))(t)[b.topic.ID]
	byPath := map[string]catalog.Field{}
	for _, f := range fields {
		byPath[f.Path] = f
	}
	if len(fields) != 6 || byPath["#key"].DataType != "string" || byPath["items[].sku"].DataType != "string" || !byPath["raw"].Opaque {
		t.Errorf("%+v", fields)
	}
	if e := byPath["email"]; e.Doc != "where the bill goes" || !e.Nullable {
		t.Errorf("%+v", e)
	}
	const q = `SELECT count(*) FROM catalog_tag_assertion t JOIN catalog_field f ON f.id = t.field_id WHERE f.path = 'email' AND t.source = 'SCHEMA'`
	var tags int
	if err := b.db.QueryRow(t.Context(), q).Scan(&tags); err != nil || tags != 1 {
		t.Errorf("%d tags, %v", tags, err)
	}
}

// The gate judges a JSON Schema as any other: the codes are those of
// catalog.md §13, the places by hand.
func TestGateOfJSONSchema(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.policy(t, "orders-value", gate.Enforce)
	const before = "{\"title\":\"Order\",\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\n"
	for _, c := range []struct{ text, want string }{
		{before + "\"sku\":{\"type\":\"string\"},\n\"email\":{\"type\":\"string\"}}}", "FAIL CG010 3:9 email"},
		{before + "\"sku\":{\"type\":\"string\"},\n\"email\":{\"type\":\"string\",\"tags\":[\"user.contact.email\"]}}}", "PASS"},
		{before + "\"buyer\":{\"type\":\"object\",\"properties\":{\"phone\":{\"type\":\"string\"}}}}}", "FAIL CG010 2:48 buyer.phone"},
		{before + "\"sku\":{\"type\":\"strin\"}}}", "FAIL CG001 2:15 "},
		{"{\n x}", "FAIL CG001 2:2 "},
	} {
		s := inJSON(c.text)
		s.Subject = "orders-value"
		a := b.checked(t, s)
		if got := strings.Join(append([]string{string(a.Verdict)}, told(a.Findings)...), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
	refused := inJSON(before + "\"email\":{\"type\":\"string\"}}}")
	refused.Subject = "orders-value"
	_, err := b.Register(t.Context(), b.orders, refused)
	if err == nil || !strings.Contains(err.Error(), "email") {
		t.Errorf("%v", err)
	}
}
