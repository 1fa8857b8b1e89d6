package ddl

import (
	"slices"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/tables"
)

// parser reads one statement.
type parser struct {
	d     *Database
	l     *lexer
	toks  []token
	i     int
	start tables.Place

	copied []tables.Key    // by LIKE, which PostgreSQL makes after the rest
	named  map[string]bool // the columns of the table that is being made
	within bool            // a schema that is being made
}

func (p *parser) peek(n int) token {
	if p.i+n < len(p.toks) {
		return p.toks[p.i+n]
	}
	last := p.toks[len(p.toks)-1]
	return token{class: end, at: last.to, to: last.to}
}

func (p *parser) at() tables.Place { return p.l.place(p.peek(0).at) }

// bad says that something else was expected here. Names and keywords are
// repeated, and no values: they could be somebody's.
func (p *parser) bad(expected string) error {
	t := p.peek(0)
	var seen string
	switch t.class {
	case end:
		seen = "the end of the statement"
	case text:
		seen = "a text"
	case number:
		seen = "a number"
	default:
		seen = clip(t.text)
	}
	return fault.New(fault.Invalid, "BAD_SQL", "here stands %s where %s was expected", seen, expected).At(p.l.place(min(t.at, len(p.l.in))).String())
}

// is reports whether keywords stand next, one after the other.
func (p *parser) is(words ...string) bool {
	for n, w := range words {
		if t := p.peek(n); t.text != w || t.class != word && t.class != symbol {
			return false
		}
	}
	return true
}

// take passes over keywords if they stand next.
func (p *parser) take(words ...string) bool {
	if !p.is(words...) {
		return false
	}
	p.i += len(words)
	return true
}

// any takes the first of some words that stands next.
func (p *parser) any(words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return p.take(w) })
}

// comma takes the comma between two items, if the list does not end here.
func (p *parser) comma() error {
	if !p.take(",") {
		return p.bad("a comma, or the closing parenthesis")
	}
	return nil
}

func (p *parser) need(w string) error {
	if !p.take(w) {
		return p.bad(strings.ToUpper(w))
	}
	return nil
}

// name reads a name.
func (p *parser) name() (string, error) {
	t := p.peek(0)
	if t.class != word && t.class != quoted {
		return "", p.bad("a name")
	}
	p.i++
	return t.text, nil
}

// qualified reads a name with or without its schema; a database before them
// is passed over.
func (p *parser) qualified() (tables.Name, error) {
	var n tables.Name
	for {
		s, err := p.name()
		if err != nil {
			return n, err
		}
		n = tables.Name{Schema: n.Table, Table: s}
		if !p.take(".") {
			return n, nil
		}
	}
}

// names reads names in parentheses; what stands behind each is passed over.
func (p *parser) names() ([]string, error) {
	if err := p.need("("); err != nil {
		return nil, err
	}
	var out []string
	for {
		s, err := p.name()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
		p.skipTo(",", ")")
		if p.take(")") {
			return out, nil
		}
		if err := p.comma(); err != nil {
			return nil, err
		}
	}
}

// group passes over what stands in parentheses or brackets, if it stands next.
func (p *parser) group() bool {
	if !p.is("(") && !p.is("[") {
		return false
	}
	depth := 0
	for p.peek(0).class != end {
		if p.is("(") || p.is("[") {
			depth++
		}
		if p.is(")") || p.is("]") {
			depth--
		}
		p.i++
		if depth == 0 {
			break
		}
	}
	return true
}

// skipTo passes over everything up to one of some words outside of
// parentheses, or to the end.
func (p *parser) skipTo(words ...string) {
	for p.peek(0).class != end {
		if slices.ContainsFunc(words, func(w string) bool { return p.is(w) }) {
			return
		}
		if !p.group() {
			p.i++
		}
	}
}

// quiet are the statements that say nothing of tables.
var quiet = strings.Fields(`insert update delete merge grant revoke copy analyze vacuum lock truncate reset refresh cluster reindex
	security notify listen unlisten with values explain prepare deallocate declare fetch move close show checkpoint discard load
	begin start commit end savepoint release reassign import table abort rollback`)

// statement reads one statement and does what it says.
func (p *parser) statement() error {
	first := p.peek(0)
	p.i++
	switch {
	case first.class != word && first.text != "(":
		p.i--
		return p.bad("a statement, which begins with a word such as CREATE or ALTER")
	case first.text == "create":
		return p.create()
	case first.text == "alter":
		return p.alter()
	case first.text == "drop":
		return p.drop()
	case first.text == "comment":
		return p.comment()
	case first.text == "set":
		return p.set()
	case first.text == "select":
		return p.selects()
	case first.text == "do" || first.text == "call" || first.text == "execute":
		p.unseen(strings.ToUpper(first.text))
	case first.text == "rollback" && p.peek(0).text != "to", first.text == "abort":
		p.unseen("what ROLLBACK undoes")
	case first.text != "(" && !slices.Contains(quiet, first.text):
		p.i--
		return p.bad("a statement of PostgreSQL")
	}
	return nil
}

// set reads the search path, by which names without a schema are found.
func (p *parser) set() error {
	_ = p.any("session", "local")
	if !p.take("search_path") {
		return nil
	}
	if !p.any("to", "=") {
		return p.bad("TO or =")
	}
	var path []string
	for p.peek(0).class != end {
		if t := p.peek(0); t.class == word || t.class == quoted || t.class == text {
			path = append(path, t.text)
		}
		p.i++
	}
	return p.searchIn(path)
}

// mostSchemas bounds the search path, in which every name without a schema is
// looked for.
const mostSchemas = 100

func (p *parser) searchIn(path []string) error {
	if len(path) > mostSchemas {
		return fault.New(fault.TooLarge, "PATH_TOO_LONG", "the search path has at most %d schemas; name the schema of each table instead", mostSchemas)
	}
	if slices.Equal(path, []string{"default"}) {
		path = []string{"public"}
	}
	p.d.path = slices.DeleteFunc(path, func(s string) bool { return s == "" || s == "$user" || s == "pg_catalog" })
	return nil
}

// selects looks for the two things that a query does to tables: SELECT INTO,
// and the search path as pg_dump sets it.
func (p *parser) selects() error {
	if p.take("pg_catalog", ".", "set_config", "(") || p.take("set_config", "(") {
		if p.peek(0).text == "search_path" && p.peek(2).class == text {
			return p.searchIn(strings.FieldsFunc(p.peek(2).text, func(r rune) bool { return r == ',' || r == ' ' }))
		}
		return nil
	}
	p.skipTo("into", "from")
	if !p.take("into") {
		return nil
	}
	temporary := p.any("temp", "temporary")
	_ = p.take("unlogged")
	_ = p.take("table")
	n, err := p.qualified()
	if err != nil {
		return err
	}
	return p.ofQuery(tables.Table{Name: n}, temporary)
}

// comment reads COMMENT ON TABLE and COMMENT ON COLUMN.
func (p *parser) comment() error {
	if err := p.need("on"); err != nil {
		return err
	}
	var n tables.Name
	column := ""
	switch {
	case p.take("table"), p.take("foreign", "table"):
		var err error
		if n, err = p.qualified(); err != nil {
			return err
		}
	case p.take("column"):
		parts := []string{}
		for {
			s, err := p.name()
			if err != nil {
				return err
			}
			parts = append(parts, s)
			if !p.take(".") {
				break
			}
		}
		if len(parts) < 2 {
			return p.bad("the table and the column, with a dot between")
		}
		column, n.Table = parts[len(parts)-1], parts[len(parts)-2]
		if len(parts) > 2 {
			n.Schema = parts[len(parts)-3]
		}
	default:
		return nil
	}
	if err := p.need("is"); err != nil {
		return err
	}
	doc := p.peek(0)
	if doc.class != text && !p.is("null") {
		return p.bad("a string or NULL")
	}
	if doc.class != text {
		doc.text = ""
	}
	if n = p.d.found(n); p.d.others[n] {
		return nil
	}
	return p.d.State.Describe(n, column, doc.text, p.start)
}
