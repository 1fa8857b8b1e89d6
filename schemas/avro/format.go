package avro

import (
	"slices"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// Read is Parse as the registry wants it. A reference is called by the full
// name of a type that the schema it refers to knows; two of them may know one
// name only as one type.
func Read(text string, given []format.Reference) (format.Schema, error) {
	types, from := Types{}, reached(given)
	for _, s := range from {
		for name, t := range s.own {
			if types[name] != nil {
				return nil, fault.Bad("references", codeInvalid, "two of the schemas it refers to define the type %q; refer to one version of it", name)
			}
			types[name] = t
		}
	}
	for _, ref := range given {
		if !ref.Schema.(registered).knows(ref.Name) {
			return nil, fault.Bad("references."+ref.Name, codeInvalid, "the schema it refers to defines no type of this name; a reference is called by the full name of the type")
		}
	}
	s, err := Parse(text, types)
	if err != nil {
		return nil, err
	}
	s.from = from
	return registered{s}, nil
}

// Bring is Read of a schema that was read before, for one that refers to it: its
// types are known, and nothing else is asked of it.
func Bring(text string, given []format.Reference) (format.Schema, error) {
	own, from := Types{}, reached(given)
	s, err := (&parser{types: own, own: own, beyond: beyond{from, Types{}}}).read(text)
	if err != nil {
		return nil, err
	}
	s.from = from
	return registered{s}, nil
}

// reached are the schemas that references lead to, and what those refer to, each
// once.
func reached(given []format.Reference) (all []*Schema) {
	seen := map[*Schema]bool{}
	for _, ref := range given {
		s := ref.Schema.(registered).Schema
		if seen[s] { // and all that it refers to
			continue
		}
		for _, one := range append(slices.Clip(s.from), s) {
			if !seen[one] {
				all, seen[one] = append(all, one), true
			}
		}
	}
	return all
}

// knows reports whether a schema defines a type, or what it refers to does.
func (s *Schema) knows(name string) bool {
	return s.own[name] != nil || slices.ContainsFunc(s.from, func(other *Schema) bool { return other.own[name] != nil })
}

// beyond is what a text that was read before refers to.
type beyond struct {
	schemas []*Schema
	found   Types // that were looked for; nil: there is none
}

// known is a type by its full name; nil where there is none.
func (p *parser) known(name string) *Type {
	if t := p.types[name]; t != nil || len(p.beyond.schemas) == 0 {
		return t
	}
	t, looked := p.beyond.found[name]
	for i := 0; !looked && t == nil && i < len(p.beyond.schemas); i++ {
		t = p.beyond.schemas[i].own[name]
	}
	p.beyond.found[name] = t
	return t
}

// registered is a schema as the registry deals with it.
type registered struct{ *Schema }

// Places implements format.Schema.
func (s registered) Places() []format.Field { return s.Fields }

// CanRead implements format.Schema.
func (s registered) CanRead(writer format.Schema, _ format.Options) ([]format.Difference, error) {
	found, err := CanRead(s.Schema, writer.(registered).Schema)
	return inFormat(found), err
}

// Warnings implements format.Schema.
func (s registered) Warnings(writer format.Schema) []format.Difference {
	return inFormat(Warnings(s.Schema, writer.(registered).Schema))
}

func inFormat(found []Difference) []format.Difference {
	var out []format.Difference
	for _, d := range found {
		out = append(out, format.Difference{
			Kind: string(d.Kind), Path: d.Path, Pointer: d.Pointer, Message: d.Message, Detail: d.Detail, Reader: d.Reader, Writer: d.Writer,
		})
	}
	return out
}
