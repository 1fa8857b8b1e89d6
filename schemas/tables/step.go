package tables

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
)

// String writes a key as SQL does, without its name.
func (k Key) String() string {
	s := fmt.Sprintf("%s KEY (%s)", k.Kind, strings.Join(k.Columns, ", "))
	if k.Kind == Unique {
		s = fmt.Sprintf("UNIQUE (%s)", strings.Join(k.Columns, ", "))
	}
	if k.Kind == Foreign {
		s += " TO " + k.To.String()
	}
	return s
}

// Create makes a table.
func (s *State) Create(t Table) error {
	if old := s.tables[t.Name]; old != nil {
		return taken("table", t.Name.String(), old.At)
	}
	if len(s.tables) >= mostTables {
		return fault.New(fault.TooLarge, TooLarge, "there are more than %d tables here at once; describe a part of them as another store", mostTables)
	}
	steps := 1
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
	s.drop(n, at)
	return nil
}

func (s *State) drop(n Name, at Place) {
	t := s.tables[n]
	if t == nil {
		return // an heir by two ways went by the first
	}
	s.count(t, -1)
	delete(s.tables, n)
	s.did(TableDropped, n, "", "", "", at)
	for _, t := range s.where(func(t *Table) bool { return t.PartOf == n || slices.Contains(t.Parents, n) }) {
		s.drop(t.Name, at)
	}
	s.dropKeysOfAll(func(k Key) bool { return k.Kind == Foreign && k.To == n }, at)
}

// where lists some tables by name.
func (s *State) where(is func(*Table) bool) []*Table {
	var out []*Table
	for _, t := range s.tables {
		if is(t) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *Table) int { return a.Name.compare(b.Name) })
	return out
}

// dropKeysOfAll takes keys away wherever they are.
func (s *State) dropKeysOfAll(which func(Key) bool, at Place) {
	for _, t := range s.where(func(t *Table) bool { return slices.ContainsFunc(t.Keys, which) }) {
		s.dropKeys(t, which, at)
	}
}

// Rename gives a table another name, or another schema.
func (s *State) Rename(n, to Name, at Place) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	if old := s.tables[to]; old != nil {
		return taken("table", to.String(), old.At)
	}
	for _, k := range t.Keys {
		if k.Kind != Foreign && to.Schema != n.Schema && s.Used(Name{to.Schema, k.Name}) {
			return taken("index", to.Schema+"."+k.Name, t.At)
		}
	}
	if err := s.spend(1); err != nil {
		return err
	}
	s.count(t, -1)
	delete(s.tables, n)
	t.Former = append([]Name{n}, t.Former...)
	t.Name, t.At = to, at
	s.tables[to] = t
	s.count(t, 1)
	for _, o := range s.tables {
		o.follow(n, to)
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
	for i := 0; i < len(out); i++ {
		of := out[i].Name
		out = append(out, s.where(func(o *Table) bool {
			return (o.PartOf == of || slices.Contains(o.Parents, of)) && !slices.Contains(out, o)
		})...)
	}
	return out
}

// AddColumn adds a column to a table and its heirs.
func (s *State) AddColumn(n Name, c Column) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	if i := t.Index(c.Name); i >= 0 {
		return taken("column", n.String()+"."+c.Name, t.Columns[i].At)
	}
	heirs := s.heirs(t)
	if err := s.spend(len(heirs) * c.Size()); err != nil {
		return err
	}
	for _, h := range heirs {
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
	s.dropColumn(t, column, at)
	return nil
}

// dropColumn takes a column from a table and from those that have it from there
// alone.
func (s *State) dropColumn(t *Table, column string, at Place) {
	i := t.Index(column)
	was := t.Columns[i].Type
	t.Columns = slices.Delete(slices.Clone(t.Columns), i, i+1)
	s.did(ColumnDropped, t.Name, column, was, "", at)
	has := func(k Key) bool { return slices.Contains(k.Columns, column) }
	s.dropKeys(t, has, at)
	t.indexes = slices.DeleteFunc(slices.Clone(t.indexes), has)
	s.dropKeysOfAll(func(k Key) bool { return k.To == t.Name && slices.Contains(k.ToColumns, column) }, at)
	for _, h := range s.where(func(o *Table) bool { return o.PartOf == t.Name || slices.Contains(o.Parents, t.Name) }) {
		i := h.Index(column)
		if i < 0 || !h.Columns[i].Inherited {
			continue
		}
		if !slices.ContainsFunc(h.Parents, func(n Name) bool { return s.tables[n] != nil && s.tables[n].Index(column) >= 0 }) {
			s.dropColumn(h, column, at)
		}
	}
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
		if i := h.Index(to); i >= 0 {
			return taken("column", h.Name.String()+"."+to, h.Columns[i].At)
		}
	}
	if err := s.spend(len(heirs)); err != nil {
		return err
	}
	for _, h := range heirs {
		i := h.Index(column)
		if i < 0 {
			continue
		}
		c := &h.Columns[i]
		c.Former = append([]string{column}, c.Former...)
		c.Name, c.At = to, at
		for _, k := range slices.Concat(h.Keys, h.indexes) {
			replace(k.Columns, column, to)
		}
		for _, o := range s.tables {
			for _, k := range o.Keys {
				if k.To == h.Name {
					replace(k.ToColumns, column, to)
				}
			}
		}
		s.did(ColumnRenamed, h.Name, to, column, to, at)
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

// mostKeys bounds the keys of a table, each of which is compared with the others.
const mostKeys = 1_000

// AddKey adds a key. What a primary key is of may not be null.
func (s *State) AddKey(n Name, k Key, at Place) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	for i, column := range k.Columns {
		if k.Kind != Foreign && slices.Contains(k.Columns[:i], column) {
			return fault.New(fault.Invalid, "COLUMN_TWICE", "the key names the column %s twice; name it once", clip(column))
		}
		if _, err := s.Column(t, column); err != nil && !t.Open {
			return err
		}
		if k.Kind == Primary && t.Index(column) >= 0 {
			if err := s.SetNullable(n, column, false, at); err != nil {
				return err
			}
		}
	}
	if slices.ContainsFunc(t.Keys, func(o Key) bool { return o.Name == k.Name }) {
		return taken("constraint", k.Name, t.At)
	}
	if k.Kind != Foreign && s.Used(Name{n.Schema, k.Name}) {
		return taken("index", n.Schema+"."+k.Name, t.At)
	}
	if len(t.Keys) >= mostKeys {
		return fault.New(fault.TooLarge, TooLarge, "a table has at most %d keys; take those away that say the same", mostKeys)
	}
	if err := s.spend(1); err != nil {
		return err
	}
	t.Keys = append(t.Keys, k)
	s.named[Name{n.Schema, k.Name}]++
	s.did(KeyAdded, n, "", "", k.String(), at)
	return nil
}

// Index notes a unique index of a table, which may become a key later on.
func (s *State) Index(n Name, name string, columns []string) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	if len(t.indexes) >= mostKeys {
		return fault.New(fault.TooLarge, TooLarge, "a table has at most %d unique indexes; take those away that say the same", mostKeys)
	}
	t.indexes = slices.DeleteFunc(slices.Clone(t.indexes), func(k Key) bool { return k.Name == name })
	t.indexes = append(t.indexes, Key{Name: name, Kind: Unique, Columns: columns})
	return s.spend(1)
}

// Indexed finds the columns of a unique index, nil if the table has no such.
func (t *Table) Indexed(name string) []string {
	for _, k := range t.indexes {
		if k.Name == name {
			return k.Columns
		}
	}
	return nil
}

// RenameKey gives a key or a unique index of a table another name, if it has
// such a one.
func (s *State) RenameKey(n Name, from, to string) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	for i := range t.Keys {
		if t.Keys[i].Name == from {
			s.named[Name{n.Schema, from}]--
			t.Keys[i].Name = to
			s.named[Name{n.Schema, to}]++
		}
	}
	for i := range t.indexes {
		if t.indexes[i].Name == from {
			t.indexes[i].Name = to
		}
	}
	return nil
}

// DropKey takes a key away by its name, and reports whether there was one.
func (s *State) DropKey(n Name, name string, at Place) (found bool, err error) {
	t, err := s.Table(n)
	if err != nil {
		return false, err
	}
	return s.dropKeys(t, func(k Key) bool { return k.Name == name }, at), nil
}

func (s *State) dropKeys(t *Table, which func(Key) bool, at Place) (found bool) {
	t.Keys = slices.DeleteFunc(slices.Clone(t.Keys), func(k Key) bool {
		if !which(k) {
			return false
		}
		found = true
		s.named[Name{t.Name.Schema, k.Name}]--
		s.did(KeyDropped, t.Name, "", k.String(), "", at)
		return true
	})
	return found
}
