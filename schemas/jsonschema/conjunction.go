package jsonschema

import (
	"cmp"
	"slices"
)

// conjunction is what is known of a value that was written: all of these hold.
type conjunction []claim

// claim is one schema that holds. Of a choice that was made, the branch that
// was taken is a claim of its own.
type claim struct {
	*node
	made   choice
	branch int // of oneOf: the others do not hold
}

// choice says which of a schema's keywords are used up.
type choice uint8

const (
	anyOfTaken choice = 1 << iota
	oneOfTaken
	notUsed    // what not denies is known elsewhere
	othersUsed // likewise the other branches of oneOf
)

// flatten adds what $ref and allOf bring: it holds, too.
func flatten(w conjunction) conjunction {
	out := make(conjunction, 0, len(w)+2)
	seen := make(map[*node]bool, len(w)+2)
	add := func(one claim) {
		if one.node != nil && !seen[one.node] {
			seen[one.node] = true
			out = append(out, one)
		}
	}
	for _, one := range w {
		add(one)
	}
	for i := 0; i < len(out); i++ {
		n := out[i].node
		add(claim{node: n.ref})
		for _, more := range n.allOf {
			add(claim{node: more})
		}
	}
	return out
}

// and adds schemas that hold besides.
func (w conjunction) and(more ...*node) conjunction {
	out := slices.Clone(w)
	for _, n := range more {
		out = append(out, claim{node: n})
	}
	return out
}

// choosing is the first choice in a conjunction that was not made.
type choosing struct {
	claim   int // where it stands
	made    choice
	options []*node
}

func (w conjunction) choice() (s choosing, found bool) {
	for i, one := range w {
		switch {
		case len(one.anyOf) > 0 && one.made&anyOfTaken == 0:
			return choosing{i, anyOfTaken, one.anyOf}, true
		case len(one.oneOf) > 0 && one.made&oneOfTaken == 0:
			return choosing{i, oneOfTaken, one.oneOf}, true
		}
	}
	return s, false
}

// taking is the conjunction when one of the branches was taken.
func (w conjunction) taking(s choosing, k int) conjunction {
	out := w.and(s.options[k])
	out[s.claim].made |= s.made
	if s.made == oneOfTaken {
		out[s.claim].branch = k
	}
	return out
}

// kindsOf are the types that a conjunction lets pass.
func kindsOf(w conjunction) kinds {
	set := isAny
	for _, one := range w {
		set &= one.kinds()
	}
	return set
}

// meant are the types that a conjunction speaks of.
func (w conjunction) meant() kinds {
	set := kinds(0)
	for _, one := range w {
		set |= one.node.meant()
	}
	return set
}

// strongest is the greatest, or least, of the bounds in a conjunction.
func strongest[T any](w conjunction, of func(*node) *T, better func(a, b T) bool) *T {
	var best *T
	for _, one := range w {
		if v := of(one.node); v != nil && (best == nil || better(*v, *best)) {
			best = v
		}
	}
	return best
}

func more[T cmp.Ordered](a, b T) bool { return a > b }
func less[T cmp.Ordered](a, b T) bool { return a < b }
