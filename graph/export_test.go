package graph

import (
	"net/http"

	"github.com/vektah/gqlparser/v2/ast"
)

// Inside is the API without its door, so that a test can see that the rooms
// refuse by themselves.
func Inside(c Config) http.Handler { return inside(c) }

// WellFormed reports whether the door lets a body through.
func WellFormed(body []byte) bool { return wellFormed(body) == nil }

// Weigh weighs an operation as the guard does.
func Weigh(op *ast.OperationDefinition) (depth, fields, cost int) {
	w := scales{known: map[*ast.FragmentDefinition]weight{}}.weigh(op.SelectionSet)
	return w.depth, w.fields, w.cost
}

// Summary puts a plan in figures.
var Summary = summary
