package avro

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
)

const (
	mostFaults = 20         // mistakes one answer tells of
	mostSize   = 2147483639 // bytes of a fixed: what Java can hold
)

// Parse reads a schema text. Types it names without defining them are looked
// for in given, which holds the types of the schemas it refers to; it is not
// changed. All mistakes are reported at once, each a fault with the code
// INVALID_SCHEMA and the place in the text, or SCHEMA_TOO_LARGE.
func Parse(text string, given Types) (*Schema, error) {
	p := &parser{types: maps.Clone(given), own: Types{}}
	if len(given) == 0 {
		p.types = p.own
	}
	s, err := p.read(text)
	if err != nil {
		return nil, err
	}
	if p.checkDefaults(); len(p.faults) > 0 {
		return nil, errors.Join(p.faults...)
	}
	s.given = given
	if s.Fields, err = unfold(text, s.Root, given); err != nil {
		return nil, err
	}
	return s, nil
}

// read reads a text, without a look at its defaults and at the places of its
// fields.
func (p *parser) read(text string) (*Schema, error) {
	v, err := written.Read(text)
	if err != nil {
		return nil, err
	}
	root := p.typeOf(v, "")
	if len(p.faults) > 0 {
		return nil, errors.Join(p.faults...)
	}
	return &Schema{Root: root, types: p.types, own: p.own}, nil
}

// parser walks a schema text depth first and left to right, the order in which
// names come to be known.
type parser struct {
	types    Types
	own      Types // of these, what the text defines
	beyond   beyond
	at       []string
	faults   []error
	defaults []pendingDefault
}

// pendingDefault is a default that waits until every type is complete.
type pendingDefault struct {
	at    []string
	field *Field
}

// fail notes a mistake here and lets the walk go on, to find the others.
func (p *parser) fail(format string, args ...any) {
	if len(p.faults) < mostFaults {
		p.faults = append(p.faults, invalid(p.at, format, args...))
	}
}

// within runs step one level further down the text.
func (p *parser) within(place string, step func()) {
	p.at = append(p.at, place)
	step()
	p.at = p.at[:len(p.at)-1]
}

// typeOf reads a type within a namespace. It returns nil after a mistake.
func (p *parser) typeOf(v *value, space string) *Type {
	switch v.Kind {
	case '"':
		return p.byName(v.Text, space)
	case '[':
		return p.union(v, space)
	case '{':
		return p.object(v, space)
	}
	p.fail("a type is a name, an object or a union, not %s", v.KindName())
	return nil
}

func (p *parser) byName(name, space string) *Type {
	if Kind(name).primitive() {
		return &Type{Kind: Kind(name)}
	}
	if t := p.known(fullName(name, space)); t != nil {
		return t
	}
	// As in Java: what its own namespace lacks may stand in the null one.
	if t := p.known(simpleName(name)); t != nil {
		return t
	}
	if len(p.faults) >= mostFaults {
		return nil // told enough; do not look for words
	}
	p.fail("%s", p.suggest(fmt.Sprintf("type %s is not known here; a type is defined before it is used", quote(name)), name))
	return nil
}

// suggest adds the known type that an unknown name looks like. It does not
// look through more names, or longer ones, than a person would have written.
func (p *parser) suggest(message, name string) string {
	const most = 200
	if len(name) > most || len(p.types) > most {
		return message
	}
	known := []string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
	for _, full := range slices.Sorted(maps.Keys(p.types)) {
		if len(full) <= most {
			known = append(known, full, simpleName(full))
		}
	}
	return fault.Suggest(message, name, known)
}

func (p *parser) union(v *value, space string) *Type {
	u := &Type{Kind: aUnion}
	seen := map[string]bool{}
	for i, item := range v.Items {
		p.within(strconv.Itoa(i), func() {
			t := p.typeOf(item, space)
			if t == nil {
				return
			}
			label := cmpName(t)
			switch {
			case t.Kind == aUnion:
				p.fail("a union may not hold a union directly; put its branches here")
			case seen[label]:
				p.fail("the union already has a branch %s", quote(label))
			}
			seen[label] = true
			u.Oneof = append(u.Oneof, t)
		})
	}
	return u
}

// cmpName tells branches of one union apart: named types by their name, all
// others by their kind.
func cmpName(t *Type) string {
	if t.Kind.named() {
		return t.Name
	}
	return string(t.Kind)
}

func (p *parser) object(v *value, space string) *Type {
	kind := v.Get("type")
	if kind == nil {
		p.fail("this object has no member \"type\"")
		return nil
	}
	if kind.Kind != '"' {
		p.fail("the member \"type\" of a type is a name, not %s; put the inner type in this object's place", kind.KindName())
		return nil
	}
	switch k := Kind(kind.Text); {
	case k == aRecord || k == "error":
		return p.record(v, space)
	case k == anEnum:
		return p.enum(v, space)
	case k == aFixed:
		return p.fixed(v, space)
	case k == anArray:
		return p.container(v, anArray, "items", space)
	case k == aMap:
		return p.container(v, aMap, "values", space)
	case k.primitive():
		return p.finish(&Type{Kind: k}, v)
	}
	return p.byName(kind.Text, space)
}

func (p *parser) container(v *value, kind Kind, member, space string) *Type {
	inner := v.Get(member)
	if inner == nil {
		p.fail("%s has no member %q", article(kind), member)
		return nil
	}
	t := p.finish(&Type{Kind: kind}, v)
	p.within(member, func() { t.Items = p.typeOf(inner, space) })
	if t.Items == nil {
		return nil
	}
	return t
}

func (p *parser) record(v *value, space string) *Type {
	t := &Type{Kind: aRecord, isError: v.Get("type").Text == "error"}
	if !p.define(t, v, space) {
		return nil
	}
	p.finish(t, v)
	fields := v.Get("fields")
	if fields == nil || fields.Kind != '[' {
		p.fail("record %s needs an array \"fields\"", quote(t.Name))
		return nil
	}
	inner, _ := split(t.Name)
	seen := map[string]bool{}
	for i, item := range fields.Items {
		p.within("fields", func() {
			p.within(strconv.Itoa(i), func() {
				f := p.field(item, inner)
				if f == nil {
					return
				}
				if seen[f.Name] {
					p.fail("record %s already has a field %s", quote(t.Name), quote(f.Name))
				}
				seen[f.Name] = true
				t.Fields = append(t.Fields, f)
			})
		})
	}
	return t
}

func (p *parser) field(v *value, space string) *Field {
	if v.Kind != '{' {
		p.fail("a field is an object, not %s", v.KindName())
		return nil
	}
	f := &Field{at: v.At}
	var ok bool
	if f.Name, ok = p.text(v, "name"); !ok {
		return nil
	}
	if err := soundFullName(f.Name); err != nil || strings.Contains(f.Name, ".") {
		p.fail("field name %s is not a name; it starts with a letter or _ and holds letters, digits and _ only", quote(f.Name))
	}
	inner := v.Get("type")
	if inner == nil {
		p.fail("field %s has no member \"type\"", quote(f.Name))
		return nil
	}
	p.within("type", func() { f.Type = p.typeOf(inner, space) })
	if doc := v.Get("doc"); doc != nil && doc.Kind == '"' {
		f.Doc, f.hasDoc = doc.Text, true
	}
	f.Aliases = p.words(v, "aliases")
	f.order = p.order(v)
	f.props = others(v, "name", "type", "doc", "default", "order", "aliases")
	if f.Type == nil {
		return f
	}
	if f.fallback = v.Get("default"); f.fallback != nil {
		f.fallback = numberOf(f.Type, f.fallback)
		p.defaults = append(p.defaults, pendingDefault{slices.Clone(p.at), f})
	}
	return f
}

func (p *parser) order(v *value) string {
	order := v.Get("order")
	if order == nil {
		return ""
	}
	switch o := strings.ToLower(order.Text); o {
	case "ascending":
		return ""
	case "descending", "ignore":
		return o
	}
	p.fail("order is ascending, descending or ignore")
	return ""
}

func (p *parser) enum(v *value, space string) *Type {
	t := &Type{Kind: anEnum}
	if !p.define(t, v, space) {
		return nil
	}
	p.finish(t, v)
	symbols := v.Get("symbols")
	if symbols == nil || symbols.Kind != '[' {
		p.fail("enum %s needs an array \"symbols\"", quote(t.Name))
		return nil
	}
	t.symbols = make(map[string]bool, len(symbols.Items))
	for i, s := range symbols.Items {
		p.within("symbols", func() {
			p.within(strconv.Itoa(i), func() {
				switch {
				case !soundName(s.Text):
					p.fail("a symbol starts with a letter or _ and holds letters, digits and _ only")
				case t.symbols[s.Text]:
					p.fail("enum %s already has the symbol %s", quote(t.Name), quote(s.Text))
				}
				t.Symbols, t.symbols[s.Text] = append(t.Symbols, s.Text), true
			})
		})
	}
	if d := v.Get("default"); d != nil {
		if d.Kind != '"' || !t.symbols[d.Text] {
			p.fail("the default of enum %s must be one of its symbols", quote(t.Name))
		}
		t.Default = &d.Text
	}
	return t
}

func (p *parser) fixed(v *value, space string) *Type {
	t := &Type{Kind: aFixed}
	if !p.define(t, v, space) {
		return nil
	}
	size := v.Get("size")
	if size == nil || size.Kind != '0' {
		p.fail("fixed %s needs a number \"size\"", quote(t.Name))
		return nil
	}
	n, err := strconv.ParseInt(size.Text, 10, 32)
	if err != nil || n < 0 || n > mostSize {
		p.fail("the size of fixed %s is a whole number of bytes, from 0 to %d", quote(t.Name), mostSize)
	}
	t.Size = int(n)
	return p.finish(t, v)
}

// define gives a named type its name and makes it known.
func (p *parser) define(t *Type, v *value, space string) bool {
	name, ok := p.text(v, "name")
	if !ok {
		return false
	}
	if ns := v.Get("namespace"); ns != nil && ns.Kind == '"' {
		space = ns.Text
	}
	t.Name = fullName(name, space)
	if err := soundFullName(t.Name); err != nil {
		p.fail("%s", err.Error())
		return false
	}
	if Kind(t.Name).primitive() {
		p.fail("%s is the name of a primitive type; choose another", quote(t.Name))
		return false
	}
	if _, taken := p.types[t.Name]; taken {
		p.fail("type %s is already defined", quote(t.Name))
		return false
	}
	own, _ := split(t.Name)
	for _, alias := range p.words(v, "aliases") {
		full := fullName(alias, own)
		if err := soundFullName(full); err != nil {
			p.fail("alias: %s", err.Error())
		}
		t.Aliases = append(t.Aliases, full)
	}
	t.Aliases = distinct(t.Aliases)
	p.types[t.Name], p.own[t.Name] = t, t
	return true
}

// finish reads what every type may carry: a doc, where it has a name, its
// properties, and a logical type among them.
func (p *parser) finish(t *Type, v *value) *Type {
	if doc := v.Get("doc"); doc != nil && doc.Kind == '"' && t.Kind.named() {
		t.doc = &doc.Text
	}
	reserved := []string{"doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases"}
	if t.Kind == anEnum {
		reserved = append(reserved, "default")
	}
	t.props = others(v, reserved...)
	t.Logical = logicalType(t, v)
	return t
}

// text reads a member that must be a string.
func (p *parser) text(v *value, name string) (string, bool) {
	m := v.Get(name)
	if m == nil || m.Kind != '"' {
		p.fail("a string %q is missing here", name)
		return "", false
	}
	return m.Text, true
}

// words reads a member that, where it is given, must be an array of strings.
func (p *parser) words(v *value, name string) []string {
	m := v.Get(name)
	if m == nil {
		return nil
	}
	if m.Kind != '[' {
		p.fail("%q is an array of strings, not %s", name, m.KindName())
		return nil
	}
	var out []string
	for _, item := range m.Items {
		if item.Kind != '"' {
			p.fail("%q holds strings only, not %s", name, item.KindName())
			return nil
		}
		out = append(out, item.Text)
	}
	return distinct(out)
}

// distinct drops what stands earlier already.
func distinct(words []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(words, func(w string) bool {
		again := seen[w]
		seen[w] = true
		return again
	})
}

// others lists the members that the specification gives no meaning: they are
// kept as properties.
func others(v *value, reserved ...string) []member {
	var out []member
	for _, m := range v.Members {
		if !slices.Contains(reserved, m.Name) {
			out = append(out, m)
		}
	}
	return out
}

func article(k Kind) string {
	if k == anArray || k == anEnum {
		return "an " + string(k)
	}
	return "a " + string(k)
}
