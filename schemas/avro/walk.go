package avro

import (
	"slices"
	"strconv"
)

// walk goes through what of two schemas is read together, each pair of types
// once. What cannot be read it passes over.
type walk struct {
	types  func(reader, writer *Type, at place)
	field  func(reader, writer *Type, f, old *Field, at place) // old is what f reads
	enough func() bool                                         // ends it
	seen   map[pair]bool
	looked int
}

// place is where a pair of types stands.
type place struct{ path, pointer string }

func (p place) in(path, pointer string) place {
	if len(p.pointer) > mostPointer {
		return p
	}
	return place{p.path + path, p.pointer + pointer}
}

// branch is the place of a branch of the reader's union.
func (p place) branch(i int) place { return p.in("", "/"+strconv.Itoa(i)) }

// field is the place of a field of the reader's record.
func (p place) field(f *Field, i int) place { return p.in("."+f.Name, "/fields/"+strconv.Itoa(i)) }

func (w *walk) done() bool { return w.looked > mostLooked || w.enough() }

func (w *walk) pair(reader, writer *Type, at place) {
	if w.looked++; w.done() {
		return
	}
	if !reader.Kind.primitive() || !writer.Kind.primitive() {
		if w.seen[pair{reader, writer}] {
			return
		}
		w.seen[pair{reader, writer}] = true
	}
	w.types(reader, writer, at)
	switch {
	case writer.Kind == aUnion:
		for _, branch := range writer.Oneof {
			w.pair(reader, branch, at)
		}
	case reader.Kind == aUnion:
		if i := w.branch(reader, writer); i >= 0 {
			w.pair(reader.Oneof[i], writer, at.branch(i))
		}
	case reader.Kind != writer.Kind:
	case reader.Kind == anArray:
		w.pair(reader.Items, writer.Items, at.in("[]", "/items"))
	case reader.Kind == aMap:
		w.pair(reader.Items, writer.Items, at.in("{}", "/values"))
	case reader.Kind == aRecord:
		w.record(reader, writer, at)
	}
}

// branch is the branch of a union that a type is read with, or -1: by full name,
// then by kind, then by promotion.
func (w *walk) branch(union, writer *Type) int {
	best := -1
	for i, b := range union.Oneof {
		w.looked += 1 + len(b.Aliases)
		switch {
		case b.Kind == writer.Kind && (!b.Kind.named() || b.Name == writer.Name || slices.Contains(b.Aliases, writer.Name)):
			return i
		case b.Kind == writer.Kind && simpleName(b.Name) == simpleName(writer.Name), best < 0 && promotes(writer.Kind, b.Kind):
			best = i
		}
	}
	return best
}

func (w *walk) record(reader, writer *Type, at place) {
	written := byName(writer)
	w.looked += len(writer.Fields) + len(reader.Fields)
	for i, f := range reader.Fields {
		if w.looked += len(f.Aliases); w.done() {
			return
		}
		match := matches(f, written)
		if len(match) != 1 {
			continue
		}
		here := at.field(f, i)
		w.field(reader, writer, f, match[0], here)
		w.pair(f.Type, match[0].Type, here.in("", "/type"))
	}
}
