package avro

import (
	"strings"

	"github.com/flowmart/lethe/schemas/format"
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
	return format.Cut(p.out.String(), mostFragment)
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
	var names []string
	for _, branch := range t.Oneof {
		names = append(names, leaf(branch))
	}
	s := "union<" + strings.Join(names, ",") + ">"
	const most = 190
	return format.Cut(s, most)
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
