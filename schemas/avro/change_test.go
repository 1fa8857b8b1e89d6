package avro

import "slices"

// pair makes a schema, and one that came of it.
func (e *evolution) pair() (reader, writer *node) {
	writer = e.record(3)
	return e.next(writer), writer
}

// next changes a schema in one to three places, as people do.
func (e *evolution) next(old *node) *node {
	n := old.clone(map[*node]*node{})
	for range 1 + e.r.IntN(3) {
		all := n.all(map[*node]bool{})
		e.change(all[e.r.IntN(len(all))])
	}
	flatten(n)
	e.mend(n)
	return n
}

// flatten puts the branches of a union that stands in a union in its place.
func flatten(n *node) {
	for _, m := range n.all(map[*node]bool{}) {
		var flat []*node
		for _, b := range m.oneof {
			inner := []*node{b}
			if b.kind == "union" {
				inner = b.oneof
			}
			for _, c := range inner {
				if !slices.ContainsFunc(flat, func(x *node) bool { return x == c || x.kind == c.kind && x.name == "" }) {
					flat = append(flat, c)
				}
			}
		}
		m.oneof = flat
	}
}

// mend makes defaults anew that no longer fit what they stand for.
func (e *evolution) mend(n *node) {
	for _, m := range n.all(map[*node]bool{}) {
		for i := range m.fields {
			if m.fields[i].fallback != nil {
				m.fields[i].fallback = e.value(m.fields[i].typ, 4)
			}
		}
	}
}

func (e *evolution) change(n *node) {
	switch n.kind {
	case "record":
		e.changeRecord(n)
	case "enum":
		e.changeEnum(n)
	case "union":
		e.changeUnion(n)
	case "fixed":
		if e.r.IntN(3) == 0 {
			n.size++
			return
		}
		e.rename(n)
	case "array", "map":
		e.change(n.items)
	default:
		e.changePrimitive(n)
	}
}

func (e *evolution) changePrimitive(n *node) {
	wider := map[string][]string{"int": {"long", "float", "double"}, "long": {"float", "double"}, "float": {"double"}, "string": {"bytes"}, "bytes": {"string"}}
	switch to := wider[n.kind]; {
	case e.r.IntN(4) == 0:
		*n = node{kind: "union", oneof: []*node{{kind: "null"}, {kind: n.kind, logical: n.logical}}}
		if n.oneof[1].kind == "null" {
			n.oneof = n.oneof[:1]
		}
	case e.r.IntN(5) == 0:
		n.kind, n.logical = primitives[e.r.IntN(8)], ""
	case len(to) > 0:
		n.kind, n.logical = to[e.r.IntN(len(to))], ""
	}
}

func (e *evolution) changeRecord(n *node) {
	at := 0
	if len(n.fields) > 0 {
		at = e.r.IntN(len(n.fields))
	}
	switch pick := e.r.IntN(9); {
	case pick <= 1 || len(n.fields) == 0: // a new field
		p := nodeField{name: e.fresh("f"), typ: e.make(e.r.IntN(3))}
		if pick == 0 || e.r.IntN(2) == 0 {
			p.fallback = e.value(p.typ, 4)
		}
		n.fields = slices.Insert(n.fields, at, p)
	case pick <= 3: // one less
		n.fields = slices.Delete(n.fields, at, at+1)
	case pick <= 5: // renamed
		p := &n.fields[at]
		if pick == 4 || e.r.IntN(3) == 0 {
			p.aliases = append(p.aliases, p.name)
		}
		p.name = e.fresh("f")
	case pick == 6:
		e.r.Shuffle(len(n.fields), func(i, j int) { n.fields[i], n.fields[j] = n.fields[j], n.fields[i] })
	case pick == 7: // an alias that may be another's name
		if p := n.fields[e.r.IntN(len(n.fields))]; p.name != n.fields[at].name {
			n.fields[at].aliases = append(n.fields[at].aliases, p.name)
		}
	default:
		e.rename(n)
	}
}

func (e *evolution) changeEnum(n *node) {
	switch pick := e.r.IntN(6); {
	case pick <= 1:
		n.symbols = append(n.symbols, e.fresh("S"))
	case pick == 2 && len(n.symbols) > 1:
		n.symbols = n.symbols[1:]
	case pick == 3 && len(n.symbols) > 1:
		n.symbols = n.symbols[:len(n.symbols)-1]
		n.mark = n.symbols[0]
	case pick == 4:
		n.symbols = slices.Clone(n.symbols)
		slices.Reverse(n.symbols)
	default:
		e.rename(n)
	}
	if n.mark != "" && !slices.Contains(n.symbols, n.mark) {
		n.mark = n.symbols[0]
	}
}

func (e *evolution) changeUnion(n *node) {
	switch pick := e.r.IntN(5); {
	case pick <= 1:
		e.join(n, e.make(e.r.IntN(2)))
	case pick == 2 && len(n.oneof) > 1:
		at := e.r.IntN(len(n.oneof))
		n.oneof = slices.Delete(n.oneof, at, at+1)
	case pick == 3:
		e.r.Shuffle(len(n.oneof), func(i, j int) { n.oneof[i], n.oneof[j] = n.oneof[j], n.oneof[i] })
	default:
		if len(n.oneof) == 1 && n.oneof[0].kind != "record" {
			*n = *n.oneof[0]
		}
	}
}

// rename gives a type another name, with an alias or without, or moves it to
// another namespace.
func (e *evolution) rename(n *node) {
	before := n.name
	_, simple := split(n.name)
	switch e.r.IntN(4) {
	case 0:
		n.name = "m." + simple
	case 1:
		n.name = "n." + e.fresh("X")
	default:
		n.name = "n." + e.fresh("X")
		n.aliases = append(n.aliases, before)
	}
}
