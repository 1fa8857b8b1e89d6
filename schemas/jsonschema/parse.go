package jsonschema

import (
	"slices"
	"strconv"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

// One answer tells of so many mistakes, and in so many bytes: clients get them as
// one message.
const (
	mostFaults = 20
	mostTold   = 2000
)

// parser reads values as schemas, each once, whatever leads to it.
type parser struct {
	nodes    map[*value]*node
	order    []*node // as they were met
	crowded  bool    // there are more than are taken
	pointers int     // how many bytes they have together
	refs     []pendingRef
	faults   []error
	told     int // how many bytes they have together
}

// pendingRef is a $ref that waits until every schema around it is read.
type pendingRef struct {
	from *node
	ref  string
	in   scope
	at   string
}

// fail notes a mistake and lets the walk go on, to find the others.
func (p *parser) fail(at, message string, args ...any) {
	if p.told > mostTold || len(p.faults) >= mostFaults {
		return
	}
	f := fault.New(fault.Invalid, codeInvalid, message, args...)
	f.Path = pathOf(at)
	if p.told += len(f.Error()) + len("; "); p.told <= mostTold || len(p.faults) == 0 {
		p.faults = append(p.faults, f)
	}
}

// pathOf takes a pointer apart. One into another schema stays whole.
func pathOf(at string) []string {
	rest, own := strings.CutPrefix(at, "#")
	if !own {
		return []string{fault.Cut(at, 300)}
	}
	var out []string
	for step := range strings.SplitSeq(strings.TrimPrefix(rest, "/"), "/") {
		if step != "" && len(out) < 50 {
			out = append(out, fault.Cut(unescaped(step), 100))
		}
	}
	return out
}

// unescaped is a step of a JSON pointer as it is written elsewhere.
func unescaped(step string) string {
	return strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
}

// quote writes a word of the schema for a message, cut.
func quote(s string) string { return strconv.Quote(fault.Cut(s, 100)) }

// pointer leads one step further (RFC 6901).
func pointer(at string, steps ...string) string {
	for _, step := range steps {
		at += "/" + strings.ReplaceAll(strings.ReplaceAll(step, "~", "~0"), "/", "~1")
	}
	return at
}

// schema reads a value as a schema.
func (p *parser) schema(v *value, outer scope, at string) *node {
	if n := p.nodes[v]; n != nil {
		return n
	}
	n := &node{raw: v, at: at}
	p.order = append(p.order, n)
	if len(p.order) > mostSchemas {
		if !p.crowded {
			p.fail("#", "the schema holds more than %d schemas; describe less in one", mostSchemas)
		}
		p.crowded = true
		return n
	}
	p.nodes[v] = n
	if p.pointers > mostPointers {
		return n // that was said
	}
	if p.pointers += len(at); len(at) > maxPointer || p.pointers > mostPointers {
		p.fail(at, "the names on the way to the schema are too long; give its parts shorter ones, or nest them less deep")
		return n
	}
	s := outer.within(v)
	n.draft = s.draft
	if len(s.base) > maxURI {
		p.fail(at, "the $id has more than %d bytes after it was resolved; give it a shorter one", maxURI)
		return n
	}
	switch {
	case v.Kind == 't' && s.draft > draft4:
		n.never = !v.Truth
	case v.Kind != '{':
		p.fail(at, "a schema is an object%s, not %s", map[bool]string{true: ", true or false"}[s.draft > draft4], v.KindName())
	default:
		k := &keywords{p, v, s, n, at}
		k.read()
	}
	return n
}

// resolve connects every $ref with what it leads to, which may bring more.
func (p *parser) resolve() {
	for len(p.refs) > 0 && len(p.faults) < mostFaults {
		r := p.refs[0]
		p.refs = p.refs[1:]
		found, at, ok := r.in.find(r.ref)
		if !ok && ofSpecification(r.ref) {
			r.from.foreign = r.ref
			continue
		}
		if !ok {
			p.fail(r.at, "%s leads nowhere; define it here, or register it and name it among the references by this URI: nothing is fetched", quote(r.ref))
			continue
		}
		if found.outer.doc != r.in.doc {
			at = withoutFragment(r.ref) + at
		}
		r.from.ref = p.schema(found.v, found.outer, at)
		if r.from.ref.named == "" {
			r.from.ref.named = definitionName(r.ref)
		}
	}
}

// definitionName is what a $ref calls the schema it leads to: the last name of
// its fragment, or of its path without what follows a dot.
func definitionName(ref string) string {
	target, fragment, _ := strings.Cut(ref, "#")
	if fragment != "" {
		return fragment[strings.LastIndexByte(fragment, '/')+1:]
	}
	name, _, _ := strings.Cut(target[strings.LastIndexAny(target, "/:")+1:], ".")
	return name
}

// keywords reads one schema object.
type keywords struct {
	*parser
	v     *value
	scope scope
	n     *node
	at    string
}

func (k *keywords) read() {
	k.annotations()
	if k.reference() && k.scope.draft < draft2019 {
		return // whatever stands beside a $ref is ignored there
	}
	k.kinds()
	k.values()
	k.numbers()
	k.texts()
	k.arrays()
	k.objects()
	k.combined()
	k.definitions()
}

// annotations say what the data mean, wherever they stand.
func (k *keywords) annotations() {
	word := func(name string) string {
		if m := k.v.Get(name); m != nil && m.Kind == '"' {
			return m.Text
		}
		return ""
	}
	k.n.title, k.n.doc, k.n.format = word("title"), word("description"), word("format")
	k.n.encoded = word("contentEncoding") != "" || word("contentMediaType") != ""
	k.n.fallback = k.v.Get("default")
	for _, name := range []string{"confluent:tags", "tags"} {
		if m := k.v.Get(name); m != nil {
			for _, one := range append(slices.Clone(m.Items), m) {
				if one.Kind == '"' {
					k.n.tags = append(k.n.tags, one.Text)
				}
			}
		}
		if len(k.n.tags) > format.MostTags {
			k.fail(pointer(k.at, name), manyTags, format.MostTags)
			k.n.tags = nil
		}
	}
}

// reference reads $ref, and what later drafts have of its kind. A dynamic
// reference is what it leads to without its dynamics, unless several anchors of
// its name could be meant.
func (k *keywords) reference() bool {
	names := []string{"$ref"}
	switch {
	case k.scope.draft == draft2019:
		names = append(names, "$recursiveRef")
	case k.scope.draft >= draft2020:
		names = append(names, "$dynamicRef")
	}
	for _, name := range names {
		m := k.v.Get(name)
		if m == nil {
			continue
		}
		if m.Kind != '"' {
			k.fail(pointer(k.at, name), "%s is a URI in quotes, not %s", name, m.KindName())
			continue
		}
		k.n.refs = append(k.n.refs, m.Text)
		_, anchor, _ := strings.Cut(m.Text, "#")
		if name == "$dynamicRef" && k.scope.doc.dynamic[anchor] > 1 {
			k.n.foreign = m.Text + " in " + k.scope.doc.sum
			continue
		}
		if len(k.n.refs) > 1 {
			k.n.allOf = append(k.n.allOf, k.also(m.Text, name))
			continue
		}
		k.refs = append(k.refs, pendingRef{k.n, m.Text, k.scope, pointer(k.at, name)})
	}
	return k.v.Get("$ref") != nil
}

// also is a schema of its own for a second reference.
func (k *keywords) also(ref, name string) *node {
	n := &node{raw: k.v.Get(name), at: pointer(k.at, name)}
	k.order = append(k.order, n)
	k.refs = append(k.refs, pendingRef{n, ref, k.scope, n.at})
	return n
}

func (k *keywords) kinds() {
	m := k.v.Get("type")
	if m == nil {
		return
	}
	words := []*value{m}
	if m.Kind == '[' {
		words = m.Items
	}
	for _, w := range words {
		set, known := kindNames[w.Text]
		if w.Kind != '"' || !known {
			k.fail(pointer(k.at, "type"), "%s", fault.Suggest("a type is null, boolean, object, array, string, number or integer, or an array of these", fault.Cut(w.Text, 50), []string{"null", "boolean", "object", "array", "string", "number", "integer"}))
			return
		}
		k.n.types |= set
	}
	if k.n.types == 0 {
		k.fail(pointer(k.at, "type"), "an array of types names at least one")
	}
}

// values reads enum and const. Values that stand in both are those allowed.
func (k *keywords) values() {
	if m := k.v.Get("enum"); m != nil {
		if m.Kind != '[' || len(m.Items) == 0 && k.scope.draft < draft2019 {
			k.fail(pointer(k.at, "enum"), "enum is an array of values, and up to draft-07 with at least one")
			return
		}
		k.n.hasEnum, k.n.enum = true, m.Items
	}
	if one := k.v.Get("const"); one != nil && k.scope.draft >= draft6 {
		both := []*value{one}
		if k.n.hasEnum && !among(one, k.n.enum) {
			both = nil
		}
		k.n.hasEnum, k.n.enum = true, both
	}
	for _, v := range k.n.enum {
		k.n.listed |= kindOf(v)
	}
}

// combined reads the keywords that apply schemas to the same value.
func (k *keywords) combined() {
	k.n.allOf = append(k.n.allOf, k.several("allOf")...)
	k.n.anyOf = k.several("anyOf")
	k.n.oneOf = k.several("oneOf")
	k.n.not = k.one("not")
	if k.scope.draft < draft7 {
		return
	}
	when, then, otherwise := k.one("if"), k.one("then"), k.one("else")
	if when != nil { // without a condition the others say nothing
		k.n.when, k.n.then, k.n.otherwise = when, then, otherwise
	}
}

// definitions reads what is only referred to, so that its mistakes are found.
func (k *keywords) definitions() {
	names := []string{"definitions"}
	if k.scope.draft >= draft2019 {
		names = append(names, "$defs")
	}
	for _, name := range names {
		for _, d := range k.named(name) {
			if d.schema.named == "" {
				d.schema.named = d.name
			}
		}
	}
}

// one reads a member that is a schema; nil if there is none.
func (k *keywords) one(name string) *node {
	m := k.v.Get(name)
	if m == nil {
		return nil
	}
	return k.inner(m, name)
}

// inner reads a schema some steps further in. The way to it may be long: it is
// not written for what is refused already, however many there are; the schema
// around then stands for each.
func (k *keywords) inner(v *value, steps ...string) *node {
	if k.crowded || k.pointers > mostPointers {
		return k.n
	}
	return k.schema(v, k.scope, pointer(k.at, steps...))
}

// several reads a member that is an array of schemas.
func (k *keywords) several(name string) []*node {
	m := k.v.Get(name)
	if m == nil {
		return nil
	}
	if m.Kind != '[' || len(m.Items) == 0 {
		k.fail(pointer(k.at, name), "%s is an array of schemas, with at least one", name)
		return nil
	}
	out := make([]*node, len(m.Items))
	for i, item := range m.Items {
		out[i] = k.inner(item, name, strconv.Itoa(i))
	}
	return out
}

// named reads a member that is an object of schemas.
func (k *keywords) named(name string) []property {
	m := k.object(name)
	if m == nil {
		return nil
	}
	out := make([]property, len(m.Members))
	for i, one := range m.Members {
		out[i] = property{one.Name, k.inner(one.Value, name, one.Name)}
	}
	return out
}

func (k *keywords) object(name string) *value {
	m := k.v.Get(name)
	if m == nil || m.Kind == '{' {
		return m
	}
	k.fail(pointer(k.at, name), "%s is an object, not %s", name, m.KindName())
	return nil
}

// looped looks for a schema that applies itself to the very value it is applied
// to, by $ref or by what combines schemas, and returns where one stands.
func looped(nodes []*node) string {
	const under, done = 1, 2
	state := map[*node]int{}
	var visit func(n *node) string
	visit = func(n *node) string {
		state[n] = under
		for _, next := range n.inPlace() {
			if state[next] == under {
				return next.at
			}
			if state[next] == 0 {
				if at := visit(next); at != "" {
					return at
				}
			}
		}
		state[n] = done
		return ""
	}
	for _, n := range nodes {
		if state[n] == 0 {
			if at := visit(n); at != "" {
				return at
			}
		}
	}
	return ""
}

// inPlace lists the schemas that a schema applies to the same value.
func (n *node) inPlace() []*node {
	out := slices.Concat(n.allOf, n.anyOf, n.oneOf)
	for _, one := range []*node{n.ref, n.not, n.when, n.then, n.otherwise} {
		if one != nil {
			out = append(out, one)
		}
	}
	for _, d := range n.object.schemasWith {
		out = append(out, d.schema)
	}
	return out
}
