package jsonschema

import "slices"

// closed reports whether a written object has no properties but those that are
// named.
func (d *judging) closed() bool { return d.hopeless(d.unnamed()) }

// unnamed is what holds of the properties that are neither named nor of a pattern.
func (d *judging) unnamed() conjunction {
	if d.free == nil {
		free := d.others(d.w)
		d.free = &free
	}
	return *d.free
}

// named lists the properties that the writer's schemas name, each once.
func (d *judging) named() []string {
	if d.isNamed == nil {
		d.isNamed = map[string]bool{}
		for _, n := range d.describing() {
			d.steps -= len(n.object.properties) / 5
			for _, p := range n.object.properties {
				if !d.isNamed[p.name] {
					d.isNamed[p.name] = true
					d.names = append(d.names, p.name)
				}
			}
		}
	}
	return d.names
}

// patternsOf lists the patterns for names that the writer's schemas have, each
// once.
func (d *judging) patternsOf() []string {
	if d.byPattern != nil {
		return d.patterned
	}
	d.byPattern = map[string]conjunction{}
	for _, n := range d.describing() {
		for _, p := range n.object.patterns {
			if _, known := d.byPattern[p.name]; !known {
				d.byPattern[p.name] = nil
				d.patterned = append(d.patterned, p.name)
			}
		}
	}
	for _, one := range d.w {
		for _, p := range one.object.patterns {
			d.byPattern[p.name] = append(d.byPattern[p.name], claim{node: p.schema})
		}
	}
	return d.patterned
}

// ofPattern is what holds of a property because its name is of a pattern.
func (d *judging) ofPattern(pattern string) conjunction {
	d.patternsOf()
	return d.byPattern[pattern]
}

// describing lists the schemas that say something of the writer's properties:
// those that hold, and where one asks what the others looked at, those too.
func (d *judging) describing() []*node {
	var out []*node
	seen := map[*node]bool{}
	add := func(n *node) {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	for _, one := range d.w {
		add(one.node)
		if one.object.unevaluated == nil {
			continue
		}
		for _, n := range d.everythingInPlace(one.node) {
			add(n)
		}
	}
	return out
}

// value is what holds of a property's value where it is there.
func (d *judging) value(name string) conjunction { return d.valueIn(d.w, name) }

func (c *comparison) valueIn(w conjunction, name string) conjunction {
	var out conjunction
	if c.steps -= len(w) / 10; c.steps <= 0 {
		return nil
	}
	for _, one := range w {
		o := &one.object
		c.steps -= len(o.patterns) / 5
		known, uncertain := o.byName[name], false
		if known != nil {
			out = append(out, claim{node: known})
		}
		for _, p := range o.patterns {
			switch c.matches(p.name, name) {
			case yes:
				known = p.schema
				out = append(out, claim{node: p.schema})
			case unknown:
				uncertain = true
			}
		}
		if known == nil && !uncertain && o.additional != nil {
			out = append(out, claim{node: o.additional})
		}
		if o.unevaluated != nil && !c.mayEvaluate(one.node, name) {
			out = append(out, claim{node: o.unevaluated})
		}
		if o.names != nil && c.admits(&value{Kind: '"', Text: name}, o.names) == no {
			out = append(out, claim{node: &node{never: true, raw: o.names.raw, at: o.names.at}})
		}
	}
	return out
}

// mayEvaluate reports whether a schema, with all that it may apply to the same
// object, may have looked at a property.
func (c *comparison) mayEvaluate(n *node, name string) bool {
	for _, one := range c.everythingInPlace(n) {
		o := &one.object
		if o.byName[name] != nil || o.additional != nil || one != n && o.unevaluated != nil {
			return true
		}
		if slices.ContainsFunc(o.patterns, func(p property) bool { return c.matches(p.name, name) != no }) {
			return true
		}
	}
	return false
}

// others is what holds of the properties that are neither named nor of a
// pattern.
func (c *comparison) others(w conjunction) conjunction {
	var out conjunction
	for _, one := range w {
		if a := one.object.additional; a != nil {
			out = append(out, claim{node: a})
		}
		if u := one.object.unevaluated; u != nil && !c.mayEvaluateAny(one.node) {
			out = append(out, claim{node: u})
		}
	}
	return out
}

// mayEvaluateAny reports whether a schema, with all that it may apply to the
// same object, may look at properties whatever their name.
func (c *comparison) mayEvaluateAny(n *node) bool {
	return slices.ContainsFunc(c.everythingInPlace(n), func(one *node) bool {
		return one.object.additional != nil || one != n && one.object.unevaluated != nil
	})
}
