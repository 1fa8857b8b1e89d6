// Package format says what the registry asks of a type of schema: to read a
// text with what it refers to, to write it in one canonical way, to name its
// fields, and to tell whether data written with one schema can be read with
// another. Each type (avro, jsonschema, protobuf) has a package of its own.
package format

// Schema is a schema text that was read. It never changes.
type Schema interface {
	// Canonical writes the schema in the one way that is its identity. The text
	// can be read again with the same references, and is its own canonical text.
	Canonical() string
	// Places lists every place that data can stand in, in the order of the text.
	Places() []Field
	// CanRead lists every reason why data written with another schema of the
	// same type cannot be read with this one; none means that they can. It fails
	// only where that cannot be told.
	CanRead(writer Schema, o Options) ([]Difference, error)
	// Warnings lists what CanRead lets pass and people should know of.
	Warnings(writer Schema) []Difference
}

// Read reads a schema text with the schemas it refers to, which are of the same
// type. Size and depth are checked before work that grows with them. What is
// wrong with the text is a fault with the code INVALID_SCHEMA, or
// SCHEMA_TOO_LARGE.
type Read func(text string, given []Reference) (Schema, error)

// Reference is a schema that another one refers to, under the name that it is
// called by there: the full name of a type, a URI, the path of an import.
type Reference struct {
	Name   string
	Schema Schema
}

// Options say how strict a comparison is.
type Options struct {
	Lenient bool // compatibilityPolicy LENIENT; JSON Schema alone knows it
}

// MostTags is how many tags may be written at one place. Types can be used in
// many places, and each place has the tags of its type.
const MostTags = 100

// MostReferences is how many schemas one may refer to.
const MostReferences = 100

// MostTagsInAll is how many tags all places of a schema may have together, with
// those that its metadata give them. Each is judged, and kept in the catalog.
const MostTagsInAll = 100_000

// Field is one place in the data that a schema describes.
type Field struct {
	// Path names the place in the grammar of package catalog/fieldpath; "#value"
	// is the whole, where the schema is not of parts.
	Path      string
	Record    string // the record or message it stands in, "" if that has no name
	Type      string // in the words of its format; the logical type, where it has one
	Logical   string // the logical type or format, "" if it has none
	Doc       string
	Nullable  bool
	Opaque    bool     // may hold anything: its content cannot be told from its name
	Recursive bool     // a record within itself: its fields stand further up
	Tags      []string // written at it in the schema, as they are written there
	Aliases   []string // names it had before, without their path
	Line      int      // of the text, from 1: where it stands, or what brings it in from another schema; 0 if that is not known
	Column    int      // likewise, in bytes
}

// Difference is one reason why a reader cannot read what a writer wrote.
type Difference struct {
	Kind    string // in the words that clients of registries know
	Path    string // as in Field; "" for the whole
	Pointer string // into the schema's text, as its type writes it
	Message string // what differs and how to mend it
	Detail  string // the names in question
	Reader  string // what stands there in the reader's schema, cut
	Writer  string // and in the writer's
}
