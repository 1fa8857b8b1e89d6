package jsonschema

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
)

// constant compares enum and const.
func (d *judging) constant() {
	if !d.r.hasEnum {
		return
	}
	values, finite := d.valuesOf(d.w)
	if !finite {
		d.tell("ENUM_ARRAY_NARROWED", "/enum", "", "only the listed values may stand here now, and the old schema lets others pass; leave the list out, or add a new property")
		return
	}
	var lost []string
	gone, listed := 0, d.enumOf(d.r)
	for _, v := range values {
		if listed[identity(v)] {
			continue
		}
		if gone++; gone <= 20 {
			lost = append(lost, fault.Cut(compact(v), 40))
		}
	}
	if gone == 0 {
		return
	}
	kind := "ENUM_ARRAY_NARROWED"
	if gone == len(values) {
		kind = "ENUM_ARRAY_CHANGED"
	}
	list := strings.Join(lost, ", ")
	d.tell(kind, "/enum", "["+list+"]", "the values "+list+" are gone; keep them")
}

// enumOf are the identities of the values that a schema lists.
func (c *comparison) enumOf(n *node) map[string]bool {
	if c.listed[n] == nil {
		c.listed[n] = make(map[string]bool, len(n.enum))
		for _, v := range n.enum {
			if c.steps -= v.Size / 50; c.steps <= 0 {
				break
			}
			c.listed[n][identity(v)] = true
		}
	}
	return c.listed[n]
}

// bound is an end of a range of numbers.
type bound struct {
	at   *big.Rat
	open bool // the end itself is outside
}

func (b bound) String() string {
	s := b.at.RatString()
	if f, exact := b.at.Float64(); exact {
		s = strconv.FormatFloat(f, 'g', -1, 64)
	}
	return fault.Cut(s, 60)
}

// span is a range of numbers; an end that is nil is open.
type span struct{ low, high *bound }

// lowest is the lower bound that a schema sets; of whole numbers it is one.
func (n *node) lowest(whole bool) *bound {
	return tighter(n.number.min, n.number.above, whole, 1)
}

// highest is the upper bound that a schema sets.
func (n *node) highest(whole bool) *bound {
	return tighter(n.number.max, n.number.below, whole, -1)
}

// tighter chooses of a closed and an open bound the one that lets less pass;
// side is 1 for lower bounds and −1 for upper ones.
func tighter(closed, open *big.Rat, whole bool, side int) *bound {
	var b *bound
	switch {
	case closed == nil && open == nil:
		return nil
	case open == nil, closed != nil && closed.Cmp(open)*side > 0:
		b = &bound{closed, false}
	default:
		b = &bound{open, true}
	}
	if whole {
		b = b.whole(side)
	}
	return b
}

// whole moves a bound to the next whole number inside of it.
func (b *bound) whole(side int) *bound {
	floor := new(big.Int).Div(b.at.Num(), b.at.Denom()) // Euclidean, and the denominator is positive
	n := new(big.Rat).SetInt(floor)
	exact := n.Cmp(b.at) == 0
	switch {
	case side > 0 && (!exact || b.open):
		n.Add(n, big.NewRat(1, 1))
	case side < 0 && exact && b.open:
		n.Sub(n, big.NewRat(1, 1))
	}
	return &bound{n, false}
}

// beyond reports whether a lower bound lets no more pass than another.
func beyond(a, b bound) bool {
	order := a.at.Cmp(b.at)
	return order > 0 || order == 0 && (a.open || !b.open)
}

// short is beyond for upper bounds.
func short(a, b bound) bool {
	order := a.at.Cmp(b.at)
	return order < 0 || order == 0 && (a.open || !b.open)
}

func (w conjunction) lowest(whole bool) *bound {
	return strongest(w, func(n *node) *bound { return n.lowest(whole) }, beyond)
}

func (w conjunction) highest(whole bool) *bound {
	return strongest(w, func(n *node) *bound { return n.highest(whole) }, short)
}

// numbers compares the keywords on numbers; where none but whole ones were
// written, the bounds count as whole.
func (d *judging) numbers(whole bool) {
	was := d.span(whole)
	low, high := was.low, was.high
	c := d.r.number
	bounded(d, "MINIMUM", "minimum", low, tighter(c.min, nil, whole, 1), beyond, "INCREASED", bound.String)
	bounded(d, "EXCLUSIVE_MINIMUM", "exclusiveMinimum", low, tighter(nil, c.above, whole, 1), beyond, "INCREASED", bound.String)
	bounded(d, "MAXIMUM", "maximum", high, tighter(c.max, nil, whole, -1), short, "DECREASED", bound.String)
	bounded(d, "EXCLUSIVE_MAXIMUM", "exclusiveMaximum", high, tighter(nil, c.below, whole, -1), short, "DECREASED", bound.String)
	if c.multipleOf != nil {
		d.multiples(whole)
	}
}

// span is the range that the writer keeps to.
func (d *judging) span(whole bool) span {
	was, known := d.ranges[whole]
	if !known {
		was = span{d.w.lowest(whole), d.w.highest(whole)}
		if d.ranges == nil {
			d.ranges = map[bool]span{}
		}
		d.ranges[whole] = was
	}
	return was
}

func (d *judging) multiples(whole bool) {
	is := d.r.number.multipleOf
	var was *big.Rat
	for _, one := range d.w {
		m := one.number.multipleOf
		if m == nil {
			continue
		}
		if d.steps -= 1 + size(m, is)/500; d.steps <= 0 || divides(is, m) {
			return
		}
		was = m
	}
	if whole && divides(is, big.NewRat(1, 1)) {
		return
	}
	now := bound{at: is}.String()
	switch {
	case was == nil:
		d.tell("MULTIPLE_OF_ADDED", "/multipleOf", now, "multipleOf is new; old data need not keep to it: leave it out")
	case divides(was, is):
		d.tell("MULTIPLE_OF_EXPANDED", "/multipleOf", bound{at: was}.String()+" to "+now, "old data are multiples of "+bound{at: was}.String()+"; ask for no more than that")
	default:
		d.tell("MULTIPLE_OF_CHANGED", "/multipleOf", bound{at: was}.String()+" to "+now, "old data are multiples of "+bound{at: was}.String()+"; say that, or a divisor of it")
	}
}

func count(n int64) string { return fmt.Sprint(n) }

// least asks for a smallest number of things, if it asks for any.
func least(n *int64) *int64 {
	if n != nil && *n == 0 {
		return nil
	}
	return n
}

// texts compares the keywords on strings. A pattern is compared as it is
// written: whether one lets pass what another does is not looked into.
func (d *judging) texts() {
	c := d.r.text
	bounded(d, "MIN_LENGTH", "minLength", strongest(d.w, func(n *node) *int64 { return n.text.min }, more), least(c.min), func(was, is int64) bool { return was >= is }, "INCREASED", count)
	bounded(d, "MAX_LENGTH", "maxLength", strongest(d.w, func(n *node) *int64 { return n.text.max }, less), c.max, func(was, is int64) bool { return was <= is }, "DECREASED", count)
	if c.pattern == nil || *c.pattern == "" || *c.pattern == ".*" {
		return
	}
	kind := "PATTERN_ADDED"
	for _, one := range d.w {
		p := one.text.pattern
		if p == nil {
			continue
		}
		if *p == *c.pattern {
			return
		}
		kind = "PATTERN_CHANGED"
	}
	d.tell(kind, "/pattern", fault.Cut(*c.pattern, 80), "old data need not match this pattern; leave it as it was, or out")
}
