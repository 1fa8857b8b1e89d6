package avro

import "slices"

// clashes makes schemas on which Java's reader founders: names that are other
// types' in another namespace, aliases that are other names, several branches of
// one name, defaults of any branch.
type clashes struct {
	*evolution
	names []string
}

// pair makes a schema, and one that came of it. Either may hold clashes.
func (c *clashes) pair() (reader, writer *node) {
	writer = c.record(3)
	c.names = nil
	for _, n := range writer.all(map[*node]bool{}) {
		if n.name != "" {
			c.names = append(c.names, n.name)
		}
	}
	c.spoil(writer)
	reader = writer.clone(map[*node]*node{})
	c.spoil(reader)
	return reader, writer
}

func (c *clashes) spoil(root *node) {
	for range 2 + c.r.IntN(5) {
		all := root.all(map[*node]bool{})
		n := all[c.r.IntN(len(all))]
		switch {
		case n.kind == "record" && c.r.IntN(2) == 0:
			c.spoilFields(n, all)
		case n.name != "":
			c.spoilName(n)
		case n.kind == "union":
			c.crowd(n, all)
		}
	}
	flatten(root)
}

// name is the name of any type, in any namespace.
func (c *clashes) name() string {
	_, simple := split(c.names[c.r.IntN(len(c.names))])
	return []string{"n.", "m.", "k."}[c.r.IntN(3)] + simple
}

func (c *clashes) spoilName(n *node) {
	before := n.name
	_, simple := split(n.name)
	switch c.r.IntN(4) {
	case 0:
		n.name = []string{"n.", "m.", "k."}[c.r.IntN(3)] + simple
	case 1:
		n.name = c.name()
		n.aliases = append(n.aliases, before)
	default:
		n.aliases = append(n.aliases, c.name())
	}
}

func (c *clashes) spoilFields(n *node, all []*node) {
	if len(n.fields) == 0 {
		return
	}
	f, other := &n.fields[c.r.IntN(len(n.fields))], n.fields[c.r.IntN(len(n.fields))]
	switch c.r.IntN(5) {
	case 0:
		f.aliases = append(f.aliases, other.name)
	case 1:
		f.aliases = append(f.aliases, f.name)
		f.name = c.fresh("f")
	case 2:
		f.fallback = c.anyValue(f.typ, 5)
	default:
		p := nodeField{name: c.fresh("f"), typ: all[c.r.IntN(len(all))]}
		p.fallback = c.anyValue(p.typ, 5)
		n.fields = append(n.fields, p)
	}
}

// crowd gives a union another type that is nearly one there is.
func (c *clashes) crowd(union *node, all []*node) {
	named := slices.DeleteFunc(slices.Clone(all), func(n *node) bool { return n.name == "" })
	branch := named[c.r.IntN(len(named))].clone(map[*node]*node{})
	branch.name = c.name()
	if len(branch.fields) > 0 {
		c.change(branch.fields[c.r.IntN(len(branch.fields))].typ)
	}
	c.join(union, branch)
}

// data is also made with the branches and symbols in any order: types are used
// in several places here, and each must have its turn in each.
func (c *clashes) data(n *node) [][]byte {
	out := c.evolution.data(n)
	for range 5 * len(out) {
		for _, m := range n.all(map[*node]bool{}) {
			m.turn = c.r.IntN(12)
		}
		if b, ok := c.encode(nil, n, 12); ok {
			out = append(out, b)
		}
	}
	return out
}

// anyValue makes a default of the type, of any branch where there are several.
func (c *clashes) anyValue(n *node, depth int) any {
	switch {
	case depth == 0:
		return nil
	case n.kind == "union" && len(n.oneof) > 0:
		return c.anyValue(n.oneof[c.r.IntN(len(n.oneof))], depth-1)
	case n.kind == "array" && c.r.IntN(2) == 0:
		if v := c.anyValue(n.items, depth-1); v != nil {
			return []any{v}
		}
	case n.kind == "map" && c.r.IntN(2) == 0:
		if v := c.anyValue(n.items, depth-1); v != nil {
			return map[string]any{"k": v}
		}
	case n.kind == "record":
		return c.anyRecord(n, depth)
	}
	return c.value(n, depth)
}

func (c *clashes) anyRecord(n *node, depth int) any {
	out := map[string]any{}
	for _, p := range n.fields {
		if p.fallback != nil && c.r.IntN(2) == 0 {
			continue // it has its own
		}
		v := c.anyValue(p.typ, depth-1)
		if v == nil {
			return nil
		}
		out[p.name] = v
	}
	return out
}
