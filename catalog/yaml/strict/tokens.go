package strict

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// Bounds of what the parser takes the square of, in what it copies and compares
// for it: some tenths of a second.
const (
	mostBlank = 50_000_000  // each empty line with those that it follows on
	mostMoved = 200_000_000 // each value that is left out with all words of the file
)

// Tokens takes a text of YAML apart into words, and reports what the parser would
// take very long for: more than so many words, keys beside one another, values that
// are left out, empty lines that follow one another. What is wrong is "" where
// nothing is.
func Tokens(text string, most int) (tokens token.Tokens, at Mark, wrong string) {
	if line := tooBlank(text); line > 0 {
		return nil, Mark{line, 1}, "too many empty lines follow one another; take some out"
	}
	if strings.Count(text, "[")+strings.Count(text, "{") > most {
		return nil, Mark{1, 1}, tooLong(most) // all of a line is taken apart at once
	}
	var s scanner.Scanner
	s.Init(text)
	for len(tokens) <= most {
		some, err := s.Scan()
		if errors.Is(err, io.EOF) {
			break
		}
		tokens.Add(some...) // what is wrong is one of them, and told by the parser
	}
	if len(tokens) > most {
		return nil, Mark{1, 1}, tooLong(most)
	}
	if at, found := crowded(tokens); found {
		return nil, at, fmt.Sprintf("more than %d keys stand beside one another; write a list", MostKeys)
	}
	if at, found := hollow(tokens); found {
		return nil, at, "too many values are left out; take out the keys and items that have none"
	}
	return tokens, Mark{}, ""
}

func tooLong(most int) string {
	return fmt.Sprintf("the file has more than %d words; split it", most)
}

// tooBlank finds where too many empty lines follow one another, from 1; 0 for
// nowhere. Within a text of several lines, each is read again with the next one.
func tooBlank(text string) (line int) {
	run, spent := 0, 0
	for one := range strings.Lines(text) {
		line++
		if strings.TrimSpace(one) != "" {
			run = 0
			continue
		}
		run++
		if spent += 2 * run; spent > mostBlank {
			return line
		}
	}
	return 0
}

// hollow finds where too many values are left out. The parser puts a word in for
// each, and moves all that follow.
func hollow(tokens token.Tokens) (at Mark, found bool) {
	out := 0
	var open brackets
	for i, t := range tokens {
		if open.leavesOut(tokens, i) {
			out++
		}
		if out*len(tokens) > mostMoved {
			return Mark{t.Position.Line, t.Position.Column}, true
		}
	}
	return Mark{}, false
}

// brackets are those that are open at a word.
type brackets []bracket

type bracket struct{ braces, told bool } // told: the entry that began has a value

// leavesOut reports whether a value is left out at the next word: of a key, of an
// item, or of what stands alone within braces.
func (b *brackets) leavesOut(tokens token.Tokens, i int) bool {
	t := tokens[i]
	var top *bracket
	if n := len(*b); n > 0 {
		top = &(*b)[n-1]
	}
	switch t.Type {
	case token.MappingStartType, token.SequenceStartType:
		*b = append(*b, bracket{braces: t.Type == token.MappingStartType})
	case token.CollectEntryType, token.MappingEndType, token.SequenceEndType:
		if top == nil {
			return false
		}
		before := tokens[i-1].Type
		out := top.braces && !top.told && before != token.MappingStartType && before != token.CollectEntryType
		if top.told = false; t.Type != token.CollectEntryType {
			*b = (*b)[:len(*b)-1]
		}
		return out
	case token.MappingValueType:
		if top != nil {
			top.told = true
		}
		return i > 0 && nothing(tokens, i, tokens[i-1].Position.Column)
	case token.SequenceEntryType:
		return nothing(tokens, i, t.Position.Column)
	}
	return false
}

// nothing reports whether nothing follows a word that belongs to what begins in a
// column.
func nothing(tokens token.Tokens, i, column int) bool {
	key := tokens[i].Type == token.MappingValueType
	for _, next := range tokens[i+1:] {
		switch next.Type {
		case token.CommentType:
			continue
		case token.CollectEntryType, token.MappingEndType, token.SequenceEndType:
			return true
		case token.SequenceEntryType:
			return next.Position.Line > tokens[i].Position.Line && (next.Position.Column < column || !key && next.Position.Column == column)
		}
		return next.Position.Line > tokens[i].Position.Line && next.Position.Column <= column
	}
	return true
}
