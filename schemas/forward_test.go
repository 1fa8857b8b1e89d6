package schemas_test

import (
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
)

// A mend is for the schema that somebody writes, whichever of the two reads: what
// an older one lacks a default for is gone here and not new.
func TestMendsAreOfTheNewSchema(t *testing.T) {
	t.Parallel()
	object := func(properties, more string) string {
		return `{"type":"object","properties":{` + properties + `}` + more + `}`
	}
	const closed = `,"additionalProperties":false`
	for _, c := range []struct {
		kind, before, now string
		level             schemas.Level
		mend              string
	}{
		{"AVRO", record("id", "total"), record("id"), schemas.Forward, "the field total is gone, and the schema that reads has no default for it; keep it"},
		{"AVRO", record("id"), record("id", "total"), schemas.Backward, "field total is new and has no default"},
		{"AVRO", `{"type":"enum","name":"E","symbols":["A"]}`, `{"type":"enum","name":"E","symbols":["A","B"]}`, schemas.Forward, "the symbols [B] are new"},
		{"AVRO", `["null","int"]`, `["null","int","string"]`, schemas.Forward, "the branch string is new"},
		{"AVRO", `["null",{"type":"enum","name":"n.E","symbols":["A"]},"int"]`, `["null",{"type":"enum","name":"m.E","symbols":["A"]}]`, schemas.Forward, "Java's reader throws at m.E"},
		{"AVRO", `["null",{"type":"enum","name":"n.E","symbols":["A"]}]`, `["null",{"type":"enum","name":"m.E","symbols":["A"]},"int"]`, schemas.Backward, "keep the namespace, or add n.E to the aliases"},
		{"AVRO", `"int"`, `"string"`, schemas.Forward, "cannot read the type that stands here now; keep the old type, or add a new field with a default"},
		{"JSON", object(`"a":{"type":"string"}`, closed), object(`"a":{"type":"string"},"b":{"type":"string"}`, closed), schemas.Forward, "the property b is new, and the schema that reads lets no others stand; leave it out"},
		{"JSON", object(`"a":{"type":"string"},"b":{"type":"string"}`, closed), object(`"a":{"type":"string"}`, closed), schemas.Backward, `"b" is gone and no other properties may stand`},
		{"JSON", object(`"a":{"type":"string"}`, closed+`,"required":["a"]`), object(`"a":{"type":"string"}`, closed), schemas.Forward, "requires the property a; keep it required"},
		{"JSON", `{"enum":["x"]}`, `{"enum":["x","y"]}`, schemas.Forward, `the values ["y"] are new`},
		{"JSON", object(`"a":{"type":"string"}`, closed), object(`"a":{"type":"string"}`, ""), schemas.Forward, "other properties may stand now"},
		{"JSON", `{"type":"integer"}`, `{"type":["integer","string"]}`, schemas.Forward, "does not take every type that may stand here now"},
		{"PROTOBUF", "syntax = \"proto3\"; package a; message M {}", "syntax = \"proto3\"; package b; message M {}", schemas.Forward, "the package is not that of the schema that reads"},
		{"PROTOBUF", "syntax = \"proto2\"; message M { required int32 a = 1; }", "syntax = \"proto2\"; message M { optional int32 b = 2; }", schemas.Forward, "the schema that reads requires the field a"},
		{"JSON", `{"type":"string","maxLength":3}`, `{"type":"string","maxLength":4}`, schemas.Forward, "does not take all that may stand here now"},
		{"PROTOBUF", "syntax = \"proto3\"; message M { int32 a = 1; }", "syntax = \"proto3\"; message M { string a = 1; }", schemas.Forward, "add a field with a number of its own"},
		{"PROTOBUF", "syntax = \"proto3\"; message M {}", "syntax = \"proto3\"; message M {} message N {}", schemas.Forward, "the message N is new"},
	} {
		one := func(text string) []schemas.Submission {
			return []schemas.Submission{{Subject: "s", Type: c.kind, Text: text}}
		}
		found := schemas.Compare(one(c.before), one(c.now), holds(c.level, gate.Off))[0].Findings
		if len(found) == 0 || !strings.Contains(found[0].Mend, c.mend) {
			t.Errorf("%s after %s under %s: %+v, want %q", c.now, c.before, c.level, found, c.mend)
		}
	}
}
