package jsonschema

import (
	"fmt"
	"slices"
	"strconv"
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
	w := &unfolding{lines: linesOf(text), index: map[string]int{}, open: map[*node]bool{}, views: map[*node]*view{}}
	if err := w.add(root, format.Field{}); err != nil {
		return nil, err
	}
	return w.out, nil
}

type unfolding struct {
	lines  lines
	out    []format.Field
	index  map[string]int // path → place in out
	open   map[*node]bool // schemas that we are inside of
	views  map[*node]*view
	visits int
}

// add notes a place and everything inside it.
func (w *unfolding) add(n *node, at format.Field) error {
	if n.own() {
		at.Line, at.Column = w.lines.place(n.raw.at)
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
	if i, there := w.index[at.Path]; there {
		w.out[i] = merged(w.out[i], at)
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
	for _, tag := range b.Tags {
		if !slices.Contains(a.Tags, tag) {
			a.Tags = append(slices.Clone(a.Tags), tag)
		}
	}
	return a
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
		if one != nil && one.raw.kind == '{' && len(one.raw.members) > 0 {
			out = append(out, one)
		}
	}
	return out
}

// items are the schemas of an array's items, whatever their position.
func (n *node) items() []*node {
	out := slices.Clone(n.array.prefix)
	for _, one := range []*node{n.array.rest, n.array.unevaluated, n.array.contains} {
		if one != nil && one.raw.kind == '{' {
			out = append(out, one)
		}
	}
	return out
}

// view is what is said of one place: by the schemas that all hold there, and by
// the branches of which some do.
type view struct {
	parts    []*node
	branches []*node
	names    []string // of the branches
	nullable bool
	set      kinds // the types that can stand there
	within   bool  // there is something inside of it
}

// look collects what a schema says of a place. A choice that is only between
// something and null is no choice.
func (w *unfolding) look(n *node) *view {
	if v := w.views[n]; v != nil {
		return v
	}
	v := &view{}
	w.views[n] = v
	v.gather(n, map[*node]bool{})
	w.visits += len(v.parts)
	if w.visits > mostVisits {
		return v
	}
	taken := map[string]bool{}
	some := kinds(0)
	for i, b := range v.branches {
		name := branchName(b)
		if name == "" || taken[name] {
			name = strconv.Itoa(i + 1)
		}
		taken[name] = true
		v.names = append(v.names, name)
		of := w.look(b)
		some |= of.set
		v.within = v.within || of.within
	}
	v.set = v.kinds(some)
	for _, n := range v.parts {
		v.within = v.within || len(n.object.properties)+len(n.freeValues())+len(n.items()) > 0
	}
	return v
}

func (v *view) gather(n *node, seen map[*node]bool) {
	if n == nil || seen[n] {
		return
	}
	seen[n] = true
	v.parts = append(v.parts, n)
	v.gather(n.ref, seen)
	for _, one := range n.allOf {
		v.gather(one, seen)
	}
	v.gather(n.then, seen)
	v.gather(n.otherwise, seen)
	for _, one := range n.object.schemasWith {
		v.gather(one.schema, seen)
	}
	for _, sum := range [][]*node{n.anyOf, n.oneOf} {
		var others []*node
		for _, b := range sum {
			if b.onlyNull() {
				v.nullable = true
			} else {
				others = append(others, b)
			}
		}
		if len(others) == 1 {
			v.gather(others[0], seen)
			continue
		}
		v.branches = append(v.branches, others...)
	}
}

func (n *node) onlyNull() bool {
	if n.hasEnum {
		return len(n.enum) == 1 && n.enum[0].kind == 'n'
	}
	return n.types == isNull
}

// branchName is the name of a branch in the grammar of paths, or "".
func branchName(b *node) string {
	for _, n := range b.chain() {
		for _, name := range []string{n.named, n.title} {
			clean := strings.Trim(strings.Map(func(r rune) rune {
				if unicode.IsLetter(r) || unicode.IsDigit(r) {
					return r
				}
				return '_'
			}, name), "_")
			if clean != "" && len(clean) <= 100 {
				return clean
			}
		}
	}
	return ""
}

// describe fills in what the schemas say of a place.
func (w *unfolding) describe(v *view, at format.Field) format.Field {
	set := v.set
	at.Nullable = v.nullable || set&isNull != 0 && set&^isNull != 0 && set != isAny
	enum := false
	for _, n := range v.parts {
		at.Doc = firstOf(at.Doc, n.doc)
		at.Logical = firstOf(at.Logical, n.format)
		enum = enum || n.hasEnum
		at.Opaque = at.Opaque || n.encoded
		for _, tag := range n.tags {
			if !slices.Contains(at.Tags, tag) {
				at.Tags = append(at.Tags, tag)
			}
		}
	}
	for _, n := range v.parts {
		at.Doc = firstOf(at.Doc, n.title)
	}
	at.Type = typeName(set&^isNull, enum)
	if set == isNull {
		at.Type = "null"
	}
	at.Opaque = at.Opaque || !enum && w.holdsAnything(v)
	return at
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// kinds are the types that can stand at a place. Where nothing is said, what
// is described within it says it.
func (v *view) kinds(branches kinds) kinds {
	set := isAny
	for _, n := range v.parts {
		set &= n.kinds()
	}
	if len(v.branches) > 0 {
		set &= branches
	}
	if v.nullable && set != isAny {
		set |= isNull
	}
	if set != isAny {
		return set
	}
	described := kinds(0)
	for _, n := range v.parts {
		if len(n.object.properties)+len(n.freeValues())+len(n.object.required) > 0 {
			described |= isObject
		}
		if len(n.items()) > 0 {
			described |= isArray
		}
	}
	if described != 0 {
		return described
	}
	return set
}

// kinds are the types that a schema's own type and enum let pass.
func (n *node) kinds() kinds {
	set := isAny
	if n.types != 0 {
		set = n.types
	}
	if n.hasEnum {
		listed := kinds(0)
		for _, v := range n.enum {
			listed |= kindOf(v)
		}
		set &= listed
	}
	if n.never {
		return 0
	}
	return set
}

// kindOf is the type of a value. A number without a fraction is whole, however
// it is written.
func kindOf(v *value) kinds {
	switch v.kind {
	case 'n':
		return isNull
	case 't':
		return isBoolean
	case '{':
		return isObject
	case '[':
		return isArray
	case '"':
		return isString
	}
	r, ok := rational(v.text)
	switch {
	case !ok:
		return isNumber // nobody looks that far
	case r.IsInt():
		return isInteger
	}
	return isFraction
}

// holdsAnything reports whether nobody can tell from the schema what stands at
// a place: nothing is said of it, or it is an object or an array of which
// nothing more is said, or free names lead to free text.
func (w *unfolding) holdsAnything(v *view) bool {
	if v.set == isAny {
		return true
	}
	known, items := false, false
	for _, n := range v.parts {
		for _, free := range n.freeValues() {
			if f := w.look(free); f.set&^isNull == isString && !f.isClear() {
				return true
			}
		}
		known = known || len(n.object.properties)+len(n.freeValues()) > 0 || n.object.additional != nil && n.object.additional.never
		items = items || len(n.items()) > 0
	}
	if slices.ContainsFunc(v.branches, func(b *node) bool { return w.look(b).within }) {
		return false
	}
	return v.set&isObject != 0 && !known || v.set&isArray != 0 && !items
}

// isClear reports whether the format or the values of a text are told.
func (v *view) isClear() bool {
	return slices.ContainsFunc(v.parts, func(n *node) bool { return n.format != "" || n.hasEnum })
}

// typeName is a set of types in the catalog's words.
func typeName(set kinds, enum bool) string {
	if set == isAny&^isNull {
		return "any"
	}
	if enum && set == isString {
		return "enum"
	}
	var words []string
	for _, name := range []string{"array", "boolean", "integer", "number", "object", "string"} {
		k := kindNames[name]
		if set&k == k && !(name == "integer" && set&isNumber == isNumber) || name == "number" && set&isNumber == isFraction {
			words = append(words, name)
		}
	}
	switch len(words) {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	}
	return fmt.Sprintf("union<%s>", strings.Join(words, ","))
}
