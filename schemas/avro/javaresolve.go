package avro

import "slices"

// action is what Java makes of a pair of types before it has read anything. It
// throws when it comes to data of an action that is wrong; nil is one that can
// read whatever there is.
type action struct {
	reader, writer *Type
	wrong          bool // an ErrorAction, in Java's words
	lost           bool // an enum some of whose symbols are gone, which is none
	lacks          []lack
	missing        bool // a field is lacking that has no default
	throws         bool // Java throws at it, whatever data there are
	parts          []part
	instead        *action // what it turned out to be, for those who met it before
}

// lack is a field of the reader that the data lack and Java has no value for.
type lack struct {
	at  int
	how taking // notTaken is one without default
}

// part is an action within another: of an item, of the branch or field of that
// number.
type part struct {
	at     int
	action *action
}

// wrongWithin reports whether the action of a record is wrong as Java sees it
// without looking further than to its fields.
func (a *action) wrongWithin() bool {
	return a.wrong || slices.ContainsFunc(a.parts, func(p part) bool { return p.action.wrong })
}

func (a *action) add(at int, inner *action) {
	if inner != nil {
		a.parts = append(a.parts, part{at, inner})
	}
}

// orNil is the action, or nil if nothing in it can be wrong.
func (a *action) orNil() *action {
	if len(a.parts) == 0 {
		return nil
	}
	return a
}

// resolve is org.apache.avro.Resolver, step by step.
func (j *javaReader) resolve(reader, writer *Type) *action {
	if j.steps--; j.steps <= 0 {
		return nil
	}
	a := &action{reader: reader, writer: writer}
	switch {
	case writer.Kind == aUnion:
		if j.equivalent(reader, writer) {
			return nil // branch by branch, and nothing differs
		}
		for i, branch := range writer.Oneof {
			a.add(i, j.resolve(reader, branch))
		}
		return a.orNil()
	case reader.Kind == writer.Kind:
		return j.alike(a)
	case reader.Kind == aUnion:
		return j.branch(a)
	}
	a.wrong = !promotes(writer.Kind, reader.Kind)
	if !a.wrong {
		return nil
	}
	return a
}

func (j *javaReader) alike(a *action) *action {
	reader, writer := a.reader, a.writer
	switch reader.Kind {
	case anArray, aMap:
		a.add(0, j.resolve(reader.Items, writer.Items))
		return a.orNil()
	case aRecord:
		return j.record(a)
	case aFixed:
		a.wrong = simpleName(reader.Name) != simpleName(writer.Name) || reader.Size != writer.Size
	case anEnum:
		a.wrong = simpleName(reader.Name) != simpleName(writer.Name)
		a.lost = j.loses(reader, writer)
	}
	if !a.wrong && !a.lost {
		return nil
	}
	return a
}

// loses reports whether symbols of an enum are gone. There may be very many, in
// very many places.
func (j *javaReader) loses(reader, writer *Type) bool {
	p := pair{reader, writer}
	if _, met := j.lost[p]; !met {
		j.steps -= len(writer.Symbols)
		j.lost[p] = reader.Default == nil && slices.ContainsFunc(writer.Symbols, func(s string) bool { return !reader.symbols[s] })
	}
	return j.lost[p]
}

// record looks at no names of records. One that leads to itself is met while it
// is not complete yet, and is taken for right.
func (j *javaReader) record(a *action) *action {
	reader, writer := a.reader, a.writer
	p := pair{reader, writer}
	if seen := j.seen[p]; seen != nil {
		return seen
	}
	j.seen[p] = a
	asked, given := j.fieldsOf(reader), j.fieldsOf(writer)
	j.steps -= aloneSteps + len(writer.Fields) + len(reader.Fields)
	for _, old := range writer.Fields {
		if i, ok := asked[old.Name]; ok {
			a.add(i, j.resolve(reader.Fields[i].Type, old.Type))
		}
	}
	for i, f := range reader.Fields {
		if _, ok := given[f.Name]; ok {
			continue
		}
		switch how := j.takes(f); {
		case how == taken, how == takenNever && a.missing:
			continue // at the first that is missing Java looks no further
		default:
			a.lack(i, how)
		}
	}
	out := a
	if a.missing {
		out = &action{reader: reader, writer: writer, wrong: true, lacks: a.lacks, missing: a.missing, throws: a.throws}
		a.instead, j.seen[p] = out, out
	}
	if a.throws {
		j.thrown = append(j.thrown, out)
	}
	return out
}

func (a *action) lack(at int, how taking) {
	a.lacks = append(a.lacks, lack{at, how})
	a.missing = a.missing || how == notTaken
	a.throws = a.throws || how == takenNever
}

// fieldsOf indexes the fields of a record.
func (j *javaReader) fieldsOf(t *Type) map[string]int {
	if at := j.positions[t]; at != nil {
		return at
	}
	at := make(map[string]int, len(t.Fields))
	for i, f := range t.Fields {
		at[f.Name] = i
	}
	j.positions[t] = at
	return at
}

// branch goes on with the branch of the reader's union that Java chooses.
func (j *javaReader) branch(a *action) *action {
	i := j.choose(a.reader, a.writer)
	if i < 0 {
		a.wrong = true
		if i = j.meantBranch(a.reader, a.writer); i >= 0 && a.writer.Kind == aRecord {
			a.add(i, j.resolve(a.reader.Oneof[i], a.writer)) // it says why
		}
		return a
	}
	a.add(i, j.resolve(a.reader.Oneof[i], a.writer))
	return a.orNil()
}

// choose takes the branch of the full name; or for a record the last one of its
// simple name whose fields look right, or the first one whose fields do; or one
// that the type is promoted to.
func (j *javaReader) choose(union, writer *Type) int {
	at := j.branchesOf(union)
	i, ok := at.full[cmpName(writer)]
	ok = ok && union.Oneof[i].Kind == writer.Kind
	switch {
	case writer.Kind == aRecord && (!ok || j.throwing()):
		return j.chooseRecord(union, writer, i, ok)
	case ok:
		return i
	}
	j.steps -= len(union.Oneof)
	return slices.IndexFunc(union.Oneof, func(b *Type) bool { return promotes(writer.Kind, b.Kind) })
}

// chooseRecord tries each branch as Java does, up to the one of the full name.
// Trying is seen from outside only by defaults that make Java throw: without
// them the last branch of the simple name is looked at first, of which there
// may be very many.
func (j *javaReader) chooseRecord(union, writer *Type, exact int, found bool) int {
	if !j.throwing() {
		for _, i := range slices.Backward(j.branchesOf(union).simple[simpleName(writer.Name)]) {
			if j.looksRight(union.Oneof[i], writer) {
				return i
			}
		}
	}
	chosen := -1
	for i, b := range union.Oneof {
		if found && i == exact {
			return i
		}
		if !j.looksRight(b, writer) {
			continue
		}
		if chosen < 0 || simpleName(b.Name) == simpleName(writer.Name) {
			chosen = i
		}
	}
	return chosen
}

func (j *javaReader) looksRight(branch, writer *Type) bool {
	if j.steps--; branch.Kind != aRecord || j.steps <= 0 {
		return false
	}
	a := j.record(&action{reader: branch, writer: writer})
	j.steps -= len(a.parts)
	return !a.wrongWithin()
}

// branches finds the branches of a union.
type branches struct {
	full   map[string]int   // by full name, or by kind where a branch has none
	simple map[string][]int // records by simple name
}

func (j *javaReader) branchesOf(union *Type) *branches {
	if at := j.unions[union]; at != nil {
		return at
	}
	at := &branches{map[string]int{}, map[string][]int{}}
	for i, b := range union.Oneof {
		at.full[cmpName(b)] = i
		if b.Kind == aRecord {
			at.simple[simpleName(b.Name)] = append(at.simple[simpleName(b.Name)], i)
		}
	}
	j.steps -= len(union.Oneof)
	j.unions[union] = at
	return at
}

// throwing reports whether the reader has a default that Java throws at, whether
// or not data lack it.
func (j *javaReader) throwing() bool {
	if j.throws == nil {
		found := j.throwsIn(j.reader, map[*Type]bool{})
		j.throws = &found
	}
	return *j.throws
}

func (j *javaReader) throwsIn(t *Type, seen map[*Type]bool) bool {
	if j.steps--; seen[t] || t.Kind.primitive() {
		return false
	}
	seen[t] = true
	return t.Items != nil && j.throwsIn(t.Items, seen) ||
		slices.ContainsFunc(t.Oneof, func(b *Type) bool { return j.throwsIn(b, seen) }) ||
		slices.ContainsFunc(t.Fields, func(f *Field) bool {
			return j.takes(f) == takenNever || j.throwsIn(f.Type, seen)
		})
}
