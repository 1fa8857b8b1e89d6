package jsonschema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// What is wrong is said with the place and what to do. Each is invalid by the
// metaschema of its draft, or by RFC 8259.
func TestMistakesAreTold(t *testing.T) {
	t.Parallel()
	const in4, in2020 = `"$schema":"http://json-schema.org/draft-04/schema#",`, `"$schema":"https://json-schema.org/draft/2020-12/schema",`
	for _, tt := range []struct{ name, in, want string }{
		{"no JSON", `{"type":"string"`, "the schema is not JSON, at byte 16"},
		{"more than one value", `{} {}`, "the schema is not JSON"},
		{"a comment", `{} // x`, "the schema is not JSON"},
		{"nothing", ``, "the schema is not JSON, at byte 0"},
		{"no UTF-8", "{\"title\":\"\xff\"}", "not UTF-8"},
		{"a member twice", `{"type":"string","type":"integer"}`, "stands twice"},
		{"a schema that is none", `"string"`, "a schema is an object, true or false, not a string"},
		{"draft-04 has no true", `{` + in4 + `"items":true}`, "schema.items: a schema is an object, not a boolean"},
		{"a type nobody knows", `{"properties":{"a":{"type":"strin"}}}`, `schema.properties.a.type: a type is null`},
		{"and the one meant", `{"type":"strin"}`, `did you mean "string"`},
		{"no types", `{"type":[]}`, "names at least one"},
		{"enum", `{"enum":"a"}`, "enum is an array of values"},
		{"a bound in quotes", `{"maximum":"5"}`, "maximum is a number, not a string"},
		{"the older exclusiveMaximum", `{"exclusiveMaximum":true}`, "since draft-06 it is the bound itself"},
		{"the newer exclusiveMaximum", `{` + in4 + `"exclusiveMaximum":5}`, "name a later draft in $schema"},
		{"a number beyond", `{"maximum":1e1000000000}`, "more than 400 digits"},
		{"multipleOf 0", `{"multipleOf":0}`, "above 0"},
		{"a negative count", `{"maxLength":-1}`, "a whole number from 0 on"},
		{"half a count", `{"maxItems":1.5}`, "a whole number from 0 on"},
		{"a pattern that is none", `{"pattern":5}`, "pattern is a regular expression in quotes"},
		{"the oldest required", `{"properties":{"a":{"required":true}}}`, "since draft-04 it stands in the object around"},
		{"properties that are a list", `{"properties":["a"]}`, "properties is an object, not an array"},
		{"no branches", `{"anyOf":[]}`, "anyOf is an array of schemas, with at least one"},
		{"a list for items in 2020-12", `{` + in2020 + `"items":[{}]}`, "schema.items: a schema is an object, true or false, not an array"},
		{"a mistake in a definition", `{"definitions":{"a":{"type":"x"}}}`, "schema.definitions.a.type"},
		{"a reference that leads nowhere", `{"$ref":"#/definitions/a"}`, `schema.$ref: "#/definitions/a" leads nowhere`},
		{"a reference that would be fetched", `{"properties":{"a":{"$ref":"http://127.0.0.1:9/a.json"}}}`, "nothing is fetched"},
		{"a reference to itself", `{"$ref":"#"}`, "applies itself to the same value"},
		{"by a way around", `{"allOf":[{"$ref":"#/definitions/a"}],"definitions":{"a":{"anyOf":[{"type":"string"},{"$ref":"#"}]}}}`, "applies itself to the same value"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(tt.in, nil)
			if err == nil || !strings.Contains(placed(err), tt.want) || fault.KindOf(err) != fault.Invalid {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

// placed writes faults with the place in the schema.
func placed(err error) string {
	var out []string
	for _, f := range fault.All(err) {
		s := f.Error()
		if len(f.Path) > 0 && !strings.HasPrefix(s, strings.Join(f.Path, ".")) {
			s = strings.Join(f.Path, ".") + ": " + s
		}
		out = append(out, "schema."+s)
	}
	return strings.Join(out, "; ")
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Read(`{"type":"x","properties":{"a":{"maxLength":-1},"b":{"$ref":"#/no"}}}`, nil)
	if all := fault.All(err); len(all) != 3 {
		t.Errorf("%v", all)
	}
	many := `{"properties":{` + strings.Repeat(`"a%d":{"type":"x"},`, 100) + `"z":{}}}`
	args := make([]any, 100)
	for i := range args {
		args[i] = i
	}
	if _, err = Read(fmt.Sprintf(many, args...), nil); len(fault.All(err)) < mostFaults/2 || len(err.Error()) > mostTold {
		t.Errorf("%d mistakes are told in %d bytes", len(fault.All(err)), len(err.Error()))
	}
}

// A fault's path leads to the line.
func TestLocate(t *testing.T) {
	t.Parallel()
	const text = "{\n \"properties\": {\n  \"a/b\": {\n   \"type\": \"x\"\n  }\n }\n}"
	_, err := Read(text, nil)
	if line, column := Locate(text)(fault.All(err)[0].Path); line != 4 || column != 12 {
		t.Errorf("%d:%d of %v", line, column, fault.All(err)[0].Path)
	}
	if line, column := Locate("{\n x}")(nil); line != 2 || column != 2 {
		t.Errorf("not JSON at %d:%d", line, column)
	}
	if line, _ := Locate(text)([]string{"properties", "nothing"}); line != 2 {
		t.Errorf("what is not there stands at line %d", line)
	}
}

// A reference is found by its name as it is written and as it is resolved, and
// by what the schema calls itself; what it refers to comes with it.
func TestReferences(t *testing.T) {
	t.Parallel()
	inner := mustRead(t, `{"type":"string"}`)
	outer := mustRead(t, `{"$id":"http://x/o.json","definitions":{"n":{"$ref":"inner.json"}},"allOf":[{"$ref":"#/definitions/n"}]}`, format.Reference{Name: "inner.json", Schema: inner})
	for _, tt := range []struct{ name, text string }{
		{"outer.json", `{"$ref":"outer.json"}`},
		{"outer.json", `{"$ref":"outer.json#/definitions/n"}`},
		{"outer.json", `{"$id":"http://shop/a/b.json","allOf":[{"$ref":"outer.json"}]}`},
		{"http://shop/a/outer.json", `{"$id":"http://shop/a/b.json","allOf":[{"$ref":"outer.json"}]}`},
		{"../outer.json", `{"$id":"http://shop/a/b.json","allOf":[{"$ref":"http://shop/outer.json"}]}`},
		{"any name", `{"$ref":"http://x/o.json"}`},
		{"urn:shop:o", `{"$ref":"urn:shop:o#/definitions/n"}`},
	} {
		s := mustRead(t, tt.text, format.Reference{Name: tt.name, Schema: outer})
		if got := s.Places(); len(got) != 1 || got[0].Type != "string" {
			t.Errorf("%s: %+v", tt.text, got)
		}
		if found := reads(t, mustRead(t, `{"type":"integer"}`), s, format.Options{}); told(found) != "TYPE_CHANGED" {
			t.Errorf("%s: %+v", tt.text, found)
		}
	}
	if _, err := Read(`{"$ref":"inner.json"}`, []format.Reference{{Name: "outer.json", Schema: outer}}); err == nil {
		t.Error("what only the reference refers to is found")
	}
	if _, err := Read(`{"$ref":"outer.json#/definitions/none"}`, []format.Reference{{Name: "outer.json", Schema: outer}}); err == nil {
		t.Error("a place that is not there is found")
	}
}

// The identity of a schema: white space and escapes do not count, the order of
// members and the spelling of numbers do, as in Confluent's registry; sorted,
// the order does not count either.
func TestCanonicalText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		" { \"b\" : [ 1 , 2.50 , 1e3 ] ,\n \"a\" : \"\\u0041\\/\\n\\u0001é\" } ": `{"b":[1,2.50,1e3],"a":"A/\n\u0001é"}`,
		`{"a":{"z":1,"b":null,"m":true}}`:                                        `{"a":{"z":1,"b":null,"m":true}}`,
		`true`:                                                                   `true`,
	} {
		if got := mustRead(t, in).Canonical(); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got := mustRead(t, `{"a":{"z":1,"b":[{"y":1,"x":2}]}}`).Normalized(); got != `{"a":{"b":[{"x":2,"y":1}],"z":1}}` {
		t.Errorf("normalized: %s", got)
	}
}

// What no validator sees and people should know of.
func TestWarnings(t *testing.T) {
	t.Parallel()
	before := mustRead(t, `{"type":"object","format":"x","properties":{"a":{"type":"string","default":"x"},"b":{"type":"array","items":{"type":"string","format":"date"}},"c":{"const":1,"default":1}}}`)
	after := mustRead(t, `{"type":"object","format":"x","properties":{"a":{"type":"string","default":"y"},"b":{"type":"array","items":{"type":"string","format":"date-time"}},"c":{"const":1,"default":1.0}}}`)
	if got := told(after.Warnings(before)); got != "DEFAULT_CHANGED a; FORMAT_CHANGED b[]" {
		t.Errorf("%s", got)
	}
	if got := before.Warnings(before); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}
