package avro

import (
	"fmt"
	"slices"
)

// renames are the aliases of a reader's schema as Java collects them: by name,
// whatever goes by it, and of two that claim one name the later has it.
type renames struct {
	types  map[string]string            // full names
	fields map[string]map[string]string // by the full name of the record
	seen   map[*Type]bool
	steps  int
}

func (r *renames) none() bool { return len(r.types) == 0 && len(r.fields) == 0 }

func (r *renames) collect(t *Type) {
	if r.steps -= 1 + len(t.Aliases); r.steps <= 0 {
		return
	}
	for _, alias := range t.Aliases {
		r.types[alias] = t.Name
	}
	switch t.Kind {
	case anArray, aMap:
		r.collect(t.Items)
	case aUnion:
		for _, branch := range t.Oneof {
			r.collect(branch)
		}
	case aRecord:
		if !r.seen[t] {
			r.seen[t] = true
			r.record(t)
		}
	}
}

func (r *renames) record(t *Type) {
	for _, f := range t.Fields {
		r.steps -= len(f.Aliases)
		for _, alias := range f.Aliases {
			if r.fields[t.Name] == nil {
				r.fields[t.Name] = map[string]string{}
			}
			r.fields[t.Name][alias] = f.Name
		}
		r.collect(f.Type)
	}
	if own := r.fields[t.Name]; own != nil {
		for _, alias := range t.Aliases {
			r.fields[alias] = own // one table for both names, as in Java
		}
	}
}

// renaming copies a writer's schema under the names that the reader's aliases
// give it. Java checks the copy as it would a schema that somebody wrote, and
// throws whatever data there are.
type renaming struct {
	j     *javaReader
	by    *renames
	done  map[*Type]*Type
	open  map[*Type]bool // records whose fields are being copied
	valid tested
	early bool // a default was of a record that is open
}

func (n *renaming) of(t *Type) *Type {
	if n.j.steps--; t.Kind.primitive() || n.j.steps <= 0 {
		return t
	}
	if done := n.done[t]; done != nil {
		return done
	}
	out := *t
	out.Aliases = nil
	n.done[t] = &out
	n.j.types[&out] = n.j.original(t)
	if name, ok := n.by.types[t.Name]; ok && t.Kind.named() {
		out.Name = name
	}
	switch t.Kind {
	case anArray, aMap:
		out.Items = n.of(t.Items)
	case aUnion:
		n.branches(t, &out)
	case aRecord:
		n.fields(t, &out)
	}
	return &out
}

func (n *renaming) branches(t, out *Type) {
	out.Oneof = make([]*Type, len(t.Oneof))
	taken := map[string]*Type{}
	for i, branch := range t.Oneof {
		b := n.of(branch)
		out.Oneof[i] = b
		if other := taken[cmpName(b)]; other != nil {
			one, two := n.j.original(other).Name, n.j.original(b).Name
			n.j.fail(n.j.original(t), Difference{Detail: b.Name,
				Message: fmt.Sprintf("by the aliases, the old branches %s and %s are both %s, and Java throws; keep both branches and drop the alias", one, two, b.Name)})
		}
		taken[cmpName(b)] = b
	}
}

func (n *renaming) fields(t, out *Type) {
	n.open[out] = true
	out.Fields = make([]*Field, len(t.Fields))
	names := n.by.fields[out.Name]
	taken := make(map[string]*Field, len(t.Fields))
	for i, old := range t.Fields {
		f := *old
		f.Aliases = nil
		if name, ok := names[old.Name]; ok {
			f.Name = name
		}
		f.Type = n.of(old.Type)
		out.Fields[i] = &f
		n.j.fields[&f] = n.j.written(old)
		n.checkDefault(&f)
		if other := taken[f.Name]; other != nil {
			one, two := n.j.written(other).Name, n.j.written(&f).Name
			n.j.fail(n.j.written(&f), Difference{Detail: f.Name,
				Message: fmt.Sprintf("by the aliases, which Java applies twice, the old fields %s and %s are both %s, and it throws; drop an alias", one, two, f.Name)})
		}
		taken[f.Name] = &f
	}
	delete(n.open, out)
}

// checkDefault tests the default of a field that was copied.
func (n *renaming) checkDefault(f *Field) {
	n.early = false
	if f.fallback == nil || unbounded(f) || n.fits(f.Type, f.fallback) && !n.early || n.j.full() {
		return
	}
	old := n.j.written(f)
	d := Difference{Detail: old.Name,
		Message: fmt.Sprintf("the default of the old field %s is of a record that it stands in itself; Java cannot apply aliases to it, and throws; drop the aliases", old.Name)}
	if inner := n.j.renamed(f.Type, map[*Type]bool{}); inner != nil && !n.early {
		was := n.j.written(inner).Name
		d.Message = fmt.Sprintf("a default of the old schema, that of field %s, holds a value of field %s; Java renames the field to %s there, finds that the default no longer fits, and throws; keep the name", old.Name, was, inner.Name)
	}
	n.j.fail(old, d)
}

// renamed finds a field that has another name than it was written with.
func (j *javaReader) renamed(t *Type, seen map[*Type]bool) *Field {
	if j.steps--; seen[t] {
		return nil
	}
	seen[t] = true
	j.steps -= len(t.Fields) + len(t.Oneof)
	inner := slices.Clone(t.Oneof)
	if t.Items != nil {
		inner = append(inner, t.Items)
	}
	for _, f := range t.Fields {
		if f == nil {
			continue // of a record that is open
		}
		if j.written(f).Name != f.Name {
			return f
		}
		inner = append(inner, f.Type)
	}
	for _, t := range inner {
		if f := j.renamed(t, seen); f != nil {
			return f
		}
	}
	return nil
}

// fits is Java's test of a default. It is less strict than ours about enums and
// fixed, and follows the defaults of fields that the value leaves out.
func (n *renaming) fits(t *Type, v *value) bool {
	return v != nil && n.valid.once(n.j, t, v, n.look)
}

func (n *renaming) look(t *Type, v *value) bool {
	n.j.steps -= len(v.Text) / 100
	switch t.Kind {
	case aString, aBytes, anEnum, aFixed:
		return v.Kind == '"'
	case anArray:
		return v.Kind == '[' && !slices.ContainsFunc(v.Items, func(item *value) bool { return !n.fits(t.Items, item) })
	case aMap:
		return v.Kind == '{' && !slices.ContainsFunc(v.Members, func(m member) bool { return !n.fits(t.Items, m.Value) })
	case aUnion:
		return slices.ContainsFunc(t.Oneof, func(branch *Type) bool { return !n.early && n.fits(branch, v) })
	case aRecord:
		n.early = n.early || v.Kind == '{' && n.open[t]
		return v.Kind == '{' && !n.early && !slices.ContainsFunc(t.Fields, func(f *Field) bool { return !n.field(f, v.Get(f.Name)) })
	}
	return (&fitting{checks: mostChecks}).fits(t, v)
}

func (n *renaming) field(f *Field, v *value) bool {
	if v == nil && f.fallback != nil && unbounded(f) {
		return true
	}
	if v == nil {
		v = f.fallback
	}
	return n.fits(f.Type, v)
}
