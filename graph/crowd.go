package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

const (
	// maxSpreads is how many fragments a query may spread, and maxRepeats how
	// often it may name again what stands in the same selection already. The
	// validator compares both in pairs, which within the limit of tokens still
	// took 1.6 s; below these it takes a few milliseconds.
	maxSpreads = 50
	maxRepeats = 50
)

// crowd counts what the validator compares in pairs.
type crowd struct{ spreads, repeats int }

// MutateOperationParameters refuses, before the validator sees it, what would
// keep it busy.
func (guard) MutateOperationParameters(_ context.Context, params *graphql.RawParams) *gqlerror.Error {
	// The executor parses the query too, and says what is wrong with it.
	doc, _ := parser.ParseQueryWithTokenLimit(&ast.Source{Input: params.Query}, maxTokens)
	if doc == nil {
		return nil
	}
	var c crowd
	for _, op := range doc.Operations {
		c.count(op.SelectionSet)
	}
	for _, f := range doc.Fragments {
		c.count(f.SelectionSet)
	}
	switch {
	case c.spreads > maxSpreads:
		return refuse(codeTooLarge, "the query spreads more than %d fragments", maxSpreads)
	case c.repeats > maxRepeats:
		return refuse(codeTooLarge, "the query names fields of the same selection again, more than %d times", maxRepeats)
	}
	return nil
}

func (c *crowd) count(set ast.SelectionSet) {
	seen := make(map[string]bool, len(set))
	for _, selection := range set {
		switch sel := selection.(type) {
		case *ast.Field:
			name := sel.Name
			if sel.Alias != "" {
				name = sel.Alias
			}
			if seen[name] {
				c.repeats++
			}
			seen[name] = true
			c.count(sel.SelectionSet)
		case *ast.InlineFragment:
			c.spreads++
			c.count(sel.SelectionSet)
		case *ast.FragmentSpread:
			c.spreads++
		}
	}
}
