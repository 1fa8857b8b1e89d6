package jsonschema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/flowmart/lethe/schemas/format"
)

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
	if w.visits > mostVisits {
		return v // the schema is refused; every further look may be a long one
	}
	w.views[n] = v
	v.gather(n, map[*node]bool{})
	w.visits += len(v.parts) + len(v.branches)
	taken := map[string]bool{}
	some := kinds(0)
	for i, b := range v.branches {
		if w.visits > mostVisits {
			return v
		}
		name := w.branchName(b)
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
		v.within = v.within || len(n.object.properties) > 0 || n.hasFreeValues() || n.hasItems()
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
		return len(n.enum) == 1 && n.enum[0].Kind == 'n'
	}
	return n.types == isNull
}

// branchName is the name of a branch in the grammar of paths, or "".
func (w *unfolding) branchName(b *node) string {
	for ; b != nil; b = b.ref {
		name, known := w.names[b]
		if !known { // many branches lead to one schema, whose title may be long
			name = firstOf(inPaths(b.named), inPaths(b.title))
			w.names[b] = name
		}
		if name != "" {
			return name
		}
	}
	return ""
}

// inPaths is a name in the grammar of paths, or "" for one that is too long.
func inPaths(name string) string {
	clean := strings.Trim(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, name), "_")
	if len(clean) > 100 {
		return ""
	}
	return clean
}

// describe fills in what the schemas say of a place. Its branches, its tags, the
// free names and a long path count as looked at: each of many places may have
// many.
func (w *unfolding) describe(v *view, at format.Field) format.Field {
	w.visits += len(v.branches) + len(at.Path)/20
	set := v.set
	at.Nullable = v.nullable || set&isNull != 0 && set&^isNull != 0 && set != isAny
	enum := false
	for _, n := range v.parts {
		at.Doc = firstOf(at.Doc, n.doc)
		at.Logical = firstOf(at.Logical, n.format)
		enum = enum || n.hasEnum
		at.Opaque = at.Opaque || n.encoded
		w.visits += len(at.Tags) * len(n.tags) / format.MostTags
		at.Tags = withTags(at.Tags, n.tags)
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
		described |= n.meant()
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
		set &= n.listed
	}
	if n.never {
		return 0
	}
	return set
}

// meant are the types that a schema speaks of, whether or not it asks for them.
func (n *node) meant() kinds {
	set := kinds(0)
	if len(n.object.properties)+len(n.object.required) > 0 || n.hasFreeValues() {
		set |= isObject
	}
	if n.hasItems() {
		set |= isArray
	}
	return set
}

// hasFreeValues reports whether there are freeValues. It does not list them: it is
// asked of one schema beside each of many others.
func (n *node) hasFreeValues() bool {
	o := n.object
	return len(o.patterns) > 0 || o.additional.saysMore() || o.unevaluated.saysMore()
}

// hasItems reports whether there are items, likewise.
func (n *node) hasItems() bool {
	a := n.array
	return len(a.prefix) > 0 || a.rest.isObject() || a.unevaluated.isObject() || a.contains.isObject()
}

// isObject reports whether there is a schema, and it is neither true nor false.
func (n *node) isObject() bool { return n != nil && n.raw.Kind == '{' }

// saysMore reports whether there is a schema that is more than an empty object.
func (n *node) saysMore() bool { return n.isObject() && len(n.raw.Members) > 0 }

// kindOf is the type of a value. A number without a fraction is whole, however
// it is written.
func kindOf(v *value) kinds {
	switch v.Kind {
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
	d, ok := decimalOf(v.Text)
	switch {
	case !ok:
		return isNumber // nobody looks that far
	case d.isWhole():
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
			w.visits++
			if f := w.look(free); f.set&^isNull == isString && !f.isClear() {
				return true
			}
		}
		known = known || len(n.object.properties) > 0 || n.hasFreeValues() || n.object.additional != nil && n.object.additional.never
		items = items || n.hasItems()
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
