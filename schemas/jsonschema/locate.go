package jsonschema

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/flowmart/lethe/schemas/format"
)

// Locate finds the line and the column, from 1, of what the path of a fault of
// Read names in a text. What is not there is placed at what it would be in; of a
// text that is not JSON, where it stops being so.
func Locate(text string, path []string) (line, column int) {
	if len(text) > maxBytes || !utf8.ValidString(text) || format.DeeperThan(text, maxDepth) {
		return 1, 1
	}
	l := format.LinesOf(text)
	r := &reader{jsontext.NewDecoder(strings.NewReader(text)), text}
	v, err := r.value()
	if err != nil {
		return l.Place(min(r.stopped(err), max(0, len(text)-1)))
	}
	for _, step := range path {
		inner := v.child(step)
		if inner == nil {
			break
		}
		v = inner
	}
	return l.Place(v.at)
}
