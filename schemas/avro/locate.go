package avro

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/flowmart/lethe/schemas/format"
)

// Locate finds the line and the column, from 1, of what the path of a fault of
// Parse names in a text. What is not there is placed at what it would be in; of
// a text that is not JSON, where it stops being so.
func Locate(text string, path []string) (line, column int) {
	l := format.LinesOf(text)
	if len(text) > MaxBytes || format.DeeperThan(text, maxDepth) {
		return 1, 1
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := readValue(d)
	if err != nil {
		return l.Place(min(int(d.InputOffset()), max(0, len(text)-1)))
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
	return l.Place(max(0, v.at))
}
