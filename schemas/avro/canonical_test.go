package avro

import "testing"

// The expected texts follow from the code of Schema.toString() in Apache Avro
// for Java 1.12, read by hand, and Double.toString of its platform.
func TestCanonicalText(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"a primitive", ` "string" `, `"string"`},
		{"a primitive in an object", `{"type":"string"}`, `"string"`},
		{"a primitive with a property", `{"logicalType":"date", "type":"int"}`, `{"type":"int","logicalType":"date"}`},
		{"the doc of a primitive is dropped", `{"type":"int","doc":"x"}`, `"int"`},
		{"a union", `[ "null", {"type":"int"} ]`, `["null","int"]`},
		{"containers", `{"items":{"values":"int","type":"map"},"type":"array","x":[1]}`, `{"type":"array","items":{"type":"map","values":"int"},"x":[1]}`},
		{"the order of members",
			`{"fields":[{"x":{"b":1,"a":2},"aliases":["c"],"order":"ignore","default":1,"doc":"d","type":"int","name":"a"}],"aliases":["Q"],"p":true,"doc":"D","namespace":"n","name":"R","type":"record"}`,
			`{"type":"record","name":"R","namespace":"n","doc":"D","fields":[{"name":"a","type":"int","doc":"d","default":1,"order":"ignore","aliases":["c"],"x":{"b":1,"a":2}}],"p":true,"aliases":["Q"]}`},
		{"a full name is split", `{"type":"record","name":"a.b.R","fields":[]}`, `{"type":"record","name":"R","namespace":"a.b","fields":[]}`},
		{"the namespace around counts",
			`{"type":"record","name":"n.R","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}},{"name":"f","type":{"type":"fixed","name":"m.F","size":2}},{"name":"g","type":"n.E"},{"name":"h","type":"m.F"}]}`,
			`{"type":"record","name":"R","namespace":"n","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}},{"name":"f","type":{"type":"fixed","name":"F","namespace":"m","size":2}},{"name":"g","type":"E"},{"name":"h","type":"m.F"}]}`},
		{"no namespace within one", `{"type":"record","name":"n.R","fields":[{"name":"e","type":{"type":"enum","name":"E","namespace":"","symbols":["A"]}},{"name":"g","type":"E"}]}`,
			`{"type":"record","name":"R","namespace":"n","fields":[{"name":"e","type":{"type":"enum","name":"E","namespace":"","symbols":["A"]}},{"name":"g","type":"E"}]}`},
		{"ascending is not written", `{"type":"record","name":"R","fields":[{"name":"a","type":"int","order":"ascending"}]}`, `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`},
		{"an enum", `{"default":"A","symbols":["A","B"],"name":"E","type":"enum"}`, `{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}`},
		{"aliases are relative to the name", `{"type":"enum","name":"n.E","aliases":["n.D","m.C","B","B"],"symbols":[]}`, `{"type":"enum","name":"E","namespace":"n","symbols":[],"aliases":["D","m.C","B"]}`},
		{"an error", `{"type":"error","name":"E","fields":[]}`, `{"type":"error","name":"E","fields":[]}`},
		{"a recursive record", `{"type":"record","name":"n.L","fields":[{"name":"next","type":["null","n.L"],"default":null}]}`,
			`{"type":"record","name":"L","namespace":"n","fields":[{"name":"next","type":["null","L"],"default":null}]}`},
		{"numbers", `{"type":"int","p":[1,-0,1.0,1e3,1.5E-4,1e7,12345678.9,0.001,-2.50,100000000000000000000]}`,
			`{"type":"int","p":[1,0,1.0,1000.0,1.5E-4,1.0E7,1.23456789E7,0.001,-2.5,100000000000000000000]}`},
		{"a floating default in quotes", `{"type":"record","name":"R","fields":[{"name":"a","type":"double","default":"1e3"}]}`, `{"type":"record","name":"R","fields":[{"name":"a","type":"double","default":1000.0}]}`},
		{"a whole default of a floating type", `{"type":"record","name":"R","fields":[{"name":"a","type":"double","default":1}]}`, `{"type":"record","name":"R","fields":[{"name":"a","type":"double","default":1}]}`},
		{"characters", `{"type":"int","p":"\u00e4\/\"\\\n\u0001<\u2028"}`, "{\"type\":\"int\",\"p\":\"ä/\\\"\\\\\\n\\u0001<\u2028\"}"},
		{"a name like a primitive stays full", `{"type":"record","name":"n.R","fields":[{"name":"a","type":{"type":"record","name":"n.int","fields":[]}},{"name":"b","type":"n.int"}]}`,
			`{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":{"type":"record","name":"int","fields":[]}},{"name":"b","type":"n.int"}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := mustParse(t, tt.in).Canonical()
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if again := mustParse(t, got).Canonical(); again != got {
				t.Errorf("the canonical text of itself is %s", again)
			}
		})
	}
}

// What a catalogue of personal data lives on is in doc, aliases, defaults and
// properties: two schemas that differ there are two schemas.
func TestContentIsIdentity(t *testing.T) {
	t.Parallel()
	const plain = `{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}`
	others := []string{
		`{"type":"record","name":"R","doc":"d","fields":[{"name":"a","type":"string"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":"string","doc":"d"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":"string","aliases":["b"]}]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":"string","default":""}]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":"string","order":"ignore"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":"string","confluent:tags":["PII"]}]}`,
		`{"type":"record","name":"R","aliases":["Q"],"fields":[{"name":"a","type":"string"}]}`,
	}
	seen := map[string]bool{mustParse(t, plain).Canonical(): true}
	for _, text := range others {
		c := mustParse(t, text).Canonical()
		if seen[c] {
			t.Errorf("%s is not told apart", text)
		}
		seen[c] = true
	}
	if !seen[mustParse(t, "\n{ \"fields\":[ {\"type\":{\"type\":\"string\"},\"name\":\"a\"} ],\"name\":\"R\",\"type\":\"record\" }").Canonical()] {
		t.Error("layout counts as content")
	}
}
