package avro

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// seeds adds every text of the tables, which between them have everything an
// Avro schema may have.
func seeds(f *testing.F, add func(string)) {
	f.Helper()
	for _, file := range []string{"testdata/texts.txt", "testdata/pairs.txt"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			switch key, rest, _ := strings.Cut(strings.TrimSpace(line), " "); key {
			case "in", "a", "b":
				add(rest)
			}
		}
	}
}

// A text is refused with a fault that is short and has a kind, or read. The
// canonical text of what was read is read again, is its own canonical text,
// and describes the same places.
func FuzzParse(f *testing.F) {
	seeds(f, func(text string) { f.Add(text) })
	f.Add(`{"type":"record","name":"n.R","aliases":[".Q"],"fields":[{"name":"a","type":["null","R"],"default":null,"aliases":["b"]}]}`)
	f.Add(`[{"type":"fixed","name":"A","size":1},{"type":"record","name":"n.B","fields":[{"name":"a","type":{"type":"fixed","name":"A","size":2}},{"name":"b","type":".A"}]}]`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text, nil)
		if err != nil {
			if fault.All(err) == nil || len(err.Error()) > 10_000 {
				t.Fatalf("%d bytes of an error: %.200s", len(err.Error()), err.Error())
			}
			return
		}
		canonical := s.Canonical()
		again, err := Parse(canonical, nil)
		if err != nil {
			t.Fatalf("canonical text %s: %v", canonical, err)
		}
		if twice := again.Canonical(); twice != canonical {
			t.Fatalf("%s became %s", canonical, twice)
		}
		// Neither form changes what the schema says.
		shape, _ := s.Shape()
		for _, form := range []string{s.Normalized(), canonical} {
			other, err := Parse(form, nil)
			if err != nil {
				t.Fatalf("form %s: %v", form, err)
			}
			if same, _ := other.Shape(); same != shape || len(other.Fields) != len(s.Fields) {
				t.Fatalf("%s says %s; want %s", form, same, shape)
			}
		}
		if len(s.Fields) != len(again.Fields) {
			t.Fatalf("%d places became %d: %s", len(s.Fields), len(again.Fields), canonical)
		}
		for i := range s.Fields {
			if !reflect.DeepEqual(unplaced(s.Fields[i]), unplaced(again.Fields[i])) {
				t.Fatalf("place %+v became %+v", s.Fields[i], again.Fields[i])
			}
		}
	})
}

// Whatever two schemas are, they are compared; each reads itself, what was
// written by its canonical text, and nothing in that is to be warned of.
func FuzzCanRead(f *testing.F) {
	before := `"int"`
	seeds(f, func(text string) { f.Add(text, before); before = text })
	f.Fuzz(func(t *testing.T, one, other string) {
		a, err := Parse(one, nil)
		if err != nil {
			return
		}
		again, err := Parse(a.Canonical(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, pair := range [][2]*Schema{{a, a}, {a, again}, {again, a}} {
			// One that cannot tell its own fields apart does not read itself.
			if found, err := CanRead(pair[0], pair[1]); err == nil && len(found) > 0 && !ambiguous(found) {
				t.Fatalf("a schema cannot read itself: %s", told(found))
			}
		}
		b, err := Parse(other, nil)
		if err != nil {
			return
		}
		for _, pair := range [][2]*Schema{{a, b}, {b, a}} {
			found, err := CanRead(pair[0], pair[1])
			if err != nil {
				return
			}
			for _, d := range append(found, Warnings(pair[0], pair[1])...) {
				if d.Kind == "" || d.Message == "" || d.Pointer == "" || d.Reader == "" || d.Writer == "" {
					t.Fatalf("%+v leaves something out", d)
				}
			}
		}
	})
}

// unplaced is a field without where it stands in its text.
func unplaced(f format.Field) format.Field {
	f.Line, f.Column = 0, 0
	return f
}
