package jsonschema

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Locate finds the line and the column, from 1, of what the path of a fault of
// Read names in a text. What is not there is placed at what it would be in; of a
// text that is not JSON, where it stops being so.
func Locate(text string, path []string) (line, column int) {
	if len(text) > maxBytes || !utf8.ValidString(text) || deeperThan(text, maxDepth) {
		return 1, 1
	}
	l := linesOf(text)
	r := &reader{jsontext.NewDecoder(strings.NewReader(text)), text}
	v, err := r.value()
	if err != nil {
		return l.place(min(r.stopped(err), max(0, len(text)-1)))
	}
	for _, step := range path {
		inner := v.child(step)
		if inner == nil {
			break
		}
		v = inner
	}
	return l.place(v.at)
}

// lines are where the lines of a text begin.
type lines []int

func linesOf(text string) lines {
	l := lines{0}
	for i := range len(text) {
		if text[i] == '\n' {
			l = append(l, i+1)
		}
	}
	return l
}

// place is the line and the column of a byte, both from 1.
func (l lines) place(at int) (line, column int) {
	i, found := slices.BinarySearch(l, at)
	if !found {
		i--
	}
	return i + 1, at - l[i] + 1
}
