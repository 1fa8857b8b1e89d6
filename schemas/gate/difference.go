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
		here := slices.Grow(out[f.Path], len(t.at[f.Path]))
		for _, tag := range t.at[f.Path] {
			if taxonomy.Personal(tag.Category) {
				here = append(here, held{f.Path, tag.Category, false, tag.Source == Inherited})
			}
		}
		if s, ok := suggestions[f.Path]; ok && !t.classify(f.Path, s.Category) {
			here = append(here, held{f.Path, s.Category, true, false})
		}
		if len(here) > 0 {
			out[f.Path] = here
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
		if slices.Equal(was[f.Path], is[f.Path]) {
			continue
		}
		for _, w := range was[f.Path] {
			kept := slices.ContainsFunc(is[f.Path], func(h held) bool { return covers(w.category, h.category) })
			if !kept && !w.guessed && !w.inherited {
				out = append(roomy(out), Difference{Kind: Downgraded, Path: w.path, Category: w.category})
			}
		}
		names := left.names(f, before)
		for _, h := range is[f.Path] {
			if slices.ContainsFunc(was[f.Path], func(w held) bool { return related(w.category, h.category) }) {
				continue
			}
			d := Difference{Kind: Added, Path: h.path, Category: h.category, Guessed: h.guessed}
			if from, ok := left.take(names, h.category); ok {
				d.Kind, d.From = Moved, from
			}
			out = append(roomy(out), d)
		}
	}
	for _, f := range c.Old {
		for _, w := range left.at[f.Path] {
			if !w.taken {
				out = append(out, Difference{Kind: Removed, Path: w.path, Category: w.category, Guessed: w.guessed})
			}
		}
	}
	return out
}

// roomy is a list with room for one more, and for as many again where it has to
// grow: what is long is copied seldom.
func roomy[T any](list []T) []T {
	if len(list) == cap(list) {
		return slices.Grow(list, len(list)+1)
	}
	return list
}

// leaving is what was held at paths that are no more.
type leaving struct {
	at     map[string][]*leaver   // by path
	called map[string][]*category // by the last name of the path
}

// category is what left of one.
type category struct {
	key  string
	left []*leaver
}

// leaver is a piece of it, which may have moved.
type leaver struct {
	held
	turn  int // before those that left later
	taken bool
}

func (c Change) leaving(was map[string][]held, now tags) leaving {
	l := leaving{map[string][]*leaver{}, map[string][]*category{}}
	turn := 0
	for _, f := range c.Old {
		if now.has[f.Path] || len(was[f.Path]) == 0 {
			continue
		}
		name := lastName(f.Path)
		for _, h := range was[f.Path] {
			one := &leaver{held: h, turn: turn}
			l.at[f.Path] = append(l.at[f.Path], one)
			of := l.category(name, h.category)
			of.left = append(of.left, one)
			turn++
		}
	}
	return l
}

// category is what left under a name of a category, which may be nothing yet.
func (l leaving) category(name, key string) *category {
	for _, of := range l.called[name] {
		if of.key == key {
			return of
		}
	}
	of := &category{key: key}
	l.called[name] = append(l.called[name], of)
	return of
}

// names are what a new field can have been called before: its last name and its
// aliases.
func (l leaving) names(f Field, before tags) []string {
	if before.has[f.Path] || len(l.called) == 0 {
		return nil
	}
	return append([]string{lastName(f.Path)}, f.Aliases[:min(len(f.Aliases), mostFormer)]...)
}

// take finds what a new field was before, and takes it out: of the same
// category, under one of its names.
func (l leaving) take(names []string, category string) (from string, ok bool) {
	for _, name := range names {
		if of := l.first(name, category); of != nil {
			first := of.left[0]
			first.taken, of.left = true, of.left[1:]
			return first.path, true
		}
	}
	return "", false
}

// first is the category of what left first under a name, of those that are one
// category with another.
func (l leaving) first(name, key string) (first *category) {
	for _, of := range l.called[name] {
		if len(of.left) > 0 && (first == nil || of.left[0].turn < first.left[0].turn) && related(of.key, key) {
			first = of
		}
	}
	return first
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
