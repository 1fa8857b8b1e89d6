package avro

import (
	"fmt"

	"github.com/flowmart/lethe/internal/fault"
)

// What schema resolution does not see, and users ask for. Data can be read, and
// means something else.
const (
	// DefaultChanged: readers of older data see another value than before.
	DefaultChanged DifferenceKind = "DEFAULT_CHANGED"
	// LogicalChanged: the same number stands for another instant or amount.
	LogicalChanged DifferenceKind = "LOGICAL_TYPE_CHANGED"
)

// mostLooked bounds the types, fields and names that one call of Warnings looks
// at.
const mostLooked = mostSteps

// Warnings lists what CanRead lets pass and people should know of. They say
// nothing about parts that cannot be read, and never change a verdict.
func Warnings(reader, writer *Schema) []Difference {
	w := &warner{texts: map[*Field]string{}, meanings: map[*Type]string{}}
	enough := func() bool { return len(w.out) >= mostDifferences }
	(&walk{seen: map[pair]bool{}, types: w.logical, field: w.defaults, enough: enough}).pair(reader.Root, writer.Root, place{})
	return finish(reader, writer, w.out)
}

type warner struct {
	out      []Difference
	meanings map[*Type]string  // of decimals: one can be held against very many
	texts    map[*Field]string // of defaults, likewise
}

func (w *warner) tell(at place, d Difference) {
	d.Path, d.Pointer = at.path, at.pointer
	w.out = append(w.out, d)
}

func (w *warner) logical(reader, writer *Type, at place) {
	from, to := w.meaning(writer), w.meaning(reader)
	if from == to || reader.Kind != writer.Kind && !promotes(writer.Kind, reader.Kind) {
		return
	}
	w.tell(at, Difference{Kind: LogicalChanged, reader: reader, writer: writer, Detail: from + " to " + to,
		Message: fmt.Sprintf("the old data are %s and are read as %s, without a conversion; add a new field instead", from, to)})
}

// meaning is that of a type, worked out once where it takes its properties.
func (w *warner) meaning(t *Type) string {
	if t.Logical != "decimal" {
		return meaning(t)
	}
	words, met := w.meanings[t]
	if !met {
		words = meaning(t)
		w.meanings[t] = words
	}
	return words
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

func (w *warner) defaults(reader, writer *Type, now, before *Field, at place) {
	if before.fallback == nil || now.fallback == nil {
		return // a new field needs one; that one is gone shows where it is needed
	}
	from, to := w.defaultText(before), w.defaultText(now)
	if from == to {
		return
	}
	w.tell(at, Difference{Kind: DefaultChanged, reader: reader, writer: writer, field: now, Detail: from + " to " + to,
		Message: fmt.Sprintf("the default was %s and is %s; a reader that needs it sees the other value from now on", from, to)})
}

// defaultText writes a default, cut.
func (w *warner) defaultText(f *Field) string {
	text, met := w.texts[f]
	if !met {
		p := &printer{most: mostFragment}
		p.json(f.fallback)
		text = fault.Cut(p.out.String(), 80)
		w.texts[f] = text
	}
	return text
}
