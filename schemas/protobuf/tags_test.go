package protobuf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// Written by hand: tags stand in the options that Confluent's clients read.
func TestRetag(t *testing.T) {
	t.Parallel()
	s := mustRead(t, `syntax = "proto3"; package p; message A { string a = 1; map<string, B> b = 2; message B { string c = 1; } }`)
	field := func(path string, tags ...string) []format.Tagged {
		return []format.Tagged{{Entity: format.Entity{Path: path, Field: true}, Tags: tags}}
	}
	text, err := s.Retag(append(field("p.A.a", "PII", "PII"), format.Tagged{Entity: format.Entity{Path: "p.A.B"}, Tags: []string{"X"}}), nil)
	if err != nil {
		t.Fatal(err)
	}
	tagged := mustRead(t, text)
	if got := fmt.Sprint(tagged.Entities()); got != "[{{p.A false} []} {{p.A.a true} [PII]} {{p.A.b true} []} {{p.A.B false} [X]} {{p.A.B.c true} []}]" {
		t.Errorf("got %s", got)
	}
	for _, want := range []string{`import "confluent/meta.proto";`, `string a = 1 [(confluent.field_meta) = { tags: "PII" }];`, `option (confluent.message_meta) = { tags: "X" };`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	again, err := tagged.Retag(field("p.A.a", "PII", "B"), field("p.A.a", "Z"))
	if err != nil || !strings.Contains(again, `{ tags: "PII" tags: "B" }`) || strings.Count(again, "import") != 1 {
		t.Errorf("%v\n%s", err, again)
	}
	bare, err := tagged.Retag(nil, append(field("p.A.a", "PII"), format.Tagged{Entity: format.Entity{Path: "p.A.B"}, Tags: []string{"X"}}))
	if err != nil || strings.Contains(bare, "_meta)") {
		t.Errorf("%v\n%s", err, bare)
	}
	said := mustRead(t, `syntax = "proto3"; package p; import "confluent/meta.proto"; message A { string a = 1 [(confluent.field_meta) = { doc: "d" tags: "T" }]; }`)
	if left, err := said.Retag(nil, field("p.A.a", "T")); err != nil || !strings.Contains(left, `= { doc: "d" }]`) {
		t.Errorf("%v\n%s", err, left)
	}
	if strings.Contains(s.Canonical(), "PII") || strings.Contains(tagged.Canonical(), `"B"`) {
		t.Error("a schema has changed")
	}
	for _, path := range []string{"A.a", "p.A.z", "p.A.BEntry.key", ""} {
		if _, err := s.Retag(field(path, "T"), nil); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Each warning, and the direction in which it holds. Written from the language
// guide: which values come out as others.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, backward, forward string }{
		{"int64 a = 1;", "int32 a = 1;", "FIELD_TYPE_NARROWED", ""},
		{"int32 a = 1;", "uint32 a = 1;", "FIELD_TYPE_NARROWED", "FIELD_TYPE_NARROWED"},
		{"uint32 a = 1;", "int64 a = 1;", "", "FIELD_TYPE_NARROWED"},
		{"bool a = 1;", "E a = 1;", "FIELD_TYPE_NARROWED", "FIELD_TYPE_NARROWED"},
		{"sint64 a = 1;", "sint32 a = 1;", "FIELD_TYPE_NARROWED", ""},
		{"fixed32 a = 1;", "sfixed32 a = 1;", "FIELD_TYPE_NARROWED", "FIELD_TYPE_NARROWED"},
		{"bytes a = 1;", "string a = 1;", "FIELD_BYTES_READ_AS_STRING", ""},
		{"string a = 1;", "repeated string a = 1;", "", "FIELD_REPEATED_READ_AS_ONE"},
		{"string a = 1;", "string b = 1;", "FIELD_NAME_CHANGED", "FIELD_NAME_CHANGED"},
		{"map<string, int64> a = 1;", "map<string, bool> a = 1;", "FIELD_TYPE_NARROWED", ""},
		{"E a = 1;", "F a = 1;", "ENUM_CONST_REMOVED", "ENUM_CONST_REMOVED"},
		{"string a = 1;", "int32 a = 1;", "", ""},
		{`syntax = "proto2"; message M { optional int32 a = 1 [default = 1]; }`, `syntax = "proto2"; message M { optional int32 a = 1; }`, "FIELD_DEFAULT_CHANGED", "FIELD_DEFAULT_CHANGED"},
		{`syntax = "proto3"; message M { N n = 1; } message N {}`, `syntax = "proto3"; message M { N n = 1; message N {} }`, "MESSAGE_MOVED", "MESSAGE_MOVED"},
	} {
		was, is := mustRead(t, proto3(c.old)), mustRead(t, proto3(c.new))
		for want, said := range map[string][]format.Difference{c.backward + " ": is.Warnings(was), c.forward: was.Warnings(is)} {
			var got []string
			for _, w := range said {
				got = append(got, w.Kind)
			}
			if strings.Join(got, " ") != strings.TrimSpace(want) {
				t.Errorf("%s, %s: got %v, want %s", c.old, c.new, got, want)
			}
		}
	}
}

// A difference says where it is and what stands there. Written by hand.
func TestADifference(t *testing.T) {
	t.Parallel()
	was := mustRead(t, proto3("N n = 1; message N { map<string, int32> tags = 4; }"))
	is := mustRead(t, proto3("N n = 1; message N { map<string, double> labels = 4; }"))
	found, err := is.CanRead(was, format.Options{})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	want := format.Difference{
		Kind: "FIELD_SCALAR_KIND_CHANGED", Path: "<p.M>.n.labels", Pointer: "#/M/N/4", Detail: "int32 to double",
		Message: "the value of the map was int32 and is double, which is written in another way; keep the type, or add a field with a number of its own",
		Reader:  "map<string, double> labels = 4;", Writer: "map<string, int32> tags = 4;",
	}
	if found[0] != want {
		t.Errorf("got %+v", found[0])
	}
}

// What stands in no map is called a field. Written by hand.
func TestADifferenceNamesTheField(t *testing.T) {
	t.Parallel()
	for is, want := range map[string]string{
		"int32 n = 1;":               "the field was string and is int32, ",
		"N n = 1; message N {}":      "the field was a scalar and is a message; ",
		"map<string, string> n = 1;": "the field was a scalar and is a map; ",
		"oneof o { sint64 n = 1; }":  "the field was string and is sint64, ",
		"E n = 1; enum E { A = 0; }": "the field was string and is enum, ",
		"repeated int32 n = 1;":      "the field was string and is int32, ",
	} {
		found, err := mustRead(t, proto3(is)).CanRead(mustRead(t, proto3("string n = 1;")), format.Options{})
		if err != nil || len(found) == 0 || !strings.HasPrefix(found[0].Message, want) {
			t.Errorf("%s: %v %v", is, found, err)
		}
	}
}
