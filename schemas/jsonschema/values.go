package jsonschema

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// answer is yes, no, or that it cannot be told.
type answer int

const (
	no answer = iota
	unknown
	yes
)

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return no
}

func opposite(a answer) answer { return yes - a }

// valuesOf lists the values that a conjunction lets pass, where they are few
// and can be told.
func (c *comparison) valuesOf(w conjunction) (values []*value, finite bool) {
	for _, one := range w {
		if one.hasEnum && (!finite || len(one.enum) < len(values)) {
			values, finite = one.enum, true
		}
	}
	if !finite && kindsOf(w)&^(isNull|isBoolean) == 0 {
		values, finite = []*value{{Kind: 'n'}, {Kind: 't', Truth: true}, {Kind: 't'}}, true
	}
	var out []*value
	for _, v := range values {
		if c.steps <= 0 {
			break
		}
		if !slices.ContainsFunc(w, func(one claim) bool { return c.admits(v, one.node) == no }) {
			out = append(out, v)
		}
	}
	return out, finite
}

// admits validates a value against a schema. Patterns that cannot be run, and
// keywords that depend on what others looked at, give no certain answer.
func (c *comparison) admits(v *value, n *node) answer {
	if c.steps -= 1 + work(v); c.steps <= 0 {
		return unknown
	}
	if n.never || n.kinds()&kindOf(v) == 0 || n.hasEnum && !c.enumOf(n)[identity(v)] {
		return no
	}
	a := c.combination(v, n)
	if a == no {
		return no
	}
	switch v.Kind {
	case '0':
		return min(a, n.admitsNumber(v))
	case '"':
		return min(a, c.admitsText(v.Text, n))
	case '[':
		return min(a, c.admitsArray(v, n))
	case '{':
		return min(a, c.admitsObject(v, n))
	}
	return a
}

// work is how many steps more than a small value one takes to be looked at. A
// number with an exponent is longer than it is written.
func work(v *value) int {
	if v.Kind == '0' && (len(v.Text) > 20 || strings.ContainsAny(v.Text, "eE")) {
		return 20
	}
	return v.Size / 50
}

func (c *comparison) combination(v *value, n *node) answer {
	a := yes
	if n.foreign != "" {
		a = unknown
	}
	if n.ref != nil {
		a = min(a, c.admits(v, n.ref))
	}
	for _, one := range n.allOf {
		a = min(a, c.admits(v, one))
	}
	if len(n.anyOf) > 0 {
		some := no
		for _, one := range n.anyOf {
			some = max(some, c.admits(v, one))
		}
		a = min(a, some)
	}
	if len(n.oneOf) > 0 {
		a = min(a, c.exactlyOne(v, n.oneOf))
	}
	if n.not != nil {
		a = min(a, opposite(c.admits(v, n.not)))
	}
	if n.when == nil {
		return a
	}
	holds := c.admits(v, n.when)
	if n.then != nil {
		a = min(a, max(opposite(holds), c.admits(v, n.then)))
	}
	if n.otherwise != nil {
		a = min(a, max(holds, c.admits(v, n.otherwise)))
	}
	return a
}

func (c *comparison) exactlyOne(v *value, branches []*node) answer {
	sure, perhaps := 0, 0
	for _, one := range branches {
		switch c.admits(v, one) {
		case yes:
			sure++
		case unknown:
			perhaps++
		}
	}
	switch {
	case sure > 1, sure+perhaps == 0:
		return no
	case perhaps > 0:
		return unknown
	}
	return yes
}

func (n *node) admitsNumber(v *value) answer {
	low, high, of := n.lowest(false), n.highest(false), n.number.multipleOf
	if low == nil && high == nil && of == nil {
		return yes
	}
	x, ok := rational(v.Text)
	if !ok {
		return unknown
	}
	if low != nil && !beyond(bound{at: x}, *low) || high != nil && !short(bound{at: x}, *high) {
		return no
	}
	return answerOf(of == nil || divides(of, x))
}

func (c *comparison) admitsText(s string, n *node) answer {
	length := int64(utf8.RuneCountInString(s))
	if n.text.min != nil && length < *n.text.min || n.text.max != nil && length > *n.text.max {
		return no
	}
	if n.text.pattern == nil {
		return yes
	}
	return c.matches(*n.text.pattern, s)
}

func (c *comparison) admitsArray(v *value, n *node) answer {
	o, length := &n.array, int64(len(v.Items))
	if o.min != nil && length < *o.min || o.max != nil && length > *o.max {
		return no
	}
	a := yes
	if o.unevaluated != nil {
		a = unknown
	}
	matching, perhaps, seen := int64(0), int64(0), map[string]bool{}
	for i, item := range v.Items {
		switch {
		case i < len(o.prefix):
			a = min(a, c.admits(item, o.prefix[i]))
		case o.rest != nil:
			a = min(a, c.admits(item, o.rest))
		}
		if o.unique {
			is := identity(item)
			if seen[is] {
				return no
			}
			seen[is] = true
		}
		if o.contains != nil {
			switch c.admits(item, o.contains) {
			case yes:
				matching++
			case unknown:
				perhaps++
			}
		}
	}
	if o.contains == nil {
		return a
	}
	if matching+perhaps < o.minContains || o.maxContains != nil && matching > *o.maxContains {
		return no
	}
	if perhaps > 0 {
		a = min(a, unknown)
	}
	return a
}

func (c *comparison) admitsObject(v *value, n *node) answer {
	o, size := &n.object, int64(len(v.Members))
	if c.steps -= (len(o.required) + len(o.requiredWith) + len(o.schemasWith)) / 20; c.steps <= 0 {
		return unknown
	}
	if o.min != nil && size < *o.min || o.max != nil && size > *o.max {
		return no
	}
	for _, name := range o.required {
		if v.Get(name) == nil {
			return no
		}
	}
	a := yes
	if o.unevaluated != nil {
		a = unknown
	}
	for _, m := range v.Members {
		if c.steps <= 0 {
			return unknown
		}
		a = min(a, c.admitsMember(m, n))
	}
	for _, with := range o.requiredWith {
		if v.Get(with.name) == nil {
			continue
		}
		c.steps -= len(with.needs) / 20
		if slices.ContainsFunc(with.needs, func(name string) bool { return v.Get(name) == nil }) {
			return no
		}
	}
	for _, with := range o.schemasWith {
		if v.Get(with.name) != nil {
			a = min(a, c.admits(v, with.schema))
		}
	}
	return a
}

func (c *comparison) admitsMember(m member, n *node) answer {
	o, a := &n.object, yes
	described, perhaps := false, false
	if p := o.byName[m.Name]; p != nil {
		described = true
		a = c.admits(m.Value, p)
	}
	for _, p := range o.patterns {
		is := c.matches(p.name, m.Name)
		described, perhaps = described || is == yes, perhaps || is == unknown
		if is != no {
			a = min(a, max(opposite(is), c.admits(m.Value, p.schema)))
		}
	}
	if o.names != nil {
		a = min(a, c.admits(&value{Kind: '"', Text: m.Name}, o.names))
	}
	if described || o.additional == nil {
		return a
	}
	rest := c.admits(m.Value, o.additional)
	if perhaps {
		rest = max(rest, unknown)
	}
	return min(a, rest)
}

// matches runs a regular expression of ECMA-262 against a text. It answers only
// where Go's engine, which takes linear time, means the same.
func (c *comparison) matches(pattern, s string) answer {
	const longest = 1000
	if c.steps--; c.steps <= 0 || len(s) > longest || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return unknown
	}
	e := c.expression(pattern)
	if c.steps -= len(s) * e.size / 300; c.steps <= 0 || e.re == nil {
		return unknown
	}
	return answerOf(e.re.MatchString(s))
}

// expression is a regular expression that was read; re is nil where it is none of
// those that are run.
type expression struct {
	re   *regexp.Regexp
	size int // of its program: x{100} is short to write
}

// mostPattern is the longest pattern that is run.
const mostPattern = 300

func (c *comparison) expression(pattern string) expression {
	if len(pattern) > mostPattern {
		return expression{}
	}
	e, known := c.regexps[pattern]
	if !known {
		e = expressionOf(pattern)
		c.steps -= e.size / 3
		c.regexps[pattern] = e
	}
	return e
}

func expressionOf(pattern string) (e expression) {
	if !plainPattern(pattern) {
		return e
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return e
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return e
	}
	e.size = len(program.Inst)
	e.re, _ = regexp.Compile(pattern)
	return e
}

// plainPattern reports whether a pattern has only what ECMA-262 and Go's
// expressions both have.
func plainPattern(p string) bool {
	class := false
	for i := 0; i < len(p); i++ {
		switch ch := p[i]; {
		case ch == '\\':
			i++
			if i == len(p) || !strings.ContainsRune(`dDwW.-/\[](){}^$*+?|tnr`, rune(p[i])) {
				return false
			}
		case ch > '~':
			return false
		case class && ch == '[', ch == '{' && (i+1 == len(p) || p[i+1] < '0' || p[i+1] > '9'):
			return false
		case ch == '[':
			class = true
			if strings.HasPrefix(p[i:], "[]") || strings.HasPrefix(p[i:], "[^]") {
				return false
			}
		case ch == ']':
			class = false
		case ch == '(' && !class && strings.HasPrefix(p[i+1:], "?") && !strings.HasPrefix(p[i+1:], "?:"):
			return false
		}
	}
	return true
}
