// Package relay shows pages of the rooms as Relay connections.
package relay

import (
	"slices"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
)

// Connection is a page as GraphQL shows it.
type Connection[T any] struct {
	page  page.Page[T]
	after bool
}

// Edge is a row of a page with its cursor.
type Edge[T any] struct {
	Cursor string
	Node   T
}

// PageInfo says where a page stands in its list.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// Of shows a page that was asked for with args.
func Of[T any](p page.Page[T], args page.Args) Connection[T] {
	return Connection[T]{p, args.After != ""}
}

// Cut shows a page of a list that is wholly in memory because it is bounded by
// what it belongs to. The list is named so that no other list's cursor is
// taken for one of it; key tells its rows apart.
func Cut[T any, K comparable](rows []T, list string, args page.Args, key func(T) K) (Connection[T], error) {
	var none Connection[T]
	if err := args.Check(); err != nil {
		return none, err
	}
	if args.After != "" {
		var last K
		if err := page.Decode(args.After, list, &last); err != nil {
			return none, err
		}
		at := slices.IndexFunc(rows, func(r T) bool { return key(r) == last })
		if at < 0 {
			return none, fault.Bad("after", "BAD_CURSOR", "the row of this cursor has gone; start again without after")
		}
		rows = rows[at+1:]
	}
	rows = rows[:min(len(rows), args.First+1)]
	return Of(page.Cut(rows, args.First, func(r T) string { return page.Encode(list, key(r)) }), args), nil
}

// Nodes lists the rows.
func (c Connection[T]) Nodes() []T { return c.page.Items }

// Edges lists the rows with their cursors.
func (c Connection[T]) Edges() []Edge[T] {
	edges := make([]Edge[T], len(c.page.Items))
	for i, row := range c.page.Items {
		edges[i] = Edge[T]{c.page.Cursors[i], row}
	}
	return edges
}

// PageInfo says where the page stands.
func (c Connection[T]) PageInfo() PageInfo {
	info := PageInfo{HasNextPage: c.page.HasNext, HasPreviousPage: c.after}
	if n := len(c.page.Cursors); n > 0 {
		info.StartCursor, info.EndCursor = &c.page.Cursors[0], &c.page.Cursors[n-1]
	}
	return info
}
