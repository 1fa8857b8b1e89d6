package pipeline

import (
	"bytes"
	"encoding/json"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/problem"
)

// most is how many schemas are checked at once, and how many references of one are
// read to be told that they are too many.
const most = 1000

// few is a list that is refused before it is read where it is too long, or was read
// already.
type few[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *few[T]) UnmarshalJSON(raw []byte) error {
	if !problem.Few(raw, most) {
		return fault.Bad("schemas", "OUT_OF_RANGE", "check 1 to %d schemas at a time, each with its references", most)
	}
	if len(*l) > 0 {
		return fault.Bad("schemas", "BAD_JSON", "the schemas, or the references of one, stand there twice; give one list")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode((*[]T)(l))
}
