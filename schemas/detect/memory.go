package detect

import "slices"

// Memory remembers what was said of fields, for schemas that have some in common:
// versions of one have most, and those of one company the same few. The zero Memory
// remembers nothing yet. It is for one goroutine at a time, and forgets everything
// once that is more than 4 MiB.
type Memory struct {
	known  map[Field]*seen
	read   map[string]outer // of what fields lie in, by its name
	ways   map[string]place // of what fields lie in, by its path
	weight int              // bytes, about
}

const (
	mostRemembered = 4 << 20
	weightOfField  = 800 // without what is said in it
	weightOfWord   = 200 // what was said of it beside others
)

// seen is a field as it was looked at by itself, and what was said of it beside
// others.
type seen struct {
	place place
	said  map[context]Suggestion // the zero Suggestion for none
}

// context is what the fields beside a field say of it.
type context struct {
	prefix                           string
	program, personal, subject, card bool
	lone, patient, gender            bool
}

// Fields is the function of that name.
func (m *Memory) Fields(fields []Field) []Suggestion {
	if m.known == nil || m.weight > mostRemembered {
		*m = Memory{known: map[Field]*seen{}, read: map[string]outer{}, ways: map[string]place{}}
	}
	fields = slices.Clone(fields)
	all := make([]*seen, len(fields))
	for i, f := range fields {
		fields[i] = f.cut()
		all[i] = m.look(fields[i])
	}
	var out []Suggestion
	at := map[string]string{} // path → category
	for i, c := range m.together(fields, all) {
		if s := m.suggest(all[i], fields[i], c); s != (Suggestion{}) {
			out = append(out, s)
			at[s.Path] = s.Category
		}
	}
	return slices.DeleteFunc(out, func(s Suggestion) bool {
		return at[s.Path+"[]"] == s.Category || at[s.Path+"{}"] == s.Category
	})
}

// look looks at a field by itself, once.
func (m *Memory) look(f Field) *seen {
	known, ok := m.known[f]
	if !ok {
		known = &seen{m.place(f, ""), map[context]Suggestion{}}
		m.known[f] = known
		m.weight += weightOfField + len(f.Record) + len(f.Path) + len(f.Type) + len(f.Logical) + len(f.Doc)
	}
	return known
}

// outer is the name of what a field lies in.
type outer struct {
	words []string
	many  bool  // of sums over people
	class class // what it says that it is
}

// outer reads a name, once: many fields lie in what has it.
func (m *Memory) outer(name string) outer {
	o, ok := m.read[name]
	if !ok {
		ws := words(name)
		o = outer{ws, slices.ContainsFunc(ws, func(w string) bool { return is(w, aggregate) }), classOf(ws)}
	}
	if !ok && m.read != nil {
		m.read[name] = o
		m.weight += weightOfWord + len(name)
	}
	return o
}

// suggest suggests a category for a field beside others, once for each that they
// say of it.
func (m *Memory) suggest(known *seen, f Field, c context) Suggestion {
	s, ok := known.said[c]
	if !ok {
		p := known.place
		if c.prefix != "" {
			p = m.place(f, c.prefix)
		}
		s, _ = p.beside(c).suggest(f)
		known.said[c] = s
		m.weight += weightOfWord
	}
	return s
}
