package ddl

import (
	"slices"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/tables"
)

// drop reads DROP.
func (p *parser) drop() error {
	switch {
	case p.take("table"), p.take("foreign", "table"):
		return p.each(func(n tables.Name, lenient bool) error {
			if n = p.d.found(n); p.d.others[n] {
				delete(p.d.others, n)
				return nil
			}
			if lenient && !p.d.State.Has(n) {
				return nil
			}
			return p.d.State.Drop(n, p.start)
		})
	case p.take("schema"):
		return p.each(func(n tables.Name, _ bool) error { return p.dropSchema(n.Table) })
	case p.take("view"), p.take("materialized", "view"), p.take("sequence"):
		return p.each(func(n tables.Name, _ bool) error {
			delete(p.d.others, p.d.found(n))
			return nil
		})
	case p.take("type"), p.take("domain"):
		return p.each(func(n tables.Name, _ bool) error { return p.dropType(n) })
	case p.take("owned"):
		p.unseen("DROP OWNED")
	}
	return nil
}

// each reads the names of what is dropped.
func (p *parser) each(do func(n tables.Name, lenient bool) error) error {
	lenient := p.ifExists()
	for {
		n, err := p.qualified()
		if err != nil {
			return err
		}
		if err := do(n, lenient); err != nil {
			return err
		}
		if !p.take(",") {
			return nil
		}
	}
}

func (p *parser) dropSchema(schema string) error {
	all, err := p.d.every(func(t *tables.Table) bool { return t.Name.Schema == schema })
	if err != nil {
		return err
	}
	for _, t := range all {
		if p.d.State.Has(t.Name) { // it may have gone with another
			if err := p.d.State.Drop(t.Name, p.start); err != nil {
				return err
			}
		}
	}
	if err := p.d.pass(dear * (len(p.d.types) + len(p.d.others))); err != nil {
		return err
	}
	for n := range p.d.types {
		if n.Schema == schema {
			delete(p.d.types, n)
		}
	}
	for n := range p.d.others {
		if n.Schema == schema {
			delete(p.d.others, n)
		}
	}
	return nil
}

// dropType takes a type away, and with CASCADE the columns that have it.
func (p *parser) dropType(n tables.Name) error {
	full, known := p.d.typeNamed(n)
	if !known {
		return nil
	}
	delete(p.d.types, full)
	if !p.is("cascade") {
		return nil
	}
	gone := spelled(full)
	all, err := p.d.every(having(gone))
	if err != nil {
		return err
	}
	for _, t := range all {
		for _, c := range slices.Clone(t.Columns) { // which loses them on the way
			if !isOf(c, gone) {
				continue
			}
			if err := p.d.State.DropColumn(t.Name, c.Name, p.start); err != nil && fault.KindOf(err) != fault.Invalid {
				return err
			}
		}
	}
	return nil
}
