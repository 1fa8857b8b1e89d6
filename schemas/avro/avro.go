// Package avro understands Avro schemas: it reads their text, writes it in one
// canonical way, names their fields, and tells whether data written with one
// can be read with another.
//
// The rules are those of the Avro 1.12 specification. Where the specification
// leaves room, the canonical text and the verdicts follow Apache Avro for
// Java, which is what producers and consumers run; what its reader throws at is
// not readable here, whatever the specification says. Nothing here is kept
// between calls: two schemas never see each other's types.
package avro

import "github.com/flowmart/lethe/schemas/format"

// Kind is a type's shape.
type Kind string

// The kinds: eight primitive, six complex. An error is a record by another
// keyword.
const (
	aNull    Kind = "null"
	aBoolean Kind = "boolean"
	anInt    Kind = "int"
	aLong    Kind = "long"
	aFloat   Kind = "float"
	aDouble  Kind = "double"
	aBytes   Kind = "bytes"
	aString  Kind = "string"
	aRecord  Kind = "record"
	anEnum   Kind = "enum"
	anArray  Kind = "array"
	aMap     Kind = "map"
	aUnion   Kind = "union"
	aFixed   Kind = "fixed"
)

// Type is one type of a schema. A named type that is used in several places is
// one Type, so a schema is a graph and may have cycles.
type Type struct {
	Kind    Kind
	Name    string   // full name of a record, enum or fixed
	Aliases []string // full names it was known by
	Logical string   // logical type, "" if none or not a sound one
	Fields  []*Field // of a record
	Symbols []string // of an enum
	Default *string  // of an enum: what stands for a symbol the reader does not know
	Items   *Type    // of an array; of a map, its values
	Size    int      // of a fixed, in bytes
	Oneof   []*Type  // branches of a union

	isError bool
	symbols map[string]bool // of an enum, to look one up
	doc     *string
	props   []member
}

// Field is one field of a record.
type Field struct {
	Name    string
	Type    *Type
	Aliases []string
	Doc     string

	at       int // the byte of the text where it begins
	hasDoc   bool
	fallback *value // the default; nil if it has none
	order    string // "" for ascending
	props    []member
}

// HasDefault reports whether a reader can do without the field in the data.
func (f *Field) HasDefault() bool { return f.fallback != nil }

// Types are named types, by full name.
type Types map[string]*Type

// Schema is a schema text that was read.
type Schema struct {
	Root   *Type
	Fields []format.Field // every place that data can stand in, in the order of the text

	given Types // from the schemas it refers to
	types Types // given, and its own
	own   Types
	from  []*Schema // what it refers to, and what those do, each once
}

// Types returns every named type the schema defines or was given. They can be
// given to a schema that refers to this one.
func (s *Schema) Types() Types { return s.types }

// named reports whether types of the kind have a name.
func (k Kind) named() bool { return k == aRecord || k == anEnum || k == aFixed }

func (k Kind) primitive() bool {
	switch k {
	case aNull, aBoolean, anInt, aLong, aFloat, aDouble, aBytes, aString:
		return true
	}
	return false
}

func (k Kind) floating() bool { return k == aFloat || k == aDouble }

// known reports whether the kind is one of those above.
func (k Kind) known() bool {
	return k.primitive() || k.named() || k == anArray || k == aMap || k == aUnion
}
