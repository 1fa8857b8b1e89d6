package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/yaml/strict"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/topic"
)

// Entry is one schema: a file as the version of a subject.
type Entry struct {
	File       string
	Subject    string
	Type       string
	Text       string
	References []Reference // by which it takes what it refers to
	Needs      []string    // the subjects among them that are of other entries
	Metadata   *schemas.Metadata
	RuleSet    *schemas.RuleSet
	Topics     []string // as topic.Spell spells them
	Terms
}

// Submission is an entry as the registry takes it.
func (e Entry) Submission() schemas.Submission {
	s := schemas.Submission{Subject: e.Subject, Type: e.Type, Text: e.Text, Metadata: e.Metadata, RuleSet: e.RuleSet}
	for _, r := range e.References {
		s.References = append(s.References, schemas.Reference{Name: r.Name, Subject: r.Subject, Version: cmp.Or(r.Version, schemas.Latest)})
	}
	return s
}

// Entries finds the schemas in a folder, in an order in which each comes after
// those that it refers to.
func (m *Manifest) Entries(t Tree) ([]Entry, error) { return m.entries(t, false) }

// Before finds them in a folder as it was. What is not there yet is no mistake.
func (m *Manifest) Before(t Tree) ([]Entry, error) { return m.entries(t, true) }

func (m *Manifest) entries(t Tree, before bool) ([]Entry, error) {
	f := &finder{m: m, taken: map[place]bool{}, of: map[string]int{}}
	r := newReader(m.File)
	for i, g := range m.Groups {
		said, err := g.from(r, g.at, t, before)
		if err != nil {
			return nil, err
		}
		f.said = append(f.said, said)
		for _, pattern := range g.Files {
			for _, name := range t.named(r, g.at, pattern, before) {
				f.add(i, name)
			}
		}
	}
	names := make([]string, len(f.found))
	for i, e := range f.found {
		names[i] = e.File
	}
	texts, err := t.load(names)
	if err != nil {
		return nil, err
	}
	for i := range f.found {
		f.found[i].Text = texts[i]
		f.name(r, i)
	}
	f.refer(r, before)
	if err := r.Err(); err != nil {
		return nil, err
	}
	all, err := f.sorted()
	if err != nil || before {
		return all, err
	}
	return all, within(all)
}

// finder gathers the entries of a manifest.
type finder struct {
	m     *Manifest
	said  []beside // of each group
	found []found
	taken map[place]bool
	of    map[string]int // where the first of each subject is in found
}

// place is a file in a group.
type place struct {
	group int
	file  string
}

// found is an entry that is being made.
type found struct {
	Entry
	group int
	said  said // what its text says
}

// add takes a file into a group, once.
func (f *finder) add(group int, file string) {
	if f.taken[place{group, file}] {
		return
	}
	f.taken[place{group, file}] = true
	g := f.m.Groups[group]
	f.found = append(f.found, found{group: group, Entry: Entry{File: file, Type: cmp.Or(g.Type, TypeOf(file)), Terms: g.Terms,
		Metadata: f.said[group].metadata, RuleSet: f.said[group].ruleSet}})
}

// TypeOf is the type of a schema by the name of its file.
func TypeOf(file string) string {
	switch path.Ext(file) {
	case ".proto":
		return "PROTOBUF"
	case ".json":
		return "JSON"
	}
	return schemas.Avro
}

// name makes the subject of a file, which no other file has.
func (f *finder) name(r *strict.Reader, i int) {
	e := &f.found[i]
	g := f.m.Groups[e.group]
	e.said = read(e.Type, e.Text)
	base := path.Base(e.File)
	dir := path.Base(path.Dir(e.File))
	if dir == "." {
		dir = ""
	}
	filled := strings.NewReplacer("{name}", strings.TrimSuffix(base, path.Ext(base)), "{dir}", dir, "{record}", e.said.record)
	e.Subject = filled.Replace(g.Subject)
	if strings.Contains(g.Subject+strings.Join(g.Topics, ""), "{record}") && e.said.record == "" {
		r.Bad(g.at, "NO_RECORD", "%s names no record, message or title, and its subject or its topics are made of {record}; name it in the schema, or take {name}", e.File)
	}
	if !strings.HasPrefix(e.Subject, f.m.Prefix) {
		r.Bad(g.at, "OTHER_PREFIX", "the subject %q of %s does not begin with %q as the manifest says of its subjects; correct one of the two", e.Subject, e.File, f.m.Prefix)
	}
	for _, topic := range g.Topics {
		e.Topics = append(e.Topics, filled.Replace(topic))
	}
	topics, err := topic.Spell(e.Subject, e.Topics)
	for _, wrong := range fault.All(err) {
		r.Bad(g.at, "INVALID_TOPICS", "%s (%s): %s", e.Subject, e.File, wrong.Message)
	}
	e.Topics = topics
	if k, twice := f.of[e.Subject]; twice {
		r.Bad(g.at, "SUBJECT_TWICE", "%s and %s are both of the subject %q; a subject has one schema at a time: put {name}, {dir} or {record} into it, or narrow the pattern", f.found[k].File, e.File, e.Subject)
		return
	}
	f.of[e.Subject] = i
}

// sorted puts every entry after those it needs, and else keeps the order of the
// manifest.
func (f *finder) sorted() ([]Entry, error) {
	s := &sorter{at: map[string]int{}, state: make([]int, len(f.found))}
	for i, e := range f.found {
		s.all = append(s.all, e.Entry)
		s.at[e.Subject] = i
	}
	for i := range s.all {
		if err := s.visit(i); err != nil {
			return nil, err
		}
	}
	return s.out, nil
}

// sorter walks from an entry to those it needs.
type sorter struct {
	all   []Entry
	at    map[string]int
	state []int // 0 not seen, 1 on the way, 2 done
	way   []string
	out   []Entry
}

func (s *sorter) visit(i int) error {
	e := s.all[i]
	switch s.state[i] {
	case 2:
		return nil
	case 1:
		from := slices.Index(s.way, e.File)
		return strict.Mistake(e.File, strict.Mark{}, "CYCLE", "schemas refer to one another in a circle: %s; none of them can be registered first: move what they share into one file",
			strings.Join(append(slices.Clone(s.way[from:]), e.File), " → "))
	}
	s.state[i] = 1
	s.way = append(s.way, e.File)
	for _, need := range e.Needs {
		if err := s.visit(s.at[need]); err != nil {
			return err
		}
	}
	s.way = s.way[:len(s.way)-1]
	s.state[i] = 2
	s.out = append(s.out, e)
	return nil
}

// Lines writes each mistake of err as `file:line:column: what is wrong and how
// to mend it`, the way editors and terminals understand.
func Lines(err error) error {
	var lines []error
	for _, f := range faults(err) {
		lines = append(lines, fmt.Errorf("%s: %s", strings.Join(f.Path, ":"), f.Message))
	}
	if lines == nil {
		return err
	}
	return errors.Join(lines...)
}
