package jsonschema

import (
	"slices"

	"github.com/flowmart/lethe/internal/fault"
)

// objects compares the keywords on objects.
func (d *judging) objects() {
	c := d.r.object
	if c.min != nil || c.max != nil {
		d.sizes()
	}
	d.required()
	d.properties()
	d.patterns()
	if c.additional != nil {
		d.content(c.byName, c.patterns, c.additional, "additionalProperties")
	}
	if c.unevaluated != nil {
		d.unevaluatedProperties(c.unevaluated)
	}
	if c.names != nil {
		d.propertyNames()
	}
	d.dependencies()
}

func (d *judging) sizes() {
	c := d.r.object
	bounded(d, "MIN_PROPERTIES", "minProperties", d.leastProperties(), least(c.min), func(was, is int64) bool { return was >= is }, "INCREASED", count)
	bounded(d, "MAX_PROPERTIES", "maxProperties", d.mostProperties(), c.max, func(was, is int64) bool { return was <= is }, "DECREASED", count)
}

// leastProperties is how many properties an object has at least: minProperties,
// or as many as must be there.
func (d *judging) leastProperties() *int64 {
	n := int64(len(d.known()))
	if said := strongest(d.w, func(one *node) *int64 { return one.object.min }, more); said != nil && *said > n {
		return said
	}
	return &n
}

// known are the properties that a written object surely has.
func (d *judging) known() map[string]bool {
	if d.sure == nil {
		d.steps -= d.w.weight()
		d.sure = d.w.required()
	}
	return d.sure
}

// beside are the properties that a written object has beside one, and beside those
// that are known. What holds where that one is there may ask for more.
func (d *judging) beside(name string) map[string]bool {
	if len(d.schemasBeside(name)) > 0 {
		there := d.present(name)
		d.steps -= there.weight()
		return there.required()
	}
	if d.needs == nil {
		d.steps -= d.w.weight()
		d.needs = d.w.needs()
	}
	more, looked := following([]string{name}, d.needs, d.known())
	d.steps -= looked / 2
	return more
}

// mostProperties is how many properties an object can have at most:
// maxProperties, or as many as are named where no others may stand.
func (d *judging) mostProperties() *int64 {
	return strongest(d.w, func(n *node) *int64 {
		if a := n.object.additional; a != nil && a.never && len(n.object.patterns) == 0 {
			named := int64(len(n.object.properties))
			if n.object.max == nil || *n.object.max > named {
				return &named
			}
		}
		return n.object.max
	}, less)
}

// required lists the properties that a written object surely has.
func (w conjunction) required() map[string]bool {
	var all []string
	for _, one := range w {
		all = append(all, one.object.required...)
	}
	sure, _ := following(all, w.needs(), nil)
	return sure
}

// needs are the properties that each property asks for beside it.
func (w conjunction) needs() map[string][]string {
	out := map[string][]string{}
	for _, one := range w {
		for _, with := range one.object.requiredWith {
			out[with.name] = append(out[with.name], with.needs...)
		}
	}
	return out
}

// following lists names with all that they ask for, but for those that are known,
// and how many it looked at.
func following(names []string, needs map[string][]string, known map[string]bool) (out map[string]bool, looked int) {
	out = map[string]bool{}
	for looked < len(names) {
		name := names[looked]
		looked++
		if !out[name] && !known[name] {
			out[name] = true
			names = append(names, needs[name]...)
		}
	}
	return out, looked
}

// required compares what must be there. A default stands in for what old data
// lack, unless it would not be taken itself.
func (d *judging) required() {
	if len(d.r.object.required) == 0 {
		return
	}
	known := d.known()
	d.named()
	for _, name := range d.r.object.required {
		if d.steps -= 1 + (len(d.w)+len(d.whole))/10; d.steps <= 0 {
			return
		}
		if known[name] || d.hasDefault(name) {
			continue
		}
		kind, message := "REQUIRED_ATTRIBUTE_ADDED", quote(name)+" must be there now, and old data may lack it; give it a default, or leave it optional"
		if !d.isNamed[name] && d.closed() {
			kind, message = "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", quote(name)+" is new and must be there; give it a default, or leave it optional"
		}
		d.tell(kind, "/required", fault.Cut(name, 100), message)
	}
}

// hasDefault reports whether the reader has a default for a property.
func (d *judging) hasDefault(name string) bool {
	if d.exact > 0 || slices.ContainsFunc(d.whole, func(one claim) bool { return one.object.max != nil }) {
		return false
	}
	for _, one := range d.whole {
		p := one.object.byName[name]
		if fallback := d.fallback(p); fallback != nil {
			return d.admits(fallback, p) != no
		}
	}
	return false
}

// fallback is the default that a schema has, or else what its $ref leads to.
func (c *comparison) fallback(n *node) *value {
	hops := 0
	for ; n != nil && n.fallback == nil; n = n.ref {
		hops++
	}
	c.steps -= hops / 10
	if n == nil {
		return nil
	}
	return n.fallback
}

// properties compares the properties that the reader names.
func (d *judging) properties() {
	d.named()
	for _, p := range d.r.object.properties {
		if d.steps <= 0 {
			return
		}
		writer := d.value(p.name)
		found := d.inProperty(writer, p.schema, p.name)
		switch {
		case len(found) == 0:
		case d.isNamed[p.name]:
			d.add(found...)
		case len(writer) == 0:
			d.property("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", p.name, p.schema, "the old schema lets anything stand under "+quote(p.name)+", so that old data may not fit; close the old model (additionalProperties: false) before adding properties, let this one hold anything, or set the compatibilityPolicy LENIENT")
		default:
			d.property("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", p.name, p.schema, quote(p.name)+" is new and does not take what other properties could be: "+d.because(found))
		}
	}
}

// property notes a difference about a property as a whole.
func (d *judging) property(kind, name string, reader *node, message string) {
	one := difference{kind: kind, path: d.step(name), at: d.r.at, detail: fault.Cut(name, 100), message: message, reader: d.r.raw, writer: d.writer()}
	if reader != nil {
		one.at, one.reader = reader.at, reader.raw
	}
	d.steps -= len(d.w) / 10
	for _, w := range d.w {
		if p := w.object.byName[name]; p != nil {
			one.writer = p.raw
		}
	}
	d.add(one)
}

// patterns compares what the reader asks of the values whose names are of a
// pattern. Patterns are one if they are written alike; whether a name is of one
// is looked into where both are plain.
func (d *judging) patterns() {
	for _, p := range d.r.object.patterns {
		if d.steps <= 0 {
			return
		}
		if same := d.ofPattern(p.name); len(same) > 0 && len(d.inside(same, p.schema, "{}")) == 0 {
			continue
		}
		for _, name := range d.named() {
			if d.steps <= 0 || d.matches(p.name, name) == no {
				continue
			}
			d.add(d.inProperty(d.value(name), p.schema, name)...)
		}
		var found []difference
		for _, other := range d.patternsOf() {
			found = append(found, d.inside(d.ofPattern(other), p.schema, "{}")...)
		}
		if len(d.ofPattern(p.name)) == 0 {
			found = append(found, d.inside(d.unnamed(), p.schema, "{}")...)
		}
		switch {
		case len(found) == 0:
		case len(d.ofPattern(p.name)) > 0:
			d.add(found...)
		case len(d.unnamed()) == 0:
			d.property("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", p.name, p.schema, "the old schema lets anything stand under names of the pattern "+quote(p.name)+"; close it before, or set the compatibilityPolicy LENIENT")
		default:
			d.property("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", p.name, p.schema, "the pattern "+quote(p.name)+" is new and does not take what other properties could be: "+d.because(found))
		}
	}
}

// content compares what the reader asks of properties that it neither names nor
// has a pattern for.
func (d *judging) content(names map[string]*node, patterns []property, rest *node, keyword string) {
	kind, why := "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", " is gone, and what other properties may be does not take it"
	if rest.never {
		kind, why = "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", " is gone and no other properties may stand; keep it, or open the model"
	}
	for _, name := range d.named() {
		if d.steps <= 0 {
			return
		}
		if names[name] != nil || slices.ContainsFunc(patterns, func(p property) bool { return d.matches(p.name, name) == yes }) {
			continue
		}
		if found := d.inside(d.value(name), rest, ""); len(found) > 0 {
			d.property(kind, name, nil, quote(name)+why)
		}
	}
	own := make(map[string]bool, len(patterns))
	for _, p := range patterns {
		own[p.name] = true
	}
	for _, pattern := range d.patternsOf() {
		if d.steps <= 0 {
			return
		}
		if own[pattern] {
			continue
		}
		if found := d.inside(d.ofPattern(pattern), rest, "{}"); len(found) > 0 {
			d.property(kind, pattern, nil, "the pattern "+quote(pattern)+why)
		}
	}
	found := d.inside(d.unnamed(), rest, "{}")
	switch {
	case len(found) == 0:
	case rest.never:
		d.tell("ADDITIONAL_PROPERTIES_REMOVED", "/"+keyword, "", "old data may hold other properties; leave the model open, or set the compatibilityPolicy LENIENT")
	default:
		d.tell("ADDITIONAL_PROPERTIES_NARROWED", "/"+keyword, "", "other properties of old data are not taken: "+d.because(found))
	}
}

// unevaluatedProperties compares what is asked of properties that nothing else
// describes. What only some branch describes counts as not described.
func (d *judging) unevaluatedProperties(u *node) {
	names := map[string]*node{}
	var patterns []property
	for _, one := range flatten(conjunction{{node: d.r}}) {
		o := &one.object
		if d.steps -= 1 + len(o.properties)/5; d.steps <= 0 {
			return
		}
		if o.additional != nil || one.node != d.r && o.unevaluated != nil {
			return
		}
		for _, p := range o.properties {
			names[p.name] = p.schema
		}
		patterns = append(patterns, o.patterns...)
	}
	d.content(names, patterns, u, "unevaluatedProperties")
}

// propertyNames compares what properties may be called.
func (d *judging) propertyNames() {
	is := d.r.object.names
	for _, one := range d.w {
		if was := one.object.names; was != nil && len(d.inside(conjunction{{node: was}}, is, "")) == 0 {
			return
		}
	}
	fits := d.closed() && len(d.patternsOf()) == 0
	for _, name := range d.named() {
		if d.steps--; !fits || d.steps <= 0 {
			break
		}
		fits = d.hopeless(d.value(name)) || d.admits(&value{Kind: '"', Text: name}, is) == yes
	}
	if !fits && len(d.inside(conjunction{{node: anyText}}, is, "")) > 0 {
		d.tell("PROPERTY_NAMES_NARROWED", "/propertyNames", "", "old data may hold properties of other names; leave propertyNames as it was, or out")
	}
}

// anyText is what is known of a name: it is a string.
var anyText = &node{raw: &value{Kind: '{'}, at: "#", types: isString}

// dependencies compares what a property asks for beside it.
func (d *judging) dependencies() {
	for _, with := range d.r.object.requiredWith {
		if d.steps--; d.steps <= 0 {
			return
		}
		if d.absent(with.name) {
			continue
		}
		known, more := d.known(), d.beside(with.name)
		for _, name := range with.needs {
			if d.steps--; d.steps <= 0 {
				return
			}
			if !known[name] && !more[name] {
				d.tell("DEPENDENCY_ARRAY_EXTENDED", "/dependentRequired", fault.Cut(with.name, 60)+": "+fault.Cut(name, 60), "old data with "+quote(with.name)+" may lack "+quote(name)+"; do not ask for it")
			}
		}
	}
	for _, with := range d.r.object.schemasWith {
		if d.steps--; d.steps <= 0 {
			return
		}
		if !d.absent(with.name) {
			d.add(d.covers(d.present(with.name), with.schema)...)
		}
	}
}

// weight is how many steps more than a few it takes to look through what must
// be there.
func (w conjunction) weight() int {
	n := 0
	for _, one := range w {
		n += len(one.object.required)
		for _, with := range one.object.requiredWith {
			n += 1 + len(with.needs)/2
		}
	}
	return n / 5
}

// absent reports whether no written object has a property.
func (d *judging) absent(name string) bool { return d.hopeless(d.value(name)) }

// present is what holds of a written object that has a property.
func (d *judging) present(name string) conjunction {
	out := d.w.and(&node{raw: &value{Kind: '{'}, at: "#", object: objects{required: []string{name}}})
	return append(out, d.schemasBeside(name)...)
}

// schemasBeside are those that hold of an object that has a property.
func (d *judging) schemasBeside(name string) conjunction {
	if d.schemas == nil {
		d.schemas = map[string]conjunction{}
		for _, one := range d.w {
			for _, with := range one.object.schemasWith {
				d.schemas[with.name] = append(d.schemas[with.name], claim{node: with.schema})
			}
		}
	}
	return d.schemas[name]
}
