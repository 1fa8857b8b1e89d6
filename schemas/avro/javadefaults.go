package avro

import "slices"

// taking is how Java takes the default of a field that data lack.
type taking int

const (
	taken      taking = iota
	notTaken          // there is none
	takenLate         // when it reads such a record, it throws
	takenNever        // it throws, whatever data there are
)

// defaultOf is a value where it stands for a type.
type defaultOf struct {
	t *Type
	v *value
}

// tested are the values that a test was made of, and what came of it.
type tested map[defaultOf]bool

// once tests a value for a type, unless that was done before. One that leads to
// itself has no end, and does not pass.
func (d tested) once(j *javaReader, t *Type, v *value, test func(*Type, *value) bool) bool {
	at := defaultOf{t, v}
	if passes, met := d[at]; met {
		return passes
	}
	if j.steps--; j.steps <= 0 {
		return true
	}
	d[at] = false
	d[at] = test(t, v)
	return d[at]
}

// takes says how Java takes a default. It writes it as data first, and looks
// for the branch of a union by the first kind that may be meant, where the
// specification takes any branch that the value fits.
func (j *javaReader) takes(f *Field) taking {
	t, v := f.Type, f.fallback
	switch {
	case v == nil:
		return notTaken
	case unbounded(f), v.Kind == 'n' && t.Kind == aUnion && t.Oneof[0].Kind == aNull:
		return taken
	case !j.encodes(t, v):
		return takenNever
	case t.Kind == aUnion && j.meant(t, v).Kind == anArray && len(v.Items)+len(v.Members) == 0:
		return takenLate // it makes an empty list of the union
	}
	return taken
}

// encodes reports whether Java can write a default, and read that again.
func (j *javaReader) encodes(t *Type, v *value) bool {
	return j.encoded.once(j, t, v, j.encode)
}

func (j *javaReader) encode(t *Type, v *value) bool {
	switch t.Kind {
	case anEnum:
		return v.Kind == '"' && t.symbols[v.Text]
	case aString, aBytes, aFixed:
		return v.Kind == '"'
	case anArray:
		return j.all(t.Items, v)
	case aMap:
		return v.Kind != '[' && j.all(t.Items, v) || v.Kind == '[' && len(v.Items) == 0
	case aUnion:
		branch := j.meant(t, v)
		return branch != nil && j.encodes(branch, v)
	case aRecord:
		return !slices.ContainsFunc(t.Fields, func(f *Field) bool { return !j.encodesField(f, v.Get(f.Name)) })
	}
	return kindMayBe(t.Kind, v)
}

// all tests the items of an array or the values of an object: Java takes either
// for items, and anything else for none.
func (j *javaReader) all(t *Type, v *value) bool {
	for _, item := range v.Items {
		if !j.encodes(t, item) {
			return false
		}
	}
	for _, m := range v.Members {
		if !j.encodes(t, m.Value) {
			return false
		}
	}
	return true
}

func (j *javaReader) encodesField(f *Field, v *value) bool {
	switch {
	case v != nil:
		return j.encodes(f.Type, v)
	case f.fallback == nil:
		return false
	}
	return unbounded(f) || j.encodes(f.Type, f.fallback)
}

// meant is the branch of a union that Java takes a default for.
func (j *javaReader) meant(union *Type, v *value) *Type {
	for _, branch := range union.Oneof {
		j.steps--
		if kindMayBe(branch.Kind, v) {
			return branch
		}
	}
	return nil
}

// kindMayBe is all that Java looks at: of records, enums, arrays and maps, not
// even what the value is.
func kindMayBe(k Kind, v *value) bool {
	switch k {
	case aNull:
		return v.Kind == 'n'
	case aBoolean:
		return v.Kind == 't'
	case anInt, aLong, aFloat, aDouble:
		return v.Kind == '0'
	case aString, aBytes, aFixed:
		return v.Kind == '"'
	}
	return true
}
