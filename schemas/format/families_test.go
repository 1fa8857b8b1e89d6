package format_test

import (
	"fmt"
	"strings"
)

// family makes texts of one construct, of any size: of a kind of thing that
// stands there n times, or that is nested n deep.
type family struct {
	name string
	of   func(n int) string
	was  func(n int) string // what the text follows, if not one that is like it
}

// after is a family whose texts follow those of another one.
func (f family) after(was family) family {
	f.was = was.of
	return f
}

// row repeats a piece between a head and a tail; @ in it is its number.
func row(name, head, piece, between, tail string) family {
	return pieces(name, head, between, tail, func(i, _ int) string { return strings.ReplaceAll(piece, "@", fmt.Sprint(i)) })
}

// back is a row the other way round: pieces from the last to the first.
func back(name, head, piece, between, tail string) family {
	return pieces(name, head, between, tail, func(i, n int) string { return strings.ReplaceAll(piece, "@", fmt.Sprint(n+1-i)) })
}

// pieces are the first to the nth of a kind, between a head and a tail.
func pieces(name, head, between, tail string, piece func(i, n int) string) family {
	return family{name: name, of: func(n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			if i > 0 {
				b.WriteString(between)
			}
			b.WriteString(piece(i+1, n))
		}
		return b.String() + tail
	}}
}

// nest puts a piece around a piece around a piece.
func nest(name, head, open, middle, shut, tail string) family {
	return family{name: name, of: func(n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			b.WriteString(strings.ReplaceAll(open, "@", fmt.Sprint(i+1)))
		}
		return b.String() + middle + strings.Repeat(shut, n) + tail
	}}
}

// steps is a row of pieces that lead on to the next one, which is @@.
func steps(name, head, piece, between, tail string) family {
	return family{name: name, of: func(n int) string {
		var b strings.Builder
		b.WriteString(head)
		for i := range n {
			if i > 0 {
				b.WriteString(between)
			}
			b.WriteString(strings.ReplaceAll(strings.ReplaceAll(piece, "@@", fmt.Sprint(i+2)), "@", fmt.Sprint(i+1)))
		}
		return b.String() + strings.ReplaceAll(tail, "@@", fmt.Sprint(n+1))
	}}
}

// long repeats one word within a text.
func long(name, head, word, tail string) family { return row(name, head, word, "", tail) }

// both has n of the one and n of the other: what is looked up among all is
// slow here.
func both(name, head, piece, middle, other, tail string) family {
	return family{name: name, of: func(n int) string {
		return row("", head, piece, ",", middle).of(n) + row("", "", other, ",", tail).of(n)
	}}
}

// beside is a family among further files, each of which has its path, a line
// feed and its text: @ in them is their number.
func beside(name string, f family, file string, files int) family {
	return family{name: name, of: func(n int) string {
		return f.of(n) + row("", "", nextFile+file, "", "").of(min(n, files))
	}}
}

// nextFile stands between the files of a text.
const nextFile = "\x1c"

// atMost is a family with no more than so many pieces, for another to go behind it:
// by itself it never grows to its end.
func (f family) atMost(most int) family {
	of := f.of
	f.of = func(n int) string { return of(min(n, most)) }
	return f
}

// then is one family behind another.
func then(name string, one, other family) family {
	return family{name: name, of: func(n int) string { return one.of(n) + other.of(n) }}
}

const draft = `{"$schema":"https://json-schema.org/draft/2020-12/schema",`
