package protobuf

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// nested is a descriptor of messages in one another.
func nested(t testing.TB, depth int) string {
	m := &descriptorpb.DescriptorProto{Name: proto.String("M")}
	for range depth {
		m = &descriptorpb.DescriptorProto{Name: proto.String("M"), NestedType: []*descriptorpb.DescriptorProto{m}}
	}
	return encoded(t, &descriptorpb.FileDescriptorProto{Syntax: proto.String("proto3"), MessageType: []*descriptorpb.DescriptorProto{m}})
}

func encoded(t testing.TB, d *descriptorpb.FileDescriptorProto) string {
	t.Helper()
	b, err := proto.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// deepText nests brackets of a kind.
func deepText(open, close string, depth int) string {
	return `syntax = "proto3"; ` + strings.Repeat(open, depth) + strings.Repeat(close, depth)
}

// What cannot be taken is refused with words that say what and where, and with
// no more of it than a person reads. Nothing is fetched.
func TestRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 300_000)
	named := func(d *descriptorpb.DescriptorProto) string {
		return encoded(t, &descriptorpb.FileDescriptorProto{Syntax: proto.String("proto3"), MessageType: []*descriptorpb.DescriptorProto{d}})
	}
	for name, c := range map[string]struct{ text, says string }{
		"ten megabytes":               {strings.Repeat("/", 10<<20), "at most"},
		"empty":                       {"", "is empty"},
		"white space":                 {" \n", "is empty"},
		"not UTF-8":                   {"message A {} // \xff", "UTF-8"},
		"no schema at all":            {`{"type":"record"}`, "line 1, column 1"},
		"messages 3,000 deep":         {deepText("message M {", "}", 3000), "nests more than 100"},
		"options 3,000 deep":          {deepText("option (x) = {a ", "}", 3000), "nests more than 100"},
		"lists 3,000 deep":            {deepText("[", "]", 3000), "nests more than 100"},
		"groups 3,000 deep":           {deepText("optional group A = 1 {", "}", 3000), "nests more than 100"},
		"descriptor 3,000 deep":       {nested(t, 3000), "nests more than 100"},
		"descriptor 200 deep":         {nested(t, 200), "nests more than 100"},
		"import of itself":            {`syntax = "proto3"; import "default"; message A {}`, "cycle"},
		"import that is not here":     {`syntax = "proto3"; import "a/b.proto"; message A {}`, `references.a/b.proto: the file imports it, and there is no such reference`},
		"import over http":            {`syntax = "proto3"; import "http://127.0.0.1:1/a.proto"; message A {}`, "there is no such reference"},
		"import of a local file":      {`syntax = "proto3"; import "/etc/passwd"; message A {}`, "there is no such reference"},
		"import of an unknown google": {`syntax = "proto3"; import "google/type/nothing.proto"; message A {}`, "there is no such reference"},
		"number twice":                {`syntax = "proto3"; message A { int32 a = 1; int32 b = 1; }`, "line 1, column 55"},
		"number zero":                 {`syntax = "proto3"; message A { int32 a = 0; }`, "line 1"},
		"reserved number":             {`syntax = "proto3"; message A { int32 a = 1; reserved 1; }`, "line 1"},
		"type unknown":                {"syntax = \"proto3\";\nmessage A {\n  B b = 1;\n}", "line 3, column 3"},
		"long name":                   {`syntax = "proto3"; message ` + long + ` { ` + long + ` x = 1; }`, "more than 1000 characters"},
		"long names of all around":    {`syntax = "proto3"; message ` + strings.Repeat("a", 999) + ` { message ` + strings.Repeat("b", 999) + `{` + strings.Repeat("message M { int32 a = 1; }", 4_900) + `} }`, "names of the schema are too long"},
		"long string":                 {`syntax = "` + long + `";`, "line 1"},
		"required in proto3":          {`syntax = "proto3"; message A { required int32 a = 1; }`, "required"},
		"enum without zero":           {`syntax = "proto3"; enum E { A = 1; }`, "zero"},
		"name with a statement":       {named(&descriptorpb.DescriptorProto{Name: proto.String("A {} message B")}), ""},
		"message without a name":      {named(&descriptorpb.DescriptorProto{}), ""},
		"descriptor of a type that is not": {named(&descriptorpb.DescriptorProto{Name: proto.String("A"), Field: []*descriptorpb.FieldDescriptorProto{{
			Name: proto.String("a"), Number: proto.Int32(1), Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), TypeName: proto.String(".X"),
		}}}), "X"},
		"a million statements":     {`syntax = "proto3";` + strings.Repeat(";", 1_000_000), "more than 10000 declarations"},
		"groups without a field":   {`syntax = "proto2"; message A {` + strings.Repeat("oneof o { group G = 1 {} } ", 20_000) + "}", "more than 10000 declarations"},
		"tags without end":         {`syntax = "proto3"; import "confluent/meta.proto"; message A { string a = 1 [(confluent.field_meta) = {tags: ["a"` + strings.Repeat(`, "a"`, 100) + `]}]; }`, "more than 100 tags"},
		"comments on one line":     {`syntax = "proto3"; message A {` + strings.Repeat("/**/", 100_000) + "}", "too much stands on one line"},
		"comments between all":     {`syntax = "proto3"; message A {` + strings.Repeat("int32/**/a/**/=/**/1/**/;/**/", 5_000) + "}", "too much stands on one line"},
		"oneofs of one field":      {`syntax = "proto3"; message A {` + strings.Repeat("oneof o { int32 a = 1; } ", 5_000) + "}", "more than 10000 declarations"},
		"messages without a field": {`syntax = "proto3";` + strings.Repeat("message A {} ", 20_000), "more than 10000 declarations"},
		"lists of options":         {`syntax = "proto2"; message A {` + strings.Repeat("optional int32 a = 1 [deprecated = true];\n", 5_000) + "}", "line 5000, column 22: the schema has more than 10000 declarations"},
		"a million ranges":         {`syntax = "proto3"; message A { reserved 1` + strings.Repeat(",2", 400_000) + "; }", "more than 10000 declarations"},
		"a descriptor of many":     {named(&descriptorpb.DescriptorProto{Name: proto.String("A"), OneofDecl: make([]*descriptorpb.OneofDescriptorProto, 100_000)}), "more than 10000 declarations"},
		"unfolds without end":      {unfoldsWide(40), "unfolds to more than"},
		"more than parsers bear":   {`syntax = "proto2"; message M { extensions 1 [verification = UNVERIFIED]@ }`, "line 1, column 72"},
		"a map without a letter":   {`syntax = "proto3"; message A { map<string, A> __ = 1; }`, "no letter"},
		"one optional field often": {`syntax = "proto3"; message A {` + strings.Repeat(" optional int32 a = 1;", 9_000) + "}", "line 1, column 69: message A: two fields have the name a"},
		"9,000 optional fields":    {wide(18_000)["optional"], "thousands of optional fields"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(c.text, nil)
			faults := fault.All(err)
			if len(faults) == 0 {
				t.Fatalf("got %v, want faults", err)
			}
			if code := faults[0].Code; code != codeInvalid && code != "SCHEMA_TOO_LARGE" {
				t.Errorf("the code is %s", code)
			}
			if !strings.Contains(err.Error(), c.says) || len(err.Error()) > 2048 {
				t.Errorf("%d bytes: %.500s", len(err.Error()), err)
			}
		})
	}
}

// unfoldsWide uses each message twice, so that places double at each step.
func unfoldsWide(steps int) string {
	var b strings.Builder
	b.WriteString(`syntax = "proto3";`)
	for i := range steps {
		fmt.Fprintf(&b, " message M%d { M%d a = 1; M%d b = 2; }", i, i+1, i+1)
	}
	fmt.Fprintf(&b, " message M%d { string leaf = 1; }", steps)
	return b.String()
}

// wide are sound files that have one kind of declaration so many times: as what
// is quadratic in any of them would show.
func wide(n int) map[string]string {
	repeat := func(head string, n int, one, tail string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			b.WriteString(strings.ReplaceAll(one, "#", fmt.Sprint(i+1)))
		}
		b.WriteString(tail)
		return b.String()
	}
	const p2, p3 = `syntax = "proto2";`, `syntax = "proto3";`
	return map[string]string{
		"fields":     repeat(p3+"message M {", n, "string field_# = #;\n", "}"),
		"maps":       repeat(p3+"message M {", n/2, "map<string,X> f# = #;\n", "} message X {}"),
		"messages":   repeat(p3, n, "message M# { string x = 1; }\n", ""),
		"nested":     repeat(p3+"message M {", n, "message M# { string x = 1; }\n", "}"),
		"oneofs":     repeat(p3+"message M {", n/2, "oneof o# { string f# = #; }\n", "}"),
		"optional":   repeat(p3+"message M {", n/2, "optional string f# = #;\n", "}"),
		"one oneof":  repeat(p3+"message M { oneof o {", n, "string f# = #;\n", "} }"),
		"groups":     repeat(p2+"message M {", n/2, "optional group G# = # { optional int32 x = 1; }\n", "}"),
		"enums":      repeat(p3, n, "enum E# { A# = 0; }\n", ""),
		"values":     repeat(p3+"enum E { Z = 0;", n, "V# = #;\n", "} message M { E e = 1; }"),
		"extensions": repeat(p2+"message M { extensions 1 to max; } extend M {", n, "optional int32 x# = #;\n", "}"),
		"options":    repeat(p3+`import "confluent/meta.proto"; message M {`, n/2, `string f# = # [(confluent.field_meta).tags = "a"];`+"\n", "}"),
		"comments":   repeat(p3+"message M {", n/2, "// a comment of some length\nstring f# = #;\n", "}"),
		"reserved":   repeat(p3+"message M { reserved 20000", n, ", 3#0000", "; }"),
	}
}

// A large file is read, and held against itself. How long the largest take is
// for the benchmark to say.
func TestLarge(t *testing.T) {
	t.Parallel()
	for name, text := range wide(2_000) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mustRead(t, text)
			if _, err := s.CanRead(s, format.Options{}); err != nil {
				t.Error(err)
			}
			again := mustRead(t, s.Canonical())
			if again.Canonical() != s.Canonical() {
				t.Error("the canonical text is not its own")
			}
		})
	}
}

// Messages of one simple name that refer to one another in other ways make very
// many pairs, and very long chains of them. It ends, and says why.
func TestAComparisonEnds(t *testing.T) {
	t.Parallel()
	ring := func(n, step int, fields string) *Schema {
		var b strings.Builder
		b.WriteString(`syntax = "proto3";`)
		for i := range n {
			fmt.Fprintf(&b, " message S%d { message N { S%d.N a = 1; "+fields+" } }", i, (i*step+1)%n)
		}
		return mustRead(t, b.String())
	}
	for name, pair := range map[string][2]*Schema{
		"wide": {ring(701, 7, "N b = 2; string c = 3;"), ring(701, 11, "N b = 2; string c = 3;")},
		"long": {ring(449, 1, "string c = 3;"), ring(443, 1, "string c = 3;")},
	} {
		_, err := pair[0].CanRead(pair[1], format.Options{})
		if err == nil || !strings.Contains(err.Error(), "too large to compare") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The path of a fault leads back to the place in the text.
func TestLocate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text         string
		line, column int
	}{
		{"syntax = \"proto3\";\n\nimport 'a/b.proto';", 3, 8},
		{"syntax = \"proto3\";\nmessage A {\n\tB b = 1;\n}", 3, 2},
		{"", 1, 1},
		{"syntax = \"proto3\"; message A { int32 ü = 1; }", 1, 38},
	} {
		_, err := Read(c.text, nil)
		faults := fault.All(err)
		if len(faults) == 0 {
			t.Errorf("%q was taken", c.text)
			continue
		}
		if line, column := Locate(c.text)(faults[0].Path); line != c.line || column != c.column {
			t.Errorf("%q: %v is at %d:%d, want %d:%d", c.text, faults[0], line, column, c.line, c.column)
		}
	}
}
