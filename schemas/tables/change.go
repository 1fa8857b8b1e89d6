package tables

import (
	"slices"
	"sync"
)

// Kind is what a change does.
type Kind string

// The kinds of change.
const (
	TableAdded    Kind = "TABLE_ADDED"
	TableDropped  Kind = "TABLE_DROPPED"
	TableRenamed  Kind = "TABLE_RENAMED"
	ColumnAdded   Kind = "COLUMN_ADDED"
	ColumnDropped Kind = "COLUMN_DROPPED"
	ColumnRenamed Kind = "COLUMN_RENAMED"
	TypeChanged   Kind = "TYPE_CHANGED"
	NullChanged   Kind = "NULL_CHANGED" // the column may be null, or may no longer
	DocChanged    Kind = "DOC_CHANGED"  // what is said of a table or column, tags included
	KeyAdded      Kind = "KEY_ADDED"
	KeyDropped    Kind = "KEY_DROPPED"
)

// Contracts reports whether somebody who reads the old tables may miss
// something in the new ones.
func (k Kind) Contracts() bool {
	return k == TableDropped || k == TableRenamed || k == ColumnDropped || k == ColumnRenamed || k == TypeChanged
}

// Change is one thing that is done to a table.
type Change struct {
	Kind   Kind   `json:"kind"`
	Table  Name   `json:"table"`           // its new name, where it is renamed
	Column string `json:"column,omitzero"` // its new name, where it is renamed; "" for the table itself
	From   string `json:"from,omitzero"`   // the name, type or key before
	To     string `json:"to,omitzero"`
	At     Place  `json:"at,omitzero"`
}

// piece is how many changes are logged beside one another.
const piece = 1024

func (s *State) did(k Kind, t Name, column, from, to string, at Place) {
	last := len(s.log) - 1
	switch {
	case last < 0:
		s.log, last = append(s.log, nil), 0
	case len(s.log[last]) == piece:
		s.log, last = append(s.log, make([]Change, 0, piece)), last+1
	}
	s.log[last] = append(s.log[last], Change{k, t, column, from, to, at})
}

// Diff says what lies between two states of one store: a table or a column of
// the new one that had its name before is the same, under a new name. Places
// are those of the new state.
func Diff(before, now *State) []Change {
	d := &difference{asked: map[deed][]int{}}
	gone := map[Name]bool{}
	for n := range before.tables {
		gone[n] = true
	}
	called := map[Name]Name{} // what tables are called now, by what they were
	for _, t := range now.tables {
		if was := before.Former(*t, now); was != nil {
			called[was.Name] = t.Name
		}
	}
	for _, t := range now.All() {
		was := before.Former(t, now)
		if was == nil {
			d.did(TableAdded, t.Name, "", "", "", t.At)
			continue
		}
		delete(gone, was.Name)
		if was.Name != t.Name {
			d.ask(TableRenamed, t.Name, "", was.Name.String(), t.Name.String(), t.At)
		}
		if was.Doc != t.Doc {
			d.did(DocChanged, t.Name, "", was.Doc, t.Doc, t.At)
		}
		d.keys(was, &t, called, d.columns(was, &t))
	}
	for _, t := range before.All() {
		if gone[t.Name] {
			d.ask(TableDropped, t.Name, "", "", "", Place{})
		}
	}
	return d.placed(now)
}

// difference is what lies between two states, as far as it is known.
type difference struct {
	all   []Change
	asked map[deed][]int // of which it is to be found out where they were done
}

// deed is something that is done to a table or a column, whenever.
type deed struct {
	kind   Kind
	table  Name
	column string
}

func (d *difference) did(k Kind, t Name, column, from, to string, at Place) {
	d.all = append(d.all, Change{k, t, column, from, to, at})
}

// ask notes a change that happened where it was last done, or else at a place.
func (d *difference) ask(k Kind, t Name, column, from, to string, otherwise Place) {
	is := deed{k, t, column}
	d.asked[is] = append(d.asked[is], len(d.all))
	d.did(k, t, column, from, to, otherwise)
}

// placed has every change say where it was last done, by the log from its end.
func (d *difference) placed(now *State) []Change {
	for _, some := range slices.Backward(now.log) {
		for _, c := range slices.Backward(some) {
			if len(d.asked) == 0 {
				return d.all
			}
			is := deed{c.Kind, c.Table, c.Column}
			for _, i := range d.asked[is] {
				d.all[i].At = c.At
			}
			delete(d.asked, is)
		}
	}
	return d.all
}

// Former finds what a table of a later state was in this one: by its name, else
// by one that it had and that no other has now; nil if it was not there.
func (s *State) Former(t Table, now *State) *Table {
	if was := s.tables[t.Name]; was != nil {
		return was
	}
	for _, n := range t.Former {
		if was := s.tables[n]; was != nil && now.tables[n] == nil {
			return was
		}
	}
	return nil
}

// columns says what became of columns, and what they are called now, by what
// they were.
func (d *difference) columns(was, t *Table) (called map[string]string) {
	called = make(map[string]string, len(was.Columns))
	before, now := was.byName(), sync.OnceValue(t.byName)
	for _, c := range t.Columns {
		old := before.former(c, now)
		if old == nil {
			d.did(ColumnAdded, t.Name, c.Name, "", c.Type, c.At)
			continue
		}
		called[old.Name] = c.Name
		if old.Name != c.Name {
			d.did(ColumnRenamed, t.Name, c.Name, old.Name, c.Name, c.At)
		}
		if old.Type != c.Type {
			d.did(TypeChanged, t.Name, c.Name, old.Type, c.Type, c.At)
		}
		if old.Nullable != c.Nullable {
			d.did(NullChanged, t.Name, c.Name, nullness(old.Nullable), nullness(c.Nullable), c.At)
		}
		if old.Doc != c.Doc {
			d.did(DocChanged, t.Name, c.Name, old.Doc, c.Doc, c.At)
		}
	}
	for _, c := range was.Columns {
		if _, stays := called[c.Name]; !stays {
			d.ask(ColumnDropped, t.Name, c.Name, c.Type, "", t.At)
		}
	}
	return called
}

// named are columns by their names: a collection may have ten thousand.
type named map[string]*Column

func (t *Table) byName() named {
	out := make(named, len(t.Columns))
	for i := range t.Columns {
		out[t.Columns[i].Name] = &t.Columns[i]
	}
	return out
}

// former finds what a column was, nil if it was not there: by its name, else by one
// that it had and that no other has now.
func (n named) former(c Column, now func() named) *Column {
	if was := n[c.Name]; was != nil {
		return was
	}
	for _, name := range c.Former {
		if was := n[name]; was != nil && now()[name] == nil {
			return was
		}
	}
	return nil
}

// keys says which keys were added and dropped. One whose columns, or whose other
// table, have new names is the same.
func (d *difference) keys(was, t *Table, tables map[Name]Name, columns map[string]string) {
	before := slices.Clone(was.Keys)
	for i := range before {
		before[i] = before[i].called(tables, columns)
	}
	old, now := bearings(before), bearings(t.Keys)
	for _, k := range t.Keys {
		if !old[k.bearing()] {
			d.ask(KeyAdded, t.Name, "", "", k.String(), t.At)
		}
	}
	for i, k := range was.Keys {
		if !now[before[i].bearing()] {
			d.ask(KeyDropped, t.Name, "", k.String(), "", t.At)
		}
	}
}

// called is a key with the names that its columns, and the table that it leads
// to, have now.
func (k Key) called(tables map[Name]Name, columns map[string]string) Key {
	k.Columns = slices.Clone(k.Columns)
	for i, c := range k.Columns {
		if now, ok := columns[c]; ok {
			k.Columns[i] = now
		}
	}
	if now, ok := tables[k.To]; ok {
		k.To = now
	}
	return k
}

func nullness(nullable bool) string {
	if nullable {
		return "NULL"
	}
	return "NOT NULL"
}
