package migration

import (
	"regexp"
	"slices"
	"strings"
)

// runsIn reports whether a change set with a context expression runs where these
// contexts are chosen: names with and, or, not, ! and parentheses; a comma is an
// or. Where none is chosen, or none is said, it runs, and so it does where more is
// said than anybody can follow.
// https://docs.liquibase.com/concepts/changelogs/attributes/contexts.html
func runsIn(expression string, chosen map[string]bool) bool {
	const most = 1000
	if len(chosen) == 0 {
		return true
	}
	words := contextWords.FindAllString(strings.ToLower(expression), most+1)
	if len(words) == 0 || len(words) > most {
		return true
	}
	e := contexts{words: words, chosen: chosen}
	return e.any(0)
}

// chosen are contexts as an expression has them: in small letters, without @.
func chosen(names []string) map[string]bool {
	out := make(map[string]bool, len(names))
	for _, name := range names {
		out[strings.ToLower(strings.TrimPrefix(name, "@"))] = true
	}
	return out
}

var contextWords = regexp.MustCompile(`[(),!]|[^\s(),!]+`)

// contexts evaluates an expression.
type contexts struct {
	words  []string
	chosen map[string]bool
}

func (e *contexts) take(words ...string) bool {
	if len(e.words) == 0 || !slices.Contains(words, e.words[0]) {
		return false
	}
	e.words = e.words[1:]
	return true
}

func (e *contexts) any(depth int) bool {
	holds := e.all(depth)
	for e.take(",", "or") {
		if e.all(depth) {
			holds = true
		}
	}
	return holds
}

func (e *contexts) all(depth int) bool {
	holds := e.one(depth)
	for e.take("and") {
		if !e.one(depth) {
			holds = false
		}
	}
	return holds
}

func (e *contexts) one(depth int) bool {
	switch {
	case depth > deepest || len(e.words) == 0:
		return true
	case e.take("!", "not"):
		return !e.one(depth + 1)
	case e.take("("):
		holds := e.any(depth + 1)
		e.take(")")
		return holds
	}
	word := e.words[0]
	e.words = e.words[1:]
	return e.chosen[strings.TrimPrefix(word, "@")]
}
