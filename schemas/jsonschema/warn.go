package jsonschema

import (
	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/format"
)

const (
	// mostPairs bounds the pairs of schemas that one call of Warnings looks at.
	mostPairs = 20_000
	// mostLooked bounds the schemas and properties in them: many may describe one
	// place.
	mostLooked = 10 * mostPairs
	// longestPath, in bytes, is where a schema within itself is not followed on.
	longestPath = 4000
)

// Warnings implements format.Schema: a default or a format that is another one.
// No validator sees them, and data mean something else.
func (s *schema) Warnings(writer format.Schema) []format.Difference {
	w := &warner{seen: map[[2]*node]bool{}, defaults: map[*value]fallback{}}
	w.nodes(s.root, writer.(*schema).root, "")
	return finish(w.out)
}

type warner struct {
	seen     map[[2]*node]bool
	looked   int
	defaults map[*value]fallback
	out      []difference
}

// fallback is a default as it is told apart, and as it is told.
type fallback struct{ identity, short string }

// fallback reads a default once, in however many places it stands.
func (w *warner) fallback(v *value) fallback {
	f, known := w.defaults[v]
	if !known {
		f = fallback{identity(v), fault.Cut(compact(v), 80)}
		w.defaults[v] = f
	}
	return f
}

// nodes compares what two schemas of one place say beside what they validate.
// It goes along names that both have; into branches it does not look.
func (w *warner) nodes(reader, writer *node, path string) {
	if len(w.seen) > mostPairs || w.looked > mostLooked || len(path) > longestPath || w.seen[[2]*node{reader, writer}] {
		return
	}
	w.seen[[2]*node{reader, writer}] = true
	is, was := flatten(conjunction{{node: reader}}), flatten(conjunction{{node: writer}})
	w.looked += len(is) + len(was)
	w.meaning(is, was, path)
	properties := map[string]*node{}
	for _, one := range was {
		w.looked += len(one.object.properties)
		for _, p := range one.object.properties {
			properties[p.name] = p.schema
		}
	}
	for _, one := range is {
		w.looked += len(one.object.properties)
		for _, p := range one.object.properties {
			// The path is as long as the schemas are deep: it is written for what is new.
			if old := properties[p.name]; old != nil && !w.seen[[2]*node{p.schema, old}] {
				w.nodes(p.schema, old, path+"."+fieldpath.Escape(p.name))
			}
		}
	}
	if r, o := restOf(is), restOf(was); r != nil && o != nil {
		w.nodes(r, o, path+"[]")
	}
}

func restOf(all conjunction) *node {
	for _, one := range all {
		if one.array.rest != nil {
			return one.array.rest
		}
	}
	return nil
}

func (w *warner) meaning(is, was conjunction, path string) {
	a, b := annotated(is), annotated(was)
	if a.fallback != nil && b.fallback != nil {
		w.defaulted(a, b, path)
	}
	if a.format != b.format {
		from, to := firstOf(b.format, "none"), firstOf(a.format, "none")
		w.out = append(w.out, difference{kind: "FORMAT_CHANGED", path: path, at: a.at, detail: fault.Cut(from, 80) + " to " + fault.Cut(to, 80), reader: a.raw, writer: b.raw,
			message: "the format was " + quote(from) + " and is " + quote(to) + "; a validator that checks formats may refuse old data"})
	}
}

func (w *warner) defaulted(is, was node, path string) {
	from, to := w.fallback(was.fallback), w.fallback(is.fallback)
	if from.identity == to.identity {
		return
	}
	w.out = append(w.out, difference{kind: "DEFAULT_CHANGED", path: path, at: is.at, detail: from.short + " to " + to.short, reader: is.raw, writer: was.raw,
		message: "the default was " + from.short + " and is " + to.short + "; a reader that needs it sees the other value from now on"})
}

// annotated gathers the first default and the first format of what holds at a
// place.
func annotated(all conjunction) node {
	out := node{raw: all[0].raw, at: all[0].at}
	for _, one := range all {
		if out.fallback == nil {
			out.fallback = one.fallback
		}
		out.format = firstOf(out.format, one.format)
	}
	return out
}
