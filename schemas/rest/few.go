package rest

import (
	"encoding/json"
	"net/http"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/problem"
	"github.com/flowmart/lethe/schemas/format"
)

// mostTagged is how many places are named at once to change their tags: more than
// a schema can have.
const mostTagged = 25_000

// The lists of a body are refused before they are read where they are too long.
type (
	references []reference
	places     []tagged
	tags       []string
)

// UnmarshalJSON implements json.Unmarshaler.
func (l *references) UnmarshalJSON(raw []byte) error {
	return few(raw, (*[]reference)(l), format.MostReferences,
		fault.Bad("references", "INVALID_SCHEMA", "a schema has at most %d references; refer to schemas that bring others along", format.MostReferences))
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *places) UnmarshalJSON(raw []byte) error {
	return few(raw, (*[]tagged)(l), mostTagged,
		fault.New(fault.Invalid, "INVALID_SCHEMA", "the tags of at most %d places are changed at once; name only those that change", mostTagged))
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *tags) UnmarshalJSON(raw []byte) error {
	return few(raw, (*[]string)(l), format.MostTags,
		fault.Bad("tags", "INVALID_SCHEMA", "more than %d tags are named at one place; keep those that say something", format.MostTags))
}

// few reads a list that stands there once, and has so many items at most.
func few[T any](raw []byte, into *[]T, most int, many error) error {
	if !problem.Few(raw, most) {
		return many
	}
	if len(*into) > 0 {
		return failure{http.StatusBadRequest, http.StatusBadRequest, "a list stands twice in the body; send it once"}
	}
	return json.Unmarshal(raw, into)
}
