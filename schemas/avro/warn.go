package avro

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/flowmart/lethe/schemas/format"
)

// What schema resolution does not see, and users ask for. Data can be read, and
// means something else, or is read by one library and not by another.
const (
	// DefaultChanged: readers of older data see another value than before.
	DefaultChanged DifferenceKind = "DEFAULT_CHANGED"
	// LogicalChanged: the same number stands for another instant or amount.
	LogicalChanged DifferenceKind = "LOGICAL_TYPE_CHANGED"
	// JavaReader: the specification lets it pass, and so does Java's own check,
	// but its reader throws. Seen in 10,000 pairs read by Avro 1.12.1.
	JavaReader DifferenceKind = "JAVA_READER_FAILS"
)

// mostLooked bounds the types, fields and names that one call of Warnings looks
// at.
const mostLooked = mostSteps

// Warnings lists what CanRead lets pass and people should know of. They say
// nothing about parts that cannot be read, and never change a verdict.
func Warnings(reader, writer *Schema) []Difference {
	w := &warner{seen: map[pair]bool{}}
	w.types(reader.Root, writer.Root, place{})
	return finish(reader, writer, w.out)
}

type warner struct {
	seen   map[pair]bool
	looked int
	out    []Difference
}

// place is where a pair of types stands.
type place struct {
	path, pointer string
	valued        bool // a default of the writer holds a value of this
}

func (p place) in(path, pointer string) place {
	if len(p.pointer) > mostPointer {
		return p
	}
	return place{p.path + path, p.pointer + pointer, p.valued}
}

func (w *warner) tell(at place, d Difference) {
	d.Path, d.Pointer = at.path, at.pointer
	if len(w.out) < mostDifferences {
		w.out = append(w.out, d)
	}
}

// done reports whether enough was looked at, or found.
func (w *warner) done() bool { return w.looked > mostLooked || len(w.out) >= mostDifferences }

func (w *warner) types(reader, writer *Type, at place) {
	if w.looked++; w.done() {
		return
	}
	if !reader.Kind.primitive() || !writer.Kind.primitive() {
		if w.seen[pair{reader, writer}] {
			return
		}
		w.seen[pair{reader, writer}] = true
	}
	switch {
	case writer.Kind == aUnion:
		for _, branch := range writer.Oneof {
			w.types(reader, branch, at)
		}
		return
	case reader.Kind == aUnion:
		w.branch(reader, writer, at)
		return
	}
	w.logical(reader, writer, at)
	if reader.Kind != writer.Kind {
		return
	}
	switch reader.Kind {
	case anArray:
		w.types(reader.Items, writer.Items, at.in("[]", "/items"))
	case aMap:
		w.types(reader.Items, writer.Items, at.in("{}", "/values"))
	case aRecord:
		w.record(reader, writer, at)
	}
}

// branch goes on with the branch of a union that Java would choose: by full
// name, then by kind, then by promotion.
func (w *warner) branch(reader, writer *Type, at place) {
	best := -1
	for i, b := range reader.Oneof {
		w.looked += 1 + len(b.Aliases)
		switch {
		case b.Kind == writer.Kind && (!b.Kind.named() || b.Name == writer.Name || slices.Contains(b.Aliases, writer.Name)):
			w.types(b, writer, at.in("", "/"+strconv.Itoa(i)))
			return
		case b.Kind == writer.Kind && simpleName(b.Name) == simpleName(writer.Name), best < 0 && promotes(writer.Kind, b.Kind):
			best = i
		}
	}
	if best < 0 || w.done() {
		return
	}
	b := reader.Oneof[best]
	at = at.in("", "/"+strconv.Itoa(best))
	if b.Kind == anEnum || b.Kind == aFixed {
		w.tell(at, Difference{Kind: JavaReader, reader: b, writer: writer, Detail: writer.Name,
			Message: fmt.Sprintf("Java chooses the branch of a union by its full name and does not take %s for %s; keep the namespace, or add %s to the aliases", b.Name, writer.Name, writer.Name)})
	}
	w.types(b, writer, at)
}

func (w *warner) logical(reader, writer *Type, at place) {
	from, to := meaning(writer), meaning(reader)
	if from == to || reader.Kind != writer.Kind && !promotes(writer.Kind, reader.Kind) {
		return
	}
	w.tell(at, Difference{Kind: LogicalChanged, reader: reader, writer: writer, Detail: from + " to " + to,
		Message: fmt.Sprintf("the old data are %s and are read as %s, without a conversion; add a new field instead", from, to)})
}

// meaning is the logical type with what it depends on, or the kind where it
// has none and is a number or text by itself.
func meaning(t *Type) string {
	switch t.Logical {
	case "":
		return "plain"
	case "decimal":
		precision, scale := "", "0"
		for _, m := range t.props {
			switch m.Name {
			case "precision":
				precision = m.Value.Text
			case "scale":
				scale = m.Value.Text
			}
		}
		return "decimal(" + precision + "," + scale + ")"
	}
	return t.Logical
}

func (w *warner) record(reader, writer *Type, at place) {
	written := byName(writer)
	own := byName(reader)
	w.looked += len(writer.Fields) + len(reader.Fields)
	for i, f := range reader.Fields {
		if w.looked += len(f.Aliases); w.done() {
			return
		}
		here := at.in("."+f.Name, "/fields/"+strconv.Itoa(i))
		w.chain(reader, writer, f, own, here)
		match := matches(f, written)
		if len(match) == 0 {
			w.fresh(reader, writer, f, here)
		}
		if len(match) != 1 {
			continue
		}
		old := match[0]
		if old.Name != f.Name && reader.Name != writer.Name && !slices.Contains(reader.Aliases, writer.Name) {
			w.tell(here, Difference{Kind: JavaReader, reader: reader, writer: writer, field: f, Detail: old.Name,
				Message: fmt.Sprintf("field %s was called %s in a record of another namespace, and Java does not look for it there; add %s to the aliases of the record", f.Name, old.Name, writer.Name)})
		}
		if old.Name != f.Name && at.valued {
			w.tell(here, Difference{Kind: JavaReader, reader: reader, writer: writer, field: f, Detail: old.Name,
				Message: fmt.Sprintf("a default of the old schema holds a value of field %s; Java renames the field to %s there, finds that the default no longer fits, and throws; keep the name", old.Name, f.Name)})
		}
		w.defaults(reader, writer, f, old, here)
		below := here.in("", "/type")
		below.valued = at.valued || old.fallback != nil && old.fallback.Kind != 'n'
		w.types(f.Type, old.Type, below)
	}
}

// chain warns of an alias that is the name of another field of the reader
// which is renamed itself: Java follows both steps.
func (w *warner) chain(reader, writer *Type, f *Field, own map[string]*Field, at place) {
	for _, alias := range f.Aliases {
		if other := own[alias]; other != nil && other != f && len(other.Aliases) > 0 {
			w.tell(at, Difference{Kind: JavaReader, reader: reader, writer: writer, field: f, Detail: alias,
				Message: fmt.Sprintf("field %s was once called %s, which is now another renamed field; Java mistakes the one for the other; drop the alias", f.Name, alias)})
		}
	}
}

// fresh warns of a field that older data lack and whose default Java cannot
// make: an empty array, in a union.
func (w *warner) fresh(reader, writer *Type, f *Field, at place) {
	if v := f.fallback; v != nil && f.Type.Kind == aUnion && v.Kind == '[' && len(v.Items) == 0 {
		w.tell(at, Difference{Kind: JavaReader, reader: reader, writer: writer, field: f, Detail: f.Name,
			Message: fmt.Sprintf("Java cannot take an empty array for the default of field %s while its type is a union; make null the default, or the type an array", f.Name)})
	}
}

func (w *warner) defaults(reader, writer *Type, now, before *Field, at place) {
	if before.fallback == nil || now.fallback == nil {
		return // a new field needs one; that one is gone shows where it is needed
	}
	from, to := defaultText(before), defaultText(now)
	if from == to {
		return
	}
	w.tell(at, Difference{Kind: DefaultChanged, reader: reader, writer: writer, field: now, Detail: from + " to " + to,
		Message: fmt.Sprintf("the default was %s and is %s; a reader that needs it sees the other value from now on", from, to)})
}

// defaultText writes a default, cut.
func defaultText(f *Field) string {
	p := &printer{most: mostFragment}
	p.json(f.fallback)
	return format.Cut(p.out.String(), 80)
}
