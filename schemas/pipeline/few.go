package pipeline

import (
	"bytes"
	"encoding/json"

	"github.com/flowmart/lethe/internal/fault"
)

// most is how many schemas are checked at once, and how many references of one are
// read to be told that they are too many.
const most = 1000

// few is a list that is refused before it is read where it is too long: two bytes
// of it take hundreds in memory.
type few[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *few[T]) UnmarshalJSON(raw []byte) error {
	if items(raw) > most {
		return fault.Bad("schemas", "OUT_OF_RANGE", "check 1 to %d schemas at a time, each with its references", most)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode((*[]T)(l))
}

// items counts the items of a JSON array, one at least.
func items(raw []byte) int {
	n, depth, quoted := 1, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\\':
			i++ // within a text
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ',' && depth == 1:
			n++
		}
	}
	return n
}
