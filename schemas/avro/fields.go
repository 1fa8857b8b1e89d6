package avro

import (
	"strings"

	"github.com/flowmart/lethe/internal/fault"
)

// maxPath is the longest field path, in bytes.
const maxPath = 1000

// FieldPath is one place in the data that a schema describes.
type FieldPath struct {
	// Path names the place in the catalog's grammar: "a.b" a field of a record,
	// "a[]" the items of an array, "a{}" the values of a map, "a<shop.Card>" a
	// branch of a union that has several, "#value" the whole where the schema
	// is not of parts.
	Path      string
	Type      string // the kind, the logical type, or union<…>
	Doc       string
	Nullable  bool
	Opaque    bool // may hold anything: its content cannot be told from its name
	Recursive bool // a record within itself: its fields stand further up
}

// unfold lists every place that data can stand in, in the order of the text. A
// schema that unfolds to more than maxFields places is refused.
func unfold(root *Type) ([]FieldPath, error) {
	w := &unfolding{open: map[*Type]bool{}}
	if err := w.add(root, FieldPath{}); err != nil {
		return nil, err
	}
	return w.out, nil
}

type unfolding struct {
	out  []FieldPath
	open map[*Type]bool // records that we are inside of
}

// add notes a place and everything inside it.
func (w *unfolding) add(t *Type, at FieldPath) error {
	branches, nullable := withoutNull(t)
	if len(branches) == 1 {
		t = branches[0]
	}
	at.Nullable = at.Nullable || nullable
	at.Type, at.Opaque, at.Recursive = typeName(t), opaque(t), w.open[t]
	if err := w.note(at, t.Kind); err != nil || at.Recursive {
		return err
	}
	switch t.Kind {
	case aRecord:
		return w.record(t, at.Path)
	case anArray:
		return w.add(t.Items, FieldPath{Path: at.Path + "[]"})
	case aMap:
		return w.add(t.Items, FieldPath{Path: at.Path + "{}"})
	case aUnion:
		return w.branches(branches, at.Path)
	}
	return nil
}

func (w *unfolding) note(at FieldPath, kind Kind) error {
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

func (w *unfolding) record(t *Type, path string) error {
	w.open[t] = true
	defer delete(w.open, t)
	for _, f := range t.Fields {
		inner := f.Name
		if path != "" {
			inner = path + "." + f.Name
		}
		if err := w.add(f.Type, FieldPath{Path: inner, Doc: f.Doc}); err != nil {
			return err
		}
	}
	return nil
}

// branches adds those branches of a union that have parts of their own, by
// their full name. A simple one needs no path: it is the union's place itself.
func (w *unfolding) branches(branches []*Type, path string) error {
	for _, b := range branches {
		if b.Kind != aRecord && b.Kind != anArray && b.Kind != aMap {
			continue
		}
		if err := w.add(b, FieldPath{Path: path + "<" + cmpName(b) + ">"}); err != nil {
			return err
		}
	}
	return nil
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
