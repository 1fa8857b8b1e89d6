package ddl

import (
	"slices"
	"strconv"
	"strings"

	"github.com/flowmart/lethe/schemas/tables"
)

// builtin are the names of PostgreSQL's own types, by the one it prints
// (manual, table 8.1, and format_type).
var builtin = map[string]string{
	"int": "integer", "int4": "integer", "integer": "integer", "int8": "bigint", "bigint": "bigint", "int2": "smallint", "smallint": "smallint",
	"serial": "integer", "serial4": "integer", "bigserial": "bigint", "serial8": "bigint", "smallserial": "smallint", "serial2": "smallint",
	"real": "real", "float4": "real", "float8": "double precision", "numeric": "numeric", "decimal": "numeric", "dec": "numeric",
	"bool": "boolean", "boolean": "boolean", "varchar": "character varying", "char": "character", "character": "character", "nchar": "character",
	"bit": "bit", "varbit": "bit varying", "timestamptz": "timestamp with time zone", "timetz": "time with time zone",
	"timestamp": "timestamp without time zone", "time": "time without time zone",
}

// opaque are types whose values may hold anything.
var opaque = []string{"json", "jsonb", "bytea", "xml", "hstore", "jsonpath"}

// typeOf reads a type, and reports whether it is a serial one, which is never
// null.
func (p *parser) typeOf() (c tables.Column, serial bool, err error) {
	_ = p.take("setof")
	c.At = p.at()
	first := p.peek(0)
	switch {
	case first.class == word && p.spelled(&c.Type):
	default:
		n, err := p.qualified()
		if err != nil {
			return c, false, err
		}
		mods := p.modifiers()
		serial = first.class == word && strings.Contains(n.Table, "serial") && builtin[n.Table] != ""
		p.d.resolve(&c, n, first.class == quoted, mods)
	}
	for {
		if p.is("[") {
			p.group()
		} else if !p.take("array") {
			break
		}
		if !c.List {
			c.Type += "[]"
		}
		c.List = true
	}
	return c, serial, nil
}

// spelled reads the types that the grammar knows by words of their own.
func (p *parser) spelled(name *string) bool {
	switch {
	case p.take("double", "precision"):
		*name = "double precision"
	case p.take("national"):
		_ = p.any("character", "char")
		*name = "character" + p.varying()
	case p.any("character", "char", "nchar"):
		*name = "character" + p.varying()
	case p.take("bit"):
		*name = "bit" + p.varying()
	case p.is("timestamp") || p.is("time"):
		*name = p.peek(0).text
		p.i++
		*name += p.modifiers()
		switch {
		case p.take("with", "time", "zone"):
			*name += " with time zone"
		default:
			_ = p.take("without", "time", "zone")
			*name += " without time zone"
		}
	case p.take("interval"):
		*name = "interval" + p.span() + p.modifiers()
	case p.take("float"):
		*name = "double precision"
		if n, err := strconv.Atoi(strings.Trim(p.modifiers(), "()")); err == nil && n <= 24 {
			*name = "real"
		}
	default:
		return false
	}
	return true
}

// varying reads what follows CHARACTER and BIT: without a length they have
// length 1, and varying ones any.
func (p *parser) varying() string {
	if p.take("varying") {
		return " varying" + p.modifiers()
	}
	if mods := p.modifiers(); mods != "" {
		return mods
	}
	return "(1)"
}

// span reads the fields of an interval, such as DAY TO SECOND.
func (p *parser) span() string {
	s, unit := "", ""
	if p.unit(&unit) {
		s = " " + unit
	}
	if s != "" && p.take("to") && p.unit(&unit) {
		s += " to " + unit
	}
	return s
}

// unit reads a field of an interval.
func (p *parser) unit(name *string) bool {
	*name = p.peek(0).text
	return p.any("year", "month", "day", "hour", "minute", "second")
}

// modifiers reads what stands in parentheses behind a type.
func (p *parser) modifiers() string {
	from := p.i
	if !p.is("(") || !p.group() {
		return ""
	}
	var b strings.Builder
	for _, t := range p.toks[from:p.i] {
		b.WriteString(t.text)
	}
	return b.String()
}

// resolve finds a type by its name: one of PostgreSQL's, one that the scripts
// made, or one of an extension.
func (d *Database) resolve(c *tables.Column, n tables.Name, inQuotes bool, mods string) {
	if known := builtin[n.Table]; known != "" && (n.Schema == "" && !inQuotes || n.Schema == "pg_catalog") {
		c.Type = withModifiers(known, mods)
		return
	}
	if n.Schema == "pg_catalog" {
		n.Schema = ""
	}
	full, made := d.typeNamed(n)
	if !made {
		c.Type = spell(n) + mods
		c.Opaque = slices.Contains(opaque, n.Table)
		return
	}
	c.Type = spelled(full)
	t := d.types[full]
	c.Within = t.parts
	if t.domain {
		c.Base, c.Opaque = t.base.Type, t.base.Opaque
		if t.base.Base != "" {
			c.Base = t.base.Base
		}
	}
}

// typeNamed finds a type that the scripts made. A table is a type as well.
func (d *Database) typeNamed(n tables.Name) (tables.Name, bool) {
	schemas := d.path
	if n.Schema != "" {
		schemas = []string{n.Schema}
	}
	for _, s := range schemas {
		if d.pass(1) != nil {
			break // it is told behind the statement
		}
		full := tables.Name{Schema: s, Table: n.Table}
		if _, ok := d.types[full]; ok {
			return full, true
		}
	}
	return n, false
}

// withModifiers puts the length or precision where PostgreSQL prints it.
func withModifiers(name, mods string) string {
	switch {
	case name == "numeric" && mods != "" && !strings.Contains(mods, ","):
		return "numeric" + strings.TrimSuffix(mods, ")") + ",0)"
	case strings.HasPrefix(name, "time"):
		head, tail, _ := strings.Cut(name, " ")
		return head + mods + " " + tail
	}
	return name + mods
}

// spelled is how a type of one's own is written: as PostgreSQL prints it where
// nothing is set, whatever the search path is.
func spelled(n tables.Name) string {
	if n.Schema == "public" {
		n.Schema = ""
	}
	return spell(n)
}

// spell writes a name in quotes where it needs them.
func spell(n tables.Name) string {
	if n.Schema != "" {
		return spell(tables.Name{Table: n.Schema}) + "." + spell(tables.Name{Table: n.Table})
	}
	plain := n.Table != "" && !isDigit(n.Table[0]) && folded(n.Table) == n.Table && !strings.ContainsFunc(n.Table, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	if plain && n.Table != "char" {
		return n.Table
	}
	return `"` + strings.ReplaceAll(n.Table, `"`, `""`) + `"`
}
