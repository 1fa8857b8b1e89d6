package ddl

import (
	"slices"
	"strings"

	"github.com/flowmart/lethe/schemas/tables"
)

// alter reads ALTER.
func (p *parser) alter() error {
	switch {
	case p.take("table"), p.take("foreign", "table"):
		return p.alterTable()
	case p.take("schema"):
		return p.alterSchema()
	case p.take("type"), p.take("domain"):
		return p.alterType()
	case p.take("index"):
		return p.alterIndex()
	case p.take("view"), p.take("materialized", "view"), p.take("sequence"):
		_ = p.ifExists()
		n, err := p.qualified()
		if err != nil {
			return err
		}
		return p.alterOther(p.d.found(n))
	}
	return nil
}

// alterOther follows the name of a relation that is no table.
func (p *parser) alterOther(n tables.Name) (err error) {
	to := n
	switch {
	case p.take("rename", "to"):
		to.Table, err = p.name()
	case p.take("set", "schema"):
		to.Schema, err = p.name()
	}
	if err == nil && p.d.others[n] {
		delete(p.d.others, n)
		p.d.others[to] = true
	}
	return err
}

func (p *parser) alterTable() error {
	if p.take("all", "in", "tablespace") {
		return nil
	}
	lenient := p.ifExists()
	_ = p.take("only")
	n, err := p.qualified()
	if err != nil {
		return err
	}
	_ = p.take("*")
	n = p.d.found(n)
	if p.d.others[n] {
		return p.alterOther(n)
	}
	if !p.d.State.Has(n) && (lenient || p.is("owner", "to")) {
		return nil
	}
	for {
		if err := p.action(&n); err != nil {
			return err
		}
		if p.skipTo(","); !p.take(",") {
			return nil
		}
	}
}

// harmless are the actions of ALTER TABLE that change nothing of columns and
// keys.
var harmless = strings.Fields("owner enable disable force no cluster replica validate set reset without inherit split merge")

// action reads one action of ALTER TABLE.
func (p *parser) action(n *tables.Name) error {
	switch {
	case p.take("add"):
		return p.add(*n)
	case p.take("drop"):
		return p.dropFrom(*n)
	case p.take("alter", "constraint"):
		return nil
	case p.take("alter"):
		return p.alterColumn(*n)
	case p.take("rename"):
		return p.rename(n)
	case p.take("set", "schema"):
		schema, err := p.name()
		if err != nil {
			return err
		}
		if schema == n.Schema { // it is there already
			_, err = p.d.State.Table(*n)
			return err
		}
		return p.move(n, tables.Name{Schema: schema, Table: n.Table})
	case p.is("attach", "partition"), p.is("detach", "partition"), p.is("inherit"), p.is("no", "inherit"):
		return p.kinship(*n)
	case slices.Contains(harmless, p.peek(0).text) && p.peek(0).class == word, p.is("of"), p.is("not", "of"), p.is("options"):
		return nil
	}
	return p.bad("an action on the table, such as ADD COLUMN")
}

// kinship reads of which tables a table is a partition or an heir from now on.
func (p *parser) kinship(n tables.Name) error {
	switch {
	case p.take("attach", "partition"):
		part, err := p.table()
		if err != nil {
			return err
		}
		return p.d.State.Lead(part.Name, func(t *tables.Table) {
			t.PartOf = n
			inherited(t, true)
		})
	case p.take("detach", "partition"):
		part, err := p.table()
		if err != nil {
			return err
		}
		return p.d.State.Lead(part.Name, func(t *tables.Table) {
			t.PartOf = tables.Name{}
			inherited(t, false)
		})
	case p.take("inherit"):
		parent, err := p.qualified()
		if err != nil {
			return err
		}
		return p.d.State.Lead(n, func(t *tables.Table) { t.Parents = append(t.Parents, p.d.found(parent)) })
	case p.take("no", "inherit"):
		parent, err := p.qualified()
		if err != nil {
			return err
		}
		gone := p.d.found(parent)
		return p.d.State.Lead(n, func(t *tables.Table) {
			t.Parents = slices.DeleteFunc(slices.Clone(t.Parents), func(o tables.Name) bool { return o == gone })
			inherited(t, false)
		})
	}
	return nil
}

// table reads the name of a table that is there.
func (p *parser) table() (*tables.Table, error) {
	n, err := p.qualified()
	if err != nil {
		return nil, err
	}
	return p.d.State.Table(p.d.found(n))
}

// inherited says whether a table has its columns from another alone.
func inherited(t *tables.Table, from bool) {
	for i := range t.Columns {
		t.Columns[i].Inherited = from
	}
}

func (p *parser) add(n tables.Name) error {
	t, err := p.d.State.Table(n)
	if err != nil {
		return err
	}
	var keys []tables.Key
	if !p.is("column") {
		if found, err := p.tableConstraint(t, &keys); found || err != nil {
			if err != nil {
				return err
			}
			return p.addKeys(n, keys)
		}
	}
	_ = p.take("column")
	lenient := p.ifNotExists()
	c, err := p.column(t, &keys)
	if err != nil {
		return err
	}
	if i, err := p.d.column(t, c.Name); err != nil || lenient && i >= 0 {
		return err
	}
	if len(t.Columns) >= mostColumns {
		return p.bad(endOfColumns)
	}
	if err := p.d.State.AddColumn(n, c); err != nil {
		return err
	}
	return p.addKeys(n, keys)
}

func (p *parser) dropFrom(n tables.Name) error {
	at := p.at()
	if p.take("constraint") {
		_ = p.ifExists()
		name, err := p.name()
		if err != nil {
			return err
		}
		// A check is not kept, so that a constraint which is not found is none
		// that matters here.
		_, err = p.d.State.DropKey(n, name, at)
		return err
	}
	_ = p.take("column")
	lenient := p.ifExists()
	at = p.at()
	name, err := p.name()
	if err != nil {
		return err
	}
	t, err := p.d.State.Table(n)
	if err != nil {
		return err
	}
	if i, err := p.d.column(t, name); err != nil || lenient && i < 0 {
		return err
	}
	return p.d.State.DropColumn(n, name, at)
}

func (p *parser) alterColumn(n tables.Name) error {
	_ = p.take("column")
	at := p.at()
	name, err := p.name()
	if err != nil {
		return err
	}
	switch {
	case p.take("set", "data", "type"), p.take("type"):
		c, _, err := p.typeOf()
		if err != nil {
			return err
		}
		c.At = at
		return p.d.State.Retype(n, name, c)
	case p.take("set", "not", "null"):
		return p.d.State.SetNullable(n, name, false, at)
	case p.take("drop", "not", "null"):
		return p.d.State.SetNullable(n, name, true, at)
	case p.take("add", "generated"):
		return p.d.State.SetNullable(n, name, false, at)
	case p.is("set"), p.is("drop"), p.is("reset"), p.is("add"), p.is("restart"), p.is("options"):
		return nil
	}
	return p.bad("what becomes of the column, such as TYPE")
}

// rename reads RENAME of a column, a constraint or the table.
func (p *parser) rename(n *tables.Name) error {
	at := p.at()
	if p.take("to") {
		to, err := p.name()
		if err != nil {
			return err
		}
		return p.move(n, tables.Name{Schema: n.Schema, Table: to})
	}
	constraint := p.take("constraint")
	if !constraint {
		_ = p.take("column")
		at = p.at()
	}
	from, err := p.name()
	if err != nil {
		return err
	}
	if err := p.need("to"); err != nil {
		return err
	}
	to, err := p.name()
	if err != nil {
		return err
	}
	if constraint {
		return p.d.State.RenameKey(*n, from, to)
	}
	return p.d.State.RenameColumn(*n, from, to, at)
}

// move gives a table another name, and a relation of another kind as well.
func (p *parser) move(n *tables.Name, to tables.Name) error {
	err := p.d.State.Rename(*n, to, p.start)
	*n = to
	return err
}

func (p *parser) alterSchema() error {
	from, err := p.name()
	if err != nil || !p.take("rename", "to") {
		return err
	}
	to, err := p.name()
	if err != nil {
		return err
	}
	all, err := p.d.every(func(t *tables.Table) bool { return t.Name.Schema == from })
	if err != nil {
		return err
	}
	for _, t := range all {
		if err := p.d.State.Rename(t.Name, tables.Name{Schema: to, Table: t.Name.Table}, p.start); err != nil {
			return err
		}
	}
	if err := p.d.pass(dear * len(p.d.types)); err != nil {
		return err
	}
	for n, t := range p.d.types {
		if n.Schema == from {
			delete(p.d.types, n)
			p.d.types[tables.Name{Schema: to, Table: n.Table}] = t
		}
	}
	return nil
}

// alterType renames types, where columns have them, and moves them.
func (p *parser) alterType() error {
	n, err := p.qualified()
	if err != nil {
		return err
	}
	full, known := p.d.typeNamed(n)
	if !known {
		return nil
	}
	to := full
	switch {
	case p.take("rename", "to"):
		to.Table, err = p.name()
	case p.take("set", "schema"):
		to.Schema, err = p.name()
	case p.is("add", "attribute") || p.is("drop", "attribute") || p.is("alter", "attribute") || p.is("rename", "attribute"):
		p.d.note(p.start, "what changes in a composite type is not read", "the columns that have it keep the parts they had in the catalog")
		return nil
	}
	if err != nil || to == full {
		return err
	}
	p.d.types[to] = p.d.types[full]
	delete(p.d.types, full)
	return p.d.retype(full, to, p.start)
}

// retype spells a type by its new name wherever a column has it.
func (d *Database) retype(from, to tables.Name, at tables.Place) error {
	was, now := spelled(from), spelled(to)
	all, err := d.every(having(was))
	if err != nil {
		return err
	}
	for _, t := range all {
		for _, c := range t.Columns {
			if !isOf(c, was) {
				continue
			}
			changed := c
			changed.Type, changed.At = now+strings.TrimPrefix(c.Type, was), at
			if err := d.State.Retype(t.Name, c.Name, changed); err != nil {
				return err
			}
		}
	}
	return nil
}

// isOf reports whether a column is of a type, or holds several of it.
func isOf(c tables.Column, spelled string) bool { return strings.TrimSuffix(c.Type, "[]") == spelled }

// having asks for the tables that have a column of a type.
func having(spelled string) func(*tables.Table) bool {
	return func(t *tables.Table) bool {
		return slices.ContainsFunc(t.Columns, func(c tables.Column) bool { return isOf(c, spelled) })
	}
}

func (p *parser) alterIndex() error {
	_ = p.ifExists()
	n, err := p.qualified()
	if err != nil || !p.take("rename", "to") {
		return err
	}
	to, err := p.name()
	if err != nil {
		return err
	}
	all, err := p.d.every(func(t *tables.Table) bool {
		return (n.Schema == "" || t.Name.Schema == n.Schema) && t.HasIndex(n.Table)
	})
	if err != nil {
		return err
	}
	for _, t := range all {
		if err := p.d.State.RenameKey(t.Name, n.Table, to); err != nil {
			return err
		}
	}
	return nil
}
