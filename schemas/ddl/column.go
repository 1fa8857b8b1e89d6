package ddl

import (
	"slices"
	"strings"

	"github.com/flowmart/lethe/schemas/tables"
)

// elements reads what stands in the parentheses of CREATE TABLE.
func (p *parser) elements(t *tables.Table, keys *[]tables.Key) error {
	if err := p.need("("); err != nil {
		return err
	}
	if p.take(")") {
		return nil
	}
	for {
		if err := p.element(t, keys); err != nil {
			return err
		}
		if p.take(")") {
			return nil
		}
		if err := p.comma(); err != nil {
			return err
		}
	}
}

func (p *parser) element(t *tables.Table, keys *[]tables.Key) error {
	if p.take("like") {
		return p.like(t)
	}
	if found, err := p.tableConstraint(t, keys); found || err != nil {
		return err
	}
	c, err := p.column(t, keys)
	if err != nil {
		return err
	}
	return p.put(t, c)
}

// mostColumns is how many columns a table of PostgreSQL has at most (manual,
// appendix K, Limits), and a type with the parts of its parts here.
const mostColumns = 1600

const endOfColumns = "the end of the columns, of which there are at most 1600,"

// put adds a column to a table that is being made.
func (p *parser) put(t *tables.Table, c tables.Column) error {
	switch {
	case p.named[c.Name]:
		return p.bad("a column of another name than " + clip(c.Name))
	case len(t.Columns) >= mostColumns:
		return p.bad(endOfColumns)
	}
	t.Columns, p.named[c.Name] = append(t.Columns, c), true
	return nil
}

// like copies the columns of another table: always whether they may be null,
// and keys and descriptions where it is said.
func (p *parser) like(t *tables.Table) error {
	n, err := p.qualified()
	if err != nil {
		return err
	}
	with := map[string]bool{}
	for p.is("including") || p.is("excluding") {
		including := p.is("including")
		p.i++
		what, err := p.name()
		if err != nil {
			return err
		}
		with[what] = including
		if what == "all" {
			with = map[string]bool{"comments": including, "indexes": including}
		}
	}
	other, err := p.d.State.Table(p.d.found(n))
	if err != nil {
		return err
	}
	if err := p.d.copies(other.Columns); err != nil {
		return err
	}
	for _, c := range other.Columns {
		c.At, c.Former, c.Inherited = p.start, nil, false
		if !with["comments"] {
			c.Doc = ""
		}
		if err := p.put(t, c); err != nil {
			return err
		}
	}
	for _, k := range other.Keys {
		if k.Kind != tables.Foreign && with["indexes"] {
			k.Name = ""
			p.copied = append(p.copied, k)
		}
	}
	return nil
}

// column reads the definition of a column.
func (p *parser) column(t *tables.Table, keys *[]tables.Key) (tables.Column, error) {
	at := p.at()
	name, err := p.name()
	if err != nil {
		return tables.Column{}, err
	}
	if p.is(",") || p.is(")") || p.peek(0).class == end {
		return tables.Column{}, p.bad("the type of the column " + clip(name))
	}
	c, serial, err := p.typeOf()
	if err != nil {
		return c, err
	}
	c.Name, c.At, c.Nullable = name, at, !serial
	return c, p.columnConstraints(t, &c, keys)
}

// columnConstraints reads what is said of a column behind its type.
func (p *parser) columnConstraints(t *tables.Table, c *tables.Column, keys *[]tables.Key) error {
	named := ""
	for {
		switch {
		case p.take("constraint"):
			name, err := p.name()
			if err != nil {
				return err
			}
			named = name
			continue
		case p.take("not", "null"):
			c.Nullable = false
		case p.take("null"):
		case p.take("default"):
			p.expression()
		case p.take("check"):
			p.group()
			_ = p.take("no", "inherit")
		case p.take("generated"):
			p.generated(c)
		case p.take("primary", "key"):
			c.Nullable = false
			*keys = append(*keys, tables.Key{Name: named, Kind: tables.Primary, Columns: []string{c.Name}})
			p.index()
		case p.take("unique"):
			*keys = append(*keys, tables.Key{Name: named, Kind: tables.Unique, Columns: []string{c.Name}})
			p.index()
		case p.take("references"):
			k := tables.Key{Name: named, Kind: tables.Foreign, Columns: []string{c.Name}}
			if err := p.references(t, &k); err != nil {
				return err
			}
			*keys = append(*keys, k)
		case p.take("collate"):
			if _, err := p.qualified(); err != nil {
				return err
			}
		case p.any("storage", "compression"):
			p.i++
		case p.take("no", "inherit"), p.take("not", "valid"), p.any("deferrable", "enforced"), p.take("not", "deferrable"), p.take("not", "enforced"),
			p.take("initially", "deferred"), p.take("initially", "immediate"):
		case p.take("options"):
			p.group()
		case p.is(",") || p.is(")") || p.peek(0).class == end:
			return nil
		default:
			return p.bad("a comma, or a constraint of the column " + clip(c.Name))
		}
		named = ""
	}
}

// generated reads GENERATED … AS IDENTITY, which is never null, and AS (…).
func (p *parser) generated(c *tables.Column) {
	if !p.take("always") {
		_ = p.take("by", "default")
	}
	_ = p.take("as")
	if p.take("identity") {
		c.Nullable = false
		p.group()
		return
	}
	p.group()
	_ = p.any("stored", "virtual")
}

// index passes over what is said of the index behind a key.
func (p *parser) index() {
	for {
		switch {
		case p.take("nulls", "not", "distinct"), p.take("nulls", "distinct"):
		case p.take("include"), p.take("with"):
			p.group()
		case p.take("using", "index", "tablespace"):
			p.i++
		default:
			return
		}
	}
}

// after are the words that end the expression of a default.
var after = strings.Fields("constraint check default generated unique primary references collate storage compression deferrable initially")

// expression passes over the expression of a default (b_expr of the grammar):
// its first piece whatever it is, and then all up to a comma, a parenthesis or
// the next constraint.
func (p *parser) expression() {
	for first := true; p.peek(0).class != end; first = false {
		t := p.peek(0)
		if p.is(",") || p.is(")") {
			return
		}
		if !first && t.class == word && (slices.Contains(after, t.text) || p.is("not") || p.is("null")) {
			return
		}
		if p.take("is", "not") || p.group() {
			continue
		}
		p.i++
		if sign := t.text == "-" || t.text == "+" || t.text == ":"; sign && p.peek(0).class != end && !p.is(",") && !p.is(")") && !p.group() {
			p.i++
		}
	}
}

// references reads the table and columns that a foreign key leads to.
func (p *parser) references(t *tables.Table, k *tables.Key) error {
	n, err := p.qualified()
	if err != nil {
		return err
	}
	k.To = p.d.seen(n, t.Name)
	if p.is("(") {
		if k.ToColumns, err = p.names(); err != nil {
			return err
		}
	}
	for {
		switch {
		case p.take("match"):
			p.i++
		case p.take("on", "delete"), p.take("on", "update"):
			if !p.any("cascade", "restrict") && !p.take("no", "action") && !p.take("set", "null") && !p.take("set", "default") {
				return p.bad("what happens then, such as CASCADE")
			}
			p.group()
		default:
			return nil
		}
	}
}

// tableConstraint reads a constraint of a whole table, if one stands next.
func (p *parser) tableConstraint(t *tables.Table, keys *[]tables.Key) (found bool, err error) {
	named := ""
	if p.is("constraint") {
		p.i++
		if named, err = p.name(); err != nil {
			return true, err
		}
		found = true
	}
	k := tables.Key{Name: named}
	switch {
	case p.is("check", "("):
		p.i++
		p.group()
	case p.is("exclude", "using") || p.is("exclude", "("):
		p.skipTo(",", ")")
		return true, nil
	case p.take("not", "null"):
		column, err := p.name()
		if err != nil {
			return true, err
		}
		i, err := p.d.column(t, column)
		if err != nil {
			return true, err
		}
		if i >= 0 {
			t.Columns[i].Nullable = false
		}
	case p.take("primary", "key"):
		k.Kind = tables.Primary
		err = p.keyOf(t, &k)
	case p.is("unique"):
		p.i++
		k.Kind = tables.Unique
		err = p.keyOf(t, &k)
	case p.take("foreign", "key"):
		k.Kind = tables.Foreign
		if k.Columns, err = p.names(); err != nil {
			return true, err
		}
		if err = p.need("references"); err == nil {
			err = p.references(t, &k)
		}
	default:
		if found {
			return true, p.bad("a constraint, such as UNIQUE (…)")
		}
		return false, nil
	}
	if err == nil && k.Kind != "" {
		*keys = append(*keys, k)
	}
	p.skipTo(",", ")")
	return true, err
}

// keyOf reads the columns of a key, or takes those of an index.
func (p *parser) keyOf(t *tables.Table, k *tables.Key) (err error) {
	if p.take("using", "index") {
		index, err := p.name()
		if err != nil {
			return err
		}
		if k.Name == "" {
			k.Name = index
		}
		k.Columns = slices.Clone(t.Indexed(index))
		if k.Columns == nil {
			p.d.note(p.start, "the index "+clip(index)+" is not known, so neither is the key made of it", "give the files that make it, in their order")
			k.Kind = "" // none
		}
		return nil
	}
	p.index()
	if k.Columns, err = p.names(); err != nil {
		return err
	}
	if p.take("include") {
		// What an index carries along is no part of the key, but of its name.
		carried, err := p.names()
		if err != nil {
			return err
		}
		if k.Name == "" && k.Kind == tables.Unique {
			k.Name, err = p.d.keyName(t, slices.Concat(k.Columns, carried), "key")
			return err
		}
	}
	return nil
}
