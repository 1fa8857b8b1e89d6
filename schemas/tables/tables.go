// Package tables is what a store's tables look like: their columns and keys,
// and what became of them step by step. A collection of documents is a table
// too, whose columns are the fields that its validator names.
//
// It knows no language in which tables are described. Whoever reads one makes
// the changes here one after the other, each with its place in a file.
package tables

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/flowmart/lethe/internal/fault"
)

// Place is where something is said. Line and Column count from 1; 0 is unknown.
type Place struct {
	File   string `json:"file,omitzero"`
	Line   int    `json:"line,omitzero"`
	Column int    `json:"column,omitzero"`
}

// String writes a place as editors do.
func (p Place) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Name is the name of a table in its schema. A collection is in none.
type Name struct {
	Schema string `json:"schema,omitzero"`
	Table  string `json:"table"`
}

// String writes a name as people do. It is also the dataset's in the catalog.
func (n Name) String() string {
	if n.Schema == "" {
		return n.Table
	}
	return n.Schema + "." + n.Table
}

// Column is a column of a table.
type Column struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`            // as the store itself writes it
	Base     string   `json:"base,omitzero"`   // what a type of the store's own is made of, if known
	Opaque   bool     `json:"opaque,omitzero"` // may hold anything: raw bytes, free JSON
	Nullable bool     `json:"nullable,omitzero"`
	Doc      string   `json:"doc,omitzero"`
	Former   []string `json:"former,omitzero"` // names it had before, the latest first
	Within   []Column `json:"within,omitzero"` // the parts of a composite type or a document
	List     bool     `json:"list,omitzero"`   // holds any number of them
	At       Place    `json:"at,omitzero"`     // where it was last described
	// Inherited is true for a column that its table has from another alone, and
	// loses with it.
	Inherited bool `json:"inherited,omitzero"`
}

// KeyKind says what a key is for.
type KeyKind string

// The kinds of key.
const (
	Primary KeyKind = "PRIMARY"
	Unique  KeyKind = "UNIQUE"
	Foreign KeyKind = "FOREIGN" // leads to another table
)

// Key is a key of a table.
type Key struct {
	Name      string   `json:"name"`
	Kind      KeyKind  `json:"kind"`
	Columns   []string `json:"columns"`
	To        Name     `json:"to,omitzero"`
	ToColumns []string `json:"toColumns,omitzero"` // empty for the other's primary key
}

// Table is a table as it stands.
type Table struct {
	Name    Name     `json:"name"`
	Former  []Name   `json:"former,omitzero"` // names it had before, the latest first
	Columns []Column `json:"columns"`
	Keys    []Key    `json:"keys,omitzero"`
	Doc     string   `json:"doc,omitzero"`
	// Open is true for a table that may have columns which nobody could read,
	// such as those of a query.
	Open bool `json:"open,omitzero"`
	// PartOf is the table whose rows lie in this one, for a partition.
	PartOf  Name   `json:"partOf,omitzero"`
	Parents []Name `json:"parents,omitzero"` // whose columns it inherits
	At      Place  `json:"at,omitzero"`

	indexes []Key // unique ones, which may become keys
}

// Size counts a column with the parts of its type.
func (c Column) Size() int {
	n := 1
	for _, part := range c.Within {
		n += part.Size()
	}
	return n
}

// Index finds a column, -1 if there is none.
func (t *Table) Index(name string) int {
	for i := range t.Columns { // a column is long, and is not copied to be looked at
		if t.Columns[i].Name == name {
			return i
		}
	}
	return -1
}

// State is the tables of a store after some steps.
type State struct {
	tables map[Name]*Table
	named  map[Name]int // how often a key's name is used in a schema
	kin    links        // partitions and heirs
	keyed  links        // by foreign keys
	log    [][]Change   // in pieces, so that it grows without being copied
	spent  int          // of mostSteps
	looked int          // likewise, looksOfStep to a step
	missed int          // what was looked for in vain
}

// mostSteps bounds what describing a store may take: every column made counts
// with its parts, and everything done to one, in every table that has it. What
// people write comes nowhere near; a few lines that copy copies do.
const mostSteps = 160_000

// looksOfStep is how many tables, columns and keys are looked at in the time of a
// step: looks count, too, and all together take some tenths of a second.
const looksOfStep = 250

// mostTables bounds how many there are at once on the way: more than a store may
// have in the end, but what is done to one looks at the others.
const mostTables = 4_000

// spend refuses to go on where too much was done, or looked at.
func (s *State) spend(steps int) error {
	if s.spent += steps; s.spent+s.looked/looksOfStep > mostSteps {
		return fault.New(fault.TooLarge, TooLarge, "its tables take more than %d steps to describe; give them as they stand now, or a part of them as another store", mostSteps)
	}
	return nil
}

// Look counts looks at what whoever describes the tables looks at, and refuses to
// go on where that, with all else, was too much.
func (s *State) Look(times int) error {
	s.looked += times
	return s.spend(0)
}

// TooLarge is the code of what is refused because there is no end to it.
const TooLarge = "STORE_TOO_LARGE"

// New returns the state of an empty store.
func New() *State {
	return &State{tables: map[Name]*Table{}, named: map[Name]int{}, kin: links{}, keyed: links{}}
}

// Of returns the state in which these tables stand.
func Of(all []Table) *State {
	s := New()
	for _, t := range all {
		s.tables[t.Name] = &t
		s.count(&t, 1)
	}
	return s
}

// All lists the tables by name.
func (s *State) All() []Table { return s.Those(func(*Table) bool { return true }) }

// Those lists some tables by name.
func (s *State) Those(are func(*Table) bool) []Table {
	var out []Table
	for _, t := range s.tables {
		if are(t) {
			out = append(out, *t)
		}
	}
	slices.SortFunc(out, func(a, b Table) int { return a.Name.compare(b.Name) })
	return out
}

// Log lists what was done, in order.
func (s *State) Log() []Change { return slices.Concat(s.log...) }

// count notes that the names of a table's keys are used, and what it leads to,
// or (-1) no longer.
func (s *State) count(t *Table, by int) {
	s.looked += counted * (len(t.Parents) + len(t.Keys))
	s.kin.count(t.PartOf, t, by)
	for _, p := range t.Parents {
		s.kin.count(p, t, by)
	}
	for _, k := range t.Keys {
		s.countKey(t, k, by)
	}
}

func (s *State) countKey(t *Table, k Key, by int) {
	s.named[Name{t.Name.Schema, k.Name}] += by
	s.keyed.count(k.To, t, by)
}

// Used reports whether a table or a key of a schema has a name.
func (s *State) Used(n Name) bool { return s.tables[n] != nil || s.named[n] > 0 }

// Has reports whether there is such a table.
func (s *State) Has(n Name) bool { return s.tables[n] != nil }

// Table finds a table, or says that there is none.
func (s *State) Table(n Name) (*Table, error) {
	if t := s.tables[n]; t != nil {
		return t, nil
	}
	words := s.near(n.String(), s.names)
	return nil, s.refuse("TABLE_UNKNOWN", "there is no table %s here; give the files that make it, before this one%s", clip(n.String()), words)
}

func (s *State) names() []string {
	var out []string
	for n := range s.tables {
		out = append(out, n.String())
	}
	slices.Sort(out)
	return out
}

// near says what was perhaps meant. Comparing names is dear, and nobody reads
// the thousandth hint.
func (s *State) near(word string, known func() []string) string {
	const most = 100
	if s.missed++; s.missed > most {
		return ""
	}
	return fault.Suggest("", word, known())
}

// Column finds a column of a table, or says that there is none.
func (s *State) Column(t *Table, name string) (*Column, error) {
	s.looked += len(t.Columns)
	if i := t.Index(name); i >= 0 {
		return &t.Columns[i], nil
	}
	words := s.near(name, t.names)
	return nil, s.refuse("COLUMN_UNKNOWN", "the table %s has no column %s here; give the files that make it, before this one%s", clip(t.Name.String()), clip(name), words)
}

func (t *Table) names() []string {
	var out []string
	for _, c := range t.Columns {
		out = append(out, c.Name)
	}
	return out
}

// refuse says why a step is not done. To find that out is a step, too.
func (s *State) refuse(code, message string, args ...any) error {
	if err := s.spend(1); err != nil {
		return err
	}
	return fault.New(fault.Invalid, code, message, args...)
}

// taken says that what is to be made is there already.
func (s *State) taken(noun, name string, at Place) error {
	return s.refuse("ALREADY_THERE", "the %s %s is there already, since %s; drop it first, or write IF NOT EXISTS", noun, clip(name), at)
}

// clip shortens a name for a message.
func clip(s string) string { return fault.Cut(s, 140) }

func (n Name) compare(o Name) int {
	return cmp.Or(cmp.Compare(n.Schema, o.Schema), cmp.Compare(n.Table, o.Table))
}
