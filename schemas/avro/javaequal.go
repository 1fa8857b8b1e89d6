package avro

import "slices"

// same is Java's Schema.equals: aliases, docs and the defaults of enums do not
// count. Java applies no aliases to a schema that is the reader's already.
func (j *javaReader) same(a, b *Type) bool { return j.alikeIn(a, b, map[pair]bool{}) }

func (j *javaReader) alikeIn(a, b *Type, met map[pair]bool) bool {
	if j.steps--; j.steps <= 0 || a.Kind != b.Kind {
		return false
	}
	if met[pair{a, b}] {
		return true
	}
	met[pair{a, b}] = true
	if !sameProps(a.props, b.props) { // which may be long, and the type used everywhere
		return false
	}
	inner := func(a, b *Type) bool { return j.alikeIn(a, b, met) }
	switch a.Kind {
	case anArray, aMap:
		return inner(a.Items, b.Items)
	case aUnion:
		return slices.EqualFunc(a.Oneof, b.Oneof, inner)
	case aFixed:
		return a.Name == b.Name && a.Size == b.Size
	case anEnum:
		return a.Name == b.Name && slices.Equal(a.Symbols, b.Symbols)
	case aRecord:
		return a.Name == b.Name && slices.EqualFunc(a.Fields, b.Fields, func(f, g *Field) bool {
			return f.Name == g.Name && f.order == g.order && sameValue(f.fallback, g.fallback) && sameProps(f.props, g.props) && inner(f.Type, g.Type)
		})
	}
	return true
}

func sameProps(a, b []member) bool {
	return len(a)+len(b) == 0 || sameValue(&value{Kind: '{', Members: a}, &value{Kind: '{', Members: b})
}

// sameValue does not look at the order of members.
func sameValue(a, b *value) bool {
	if a == nil || b == nil || a == b {
		return a == b
	}
	one, two := &printer{normal: true}, &printer{normal: true}
	one.json(a)
	two.json(b)
	return one.out.String() == two.out.String()
}

// equivalent is how Java finds out that two unions can be read branch by branch:
// by simple names, without promotions. What it finds is remembered, but not that
// two types are equivalent that leaned on others which are not.
func (j *javaReader) equivalent(a, b *Type) bool {
	mark := len(j.equalTrail)
	if j.equalIn(a, b) {
		return true
	}
	for _, p := range j.equalTrail[mark:] {
		if j.equal[p] {
			delete(j.equal, p)
		}
	}
	j.equalTrail = j.equalTrail[:mark]
	return false
}

func (j *javaReader) equalIn(a, b *Type) bool {
	if j.steps--; j.steps <= 0 || a.Kind != b.Kind {
		return false
	}
	if a.Kind.primitive() {
		return true
	}
	p := pair{a, b}
	if found, met := j.equal[p]; met {
		return found
	}
	j.equal[p] = true
	if a.Kind != anEnum && a.Kind != aFixed { // these lean on no others
		j.equalTrail = append(j.equalTrail, p)
	}
	j.equal[p] = j.equalParts(a, b)
	return j.equal[p]
}

func (j *javaReader) equalParts(a, b *Type) bool {
	if a.Kind.named() && simpleName(a.Name) != simpleName(b.Name) {
		return false
	}
	switch a.Kind {
	case anArray, aMap:
		return j.equalIn(a.Items, b.Items)
	case aUnion:
		return slices.EqualFunc(a.Oneof, b.Oneof, j.equalIn)
	case aFixed:
		return a.Size == b.Size
	case anEnum:
		j.steps -= len(a.Symbols)
		return slices.Equal(a.Symbols, b.Symbols)
	}
	return slices.EqualFunc(a.Fields, b.Fields, func(f, g *Field) bool { return f.Name == g.Name && j.equalIn(f.Type, g.Type) })
}
