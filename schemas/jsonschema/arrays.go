package jsonschema

import (
	"math"
	"strconv"
)

// arrays compares the keywords on arrays.
func (d *judging) arrays() {
	c := d.r.array
	most := d.w.mostItems()
	bounded(d, "MIN_ITEMS", "minItems", d.w.leastItems(), least(c.min), func(was, is int64) bool { return was >= is }, "INCREASED", count)
	bounded(d, "MAX_ITEMS", "maxItems", most, c.max, func(was, is int64) bool { return was <= is }, "DECREASED", count)
	if c.unique && !d.unique(most) {
		d.tell("UNIQUE_ITEMS_ADDED", "/uniqueItems", "", "old arrays may hold an item twice; leave uniqueItems out")
	}
	d.items(c.prefix, c.rest, "additionalItems")
	if u := c.unevaluated; u != nil {
		d.unevaluatedItems(u)
	}
	if c.contains != nil {
		d.contains()
	}
}

func (w conjunction) leastItems() *int64 {
	return strongest(w, func(n *node) *int64 { return n.array.min }, more)
}

// mostItems is how many items an array can have at most: maxItems, or as many
// as are described where no others may follow.
func (w conjunction) mostItems() *int64 {
	return strongest(w, func(n *node) *int64 {
		if r := n.array.rest; r != nil && r.never {
			described := int64(len(n.array.prefix))
			if n.array.max == nil || *n.array.max > described {
				return &described
			}
		}
		return n.array.max
	}, less)
}

func (d *judging) unique(most *int64) bool {
	if most != nil && *most <= 1 {
		return true
	}
	for _, one := range d.w {
		if one.array.unique {
			return true
		}
	}
	return false
}

// itemAt is what holds of the item at a position.
func (c *comparison) itemAt(w conjunction, i int) conjunction {
	if c.steps -= len(w) / 10; c.steps <= 0 {
		return nil
	}
	var out conjunction
	for _, one := range w {
		a := &one.array
		switch {
		case i < len(a.prefix):
			out = append(out, claim{node: a.prefix[i]})
		case a.rest != nil:
			out = append(out, claim{node: a.rest})
		}
		if a.unevaluated != nil && !c.mayEvaluateItem(one.node, i) {
			out = append(out, claim{node: a.unevaluated})
		}
	}
	return out
}

// mayEvaluateItem reports whether a schema, with all that it may apply to the
// same value, may have looked at the item at a position.
func (c *comparison) mayEvaluateItem(n *node, i int) bool {
	for _, one := range c.everythingInPlace(n) {
		if i < len(one.array.prefix) || one.array.rest != nil || one.array.contains != nil || one != n && one.array.unevaluated != nil {
			return true
		}
	}
	return false
}

// everythingInPlace lists a schema and all that it may apply to the same value.
func (c *comparison) everythingInPlace(n *node) []*node {
	if c.steps <= 0 {
		return []*node{n}
	}
	out, known := c.inPlace[n]
	if !known {
		seen := map[*node]bool{n: true}
		out = []*node{n}
		for i := 0; i < len(out); i++ {
			for _, next := range out[i].inPlace() {
				if !seen[next] {
					seen[next] = true
					out = append(out, next)
				}
			}
		}
		c.inPlace[n] = out
	}
	c.steps -= len(out) / 5
	return out
}

// described is how many items have a schema of their own.
func (c *comparison) described(w conjunction) int {
	most := 0
	for _, one := range w {
		most = max(most, len(one.array.prefix))
		if one.array.unevaluated != nil {
			for _, n := range c.everythingInPlace(one.node) {
				most = max(most, len(n.array.prefix))
			}
		}
	}
	return most
}

// items compares every position that can be told from the others, and then
// those that follow. A rest that is nil asks for nothing.
func (d *judging) items(prefix []*node, rest *node, keyword string) {
	if len(prefix) == 0 && rest == nil {
		return
	}
	old := d.described(d.w)
	end := math.MaxInt
	if most := d.w.mostItems(); most != nil && *most < math.MaxInt32 {
		end = int(*most)
	}
	if rest == nil {
		end = min(end, len(prefix))
	}
	for i := range min(max(len(prefix), old), end) {
		reader := rest
		if i < len(prefix) {
			reader = prefix[i]
		}
		if d.steps <= 0 {
			return
		}
		if reader == nil {
			continue
		}
		writer := d.itemAt(d.w, i)
		found := d.inside(writer, reader, "[]")
		if len(found) == 0 {
			continue
		}
		what := "item " + strconv.Itoa(i)
		switch {
		case i < len(prefix) && i < old:
			d.add(found...)
		case i < len(prefix) && len(writer) == 0:
			d.tell("ITEM_ADDED_TO_OPEN_CONTENT_MODEL", "", what, "the old schema lets anything stand for "+what+", and the new one does not; let no further items follow (items: false), or set the compatibilityPolicy LENIENT")
		case i < len(prefix):
			d.tell("ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "", what, what+" is new and does not take what further items could be: "+d.because(found))
		case rest.never:
			d.tell("ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL", "", what, what+" is gone and no further items may follow; keep it")
		default:
			d.tell("ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "", what, what+" is gone, and what may stand there now does not take it: "+d.because(found))
		}
	}
	if rest == nil || end <= max(len(prefix), old) {
		return
	}
	found := d.inside(d.itemAt(d.w, max(len(prefix), old)), rest, "[]")
	switch {
	case len(found) == 0:
	case len(prefix) == 0 && old == 0 && !rest.never:
		d.add(found...)
	case rest.never:
		d.tell("ADDITIONAL_ITEMS_REMOVED", "/"+keyword, "", "old arrays may be longer; let further items follow")
	default:
		d.tell("ADDITIONAL_ITEMS_NARROWED", "/"+keyword, "", "further items of old arrays are not taken: "+d.because(found))
	}
}

// unevaluatedItems compares what is asked of items that nothing else describes.
// What only some branch describes counts as not described.
func (d *judging) unevaluatedItems(u *node) {
	most := 0
	for _, one := range flatten(conjunction{{node: d.r}}) {
		if d.steps--; d.steps <= 0 {
			return
		}
		if one.array.rest != nil || one.node != d.r && one.array.unevaluated != nil {
			return
		}
		most = max(most, len(one.array.prefix))
	}
	d.items(make([]*node, most), u, "unevaluatedItems")
}

// contains compares what some items must be.
func (d *judging) contains() {
	c := d.r.array
	if !d.enough() {
		d.tell("CONTAINS_ADDED", "/contains", "", "old arrays need not hold as many items of this kind; leave contains as it was, or out")
	}
	if c.maxContains == nil || d.fewEnough() {
		return
	}
	d.tell("MAX_CONTAINS_DECREASED", "/maxContains", count(*c.maxContains), "old arrays may hold more items of this kind; leave maxContains as it was, or out")
}

// enough reports whether a written array holds as many items of a kind as are
// asked for.
func (d *judging) enough() bool {
	c := d.r.array
	if c.minContains == 0 {
		return true
	}
	for _, one := range d.w {
		if a := one.array; a.contains != nil && a.minContains >= c.minContains && len(d.inside(conjunction{{node: a.contains}}, c.contains, "[]")) == 0 {
			return true
		}
	}
	least := d.w.leastItems()
	if least == nil || *least < c.minContains {
		return false
	}
	for i := range d.described(d.w) + 1 {
		if len(d.inside(d.itemAt(d.w, i), c.contains, "[]")) > 0 {
			return false
		}
	}
	return true
}

func (d *judging) fewEnough() bool {
	c := d.r.array
	if most := d.w.mostItems(); most != nil && *most <= *c.maxContains {
		return true
	}
	d.depth++
	defer func() { d.depth-- }()
	for _, one := range d.w {
		if a := one.array; a.contains != nil && a.maxContains != nil && *a.maxContains <= *c.maxContains && d.exactly(conjunction{{node: c.contains}}, a.contains) {
			return true
		}
	}
	return false
}
