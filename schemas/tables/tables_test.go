package tables_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flowmart/lethe/schemas/tables"
)

func at(line int) tables.Place { return tables.Place{File: "f.sql", Line: line, Column: 1} }

func table(name string, columns ...string) tables.Table {
	t := tables.Table{Name: tables.Name{Schema: "public", Table: name}}
	for _, c := range columns {
		t.Columns = append(t.Columns, tables.Column{Name: c, Type: "int"})
	}
	return t
}

// told writes changes in short.
func told(all []tables.Change) string {
	var out []string
	for _, c := range all {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", c.Kind, c.Table, c.Column, c.From, c.To)))
	}
	return strings.Join(out, "; ")
}

// What lies between two states, by hand: what had its name before is the same.
func TestDiff(t *testing.T) {
	t.Parallel()
	name := func(s string) tables.Name { return tables.Name{Schema: "public", Table: s} }
	for _, c := range []struct {
		what string
		do   func(s *tables.State) error
		want string
	}{
		{"nothing", func(*tables.State) error { return nil }, ""},
		{"a column renamed", func(s *tables.State) error { return s.RenameColumn(name("a"), "x", "y", at(1)) }, "COLUMN_RENAMED public.a y x y"},
		{"renamed twice", func(s *tables.State) error {
			_ = s.RenameColumn(name("a"), "x", "y", at(1))
			return s.RenameColumn(name("a"), "y", "z", at(2))
		}, "COLUMN_RENAMED public.a z x z"},
		{"renamed there and back", func(s *tables.State) error {
			_ = s.RenameColumn(name("a"), "x", "y", at(1))
			return s.RenameColumn(name("a"), "y", "x", at(2))
		}, ""},
		{"renamed, and another in its place", func(s *tables.State) error {
			_ = s.RenameColumn(name("a"), "x", "y", at(1))
			return s.AddColumn(name("a"), tables.Column{Name: "x", Type: "text"})
		}, "COLUMN_ADDED public.a y  int; TYPE_CHANGED public.a x int text"},
		{"dropped and made anew", func(s *tables.State) error {
			_ = s.DropColumn(name("a"), "x", at(1))
			return s.AddColumn(name("a"), tables.Column{Name: "x", Type: "text"})
		}, "TYPE_CHANGED public.a x int text"},
		{"a table renamed, with a column", func(s *tables.State) error {
			_ = s.Rename(name("a"), name("c"), at(1))
			return s.RenameColumn(name("c"), "id", "key", at(2))
		}, "TABLE_RENAMED public.c  public.a public.c; COLUMN_RENAMED public.c key id key"},
		{"a table dropped, and one made", func(s *tables.State) error {
			_ = s.Drop(name("a"), at(1))
			return s.Create(table("c", "id"))
		}, "TABLE_ADDED public.c; TABLE_DROPPED public.a"},
		{"a primary key is never null", func(s *tables.State) error {
			return s.AddKey(name("b"), tables.Key{Name: "k", Kind: tables.Primary, Columns: []string{"id"}}, at(1))
		}, "KEY_ADDED public.b   PRIMARY KEY (id)"},
		{"a key, by other names", func(s *tables.State) error {
			_ = s.RenameColumn(name("keyed"), "x", "y", at(1))
			return s.Rename(name("b"), name("c"), at(2))
		}, "TABLE_RENAMED public.c  public.b public.c; COLUMN_RENAMED public.keyed y x y"},
		{"a key of other columns, and to another table", func(s *tables.State) error {
			_, _ = s.DropKey(name("keyed"), "leads", at(1))
			_, _ = s.DropKey(name("keyed"), "once", at(1))
			_ = s.AddKey(name("keyed"), tables.Key{Name: "once", Kind: tables.Unique, Columns: []string{"id"}}, at(2))
			return s.AddKey(name("keyed"), tables.Key{Name: "leads", Kind: tables.Foreign, Columns: []string{"x"}, To: name("keyed")}, at(2))
		}, "KEY_ADDED public.keyed   UNIQUE (id); KEY_ADDED public.keyed   FOREIGN KEY (x) TO public.keyed; KEY_DROPPED public.keyed  UNIQUE (x); KEY_DROPPED public.keyed  FOREIGN KEY (x) TO public.b"},
		{"nulls, words", func(s *tables.State) error {
			_ = s.SetNullable(name("b"), "id", true, at(1))
			_ = s.Describe(name("b"), "", "B.", at(2))
			return s.Describe(name("b"), "id", "Number.", at(2))
		}, "DOC_CHANGED public.b   B.; NULL_CHANGED public.b id NOT NULL NULL; DOC_CHANGED public.b id  Number."},
	} {
		before, now := tables.New(), tables.New()
		for _, s := range []*tables.State{before, now} {
			if err := s.Create(table("a", "id", "x")); err != nil {
				t.Fatal(err)
			}
			if err := s.Create(table("b", "id")); err != nil {
				t.Fatal(err)
			}
			if err := s.Create(table("keyed", "id", "x")); err != nil {
				t.Fatal(err)
			}
			for _, k := range []tables.Key{{Name: "once", Kind: tables.Unique, Columns: []string{"x"}}, {Name: "leads", Kind: tables.Foreign, Columns: []string{"x"}, To: name("b")}} {
				if err := s.AddKey(name("keyed"), k, at(0)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := c.do(now); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if got := told(tables.Diff(before, now)); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// After any steps the differences to the state before account for every table
// and column there is now and was then; a state that was written down and read
// again is the same.
func TestDiffAccountsForEverything(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c", "d"}
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 7))
		pick := func() tables.Name { return tables.Name{Schema: "public", Table: names[r.IntN(4)]} }
		column := func() string { return []string{"x", "y", "z"}[r.IntN(3)] }
		step := func(s *tables.State, line int) {
			switch r.IntN(6) { // one that cannot be made changes nothing
			case 0:
				_ = s.Create(table(names[r.IntN(4)], "x", "y"))
			case 1:
				_ = s.Drop(pick(), at(line))
			case 2:
				_ = s.Rename(pick(), pick(), at(line))
			case 3:
				_ = s.AddColumn(pick(), tables.Column{Name: column(), Type: "int"})
			case 4:
				_ = s.DropColumn(pick(), column(), at(line))
			case 5:
				_ = s.RenameColumn(pick(), column(), column(), at(line))
			}
		}
		s := tables.New()
		for i := range 12 {
			step(s, i)
		}
		raw, err := json.Marshal(s.All())
		if err != nil {
			t.Fatal(err)
		}
		var kept []tables.Table
		if err := json.Unmarshal(raw, &kept); err != nil || len(kept) != len(s.All()) || len(kept) > 0 && !reflect.DeepEqual(kept, s.All()) {
			t.Fatalf("seed %d: %v\n%+v\n%+v", seed, err, kept, s.All())
		}
		before := tables.Of(kept)
		for i := range 12 {
			step(s, 100+i)
		}
		if got, want := accounted(before, s), columnsOf(s); !slices.Equal(got, want) {
			t.Errorf("seed %d: %v\naccount for %q, want %q", seed, told(tables.Diff(before, s)), got, want)
		}
	}
}

func columnsOf(s *tables.State) []string {
	out := []string{}
	for _, t := range s.All() {
		out = append(out, t.Name.String())
		for _, c := range t.Columns {
			out = append(out, t.Name.String()+"."+c.Name)
		}
	}
	slices.Sort(out)
	return out
}

// accounted applies differences to the names of a state.
func accounted(before, now *tables.State) []string {
	diff := tables.Diff(before, now)
	has := map[string]string{} // name now → name before
	for _, name := range columnsOf(before) {
		has[name] = name
	}
	gone, come := map[string]bool{}, map[string]bool{}
	renamed := map[string]string{} // table before → now
	for _, c := range diff {
		if c.Kind == tables.TableRenamed {
			renamed[c.From] = c.To
		}
	}
	old := func(n tables.Name) string {
		for from, to := range renamed {
			if to == n.String() {
				return from
			}
		}
		return n.String()
	}
	added := map[string]bool{}
	for _, c := range diff {
		n := c.Table.String()
		switch c.Kind {
		case tables.TableAdded:
			added[n] = true
		case tables.TableDropped:
			for name := range has {
				if name == n || strings.HasPrefix(name, n+".") {
					gone[name] = true
				}
			}
		case tables.TableRenamed:
		case tables.ColumnAdded:
			come[n+"."+c.Column] = true
		case tables.ColumnDropped:
			gone[old(c.Table)+"."+c.Column] = true
		case tables.ColumnRenamed:
			gone[old(c.Table)+"."+c.From] = true
			come[n+"."+c.To] = true
		}
	}
	out := map[string]bool{}
	for name := range has {
		if gone[name] {
			continue
		}
		head, rest, _ := strings.Cut(strings.TrimPrefix(name, "public."), ".")
		is := "public." + head
		if to, ok := renamed[is]; ok {
			is = to
		}
		if rest != "" {
			is += "." + rest
		}
		out[is] = true
	}
	for name := range come {
		out[name] = true
	}
	for _, name := range columnsOf(now) { // a table that is added comes with its columns
		table, _, _ := strings.Cut(strings.TrimPrefix(name, "public."), ".")
		if added["public."+table] {
			out[name] = true
		}
	}
	list := []string{}
	for name := range out {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// A table and a column are remembered by the names they had last, and by no more
// of them than anybody looks for: of a script that renames for ever nothing else
// would be left.
func TestFormerNamesAreFew(t *testing.T) {
	t.Parallel()
	s := tables.Of([]tables.Table{table("t0", "c0")})
	for i := range 1000 {
		from, to := tables.Name{Schema: "public", Table: fmt.Sprintf("t%d", i)}, tables.Name{Schema: "public", Table: fmt.Sprintf("t%d", i+1)}
		if err := s.Rename(from, to, at(i)); err != nil {
			t.Fatal(err)
		}
		if err := s.RenameColumn(to, fmt.Sprintf("c%d", i), fmt.Sprintf("c%d", i+1), at(i)); err != nil {
			t.Fatal(err)
		}
	}
	got := s.All()[0]
	if len(got.Former) != 20 || got.Former[0].Table != "t999" || got.Former[19].Table != "t980" {
		t.Errorf("%d former names: %v", len(got.Former), got.Former)
	}
	if former := got.Columns[0].Former; len(former) != 20 || former[0] != "c999" || former[19] != "c980" {
		t.Errorf("%d former names: %v", len(former), former)
	}
}

// A long name is cut between letters, not within one.
func TestLongName(t *testing.T) {
	t.Parallel()
	_, err := tables.New().Table(tables.Name{Table: "x" + strings.Repeat("ä", 100)})
	if err == nil || !utf8.ValidString(err.Error()) || !strings.Contains(err.Error(), "ä…") {
		t.Errorf("%q", err)
	}
}
