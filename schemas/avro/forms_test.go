package avro

import (
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// Names in full are the specification's parsing canonical form ([FULLNAMES]);
// that doc, defaults, aliases and properties stay, and properties are sorted,
// is what normalize=true means to Confluent's clients.
func TestNormalizedText(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"names", `{"type":"record","name":"R","namespace":"n","aliases":["Q"],"fields":[{"name":"a","type":{"type":"enum","name":"E","symbols":["A"]}},{"name":"b","type":"E"}]}`,
			`{"type":"record","name":"n.R","fields":[{"name":"a","type":{"type":"enum","name":"n.E","symbols":["A"]}},{"name":"b","type":"n.E"}],"aliases":["n.Q"]}`},
		{"a name without namespace within one", `{"type":"record","name":"n.R","aliases":[".Q"],"fields":[{"name":"a","type":{"type":"fixed","name":"F","namespace":"","size":1}}]}`,
			`{"type":"record","name":"n.R","fields":[{"name":"a","type":{"type":"fixed","name":"F","namespace":"","size":1}}],"aliases":[".Q"]}`},
		{"no namespace", `{"type":"record","name":"R","fields":[]}`, `{"type":"record","name":"R","fields":[]}`},
		{"properties", `{"type":"record","name":"R","doc":"d","fields":[{"name":"a","z":1,"b":{"y":[{"d":1,"c":2}],"x":1},"doc":"e","type":{"type":"map","values":"int"},"default":{"l":1,"k":2}}]}`,
			`{"type":"record","name":"R","doc":"d","fields":[{"name":"a","type":{"type":"map","values":"int"},"doc":"e","default":{"k":2,"l":1},"b":{"x":1,"y":[{"c":2,"d":1}]},"z":1}]}`},
	}
	for _, tt := range tests {
		s := mustParse(t, tt.in)
		if got := s.Normalized(); got != tt.want {
			t.Errorf("%s: got  %s\nwant %s", tt.name, got, tt.want)
		}
		if again := mustParse(t, s.Normalized()).Normalized(); again != tt.want {
			t.Errorf("%s: the normalized text of itself is %s", tt.name, again)
		}
	}
}

func TestResolvedText(t *testing.T) {
	t.Parallel()
	city := mustParse(t, `{"type":"record","name":"City","namespace":"geo","fields":[{"name":"name","type":"string"}]}`)
	list, err := Parse(`{"type":"record","name":"L","namespace":"n","fields":[{"name":"a","type":"geo.City"},{"name":"b","type":"geo.City"}]}`, city.Types())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"record","name":"L","namespace":"n","fields":[{"name":"a","type":{"type":"record","name":"City","namespace":"geo","fields":[{"name":"name","type":"string"}]}},{"name":"b","type":"geo.City"}]}`
	if got, ok := list.Print("resolved"); !ok || got != want {
		t.Errorf("got %s", got)
	}
	if _, ok := list.Print("serialized"); ok {
		t.Error("Avro has no such form")
	}
	whole := mustParse(t, want)
	one, _ := list.Shape()
	two, _ := whole.Shape()
	if one != two {
		t.Errorf("%s is not %s", one, two)
	}
}

// A reference may bring a megabyte, and there may be a hundred of them.
func TestResolvedTextIsBounded(t *testing.T) {
	t.Parallel()
	given := Types{}
	var names []string
	for i := range 10 {
		name := "R" + string(rune('a'+i))
		for full, of := range mustParse(t, `{"type":"record","name":"`+name+`","doc":"`+strings.Repeat("x", format.MaxBytes-100)+`","fields":[]}`).Types() {
			given[full] = of
		}
		names = append(names, `"`+name+`"`)
	}
	s, err := Parse(`[`+strings.Join(names, ",")+`]`, given)
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := s.Resolved(); ok || text != "" {
		t.Errorf("%d bytes", len(text))
	}
}

// The expected texts are those of Confluent's tools: tags come in the order in
// which they are given, after the other properties.
func TestRetag(t *testing.T) {
	t.Parallel()
	const text = `{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":{"type":"record","name":"I","fields":[{"name":"x","type":"int","confluent:tags":["OLD","X"]}]}},{"name":"b","type":"string","p":1}]}`
	s := mustParse(t, text)
	field := func(path string, tags ...string) format.Tagged {
		return format.Tagged{Entity: format.Entity{Path: path, Field: true}, Tags: tags}
	}
	got, err := s.Retag(
		[]format.Tagged{{Entity: format.Entity{Path: "n.R"}, Tags: []string{"PII"}}, field("n.R.b", "B", "A"), field("n.I.x", "X", "NEW")},
		[]format.Tagged{field("n.I.x", "OLD", "NEVER")})
	const want = `{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":{"type":"record","name":"I","fields":[{"name":"x","type":"int","confluent:tags":["X","NEW"]}]}},{"name":"b","type":"string","p":1,"confluent:tags":["B","A"]}],"confluent:tags":["PII"]}`
	if err != nil || got != want {
		t.Errorf("got %s %v", got, err)
	}
	if s.Canonical() != text {
		t.Errorf("the schema itself is now %s", s.Canonical())
	}
	back, err := mustParse(t, got).Retag(nil, []format.Tagged{{Entity: format.Entity{Path: "n.R"}, Tags: []string{"PII"}}, field("n.R.b", "A", "B")})
	if err != nil || strings.Contains(back, "PII") || strings.Contains(back, `"B"`) {
		t.Errorf("got %s %v", back, err)
	}
	for _, wrong := range []format.Tagged{{Entity: format.Entity{Path: "n.R.b"}}, field("n.R"), field("R.b"), field("n.R.c")} {
		if _, err := s.Retag([]format.Tagged{wrong}, nil); len(fault.All(err)) != 1 || fault.All(err)[0].Code != codeInvalid {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}
