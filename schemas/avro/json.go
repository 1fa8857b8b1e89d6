package avro

import "github.com/flowmart/lethe/schemas/format"

// Limits of a schema. Each is checked before work that could grow with what it
// bounds.
const (
	// maxFields is how many field paths a schema may unfold to. Types can be
	// used in many places, so a short text can unfold to a great many.
	maxFields = 10_000
	// maxName is the longest full name, in bytes.
	maxName = 1000
)

// value and member are those of the text.
type (
	value  = format.Value
	member = format.Member
)

// written is how a schema is written. Half characters pass, as they do in Java.
var written = format.JSON{
	Flat:   "give the inner types names and refer to them",
	Bare:   `; a primitive type alone is written in quotes, like "string"`,
	Halves: true,
}
