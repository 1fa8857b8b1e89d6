package protobuf

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// DifferenceKind says in one word what differs. The names are those that
// clients of registries know.
type DifferenceKind string

// The kinds of difference that keep a reader from reading.
const (
	PackageChanged      DifferenceKind = "PACKAGE_CHANGED"
	MessageRemoved      DifferenceKind = "MESSAGE_REMOVED"
	FieldKindChanged    DifferenceKind = "FIELD_KIND_CHANGED"        // scalar, message or map
	ScalarKindChanged   DifferenceKind = "FIELD_SCALAR_KIND_CHANGED" // another group of the wire
	NamedTypeChanged    DifferenceKind = "FIELD_NAMED_TYPE_CHANGED"
	NumericLabelChanged DifferenceKind = "FIELD_NUMERIC_LABEL_CHANGED"
	RequiredAdded       DifferenceKind = "REQUIRED_FIELD_ADDED"
	RequiredRemoved     DifferenceKind = "REQUIRED_FIELD_REMOVED"
	OneofFieldRemoved   DifferenceKind = "ONEOF_FIELD_REMOVED"
	SeveralMovedToOneof DifferenceKind = "MULTIPLE_FIELDS_MOVED_TO_ONEOF"
	MovedToOneof        DifferenceKind = "FIELD_MOVED_TO_EXISTING_ONEOF"
)

const (
	mostDifferences = 50      // told of one comparison
	mostSteps       = 200_000 // fields compared
	mostFragment    = 400     // bytes shown of a declaration
)

// CanRead implements format.Schema. Messages go together by their name within
// the package, fields by their number. The sources of the rules are the
// encoding page and the language guide of protobuf.dev ("Updating A Message
// Type"), and where these leave room what registries agree on.
func (s *Schema) CanRead(writer format.Schema, _ format.Options) ([]format.Difference, error) {
	c := compare(s, writer.(*Schema))
	if c.steps <= 0 {
		return nil, fault.New(fault.Invalid, codeInvalid, "the schema is too large to compare with an earlier version; split it into files that refer to one another")
	}
	return c.found, nil
}

// comparison walks the pairs of messages that stand for each other. A pair is
// looked at once, at the first place it is met, so that recursion ends.
type comparison struct {
	reader, writer       *Schema
	readerOut, writerOut func() *printer // for what is shown of them
	shown                map[protoreflect.Descriptor]string
	seen                 map[pair]bool
	open                 []opened
	unknown              map[enums]protoreflect.EnumValueDescriptor
	values               map[protoreflect.EnumDescriptor]map[protoreflect.EnumNumber]bool
	numbered             map[protoreflect.MessageDescriptor]map[protoreflect.FieldNumber]protoreflect.FieldDescriptor
	steps                int
	found                []format.Difference
	warned               []format.Difference
}

type pair struct {
	reader, writer protoreflect.MessageDescriptor
}

// opened is a pair that waits to be looked at.
type opened struct {
	pair
	at spot
}

// spot is where a message stands: by the names that lead to it in the file, and
// by the path of the places that it stands in first.
type spot struct {
	names string
	path  string
}

func compare(reader, writer *Schema) *comparison {
	c := &comparison{
		reader: reader, writer: writer,
		shown:     map[protoreflect.Descriptor]string{},
		readerOut: sync.OnceValue(func() *printer { return newPrinter(reader, false) }),
		writerOut: sync.OnceValue(func() *printer { return newPrinter(writer, false) }),
		seen:      map[pair]bool{}, unknown: map[enums]protoreflect.EnumValueDescriptor{}, steps: mostSteps,
		values:   map[protoreflect.EnumDescriptor]map[protoreflect.EnumNumber]bool{},
		numbered: map[protoreflect.MessageDescriptor]map[protoreflect.FieldNumber]protoreflect.FieldDescriptor{},
	}
	if reader.file.Package() != writer.file.Package() {
		c.tell(PackageChanged, place{}, nil, nil, name(string(writer.file.Package()))+" to "+name(string(reader.file.Package())),
			"the package was %s and is %s; keep it, or register this under a subject of its own", name(string(writer.file.Package())), name(string(reader.file.Package())))
	}
	c.files()
	for len(c.open) > 0 && c.steps > 0 {
		next := c.open[0]
		c.open = c.open[1:]
		c.messages(next.reader, next.writer, next.at)
	}
	c.extensions()
	return c
}

func name(of string) string {
	if of == "" {
		return "none"
	}
	return of
}

// meet opens a pair, unless it was before.
func (c *comparison) meet(r, w protoreflect.MessageDescriptor, at string) {
	if p := (pair{r, w}); !c.seen[p] {
		c.seen[p] = true
		c.open = append(c.open, opened{p, spot{at, c.pathOf(r, w, at)}})
	}
}

// pathOf is the path of the first place that a message stands in, in the
// reader's file or else the writer's; its name if it stands in none.
func (c *comparison) pathOf(r, w protoreflect.MessageDescriptor, at string) string {
	if path, ok := c.reader.records[r.FullName()]; ok {
		return path
	}
	if path, ok := c.writer.records[w.FullName()]; ok {
		return path
	}
	return at
}

// place is where a difference stands.
type place struct {
	spot
	field string
	last  string // what the pointer ends with: a number, or the name of a oneof
}

// inside are the names that lead into a field. A chain of pairs can be long;
// what lies deeper is told without its end.
func (p place) inside() string {
	if len(p.names) > maxPath {
		return p.names
	}
	return p.names + "." + p.field
}

func (p place) where() string {
	switch {
	case p.field == "":
		return p.path
	case p.path == "":
		return p.field
	}
	return p.path + "." + p.field
}

// pointer names messages by name and fields by number, as registries do.
func (p place) pointer() string {
	out := "#/" + strings.ReplaceAll(p.names, ".", "/")
	if p.last != "" {
		out += "/" + p.last
	}
	return out
}

func (c *comparison) tell(kind DifferenceKind, at place, r, w protoreflect.Descriptor, detail, message string, args ...any) {
	c.found = c.add(c.found, kind, at, r, w, detail, message, args...)
}

func (c *comparison) warn(kind DifferenceKind, at place, r, w protoreflect.Descriptor, detail, message string, args ...any) {
	c.warned = c.add(c.warned, kind, at, r, w, detail, message, args...)
}

func (c *comparison) add(to []format.Difference, kind DifferenceKind, at place, r, w protoreflect.Descriptor, detail, message string, args ...any) []format.Difference {
	if len(to) >= mostDifferences {
		return to
	}
	return append(to, format.Difference{
		Kind: string(kind), Path: fault.Cut(at.where(), maxPath), Pointer: fault.Cut(at.pointer(), maxPath), Detail: fault.Cut(detail, maxFault),
		Message: fault.Cut(fmt.Sprintf(message, args...), 2*maxFault),
		Reader:  c.fragment(c.readerOut, r), Writer: c.fragment(c.writerOut, w),
	})
}

// messages compares two messages that stand for each other.
func (c *comparison) messages(r, w protoreflect.MessageDescriptor, at spot) {
	c.steps -= r.Fields().Len() / 10 // may be many beside few
	for i := range w.Fields().Len() {
		c.steps--
		old := w.Fields().Get(i)
		now := c.field(r, old.Number())
		if now != nil {
			c.fields(now, old, at)
			continue
		}
		if old.Cardinality() == protoreflect.Required {
			c.tell(RequiredRemoved, placeOf(old, at), nil, old, string(old.Name()),
				"the required field %s is gone; keep it: who requires it cannot read what lacks it", old.Name())
		}
	}
	for i := range r.Fields().Len() {
		now := r.Fields().Get(i)
		if now.Cardinality() == protoreflect.Required && c.field(w, now.Number()) == nil {
			c.tell(RequiredAdded, placeOf(now, at), now, nil, string(now.Name()),
				"the field %s is new and required; make it optional, so that older data can be read", now.Name())
		}
	}
	c.oneofs(r, w, at)
}

// field finds a field by its number: nil if there is none. The parser's own
// look-up goes through all of them.
func (c *comparison) field(m protoreflect.MessageDescriptor, number protoreflect.FieldNumber) protoreflect.FieldDescriptor {
	index, met := c.numbered[m]
	if !met {
		index = make(map[protoreflect.FieldNumber]protoreflect.FieldDescriptor, m.Fields().Len())
		for i := range m.Fields().Len() {
			index[m.Fields().Get(i).Number()] = m.Fields().Get(i)
		}
		c.numbered[m] = index
	}
	return index[number]
}

func placeOf(f protoreflect.FieldDescriptor, at spot) place {
	return place{at, string(f.Name()), strconv.Itoa(int(f.Number()))}
}

// fields compares two fields of one number.
func (c *comparison) fields(r, w protoreflect.FieldDescriptor, at spot) {
	here := placeOf(r, at)
	if r.Name() != w.Name() {
		c.warn(FieldRenamed, here, r, w, string(w.Name())+" to "+string(r.Name()),
			"field %d was called %s and is called %s; programs that read it as JSON or by name must be told", r.Number(), w.Name(), r.Name())
	}
	if shape(r) != shape(w) {
		c.tell(FieldKindChanged, here, r, w, shape(w)+" to "+shape(r),
			"the field was a %s and is a %s; keep the type, or add a field with a number of its own", shape(w), shape(r))
		return
	}
	if r.IsMap() {
		c.types(r.MapKey(), w.MapKey(), here, "key of the map ")
		c.types(r.MapValue(), w.MapValue(), here, "value of the map ")
		return
	}
	if c.types(r, w, here, "field ") {
		c.labels(r, w, here)
	}
}

// shape is what a field is apart from its exact type: these are written in
// different ways, and never read as one another.
func shape(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsMap():
		return "map"
	case f.Kind() == protoreflect.GroupKind:
		return "group"
	case f.Kind() == protoreflect.MessageKind:
		return "message"
	}
	return "scalar"
}

// types compares what two fields hold. It reports whether one can be read as
// the other, so that there is something to say about the rest.
func (c *comparison) types(r, w protoreflect.FieldDescriptor, here place, of string) bool {
	if shape(r) != shape(w) {
		c.tell(FieldKindChanged, here, r, w, shape(w)+" to "+shape(r), "the %swas a %s and is a %s; keep the type, or add a field with a number of its own", of, shape(w), shape(r))
		return false
	}
	if shape(r) != "scalar" {
		if r.Message().Name() != w.Message().Name() {
			c.tell(NamedTypeChanged, here, r, w, string(w.Message().FullName())+" to "+string(r.Message().FullName()),
				"the type of the %swas %s and is %s; keep it, or add a field with a number of its own", of, w.Message().FullName(), r.Message().FullName())
			return false
		}
		c.meet(r.Message(), w.Message(), here.inside())
		return true
	}
	if wire[r.Kind()] != wire[w.Kind()] {
		c.tell(ScalarKindChanged, here, r, w, w.Kind().String()+" to "+r.Kind().String(),
			"the %swas %s and is %s, which is written in another way; keep the type, or add a field with a number of its own", of, w.Kind(), r.Kind())
		return false
	}
	c.narrowed(r, w, here)
	return true
}

// wire puts the scalar types into groups that are written alike and read as
// one another: "Updating A Message Type" of the language guide.
var wire = map[protoreflect.Kind]string{
	protoreflect.Int32Kind: "varint", protoreflect.Int64Kind: "varint", protoreflect.Uint32Kind: "varint", protoreflect.Uint64Kind: "varint",
	protoreflect.BoolKind: "varint", protoreflect.EnumKind: "varint",
	protoreflect.Sint32Kind: "zigzag", protoreflect.Sint64Kind: "zigzag",
	protoreflect.StringKind: "length", protoreflect.BytesKind: "length",
	protoreflect.Fixed32Kind: "fixed32", protoreflect.Sfixed32Kind: "fixed32",
	protoreflect.Fixed64Kind: "fixed64", protoreflect.Sfixed64Kind: "fixed64",
	protoreflect.FloatKind: "float", protoreflect.DoubleKind: "double",
}

// labels compares whether two fields must be there, may be, or may be there
// several times. Numbers that are repeated are written together, and no longer
// read as one number; of other types the last one is read.
func (c *comparison) labels(r, w protoreflect.FieldDescriptor, here place) {
	switch {
	case r.Cardinality() == w.Cardinality():
	case r.Cardinality() == protoreflect.Required:
		c.tell(RequiredAdded, here, r, w, string(r.Name()), "the field was not required and is; make it optional, so that older data can be read")
	case numeric(r) && w.IsList(), numeric(r) && labelled(r) && labelled(w):
		c.tell(NumericLabelChanged, here, r, w, label(w)+" to "+label(r), "the field was %s and is %s; keep the label, or add a field with a number of its own", label(w), label(r))
	case w.IsList():
		c.warn(RepeatedReadAsOne, here, r, w, "repeated to "+label(r), "the field was repeated; of several values only the last is read")
	}
}

func numeric(f protoreflect.FieldDescriptor) bool {
	return f.Message() == nil && wire[f.Kind()] != "length"
}

// labelled reports whether the label of a field is written down.
func labelled(f protoreflect.FieldDescriptor) bool {
	return f.Cardinality() != protoreflect.Optional || f.HasOptionalKeyword()
}

func label(f protoreflect.FieldDescriptor) string { return f.Cardinality().String() }

// extensions compares the extensions that two files define, by what they
// extend and their number.
func (c *comparison) extensions() {
	was := map[string]protoreflect.FieldDescriptor{}
	for _, x := range extensionsOf(c.writer.file) {
		was[fmt.Sprint(x.ContainingMessage().FullName(), "/", x.Number())] = x
	}
	for _, x := range extensionsOf(c.reader.file) {
		if w := was[fmt.Sprint(x.ContainingMessage().FullName(), "/", x.Number())]; w != nil {
			c.steps--
			name := "extend " + string(x.ContainingMessage().FullName())
			c.fields(x, w, spot{name, name})
		}
	}
}

func extensionsOf(c container) []protoreflect.FieldDescriptor {
	var out []protoreflect.FieldDescriptor
	for i := range c.Extensions().Len() {
		out = append(out, c.Extensions().Get(i))
	}
	for i := range c.Messages().Len() {
		out = append(out, extensionsOf(c.Messages().Get(i))...)
	}
	return out
}

// fragment is a declaration as it stands in the canonical text, cut. It is written
// once: one may be long, and stand for many.
func (c *comparison) fragment(p func() *printer, d protoreflect.Descriptor) string {
	if d == nil {
		return ""
	}
	text, known := c.shown[d]
	if !known {
		text = written(p, d)
		c.shown[d] = text
	}
	return text
}

func written(p func() *printer, d protoreflect.Descriptor) string {
	switch d := d.(type) {
	case protoreflect.FieldDescriptor:
		return fault.Cut(fieldFragment(p(), mapOf(d)), mostFragment)
	case protoreflect.MessageDescriptor:
		return fault.Cut("message "+relative(d), mostFragment)
	}
	return ""
}

// mapOf is the map that a key or a value is of; else the field itself.
func mapOf(f protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	entry := f.ContainingMessage()
	if of, ok := entry.Parent().(protoreflect.MessageDescriptor); ok && entry.IsMapEntry() {
		for i := range of.Fields().Len() {
			if m := of.Fields().Get(i); m.Message() == entry {
				return m
			}
		}
	}
	return f
}

func fieldFragment(p *printer, f protoreflect.FieldDescriptor) string {
	within := &printer{names: p.names, syntax: f.ParentFile().Syntax().String(), scope: string(f.FullName().Parent())}
	d := protodesc.ToFieldDescriptorProto(f)
	if f.IsMap() {
		return within.declaration(d, protodesc.ToDescriptorProto(f.Message()), "")
	}
	return within.declaration(d, nil, within.label(d))
}
