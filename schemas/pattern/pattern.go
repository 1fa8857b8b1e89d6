// Package pattern is how the metadata of a schema name the fields that they tag:
// by full names with wildcards, as in {"**.email": ["user.contact.email"]}. The
// rules are those by which Confluent's clients look for the tags of a field
// (confluent-kafka-python 2.16, wildcard_matcher.py).
package pattern

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Pattern is a pattern that was read.
type Pattern []rune

// What stands in a pattern beside the characters of names.
const (
	one  rune = -1 - iota // any character but a dot
	some                  // any number of those
	all                   // any number of any
)

// Read reads a pattern: ? is a character, * any number of them within a name, **
// any number across names, "**.*" says no more than "**", and a backslash takes
// what follows it as it is.
func Read(text string) Pattern {
	rs := []rune(strings.ReplaceAll(text, "**.*", "**"))
	var out Pattern
	for i := 0; i < len(rs); i++ {
		switch r := rs[i]; {
		case r == '\\' && i+1 < len(rs):
			i++
			out = append(out, rs[i])
		case r == '?':
			out = append(out, one)
		case r == '*' && i+1 < len(rs) && rs[i+1] == '*':
			i++
			out = append(out, all)
		case r == '*':
			out = append(out, some)
		default:
			out = append(out, r)
		}
	}
	return out
}

// Plain reports whether a pattern is a name and nothing else.
func (p Pattern) Plain() bool {
	return !slices.ContainsFunc(p, func(r rune) bool { return r < 0 })
}

// Matches reports whether a pattern is of a name as a whole. It takes the steps
// that it goes from those that are left, one at least, and gives up where none
// are.
//
// A wildcard takes as little as goes. Where the rest does not fit, the last one
// takes a character more, or, if that is a dot that it may not take, the last
// "**" before it.
func (p Pattern) Matches(name string, left *int) bool {
	within, across := nowhere, nowhere
	i, j := 0, 0
	for *left--; *left >= 0; *left-- {
		r, size := utf8.DecodeRuneInString(name[j:])
		switch {
		case i < len(p) && p[i] == all:
			i++
			within, across = nowhere, choice{i, j}
		case i < len(p) && p[i] == some:
			i++
			within = choice{i, j}
		case i == len(p) && j == len(name):
			return true
		case i < len(p) && j < len(name) && (p[i] == r || p[i] == one && r != '.'):
			i, j = i+1, j+size
		case within.more(name) && name[within.taken] != '.':
			within.take(name)
			i, j = within.at, within.taken
		case across.more(name):
			across.take(name)
			within = nowhere
			i, j = across.at, across.taken
		default:
			return false
		}
	}
	return false
}

// choice is a wildcard that was passed: where the pattern goes on after it, and
// how much of the name, in bytes, it and all before it took.
type choice struct{ at, taken int }

var nowhere = choice{-1, 0}

// more reports whether there is a character that it could take.
func (c choice) more(name string) bool { return c.at >= 0 && c.taken < len(name) }

// take takes one character more.
func (c *choice) take(name string) {
	_, size := utf8.DecodeRuneInString(name[c.taken:])
	c.taken += size
}
