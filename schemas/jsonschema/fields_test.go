package jsonschema

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/schemas/format"
)

// The grammar of paths is the catalog's; expected values are by hand. After the
// type stands ? for nullable, ! for opaque, ^ for recursive.
func TestFieldPaths(t *testing.T) {
	t.Parallel()
	const in2020 = `"$schema":"https://json-schema.org/draft/2020-12/schema",`
	for _, tt := range []struct{ name, in, want string }{
		{"properties", `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":["null","integer"]}}}`, "a string; b integer?"},
		{"a property within a property", `{"properties":{"a":{"properties":{"x":{"type":"number"}}}}}`, "a object; a.x number"},
		{"items", `{"properties":{"a":{"type":"array","items":{"type":"object","properties":{"x":{"type":"boolean"}}}}}}`, "a array; a[] object; a[].x boolean"},
		{"a tuple", `{"properties":{"a":{"type":"array","items":[{"type":"string"},{"type":"integer"},{"type":"object","properties":{"x":{"type":"string"}}}]}}}`, "a array; a[] union<integer,object,string>; a[].x string"},
		{"a tuple of 2020-12", `{` + in2020 + `"properties":{"a":{"type":"array","prefixItems":[{"type":"string"}],"items":{"type":"string"}}}}`, "a array; a[] string"},
		{"free names", `{"properties":{"a":{"type":"object","additionalProperties":{"type":"object","properties":{"x":{"type":"integer"}}}}}}`, "a object; a{} object; a{}.x integer"},
		{"names of a pattern", `{"patternProperties":{"^s_":{"type":"integer"},"^t_":{"type":"number"}},"additionalProperties":false}`, "{} union<integer,number>"},
		{"free names to free text", `{"properties":{"a":{"type":"object","additionalProperties":{"type":"string"}},"b":{"type":"object","additionalProperties":{"type":"string","format":"date"}}}}`,
			"a object!; a{} string; b object; b{} date"},
		{"something or null", `{"properties":{"a":{"oneOf":[{"type":"null"},{"type":"object","properties":{"x":{"type":"string"}}}]}}}`, "a object?; a.x string"},
		{"branches by definition, title and number", `{"properties":{"pay":{"oneOf":[{"$ref":"#/definitions/Card"},{"title":"Bank transfer","type":"object","properties":{"iban":{"type":"string"}}},{"type":"object","properties":{"x":{"type":"string"}}}]}},"definitions":{"Card":{"type":"object","properties":{"number":{"type":"string"}}}}}`,
			"pay object; pay<Card> object; pay<Card>.number string; pay<Bank_transfer> object; pay<Bank_transfer>.iban string; pay<3> object; pay<3>.x string"},
		{"simple branches need no path", `{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"integer"}]}}}`, "a union<integer,string>"},
		{"branches that only restrict", `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}`, "a string; b string"},
		{"allOf is of the object around", `{"allOf":[{"$ref":"#/definitions/base"},{"properties":{"b":{"type":"string"}}}],"definitions":{"base":{"properties":{"a":{"type":"string"}}}}}`, "a string; b string"},
		{"then and else, too", `{"properties":{"a":{"type":"string"}},"if":{"required":["a"]},"then":{"properties":{"b":{"type":"string"}}},"else":{"properties":{"c":{"type":"string"}}}}`, "a string; b string; c string"},
		{"a place that two describe", `{"allOf":[{"properties":{"a":{"type":"string"}}},{"properties":{"a":{"description":"twice"}}}]}`, "a union<any,string>!"},
		{"recursion ends", `{"type":"object","properties":{"v":{"type":"integer"},"next":{"$ref":"#"}}}`, "v integer; next object^"},
		{"a definition used twice is not recursion", `{"properties":{"a":{"$ref":"#/definitions/d"},"b":{"$ref":"#/definitions/d"}},"definitions":{"d":{"properties":{"x":{"type":"string"}}}}}`, "a object; a.x string; b object; b.x string"},
		{"enum and const", `{"properties":{"a":{"enum":["x","y"]},"b":{"const":1},"c":{"enum":["x",null]}}}`, "a enum; b integer; c enum?"},
		{"what may hold anything", `{"properties":{"a":{},"b":true,"c":{"type":"object"},"d":{"type":"array"},"e":{"type":"string","contentEncoding":"base64"},"f":{"type":"object","additionalProperties":false}}}`,
			"a any!; b any!; c object!; d array!; e string!; f object"},
		{"dots and brackets in names", `{"properties":{"a.b":{"type":"string"},"x[]":{"type":"string"},"":{"type":"string"},"t\tb":{"type":"string"}}}`, `a\.b string; x\[\] string; "" string; t` + "\uFFFD" + `b string`},
		{"a root that is a list", `{"type":"array","items":{"type":"object","properties":{"x":{"type":"string"}}}}`, "[] object; [].x string"},
		{"a root of several events", `{"oneOf":[{"title":"A","type":"object","properties":{"x":{"type":"string"}}},{"title":"B","type":"object","properties":{"y":{"type":"string"}}}]}`, "<A> object; <A>.x string; <B> object; <B>.y string"},
		{"a root without parts", `{"type":"string"}`, "#value string"},
		{"a root that is anything", `{}`, "#value any!"},
		{"a root that is nothing", `false`, "#value nothing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range mustRead(t, tt.in).Places() {
				s := f.Path + " " + f.Type
				if f.Logical != "" {
					s = f.Path + " " + f.Logical
				}
				for mark, is := range map[string]bool{"?": f.Nullable, "!": f.Opaque, "^": f.Recursive} {
					if is {
						s += mark
					}
				}
				if _, err := fieldpath.Parse(f.Path); err != nil {
					t.Errorf("%q: %v", f.Path, err)
				}
				got = append(got, s)
			}
			if g := strings.Join(got, "; "); g != tt.want {
				t.Errorf("got  %s\nwant %s", g, tt.want)
			}
		})
	}
}

// What the detector and the gate judge a field by.
func TestFieldsAreDescribed(t *testing.T) {
	t.Parallel()
	got := mustRead(t, `{"title":"Order","type":"object","properties":{
 "id":{"type":"string","format":"uuid","description":"who","confluent:tags":["user.unique_id"]},
 "notes":{"type":"array","tags":"user.free_text","items":{"type":"string","title":"A note"}},
 "to":{"$ref":"#/definitions/Address","tags":["internal"]}},
"definitions":{"Address":{"type":"object","tags":["user.contact.address"],"properties":{
 "city":{"type":"string"}}}}}`).Places()
	want := []format.Field{
		{Path: "id", Record: "Order", Type: "string", Logical: "uuid", Doc: "who", Tags: []string{"user.unique_id"}, Line: 2, Column: 7},
		{Path: "notes", Record: "Order", Type: "array", Tags: []string{"user.free_text"}, Line: 3, Column: 10},
		{Path: "notes[]", Record: "Order", Type: "string", Doc: "A note", Line: 3, Column: 58},
		{Path: "to", Record: "Order", Type: "object", Tags: []string{"internal", "user.contact.address"}, Line: 4, Column: 7},
		{Path: "to.city", Record: "Address", Type: "string", Line: 6, Column: 9},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// What another schema brings in stands where the $ref does.
func TestFieldsOfReferences(t *testing.T) {
	t.Parallel()
	address := mustRead(t, `{"$defs":{"A":{"type":"object","properties":{"city":{"type":"string"}}}},"type":"object"}`)
	got := mustRead(t, "{\"properties\":{\n\"to\":{\"$ref\":\"address.json#/$defs/A\"}}}", format.Reference{Name: "address.json", Schema: address}).Places()
	want := []format.Field{
		{Path: "to", Type: "object", Line: 2, Column: 6},
		{Path: "to.city", Record: "A", Type: "string", Line: 2, Column: 6},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Places share the tags of what they refer to: each would have them all.
func TestTagsOfAPlaceAreBounded(t *testing.T) {
	t.Parallel()
	part := func(from, to int) string {
		var tags []string
		for i := from; i < to; i++ {
			tags = append(tags, fmt.Sprintf(`"t%d"`, i))
		}
		return `{"tags":[` + strings.Join(tags, ",") + `]}`
	}
	for text, fits := range map[string]bool{
		`{"properties":{"a":` + part(0, 100) + `}}`:                                                       true,
		`{"properties":{"a":` + part(0, 101) + `}}`:                                                       false,
		`{"properties":{"a":{"allOf":[` + part(0, 60) + `,` + part(40, 100) + `]}}}`:                      true,
		`{"properties":{"a":{"allOf":[` + part(0, 60) + `,` + part(60, 101) + `]}}}`:                      false,
		`{"allOf":[{"properties":{"a":` + part(0, 60) + `}},{"properties":{"a":` + part(60, 101) + `}}]}`: false,
	} {
		_, err := Read(text, nil)
		if fits != (err == nil) || err != nil && !strings.Contains(err.Error(), "more than 100 tags") {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}
