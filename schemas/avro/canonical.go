package avro

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Canonical writes the schema in the one way that is its identity: white
// space, the order of the specification's own members and the spelling of
// names do not count; doc, aliases, defaults, order and properties do. The text
// is that of Schema.toString() of Apache Avro for Java. Types that were given
// are named, not repeated.
func (s *Schema) Canonical() string {
	p := &printer{types: s.types, written: s.namedElsewhere()}
	p.typ(s.Root)
	return p.out.String()
}

// Normalized is Canonical with every name in full and the members of every
// property and default sorted, so that how a schema was put into words counts
// for still less.
func (s *Schema) Normalized() string {
	p := &printer{types: s.types, written: s.namedElsewhere(), normal: true}
	p.typ(s.Root)
	return p.out.String()
}

// Print implements format.Printed.
func (s *Schema) Print(form string) (string, bool) {
	if form != "resolved" {
		return "", false
	}
	return s.Resolved()
}

// Resolved is Canonical with the types that were given written out where they
// stand first: it can be read without them. It reports false for a text larger
// than mostResolved, and then writes none.
func (s *Schema) Resolved() (string, bool) { return s.whole(false) }

// Shape is both: two schemas with the same shape say the same, whether their
// types stand in them or are given.
func (s *Schema) Shape() (string, bool) { return s.whole(true) }

// mostResolved is the largest text that references are written out into, in
// bytes: each may be as large as a schema, and there may be many.
const mostResolved = 8 << 20

func (s *Schema) whole(normal bool) (string, bool) {
	p := &printer{types: s.types, written: map[*Type]bool{}, normal: normal, most: mostResolved}
	p.typ(s.Root)
	if p.full() {
		return "", false
	}
	return p.out.String(), true
}

// namedElsewhere are the types that are only named in a schema: they were
// given.
func (s *Schema) namedElsewhere() map[*Type]bool {
	out := make(map[*Type]bool, len(s.given))
	for _, t := range s.given {
		out[t] = true
	}
	return out
}

type printer struct {
	out     strings.Builder
	types   Types
	space   string // the namespace that surrounds what is written
	written map[*Type]bool
	normal  bool // names in full, members sorted
	most    int  // how many bytes are wanted; 0 for all
}

func (p *printer) full() bool { return p.most > 0 && p.out.Len() > p.most }

func (p *printer) typ(t *Type) {
	switch {
	case t.Kind == aUnion:
		p.list(len(t.Oneof), func(i int) { p.typ(t.Oneof[i]) })
	case t.Kind.named():
		p.named(t)
	case t.Kind.primitive() && len(t.props) == 0:
		p.text(string(t.Kind))
	default:
		p.out.WriteString(`{"type":`)
		p.text(string(t.Kind))
		if t.Items != nil {
			p.key(map[Kind]string{anArray: "items", aMap: "values"}[t.Kind])
			p.typ(t.Items)
		}
		p.properties(t.props)
		p.out.WriteByte('}')
	}
}

// named writes a named type in full where it stands first, and by its name
// after that.
func (p *printer) named(t *Type) {
	if p.written[t] {
		p.reference(t.Name)
		return
	}
	p.written[t] = true
	space, name := split(t.Name)
	kind := string(t.Kind)
	if t.isError {
		kind = "error"
	}
	p.out.WriteString(`{"type":`)
	p.text(kind)
	p.key("name")
	if p.normal {
		name = t.Name
	}
	p.text(name)
	// A name in full says its namespace, unless that is none.
	if space != p.space && !(p.normal && space != "") {
		p.key("namespace")
		p.text(space)
	}
	outer := p.space
	p.space = space
	if t.doc != nil {
		p.key("doc")
		p.text(*t.doc)
	}
	p.body(t)
	p.properties(t.props)
	p.aliases(t.Aliases, space)
	p.out.WriteByte('}')
	p.space = outer
}

// reference writes the name of a type. A name without namespace that the
// namespace here would catch is written with a leading dot; Java forgets that
// and then reads back another type.
func (p *printer) reference(full string) {
	name := p.relative(full)
	if space, _ := split(full); space == "" && p.types[fullName(full, p.space)] != nil && p.space != "" {
		name = "." + full
	}
	p.text(name)
}

func (p *printer) relative(full string) string {
	if p.normal {
		return full
	}
	return relative(full, p.space)
}

func (p *printer) body(t *Type) {
	switch t.Kind {
	case aRecord:
		p.key("fields")
		p.list(len(t.Fields), func(i int) { p.field(t.Fields[i]) })
	case anEnum:
		p.key("symbols")
		p.list(len(t.Symbols), func(i int) { p.text(t.Symbols[i]) })
		if t.Default != nil {
			p.key("default")
			p.text(*t.Default)
		}
	case aFixed:
		p.key("size")
		p.out.WriteString(strconv.Itoa(t.Size))
	}
}

func (p *printer) field(f *Field) {
	p.out.WriteString(`{"name":`)
	p.text(f.Name)
	p.key("type")
	p.typ(f.Type)
	if f.hasDoc {
		p.key("doc")
		p.text(f.Doc)
	}
	if f.fallback != nil {
		p.key("default")
		p.json(f.fallback)
	}
	if f.order != "" {
		p.key("order")
		p.text(f.order)
	}
	if len(f.Aliases) > 0 {
		p.key("aliases")
		p.list(len(f.Aliases), func(i int) { p.text(f.Aliases[i]) })
	}
	p.properties(f.props)
	p.out.WriteByte('}')
}

func (p *printer) aliases(names []string, space string) {
	if len(names) == 0 {
		return
	}
	p.key("aliases")
	p.list(len(names), func(i int) {
		if in, _ := split(names[i]); in == "" && space != "" {
			p.text("." + names[i])
			return
		}
		p.text(p.relative(names[i]))
	})
}

func (p *printer) properties(props []member) {
	for _, m := range p.sorted(props) {
		if p.full() {
			return
		}
		p.key(m.Name)
		p.json(m.Value)
	}
}

func (p *printer) sorted(members []member) []member {
	if !p.normal {
		return members
	}
	return slices.SortedFunc(slices.Values(members), func(a, b member) int { return strings.Compare(a.Name, b.Name) })
}

func (p *printer) key(name string) {
	p.out.WriteByte(',')
	p.text(name)
	p.out.WriteByte(':')
}

func (p *printer) list(n int, item func(int)) {
	p.out.WriteByte('[')
	for i := range n {
		if p.full() {
			return
		}
		if i > 0 {
			p.out.WriteByte(',')
		}
		item(i)
	}
	p.out.WriteByte(']')
}

func (p *printer) json(v *value) {
	switch v.Kind {
	case 'n':
		p.out.WriteString("null")
	case 't':
		p.out.WriteString(strconv.FormatBool(v.Truth))
	case '0':
		p.out.WriteString(number(v.Text))
	case '"':
		p.text(v.Text)
	case '[':
		p.list(len(v.Items), func(i int) { p.json(v.Items[i]) })
	case '{':
		p.out.WriteByte('{')
		for i, m := range p.sorted(v.Members) {
			if p.full() {
				return
			}
			if i > 0 {
				p.out.WriteByte(',')
			}
			p.text(m.Name)
			p.out.WriteByte(':')
			p.json(m.Value)
		}
		p.out.WriteByte('}')
	}
}

// text writes a string and escapes no more than JSON asks for.
func (p *printer) text(s string) {
	p.out.WriteByte('"')
	for _, r := range s {
		if p.full() {
			return
		}
		switch {
		case r == '"' || r == '\\':
			p.out.WriteByte('\\')
			p.out.WriteRune(r)
		case r >= ' ':
			p.out.WriteRune(r)
		case slices.Contains([]rune("\b\t\n\f\r"), r):
			p.out.WriteByte('\\')
			p.out.WriteByte("btn_fr"[r-'\b'])
		default:
			fmt.Fprintf(&p.out, `\u%04X`, r)
		}
	}
	p.out.WriteByte('"')
}

// number writes a whole number as it is and any other as Java writes a double.
func number(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		if text == "-0" {
			return "0"
		}
		return text
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text // beyond a double: there is no other way to write it
	}
	return javaDouble(f)
}

// javaDouble follows Double.toString: plain digits from a thousandth up to ten
// million, with at least one digit after the point, and 1.0E7 beyond.
func javaDouble(f float64) string {
	size := math.Abs(f)
	if size == 0 || size >= 1e-3 && size < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}
