package jsonschema

import (
	"slices"
	"strings"
	"unicode"

	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// mostVisits bounds how often schemas are looked at to find the fields: many
// may describe one place.
const mostVisits = 100 * maxFields

// unfold lists every place that data can stand in, in the order of the text: a
// property "a.b", the items of an array "a[]", whatever their position, the
// values under free names "a{}", and a branch of several "a<Card>" by the name
// of its definition, its title or its number. What allOf, if, then and else
// bring is of the object around.
func unfold(root *node, text string) ([]format.Field, error) {
	w := &unfolding{lines: format.LinesOf(text), index: map[string]int{}, open: map[*node]bool{}, views: map[*node]*view{}, names: map[*node]string{}}
	if err := w.add(root, format.Field{}); err != nil {
		return nil, err
	}
	return w.out, nil
}

type unfolding struct {
	lines  format.Lines
	out    []format.Field
	index  map[string]int // path → place in out
	open   map[*node]bool // schemas that we are inside of
	views  map[*node]*view
	names  map[*node]string // in the grammar of paths
	visits int
}

// add notes a place and everything inside it.
func (w *unfolding) add(n *node, at format.Field) error {
	if n.own() {
		at.Line, at.Column = w.lines.Place(n.raw.At)
	}
	v := w.look(n)
	if w.visits += len(v.parts); w.visits > mostVisits {
		return tooMany()
	}
	chain := n.chain()
	at = w.describe(v, at)
	at.Recursive = slices.ContainsFunc(chain, func(c *node) bool { return w.open[c] })
	if at.Path != "" || !v.within {
		if err := w.note(at); err != nil || at.Recursive {
			return err
		}
	}
	for _, c := range chain {
		w.open[c] = true
		defer delete(w.open, c)
	}
	return w.inside(v, at)
}

// own reports whether a schema stands in the text itself and not in another
// that it refers to.
func (n *node) own() bool { return strings.HasPrefix(n.at, "#") }

// chain is a schema and what its $ref leads to, and so on.
func (n *node) chain() []*node {
	var out []*node
	for ; n != nil; n = n.ref {
		out = append(out, n)
	}
	return out
}

// inside adds what a place has within.
func (w *unfolding) inside(v *view, at format.Field) error {
	for _, n := range v.parts {
		record := at.Record
		if len(n.object.properties) > 0 {
			record = n.recordName(at.Record)
		}
		for _, one := range n.object.properties {
			if err := w.add(one.schema, format.Field{Path: step(at.Path, one.name), Record: record, Line: at.Line, Column: at.Column}); err != nil {
				return err
			}
		}
		for _, free := range n.freeValues() {
			if err := w.add(free, format.Field{Path: at.Path + "{}", Record: record, Line: at.Line, Column: at.Column}); err != nil {
				return err
			}
		}
		for _, item := range n.items() {
			if err := w.add(item, format.Field{Path: at.Path + "[]", Record: at.Record, Line: at.Line, Column: at.Column}); err != nil {
				return err
			}
		}
	}
	for i, b := range v.branches {
		if !w.look(b).within {
			continue
		}
		if err := w.add(b, format.Field{Path: at.Path + "<" + v.names[i] + ">", Record: at.Record, Line: at.Line, Column: at.Column}); err != nil {
			return err
		}
	}
	return nil
}

// note adds a place, or what is new about one that is there.
func (w *unfolding) note(at format.Field) error {
	if at.Path == "" {
		at.Path = "#value"
	}
	i, there := w.index[at.Path]
	if there {
		w.visits += len(w.out[i].Tags) * len(at.Tags) / format.MostTags
		at = merged(w.out[i], at)
	}
	if len(at.Tags) > format.MostTags {
		return fault.New(fault.Invalid, codeInvalid, manyTags, format.MostTags)
	}
	if there {
		w.out[i] = at
		return nil
	}
	if len(w.out) >= maxFields {
		return tooMany()
	}
	if len(at.Path) > maxPath {
		return fault.New(fault.Invalid, codeInvalid, "a field path of the schema has more than %d characters; nest its objects less deep", maxPath)
	}
	w.index[at.Path] = len(w.out)
	w.out = append(w.out, at)
	return nil
}

const manyTags = "more than %d tags stand at one place; keep those that say something"

func tooMany() error {
	return fault.New(fault.Invalid, codeInvalid, "the schema unfolds to more than %d field paths; it uses the same definitions in too many places", maxFields)
}

// merged is one place that two schemas describe.
func merged(a, b format.Field) format.Field {
	if a.Type != b.Type {
		words := append(strings.Split(strings.TrimSuffix(strings.TrimPrefix(a.Type, "union<"), ">"), ","), b.Type)
		slices.Sort(words)
		a.Type = "union<" + strings.Join(slices.Compact(words), ",") + ">"
	}
	if a.Logical != b.Logical {
		a.Logical = ""
	}
	if a.Doc == "" {
		a.Doc = b.Doc
	}
	a.Nullable, a.Opaque, a.Recursive = a.Nullable || b.Nullable, a.Opaque || b.Opaque, a.Recursive || b.Recursive
	a.Tags = withTags(a.Tags, b.Tags)
	return a
}

// withTags adds the tags that are not there. Beyond what one place may have it
// goes on to one more, by which note refuses it.
func withTags(tags, more []string) []string {
	for _, tag := range more {
		if len(tags) <= format.MostTags && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}

// step is the path of a property. The grammar has neither names without a
// character nor control characters.
func step(path, name string) string {
	name = fieldpath.Escape(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, name))
	if name == "" {
		name = `""`
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// recordName is what the properties of a schema are of: its definition's name
// or its title, else what it lies in.
func (n *node) recordName(outer string) string {
	for _, name := range []string{n.named, n.title} {
		if name != "" {
			return name
		}
	}
	return outer
}

// freeValues are the schemas of values under names that are not written out.
func (n *node) freeValues() []*node {
	var out []*node
	for _, p := range n.object.patterns {
		out = append(out, p.schema)
	}
	for _, one := range []*node{n.object.additional, n.object.unevaluated} {
		if one != nil && one.raw.Kind == '{' && len(one.raw.Members) > 0 {
			out = append(out, one)
		}
	}
	return out
}

// items are the schemas of an array's items, whatever their position.
func (n *node) items() []*node {
	out := slices.Clone(n.array.prefix)
	for _, one := range []*node{n.array.rest, n.array.unevaluated, n.array.contains} {
		if one != nil && one.raw.Kind == '{' {
			out = append(out, one)
		}
	}
	return out
}
