package jsonschema

import "slices"

// combined compares what combines schemas, and what is not looked into.
func (d *judging) combined() {
	r := d.r
	if r.foreign != "" && !slices.ContainsFunc(d.w, func(one claim) bool { return one.foreign == r.foreign }) {
		d.tell("COMBINED_TYPE_CHANGED", "/$ref", "", "the reference is new, and what it leads to is not looked into; leave it as it was")
	}
	if len(r.anyOf) > 0 {
		d.someOf(r.anyOf, "/anyOf")
	}
	if len(r.oneOf) > 0 {
		d.oneOf()
	}
	if r.not != nil && !d.nothing(d.w.and(r.not), 0) {
		d.tell("NOT_TYPE_EXTENDED", "/not", "", "old data may be what not refuses now; let it refuse no more than before")
	}
	if r.when != nil {
		d.cases()
	}
}

// someOf looks for a branch that takes all that was written, and returns its
// number. If none does, it tells of the one that was plainly meant, or else
// that none is.
func (d *judging) someOf(branches []*node, keyword string) int {
	if i := d.sameBranch(d.w, branches); i >= 0 {
		return i
	}
	var meant []difference
	several := false
	for i, b := range branches {
		found := d.covers(d.w, b)
		if len(found) == 0 {
			return i
		}
		if slices.ContainsFunc(found, difference.unlike) {
			continue
		}
		several = several || meant != nil
		meant = found
	}
	if meant != nil && !several {
		d.add(meant...)
		return -1
	}
	d.tell("SUM_TYPE_NARROWED", keyword, "", "no branch takes all that the old schema let pass; keep the old branches and add the new ones beside them")
	return -1
}

// unlike reports whether a difference says that a branch is of another sort
// altogether: by its type, or by a word that tells branches apart.
func (d difference) unlike() bool {
	switch d.kind {
	case "TYPE_CHANGED", "TYPE_NARROWED":
		return d.path == ""
	}
	return d.kind == "ENUM_ARRAY_CHANGED" || d.kind == "SUM_TYPE_NARROWED"
}

// oneOf asks that a branch takes what was written and no other one does. The
// second is beyond Confluent's table, which lets an overlapping branch be added
// although validators refuse what two branches take.
func (d *judging) oneOf() {
	before := len(d.found)
	i := d.someOf(d.r.oneOf, "/oneOf")
	if i < 0 || len(d.found) > before {
		return
	}
	chosen := d.w.chosen()
	for k, other := range d.r.oneOf {
		if d.steps -= len(chosen) / 20; d.steps <= 0 {
			return
		}
		if k != i && !d.refutedBy(chosen, other) && !d.nothing(d.w.and(other), 0) {
			d.tell("SUM_TYPE_OVERLAPS", "/oneOf", other.at, "what "+place(d.r.oneOf[i].at)+" takes, "+place(other.at)+" may take as well, and oneOf refuses what two branches take; tell them apart by a required property with a const, close them, use anyOf, or set the compatibilityPolicy LENIENT")
			return
		}
	}
}

// dearPair is how many steps more than it counts it takes to hold one condition
// against another.
const dearPair = 4

// cases compares if, then and else: what holds where the condition does, and
// what holds where it does not.
func (d *judging) cases() {
	r := d.r
	if r.then != nil {
		holds := d.w.and(r.when)
		for _, one := range d.w {
			if d.steps -= dearPair; d.steps <= 0 {
				return
			}
			if one.when != nil && one.then != nil && d.exactly(conjunction{{node: r.when}}, one.when) {
				holds = append(holds, claim{node: one.then})
			}
		}
		d.add(d.covers(holds, r.then)...)
	}
	if r.otherwise != nil {
		holds := d.w.and(d.denial(r.when))
		for _, one := range d.w {
			if d.steps -= dearPair; d.steps <= 0 {
				return
			}
			if one.when != nil && one.otherwise != nil && d.exactly(conjunction{{node: one.when}}, r.when) {
				holds = append(holds, claim{node: one.otherwise})
			}
		}
		d.add(d.covers(holds, r.otherwise)...)
	}
}

// denial is the schema that a schema does not hold.
func (c *comparison) denial(n *node) *node {
	if c.denials[n] == nil {
		c.denials[n] = &node{raw: n.raw, at: n.at, not: n}
	}
	return c.denials[n]
}

// hopeless reports whether it is plain that no value is what a conjunction says.
func (c *comparison) hopeless(w conjunction) bool {
	for _, one := range w {
		if one.never || one.hasEnum && len(one.enum) == 0 {
			return true
		}
	}
	return kindsOf(w) == 0
}

// mostDeep is how many values within one another nothing looks into.
const mostDeep = 8

// nothing reports whether it can be shown that no value is what a conjunction
// says. It may say no where there is none, and never yes where there is one.
func (c *comparison) nothing(w conjunction, level int) bool {
	if c.steps -= 1 + len(w); c.steps <= 0 || level > mostDeep {
		return false
	}
	given := len(w)
	w = flatten(w)
	c.steps -= (len(w) - given) / 5
	if c.hopeless(w) {
		return true
	}
	if values, finite := c.valuesOf(w); finite && len(values) == 0 {
		return true
	}
	if c.refutesItself(w) || c.denied(w) {
		return true
	}
	set := kindsOf(w)
	if set&isNumber != 0 && set&isNumber == set && w.noNumber(set == isInteger) {
		return true
	}
	if set == isString && crossed(strongest(w, func(n *node) *int64 { return n.text.min }, more), strongest(w, func(n *node) *int64 { return n.text.max }, less)) {
		return true
	}
	if set == isArray && crossed(w.leastItems(), w.mostItems()) {
		return true
	}
	if set == isObject && c.noObject(w, level) {
		return true
	}
	s, found := w.choice()
	if !found {
		return false
	}
	for k := range s.options {
		if !c.nothing(w.taking(s, k), level) {
			return false
		}
	}
	return true
}

func crossed(least, most *int64) bool { return least != nil && most != nil && *least > *most }

func (w conjunction) noNumber(whole bool) bool {
	low, high := w.lowest(whole), w.highest(whole)
	if low == nil || high == nil {
		return false
	}
	order := low.at.Cmp(high.at)
	return order > 0 || order == 0 && (low.open || high.open)
}

// noObject looks for a property that must be there and cannot be anything.
func (c *comparison) noObject(w conjunction, level int) bool {
	c.steps -= w.weight()
	for name := range w.required() {
		if c.steps <= 0 {
			return false
		}
		c.depth++
		none := c.nothing(c.valueIn(w, name), level+1)
		c.depth--
		if none {
			return true
		}
	}
	return false
}

// denied reports whether a value would be what not, or another branch of a
// choice that was made, says it is not. What is asked leaves out the denial
// itself, or it would prove itself.
func (c *comparison) denied(w conjunction) bool {
	for i, one := range w {
		if c.steps <= 0 {
			return false
		}
		if one.not != nil && one.made&notUsed == 0 {
			rest := slices.Clone(w)
			rest[i].made |= notUsed
			if c.exactly(rest, one.not) {
				return true
			}
		}
		if one.made&oneOfTaken == 0 || one.made&othersUsed != 0 {
			continue
		}
		rest := slices.Clone(w)
		rest[i].made |= othersUsed
		for k, other := range one.oneOf {
			if k != one.branch && c.exactly(rest, other) {
				return true
			}
		}
	}
	return false
}
