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
}

// Tags are those that the new version of a change would have, in the order of
// the fields.
func Tags(c Change) []Tag { return c.tagsOf(c.New).list() }

// says lists the tags of a field, in the text and by the metadata.
func (f Field) says() []string {
	out := slices.Clone(f.Tags)
	for _, a := range f.Assigned {
		out = append(out, a.Tag)
	}
	return out
}

// tagsOf collects what the schema and the catalog say of fields. A field that
// has no tag of its own has those of what it lies in.
func (c Change) tagsOf(fields []Field) tags {
	t := tags{has: make(map[string]bool, len(fields)), at: map[string][]Tag{}}
	aliases := map[string][]string{}
	for _, f := range fields {
		t.has[f.Path] = true
		if len(f.Aliases) > 0 {
			aliases[f.Path] = f.Aliases
		}
	}
	for _, f := range fields {
		t.order = append(t.order, f.Path)
		c.said(t, f, aliases)
	}
	for _, f := range fields {
		if len(t.at[f.Path]) == 0 {
			t.inherit(f.Path)
		}
	}
	return t
}

// said collects what is said of a field itself, under its name and its former
// ones.
func (c Change) said(t tags, f Field, aliases map[string][]string) {
	for _, key := range f.says() {
		if _, err := taxonomy.Find("", key, taxonomy.Category); err == nil && !c.denied(f.Path, key) {
			t.add(Tag{f.Path, key, Inline, f.Path})
		}
	}
	for _, key := range c.Confirmed[f.Path] {
		t.add(Tag{f.Path, key, Confirmed, f.Path})
	}
	for _, from := range formerPaths(f, aliases, t.has) {
		for _, key := range slices.Concat(c.Confirmed[from], c.Earlier[from]) {
			if !c.denied(f.Path, key) {
				t.add(Tag{f.Path, key, Confirmed, from})
			}
		}
	}
}

// inherit gives a field the tags of the nearest thing around it that has any.
func (t tags) inherit(path string) {
	for _, outer := range Enclosing(path) {
		own := slices.DeleteFunc(slices.Clone(t.at[outer]), func(o Tag) bool { return o.Source == Inherited })
		for _, o := range own {
			t.add(Tag{path, o.Category, Inherited, outer})
		}
		if len(own) > 0 {
			return
		}
	}
}

func (t tags) add(tag Tag) {
	if !slices.ContainsFunc(t.at[tag.Path], func(o Tag) bool { return o.Category == tag.Category }) {
		t.at[tag.Path] = append(t.at[tag.Path], tag)
	}
}

func (t tags) list() []Tag {
	var out []Tag
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
	return key == general || strings.HasPrefix(key, general+".")
}

// related reports whether one of two categories is or covers the other.
func related(a, b string) bool { return covers(a, b) || covers(b, a) }

// mostFormer bounds how many paths a field can have had: each of the names on
// the way to it may have had others.
const mostFormer = 16

// formerPaths are the paths that a field had under its aliases and those of what
// it lies in, unless another field has one of them now.
func formerPaths(f Field, aliases map[string][]string, here map[string]bool) []string {
	if len(aliases) == 0 {
		return nil
	}
	p, err := fieldpath.Parse(f.Path)
	if err != nil {
		return nil
	}
	ways := []fieldpath.Path{{Part: p.Part}}
	for i, step := range p.Steps {
		names := append([]string{step.Name}, aliases[upTo(p, i)]...)
		var longer []fieldpath.Path
		for _, way := range ways {
			for _, name := range names {
				if len(longer) < mostFormer {
					steps := append(slices.Clone(way.Steps), fieldpath.Step{Name: name, Suffixes: step.Suffixes})
					longer = append(longer, fieldpath.Path{Part: p.Part, Steps: steps})
				}
			}
		}
		ways = longer
	}
	var out []string
	for _, way := range ways {
		if s := way.String(); s != f.Path && !here[s] {
			out = append(out, s)
		}
	}
	return out
}

// upTo is the path of the field that a step of a path names.
func upTo(p fieldpath.Path, step int) string {
	q := fieldpath.Path{Part: p.Part, Steps: slices.Clone(p.Steps[:step+1])}
	q.Steps[step].Suffixes = nil
	return q.String()
}

// Enclosing lists what a field lies in, the nearest first.
func Enclosing(path string) []string {
	p, err := fieldpath.Parse(path)
	if err != nil {
		return nil
	}
	var out []string
	for len(p.Steps) > 0 {
		last := &p.Steps[len(p.Steps)-1]
		if n := len(last.Suffixes); n > 0 {
			last.Suffixes = last.Suffixes[:n-1]
		} else {
			p.Steps = p.Steps[:len(p.Steps)-1]
		}
		if s := p.String(); s != "" {
			out = append(out, s)
		}
	}
	return out
}
