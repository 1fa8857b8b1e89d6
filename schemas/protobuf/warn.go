package protobuf

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/flowmart/lethe/schemas/format"
)

// What the rules let pass and people should know of: data are read, and some
// values come out as others, or programs find them under another name.
const (
	MessageMoved      DifferenceKind = "MESSAGE_MOVED"
	FieldRenamed      DifferenceKind = "FIELD_NAME_CHANGED"
	TypeNarrowed      DifferenceKind = "FIELD_TYPE_NARROWED"        // a number may be cut
	BytesReadAsString DifferenceKind = "FIELD_BYTES_READ_AS_STRING" // what is no UTF-8 is refused
	RepeatedReadAsOne DifferenceKind = "FIELD_REPEATED_READ_AS_ONE"
	ConstantRemoved   DifferenceKind = "ENUM_CONST_REMOVED"
	DefaultChanged    DifferenceKind = "FIELD_DEFAULT_CHANGED"
)

// Warnings implements format.Schema.
func (s *Schema) Warnings(writer format.Schema) []format.Difference {
	return compare(s, writer.(*Schema)).warned
}

// narrowed warns of values that the reader's type has no room for, of two types
// that are written alike.
func (c *comparison) narrowed(r, w protoreflect.FieldDescriptor, here place) {
	switch {
	case r.Kind() == protoreflect.EnumKind && w.Kind() == protoreflect.EnumKind:
		c.constants(r, w, here)
	case r.Kind() == protoreflect.StringKind && w.Kind() == protoreflect.BytesKind:
		c.warn(BytesReadAsString, here, r, w, "bytes to string", "the field was bytes and is a string; what is not UTF-8 cannot be read")
	case r.Kind() != w.Kind() && !holds(r, w.Kind()):
		c.warn(TypeNarrowed, here, r, w, w.Kind().String()+" to "+r.Kind().String(), "the field was %s and is %s; values outside of its range are cut", w.Kind(), r.Kind())
	}
	if (r.HasDefault() || w.HasDefault()) && r.Kind() == w.Kind() && !r.IsList() && !w.IsList() && !r.Default().Equal(w.Default()) {
		c.warn(DefaultChanged, here, r, w, "", "the default is another; who reads data without the field sees another value than before")
	}
}

// holds reports whether a field has room for every value of a type.
func holds(r protoreflect.FieldDescriptor, w protoreflect.Kind) bool {
	switch r.Kind() {
	case protoreflect.Int64Kind:
		return w == protoreflect.Int32Kind || w == protoreflect.Uint32Kind || w == protoreflect.BoolKind || w == protoreflect.EnumKind
	case protoreflect.Int32Kind:
		return w == protoreflect.BoolKind || w == protoreflect.EnumKind
	case protoreflect.Uint64Kind:
		return w == protoreflect.Uint32Kind || w == protoreflect.BoolKind
	case protoreflect.Uint32Kind:
		return w == protoreflect.BoolKind
	case protoreflect.Sint64Kind:
		return w == protoreflect.Sint32Kind
	case protoreflect.BytesKind:
		return true
	}
	return false
}

// enums are two enums that stand for each other.
type enums struct{ reader, writer protoreflect.EnumDescriptor }

// constants warns of values of an enum that the reader has no name for. A
// closed enum does not even keep the number.
func (c *comparison) constants(r, w protoreflect.FieldDescriptor, here place) {
	both := enums{r.Enum(), w.Enum()}
	v, met := c.unknown[both]
	if !met {
		v = c.missing(both)
		c.unknown[both] = v
	}
	if v == nil {
		return
	}
	what := "its number is read, and has no name"
	if r.Enum().IsClosed() {
		what = "it is read as if the field were not there"
	}
	c.warn(ConstantRemoved, here, r, w, string(v.Name()), "the value %s = %d is gone; %s", v.Name(), v.Number(), what)
}

// missing finds a value that a reader's enum does not have.
func (c *comparison) missing(e enums) protoreflect.EnumValueDescriptor {
	has := c.numbersOf(e.reader)
	for i := range e.writer.Values().Len() {
		c.steps--
		if v := e.writer.Values().Get(i); !has[v.Number()] {
			return v
		}
	}
	return nil
}

// numbersOf are the numbers that an enum has. It may be held against many others.
func (c *comparison) numbersOf(e protoreflect.EnumDescriptor) map[protoreflect.EnumNumber]bool {
	has, met := c.values[e]
	if !met {
		has = make(map[protoreflect.EnumNumber]bool, e.Values().Len())
		for i := range e.Values().Len() {
			has[e.Values().Get(i).Number()] = true
		}
		c.values[e] = has
	}
	return has
}
