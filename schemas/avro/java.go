package avro

import (
	"fmt"
	"slices"
)

// javaReader does what the reader of Apache Avro for Java (1.12.1) does before
// it reads: it gives the writer's schema the reader's names, by the aliases, and
// then decides how each part is read. It departs from the specification in both,
// and from its own SchemaCompatibility; where it throws, so do those who consume
// with it.
type javaReader struct {
	steps  int
	reader *Type

	types  map[*Type]*Type   // what was renamed, as it was written
	fields map[*Field]*Field // likewise
	failed map[any][]Difference
	order  []any // of failed: types and fields of the writer

	seen       map[pair]*action
	thrown     []*action // those that make Java throw before it reads
	positions  map[*Type]map[string]int
	unions     map[*Type]*branches
	lost       map[pair]bool
	encoded    tested
	throws     *bool
	equal      map[pair]bool
	equalTrail []pair

	told map[*action]bool
	out  []Difference
}

// java lists why Java's reader throws at data that the specification, and the
// comparison, call readable.
func (c *comparison) java(reader, writer *Type) []Difference {
	j := &javaReader{
		steps: c.steps, reader: reader, types: map[*Type]*Type{}, fields: map[*Field]*Field{}, failed: map[any][]Difference{},
		seen: map[pair]*action{}, positions: map[*Type]map[string]int{}, unions: map[*Type]*branches{}, lost: map[pair]bool{},
		encoded: tested{}, equal: map[pair]bool{}, told: map[*action]bool{},
	}
	renamed := j.rename(writer)
	if len(j.failed) > 0 {
		j.tellFailed(reader, writer)
	} else {
		j.tell(j.resolve(reader, renamed), place{})
		j.tellThrown()
	}
	c.steps = j.steps
	return j.out
}

// rename applies the aliases as often as Java does: once before it resolves, and
// once more while it does.
func (j *javaReader) rename(writer *Type) *Type {
	by := &renames{map[string]string{}, map[string]map[string]string{}, map[*Type]bool{}, j.steps}
	by.collect(j.reader)
	j.steps = by.steps
	for range 2 {
		if by.none() || len(j.failed) > 0 || j.same(writer, j.reader) {
			break
		}
		n := &renaming{j: j, by: by, done: map[*Type]*Type{}, open: map[*Type]bool{}, valid: tested{}}
		writer = n.of(writer)
	}
	return writer
}

// original is a type as it was written.
func (j *javaReader) original(t *Type) *Type {
	if was := j.types[t]; was != nil {
		return was
	}
	return t
}

// written is a field as it was.
func (j *javaReader) written(f *Field) *Field {
	if was := j.fields[f]; was != nil {
		return was
	}
	return f
}

// fail notes why a type or a field of the writer cannot have its new name.
func (j *javaReader) fail(at any, d Difference) {
	if !j.full() {
		j.failed[at], j.order = append(j.failed[at], d), append(j.order, at)
	}
}

// full reports whether enough is known that cannot be renamed.
func (j *javaReader) full() bool { return len(j.order) >= mostDifferences }

// tellFailed tells of what cannot be renamed where it is read, or at the whole if
// it is not: Java throws either way.
func (j *javaReader) tellFailed(reader, writer *Type) {
	tell := func(at any, where place, reader, writer *Type, f *Field) {
		for _, d := range j.failed[at] {
			d.reader, d.writer, d.field = reader, writer, f
			j.say(where, d)
		}
		delete(j.failed, at)
	}
	w := &walk{
		seen:   map[pair]bool{},
		enough: func() bool { return len(j.failed) == 0 },
		types:  func(reader, writer *Type, at place) { tell(writer, at, reader, writer, nil) },
		field:  func(reader, writer *Type, f, old *Field, at place) { tell(old, at, reader, writer, f) },
	}
	w.pair(reader, writer, place{})
	for _, at := range j.order {
		tell(at, place{}, reader, writer, nil)
	}
}

func (j *javaReader) say(at place, d Difference) {
	d.Kind, d.Path, d.Pointer = JavaReader, at.path, at.pointer
	if len(j.out) < mostDifferences {
		j.out = append(j.out, d)
	}
}

// tell tells of every action that is wrong, where it stands.
func (j *javaReader) tell(a *action, at place) {
	if j.steps--; a == nil || j.told[a] || j.steps <= 0 {
		return
	}
	j.told[a] = true
	if a.instead != nil {
		j.tell(a.instead, at)
		return
	}
	j.tellFields(a, at)
	for _, p := range a.parts {
		j.tell(p.action, a.place(p.at, at))
	}
	if a.lost || a.wrong && len(a.lacks)+len(a.parts) == 0 {
		writer := j.original(a.writer)
		j.say(a.meant(j, at), Difference{reader: a.reader, writer: writer, Detail: leaf(writer), Message: j.why(a)})
	}
}

// place is where a part of the action stands.
func (a *action) place(i int, at place) place {
	switch {
	case a.writer.Kind == aUnion:
		return at
	case a.reader.Kind == anArray:
		return at.in("[]", "/items")
	case a.reader.Kind == aMap:
		return at.in("{}", "/values")
	case a.reader.Kind == aUnion:
		return at.branch(i)
	}
	return at.field(a.reader.Fields[i], i).in("", "/type")
}

// tellFields tells of the fields that data lack.
func (j *javaReader) tellFields(a *action, at place) {
	for _, l := range a.lacks {
		if len(j.out) >= mostDifferences {
			return
		}
		f := a.reader.Fields[l.at]
		j.say(at.field(f, l.at), Difference{reader: a.reader, writer: j.original(a.writer), field: f, Detail: f.Name, Message: j.whyLacking(a, f, l.how)})
	}
}

func (j *javaReader) whyLacking(a *action, f *Field, how taking) string {
	switch how {
	case takenLate:
		if f.fallback.Kind != '[' {
			return fmt.Sprintf("Java takes the default of field %s for an empty array, which it cannot make of a union; put the branch that the default is of first", f.Name)
		}
		return fmt.Sprintf("Java cannot take an empty array for the default of field %s while its type is a union; make null the default, or the type an array", f.Name)
	case takenNever:
		return fmt.Sprintf("Java takes the default of field %s for one of another branch of a union, and throws; put the branch that the default is of first", f.Name)
	}
	return j.whyMissing(a, f)
}

// tellThrown tells of the defaults that Java throws at while it looks for the
// branch of a union.
func (j *javaReader) tellThrown() {
	for _, a := range j.thrown {
		if !j.told[a] {
			only := slices.DeleteFunc(slices.Clone(a.lacks), func(l lack) bool { return l.how != takenNever })
			j.tellFields(&action{reader: a.reader, writer: a.writer, lacks: only}, place{})
		}
	}
}

// why says what Java has against a pair of types, which the comparison has not.
func (j *javaReader) why(a *action) string {
	old := j.original(a.writer)
	switch {
	case old.Name != a.writer.Name:
		return fmt.Sprintf("Java takes the old type %s for %s, which has it as an alias; drop that alias", old.Name, a.writer.Name)
	case a.reader.Kind == aUnion:
		i := j.meantBranch(a.reader, a.writer)
		if i < 0 {
			break
		}
		return fmt.Sprintf("Java chooses the branch of a union by its full name and does not take %s for %s; keep the namespace, or add %s to the aliases", a.reader.Oneof[i].Name, old.Name, old.Name)
	}
	return fmt.Sprintf("Java reads the old type %s as %s here, and cannot; keep the names and namespaces there were", leaf(old), leaf(a.reader))
}

// whyMissing says why Java does not find a field.
func (j *javaReader) whyMissing(a *action, f *Field) string {
	match := matches(f, byName(j.original(a.writer)))
	if len(match) == 0 {
		return fmt.Sprintf("Java reads the old record %s as %s here, where field %s has no default; keep the full name, or give the field a default", j.original(a.writer).Name, a.reader.Name, f.Name)
	}
	old := match[0].Name
	for _, now := range a.writer.Fields {
		if j.written(now) == match[0] && now.Name != old {
			return fmt.Sprintf("Java takes the old field %s for %s, which has it as an alias, and finds none for %s; drop that alias", old, now.Name, f.Name)
		}
	}
	return fmt.Sprintf("field %s was called %s in a record of another namespace, and Java does not look for it there; add %s to the aliases of the record", f.Name, old, j.original(a.writer).Name)
}

// meant is the place of the branch that goes by the old name, or of the union.
func (a *action) meant(j *javaReader, at place) place {
	if a.reader.Kind != aUnion {
		return at
	}
	if i := j.meantBranch(a.reader, a.writer); i >= 0 {
		return at.branch(i)
	}
	return at
}

// meantBranch is the last branch that goes by the name a type was written with,
// for those who do not look at namespaces.
func (j *javaReader) meantBranch(union, writer *Type) int {
	old, found := j.original(writer), -1
	for i, b := range union.Oneof {
		j.steps -= 1 + len(b.Aliases)
		if b.Kind == old.Kind && (simpleName(b.Name) == simpleName(old.Name) || slices.Contains(b.Aliases, old.Name)) {
			found = i
		}
	}
	return found
}
