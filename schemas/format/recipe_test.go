package format_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// recipe is a small text, and which parts of it are there many times: a family
// that nobody wrote.
type recipe struct {
	text  string
	parts []part // in their order; none crosses another
}

// part is a piece of a text that is there many times.
type part struct {
	from, to int
	around   [2]int // what stands there once, in the middle of all; none where it ends at 0
	between  string
	times    func(n int) int
	within   []part
	apart    map[string]bool // words and numbers that get a number, which tells one piece from the others
	next     bool            // every second of them has the number of the next piece
}

func (r recipe) of(n int) string {
	w := writer{recipe: r, n: n}
	w.write(0, len(r.text), r.parts, nil)
	return w.String()
}

// mostWritten is where a text is long enough, in bytes: no longer one is sent.
const mostWritten = mostScript + 1

// writer writes a text of a recipe.
type writer struct {
	recipe
	strings.Builder
	n int
}

// telling tells a piece from others of its kind.
type telling func(text string) string

// write writes what stands between two places, with its parts.
func (w *writer) write(from, to int, parts []part, tell telling) {
	for _, p := range parts {
		w.plain(from, p.from, tell)
		from = p.to
		w.many(p, tell)
	}
	w.plain(from, to, tell)
}

func (w *writer) plain(from, to int, tell telling) {
	text := w.text[from:to]
	if tell != nil {
		text = tell(text)
	}
	w.WriteString(text)
}

// many writes a part as often as it is there.
func (w *writer) many(p part, tell telling) {
	times := p.times(w.n)
	for i := 0; i < times && w.Len() < mostWritten; i++ {
		if i > 0 {
			w.WriteString(p.between)
		}
		if p.around[1] > 0 {
			w.plain(p.from, p.around[0], p.tell(i, tell))
		} else {
			w.write(p.from, p.to, p.within, p.tell(i, tell))
		}
	}
	if p.around[1] == 0 {
		return
	}
	w.plain(p.around[0], p.around[1], tell)
	for i := times - 1; i >= 0 && w.Len() < mostWritten; i-- {
		w.plain(p.around[1], p.to, p.tell(i, tell))
	}
}

// counted are words, and numbers.
var counted = regexp.MustCompile(`[A-Za-z_]+[0-9]*|[0-9]+`)

// tell tells the ith piece of a part from the others.
func (p part) tell(i int, outer telling) telling {
	return func(text string) string {
		if outer != nil {
			text = outer(text)
		}
		nth := 0
		return counted.ReplaceAllStringFunc(text, func(word string) string {
			if !p.apart[word] {
				return word
			}
			of := i + 1
			if nth++; p.next && nth%2 == 0 {
				of++
			}
			if isNumber(word) {
				word = ""
			}
			return word + strconv.Itoa(of)
		})
	}
}

func isNumber(word string) bool { return word[0] >= '0' && word[0] <= '9' }

// add takes a part on, unless it crosses another.
func (r *recipe) add(p part) {
	for i, o := range r.parts {
		if p.to <= o.from || p.from >= o.to {
			continue
		}
		if p.from > o.from && p.to < o.to && o.around[1] == 0 && len(o.within) == 0 {
			r.parts[i].within = []part{p}
		}
		return
	}
	r.parts = append(r.parts, p)
	slices.SortFunc(r.parts, func(a, b part) int { return a.from - b.from })
}
