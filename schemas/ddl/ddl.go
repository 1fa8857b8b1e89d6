// Package ddl reads what PostgreSQL's data definition language says of tables:
// from scripts of SQL, one after the other, to the tables with their columns
// and keys as they stand afterwards.
//
// It follows the PostgreSQL manual: chapter 4.1 for the words, part VI for the
// statements. It reads what makes, changes, names and describes tables, and
// passes over expressions, data, functions, views and rights. What it cannot
// see through, such as a DO block, it notes; from then on a table that is not
// there may have been made out of its sight, which is a note and no error.
package ddl

import (
	"errors"
	"fmt"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/tables"
)

// Note is something that was not read, with what to do about it.
type Note struct {
	At      tables.Place
	Message string
	Mend    string
}

// Database is a PostgreSQL database as its scripts leave it.
type Database struct {
	State *tables.State
	Notes []Note

	path   []string // the search path
	types  map[tables.Name]custom
	others map[tables.Name]bool // views, sequences, temporary tables: relations that hold no rows of their own
	blind  bool                 // something was not read that may have made anything
	faults int                  // told so far
	over   bool                 // no more is read
}

// custom is a type that the scripts make.
type custom struct {
	base   tables.Column   // of a domain
	parts  []tables.Column // of a composite type
	domain bool
}

// New returns a database as PostgreSQL makes it: with an empty schema public.
func New() *Database {
	return &Database{State: tables.New(), path: []string{"public"}, types: map[tables.Name]custom{},
		others: map[tables.Name]bool{}}
}

// How many mistakes are told together: of one script, and of all. Nobody mends
// more at once, and who sends ten thousand files is not told of each.
const (
	mostFaults = 20
	mostOfAll  = 500
)

// Run reads a script. It begins at a place of a file; a line without a column
// says that all of it stands there. Every mistake is told with its place, and
// what stands around it is read nevertheless.
func (d *Database) Run(from tables.Place, script string) error {
	if d.over {
		return nil // that was told
	}
	l := newLexer(from, script)
	var faults []error
	for len(faults) < mostFaults && !d.over {
		toks, err := l.statement()
		if err != nil {
			faults = append(faults, err)
			break
		}
		if toks == nil {
			break
		}
		p := &parser{d: d, l: l, toks: toks, start: l.place(toks[0].at)}
		err = p.statement()
		if err == nil {
			err = d.pass(0) // looking for names is told of here
		}
		if err != nil {
			faults = append(faults, p.placed(err)...)
		}
	}
	d.faults += len(faults)
	d.over = d.over || d.faults >= mostOfAll
	return errors.Join(faults...)
}

// placed points the faults of a statement at where it stands, unless they say
// that themselves. What may have been made out of sight is only noted.
func (p *parser) placed(err error) []error {
	var out []error
	for _, f := range fault.All(err) {
		p.d.over = p.d.over || f.Code == tables.TooLarge
		if p.d.blind && (f.Code == "TABLE_UNKNOWN" || f.Code == "COLUMN_UNKNOWN" || f.Code == "ALREADY_THERE") {
			p.d.note(p.start, "this was not done: "+f.Message, "say in plain statements what the part that is not read does")
			continue
		}
		if len(f.Path) == 0 {
			f = f.At(p.start.String())
		}
		out = append(out, f)
	}
	return out
}

// Unread notes something that was not read and changes nothing.
func (d *Database) Unread(at tables.Place, message, mend string) { d.note(at, message, mend) }

// Blind notes something that was not read and may change tables: what is missing
// from here on may have been made by it.
func (d *Database) Blind(at tables.Place, what, mend string) {
	d.blind = true
	d.note(at, what+" is not read: what it does to tables is not known", mend)
}

func (d *Database) note(at tables.Place, message, mend string) {
	const most = 100
	if len(d.Notes) < most {
		d.Notes = append(d.Notes, Note{at, message, mend})
	}
}

// How many looks it is worth to come by a name in no order, and to make one.
const (
	dear = 8
	made = 5
)

// every lists those tables that a statement is about which looks at all.
func (d *Database) every(are func(*tables.Table) bool) ([]tables.Table, error) {
	looked := 0
	some := d.State.Those(func(t *tables.Table) bool {
		looked += 1 + len(t.Columns)/8 + len(t.Keys)/8
		return are(t)
	})
	return some, d.pass(looked)
}

// pass counts a look at tables, types or names in no order, and refuses to go on
// where too much was looked at.
func (d *Database) pass(looked int) error {
	const slow = 10 // times as slow as to look at what stands in a row
	return d.State.Look(slow * looked)
}

// copies refuses to go on where too much was copied.
func (d *Database) copies(columns []tables.Column) error { return d.pass(2 * dear * len(columns)) }

// column finds a column of a table, -1 if there is none.
func (d *Database) column(t *tables.Table, name string) (int, error) {
	return t.Index(name), d.pass(1 + len(t.Columns)/8)
}

// unseen notes a statement that may change tables and cannot be seen through.
func (p *parser) unseen(what string) {
	p.d.Blind(p.start, what, "say what changes tables in statements of their own")
}

// madeName is the name of what a statement makes.
func (d *Database) madeName(n tables.Name) tables.Name {
	if n.Schema == "" && len(d.path) > 0 {
		n.Schema = d.path[0]
	}
	return n
}

// found is the full name of the table that a statement means.
func (d *Database) found(n tables.Name) tables.Name { return d.seen(n, tables.Name{}) }

// seen is found while a table is being made.
func (d *Database) seen(n, making tables.Name) tables.Name {
	if n.Schema != "" {
		return n
	}
	for _, schema := range d.path {
		if d.pass(2) != nil {
			break // it is told behind the statement
		}
		in := tables.Name{Schema: schema, Table: n.Table}
		if in == making || d.State.Has(in) || d.others[in] {
			return in
		}
	}
	return d.madeName(n)
}

// keyName is a name for a key that has none, as PostgreSQL makes them: of the
// table, its columns and a word, the longer of the first two cut until all fit
// into a name.
func (d *Database) keyName(t *tables.Table, columns []string, label string) (string, error) {
	cols := ""
	for i, c := range columns {
		if i > 0 {
			cols += "_"
		}
		if cols += c; len(cols) >= longestName {
			break
		}
	}
	if label == "pkey" {
		cols = ""
	}
	for n := 0; ; n++ {
		tail := "_" + label
		if n > 0 {
			tail += fmt.Sprint(n)
		}
		name := joined(t.Name.Table, cols, tail)
		if in := (tables.Name{Schema: t.Name.Schema, Table: name}); !d.State.Used(in) && !d.others[in] {
			return name, d.pass(made * n)
		}
	}
}

func joined(table, cols, tail string) string {
	room := longestName - len(tail)
	if cols != "" {
		room--
	}
	for len(table)+len(cols) > room {
		if len(table) > len(cols) {
			table = table[:len(table)-1]
		} else {
			cols = cols[:len(cols)-1]
		}
	}
	if cols != "" {
		cols = "_" + cols
	}
	return table + cols + tail
}
