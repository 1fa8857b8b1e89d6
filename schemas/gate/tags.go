package gate

import (
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/catalog/taxonomy"
)

// Source is who says that a field has a category.
type Source string

// The sources of a tag.
const (
	Inline    Source = "INLINE"    // the schema, in its text or its metadata
	Confirmed Source = "CONFIRMED" // the catalog
	Inherited Source = "INHERITED" // what the field lies in
)

// Tag is a category that a field has.
type Tag struct {
	Path     string
	Category string
	Source   Source
	From     string // the path that was tagged: its own, that of what it lies in, or its former one
}

// tags are those of all fields of a version.
type tags struct {
	order []string
	has   map[string]bool // every path of the version
	at    map[string][]Tag
	from  map[string]string // path → the nearest of it and what it lies in that has tags of its own
}

// Tags are those that the new version of a change would have, in the order of
// the fields.
func Tags(c Change) []Tag { return c.tagsOf(c.New).list() }

// Says lists the tags of a field, in the text and by the metadata.
func (f Field) Says() []string {
	if len(f.Assigned) == 0 {
		return f.Tags
	}
	out := slices.Clone(f.Tags)
	for _, a := range f.Assigned {
		out = append(out, a.Tag)
	}
	return out
}

// tagsOf collects what the schema and the catalog say of fields. A field that
// has no tag of its own has those of what it lies in.
func (c Change) tagsOf(fields []Field) tags {
	t := tags{has: make(map[string]bool, len(fields)), at: map[string][]Tag{}, from: map[string]string{}}
	past := former{aliases: map[string][]string{}, known: map[string][]string{}}
	for _, f := range fields {
		t.has[f.Path] = true
		if len(f.Aliases) > 0 {
			past.aliases[f.Path] = f.Aliases
		}
	}
	var read reading
	for _, f := range fields {
		t.order = append(t.order, f.Path)
		if own := c.said(t, f, read.categories(f.Says()), past); len(own) > 0 {
			t.at[f.Path] = own
		}
	}
	for _, f := range fields {
		if len(t.at[f.Path]) == 0 {
			t.inherit(f.Path)
		}
	}
	return t
}

// reading reads lists of tags. One definition is used in many places, and its
// list is the same in all of them.
type reading struct{ written, found []string }

// categories are the tags of a list that are categories, each once.
func (r *reading) categories(written []string) []string {
	if slices.Equal(written, r.written) {
		return r.found
	}
	r.written, r.found = written, nil
	for _, key := range written {
		if taxonomy.Has(key, taxonomy.Category) && !slices.Contains(r.found, key) {
			r.found = append(r.found, key)
		}
	}
	return r.found
}

// said collects what is said of a field itself, under its name and its former
// ones.
func (c Change) said(t tags, f Field, inline []string, past former) []Tag {
	own := t.at[f.Path] // of another part of the same header
	add := func(tag Tag) {
		if !slices.ContainsFunc(own, func(o Tag) bool { return o.Category == tag.Category }) {
			own = append(own, tag)
		}
	}
	if len(own) == 0 && len(inline) > 0 {
		own = make([]Tag, 0, len(inline))
	}
	fresh := len(own) == 0
	for _, key := range inline {
		switch tag := (Tag{f.Path, key, Inline, f.Path}); {
		case c.denied(f.Path, key):
		case fresh:
			own = append(own, tag) // each once
		default:
			add(tag)
		}
	}
	for _, key := range c.Confirmed[f.Path] {
		add(Tag{f.Path, key, Confirmed, f.Path})
	}
	for _, from := range past.paths(f.Path, t.has) {
		for _, key := range slices.Concat(c.Confirmed[from], c.Earlier[from]) {
			if !c.denied(f.Path, key) {
				add(Tag{f.Path, key, Confirmed, from})
			}
		}
	}
	return own
}

// inherit gives a field the tags of the nearest thing around it that has any.
func (t tags) inherit(path string) {
	from := t.nearest(path)
	if from == "" {
		return
	}
	own := t.at[from]
	inherited := make([]Tag, len(own))
	for i, o := range own {
		inherited[i] = Tag{path, o.Category, Inherited, from}
	}
	t.at[path] = inherited
}

// nearest is the nearest thing around a path that has tags of its own, "" for
// none. What lies beside one another lies in the same.
func (t tags) nearest(path string) string {
	outer := fieldpath.Outer(path)
	if outer == "" {
		return ""
	}
	if from, known := t.from[outer]; known {
		return from
	}
	from := outer
	if own := t.at[outer]; len(own) == 0 || own[0].Source == Inherited {
		from = t.nearest(outer)
	}
	t.from[outer] = from
	return from
}

func (t tags) list() []Tag {
	n := 0
	for _, path := range t.order {
		n += len(t.at[path])
	}
	if n == 0 {
		return nil
	}
	out := make([]Tag, 0, n)
	for _, path := range t.order {
		out = append(out, t.at[path]...)
	}
	return out
}

// classify reports whether somebody has said what a field is. What it lies in
// speaks for it only about the same kind of data: an address that is tagged
// says nothing of an e-mail inside of it.
func (t tags) classify(path, category string) bool {
	return slices.ContainsFunc(t.at[path], func(tag Tag) bool {
		return tag.Source != Inherited || related(tag.Category, category)
	})
}

// covers reports whether a category is another or above it.
func covers(general, key string) bool {
	rest, below := strings.CutPrefix(key, general)
	return below && (rest == "" || rest[0] == '.')
}

// related reports whether one of two categories is or covers the other.
func related(a, b string) bool { return covers(a, b) || covers(b, a) }

// mostFormer bounds how many paths a field can have had: each of the names on
// the way to it may have had others.
const mostFormer = 16

// former are the paths that fields had under their aliases and those of what
// they lie in.
type former struct {
	aliases map[string][]string // by path
	known   map[string][]string // path → all it can have had, itself before the others
}

// paths are the former paths of a field, unless another field has one of them
// now.
func (p former) paths(path string, here map[string]bool) []string {
	if len(p.aliases) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.ways(path)), func(way string) bool { return way == path || here[way] })
}

// ways are a path and its former ones. What lies beside one another has the way
// there in common.
func (p former) ways(path string) []string {
	if ways, known := p.known[path]; known {
		return ways
	}
	in, name, suffixes := fieldpath.Split(path)
	aliases, before := p.aliases[strings.TrimSuffix(path, suffixes)], []string{""}
	if in != "" {
		before = p.ways(in)
	}
	ways := []string{path}
	part := in == "" && strings.HasPrefix(path, "#") // which has no name of its own
	if !part && len(aliases)+len(before) > 1 {
		ways = longer(before, name, aliases, suffixes)
	}
	p.known[path] = ways
	return ways
}

// longer are the ways on from others, by a name as it is written and by its
// aliases.
func longer(before []string, name string, aliases []string, suffixes string) (out []string) {
	for _, way := range before {
		if way != "" {
			way += "."
		}
		out = append(out, way+name+suffixes)
		for _, alias := range aliases[:min(len(aliases), mostFormer)] {
			out = append(out, way+fieldpath.Escape(alias)+suffixes)
		}
		if len(out) >= mostFormer {
			return out[:mostFormer]
		}
	}
	return out
}

// Enclosing lists what a field lies in, the nearest first.
func Enclosing(path string) []string {
	if _, err := fieldpath.Parse(path); err != nil {
		return nil
	}
	var out []string
	for outer := fieldpath.Outer(path); outer != ""; outer = fieldpath.Outer(outer) {
		out = append(out, outer)
	}
	return out
}
