package migration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/ddl"
	"github.com/flowmart/lethe/schemas/tables"
)

// change does what a change type of Liquibase does on PostgreSQL: it is written
// as the SQL that Liquibase would send, and read like any other.
// https://docs.liquibase.com/change-types/home.html
func (l *liquibase) change(f File, c *node) {
	if !forPostgreSQL(c.attr("dbms")) {
		return
	}
	switch c.name {
	case "sql":
		l.sql(c)
		return
	case "sqlFile":
		l.sqlFile(f, c)
		return
	case "customChange", "executeCommand":
		l.d.Blind(c.at, "a change that a program makes", "say what changes tables in changes of their own")
		return
	}
	write, known := changes[c.name]
	if !known {
		return // data, views, functions, and the parts of a change set that are no changes
	}
	for _, statement := range write(l, c) {
		l.fail(l.d.Run(tables.Place{File: c.at.File, Line: c.at.Line}, statement))
	}
}

func (l *liquibase) sql(c *node) {
	text, at := c.value, c.text
	if at.Line == 0 {
		at = tables.Place{File: c.at.File, Line: c.at.Line}
	}
	if k := c.kid("sql"); k != nil {
		text, at = k.value, tables.Place{File: k.at.File, Line: k.at.Line}
	}
	l.fail(l.d.Run(at, l.fill(delimited(text, c.attr("endDelimiter")))))
}

// mostRun bounds what scripts have together that changes run: each may run one
// that others ran before.
const mostRun = 16 << 20

func (l *liquibase) sqlFile(f File, c *node) {
	name := l.beside(f, c, c.attr("path"))
	sql, ok := l.find(name)
	if !ok {
		l.unknown("the file that this change runs is not among those given", name, c.at)
		return
	}
	if l.ran += len(sql.Text); l.ran > mostRun {
		l.fail(fault.New(fault.TooLarge, "TOO_MANY_RUNS", "the scripts that changes run have more than %d MiB together, some of them run again and again; run each once", mostRun>>20).At(c.at.String()))
		return
	}
	l.fail(l.d.Run(tables.Place{File: sql.Path}, l.fill(delimited(sql.Text, c.attr("endDelimiter")))))
}

// delimited ends statements as SQL does, where they end in another way.
func delimited(text, delimiter string) string {
	if delimiter == "" || delimiter == ";" {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if strings.HasSuffix(trimmed, delimiter) {
			line = strings.TrimSuffix(trimmed, delimiter) + ";\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

// changes writes change types as SQL.
var changes = map[string]func(*liquibase, *node) []string{
	"createTable": (*liquibase).createTable, "addColumn": (*liquibase).addColumn, "dropColumn": (*liquibase).dropColumn, "mergeColumns": (*liquibase).mergeColumns,
	"dropTable": func(l *liquibase, c *node) []string { return one("DROP TABLE %s", l.table(c)) },
	"renameTable": func(l *liquibase, c *node) []string {
		return one("ALTER TABLE %s RENAME TO %s", l.named(c, "schemaName", "oldTableName"), l.name(c, "newTableName"))
	},
	"renameColumn": func(l *liquibase, c *node) []string {
		return one("ALTER TABLE %s RENAME COLUMN %s TO %s", l.table(c), l.name(c, "oldColumnName"), l.name(c, "newColumnName"))
	},
	"modifyDataType": func(l *liquibase, c *node) []string {
		return one("ALTER TABLE %s ALTER COLUMN %s TYPE %s", l.table(c), l.name(c, "columnName"), l.dataType(c.attr("newDataType")))
	},
	"addNotNullConstraint": func(l *liquibase, c *node) []string {
		return one("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", l.table(c), l.name(c, "columnName"))
	},
	"dropNotNullConstraint": func(l *liquibase, c *node) []string {
		return one("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", l.table(c), l.name(c, "columnName"))
	},
	"addPrimaryKey": func(l *liquibase, c *node) []string {
		return one("ALTER TABLE %s ADD %s PRIMARY KEY (%s)", l.table(c), l.constraint(c, "constraintName"), l.names(c, "columnNames"))
	},
	"addUniqueConstraint": func(l *liquibase, c *node) []string {
		return one("ALTER TABLE %s ADD %s UNIQUE (%s)", l.table(c), l.constraint(c, "constraintName"), l.names(c, "columnNames"))
	},
	"dropUniqueConstraint": func(l *liquibase, c *node) []string {
		return one("ALTER TABLE %s DROP CONSTRAINT %s", l.table(c), l.name(c, "constraintName"))
	},
	"dropPrimaryKey":          (*liquibase).dropPrimaryKey,
	"addForeignKeyConstraint": (*liquibase).addForeignKey,
	"dropForeignKeyConstraint": func(l *liquibase, c *node) []string {
		return one("ALTER TABLE %s DROP CONSTRAINT %s", l.named(c, "baseTableSchemaName", "baseTableName"), l.name(c, "constraintName"))
	},
	"dropAllForeignKeyConstraints": (*liquibase).dropForeignKeys,
	"setTableRemarks": func(l *liquibase, c *node) []string {
		return one("COMMENT ON TABLE %s IS %s", l.table(c), literal(l.fill(c.attr("remarks"))))
	},
	"setColumnRemarks": func(l *liquibase, c *node) []string {
		return one("COMMENT ON COLUMN %s.%s IS %s", l.table(c), l.name(c, "columnName"), literal(l.fill(c.attr("remarks"))))
	},
	"createView": func(l *liquibase, c *node) []string {
		return one("CREATE OR REPLACE VIEW %s AS SELECT 1", l.named(c, "schemaName", "viewName"))
	},
	"createSequence": func(l *liquibase, c *node) []string {
		return one("CREATE SEQUENCE %s", l.named(c, "schemaName", "sequenceName"))
	},
}

func one(format string, args ...any) []string { return []string{fmt.Sprintf(format, args...)} }

// table writes the table that a change is about.
func (l *liquibase) table(c *node) string { return l.named(c, "schemaName", "tableName") }

func (l *liquibase) named(c *node, schema, name string) string {
	s := l.name(c, name)
	if c.attr(schema) != "" {
		return l.name(c, schema) + "." + s
	}
	return s
}

func (l *liquibase) name(c *node, attr string) string { return quote(l.fill(c.attr(attr))) }

// names writes a list of columns.
func (l *liquibase) names(c *node, attr string) string {
	var out []string
	for name := range strings.SplitSeq(l.fill(c.attr(attr)), ",") {
		out = append(out, quote(strings.TrimSpace(name)))
	}
	return strings.Join(out, ", ")
}

// constraint writes the name of a constraint, if it has one.
func (l *liquibase) constraint(c *node, attr string) string {
	if c.attr(attr) == "" {
		return ""
	}
	return "CONSTRAINT " + l.name(c, attr)
}

var plainName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_$]*$`)

// reserved are words that Liquibase quotes for PostgreSQL, of those that tables
// and columns are called by.
var reserved = strings.Fields(`all analyse analyze and any array as asc asymmetric authorization between binary both case cast check collate column
	constraint create cross current_date current_time current_timestamp current_user default deferrable desc distinct do else end except false
	for foreign freeze from full grant group having ilike in initially inner intersect into is isnull join leading left like limit localtime
	localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references returning right select session_user
	similar some symmetric table then to trailing true union unique user using variadic verbose when where window with`)

// quote writes a name as Liquibase does: in quotes where it has capitals among
// small letters or other signs, or is a word of SQL. A change may have the name of
// its table in thousands of statements, so that no more of it is written than is read.
func quote(name string) string {
	name = ddl.Truncated(name)
	mixed := strings.ToLower(name) != name && strings.ToUpper(name) != name
	if plainName.MatchString(name) && !mixed && !slices.Contains(reserved, strings.ToLower(name)) {
		return name
	}
	return inQuotes(name)
}

func inQuotes(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// folded is a name as PostgreSQL keeps what quote writes.
func folded(name string) string {
	name = ddl.Truncated(name)
	if strings.HasPrefix(quote(name), `"`) {
		return name
	}
	return strings.ToLower(name)
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// typeNames are Liquibase's names of types that PostgreSQL has others for.
// https://docs.liquibase.com/change-types/data-types.html
var typeNames = map[string]string{
	"datetime": "timestamp", "datetime2": "timestamp", "smalldatetime": "timestamp", "clob": "text", "nclob": "text", "longvarchar": "text", "longnvarchar": "text",
	"longtext": "text", "mediumtext": "text", "tinytext": "text", "ntext": "text", "blob": "oid", "longblob": "bytea", "mediumblob": "bytea", "tinyblob": "bytea",
	"longvarbinary": "bytea", "varbinary": "bytea", "binary": "bytea", "image": "bytea", "nvarchar": "varchar", "varchar2": "varchar", "nvarchar2": "varchar", "nchar": "char",
	"tinyint": "smallint", "mediumint": "integer", "currency": "decimal", "number": "numeric", "double": "double precision", "uniqueidentifier": "uuid", "sqlxml": "xml",
}

// whole are types that take no length on PostgreSQL, whatever is said.
var whole = []string{"int", "integer", "bigint", "smallint", "boolean", "text", "bytea", "oid", "double precision", "uuid", "serial", "bigserial", "date"}

var typeForm = regexp.MustCompile(`^\s*([A-Za-z_][\w.]*(?: [A-Za-z_]+)*)\s*(\([^)]*\))?\s*([A-Za-z ]*)$`)

// dataType writes a type as Liquibase does for PostgreSQL.
func (l *liquibase) dataType(said string) string {
	said = strings.TrimPrefix(strings.TrimSpace(l.fill(said)), "java.sql.Types.")
	m := typeForm.FindStringSubmatch(said)
	if m == nil {
		return said
	}
	name, mods, rest := m[1], m[2], m[3]
	if known, ok := typeNames[strings.ToLower(name)]; ok {
		name = known
	}
	if slices.Contains(whole, strings.ToLower(name)) {
		mods = ""
	}
	return strings.TrimSpace(name + mods + " " + rest)
}
