package avro

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Locate finds the line and the column, from 1, of what the path of a fault of
// Parse names in a text. What is not there is placed at what it would be in; of
// a text that is not JSON, where it stops being so.
func Locate(text string, path []string) (line, column int) {
	l := linesOf(text)
	if len(text) > MaxBytes || deeperThan(text, maxDepth) {
		return 1, 1
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := readValue(d)
	if err != nil {
		return l.place(min(int(d.InputOffset()), max(0, len(text)-1)))
	}
	for _, name := range path {
		inner := v.get(name)
		if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < len(v.items) {
			inner = v.items[n]
		}
		if inner == nil {
			break
		}
		v = inner
	}
	return l.place(max(0, v.at))
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
