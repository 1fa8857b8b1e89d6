package format_test

import (
	"fmt"
	"strings"
)

// longName is as long as a name of PostgreSQL may be, but for its number.
var longName = strings.Repeat("n", 58)

// Tables for others to be among: as many as are read at once, as wide as one can
// be, and with as many keys.
var (
	someTables = family{of: func(n int) string {
		return row("", "", "CREATE TABLE t@ (a int PRIMARY KEY);\n", "", "").of(min(n, 3900))
	}}
	wideTable   = family{of: func(n int) string { return row("", "CREATE TABLE w (", "c@ int", ",", ");\n").of(min(n, 1590)) }}
	thePath     = row("", "SET search_path TO ", "s@", ", ", ";\n").atMost(99)
	heirsOfMany = family{of: func(n int) string {
		return someTables.of(n) + pieces("", "", "", "", func(i, n int) string {
			return row("", fmt.Sprintf("CREATE TABLE u%d () INHERITS (", i), "t@", ",", ");\n").of(min(n*30, 3800))
		}).of(min(n, 90))
	}}
	manyKeys = family{of: func(n int) string {
		return row("", "CREATE TABLE k (a int);", "ALTER TABLE k ADD UNIQUE (a);\n", "", "").of(min(n, 900))
	}}
)

// wideTables have n columns together, each of a name of its own.
func wideTables(n int, name string) string {
	var b strings.Builder
	for i := range n/1590 + 1 {
		b.WriteString(row("", fmt.Sprintf("CREATE TABLE t%d (", i+1), fmt.Sprintf("%s%d_@ int", name, i+1), ",", ");\n").of(min(n, 1590)))
	}
	return b.String()
}

// chainOf is n pieces that each lead on to the next, which is @@.
func chainOf(piece string, n int) string {
	return steps("", "", piece, "", "").of(n)
}

var ofDDL = []family{
	row("columns", "CREATE TABLE t (", "c@ varchar(200) NOT NULL DEFAULT 'none'", ", ", ");"),
	row("tables", "", "CREATE TABLE t@ (id bigint PRIMARY KEY, a text NOT NULL);\n", "", ""),
	row("columns added", "CREATE TABLE t (id int);", "ALTER TABLE t ADD c@ text;\n", "", ""),
	row("columns added and dropped", "CREATE TABLE t (id int);", "ALTER TABLE t ADD c@ text; ALTER TABLE t DROP c@;\n", "", ""),
	row("renamings", "CREATE TABLE t (a1 int);", "ALTER TABLE t RENAME a1 TO b; ALTER TABLE t RENAME b TO a1;\n", "", ""),
	row("actions of one statement", "CREATE TABLE t (id int); ALTER TABLE t ", "ALTER id SET DEFAULT @", ", ", ";"),
	row("comments", "CREATE TABLE t (a int);", "COMMENT ON COLUMN t.a IS 'what @ is';\n", "", ""),
	row("foreign keys", "CREATE TABLE a (id int PRIMARY KEY);", "CREATE TABLE t@ (a int REFERENCES a (id));\n", "", ""),
	row("unique keys", "CREATE TABLE t (a int", ", UNIQUE (a)", "", ");"),
	row("checks", "CREATE TABLE t (a int", ", CONSTRAINT c@ CHECK (a > @ AND (a < 5))", "", ");"),
	row("indexes", "CREATE TABLE t (a int);", "CREATE UNIQUE INDEX i@ ON t (a);\n", "", ""),
	row("partitions", "CREATE TABLE t (a int) PARTITION BY RANGE (a);", "CREATE TABLE p@ PARTITION OF t FOR VALUES FROM (@) TO (@0);\n", "", ""),
	row("partitions, then columns", "CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF t DEFAULT; CREATE TABLE p2 PARTITION OF t FOR VALUES IN (1);", "ALTER TABLE t ADD c@ int;\n", "", ""),
	steps("heirs of heirs", "CREATE TABLE t1 (a int);", "CREATE TABLE t@@ (b@ int) INHERITS (t@);\n", "", ""),
	row("heirs of one", "CREATE TABLE t (a int);", "CREATE TABLE t@ () INHERITS (t);\n", "", "ALTER TABLE t ADD b int;"),
	row("like", "CREATE TABLE t (a int, b text);", "CREATE TABLE t@ (LIKE t INCLUDING ALL);\n", "", ""),
	row("types", "", "CREATE TYPE t@ AS (a int, b text); CREATE TABLE u@ OF t@;\n", "", ""),
	row("parts of a type", "CREATE TYPE t AS (", "p@ int", ", ", "); CREATE TABLE u (a t);"),
	steps("types of types", "CREATE TYPE t1 AS (a int);", "CREATE TYPE t@@ AS (a t@, b t@);\n", "", "CREATE TABLE u (a t@@);"),
	row("domains", "", "CREATE DOMAIN d@ AS text CHECK (VALUE <> '@'); CREATE TABLE t@ (a d@);\n", "", ""),
	row("values of an enum", "CREATE TYPE e AS ENUM (", "'v@'", ", ", "); CREATE TABLE t (a e);"),
	row("schemas", "", "CREATE SCHEMA s@; CREATE TABLE s@.t (a int); ALTER SCHEMA s@ RENAME TO r@;\n", "", ""),
	row("search paths", "CREATE TABLE t (a int);", "SET search_path TO s@, public; ALTER TABLE t ADD IF NOT EXISTS a int;\n", "", ""),
	row("schemas in the search path", "SET search_path TO ", "s@", ", ", ", public; CREATE TABLE public.t (a int); ALTER TABLE t ADD b int; COMMENT ON TABLE t IS 'x';"),
	row("drops", "", "CREATE TABLE t@ (a int); DROP TABLE t@;\n", "", ""),
	row("tables of one drop", "DROP TABLE IF EXISTS ", "t@", ", ", " CASCADE;"),
	row("rows", "CREATE TABLE t (a int, b text); INSERT INTO t VALUES ", "(@, 'value @')", ", ", ";"),
	row("rows that are copied", "CREATE TABLE t (a int, b text); COPY t FROM stdin;\n", "@\tvalue\n", "", "\\.\n"),
	row("functions", "", "CREATE FUNCTION f@() RETURNS int LANGUAGE sql AS $$ SELECT @; $$;\n", "", ""),
	row("blocks", "", "DO $$ BEGIN EXECUTE 'x'; END $$;\n", "", ""),
	long("a text", "COMMENT ON TABLE t IS '", "word ", "';"),
	long("a text in dollars", "SELECT $a$", "$$ word ", "$a$;"),
	long("dollars", "SELECT ", "$a", ";"),
	long("a text with escapes", "SELECT E'", `\u00e4\n`, "';"),
	long("lines of comments", "", "-- word\n", "SELECT 1;"),
	nest("comments", "", "/* ", "x", " */", "SELECT 1;"),
	long("comments that do not end", "", "/* ", ""),
	nest("brackets", "CREATE TABLE t (a int CHECK ", "(", "a", ")", ");"),
	nest("brackets of a type", "CREATE TABLE t (a int", "[", "1", "]", ");"),
	long("a name", `CREATE TABLE "`, "name", `" (a int);`),
	long("a default", "CREATE TABLE t (a int DEFAULT 1 ", "+ 1 ", ");"),
	long("statements of nothing", "", ";", ""),
	row("statements that are not known", "", "FROBNICATE @;\n", "", ""),
	row("mistakes", "", "CREATE TABLE t@ (a int,,);\n", "", ""),
	row("tables that are not there", "CREATE TABLE customers (a int);", "ALTER TABLE customer@ ADD b int;\n", "", ""),
	row("columns that are not there", "CREATE TABLE t (customer int);", "ALTER TABLE t DROP custome@;\n", "", ""),
	row("what is there already", "CREATE TABLE t (a int);", "CREATE TABLE t (a int);\n", "", ""),
	row("names cut to one", "CREATE TABLE "+strings.Repeat("t", 60)+" (a int", ", UNIQUE (a), UNIQUE (a)", "", ");"),
	then("renamings among many tables", someTables, row("", "", "ALTER TABLE t1 RENAME a TO b; ALTER TABLE t1 RENAME b TO a;\n", "", "")),
	then("tables renamed among many", someTables, row("", "", "ALTER TABLE t1 RENAME TO u; ALTER TABLE u RENAME TO t1;\n", "", "")),
	then("columns added among many tables", someTables, row("", "", "ALTER TABLE t1 ADD c@ int; ALTER TABLE t1 DROP c@;\n", "", "")),
	then("types changed among many tables", someTables, row("", "", "ALTER TABLE t1 ALTER a TYPE bigint; ALTER TABLE t1 ALTER a TYPE int;\n", "", "")),
	then("tables made and dropped among many", someTables, row("", "", "CREATE TABLE u (a int); DROP TABLE u;\n", "", "")),
	then("columns dropped of a wide table", wideTable, row("", "", "ALTER TABLE w ADD d@ int; ALTER TABLE w DROP d@;\n", "", "")),
	then("columns changed of a wide table", wideTable, row("", "", "ALTER TABLE w ALTER c1500 DROP NOT NULL; ALTER TABLE w ALTER c1500 SET NOT NULL;\n", "", "")),
	then("comments on a wide table", wideTable, row("", "", "COMMENT ON COLUMN w.c1500 IS '@';\n", "", "")),
	then("keys dropped of many", manyKeys, row("", "", "ALTER TABLE k ADD CONSTRAINT x UNIQUE (a); ALTER TABLE k DROP CONSTRAINT x;\n", "", "")),
	{name: "tables with many keys", of: func(n int) string {
		var b strings.Builder
		for i := range n / 900 {
			b.WriteString(strings.ReplaceAll(manyKeys.of(n), "TABLE k", fmt.Sprintf("TABLE k%d", i)))
		}
		return b.String()
	}},
	then("tables renamed that have many keys", manyKeys, row("", "", "ALTER TABLE k RENAME TO l; ALTER TABLE l RENAME TO k;\n", "", "")),
	then("tables moved that have many keys", manyKeys, row("", "", "ALTER TABLE k SET SCHEMA a, SET SCHEMA public;\n", "", "")),
	then("heirs that have many keys", manyKeys, row("", "CREATE TABLE p (a int);", "ALTER TABLE k INHERIT p, NO INHERIT p;\n", "", "")),
	then("columns of many heirs of many", heirsOfMany, row("", "", "ALTER TABLE t1 ADD c int, DROP c;\n", "", "")),
	then("parents renamed of many heirs of many", heirsOfMany, row("", "", "ALTER TABLE t1 RENAME TO t; ALTER TABLE t RENAME TO t1;\n", "", "")),
	then("heirs of many tables, made and dropped", someTables, family{of: func(n int) string {
		return strings.Repeat(row("", "CREATE TABLE u () INHERITS (", "t@", ",", "); DROP TABLE u;\n").of(min(n, 3900)), n/3900)
	}}),
	then("a path of many schemas, dropped from", thePath, row("", "CREATE TABLE s1.t (a int);", "DROP TABLE IF EXISTS "+strings.Repeat("a,", 40_000)+"a;\n", "", "")),
	then("a path of many schemas, for many types", thePath, row("", "CREATE TYPE s1.t AS (a int);", "DROP TYPE "+strings.Repeat("a,", 40_000)+"a;\n", "", "")),
	row("schemas made in one another", "", "CREATE LOCAL SCHEMA s@ ", "", ";"),
	long("fields of an interval", "CREATE TABLE t (a interval", " day", ");"),
	long("a name of codes", `CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE U&"`, "name", `" (a int`+strings.Repeat(", FOREIGN KEY (a) REFERENCES r", 300)+");"),
	then("columns added that are there", wideTable, row("", "", "ALTER TABLE w ADD IF NOT EXISTS c1590 int, ADD IF NOT EXISTS c1590 int, ADD IF NOT EXISTS c1590 int;\n", "", "")),
	then("columns dropped that are not there", wideTable, row("", "", "ALTER TABLE w DROP IF EXISTS z, DROP IF EXISTS z, DROP IF EXISTS z, DROP IF EXISTS z;\n", "", "")),
	then("types with a wide one", row("", "CREATE TYPE w AS (", "c@ int", ",", ");\n").atMost(1590), row("", "", "CREATE TYPE t@ AS (a w);\n", "", "")),
	then("a wide table copied in vain", wideTable, row("", "DO 'x'; CREATE TABLE t ();", "CREATE TABLE t (LIKE w);\n", "", "")),
	then("columns missed behind a block", wideTable, row("", "DO 'x';", "ALTER TABLE w DROP z;\n", "", "")),
	then("columns there behind a block", wideTable, row("", "DO 'x';", "ALTER TABLE w ADD c1590 int;\n", "", "")),
	then("names taken behind a block", wideTable, row("", "DO 'x';", "ALTER TABLE w RENAME c1589 TO c1590;\n", "", "")),
	then("keys there behind a block", manyKeys, row("", "DO 'x'; ALTER TABLE k ADD CONSTRAINT z UNIQUE (a);", "ALTER TABLE k ADD CONSTRAINT z UNIQUE (a);\n", "", "")),
	then("columns that a key leads to", wideTable, row("", "ALTER TABLE w ADD FOREIGN KEY (c1) REFERENCES w (", "c1590", ", ", ");").atMost(49_000)),
	row("partitions of partitions, then columns", "CREATE TABLE p1 (a int) PARTITION BY LIST (a);"+chainOf("CREATE TABLE p@@ PARTITION OF p@ DEFAULT PARTITION BY LIST (a);\n", 2000), "ALTER TABLE p1 ADD c@ int; ALTER TABLE p1 DROP c@;\n", "", ""),
	then("types renamed among many tables", someTables, row("", "CREATE TYPE e1 AS ENUM ('a');", "ALTER TYPE e1 RENAME TO e2; ALTER TYPE e2 RENAME TO e1;\n", "", "")),
	{name: "steps, looks and passes", of: func(n int) string {
		text := func(form string, most int) string { return row("", "", form, "", "").of(min(n, most)) }
		return someTables.of(n) + "CREATE TYPE e1 AS ENUM ('a');" + text("ALTER TYPE e1 RENAME TO e2; ALTER TYPE e2 RENAME TO e1;\n", 200) +
			wideTable.of(n) + text("ALTER TABLE w ADD d@ int; ALTER TABLE w DROP d@;\n", 80) +
			text("ALTER TABLE t1 RENAME TO u; ALTER TABLE u RENAME TO t1;\n", 1<<20)
	}},
	then("indexes renamed among many tables", someTables, row("", "", "ALTER INDEX i1 RENAME TO i2; ALTER INDEX i2 RENAME TO i1;\n", "", "")),
	then("references renamed", someTables, row("", "CREATE TABLE r (a int REFERENCES t1, b int REFERENCES t2);", "ALTER TABLE t1 RENAME TO u; ALTER TABLE u RENAME TO t1;\n", "", "")),
	row("parents of one table", "CREATE TABLE p (a int); CREATE TABLE t (a int);", "ALTER TABLE t INHERIT p;\n", "", "ALTER TABLE p ADD b int;"),
	both("columns of a key", "CREATE TABLE t (", "c@ int", ", PRIMARY KEY (", "c@", "));"),

	then("a path of many schemas, walked", row("", "SET search_path TO ", "s@", ", ", ";").atMost(30_000), row("", "", "ALTER TABLE t ADD b int;\n", "", "")),
	then("a path of many schemas, for types", row("", "SET search_path TO ", "s@", ", ", ";").atMost(30_000), row("", "CREATE TABLE public.t (", "c@ x", ", ", ");").atMost(1600)),
	row("schemas in one another", "", "CREATE SCHEMA s@\n", "", ";"),
	then("schemas dropped among many types", row("", "", "CREATE TYPE t@ AS (a int);\n", "", "").atMost(60_000), row("", "", "DROP SCHEMA s@;\n", "", "")),
	then("schemas renamed among many types", row("", "", "CREATE TYPE t@ AS (a int);\n", "", "").atMost(60_000), row("", "", "ALTER SCHEMA s@ RENAME TO r;\n", "", "")),
	then("schemas dropped among many views", row("", "", "CREATE VIEW v@ AS SELECT 1;\n", "", "").atMost(60_000), row("", "", "DROP SCHEMA s@;\n", "", "")),
	then("like a wide table", row("", "CREATE TABLE w (", longName+"@ int", ",", ");\n").atMost(1590), row("", "", "CREATE TABLE t@ (LIKE w);\n", "", "")),
	then("partitions of a wide table", row("", "CREATE TABLE w (", longName+"@ int", ",", ") PARTITION BY LIST (a);\n").atMost(1590), row("", "", "CREATE TABLE t@ PARTITION OF w DEFAULT;\n", "", "")),
	then("heirs of a wide table", row("", "CREATE TABLE w (", longName+"@ int", ",", ");\n").atMost(1590), row("", "", "CREATE TABLE t@ (a int) INHERITS (w);\n", "", "")),
	{name: "wide tables", of: func(n int) string { return wideTables(n, longName) }},
	{name: "an heir of many wide tables", of: func(n int) string {
		return wideTables(n, "c") + row("", "CREATE TABLE u () INHERITS (", "t@", ",", ");").of(n/1590+1)
	}},
	then("refinements of a wide type", row("", "CREATE TYPE w AS (", longName+"@ int", ",", ");\n").atMost(1590), row("", "CREATE TABLE t OF w (", longName+"1590 WITH OPTIONS NOT NULL", ", ", ");\n")),
	{name: "keys of pairs", of: func(n int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "CREATE TABLE t (%s", row("", "", "c@ int", ",", "").of(200))
		for i := range n {
			fmt.Fprintf(&b, ", UNIQUE (c%d, c%d)", i/200%200+1, i%200+1)
		}
		return b.String() + ");"
	}},
	row("columns of a key of a query's table", "CREATE TABLE t AS SELECT 1; ALTER TABLE t ADD UNIQUE (", "c@", ", ", ");"),
	row("columns of a foreign key", "CREATE TABLE t AS SELECT 1; ALTER TABLE t ADD FOREIGN KEY (", "c@", ", ", ") REFERENCES t;"),
	row("columns of an index", "CREATE TABLE t AS SELECT 1; CREATE UNIQUE INDEX i ON t (", "c@", ", ", "); ALTER TABLE t ADD UNIQUE USING INDEX i;"),
	row("actions that add and drop", "CREATE TABLE t (id int); ALTER TABLE t ", "ADD c@ text, DROP c@", ", ", ";"),
	row("statements that add and drop much", "CREATE TABLE t (id int);", "ALTER TABLE t ADD c@ text, ADD d@ int, DROP c@, DROP d@;\n", "", ""),
	then("columns renamed of a wide table", wideTable, row("", "", "ALTER TABLE w RENAME c1500 TO d; ALTER TABLE w RENAME d TO c1500;\n", "", "")),
	{name: "columns that had other names", of: func(n int) string {
		var b strings.Builder
		b.WriteString(wideTable.of(n))
		for i := range n {
			fmt.Fprintf(&b, "ALTER TABLE w RENAME c%[1]d TO d%[2]d; ALTER TABLE w RENAME d%[2]d TO c%[1]d;\n", i%min(n, 1590)+1, i)
		}
		return b.String()
	}},
	{name: "columns of all names", of: func(n int) string {
		var b strings.Builder
		b.WriteString(wideTable.of(n))
		for i := range n {
			k := i%min(n, 1590) + 1
			fmt.Fprintf(&b, "ALTER TABLE w RENAME %s TO d%d_%d;\n", map[bool]string{true: fmt.Sprintf("c%d", k), false: fmt.Sprintf("d%d_%d", k, i/1590-1)}[i < 1590], k, i/1590)
		}
		return b.String()
	}},
	then("types dropped among many tables", someTables, row("", "", "CREATE TYPE e@ AS ENUM ('a'); DROP TYPE e@ CASCADE;\n", "", "")),
	then("references dropped", someTables, row("", "", "ALTER TABLE t1 ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES t2; ALTER TABLE t1 DROP CONSTRAINT f;\n", "", "")),
	then("tables dropped that many lead to", someTables, row("", "", "CREATE TABLE r (a int PRIMARY KEY); ALTER TABLE t1 ADD FOREIGN KEY (a) REFERENCES r; DROP TABLE r;\n", "", "")),
	row("inherited and not", "CREATE TABLE p (a int); CREATE TABLE t (a int);", "ALTER TABLE t INHERIT p; ALTER TABLE t NO INHERIT p;\n", "", ""),
	row("attached and not", "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE t (a int);", "ALTER TABLE p ATTACH PARTITION t DEFAULT; ALTER TABLE p DETACH PARTITION t;\n", "", ""),
	row("names of keys", "CREATE TABLE "+longName+" (a int);", "ALTER TABLE "+longName+" ADD UNIQUE (a), DROP CONSTRAINT "+longName+"_a_key;\n", "", ""),
	row("temporary tables", "", "CREATE TEMP TABLE t@ (a int); ALTER TABLE t@ RENAME TO u@; DROP TABLE u@;\n", "", ""),
	row("tables of queries", "", "CREATE TABLE t AS SELECT @; DROP TABLE t;\n", "", ""),
	row("bodies that are not quoted", "", "CREATE FUNCTION f@() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;\n", "", ""),
	long("texts beside one another", "COMMENT ON TABLE t IS ", "'a'\n", ";"),
	long("a text of codes", "SELECT U&'", `\0041`, "';"),
	long("a text of octals", "SELECT E'", `\101`, "';"),
	long("tags of dollars", "SELECT ", "$a$ $b$ $a$ ", ";"),
	row("tags of dollars that do not end", "SELECT ", "$a@$ ", "", ";"),
	long("quotes in a text", "SELECT '", "''", "';"),
	long("marks of the order of bytes", "", "\uFEFF", "SELECT 1;"),
	long("commands of psql", "", "\\c a\n", "SELECT 1;"),
	long("slashes", "SELECT ", "/ ", ";"),
	long("parts of a name", "ALTER TABLE ", "a.", "a ADD b int;"),
	long("arrays", "CREATE TABLE t (a int ", "ARRAY ", ");"),
	long("one line of statements", "CREATE TABLE t (a int);", "ALTER TABLE t ALTER a TYPE bigint; ALTER TABLE t ALTER a TYPE int;", ""),
	long("capitals", "CREATE TABLE T (A INT);", "ALTER TABLE T ALTER COLUMN A SET DEFAULT 1;\n", ""),
	long("numbers", "SELECT ", "1.2e3 ", ";"),
	long("letters of all the world", "SELECT ", "größe ", ";"),
}
