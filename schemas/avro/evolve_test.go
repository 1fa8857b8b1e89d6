package avro

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// node is a schema made by a test: it can be written as text, changed as
// people change schemas, and filled with data. It knows nothing of Type.
type node struct {
	kind    string // a primitive's name, or record, enum, fixed, array, map, union
	logical string
	name    string
	aliases []string
	fields  []nodeField
	symbols []string
	mark    string // the default of an enum
	size    int
	items   *node   // of an array or a map
	oneof   []*node // of a union

	turn int // how many values were made of it, so that each branch and symbol has its turn
}

type nodeField struct {
	name     string
	aliases  []string
	typ      *node
	fallback any // nil for none
}

// nothing is the default null.
type nothing struct{}

func (nothing) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// text writes the node as a schema: a named type in full where it stands first.
func (n *node) text(written map[*node]bool) any {
	switch n.kind {
	case "union":
		out := []any{}
		for _, b := range n.oneof {
			out = append(out, b.text(written))
		}
		return out
	case "array":
		return map[string]any{"type": "array", "items": n.items.text(written)}
	case "map":
		return map[string]any{"type": "map", "values": n.items.text(written)}
	case "record", "enum", "fixed":
		return n.definition(written)
	}
	if n.logical != "" {
		return map[string]any{"type": n.kind, "logicalType": n.logical}
	}
	return n.kind
}

func (n *node) definition(written map[*node]bool) any {
	if written[n] {
		return n.name
	}
	written[n] = true
	out := map[string]any{"type": n.kind, "name": n.name}
	if len(n.aliases) > 0 {
		out["aliases"] = n.aliases
	}
	switch n.kind {
	case "enum":
		out["symbols"] = n.symbols
		if n.mark != "" {
			out["default"] = n.mark
		}
	case "fixed":
		out["size"] = n.size
	case "record":
		fields := []any{}
		for _, p := range n.fields {
			f := map[string]any{"name": p.name, "type": p.typ.text(written)}
			if len(p.aliases) > 0 {
				f["aliases"] = p.aliases
			}
			if p.fallback != nil {
				f["default"] = p.fallback
			}
			fields = append(fields, f)
		}
		out["fields"] = fields
	}
	return out
}

func (n *node) String() string {
	b, err := json.Marshal(n.text(map[*node]bool{}))
	if err != nil {
		panic(err)
	}
	return string(b)
}

// clone copies what the node leads to; a type that leads to itself stays so.
func (n *node) clone(done map[*node]*node) *node {
	if n == nil {
		return nil
	}
	if c := done[n]; c != nil {
		return c
	}
	c := *n
	done[n] = &c
	c.aliases, c.symbols, c.fields, c.oneof = slices.Clone(n.aliases), slices.Clone(n.symbols), slices.Clone(n.fields), slices.Clone(n.oneof)
	c.items = n.items.clone(done)
	for i := range c.fields {
		c.fields[i].typ = c.fields[i].typ.clone(done)
	}
	for i := range c.oneof {
		c.oneof[i] = c.oneof[i].clone(done)
	}
	return &c
}

// all lists the node and what it leads to, each once.
func (n *node) all(seen map[*node]bool) []*node {
	if n == nil || seen[n] {
		return nil
	}
	seen[n] = true
	out := append([]*node{n}, n.items.all(seen)...)
	for _, p := range n.fields {
		out = append(out, p.typ.all(seen)...)
	}
	for _, b := range n.oneof {
		out = append(out, b.all(seen)...)
	}
	return out
}

// evolution makes schemas and changes them.
type evolution struct {
	r     *rand.Rand
	names int
	open  []*node // records that are being made
}

var primitives = []string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}

func (e *evolution) fresh(letter string) string {
	e.names++
	return fmt.Sprintf("%s%d", letter, e.names)
}

func (e *evolution) make(depth int) *node {
	if depth == 0 {
		n := &node{kind: primitives[1+e.r.IntN(7)]}
		if n.kind == "long" && e.r.IntN(3) == 0 {
			n.logical = "timestamp-millis"
		}
		return n
	}
	switch e.r.IntN(10) {
	case 0:
		return &node{kind: "array", items: e.make(depth - 1)}
	case 1:
		return &node{kind: "map", items: e.make(depth - 1)}
	case 2:
		return &node{kind: "enum", name: "n." + e.fresh("E"), symbols: []string{"A", "B", "C"}[:1+e.r.IntN(3)]}
	case 3:
		return &node{kind: "fixed", name: "n." + e.fresh("F"), size: 1 + e.r.IntN(3)}
	case 4, 5:
		return e.record(depth)
	case 6, 7:
		return e.union(depth)
	}
	return e.make(0)
}

func (e *evolution) record(depth int) *node {
	n := &node{kind: "record", name: "n." + e.fresh("R")}
	e.open = append(e.open, n)
	for range 1 + e.r.IntN(4) {
		p := nodeField{name: e.fresh("f"), typ: e.make(depth - 1)}
		if e.r.IntN(12) == 0 {
			p.typ = &node{kind: "union", oneof: []*node{{kind: "null"}, e.open[e.r.IntN(len(e.open))]}}
		}
		e.maybeDefault(&p)
		n.fields = append(n.fields, p)
	}
	e.open = e.open[:len(e.open)-1]
	return n
}

func (e *evolution) maybeDefault(p *nodeField) {
	if e.r.IntN(2) == 0 {
		p.fallback = e.value(p.typ, 3)
	}
}

func (e *evolution) union(depth int) *node {
	n := &node{kind: "union"}
	if e.r.IntN(2) == 0 {
		n.oneof = append(n.oneof, &node{kind: "null"})
	}
	for range 1 + e.r.IntN(3) {
		e.join(n, e.make(depth-1))
	}
	return n
}

// join adds a branch to a union if it may have one of the kind.
func (e *evolution) join(u, branch *node) {
	if branch.kind == "union" {
		return
	}
	for _, b := range u.oneof {
		if b == branch || b.kind == branch.kind && b.name == "" {
			return
		}
	}
	u.oneof = slices.Insert(u.oneof, e.r.IntN(len(u.oneof)+1), branch)
}

// value makes a default of the type, as JSON has it; nil if there is none.
func (e *evolution) value(n *node, depth int) any {
	if depth == 0 {
		return nil
	}
	switch n.kind {
	case "null":
		return nothing{}
	case "boolean":
		return e.r.IntN(2) == 0
	case "int", "long":
		return e.r.IntN(100)
	case "float", "double":
		return 0.5 + float64(e.r.IntN(9))
	case "bytes", "string":
		return "x"
	case "enum":
		if len(n.symbols) == 0 {
			return nil
		}
		return n.symbols[e.r.IntN(len(n.symbols))]
	case "fixed":
		return strings.Repeat("x", n.size)
	case "array":
		return []any{}
	case "map":
		return map[string]any{}
	case "union":
		if len(n.oneof) == 0 {
			return nil
		}
		return e.value(n.oneof[0], depth-1)
	}
	out := map[string]any{}
	for _, p := range n.fields {
		v := e.value(p.typ, depth-1)
		if v == nil {
			return nil
		}
		out[p.name] = v
	}
	return out
}

// data encodes values of the type in Avro's binary form, so many that each
// branch of a union and each symbol of an enum has its turn, or sixty.
func (e *evolution) data(n *node) [][]byte {
	all := n.all(map[*node]bool{})
	for _, m := range all {
		m.turn = 0
	}
	var out [][]byte
	for len(out) < 60 {
		b, ok := e.encode(nil, n, 12)
		if !ok {
			break
		}
		out = append(out, b)
		if len(out) >= 4 && !slices.ContainsFunc(all, func(m *node) bool { return m.turn < max(len(m.oneof), len(m.symbols)) }) {
			break
		}
	}
	return out
}

// encode appends a value; false if none can be made within the depth.
func (e *evolution) encode(b []byte, n *node, depth int) ([]byte, bool) {
	if depth == 0 {
		return b, false
	}
	n.turn++
	switch n.kind {
	case "null":
		return b, true
	case "boolean":
		return append(b, byte(e.r.IntN(2))), true
	case "int", "long":
		return zigzag(b, e.r.IntN(100_000)-50_000), true
	case "float":
		return append(b, 0, 0, byte(e.r.IntN(128)), 0x41), true
	case "double":
		return append(b, 0, 0, 0, 0, 0, 0, byte(e.r.IntN(128)), 0x41), true
	case "bytes", "string":
		return append(zigzag(b, 2), "xy"...), true
	case "fixed":
		return append(b, strings.Repeat("x", n.size)...), true
	case "enum":
		return zigzag(b, (n.turn-1)%len(n.symbols)), true
	case "union":
		return e.encodeBranch(b, n, depth)
	case "record":
		ok := true
		for i := 0; ok && i < len(n.fields); i++ {
			b, ok = e.encode(b, n.fields[i].typ, depth-1)
		}
		return b, ok
	}
	return e.encodeItems(b, n, depth)
}

// encodeBranch takes the branches in turn, and one that ends where the depth
// does.
func (e *evolution) encodeBranch(b []byte, n *node, depth int) ([]byte, bool) {
	for i := range n.oneof {
		at := (n.turn - 1 + i) % len(n.oneof)
		if out, ok := e.encode(zigzag(slices.Clone(b), at), n.oneof[at], depth-1); ok {
			return out, true
		}
	}
	return b, false
}

func (e *evolution) encodeItems(b []byte, n *node, depth int) ([]byte, bool) {
	count := 1 + e.r.IntN(2)
	out := zigzag(slices.Clone(b), count)
	for i := range count {
		if n.kind == "map" {
			out = append(zigzag(out, 1), byte('a'+i))
		}
		var ok bool
		if out, ok = e.encode(out, n.items, depth-1); !ok {
			return append(b, 0), true // an empty one
		}
	}
	return append(out, 0), true
}

// zigzag appends a number as Avro writes int and long.
func zigzag(b []byte, n int) []byte {
	u := uint64(n<<1) ^ uint64(n>>63)
	for u >= 0x80 {
		b, u = append(b, byte(u)|0x80), u>>7
	}
	return append(b, byte(u))
}
