package ddl

import (
	"slices"
	"strings"

	"github.com/flowmart/lethe/schemas/tables"
)

// create reads CREATE.
func (p *parser) create() error {
	_ = p.take("or", "replace")
	_ = p.any("global", "local")
	temporary := p.any("temp", "temporary")
	_ = p.take("unlogged")
	switch {
	case p.take("table"), p.take("foreign", "table"):
		return p.createTable(temporary)
	case p.take("schema"):
		return p.createSchema()
	case p.take("type"):
		return p.createType()
	case p.take("domain"):
		return p.createDomain()
	case p.take("unique", "index"):
		return p.createIndex()
	case p.take("materialized", "view"):
		p.d.note(p.start, "a materialized view keeps a copy of what it selects, and its columns are not read", "declare it in the catalog as a derived dataset")
		return p.other()
	case p.take("view"), p.take("recursive", "view"), p.take("sequence"):
		return p.other()
	}
	return nil // functions, indexes, rights: nothing of tables
}

// other remembers the name of a relation that is no table.
func (p *parser) other() error {
	p.ifNotExists()
	n, err := p.qualified()
	if err == nil {
		p.d.others[p.d.madeName(n)] = true
	}
	return err
}

func (p *parser) ifNotExists() bool { return p.take("if", "not", "exists") }
func (p *parser) ifExists() bool    { return p.take("if", "exists") }

func (p *parser) createTable(temporary bool) error {
	lenient := p.ifNotExists()
	n, err := p.qualified()
	if err != nil {
		return err
	}
	t := tables.Table{Name: p.d.madeName(n), At: p.start}
	p.named = map[string]bool{}
	if temporary || n.Schema == "pg_temp" {
		p.d.others[t.Name] = true
		return nil
	}
	if lenient && p.d.State.Has(t.Name) {
		return nil
	}
	var keys []tables.Key
	switch {
	case p.take("partition", "of"):
		err = p.partitionOf(&t, &keys)
	case p.take("of"):
		err = p.ofType(&t, &keys)
	case p.columnsOfQuery():
		return p.ofQuery(t, false)
	case p.is("("):
		err = p.elements(&t, &keys)
	case p.is("as"):
		return p.ofQuery(t, false)
	default:
		return p.bad("the columns, in parentheses")
	}
	if err != nil {
		return err
	}
	if p.take("inherits") {
		if err := p.inherits(&t); err != nil {
			return err
		}
	}
	if p.skipTo("as"); p.is("as") {
		return p.ofQuery(t, false)
	}
	delete(p.d.others, t.Name)
	if err := p.d.State.Create(t); err != nil {
		return err
	}
	if err := p.addKeys(t.Name, keys); err != nil {
		return err
	}
	for _, k := range p.copied {
		if err := p.addKeys(t.Name, []tables.Key{k}); err != nil {
			return err
		}
	}
	return nil
}

// columnsOfQuery passes over the names of columns whose types a query has.
func (p *parser) columnsOfQuery() bool {
	if !p.is("(") || p.peek(2).text != "," && p.peek(2).text != ")" || p.peek(1).text == "(" {
		return false
	}
	return p.group()
}

// ofQuery makes a table whose columns come from a query.
func (p *parser) ofQuery(t tables.Table, temporary bool) error {
	t.Name, t.Open, t.At = p.d.madeName(t.Name), true, p.start
	if temporary {
		p.d.others[t.Name] = true
		return nil
	}
	p.d.note(p.start, "the columns of "+clip(t.Name.String())+" come from a query and are not read", "write CREATE TABLE with its columns, and fill it with INSERT … SELECT")
	return p.d.State.Create(t)
}

// partitionOf gives a partition the columns of the table it is part of.
func (p *parser) partitionOf(t *tables.Table, keys *[]tables.Key) error {
	parent, err := p.table()
	if err != nil {
		return err
	}
	if err := p.d.copies(parent.Columns); err != nil {
		return err
	}
	t.PartOf = parent.Name
	t.Columns = slices.Clone(parent.Columns)
	for i := range t.Columns {
		t.Columns[i].Inherited, t.Columns[i].Former = true, nil
	}
	for _, k := range parent.Keys {
		k.Name = ""
		*keys = append(*keys, k)
	}
	return p.refined(t, keys)
}

// refined reads what a partition or a typed table says besides of columns that
// it has already: their constraints.
func (p *parser) refined(t *tables.Table, keys *[]tables.Key) error {
	if !p.take("(") {
		return nil
	}
	for {
		if found, err := p.tableConstraint(t, keys); err != nil {
			return err
		} else if !found {
			name, err := p.name()
			if err != nil {
				return err
			}
			i, err := p.d.column(t, name)
			if err != nil {
				return err
			}
			if i < 0 {
				return p.bad("a column of that table")
			}
			_ = p.take("with", "options")
			if err := p.columnConstraints(t, &t.Columns[i], keys); err != nil {
				return err
			}
		}
		if p.take(")") {
			return nil
		}
		if err := p.comma(); err != nil {
			return err
		}
	}
}

func (p *parser) ofType(t *tables.Table, keys *[]tables.Key) error {
	n, err := p.qualified()
	if err != nil {
		return err
	}
	full, known := p.d.typeNamed(n)
	if !known {
		p.d.note(p.start, "the type "+clip(n.String())+" is not known, so neither are the columns", "give the files that make it, in their order")
		t.Open = true
		p.group()
		return nil
	}
	if err := p.d.copies(p.d.types[full].parts); err != nil {
		return err
	}
	for _, c := range p.d.types[full].parts {
		c.At = p.start
		t.Columns = append(t.Columns, c)
	}
	return p.refined(t, keys)
}

func (p *parser) inherits(t *tables.Table) error {
	parents, err := p.list()
	if err != nil {
		return err
	}
	var columns []tables.Column
	at := map[string]int{} // where in them each is
	add := func(c tables.Column) {
		i, there := at[c.Name]
		if !there {
			at[c.Name], columns = len(columns), append(columns, c)
			return
		}
		columns[i].Nullable = columns[i].Nullable && c.Nullable
		columns[i].Inherited = columns[i].Inherited && c.Inherited
	}
	once := map[tables.Name]bool{}
	for _, n := range parents {
		parent, err := p.d.State.Table(p.d.found(n))
		if err != nil {
			return err
		}
		if once[parent.Name] {
			return p.bad("each parent once")
		}
		if err := p.d.copies(parent.Columns); err != nil {
			return err
		}
		once[parent.Name], t.Parents = true, append(t.Parents, parent.Name)
		for _, c := range parent.Columns {
			c.Doc, c.Former, c.Inherited = "", nil, true
			add(c)
		}
		if len(columns) > mostColumns {
			return p.bad(endOfColumns)
		}
	}
	for _, c := range t.Columns {
		add(c)
	}
	if len(columns) > mostColumns {
		return p.bad(endOfColumns)
	}
	t.Columns = columns
	return nil
}

// list reads qualified names in parentheses.
func (p *parser) list() (out []tables.Name, err error) {
	if err := p.need("("); err != nil {
		return nil, err
	}
	for {
		n, err := p.qualified()
		if err != nil {
			return nil, err
		}
		out = append(out, n)
		if p.take(")") {
			return out, nil
		}
		if err := p.comma(); err != nil {
			return nil, err
		}
	}
}

// addKeys adds the keys of a statement, names made up where they have none.
// PostgreSQL makes primary keys first, and foreign ones last.
func (p *parser) addKeys(n tables.Name, keys []tables.Key) error {
	labels := map[tables.KeyKind]string{tables.Primary: "pkey", tables.Unique: "key", tables.Foreign: "fkey"}
	if err := tables.Within(keys); err != nil { // before each is compared with the others
		return err
	}
	for _, k := range once(keys) {
		t, err := p.d.State.Table(n)
		if err != nil {
			return err
		}
		if k.Kind == tables.Foreign {
			if err := p.leads(&k); err != nil {
				return err
			}
		}
		k.Columns = slices.Clone(k.Columns)
		if k.Name == "" {
			if k.Name, err = p.d.keyName(t, k.Columns, labels[k.Kind]); err != nil {
				return err
			}
		}
		if err := p.d.State.AddKey(n, k, p.start); err != nil {
			return err
		}
	}
	return nil
}

// once puts keys into their order. What a statement says twice is one key, with
// the first name that it is given.
func once(keys []tables.Key) []tables.Key {
	var out []tables.Key
	at := map[string]int{} // of those that are no foreign keys, by their columns
	for _, kind := range []tables.KeyKind{tables.Primary, tables.Unique, tables.Foreign} {
		for _, k := range keys {
			if k.Kind != kind {
				continue
			}
			columns := strings.Join(k.Columns, "\x00")
			i, there := at[columns]
			switch {
			case kind != tables.Unique || !there:
				if out = append(out, k); kind != tables.Foreign && !there {
					at[columns] = len(out) - 1
				}
			case out[i].Name == "":
				out[i].Name = k.Name
			}
		}
	}
	return out
}

// leads makes sure that a foreign key leads somewhere.
func (p *parser) leads(k *tables.Key) error {
	if p.d.others[k.To] {
		return nil
	}
	to, err := p.d.State.Table(k.To)
	if err != nil || to.Open {
		return err
	}
	for _, c := range k.ToColumns {
		if _, err := p.d.State.Column(to, c); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) createSchema() error {
	if p.within {
		p.i--
		return p.bad("what stands in the schema, such as a table")
	}
	p.within = true
	p.ifNotExists()
	path := p.d.path
	if !p.take("authorization") {
		schema, err := p.name()
		if err != nil {
			return err
		}
		p.d.path = append([]string{schema}, path...)
	}
	defer func() { p.d.path = path }()
	for p.skipTo("create"); p.take("create"); p.skipTo("create") {
		if err := p.create(); err != nil {
			return err
		}
	}
	return nil
}

// createType reads the parts of a composite type; others have none.
func (p *parser) createType() error {
	n, err := p.qualified()
	if err != nil {
		return err
	}
	var t custom
	size := 0 // with the parts' own parts: types of types of types grow fast
	if p.take("as", "(") && !p.take(")") {
		for {
			name, err := p.name()
			if err != nil {
				return err
			}
			c, _, err := p.typeOf()
			if err != nil {
				return err
			}
			c.Name, c.Nullable = name, true
			if size += c.Size(); size > mostColumns {
				return p.bad(endOfColumns)
			}
			if err := p.d.pass(c.Size()); err != nil {
				return err
			}
			t.parts = append(t.parts, c)
			if p.skipTo(",", ")"); !p.take(",") {
				break
			}
		}
	}
	p.d.types[p.d.madeName(n)] = t
	return nil
}

func (p *parser) createDomain() error {
	n, err := p.qualified()
	if err != nil {
		return err
	}
	_ = p.take("as")
	base, _, err := p.typeOf()
	p.d.types[p.d.madeName(n)] = custom{domain: true, base: base}
	return err
}

// createIndex remembers the columns of a unique index, which may become a key.
func (p *parser) createIndex() error {
	_ = p.take("concurrently")
	p.ifNotExists()
	if p.is("on") {
		return nil
	}
	index, err := p.name()
	if err != nil {
		return err
	}
	if err := p.need("on"); err != nil {
		return err
	}
	_ = p.take("only")
	n, err := p.qualified()
	if err != nil {
		return err
	}
	p.skipTo("(")
	from := p.i
	columns, err := p.names()
	if err != nil {
		p.i = from
		return nil //nolint:nilerr // an index on an expression cannot become a key
	}
	if n = p.d.found(n); !p.d.State.Has(n) {
		return nil // a view's, or of a table that was not seen
	}
	return p.d.State.Index(n, index, columns)
}
