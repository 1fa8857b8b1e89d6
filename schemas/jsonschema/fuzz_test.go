package jsonschema

import (
	"testing"

	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// A text is refused with a fault that is short and has a kind, or read. The
// canonical text of what was read is read again, is its own canonical text, and
// describes the same places, each in the catalog's grammar.
func FuzzRead(f *testing.F) {
	for _, p := range pairs(f) {
		f.Add(p.before)
		f.Add(p.after)
	}
	f.Add(`{"$id":"a","$defs":{"b":{"$id":"c#d","$anchor":"e"}},"$ref":"c#e"}`)
	f.Add(`{"$schema":"https://json-schema.org/draft/2020-12/schema","$dynamicRef":"#n","$defs":{"a":{"$dynamicAnchor":"n"},"b":{"$dynamicAnchor":"n"}}}`)
	f.Add(`{"id":"%zz","$ref":"#/a%2Fb~1/0","a/b/":[true]}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Read(text, nil)
		if err != nil {
			if fault.All(err) == nil || len(err.Error()) > 20_000 {
				t.Fatalf("%d bytes of an error: %.200s", len(err.Error()), err.Error())
			}
			return
		}
		canonical := s.Canonical()
		again, err := Read(canonical, nil)
		if err != nil {
			t.Fatalf("canonical text %s: %v", canonical, err)
		}
		if twice := again.Canonical(); twice != canonical {
			t.Fatalf("%s became %s", canonical, twice)
		}
		if len(s.Places()) != len(again.Places()) {
			t.Fatalf("%d places became %d: %s", len(s.Places()), len(again.Places()), canonical)
		}
		for i, place := range s.Places() {
			if again.Places()[i].Path != place.Path || again.Places()[i].Type != place.Type {
				t.Fatalf("place %+v became %+v", place, again.Places()[i])
			}
			if _, err := fieldpath.Parse(place.Path); err != nil {
				t.Fatalf("%q: %v", place.Path, err)
			}
		}
	})
}

// Whatever two schemas are, they are compared, or refused as too large; and one
// schema reads itself, however its members are sorted.
func FuzzCanRead(f *testing.F) {
	for _, p := range pairs(f) {
		f.Add(p.before, p.after)
	}
	for i := range 50 {
		m := newMaker(uint64(i))
		old := m.document()
		f.Add(textOf(f, old), textOf(f, m.changed(old)))
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		a, err := Read(one, nil)
		if err != nil {
			return
		}
		if found, err := a.CanRead(a, format.Options{}); err == nil && len(found) > 0 {
			t.Fatalf("%s does not read itself: %+v", one, found)
		}
		b, err := Read(other, nil)
		if err != nil {
			return
		}
		for _, o := range []format.Options{{}, {Lenient: true}} {
			found, err := a.CanRead(b, o)
			if err != nil && fault.All(err) == nil {
				t.Fatal(err)
			}
			for _, d := range found {
				if len(d.Message) > 2000 || len(d.Reader) > mostFragment+10 || len(d.Writer) > mostFragment+10 {
					t.Fatalf("%+v", d)
				}
			}
		}
		a.Warnings(b)
	})
}
