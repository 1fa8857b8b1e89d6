package format

import (
	"slices"
)

// Lines are where the lines of a text begin.
type Lines []int

// LinesOf finds the lines of a text.
func LinesOf(text string) Lines {
	l := Lines{0}
	for i := range len(text) {
		if text[i] == '\n' {
			l = append(l, i+1)
		}
	}
	return l
}

// Place is the line and the column of a byte, both from 1.
func (l Lines) Place(at int) (line, column int) {
	i, found := slices.BinarySearch(l, at)
	if !found {
		i--
	}
	return i + 1, at - l[i] + 1
}

// deeperThan reports whether the brackets of a JSON text, outside its strings,
// nest deeper than a limit. Parsers of JSON go as deep as the text does.
func deeperThan(text string, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
