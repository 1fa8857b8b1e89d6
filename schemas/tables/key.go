package tables

import (
	"cmp"
	"fmt"
	"maps"
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

// bearing is what a key says, whatever it is called.
func (k Key) bearing() string {
	return strings.Join(append([]string{string(k.Kind), k.To.Schema, k.To.Table}, k.Columns...), "\x00")
}

func bearings(keys []Key) map[string]bool {
	out := make(map[string]bool, len(keys))
	for _, k := range keys {
		out[k.bearing()] = true
	}
	return out
}

// mostKeys bounds the keys of a table, each of which is compared with the others.
const mostKeys = 1_000

// Within refuses keys that are too many for a table, or too wide.
func Within(keys []Key) error {
	if len(keys) > mostKeys {
		return tooManyKeys()
	}
	for _, k := range keys {
		if err := cmp.Or(narrow(k.Columns), narrow(k.ToColumns)); err != nil {
			return err
		}
	}
	return nil
}

func tooManyKeys() error {
	return fault.New(fault.TooLarge, TooLarge, "a table has at most %d keys; take those away that say the same", mostKeys)
}

// mostKeyColumns is how many columns a key or an index of PostgreSQL has at most
// (manual, appendix K, Limits).
const mostKeyColumns = 32

func narrow(columns []string) error {
	if len(columns) > mostKeyColumns {
		return fault.New(fault.Invalid, "KEY_TOO_WIDE", "a key and a unique index have at most %d columns; name those that tell the rows apart", mostKeyColumns)
	}
	return nil
}

// How many looks it is worth to copy a key, and a column, which has more to it, and
// to count a key, or a parent.
const (
	copied       = 8
	copiedColumn = 24
	counted      = 16
)

// AddKey adds a key. What a primary key is of may not be null.
func (s *State) AddKey(n Name, k Key, at Place) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	if err := narrow(k.Columns); err != nil {
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
	s.looked += len(t.Keys)
	if slices.ContainsFunc(t.Keys, func(o Key) bool { return o.Name == k.Name }) {
		return s.taken("constraint", k.Name, t.At)
	}
	if k.Kind != Foreign && s.Used(Name{n.Schema, k.Name}) {
		return s.taken("index", n.Schema+"."+k.Name, t.At)
	}
	if len(t.Keys) >= mostKeys {
		return tooManyKeys()
	}
	if err := s.spend(1); err != nil {
		return err
	}
	t.Keys = append(t.Keys, k)
	s.countKey(t, k, 1)
	s.did(KeyAdded, n, "", "", k.String(), at)
	return nil
}

// Index notes a unique index of a table, which may become a key later on.
func (s *State) Index(n Name, name string, columns []string) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	if err := narrow(columns); err != nil {
		return err
	}
	if len(t.indexes) >= mostKeys {
		return fault.New(fault.TooLarge, TooLarge, "a table has at most %d unique indexes; take those away that say the same", mostKeys)
	}
	s.looked += copied * len(t.indexes)
	t.indexes = slices.DeleteFunc(t.indexes, func(k Key) bool { return k.Name == name })
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

// HasIndex reports whether a key or a unique index of the table has a name.
func (t *Table) HasIndex(name string) bool {
	called := func(k Key) bool { return k.Name == name }
	return slices.ContainsFunc(t.Keys, called) || slices.ContainsFunc(t.indexes, called)
}

// RenameKey gives a key or a unique index of a table another name, if it has
// such a one.
func (s *State) RenameKey(n Name, from, to string) error {
	t, err := s.Table(n)
	if err != nil {
		return err
	}
	if err := s.spend(1); err != nil {
		return err
	}
	s.looked += len(t.Keys) + len(t.indexes)
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
	if err := s.spend(1); err != nil {
		return false, err
	}
	return s.dropKeys(t, func(k Key) bool { return k.Name == name }, at), nil
}

func (s *State) dropKeys(t *Table, which func(Key) bool, at Place) (found bool) {
	s.looked += copied * len(t.Keys)
	t.Keys = slices.DeleteFunc(t.Keys, func(k Key) bool {
		if !which(k) {
			return false
		}
		found = true
		s.countKey(t, k, -1)
		s.did(KeyDropped, t.Name, "", k.String(), "", at)
		return true
	})
	return found
}

// dropKeysTo takes away keys that lead to some tables.
func (s *State) dropKeysTo(gone map[Name]bool, which func(Key) bool, at Place) {
	for _, t := range s.keyed.to(slices.Collect(maps.Keys(gone))...) {
		s.dropKeys(t, func(k Key) bool { return gone[k.To] && which(k) }, at)
	}
}
