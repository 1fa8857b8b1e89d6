package jsonschema

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

const (
	mostDifferences = 50                  // told of one comparison
	mostKept        = 4 * mostDifferences // of one pair: some may be told twice
	mostReason      = 2000                // bytes of a message within another one
	mostSteps       = 200_000             // taken by one comparison
)

// CanRead implements format.Schema: whether every instance that the writer's
// schema allows is allowed by this one.
//
// It is decided by a proof that goes along the schemas. What it calls readable
// is; what it cannot prove it calls unreadable, and says what it missed.
func (s *schema) CanRead(writer format.Schema, o format.Options) ([]format.Difference, error) {
	w := writer.(*schema)
	c := &comparison{
		lenient: o.Lenient, steps: mostSteps, reader: s.nodes, writer: w.nodes,
		ids: map[*node]uint32{}, known: map[string]known{}, regexps: map[string]expression{}, denials: map[*node]*node{},
		inPlace: map[*node][]*node{}, listed: map[*node]map[string]bool{}, classes: make(map[*node]int, len(s.nodes)+len(w.nodes)), texts: make(map[string]int, len(s.nodes)), places: map[*node]map[int]int{},
	}
	found := c.covers(conjunction{{node: w.root}}, s.root)
	if c.steps <= 0 {
		return nil, fault.New(fault.Invalid, codeInvalid, "the schema is too large to compare with an earlier version; make what anyOf, oneOf and allOf combine smaller")
	}
	return finish(found), nil
}

// difference is one reason why the reader refuses what the writer lets pass.
type difference struct {
	kind    string
	path    string // of the field
	at      string // pointer into the reader's schema
	message string
	detail  string
	reader  *value
	writer  *value
}

// finish writes differences out, each once.
func finish(found []difference) []format.Difference {
	var out []format.Difference
	seen := map[[4]string]bool{}
	for _, d := range found {
		if key := [4]string{d.kind, d.path, d.at, d.detail}; seen[key] || len(out) >= mostDifferences {
			continue
		} else {
			seen[key] = true
		}
		out = append(out, format.Difference{
			Kind: d.kind, Path: strings.TrimPrefix(d.path, "."), Pointer: fault.Cut(d.at, 4000), Message: d.message, Detail: fault.Cut(d.detail, 300),
			Reader: fragment(d.reader), Writer: fragment(d.writer),
		})
	}
	return out
}

type comparison struct {
	lenient bool // the policy LENIENT
	exact   int  // more than 0 where neither it nor defaults count: beneath a not
	steps   int
	depth   int // how many values we are inside of
	ids     map[*node]uint32
	known   map[string]known
	trail   []string // keys found readable, or under way, in the order they were met
	regexps map[string]expression
	denials map[*node]*node
	inPlace map[*node][]*node
	listed  map[*node]map[string]bool

	reader, writer map[*value]*node // of either text
	classes        map[*node]int
	texts          map[string]int
	places         map[*node]map[int]int // by the first of several branches
	looping        bool
}

// known is what was found out about a pair before, or is being found out.
type known struct {
	found []difference
	under bool
	depth int // where it began
}

// key names a conjunction and a reader.
func (c *comparison) key(w conjunction, r *node) string {
	b := make([]byte, 0, 8*len(w)+8)
	id := func(n *node) uint32 {
		if c.ids[n] == 0 {
			c.ids[n] = uint32(len(c.ids) + 1)
		}
		return c.ids[n]
	}
	for _, one := range w {
		b = binary.BigEndian.AppendUint32(b, id(one.node))
		b = append(b, byte(one.made))
		b = binary.BigEndian.AppendUint16(b, uint16(one.branch))
	}
	b = binary.BigEndian.AppendUint32(b, id(r))
	return string(append(b, byte(min(c.exact, 1))))
}

// covers lists why a reader may refuse a value of which the conjunction holds.
//
// A pair that is met again inside of itself is taken to hold: there it is about
// a smaller value, so this is induction on the size of values. Met again about
// the same value it would prove itself, and is not taken.
func (c *comparison) covers(w conjunction, r *node) []difference {
	if c.steps--; c.steps <= 0 {
		return []difference{{kind: "TOO_LARGE", at: r.at}}
	}
	w = flatten(w)
	c.steps -= len(w)
	is := c.class(r)
	if c.hopeless(w) || slices.ContainsFunc(w, func(one claim) bool { return c.class(one.node) == is }) {
		return nil
	}
	key := c.key(w, r)
	if k, met := c.known[key]; met {
		if k.under && k.depth == c.depth {
			return []difference{{kind: "COMBINED_TYPE_CHANGED", at: r.at, message: "whether this holds depends on itself; say it without not", reader: r.raw}}
		}
		return k.found
	}
	mark := len(c.trail)
	c.known[key], c.trail = known{under: true, depth: c.depth}, append(c.trail, key)
	found := c.reasons(w, r)
	if most := c.kept(); len(found) > most {
		found = slices.Clone(found[:most])
	}
	if len(found) == 0 {
		c.known[key] = known{}
		return nil
	}
	// What was found readable since may have leaned on this pair being so.
	for _, later := range c.trail[mark:] {
		delete(c.known, later)
	}
	c.trail = c.trail[:mark]
	c.known[key] = known{found: slices.Clone(found[:min(len(found), mostDifferences)])}
	return found
}

// kept is how many differences of one pair are wanted: they are moved at every place
// around. Beneath a not it only counts that there is one.
func (c *comparison) kept() int {
	if c.exact > 0 {
		return 1
	}
	return mostKept
}

// inProperty runs a comparison of the values of a property.
func (c *comparison) inProperty(w conjunction, r *node, name string) []difference {
	found := c.inside(w, r, "")
	if len(found) > 0 {
		found = under(found, c.step(name))
	}
	return found
}

// step leads to a property. Beneath a not no path is told.
func (c *comparison) step(name string) string {
	if c.exact > 0 {
		return ""
	}
	return "." + fieldpath.Escape(name)
}

// inside runs a comparison of parts of a value.
func (c *comparison) inside(w conjunction, r *node, path string) []difference {
	c.depth++
	defer func() { c.depth-- }()
	return under(c.covers(w, r), path)
}

// exactly asks without the allowances that people make.
func (c *comparison) exactly(w conjunction, r *node) bool {
	c.exact++
	defer func() { c.exact-- }()
	return len(c.covers(w, r)) == 0
}

// under moves differences below a place. They are copied: a pair's differences
// are told wherever the pair stands.
func under(found []difference, path string) []difference {
	out := slices.Clone(found)
	for i := range out {
		if len(out[i].path) < maxPath {
			out[i].path = path + out[i].path
		}
	}
	return out
}

// because is why, for a message. A reason may have another one in it, and that
// one another; beneath a not none is told.
func (c *comparison) because(found []difference) string {
	if c.exact > 0 {
		return ""
	}
	return fault.Cut(found[0].message, mostReason)
}

// reasons is covers without what is remembered: as the writer's schemas stand,
// and if that is not enough, for each of their choices alone.
func (c *comparison) reasons(w conjunction, r *node) []difference {
	if values, finite := c.valuesOf(w); finite && !slices.ContainsFunc(values, func(v *value) bool { return c.admits(v, r) != yes }) {
		return nil
	}
	var found []difference
	reader, facts := flatten(conjunction{{node: r}}), &facts{}
	for _, one := range reader {
		if c.steps -= 1 + len(w)/10; c.steps <= 0 {
			break
		}
		found = append(found, c.keywords(w, one.node, reader, facts)...)
	}
	if len(found) == 0 || c.nothing(w, 0) {
		return nil
	}
	s, choosing := w.choice()
	if !choosing {
		return found
	}
	var narrowed []difference
	choosy := hasChoice(reader)
	for k, option := range s.options {
		f := c.covers(w.taking(s, k), r)
		if len(f) > 0 && choosy && !closeTo(f) {
			f = []difference{{kind: "SUM_TYPE_NARROWED", at: r.at, detail: option.at, reader: r.raw, writer: option.raw,
				message: "no branch takes what the old branch " + place(option.at) + " let pass; keep that branch"}}
		}
		narrowed = append(narrowed, f...)
		if len(narrowed) > mostDifferences {
			break
		}
	}
	return narrowed
}

// place is a pointer for a message: one that is long is shown by its end.
func place(at string) string {
	const most = 80
	if len(at) <= most {
		return at
	}
	return "…" + strings.ToValidUTF8(at[len(at)-most:], "")
}

// hasChoice reports whether a reader chooses among branches itself.
func hasChoice(reader conjunction) bool {
	return slices.ContainsFunc(reader, func(one claim) bool { return len(one.anyOf)+len(one.oneOf) > 0 })
}

// closeTo reports whether differences are of a branch that was plainly meant.
func closeTo(found []difference) bool {
	return !slices.ContainsFunc(found, func(d difference) bool { return d.kind == "SUM_TYPE_NARROWED" })
}

// keywords compares what one schema of the reader says, keyword by keyword.
// The whole reader is all that it is read with, and the facts are those of w.
func (c *comparison) keywords(w conjunction, r *node, whole conjunction, facts *facts) []difference {
	d := &judging{comparison: c, facts: facts, w: w, r: r, whole: whole}
	d.constant()
	before := kindsOf(w)
	if c.lenient && c.exact == 0 && before == isAny {
		before = d.speaksOf() // who describes properties means an object
	}
	if !d.types(before) {
		return d.found
	}
	now := before
	if r.types != 0 {
		now &= r.types
	}
	if now&isNumber != 0 {
		d.numbers(now&isNumber == isInteger)
	}
	if now&isString != 0 {
		d.texts()
	}
	if now&isArray != 0 {
		d.arrays()
	}
	if now&isObject != 0 {
		d.objects()
	}
	d.combined()
	return d.found
}

// judging collects the differences of one schema of the reader.
type judging struct {
	*comparison
	*facts
	w     conjunction
	r     *node
	whole conjunction
	found []difference
}

// facts are what is known of what a conjunction lets pass, once it was asked for.
type facts struct {
	meant  *kinds // the types that it speaks of
	place  *value // what stands in the place
	placed bool   // that was looked for

	names   []string        // the properties that w names
	isNamed map[string]bool // likewise
	sure    map[string]bool // those that it requires

	patterned []string // the patterns for names that w has
	byPattern map[string]conjunction

	needs   map[string][]string    // what each property asks for beside it
	schemas map[string]conjunction // likewise, of the object
	free    *conjunction           // what holds of the properties that are neither named nor of a pattern

	ranges map[bool]span // of numbers, and of whole ones
}

// lenient lists what the policy LENIENT lets pass: that data may hold more than
// the new schema describes.
var lenient = []string{
	"ADDITIONAL_PROPERTIES_REMOVED", "ADDITIONAL_PROPERTIES_NARROWED", "ADDITIONAL_ITEMS_REMOVED", "ADDITIONAL_ITEMS_NARROWED",
	"PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL",
	"PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
	"ITEM_ADDED_TO_OPEN_CONTENT_MODEL", "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL",
	"ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
	"SUM_TYPE_OVERLAPS",
}

// tell notes a difference at a keyword of the reader.
func (d *judging) tell(kind, keyword, detail, message string) {
	at := d.r.at
	if keyword != "" {
		at = at + keyword
	}
	d.add(difference{kind: kind, at: at, detail: detail, message: message, reader: d.r.raw, writer: d.writer()})
}

func (d *judging) add(found ...difference) {
	for _, one := range found {
		if d.lenient && d.exact == 0 && slices.Contains(lenient, one.kind) {
			continue
		}
		d.found = append(d.found, one)
	}
}

// writer is what stands in the writer's schema in the place of the reader's.
func (d *judging) writer() *value {
	if d.placed {
		return d.place
	}
	d.placed = true
	if i := slices.IndexFunc(d.w, func(one claim) bool { return one.ref == nil }); i >= 0 {
		d.place = d.w[i].raw
	}
	return d.place
}

// speaksOf are the types that the writer speaks of, or all if it speaks of none.
func (d *judging) speaksOf() kinds {
	if d.meant == nil {
		set := d.w.meant()
		if set == 0 {
			set = isAny
		}
		d.meant = &set
	}
	return *d.meant
}

// types compares the types, and reports whether any is left to look at.
func (d *judging) types(before kinds) bool {
	allowed := isAny
	if d.r.types != 0 {
		allowed = d.r.types
	}
	if d.r.never {
		d.tell("TYPE_NARROWED", "", "", "nothing may stand here any more; allow what the old schema let pass")
		return false
	}
	lost := before &^ allowed
	if lost == 0 {
		return true
	}
	was, is := typeName(before, false), typeName(allowed, false)
	kind, message := "TYPE_NARROWED", "the type was "+was+" and is "+is+"; keep "+typeName(lost, false)+" among the types"
	switch {
	case before == isAny:
		message = "the old schema says no type here, so that anything may stand, and the new one asks for " + is + "; leave the type out, or add a new property"
	case before&allowed == 0:
		kind, message = "TYPE_CHANGED", "the type was "+was+" and is "+is+"; keep the old type, or add a new property"
	}
	if was == is {
		message = "null may no longer stand here; keep null among the types"
		was, is = typeName(before&^isNull, false)+" or null", typeName(allowed&^isNull, false)
	}
	d.tell(kind, "/type", was+" to "+is, message)
	return before&allowed != 0
}

// bounded compares one bound: what the writer is known to keep, and what the
// reader asks for. Names are those of the kinds of difference.
func bounded[T any](d *judging, name, keyword string, was, is *T, within func(was, is T) bool, tightened string, write func(T) string) {
	switch {
	case is == nil:
	case was == nil:
		d.tell(name+"_ADDED", "/"+keyword, write(*is), keyword+" is new; old data need not keep to it: leave it out")
	case !within(*was, *is):
		d.tell(name+"_"+tightened, "/"+keyword, write(*was)+" to "+write(*is), "old data keep to "+write(*was)+", and "+keyword+" asks for "+write(*is)+"; ask for no more than the old schema did")
	}
}
