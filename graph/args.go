package graph

import "github.com/flowmart/lethe/internal/page"

// pageOf reads the arguments of a list.
func pageOf(first int, after *string) page.Args {
	return page.Args{First: first, After: orNil(after)}
}

// orNil is what p points at, and the zero value for nil.
func orNil[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// some is nil for an empty text.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
