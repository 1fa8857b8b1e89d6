package protobuf

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas/format"
)

// change is one step from an old file to a new one, and what is expected of it
// by the rules: the kinds of difference for the new one as reader (BACKWARD)
// and for the old one as reader (FORWARD), separated by blanks; "" if it can
// read.
type change struct {
	name     string
	old, new string
	backward string
	forward  string
}

// proto2 and proto3 are files of one message M; a body that says "syntax" is a
// whole file.
func proto3(body string) string {
	return whole(body, `syntax = "proto3"; package p; enum E { A = 0; B = 1; } enum F { FA = 0; FB = 5; } message X { string x = 1; } message Y { string x = 1; } message M { `+body+` }`)
}

func proto2(body string) string {
	return whole(body, `syntax = "proto2"; package p; enum E { A = 0; B = 1; } message X { optional string x = 1; } message M { `+body+` }`)
}

func whole(body, file string) string {
	if strings.Contains(body, "syntax") {
		return body
	}
	return file
}

const (
	scalarKind = string(ScalarKindChanged)
	fieldKind  = string(FieldKindChanged)
	namedType  = string(NamedTypeChanged)
	numericLab = string(NumericLabelChanged)
	reqAdded   = string(RequiredAdded)
	reqRemoved = string(RequiredRemoved)
	oneofLost  = string(OneofFieldRemoved)
	several    = string(SeveralMovedToOneof)
	movedIn    = string(MovedToOneof)
	packageChg = string(PackageChanged)
	msgRemoved = string(MessageRemoved)
)

// Source: the language guide of proto3 (protobuf.dev), "Updating A Message
// Type": "int32, uint32, int64, uint64, and bool are all compatible"; "sint32
// and sint64 are compatible with each other but are not compatible with the
// other integer types"; "string and bytes are compatible as long as the bytes
// are valid UTF-8"; "fixed32 is compatible with sfixed32, and fixed64 with
// sfixed64"; "enum is compatible with int32, uint32, int64, and uint64 in terms
// of wire format". Of types that are not named there, none is compatible. All
// pairs of scalar types and of an enum follow from it: 256 verdicts.
func TestScalarTypes(t *testing.T) {
	t.Parallel()
	groups := [][]string{
		{"int32", "int64", "uint32", "uint64", "bool", "E"}, {"sint32", "sint64"}, {"string", "bytes"},
		{"fixed32", "sfixed32"}, {"fixed64", "sfixed64"}, {"float"}, {"double"},
	}
	group := map[string]int{}
	for i, g := range groups {
		for _, kind := range g {
			group[kind] = i
		}
	}
	for was := range group {
		for is := range group {
			want := ""
			if group[was] != group[is] {
				want = scalarKind
			}
			expect(t, change{was + " to " + is, was + " f = 1;", is + " f = 1;", want, want}, proto3)
			expect(t, change{"map of " + was + " to " + is, "map<int32, " + was + "> f = 1;", "map<int32, " + is + "> f = 1;", want, want}, proto3)
		}
	}
}

// Source: what registries that speak Confluent's API agree on (its
// documentation of Protobuf compatibility, and the types of difference its
// clients know), and the language guide where that says more. Where the two
// disagree over data that would be lost, the guide wins: such rows say so.
var changes3 = []change{
	// The guide: "adding new fields", "fields can be removed"; names are not
	// on the wire.
	{"nothing", "string a = 1;", "string a = 1;", "", ""},
	{"field added", "string a = 1;", "string a = 1; string b = 2;", "", ""},
	{"field removed", "string a = 1; string b = 2;", "string a = 1;", "", ""},
	{"field removed and reserved", "string a = 1; string b = 2;", `string a = 1; reserved 2; reserved "b";`, "", ""},
	{"every field removed", "string a = 1; int32 b = 2;", "", "", ""},
	{"field renamed", "string a = 1;", "string b = 1;", "", ""},
	{"names swapped", "string a = 1; string b = 2;", "string b = 1; string a = 2;", "", ""},
	{"numbers swapped of unlike types", "string a = 1; int32 b = 2;", "int32 b = 1; string a = 2;", scalarKind + " " + scalarKind, scalarKind + " " + scalarKind},
	{"number changed", "string a = 1;", "string a = 2;", "", ""},
	{"order changed", "string a = 1; int32 b = 2;", "int32 b = 2; string a = 1;", "", ""},
	{"reserved added", "string a = 1;", "string a = 1; reserved 5 to 9;", "", ""},
	{"reserved number used", "string a = 1; reserved 2;", "string a = 1; string b = 2;", "", ""},
	{"comment changed", "/* x */ string a = 1;", "// y\n string a = 1;", "", ""},
	{"option changed", "string a = 1;", "string a = 1 [deprecated = true];", "", ""},
	{"json_name changed", "string a = 1;", `string a = 1 [json_name = "z"];`, "", ""},
	{"packed changed", "repeated int32 a = 1;", "repeated int32 a = 1 [packed = false];", "", ""},

	// Presence and labels. Registries: of strings and bytes the label may
	// change, of numbers not, when both are written. The guide: numbers that
	// are repeated are packed, and one value is not read from them.
	{"implicit to optional", "int32 a = 1;", "optional int32 a = 1;", "", ""},
	{"implicit string to optional", "string a = 1;", "optional string a = 1;", "", ""},
	{"string to repeated", "string a = 1;", "repeated string a = 1;", "", ""},
	{"optional string to repeated", "optional string a = 1;", "repeated string a = 1;", "", ""},
	{"bytes to repeated", "bytes a = 1;", "repeated bytes a = 1;", "", ""},
	{"bytes to repeated string", "bytes a = 1;", "repeated string a = 1;", "", ""},
	{"message to repeated", "X a = 1;", "repeated X a = 1;", "", ""},
	{"optional number to repeated", "optional int32 a = 1;", "repeated int32 a = 1;", numericLab, numericLab},
	{"optional bool to repeated", "optional bool a = 1;", "repeated bool a = 1;", numericLab, numericLab},
	{"optional enum to repeated", "optional E a = 1;", "repeated E a = 1;", numericLab, numericLab},
	{"optional double to repeated", "optional double a = 1;", "repeated double a = 1;", numericLab, numericLab},
	{"implicit number to repeated (the guide)", "int32 a = 1;", "repeated int32 a = 1;", "", numericLab},
	{"implicit enum to repeated (the guide)", "E a = 1;", "repeated E a = 1;", "", numericLab},
	{"implicit fixed64 to repeated (the guide)", "fixed64 a = 1;", "repeated fixed64 a = 1;", "", numericLab},

	// Kinds of field: registries tell scalars, messages and maps apart.
	{"string to message", "string a = 1;", "X a = 1;", fieldKind, fieldKind},
	{"bytes to message", "bytes a = 1;", "X a = 1;", fieldKind, fieldKind},
	{"int to message", "int32 a = 1;", "X a = 1;", fieldKind, fieldKind},
	{"enum to message", "E a = 1;", "X a = 1;", fieldKind, fieldKind},
	{"message to map", "repeated X a = 1;", "map<string, string> a = 1;", fieldKind, fieldKind},
	{"scalar to map", "string a = 1;", "map<string, string> a = 1;", fieldKind, fieldKind},
	{"map value to message", "map<string, string> a = 1;", "map<string, X> a = 1;", fieldKind, fieldKind},
	{"map key across groups", "map<string, string> a = 1;", "map<int32, string> a = 1;", scalarKind, scalarKind},
	{"map key within a group", "map<int32, string> a = 1;", "map<int64, string> a = 1;", "", ""},
	{"map value within a group", "map<string, string> a = 1;", "map<string, bytes> a = 1;", "", ""},
	{"map value message renamed", "map<string, X> a = 1;", "map<string, Y> a = 1;", namedType, namedType},
	{"map value to enum", "map<string, int32> a = 1;", "map<string, E> a = 1;", "", ""},
	{"map key and value", "map<int32, float> a = 1;", "map<string, double> a = 1;", scalarKind + " " + scalarKind, scalarKind + " " + scalarKind},
	{"map renamed", "map<int32, float> a = 1;", "map<int32, float> b = 1;", "", ""},
	{"map added", "", "map<int32, float> b = 1;", "", ""},

	// Types by name. Registries: another local name is another type.
	{"message type by another name", "X a = 1;", "Y a = 1;", namedType, namedType},
	{"enum type by another name (the guide)", "E a = 1;", "F a = 1;", "", ""},
	{"message qualified", "X a = 1;", ".p.X a = 1;", "", ""},

	// Oneofs. The guide: "Moving fields into or out of a oneof"; registries: a
	// member may not go while the oneof stays.
	{"oneof added", "", "oneof o { string a = 1; int32 b = 2; }", "", ""},
	{"oneof removed whole", "oneof o { string a = 1; int32 b = 2; } string c = 3;", "string c = 3;", "", ""},
	{"oneof renamed", "oneof o { string a = 1; int32 b = 2; }", "oneof q { string a = 1; int32 b = 2; }", "", ""},
	{"oneof member added", "oneof o { string a = 1; }", "oneof o { string a = 1; int32 b = 2; }", "", oneofLost},
	{"oneof member removed", "oneof o { string a = 1; int32 b = 2; }", "oneof o { string a = 1; }", oneofLost, ""},
	{"two members removed", "oneof o { string a = 1; int32 b = 2; X c = 3; }", "oneof o { string a = 1; }", oneofLost + " " + oneofLost, ""},
	{"oneof of other members", "oneof o { string a = 1; }", "oneof o { string b = 2; }", oneofLost, oneofLost},
	{"oneof member removed, oneof renamed", "oneof o { string a = 1; int32 b = 2; }", "oneof q { string a = 1; }", oneofLost, ""},
	{"member to the top, oneof gone", "oneof o { string a = 1; }", "string a = 1;", "", ""},
	{"members to the top, oneof gone", "oneof o { string a = 1; int32 b = 2; }", "string a = 1; int32 b = 2;", "", several},
	{"one member to the top, oneof stays", "oneof o { string a = 1; int32 b = 2; }", "oneof o { string a = 1; } int32 b = 2;", "", movedIn},
	{"one field into a new oneof", "string a = 1;", "oneof o { string a = 1; }", "", ""},
	{"one field into a new oneof with a new one", "string a = 1;", "oneof o { string a = 1; int32 b = 2; }", "", ""},
	{"one optional field into a new oneof", "optional string a = 1;", "oneof o { string a = 1; }", "", ""},
	{"two fields into a new oneof", "string a = 1; int32 b = 2;", "oneof o { string a = 1; int32 b = 2; }", several, ""},
	{"three fields into a new oneof", "string a = 1; int32 b = 2; X c = 3;", "oneof o { string a = 1; int32 b = 2; X c = 3; }", several, ""},
	{"two optional fields into a new oneof", "optional string a = 1; optional int32 b = 2;", "oneof o { string a = 1; int32 b = 2; }", several, ""},
	{"field into an old oneof", "oneof o { string a = 1; } int32 b = 2;", "oneof o { string a = 1; int32 b = 2; }", movedIn, ""},
	{"two oneofs joined", "oneof o { string a = 1; } oneof q { int32 b = 2; }", "oneof o { string a = 1; int32 b = 2; }", movedIn, ""},
	{"member to another oneof", "oneof o { string a = 1; string c = 3; } oneof q { int32 b = 2; }", "oneof o { string a = 1; } oneof q { int32 b = 2; string c = 3; }", movedIn, movedIn},
	{"oneof split", "oneof o { string a = 1; int32 b = 2; }", "oneof o { string a = 1; } oneof q { int32 b = 2; }", "", movedIn},
	{"oneof to optional", "oneof o { string a = 1; }", "optional string a = 1;", "", ""},
	{"type within a oneof", "oneof o { string a = 1; }", "oneof o { int32 a = 1; }", scalarKind, scalarKind},
	{"type within a oneof, same group", "oneof o { int64 a = 1; }", "oneof o { int32 a = 1; }", "", ""},
	{"message within a oneof", "oneof o { X a = 1; }", "oneof o { Y a = 1; }", namedType, namedType},

	// Nested messages and recursion.
	{"nested field changed", "N n = 1; message N { string a = 1; }", "N n = 1; message N { int32 a = 1; }", scalarKind, scalarKind},
	{"nested field added", "N n = 1; message N { string a = 1; }", "N n = 1; message N { string a = 1; string b = 2; }", "", ""},
	{"nested message added", "string a = 1;", "string a = 1; message N { string a = 1; }", "", msgRemoved},
	{"nested message and its field removed", "string a = 1; N n = 2; message N { string a = 1; }", "string a = 1;", msgRemoved, ""},
	{"recursion kept", "string a = 1; M m = 2;", "string a = 1; repeated M m = 2;", "", ""},
	{"recursion changed", "string a = 1; M m = 2;", "int32 a = 1; M m = 2;", scalarKind, scalarKind},
	{"nested hides the outer, same content", "X a = 1;", "X a = 1; message X { string x = 1; }", "", msgRemoved},
	{"nested hides the outer, other content", "X a = 1;", "X a = 1; message X { int32 x = 1; }", scalarKind, msgRemoved + " " + scalarKind},
	{"deep change told once", "N n = 1; N o = 2; message N { string a = 1; }", "N n = 1; N o = 2; message N { double a = 1; }", scalarKind, scalarKind},

	// Whole files.
	{"package changed", `syntax = "proto3"; package a; message M { string a = 1; }`, `syntax = "proto3"; package b; message M { string a = 1; }`, packageChg, packageChg},
	{"package added", `syntax = "proto3"; message M { string a = 1; }`, `syntax = "proto3"; package b; message M { string a = 1; }`, packageChg, packageChg},
	{"package and type changed", `syntax = "proto3"; package a; message M { string a = 1; }`, `syntax = "proto3"; package b; message M { int32 a = 1; }`, packageChg + " " + scalarKind, packageChg + " " + scalarKind},
	{"message added", `syntax = "proto3"; message M {}`, `syntax = "proto3"; message M {} message N {}`, "", msgRemoved},
	{"message removed", `syntax = "proto3"; message M {} message N {}`, `syntax = "proto3"; message M {}`, msgRemoved, ""},
	{"message renamed", `syntax = "proto3"; message M { string a = 1; }`, `syntax = "proto3"; message N { string a = 1; }`, msgRemoved, msgRemoved},
	{"messages in another order", `syntax = "proto3"; message M { string a = 1; } message N { int32 a = 1; }`, `syntax = "proto3"; message N { int32 a = 1; } message M { string a = 1; }`, "", ""},
	{"message moved in", `syntax = "proto3"; message M { N n = 1; } message N { string a = 1; }`, `syntax = "proto3"; message M { N n = 1; message N { string a = 1; } }`, "", ""},
	{"message moved in and changed", `syntax = "proto3"; message M { N n = 1; } message N { string a = 1; }`, `syntax = "proto3"; message M { N n = 1; message N { int32 a = 1; } }`, scalarKind, scalarKind},
	{"enum removed", `syntax = "proto3"; message M { E e = 1; } enum E { A = 0; }`, `syntax = "proto3"; message M { int32 e = 1; }`, "", ""},
	{"enum removed and its field", `syntax = "proto3"; message M { E e = 1; } enum E { A = 0; }`, `syntax = "proto3"; message M { }`, "", ""},
	{"enum renamed", `syntax = "proto3"; message M { E e = 1; } enum E { A = 0; }`, `syntax = "proto3"; message M { F e = 1; } enum F { A = 0; }`, "", ""},
	{"constant added", `syntax = "proto3"; message M { E e = 1; } enum E { A = 0; }`, `syntax = "proto3"; message M { E e = 1; } enum E { A = 0; B = 1; }`, "", ""},
	{"constant renamed", `syntax = "proto3"; message M { E e = 1; } enum E { A = 0; B = 1; }`, `syntax = "proto3"; message M { E e = 1; } enum E { A = 0; C = 1; }`, "", ""},
	{"constant renumbered", `syntax = "proto3"; message M { E e = 1; } enum E { A = 0; B = 1; }`, `syntax = "proto3"; message M { E e = 1; } enum E { A = 0; B = 2; }`, "", ""},
	{"enum reserved", `syntax = "proto3"; message M { E e = 1; } enum E { A = 0; B = 1; }`, `syntax = "proto3"; message M { E e = 1; } enum E { A = 0; reserved 1; }`, "", ""},
	{"service added", `syntax = "proto3"; message M {}`, `syntax = "proto3"; message M {} service S { rpc R (M) returns (M); }`, "", ""},
	{"import added", `syntax = "proto3"; message M {}`, `syntax = "proto3"; import "google/protobuf/any.proto"; message M { google.protobuf.Any a = 1; }`, "", ""},
	{"well-known for another", `syntax = "proto3"; import "google/protobuf/wrappers.proto"; message M { google.protobuf.StringValue a = 1; }`, `syntax = "proto3"; import "google/protobuf/wrappers.proto"; message M { google.protobuf.Int32Value a = 1; }`, namedType, namedType},
	{"well-known for its value", `syntax = "proto3"; import "google/protobuf/wrappers.proto"; message M { google.protobuf.StringValue a = 1; }`, `syntax = "proto3"; message M { string a = 1; }`, fieldKind, fieldKind},
	{"well-known for one's own of the name", `syntax = "proto3"; import "google/protobuf/timestamp.proto"; message M { google.protobuf.Timestamp a = 1; }`, `syntax = "proto3"; message M { Timestamp a = 1; } message Timestamp { int64 seconds = 1; int32 nanos = 2; }`, "", msgRemoved},
	{"syntax changed", `syntax = "proto2"; message M { optional string a = 1; }`, `syntax = "proto3"; message M { string a = 1; }`, "", ""},
	{"proto2 optional to implicit", `syntax = "proto2"; message M { optional int32 a = 1; }`, `syntax = "proto3"; message M { int32 a = 1; }`, "", ""},
	{"proto3 to an edition", `syntax = "proto3"; message M { optional int32 a = 1; repeated int32 b = 2; }`, `edition = "2023"; /* no syntax */ message M { int32 a = 1; repeated int32 b = 2; }`, "", ""},
	{"required by a feature", `edition = "2023"; /* no syntax */ message M { int32 a = 1; }`, `edition = "2023"; /* no syntax */ message M { int32 a = 1 [features.field_presence = LEGACY_REQUIRED]; }`, reqAdded, ""},
	{"delimited by a feature", `edition = "2023"; /* no syntax */ message M { M a = 1; }`, `edition = "2023"; /* no syntax */ message M { M a = 1 [features.message_encoding = DELIMITED]; }`, fieldKind, fieldKind},
	{"no message at all", `syntax = "proto3"; enum E { A = 0; }`, `syntax = "proto3"; enum F { B = 0; }`, "", ""},
}

// Source: as above, and the language guide of proto2: "required is forever".
var changes2 = []change{
	{"required added", "optional string a = 1;", "optional string a = 1; required string b = 2;", reqAdded, reqRemoved},
	{"required removed", "optional string a = 1; required string b = 2;", "optional string a = 1;", reqRemoved, reqAdded},
	{"required kept", "required string a = 1;", "required string a = 1;", "", ""},
	{"required renamed", "required string a = 1;", "required string b = 1;", "", ""},
	{"required number added", "", "required int32 b = 2;", reqAdded, reqRemoved},
	{"optional string to required (the guide)", "optional string a = 1;", "required string a = 1;", reqAdded, ""},
	{"optional number to required", "optional int32 a = 1;", "required int32 a = 1;", reqAdded, numericLab},
	{"optional message to required (the guide)", "optional X a = 1;", "required X a = 1;", reqAdded, ""},
	{"optional number to repeated", "optional int32 a = 1;", "repeated int32 a = 1;", numericLab, numericLab},
	{"optional number to repeated packed", "optional int32 a = 1;", "repeated int32 a = 1 [packed = true];", numericLab, numericLab},
	{"optional string to repeated", "optional string a = 1;", "repeated string a = 1;", "", ""},
	{"required string to repeated (the guide)", "required string a = 1;", "repeated string a = 1;", "", reqAdded},
	{"repeated packed", "repeated int32 a = 1;", "repeated int32 a = 1 [packed = true];", "", ""},
	{"default added", "optional int32 a = 1;", "optional int32 a = 1 [default = 5];", "", ""},
	{"default changed", "optional int32 a = 1 [default = 4];", "optional int32 a = 1 [default = 5];", "", ""},
	{"group kept", "optional group G = 1 { optional string a = 1; }", "optional group G = 1 { optional string a = 1; }", "", ""},
	{"group's field changed", "optional group G = 1 { optional string a = 1; }", "optional group G = 1 { optional int32 a = 1; }", scalarKind, scalarKind},
	{"group to message", "optional group G = 1 { optional string a = 1; }", "optional G g = 1; message G { optional string a = 1; }", fieldKind, fieldKind},
	{"group to string", "optional group G = 1 { optional string a = 1; } message G2 {}", "optional string g = 1; message G2 {}", msgRemoved + " " + fieldKind, fieldKind},
	{"group repeated", "optional group G = 1 { optional string a = 1; }", "repeated group G = 1 { optional string a = 1; }", "", ""},
	{"group renamed", "optional group G = 1 { optional string a = 1; }", "optional group H = 1 { optional string a = 1; }", msgRemoved + " " + namedType, msgRemoved + " " + namedType},
	{"required in a nested message", "optional N n = 1; message N { optional string a = 1; }", "optional N n = 1; message N { required string a = 1; }", reqAdded, ""},
	{"extension range added", "optional string a = 1;", "optional string a = 1; extensions 100 to 200;", "", ""},
	{"extension kept", `syntax = "proto2"; message M { extensions 100 to 200; } extend M { optional string x = 100; }`, `syntax = "proto2"; message M { extensions 100 to 200; } extend M { optional string y = 100; }`, "", ""},
	{"extension changed (the guide)", `syntax = "proto2"; message M { extensions 100 to 200; } extend M { optional string x = 100; }`, `syntax = "proto2"; message M { extensions 100 to 200; } extend M { optional int32 x = 100; }`, scalarKind, scalarKind},
	{"extension moved into a message", `syntax = "proto2"; message M { extensions 100 to 200; } extend M { optional string x = 100; }`, `syntax = "proto2"; message M { extensions 100 to 200; extend M { optional string x = 100; } }`, "", ""},
	{"extension removed", `syntax = "proto2"; message M { extensions 100 to 200; } extend M { optional string x = 100; }`, `syntax = "proto2"; message M { extensions 100 to 200; }`, "", ""},
	{"oneof of a group", "oneof o { group G = 1 { optional string a = 1; } string b = 2; }", "oneof o { group G = 1 { optional int32 a = 1; } string b = 2; }", scalarKind, scalarKind},
}

func TestChanges(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for i, list := range [][]change{changes3, changes2} {
		for _, c := range list {
			key := fmt.Sprint(i, c.name)
			if names[key] {
				t.Errorf("two changes are called %q", c.name)
			}
			names[key] = true
			expect(t, c, []func(string) string{proto3, proto2}[i])
		}
	}
	if len(names) < 100 {
		t.Errorf("only %d pairs", len(names))
	}
}

func expect(t *testing.T, c change, file func(string) string) {
	t.Helper()
	was, is := mustRead(t, file(c.old)), mustRead(t, file(c.new))
	if got := kinds(t, is, was); got != sorted(c.backward) {
		t.Errorf("%s: the new one reads the old: %q, want %q", c.name, got, c.backward)
	}
	if got := kinds(t, was, is); got != sorted(c.forward) {
		t.Errorf("%s: the old one reads the new: %q, want %q", c.name, got, c.forward)
	}
}

func sorted(words string) string {
	list := strings.Fields(words)
	slices.Sort(list)
	return strings.Join(list, " ")
}

func kinds(t *testing.T, reader, writer *Schema) string {
	t.Helper()
	found, err := reader.CanRead(writer, format.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range found {
		if d.Path == "" && d.Kind != packageChg && d.Kind != msgRemoved || !strings.HasPrefix(d.Pointer, "#/") || d.Message == "" || d.Detail == "" || d.Reader+d.Writer == "" && d.Kind != packageChg && d.Kind != several && d.Kind != movedIn {
			t.Errorf("a difference that says too little: %+v", d)
		}
		out = append(out, d.Kind)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
