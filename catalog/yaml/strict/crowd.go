package strict

import (
	"github.com/goccy/go-yaml/token"
)

// MostKeys is how many keys one mapping may have.
const MostKeys = 2_000

// crowded finds where a mapping has more keys than MostKeys. The parser goes one
// call deeper with each of them, and copies all that follow: what is a file of a
// megabyte keeps it busy for a quarter of a minute.
func crowded(tokens token.Tokens) (at Mark, found bool) {
	var open []mapping // the mappings that a token can be in, by where their keys begin
	for i, t := range tokens {
		key := t.Type == token.MappingValueType && i > 0
		if !key && t.Type != token.SequenceEntryType {
			continue
		}
		column := t.Position.Column
		if key {
			column = tokens[i-1].Position.Column
		}
		for len(open) > 0 && open[len(open)-1].column > column {
			open = open[:len(open)-1]
		}
		if !key {
			continue
		}
		if len(open) == 0 || open[len(open)-1].column < column {
			open = append(open, mapping{column: column})
		}
		top := &open[len(open)-1]
		if top.keys++; top.keys > MostKeys {
			return Mark{t.Position.Line, column}, true
		}
	}
	return Mark{}, false
}

type mapping struct{ column, keys int }
