package jsonschema

import (
	"math"
	"math/big"
	"slices"
	"strings"
)

// numbers reads the keywords on numbers. In draft-04 the exclusive ones say
// whether the bounds beside them are.
func (k *keywords) numbers() {
	c := &k.n.number
	c.min, c.max = k.number("minimum"), k.number("maximum")
	if k.scope.draft == draft4 {
		for _, name := range []string{"Minimum", "Maximum"} {
			if k.v.Get("exclusive"+name) != nil && k.v.Get(strings.ToLower(name)) == nil {
				k.fail(pointer(k.at, "exclusive"+name), "exclusive%s stands beside a %s in draft-04", name, strings.ToLower(name))
			}
		}
		if k.flag("exclusiveMinimum") {
			c.min, c.above = nil, c.min
		}
		if k.flag("exclusiveMaximum") {
			c.max, c.below = nil, c.max
		}
	} else {
		c.above, c.below = k.number("exclusiveMinimum"), k.number("exclusiveMaximum")
	}
	c.multipleOf = k.number("multipleOf")
	if c.multipleOf != nil && c.multipleOf.Sign() <= 0 {
		k.fail(pointer(k.at, "multipleOf"), "multipleOf is a number above 0")
	}
}

func (k *keywords) texts() {
	k.n.text.min, k.n.text.max = k.count("minLength"), k.count("maxLength")
	if m := k.v.Get("pattern"); m != nil {
		if m.Kind != '"' {
			k.fail(pointer(k.at, "pattern"), "pattern is a regular expression in quotes, not %s", m.KindName())
			return
		}
		k.n.text.pattern = &m.Text
	}
}

// arrays reads the keywords on arrays. Before 2020-12, items is a schema for
// all or, as an array, what prefixItems is now.
func (k *keywords) arrays() {
	c := &k.n.array
	c.min, c.max = k.count("minItems"), k.count("maxItems")
	c.unique = k.flag("uniqueItems")
	items := k.v.Get("items")
	switch {
	case k.scope.draft >= draft2020:
		c.prefix, c.rest = k.several("prefixItems"), k.one("items")
	case items != nil && items.Kind == '[':
		c.prefix, c.rest = k.several("items"), k.additional("additionalItems")
	default:
		c.rest = k.one("items")
		k.additional("additionalItems") // says nothing without a list of items
	}
	if k.scope.draft >= draft6 {
		c.contains, c.minContains = k.one("contains"), 1
	}
	if k.scope.draft < draft2019 {
		return
	}
	c.unevaluated = k.one("unevaluatedItems")
	if least, most := k.count("minContains"), k.count("maxContains"); c.contains != nil {
		c.maxContains = most
		if least != nil {
			c.minContains = *least
		}
	}
}

func (k *keywords) objects() {
	c := &k.n.object
	c.min, c.max = k.count("minProperties"), k.count("maxProperties")
	if m := k.v.Get("required"); m != nil {
		c.required = k.words(m, "required")
		if m.Kind == '[' && len(m.Items) == 0 && k.scope.draft == draft4 {
			k.fail(pointer(k.at, "required"), "required names at least one property in draft-04; leave it out")
		}
	}
	c.properties, c.patterns = k.named("properties"), k.named("patternProperties")
	if len(c.properties) > 0 {
		c.byName = make(map[string]*node, len(c.properties))
	}
	for _, one := range c.properties {
		c.byName[one.name] = one.schema
	}
	c.additional = k.additional("additionalProperties")
	if k.scope.draft >= draft6 {
		c.names = k.one("propertyNames")
	}
	k.dependencies("dependencies")
	if k.scope.draft >= draft2019 {
		k.dependencies("dependentRequired")
		k.dependencies("dependentSchemas")
		c.unevaluated = k.one("unevaluatedProperties")
	}
}

// dependencies reads what a property asks for beside it: other properties, or
// a schema for the whole object.
func (k *keywords) dependencies(name string) {
	m := k.object(name)
	if m == nil {
		return
	}
	for _, one := range m.Members {
		if one.Value.Kind == '[' && name != "dependentSchemas" || name == "dependentRequired" {
			k.n.object.requiredWith = append(k.n.object.requiredWith, dependency{one.Name, k.words(one.Value, name)})
			continue
		}
		k.n.object.schemasWith = append(k.n.object.schemasWith, property{one.Name, k.inner(one.Value, name, one.Name)})
	}
}

// additional reads a member that may be true or false in draft-04, too.
func (k *keywords) additional(name string) *node {
	m := k.v.Get(name)
	if m == nil || m.Kind != 't' {
		return k.one(name)
	}
	n := &node{raw: m, at: pointer(k.at, name), never: !m.Truth}
	k.order = append(k.order, n)
	return n
}

// words reads a member that is an array of strings.
func (k *keywords) words(m *value, name string) []string {
	if m.Kind != '[' || slices.ContainsFunc(m.Items, func(v *value) bool { return v.Kind != '"' }) {
		hint := ""
		if name == "required" && m.Kind == 't' {
			hint = "; since draft-04 it stands in the object around, with the names of its properties"
		}
		k.fail(pointer(k.at, name), "%s is an array of names%s", name, hint)
		return nil
	}
	out := make([]string, len(m.Items))
	for i, item := range m.Items {
		out[i] = item.Text
	}
	return out
}

func (k *keywords) flag(name string) bool {
	m := k.v.Get(name)
	if m == nil {
		return false
	}
	if m.Kind != 't' {
		hint := ""
		if strings.HasPrefix(name, "exclusive") {
			hint = " in draft-04; name a later draft in $schema to give a number"
		}
		k.fail(pointer(k.at, name), "%s is true or false%s", name, hint)
	}
	return m.Truth
}

// number reads a number exactly. One that is longer, or larger, than anybody
// writes is refused, because it could not be worked with.
func (k *keywords) number(name string) *big.Rat {
	m := k.v.Get(name)
	if m == nil {
		return nil
	}
	if m.Kind != '0' {
		hint := ""
		if strings.HasPrefix(name, "exclusive") && m.Kind == 't' {
			hint = "; since draft-06 it is the bound itself"
		}
		k.fail(pointer(k.at, name), "%s is a number, not %s%s", name, m.KindName(), hint)
		return nil
	}
	r, ok := rational(m.Text)
	if !ok {
		k.fail(pointer(k.at, name), "%s has more than %d digits; write a smaller number", name, mostDigits)
		return nil
	}
	return r
}

// count reads a number of things.
func (k *keywords) count(name string) *int64 {
	m := k.v.Get(name)
	if m == nil {
		return nil
	}
	r, ok := (*big.Rat)(nil), false
	if m.Kind == '0' {
		r, ok = rational(m.Text)
	}
	if !ok || !r.IsInt() || r.Sign() < 0 {
		k.fail(pointer(k.at, name), "%s is a whole number from 0 on", name)
		return nil
	}
	n := int64(math.MaxInt64)
	if r.Num().IsInt64() {
		n = r.Num().Int64()
	}
	return &n
}

// identity is one text for values that are one by the specification: numbers
// count by their value, objects whatever the order of their members.
func identity(v *value) string {
	p := &printer{sorted: true, exact: true}
	p.write(v)
	return string(p.out)
}

// among reports whether a value is one of a list. What it is, is worked out once,
// however many there are.
func among(v *value, list []*value) bool {
	is := identity(v)
	return slices.ContainsFunc(list, func(one *value) bool { return one.Kind == v.Kind && identity(one) == is })
}
