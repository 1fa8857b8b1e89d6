package avro

import (
	"slices"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// maxPath is the longest field path, in bytes.
const maxPath = 1000

// unfold lists every place that data can stand in, in the order of the text. A
// schema that unfolds to more than maxFields places is refused.
//
// Of a path, "a<shop.Card>" is a branch of a union that has several, and
// "#value" the whole where the schema is not of parts.
func unfold(text string, root *Type, given Types) ([]format.Field, error) {
	w := &unfolding{open: map[*Type]bool{}, types: map[*Type]*outline{}, tags: map[*Field][]string{}, given: given, lines: format.LinesOf(text)}
	if err := w.add(root, format.Field{Line: 1, Column: 1}); err != nil {
		return nil, err
	}
	return w.out, nil
}

type unfolding struct {
	out   []format.Field
	open  map[*Type]bool // records that we are inside of
	types map[*Type]*outline
	tags  map[*Field][]string
	given Types // of other texts
	lines format.Lines
}

// add notes a place and everything inside it.
func (w *unfolding) add(t *Type, at format.Field) error {
	o := w.outline(t)
	at.Nullable = at.Nullable || o.nullable
	if o.only != nil {
		t, o = o.only, w.outline(o.only)
	}
	at.Type, at.Logical, at.Opaque, at.Recursive = o.name, t.Logical, o.opaque, w.open[t]
	at.Tags = distinct(slices.Concat(at.Tags, o.tags)) // those of a field and a type belong to all their places
	if len(at.Tags) > format.MostTags {
		return fault.New(fault.Invalid, codeInvalid, "more than %d tags stand at one field and its type; keep those that say something", format.MostTags)
	}
	if err := w.note(at, t.Kind); err != nil || at.Recursive {
		return err
	}
	switch t.Kind {
	case aRecord:
		return w.record(t, at)
	case anArray:
		return w.add(t.Items, inside(at, "[]"))
	case aMap:
		return w.add(t.Items, inside(at, "{}"))
	case aUnion:
		return w.branches(o.parts, at)
	}
	return nil
}

func (w *unfolding) note(at format.Field, kind Kind) error {
	if at.Path == "" {
		if kind == aRecord || kind == anArray || kind == aMap || kind == aUnion {
			return nil
		}
		at.Path = "#value"
	}
	if len(w.out) >= maxFields {
		return fault.New(fault.Invalid, codeInvalid, "the schema unfolds to more than %d field paths; it uses the same types in too many places", maxFields)
	}
	if len(at.Path) > maxPath {
		return fault.New(fault.Invalid, codeInvalid, "a field path of the schema has more than %d characters; nest its types less deep", maxPath)
	}
	w.out = append(w.out, at)
	return nil
}

// inside is a place in the items, values or branches of another.
func inside(f format.Field, suffix string) format.Field {
	return format.Field{Path: f.Path + suffix, Record: f.Record, Line: f.Line, Column: f.Column}
}

// record adds the fields of a record. Those of a record that another schema
// defines stand where this text names it.
func (w *unfolding) record(t *Type, at format.Field) error {
	w.open[t] = true
	defer delete(w.open, t)
	foreign := w.given[t.Name] == t
	for _, f := range t.Fields {
		inner := format.Field{Path: f.Name, Record: t.Name, Doc: f.Doc, Tags: w.tagsOf(f), Aliases: f.Aliases, Line: at.Line, Column: at.Column}
		if at.Path != "" {
			inner.Path = at.Path + "." + f.Name
		}
		if !foreign {
			inner.Line, inner.Column = w.lines.Place(f.at)
		}
		if err := w.add(f.Type, inner); err != nil {
			return err
		}
	}
	return nil
}

// branches adds those branches of a union that have parts of their own, by
// their full name. A simple one needs no path: it is the union's place itself.
func (w *unfolding) branches(parts []*Type, at format.Field) error {
	for _, b := range parts {
		if err := w.add(b, inside(at, "<"+cmpName(b)+">")); err != nil {
			return err
		}
	}
	return nil
}

// outline is what all places of a type have in common. It is worked out once: a
// type with very many branches or tags can be used in very many places.
type outline struct {
	name             string
	tags             []string
	nullable, opaque bool
	only             *Type   // the branch of a union that has one other than null
	parts            []*Type // branches with parts of their own
}

func (w *unfolding) outline(t *Type) *outline {
	if o := w.types[t]; o != nil {
		return o
	}
	branches, nullable := withoutNull(t)
	o := &outline{name: typeName(t), tags: distinct(tagsOf(t.props)), nullable: nullable, opaque: opaque(t)}
	if len(branches) == 1 {
		o.only = branches[0]
	}
	for _, b := range branches {
		if b.Kind == aRecord || b.Kind == anArray || b.Kind == aMap {
			o.parts = append(o.parts, b)
		}
	}
	w.types[t] = o
	return o
}

// tagsOf are the tags of a field, which stands wherever its record does.
func (w *unfolding) tagsOf(f *Field) []string {
	tags, met := w.tags[f]
	if !met {
		tags = distinct(tagsOf(f.props))
		w.tags[f] = tags
	}
	return tags
}

// withoutNull lists the branches of a union other than null.
func withoutNull(t *Type) (branches []*Type, nullable bool) {
	for _, b := range t.Oneof {
		if b.Kind == aNull {
			nullable = true
			continue
		}
		branches = append(branches, b)
	}
	return branches, nullable
}

// opaque reports whether a place may hold anything at all: raw bytes without a
// logical type, and maps from free keys to free text.
func opaque(t *Type) bool {
	switch t.Kind {
	case aBytes, aFixed:
		return t.Logical == ""
	case aMap:
		values, _ := withoutNull(t.Items)
		if t.Items.Kind != aUnion {
			values = []*Type{t.Items}
		}
		for _, v := range values {
			if v.Kind == aString && v.Logical == "" || v.Kind == aBytes && v.Logical == "" {
				return true
			}
		}
	}
	return false
}

// typeName is a type in the catalog's words.
func typeName(t *Type) string {
	switch {
	case t.Kind == aUnion:
		return describe(t)
	case t.Logical != "":
		return t.Logical
	}
	return strings.ToLower(string(t.Kind))
}

// tagsOf are the tags among properties: those of Confluent's catalog, and a
// plain list or word.
func tagsOf(props []member) []string {
	var out []string
	for _, m := range props {
		if m.Name != "confluent:tags" && m.Name != "tags" {
			continue
		}
		for _, v := range append(slices.Clone(m.Value.Items), m.Value) { // other schemas may be reading it
			if v.Kind == '"' {
				out = append(out, v.Text)
			}
		}
	}
	return out
}
