package gate

import (
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/schemas/detect"
)

// Kind is what a version does to a piece of personal data.
type Kind string

// The kinds of difference.
const (
	Added      Kind = "ADDED"
	Removed    Kind = "REMOVED"
	Downgraded Kind = "DOWNGRADED" // the field is still there and says less of it
	Moved      Kind = "MOVED"      // the same under another path
)

// Difference is one change of the personal data between two versions.
type Difference struct {
	Kind     Kind
	Path     string // in the new version; in the old one for what was removed
	From     string // the old path of what moved, "" else
	Category string
	Guessed  bool // nobody classified it; the detector says so
}

// held is a category of personal data at a path.
type held struct {
	path, category string
	guessed        bool // by the detector
	inherited      bool // from what it lies in
}

// holds lists the personal data of a version by path: what is tagged, and what
// the detector suggests where nobody said anything.
func (c Change) holds(fields []Field, guesses []detect.Suggestion, t tags) map[string][]held {
	suggestions := c.standing(guesses)
	out := map[string][]held{}
	for _, f := range fields {
		for _, tag := range t.at[f.Path] {
			if taxonomy.Personal(tag.Category) {
				out[f.Path] = append(out[f.Path], held{f.Path, tag.Category, false, tag.Source == Inherited})
			}
		}
		if s, ok := suggestions[f.Path]; ok && !t.classify(f.Path, s.Category) {
			out[f.Path] = append(out[f.Path], held{f.Path, s.Category, true, false})
		}
	}
	return out
}

// difference compares what two versions hold. What was only guessed was never
// said, so that it cannot be taken back; what is inherited is taken back where
// it was said.
func (c Change) difference(before, now tags) []Difference {
	was, is := c.holds(c.Old, c.GuessedOld, before), c.holds(c.New, c.GuessedNew, now)
	left := c.leaving(was, now)
	var out []Difference
	for _, f := range c.New {
		for _, w := range was[f.Path] {
			kept := slices.ContainsFunc(is[f.Path], func(h held) bool { return covers(w.category, h.category) })
			if !kept && !w.guessed && !w.inherited {
				out = append(out, Difference{Kind: Downgraded, Path: w.path, Category: w.category})
			}
		}
		for _, h := range is[f.Path] {
			if slices.ContainsFunc(was[f.Path], func(w held) bool { return related(w.category, h.category) }) {
				continue
			}
			d := Difference{Kind: Added, Path: h.path, Category: h.category, Guessed: h.guessed}
			if from, ok := left.take(f, h.category, before); ok {
				d.Kind, d.From = Moved, from
			}
			out = append(out, d)
		}
	}
	for _, f := range c.Old {
		for _, w := range left[lastName(f.Path)] {
			if w.path == f.Path {
				out = append(out, Difference{Kind: Removed, Path: w.path, Category: w.category, Guessed: w.guessed})
			}
		}
	}
	return out
}

// leaving is what was held at paths that are no more, by the last name of the
// path.
type leaving map[string][]held

func (c Change) leaving(was map[string][]held, now tags) leaving {
	l := leaving{}
	for _, f := range c.Old {
		if now.has[f.Path] {
			continue
		}
		name := lastName(f.Path)
		l[name] = append(l[name], was[f.Path]...)
	}
	return l
}

// take finds what a new field was before, and takes it out: of the same
// category, under the same name or one of its aliases.
func (l leaving) take(f Field, category string, before tags) (from string, ok bool) {
	if before.has[f.Path] {
		return "", false
	}
	for _, name := range append([]string{lastName(f.Path)}, f.Aliases...) {
		i := slices.IndexFunc(l[name], func(g held) bool { return related(g.category, category) })
		if i >= 0 {
			from = l[name][i].path
			l[name] = slices.Delete(l[name], i, i+1)
			return from, true
		}
	}
	return "", false
}

// lastName is the name of a field without its path.
func lastName(path string) string {
	p, err := fieldpath.Parse(path)
	if err != nil || len(p.Steps) == 0 {
		return path
	}
	last := p.Steps[len(p.Steps)-1]
	return last.Name + strings.Join(last.Suffixes, "")
}
