package jsonschema

import (
	"slices"
	"strconv"
)

// describes are the keywords that let no value pass or fail, and those that
// only name what is referred to.
var describes = []string{
	"title", "description", "$comment", "examples", "default", "deprecated", "readOnly", "writeOnly", "format", "confluent:tags", "tags",
	"definitions", "$defs", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$schema",
}

// class numbers schemas so that two with one number let the same values pass:
// they are written alike but for what only describes, and so is whatever they
// refer to. One that leads to itself has a number of its own.
//
// Most of a schema stays as it was from version to version, and need not be
// compared.
func (c *comparison) class(n *node) int {
	if known, ok := c.classes[n]; ok {
		c.looping = c.looping || known < 0
		return known
	}
	c.classes[n] = -len(c.classes) - 1 // if it is met within itself
	if c.steps <= 0 || c.nodes(n.raw) != n || n.foreign != "" || len(n.refs) > 1 {
		c.looping = true
		return c.classes[n]
	}
	outer := c.looping
	c.looping = false
	p := &printer{sorted: true, exact: true}
	p.text(strconv.Itoa(int(n.draft)))
	c.spell(p, n)
	c.steps -= len(p.out) / 50 // what no keyword says is written in full, with the schemas in it
	if !c.looping {
		text := string(p.out)
		if c.texts[text] == 0 {
			c.texts[text] = len(c.texts) + 1
		}
		c.classes[n] = c.texts[text]
	}
	c.looping = c.looping || outer
	return c.classes[n]
}

// spell writes what a schema says, with the numbers of the schemas within it.
func (c *comparison) spell(p *printer, n *node) {
	c.steps--
	if n.raw.Kind != '{' {
		p.write(n.raw)
		return
	}
	v := &value{Kind: '{'}
	for _, m := range n.raw.Members {
		switch {
		case slices.Contains(describes, m.Name):
		case n.ref != nil && (m.Name == "$ref" || m.Name == "$dynamicRef" || m.Name == "$recursiveRef"):
			v.Members = append(v.Members, member{Name: m.Name, Value: c.numbered(n.ref)})
		default:
			v.Members = append(v.Members, member{Name: m.Name, Value: c.spelled(m.Value)})
		}
	}
	p.write(v)
}

// spelled is a value with the schemas in it replaced by their numbers.
func (c *comparison) spelled(v *value) *value {
	if n := c.nodes(v); n != nil {
		return c.numbered(n)
	}
	switch {
	case len(v.Items) > 0 && c.nodes(v.Items[0]) != nil:
		out := &value{Kind: '['}
		for _, item := range v.Items {
			out.Items = append(out.Items, c.spelled(item))
		}
		return out
	case len(v.Members) > 0 && slices.ContainsFunc(v.Members, func(m member) bool { return c.nodes(m.Value) != nil }):
		out := &value{Kind: '{'}
		for _, m := range v.Members {
			out.Members = append(out.Members, member{Name: m.Name, Value: c.spelled(m.Value)})
		}
		return out
	}
	return v
}

func (c *comparison) numbered(n *node) *value {
	return &value{Kind: '0', Text: strconv.Itoa(c.class(n))}
}

// nodes finds the schema that a value of either text is.
func (c *comparison) nodes(v *value) *node {
	if v.Kind != '{' && v.Kind != 't' { // a schema is an object, or true or false
		return nil
	}
	if n := c.reader[v]; n != nil {
		return n
	}
	return c.writer[v]
}

// sameBranch finds a branch that is one of those schemas that hold anyway; −1 if
// none is.
func (c *comparison) sameBranch(w conjunction, branches []*node) int {
	at := c.branchesOf(branches)
	for _, one := range w {
		if i, ok := at[c.class(one.node)]; ok {
			return i
		}
	}
	return -1
}

// refutesItself reports whether one of a conjunction's schemas is refuted.
func (c *comparison) refutesItself(w conjunction) bool {
	by := w.chosen()
	c.steps -= len(by) * len(w) / 20
	return len(by) > 0 && c.steps > 0 && slices.ContainsFunc(w, func(one claim) bool { return c.refutedBy(by, one.node) })
}

// chosen are the claims of which one branch was taken, so that others are denied.
func (w conjunction) chosen() (out conjunction) {
	for _, one := range w {
		if one.made&oneOfTaken != 0 && one.made&othersUsed == 0 {
			out = append(out, one)
		}
	}
	return out
}

// refutedBy reports whether a schema is one that choices which were made deny.
func (c *comparison) refutedBy(chosen conjunction, n *node) bool {
	is := c.class(n)
	for _, one := range chosen {
		if i, ok := c.branchesOf(one.oneOf)[is]; ok && i != one.branch {
			return true
		}
	}
	return false
}

// branchesOf tells where in a list of branches a class stands.
func (c *comparison) branchesOf(branches []*node) map[int]int {
	at, known := c.places[branches[0]]
	if !known {
		at = make(map[int]int, len(branches))
		for i, b := range slices.Backward(branches) {
			at[c.class(b)] = i
		}
		c.places[branches[0]] = at
	}
	return at
}
