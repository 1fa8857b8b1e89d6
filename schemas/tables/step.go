package tables

import (
	"maps"
	"slices"

	"github.com/flowmart/lethe/internal/fault"
)

// Create makes a table.
func (s *State) Create(t Table) error {
	if old := s.tables[t.Name]; old != nil {
		return s.taken("table", t.Name.String(), old.At)
	}
	if len(s.tables) >= mostTables {
		return fault.New(fault.TooLarge, TooLarge, "there are more than %d tables here at once; describe a part of them as another store", mostTables)
	}
	steps := 1 + len(t.Parents)
	for _, c := range t.Columns {
		steps += c.Size()
	}
	if err := s.spend(steps); err != nil {
		return err
	}
	s.tables[t.Name] = &t
	s.count(&t, 1)
	s.did(TableAdded, t.Name, "", "", "", t.At)
	return nil
}

// Drop takes a table away, with its partitions and what leads to it.
func (s *State) Drop(n Name, at Place) error {
	if _, err := s.Table(n); err != nil {
		return err
	}
	if err := s.spend(1); err != nil {
		return err
	}
	gone := map[Name]bool{}
	for _, t := range s.heirs(s.tables[n]) {
		gone[t.Name] = true
		s.count(t, -1)
		delete(s.tables, t.Name)
		s.did(TableDropped, t.Name, "", "", "", at)
	}
	s.dropKeysTo(gone, func(k Key) bool { return k.Kind == Foreign }, at)
	return nil
}

// links are the tables that lead to one, and how often each does.
type links map[Name]map[*Table]int

// count notes that a table leads to another once more, or (-1) once less.
func (l links) count(to Name, t *Table, by int) {
	if to == (Name{}) {
		return
	}
	if l[to] == nil {
		l[to] = map[*Table]int{}
	}
	if l[to][t] += by; l[to][t] == 0 {
		delete(l[to], t)
	}
	if len(l[to]) == 0 {
		delete(l, to)
	}
}

// to lists the tables that lead to any of some, each once, by name.
func (l links) to(some ...Name) []*Table {
	var out []*Table
	for _, n := range some {
		out = slices.AppendSeq(out, maps.Keys(l[n]))
	}
	slices.SortFunc(out, func(a, b *Table) int { return a.Name.compare(b.Name) })
	return slices.Compact(out)
}

// below lists the partitions and heirs of a table.
func (s *State) below(n Name) []*Table {
	const dear = 4 // times a look: they are in no order
	s.looked += dear * len(s.kin[n])
	return s.kin.to(n)
}

// Lead changes which tables a table is a partition or an heir of.
func (s *State) Lead(n Name, change func(*Table)) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	if err := s.spend(1 + len(t.Parents)); err != nil {
		return err
	}
	s.looked += len(t.Columns)
	s.count(t, -1)
	change(t)
	s.count(t, 1)
	return nil
}

// mostFormer is how many names a table or a column is remembered by: those of
// between two pushes count, in which hardly anything is renamed twice.
const mostFormer = 20

// remembered puts a name before those that something had earlier.
func remembered[T any](name T, earlier []T) []T {
	all := make([]T, 1+min(len(earlier), mostFormer-1))
	all[0] = name
	copy(all[1:], earlier)
	return all
}

// Rename gives a table another name, or another schema.
func (s *State) Rename(n, to Name, at Place) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	if old := s.tables[to]; old != nil {
		return s.taken("table", to.String(), old.At)
	}
	s.looked += len(t.Keys)
	for _, k := range t.Keys {
		if k.Kind != Foreign && to.Schema != n.Schema && s.Used(Name{to.Schema, k.Name}) {
			return s.taken("index", to.Schema+"."+k.Name, t.At)
		}
	}
	if err := s.spend(1 + len(s.kin[n]) + len(s.keyed[n])); err != nil {
		return err
	}
	s.count(t, -1)
	delete(s.tables, n)
	t.Former = remembered(n, t.Former)
	t.Name, t.At = to, at
	s.tables[to] = t
	s.count(t, 1)
	for _, led := range []links{s.kin, s.keyed} {
		for _, o := range led.to(n) {
			s.looked += counted * (len(o.Parents) + len(o.Keys))
			o.follow(n, to)
			led.count(to, o, led[n][o])
		}
		delete(led, n)
	}
	s.did(TableRenamed, to, "", n.String(), to.String(), at)
	return nil
}

// follow has a table lead to another under its new name.
func (t *Table) follow(n, to Name) {
	if t.PartOf == n {
		t.PartOf = to
	}
	for i, p := range t.Parents {
		if p == n {
			t.Parents[i] = to
		}
	}
	for i := range t.Keys {
		if t.Keys[i].To == n {
			t.Keys[i].To = to
		}
	}
}

// heirs are the tables that have a table's columns as their own, itself first.
func (s *State) heirs(t *Table) []*Table {
	out := []*Table{t}
	if len(s.kin[t.Name]) == 0 {
		return out
	}
	met := map[*Table]bool{t: true}
	for i := 0; i < len(out); i++ {
		for _, o := range s.below(out[i].Name) {
			if !met[o] {
				met[o], out = true, append(out, o)
			}
		}
	}
	return out
}

// AddColumn adds a column to a table and its heirs.
func (s *State) AddColumn(n Name, c Column) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	s.looked += len(t.Columns)
	if i := t.Index(c.Name); i >= 0 {
		return s.taken("column", n.String()+"."+c.Name, t.Columns[i].At)
	}
	heirs := s.heirs(t)
	if err := s.spend(len(heirs) * c.Size()); err != nil {
		return err
	}
	for _, h := range heirs {
		s.looked += len(h.Columns)
		if h.Index(c.Name) >= 0 {
			continue // an heir's own column and the inherited one become one
		}
		c.Inherited = h != t
		h.Columns = append(h.Columns, c)
		s.did(ColumnAdded, h.Name, c.Name, "", c.Type, c.At)
	}
	return nil
}

// DropColumn takes a column away, with every key it is part of.
func (s *State) DropColumn(n Name, column string, at Place) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	if _, err := s.Column(t, column); err != nil {
		return err
	}
	if err := s.spend(0); err != nil {
		return err
	}
	lost := map[Name]bool{}
	s.dropColumn(t, column, at, lost)
	s.dropKeysTo(lost, func(k Key) bool { return slices.Contains(k.ToColumns, column) }, at)
	return nil
}

// dropColumn takes a column from a table and from those that have it from there
// alone, and notes which lost it.
func (s *State) dropColumn(t *Table, column string, at Place, lost map[Name]bool) {
	s.spent++
	s.looked += copiedColumn*len(t.Columns) + copied*len(t.indexes)
	i := t.Index(column)
	was := t.Columns[i].Type
	t.Columns = slices.Delete(t.Columns, i, i+1)
	lost[t.Name] = true
	s.did(ColumnDropped, t.Name, column, was, "", at)
	has := func(k Key) bool { return slices.Contains(k.Columns, column) }
	s.dropKeys(t, has, at)
	t.indexes = slices.DeleteFunc(t.indexes, has)
	for _, h := range s.below(t.Name) {
		i := h.Index(column)
		if i >= 0 && h.Columns[i].Inherited && !s.inherits(h, column) {
			s.dropColumn(h, column, at, lost)
		}
	}
}

// inherits reports whether a parent of a table has a column.
func (s *State) inherits(t *Table, column string) bool {
	return slices.ContainsFunc(t.Parents, func(n Name) bool {
		s.looked += copied
		p := s.tables[n]
		if p == nil {
			return false
		}
		s.looked += len(p.Columns)
		return p.Index(column) >= 0
	})
}

// RenameColumn gives a column another name.
func (s *State) RenameColumn(n Name, column, to string, at Place) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	if _, err := s.Column(t, column); err != nil {
		return err
	}
	heirs := s.heirs(t)
	for _, h := range heirs {
		s.looked += 2 * len(h.Columns)
		if i := h.Index(to); i >= 0 {
			return s.taken("column", h.Name.String()+"."+to, h.Columns[i].At)
		}
	}
	if err := s.spend(len(heirs)); err != nil {
		return err
	}
	renamed := map[Name]bool{}
	for _, h := range heirs {
		i := h.Index(column)
		if i < 0 {
			continue
		}
		renamed[h.Name] = true
		c := &h.Columns[i]
		c.Former = remembered(column, c.Former)
		c.Name, c.At = to, at
		s.looked += len(h.Keys) + len(h.indexes)
		for _, k := range h.Keys {
			replace(k.Columns, column, to)
		}
		for _, k := range h.indexes {
			replace(k.Columns, column, to)
		}
		s.did(ColumnRenamed, h.Name, to, column, to, at)
	}
	for _, o := range s.keyed.to(slices.Collect(maps.Keys(renamed))...) {
		s.looked += len(o.Keys)
		for _, k := range o.Keys {
			if renamed[k.To] {
				replace(k.ToColumns, column, to)
			}
		}
	}
	return nil
}

func replace(names []string, from, to string) {
	for i, n := range names {
		if n == from {
			names[i] = to
		}
	}
}

// Retype gives a column another type: that of c.
func (s *State) Retype(n Name, column string, c Column) error {
	if err := s.spend(c.Size()); err != nil {
		return err
	}
	return s.edit(n, column, func(h *Table, old *Column) {
		was := old.Type
		old.Type, old.Base, old.Opaque, old.Within, old.List, old.At = c.Type, c.Base, c.Opaque, c.Within, c.List, c.At
		if was != c.Type {
			s.did(TypeChanged, h.Name, column, was, c.Type, c.At)
		}
	})
}

// SetNullable says whether a column may be null.
func (s *State) SetNullable(n Name, column string, nullable bool, at Place) error {
	return s.edit(n, column, func(h *Table, c *Column) {
		if c.Nullable == nullable {
			return
		}
		s.did(NullChanged, h.Name, column, nullness(c.Nullable), nullness(nullable), at)
		c.Nullable, c.At = nullable, at
	})
}

// edit changes a column of a table and its heirs.
func (s *State) edit(n Name, column string, change func(*Table, *Column)) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	if _, err := s.Column(t, column); err != nil {
		return err
	}
	heirs := s.heirs(t)
	if err := s.spend(len(heirs)); err != nil {
		return err
	}
	for _, h := range heirs {
		s.looked += len(h.Columns)
		if i := h.Index(column); i >= 0 {
			change(h, &h.Columns[i])
		}
	}
	return nil
}

// Describe sets what is said of a table, or of a column of it. An heir's
// columns are described by themselves.
func (s *State) Describe(n Name, column, doc string, at Place) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	said := &t.Doc
	if column != "" {
		c, err := s.Column(t, column)
		if err != nil {
			return err
		}
		said, c.At = &c.Doc, at
	}
	if err := s.spend(1); err != nil {
		return err
	}
	if *said != doc {
		s.did(DocChanged, n, column, *said, doc, at)
		*said = doc
	}
	return nil
}
