package avro

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas/format"
)

// The grammar of paths is the catalog's; expected values are by hand.
func TestFieldPaths(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"a record", record(`{"name":"a","type":"string"},{"name":"b","type":["null","long"]}`), "a string; b long?"},
		{"a record in a record", record(`{"name":"a","type":{"type":"record","name":"I","fields":[{"name":"x","type":"int"}]}}`), "a record; a.x int"},
		{"items", record(`{"name":"a","type":{"type":"array","items":{"type":"record","name":"I","fields":[{"name":"x","type":"int"}]}}}`), "a array; a[] record; a[].x int"},
		{"values", record(`{"name":"a","type":{"type":"map","values":{"type":"array","items":"int"}}}`), "a map; a{} array; a{}[] int"},
		{"branches", record(`{"name":"a","type":["null",{"type":"record","name":"n.X","fields":[{"name":"x","type":"int"}]},{"type":"record","name":"n.Y","fields":[{"name":"y","type":"int"}]},"string"]}`),
			"a union<null,n.X,n.Y,string>?; a<n.X> record; a<n.X>.x int; a<n.Y> record; a<n.Y>.y int"},
		{"branches go by their full name", record(`{"name":"a","type":[{"type":"record","name":"n.X","fields":[]},{"type":"record","name":"m.X","fields":[]}]}`),
			"a union<n.X,m.X>; a<n.X> record; a<m.X> record"},
		{"a branch that is a list", record(`{"name":"a","type":["string",{"type":"array","items":"string"}]}`), "a union<string,array>; a<array> array; a<array>[] string"},
		{"recursion ends", `{"type":"record","name":"L","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","L"]}]}`, "v int; next record?^"},
		{"a type used twice is not recursion", record(`{"name":"a","type":{"type":"record","name":"I","fields":[{"name":"x","type":"int"}]}},{"name":"b","type":"I"}`), "a record; a.x int; b record; b.x int"},
		{"logical types", record(`{"name":"a","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"b","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},{"name":"c","type":{"type":"string","logicalType":"uuid"}}`),
			"a timestamp-millis; b decimal; c uuid"},
		{"an unsound logical type is ignored", record(`{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":2,"scale":9}},{"name":"b","type":{"type":"int","logicalType":"uuid"}},{"name":"c","type":{"type":"fixed","name":"F","size":2,"logicalType":"decimal","precision":5}}`),
			"a bytes!; b int; c fixed!"},
		{"what may hold anything", record(`{"name":"a","type":"bytes"},{"name":"b","type":{"type":"map","values":"string"}},{"name":"c","type":{"type":"map","values":["null","string"]}},{"name":"d","type":{"type":"map","values":"int"}}`),
			"a bytes!; b map!; b{} string; c map!; c{} string?; d map; d{} int"},
		{"a root that is a list", `{"type":"array","items":{"type":"record","name":"R","fields":[{"name":"x","type":"int"}]}}`, "[] record; [].x int"},
		{"a root of several events", `[{"type":"record","name":"A","fields":[{"name":"x","type":"int"}]},{"type":"record","name":"B","fields":[{"name":"y","type":"int"}]}]`, "<A> record; <A>.x int; <B> record; <B>.y int"},
		{"a root without parts", `"string"`, "#value string"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range mustParse(t, tt.in).Fields {
				s := f.Path + " " + f.Type
				if f.Nullable {
					s += "?"
				}
				if f.Opaque {
					s += "!"
				}
				if f.Recursive {
					s += "^"
				}
				got = append(got, s)
			}
			if g := strings.Join(got, "; "); g != tt.want {
				t.Errorf("got  %s\nwant %s", g, tt.want)
			}
		})
	}
}

// What the detector and the gate judge a field by: the record it stands in, its
// logical type, the tags written at it or at its type, and its former names.
func TestFieldsAreDescribed(t *testing.T) {
	t.Parallel()
	got := mustParse(t, `{"type":"record","name":"Order","namespace":"shop","fields":[
		{"name":"id","type":{"type":"string","logicalType":"uuid"},"confluent:tags":["user.unique_id"],"aliases":["order_id"]},
		{"name":"notes","type":{"type":"array","items":"string"},"tags":"user.free_text"},
		{"name":"to","type":{"type":"record","name":"Address","tags":["user.contact.address","internal"],"fields":[{"name":"city","type":"string"}]}}]}`).Fields
	want := []format.Field{
		{Path: "id", Record: "shop.Order", Type: "uuid", Logical: "uuid", Tags: []string{"user.unique_id"}, Aliases: []string{"order_id"}},
		{Path: "notes", Record: "shop.Order", Type: "array", Tags: []string{"user.free_text"}},
		{Path: "notes[]", Record: "shop.Order", Type: "string"},
		{Path: "to", Record: "shop.Order", Type: "record", Tags: []string{"user.contact.address", "internal"}},
		{Path: "to.city", Record: "shop.Address", Type: "string"},
	}
	for i := range got {
		got[i] = unplaced(got[i])
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A place is found again in the text, by hand; what another schema brings in
// stands where it is named.
func TestFieldsKnowTheirLine(t *testing.T) {
	t.Parallel()
	home := mustParse(t, `{"type":"record","name":"shop.Address","fields":[{"name":"city","type":"string"}]}`)
	s, err := Parse(`{"type": "record", "name": "shop.Order", "fields": [
  {"name": "mail",
   "type": ["null", "string"]},
    {"name": "phone", "type": {"type": "string"}},
  {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
    {"name": "sku", "type": "string"}
  ]}}}, {"name": "home", "type": "Address"}
]}`, home.Types())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"2:3 mail", "4:5 phone", "5:3 lines", "5:3 lines[]", "6:5 lines[].sku", "7:9 home", "7:9 home.city"}
	var got []string
	for _, f := range s.Fields {
		got = append(got, fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Path))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Fields share the tags of their type: each would have them all.
func TestTagsOfAPlaceAreBounded(t *testing.T) {
	t.Parallel()
	for n, fits := range map[int]bool{100: true, 101: false} {
		tags := make([]string, n)
		for i := range tags {
			tags[i] = fmt.Sprintf(`"t%d"`, i)
		}
		_, err := Parse(`{"type":"record","name":"R","fields":[{"name":"a","tags":"t0","type":{"type":"string","tags":[`+strings.Join(tags, ",")+`]}}]}`, nil)
		if fits != (err == nil) || err != nil && !strings.Contains(err.Error(), "more than 100 tags") {
			t.Errorf("%d: %v", n, err)
		}
	}
}
