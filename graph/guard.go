package graph

import (
	"context"
	"math"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
)

const (
	maxTokens = 2_000 // the validator compares fields in pairs: more would cost seconds
	maxDepth  = 15
	maxFields = 2_000

	// costOfPeople fits a page of 100 requests, each with a page of tasks,
	// their services and owners.
	costOfPeople   = 50_000
	costOfMachines = 5_000

	// listWithoutPage is what a list without a page size counts for.
	listWithoutPage = 10
)

const (
	codeTooLarge        = "QUERY_TOO_LARGE"
	codeNoIntrospection = "INTROSPECTION_DISABLED"
	codeNoStream        = "EVENT_STREAM_REQUIRED"
)

func init() {
	for _, code := range []string{codeTooLarge, codeNoIntrospection, codeNoStream} {
		errcode.RegisterErrorType(code, errcode.KindProtocol) // 422
	}
}

// guard weighs an operation before anything of it runs, and tells its cost.
type guard struct{ dev bool }

// ExtensionName names the extension.
func (guard) ExtensionName() string { return "Guard" }

// Validate has nothing to check.
func (guard) Validate(graphql.ExecutableSchema) error { return nil }

// bill is what an operation costs and may cost.
type bill struct {
	Requested int `json:"requested"`
	Limit     int `json:"limit"`
}

// MutateOperationContext refuses what is too deep, too wide or too dear.
func (g guard) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if op.Operation.Operation == ast.Subscription && !strings.Contains(op.Headers.Get("Accept"), "text/event-stream") {
		return refuse(codeNoStream, "a subscription is answered as an event stream; send Accept: text/event-stream")
	}
	s := scales{vars: op.Variables, known: map[*ast.FragmentDefinition]weight{}}
	w := s.weigh(op.Operation.SelectionSet)
	limit := costOfPeople
	if access.From(ctx).Has(access.CI, access.Service) {
		limit = costOfMachines
	}
	op.Stats.SetExtension(guard{}.ExtensionName(), bill{w.cost, limit})
	switch {
	case w.introspects && !g.dev:
		return refuse(codeNoIntrospection, "the schema is published with the documentation; this server does not tell it")
	case w.depth > maxDepth:
		return refuse(codeTooLarge, "the query is deeper than %d", maxDepth)
	case w.fields > maxFields:
		return refuse(codeTooLarge, "the query selects more than %d fields", maxFields)
	case w.cost > limit:
		return refuse(codeTooLarge, "the query costs %d, more than the limit of %d; ask for smaller pages", w.cost, limit)
	}
	return nil
}

// InterceptResponse adds the cost to the answer.
func (guard) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if graphql.HasOperationContext(ctx) {
		if b, ok := graphql.GetOperationContext(ctx).Stats.GetExtension(guard{}.ExtensionName()).(bill); ok {
			graphql.RegisterExtension(ctx, "cost", b)
		}
	}
	return next(ctx)
}

func refuse(code, format string, args ...any) *gqlerror.Error {
	err := gqlerror.Errorf(format, args...)
	errcode.Set(err, code)
	return err
}

// weight is what a selection asks for. An object costs 1, a scalar nothing; a
// list costs its page size times what it holds.
type weight struct {
	depth, fields, cost int
	introspects         bool
}

func (w *weight) add(o weight) {
	w.depth = max(w.depth, o.depth)
	w.fields = plus(w.fields, o.fields)
	w.cost = plus(w.cost, o.cost)
	w.introspects = w.introspects || o.introspects
}

// scales weighs selections. A fragment is weighed once, however often it is
// spread, so that fragments of fragments take no longer than they are long.
type scales struct {
	vars  map[string]any
	known map[*ast.FragmentDefinition]weight
}

func (s scales) weigh(set ast.SelectionSet) weight {
	var w weight
	for _, selection := range set {
		switch sel := selection.(type) {
		case *ast.Field:
			w.add(s.field(sel))
		case *ast.InlineFragment:
			w.add(s.weigh(sel.SelectionSet))
		case *ast.FragmentSpread:
			w.add(s.fragment(sel.Definition))
		}
	}
	return w
}

func (s scales) fragment(f *ast.FragmentDefinition) weight {
	w, ok := s.known[f]
	if !ok {
		w = s.weigh(f.SelectionSet)
		s.known[f] = w
	}
	return w
}

func (s scales) field(f *ast.Field) weight {
	if strings.HasPrefix(f.Name, "__") {
		// The validator bounds introspection itself.
		return weight{depth: 1, fields: 1, introspects: f.Name != "__typename"}
	}
	w := s.weigh(f.SelectionSet)
	w.depth, w.fields = w.depth+1, plus(w.fields, 1)
	if len(f.SelectionSet) > 0 {
		w.cost = plus(1, times(s.length(f), w.cost))
	}
	return w
}

// length is how many rows a field may have. What asks for more than a page has
// is refused by its list, in better words than the guard's.
func (s scales) length(f *ast.Field) int {
	args := f.ArgumentMap(s.vars)
	if ids, ok := args["ids"].([]any); ok {
		return len(ids)
	}
	if f.Definition.Arguments.ForName("first") != nil {
		return min(max(whole(args["first"]), 1), page.Max)
	}
	if f.Definition.Type.Elem != nil && f.Name != "edges" && f.Name != "nodes" {
		return listWithoutPage
	}
	return 1
}

func whole(v any) int {
	switch n := v.(type) {
	case int64:
		return int(n)
	case int:
		return n
	case interface{ Int64() (int64, error) }:
		i, _ := n.Int64()
		return int(i)
	}
	return page.Max
}

func plus(a, b int) int {
	if a > math.MaxInt-b {
		return math.MaxInt
	}
	return a + b
}

func times(a, b int) int {
	if b > 0 && a > math.MaxInt/b {
		return math.MaxInt
	}
	return a * b
}
