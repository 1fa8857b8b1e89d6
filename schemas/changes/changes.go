// Package changes names what is different between two texts of a schema, each
// thing at its place and none left out. It judges nothing: what breaks whom is
// said elsewhere.
package changes

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/flowmart/lethe/internal/fault"
)

// Kind is what happened to a thing.
type Kind string

// The kinds of change.
const (
	Added     Kind = "ADDED"
	Removed   Kind = "REMOVED"
	Changed   Kind = "CHANGED"
	Reordered Kind = "REORDERED" // the same things in another order
)

// Change is one difference.
type Change struct {
	Kind   Kind   `json:"kind"`
	Place  string `json:"place"` // names of members and of named things, joined by dots; a line's number in Protobuf
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// String is a change as one line.
func (c Change) String() string {
	switch c.Kind {
	case Added:
		return "+ " + joined(c.Place, c.After)
	case Removed:
		return "- " + joined(c.Place, c.Before)
	case Reordered:
		return "~ " + c.Place + ": in another order"
	}
	return fmt.Sprintf("~ %s: %s → %s", c.Place, short(c.Before), short(c.After))
}

func joined(place, text string) string {
	if place == "" || text == "" {
		return place + short(text)
	}
	return place + ": " + short(text)
}

// short cuts what would fill the screen.
func short(s string) string { return fault.Cut(s, 100) }

// Of names what is different between two canonical texts of a type. Avro and
// JSON Schema are compared as JSON, so that white space and the order of
// members are no change; Protobuf is by its lines.
func Of(kind, before, after string) []Change {
	var b, a any
	if kind == "PROTOBUF" || decode(before, &b) != nil || decode(after, &a) != nil {
		return lines(strings.Split(strings.TrimSpace(before), "\n"), strings.Split(strings.TrimSpace(after), "\n"))
	}
	w := &walk{}
	w.compare("", b, a)
	return w.out
}

func decode(text string, into *any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber() // 1 and 1.0, and numbers beyond float64, stay what they are
	return d.Decode(into)
}

type walk struct{ out []Change }

func (w *walk) note(kind Kind, place, before, after string) {
	w.out = append(w.out, Change{kind, place, before, after})
}

func text(v any) string {
	if n, ok := v.(json.Number); ok {
		return n.String()
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // it was decoded from JSON
	return strings.TrimSpace(b.String())
}

func (w *walk) compare(place string, before, after any) {
	bo, isObject := before.(map[string]any)
	ao, areObjects := after.(map[string]any)
	if isObject && areObjects {
		w.members(place, bo, ao)
		return
	}
	bl, isList := before.([]any)
	al, areLists := after.([]any)
	if isList && areLists {
		w.items(place, bl, al)
		return
	}
	if b, a := text(before), text(after); b != a {
		w.note(Changed, place, b, a)
	}
}

func (w *walk) members(place string, before, after map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, still := after[name]; !still {
			w.note(Removed, under(place, name), text(before[name]), "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if b, was := before[name]; was {
			w.compare(under(place, name), b, after[name])
		} else {
			w.note(Added, under(place, name), "", text(after[name]))
		}
	}
}

// items compares lists by the names of what is in them, and where something has
// no name of its own, one by one.
func (w *walk) items(place string, before, after []any) {
	b, was, named := keys(before)
	a, is, alsoNamed := keys(after)
	if !named || !alsoNamed {
		w.oneByOne(place, before, after)
		return
	}
	var stayed, stay []string
	for i, key := range b {
		if _, still := is[key]; still {
			stayed = append(stayed, key)
		} else {
			w.note(Removed, under(place, key), text(before[i]), "")
		}
	}
	for i, key := range a {
		k, there := was[key]
		if !there {
			w.note(Added, under(place, key), "", text(after[i]))
			continue
		}
		stay = append(stay, key)
		w.compare(under(place, key), before[k], after[i])
	}
	if !slices.Equal(stayed, stay) {
		w.note(Reordered, place, "", "")
	}
}

// keys are the names of the items of a list, and where each stands: a record's
// or field's name, a type that is only named, or a value, but none that holds others
// which do. Of items that have none, or one of which two have the same, it reports
// false.
func keys(items []any) (names []string, at map[string]int, named bool) {
	at = make(map[string]int, len(items))
	for i, item := range items {
		key := keyOf(item)
		if _, twice := at[key]; twice || key == "" {
			return nil, nil, false
		}
		at[key], names = i, append(names, key)
	}
	return names, at, true
}

func keyOf(item any) string {
	switch item := item.(type) {
	case string:
		return item
	case map[string]any:
		for _, member := range []string{"name", "type", "$ref", "title"} {
			if s, ok := item[member].(string); ok {
				return s
			}
		}
		return ""
	case []any:
		if slices.ContainsFunc(item, holds) {
			return ""
		}
	}
	return text(item)
}

// holds reports whether a value has others in it.
func holds(v any) bool {
	_, isList := v.([]any)
	_, isObject := v.(map[string]any)
	return isList || isObject
}

func (w *walk) oneByOne(place string, before, after []any) {
	for i := range max(len(before), len(after)) {
		at := under(place, fmt.Sprint(i))
		switch {
		case i >= len(after):
			w.note(Removed, at, text(before[i]), "")
		case i >= len(before):
			w.note(Added, at, "", text(after[i]))
		default:
			w.compare(at, before[i], after[i])
		}
	}
}

// longest is how long a place is: of one that is longer the beginning is told, for a
// text may have any number of things in a place that is half of it.
const longest = 1000

func under(place, name string) string {
	switch {
	case place == "":
		return fault.Cut(name, longest)
	case len(place) > longest-utf8.UTFMax && strings.HasSuffix(place, "…"):
		return place // it says already that there is more
	}
	return fault.Cut(place+"."+name, longest)
}

// lines finds the fewest lines that were taken out and put in.
func lines(before, after []string) []Change {
	start := 0
	for start < min(len(before), len(after)) && before[start] == after[start] {
		start++
	}
	end := 0
	for end < min(len(before), len(after))-start && before[len(before)-1-end] == after[len(after)-1-end] {
		end++
	}
	b, a := before[start:len(before)-end], after[start:len(after)-end]
	// The table below grows with the product; what was written anew is shown as
	// such.
	const most = 4 << 20
	var same [][]int32
	if len(b)*len(a) <= most {
		same = common(b, a)
	}
	var out []Change
	i, k := 0, 0
	for i < len(b) || k < len(a) {
		switch {
		case same != nil && i < len(b) && k < len(a) && b[i] == a[k]:
			i, k = i+1, k+1
		case i < len(b) && (same == nil || k == len(a) || same[i+1][k] >= same[i][k+1]):
			out = append(out, Change{Kind: Removed, Place: fmt.Sprint("line ", start+i+1), Before: strings.TrimSpace(b[i])})
			i++
		default:
			out = append(out, Change{Kind: Added, Place: fmt.Sprint("line ", start+k+1), After: strings.TrimSpace(a[k])})
			k++
		}
	}
	blank := func(c Change) bool { return c.Before == "" && c.After == "" } // it follows on what stands around it
	return slices.DeleteFunc(out, blank)
}

// common is for each two ends of texts how many lines they have in common, in
// order.
func common(b, a []string) [][]int32 {
	t := make([][]int32, len(b)+1)
	for i := range t {
		t[i] = make([]int32, len(a)+1)
	}
	for i := len(b) - 1; i >= 0; i-- {
		for k := len(a) - 1; k >= 0; k-- {
			t[i][k] = max(t[i+1][k], t[i][k+1])
			if b[i] == a[k] {
				t[i][k] = t[i+1][k+1] + 1
			}
		}
	}
	return t
}
