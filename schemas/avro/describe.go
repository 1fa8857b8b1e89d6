package avro

import (
	"strings"

	"github.com/flowmart/lethe/internal/fault"
)

// mostFragment is how much of a schema a difference shows, in bytes.
const mostFragment = 400

// fragment writes a part of a schema, cut.
func fragment(s *Schema, t *Type) string {
	if t == nil {
		return ""
	}
	return excerpt(s, func(p *printer) { p.typ(t) })
}

func fieldFragment(s *Schema, f *Field) string {
	return excerpt(s, func(p *printer) { p.field(f) })
}

func excerpt(s *Schema, write func(*printer)) string {
	p := &printer{types: s.types, written: map[*Type]bool{}, most: mostFragment}
	write(p)
	return fault.Cut(p.out.String(), mostFragment)
}

// describe names a type for a person: its name, or its shape.
func describe(t *Type) string {
	switch {
	case t.Kind.named():
		return t.Name
	case t.Kind == anArray:
		return "array<" + leaf(t.Items) + ">"
	case t.Kind == aMap:
		return "map<" + leaf(t.Items) + ">"
	case t.Kind != aUnion:
		return leaf(t)
	}
	const most = 190
	var b strings.Builder
	b.WriteString("union<")
	for i, branch := range t.Oneof {
		if b.Len() > most {
			break // the rest would be cut off
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(leaf(branch))
	}
	b.WriteByte('>')
	return fault.Cut(b.String(), most)
}

// leaf names a type in a word.
func leaf(t *Type) string {
	switch {
	case t.Kind.named():
		return t.Name
	case t.Logical != "":
		return t.Logical
	}
	return string(t.Kind)
}
