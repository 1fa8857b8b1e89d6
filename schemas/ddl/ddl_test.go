package ddl_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/ddl"
	"github.com/flowmart/lethe/schemas/tables"
)

// A mistake is told with its place, and what to do about it. The places are
// counted by hand.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, script, want string }{
		{"no statement", "CREAT TABLE t (a int);", "f.sql:1:1 BAD_SQL: here stands creat where a statement of PostgreSQL was expected"},
		{"no type", "CREATE TABLE t (\n  a int,\n  b, c int);", "f.sql:3:4 BAD_SQL: here stands , where the type of the column b was expected"},
		{"no comma", "CREATE TABLE t (a int b int);", "f.sql:1:23 BAD_SQL: here stands b where a comma, or a constraint of the column a was expected"},
		{"no end of the list", "CREATE TABLE t (a int", "f.sql:1:22 BAD_SQL: here stands the end of the statement where a comma, or the closing parenthesis was expected"},
		{"twice", "CREATE TABLE t (a int, a text)", "f.sql:1:30 BAD_SQL: here stands ) where a column of another name than a was expected"},
		{"a string without an end", "SELECT 1;\nCOMMENT ON TABLE t IS 'ä", "f.sql:2:23 BAD_SQL: this string has no end; a quote in a string is written twice"},
		{"a name without an end", `ALTER TABLE "t`, "f.sql:1:13 BAD_SQL: this name has no end; write \" where it ends"},
		{"a comment without an end", "/* /* */ CREATE TABLE t (a int);", "f.sql:1:1 BAD_SQL: this comment has no end; write */ where it ends"},
		{"a quoted body without an end", "DO $x$ BEGIN", "f.sql:1:4 BAD_SQL: this string has no end; write $x$ where it ends"},
		{"no such table", "CREATE TABLE orders (a int);\nALTER TABLE order_ ADD b int;", `f.sql:2:1 TABLE_UNKNOWN: there is no table public.order_ here; give the files that make it, before this one; did you mean "public.orders"?`},
		{"no such column", "CREATE TABLE t (email text);\n\nALTER TABLE t DROP COLUMN emial;", `f.sql:3:1 COLUMN_UNKNOWN: the table public.t has no column emial here; give the files that make it, before this one; did you mean "email"?`},
		{"there already", "CREATE TABLE t (a int);\nCREATE TABLE t (b int);", "f.sql:2:1 ALREADY_THERE: the table public.t is there already, since f.sql:1:1; drop it first, or write IF NOT EXISTS"},
		{"no action", "CREATE TABLE t (a int); ALTER TABLE t MODIFY a text;", "f.sql:1:39 BAD_SQL: here stands modify where an action on the table, such as ADD COLUMN was expected"},
		{"all of them", "CREAT;\nCREATE TABLE t (a int);\nALTER TABLE t DROP b;\nALTER TABLE t ADD c text", "f.sql:1:1 BAD_SQL: here stands creat where a statement of PostgreSQL was expected|" +
			"f.sql:3:1 COLUMN_UNKNOWN: the table public.t has no column b here; give the files that make it, before this one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range fault.All(ddl.New().Run(tables.Place{File: "f.sql"}, c.script)) {
				got = append(got, fmt.Sprintf("%s %s: %s", strings.Join(f.Path, ":"), f.Code, f.Message))
			}
			if s := strings.Join(got, "|"); s != c.want {
				t.Errorf("%s, want %s", s, c.want)
			}
		})
	}
}

// What cannot be seen through is noted, and what is missing afterwards is no
// mistake: a DO block may have made it.
func TestNotes(t *testing.T) {
	t.Parallel()
	d := ddl.New()
	script := "DO $$ BEGIN CREATE TABLE x (a int); END $$;\nALTER TABLE x ADD b int;\nCREATE TABLE y AS SELECT 1 AS a;\nSELECT a INTO z FROM y;\nCREATE MATERIALIZED VIEW m AS SELECT 1;\nROLLBACK;\nCREATE TABLE q (a, b) AS VALUES (1, 2);\nALTER TABLE q ADD PRIMARY KEY USING INDEX i;"
	if err := d.Run(tables.Place{File: "f.sql"}, script); err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, n := range d.Notes {
		if n.Message == "" || n.Mend == "" {
			t.Errorf("%+v does not say what is amiss and what to do", n)
		}
		at = append(at, fmt.Sprint(n.At.Line))
	}
	if s := strings.Join(at, " "); s != "1 2 3 4 5 6 7 8" {
		t.Errorf("notes of the lines %s", s)
	}
	for _, name := range []string{"y", "z", "q"} {
		if table, err := d.State.Table(tables.Name{Schema: "public", Table: name}); err != nil || !table.Open || len(table.Keys) > 0 {
			t.Errorf("%s: %+v, %v", name, table, err)
		}
	}
}

// What pg_dump writes is read as it is: commands to psql, rows of COPY, an
// empty search path, sequences and views as if they were tables.
func TestDump(t *testing.T) {
	t.Parallel()
	d := ddl.New()
	script := `\restrict abc
SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.customer (
    id integer NOT NULL,
    email character varying(200)
);
ALTER TABLE public.customer OWNER TO shop;
CREATE SEQUENCE public.customer_id_seq AS integer START WITH 1;
ALTER TABLE public.customer_id_seq OWNER TO shop;
ALTER SEQUENCE public.customer_id_seq OWNED BY public.customer.id;
ALTER TABLE ONLY public.customer ALTER COLUMN id SET DEFAULT nextval('public.customer_id_seq'::regclass);
COPY public.customer (id, email) FROM stdin;
1	it's; a 'trap
2	\N
\.
ALTER TABLE ONLY public.customer
    ADD CONSTRAINT customer_pkey PRIMARY KEY (id);
\unrestrict abc
`
	if err := d.Run(tables.Place{File: "dump.sql"}, script); err != nil {
		t.Fatal(err)
	}
	customer, err := d.State.Table(tables.Name{Schema: "public", Table: "customer"})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.State.All()) != 1 || len(customer.Columns) != 2 || len(customer.Keys) != 1 || customer.Columns[1].At.String() != "dump.sql:6:5" || len(d.Notes) != 0 {
		t.Errorf("%+v, %v", customer, d.Notes)
	}
}

// Input that is made to hurt is read or refused quickly, whatever it nests.
func TestHostileScripts(t *testing.T) {
	t.Parallel()
	const n = 1_000_000
	for name, script := range map[string]string{
		"parentheses":  "CREATE TABLE t (a int DEFAULT " + strings.Repeat("(", n) + strings.Repeat(")", n) + ")",
		"never closed": "CREATE TABLE t (a int DEFAULT " + strings.Repeat("(", 5*n),
		"a sum":        "CREATE TABLE t (a int DEFAULT 1" + strings.Repeat("+1", n) + ")",
		"comments":     strings.Repeat("/*", n) + strings.Repeat("*/", n),
		"brackets":     "CREATE TABLE t (a int" + strings.Repeat("[]", n) + ")",
		"columns":      "CREATE TABLE t (a0 int" + strings.Repeat(", a int", 100) + ")",
		"semicolons":   strings.Repeat(";", 10*n),
		"one line":     strings.Repeat("ALTER TABLE t ADD a int; ", 100_000),
		"rows":         "INSERT INTO t VALUES " + strings.Repeat("('a', 1),", n),
		"strings":      "COMMENT ON TABLE t IS 'a'" + strings.Repeat("\n'a'", n),
		"dots":         "ALTER TABLE a" + strings.Repeat(".a", n),
		"dollars":      strings.Repeat("$a", n),
		"backslashes":  strings.Repeat("\\\n", n),
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			if took := cputest.Thread(func() { err = ddl.New().Run(tables.Place{File: "f.sql"}, script) }); took > slack*time.Second {
				t.Errorf("took %v of a processor", took)
			}
			for _, f := range fault.All(err) {
				if len(f.Message) > 2000 {
					t.Errorf("a message of %d bytes", len(f.Message))
				}
			}
		})
	}
}

// A few lines that copy copies are refused before they fill the memory, and
// nothing behind them is read.
func TestCopiesOfCopies(t *testing.T) {
	t.Parallel()
	wide := "CREATE TABLE t (c0 int"
	for i := 1; i < 1600; i++ {
		wide += fmt.Sprintf(", c%d int", i)
	}
	wide += ")"
	each := func(n int, form string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, strings.ReplaceAll(form, "NEXT", "%[2]d"), i, i+1)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ script, code, says string }{
		"a table twice over":  {"CREATE TABLE t (a int); CREATE TABLE u (LIKE t, LIKE t)", "BAD_SQL", "a column of another name than a"},
		"a parent twice":      {"CREATE TABLE t (a int); CREATE TABLE u () INHERITS (t, t)", "BAD_SQL", "each parent once"},
		"types of types":      {"CREATE TYPE t0 AS (a int, b int);" + each(40, "CREATE TYPE tNEXT AS (a t%[1]d, b t%[1]d);"), "BAD_SQL", "at most 1600"},
		"a wide table":        {wide + "; ALTER TABLE t ADD one_more int", "BAD_SQL", "at most 1600"},
		"wider at once":       {strings.TrimSuffix(wide, ")") + ", one_more int)", "BAD_SQL", "at most 1600"},
		"partitions":          {wide + " PARTITION BY RANGE (c0);" + each(5000, "CREATE TABLE p%[1]d PARTITION OF t DEFAULT;"), tables.TooLarge, "160000 steps"},
		"in every partition":  {"CREATE TABLE t (a int);" + each(1000, "CREATE TABLE p%[1]d PARTITION OF t DEFAULT;") + each(1000, "ALTER TABLE t ADD c%[1]d int, DROP c%[1]d;"), tables.TooLarge, "160000 steps"},
		"tables":              {each(5000, "CREATE TABLE t%[1]d ();"), tables.TooLarge, "4000 tables"},
		"all again and again": {each(4000, "CREATE TABLE t%[1]d ();") + strings.Repeat("DROP SCHEMA nix;", 2501), tables.TooLarge, "160000 steps"},
		"led to":              {"CREATE TABLE t (a int); CREATE TABLE u (a int);" + each(900, "ALTER TABLE u ADD CONSTRAINT k%[1]d FOREIGN KEY (a) REFERENCES t;") + strings.Repeat("ALTER TABLE t RENAME TO r; ALTER TABLE r RENAME TO t;", 2000), tables.TooLarge, "160000 steps"},
		"keys":                {"CREATE TABLE t (a int);" + each(2000, "ALTER TABLE t ADD CHECK (a > %[1]d), ADD UNIQUE (a);"), tables.TooLarge, "at most 1000 keys"},
		"keys at once":        {"CREATE TABLE t (a int" + each(2000, ", FOREIGN KEY (a) REFERENCES t") + ")", tables.TooLarge, "at most 1000 keys"},
		"columns of a key":    {"CREATE TABLE t AS SELECT 1; ALTER TABLE t ADD UNIQUE (a" + each(50, ", c%[1]d") + ")", "KEY_TOO_WIDE", "at most 32 columns"},
		"columns of an index": {"CREATE TABLE t AS SELECT 1; CREATE UNIQUE INDEX i ON t (a" + each(50, ", c%[1]d") + ")", "KEY_TOO_WIDE", "at most 32 columns"},
		"a long path":         {"SET search_path TO a" + each(200, ", s%[1]d"), "PATH_TOO_LONG", "at most 100 schemas"},
		"a long path, set":    {"SELECT set_config('search_path', 'a" + each(200, ", s%[1]d") + "', false)", "PATH_TOO_LONG", "at most 100 schemas"},
		"schemas in schemas":  {each(2000, "CREATE SCHEMA s%[1]d ") + ";", "BAD_SQL", "what stands in the schema"},
		"wide parents":        {wide + "; CREATE TABLE u (other int); CREATE TABLE v () INHERITS (u, t)", "BAD_SQL", "at most 1600"},
		"types and schemas":   {each(2000, "CREATE TYPE t%[1]d AS (a int);") + strings.Repeat("DROP SCHEMA nix;", 700), tables.TooLarge, "160000 steps"},
	} {
		t.Run(name, func(t *testing.T) {
			d := ddl.New()
			all := fault.All(d.Run(tables.Place{File: "f.sql"}, c.script))
			if len(all) == 0 || all[0].Code != c.code || !strings.Contains(all[0].Message, c.says) {
				t.Fatalf("%v, want %s: …%s…", all, c.code, c.says)
			}
			if c.code == tables.TooLarge && (len(all) > 1 || d.Run(tables.Place{File: "g.sql"}, "CREAT") != nil) {
				t.Errorf("read on: %v", all)
			}
		})
	}
}

// Of very many mistakes the first are told, with what was perhaps meant for some
// of them: looking for that is dear.
func TestManyMistakes(t *testing.T) {
	t.Parallel()
	d := ddl.New()
	if err := d.Run(tables.Place{File: "f.sql"}, "CREATE TABLE orders (a int)"); err != nil {
		t.Fatal(err)
	}
	var all []*fault.Fault
	for range 100 {
		all = append(all, fault.All(d.Run(tables.Place{File: "f.sql"}, strings.Repeat("DROP TABLE order_;", 30)))...)
	}
	meant := 0
	for _, f := range all {
		if strings.Contains(f.Message, "did you mean") {
			meant++
		}
	}
	if len(all) != 500 || meant != 100 {
		t.Errorf("%d mistakes, %d with a hint, want 500 and 100", len(all), meant)
	}
}

// Whatever is read, nothing panics, every mistake has a place, and reading it
// again says the same.
func FuzzRun(f *testing.F) {
	for _, s := range []string{
		"CREATE TABLE t (a int, b text DEFAULT 'x' NOT NULL, UNIQUE (a));", "ALTER TABLE t RENAME a TO b, ADD c int[] REFERENCES t (a);",
		"CREATE TABLE p (a int) PARTITION BY RANGE (a); CREATE TABLE q PARTITION OF p DEFAULT; DROP TABLE p;", "COMMENT ON COLUMN a.b.c IS U&'\\0061';",
		"CREATE TYPE t AS (a int); CREATE TABLE u OF t; DROP TYPE t CASCADE", "CREATE DOMAIN d AS text; ALTER DOMAIN d RENAME TO e;", "COPY t FROM stdin;\n1\n\\.\n", "$a$ $a$",
		"CREATE TABLE t (a int); CREATE TABLE u () INHERITS (t); ALTER TABLE t DROP a; ALTER TABLE u INHERIT t; ALTER TABLE t INHERIT u; ALTER TABLE t ADD b int; DROP TABLE t",
		"SELECT set_config('search_path', '', false); CREATE TABLE t (a int)", "CREATE SCHEMA s CREATE TABLE t (a int)", "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END;",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, script string) {
		d := ddl.New()
		err := d.Run(tables.Place{File: "f.sql"}, script)
		for _, f := range fault.All(err) {
			if len(f.Path) != 1 || !strings.HasPrefix(f.Path[0], "f.sql:") || f.Message == "" {
				t.Errorf("%v has no place", f)
			}
		}
		if err != nil && fault.All(err) == nil {
			t.Errorf("%v is no fault", err)
		}
		again := ddl.New()
		if err2 := again.Run(tables.Place{File: "f.sql"}, script); fmt.Sprint(err2) != fmt.Sprint(err) || fmt.Sprint(again.State.All()) != fmt.Sprint(d.State.All()) {
			t.Errorf("read differently the second time: %v, %v", err, err2)
		}
		if changes := tables.Diff(d.State, tables.Of(d.State.All())); len(changes) != 0 {
			t.Errorf("a state differs from itself: %v", changes)
		}
	})
}

// A script of 200 statements of ten columns.
func BenchmarkRun(b *testing.B) {
	var script strings.Builder
	for i := range 200 {
		fmt.Fprintf(&script, "CREATE TABLE t%d (id bigint PRIMARY KEY", i)
		for c := range 9 {
			fmt.Fprintf(&script, ", column_%d varchar(200) NOT NULL DEFAULT 'none'", c)
		}
		script.WriteString(");\n")
	}
	b.SetBytes(int64(script.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if err := ddl.New().Run(tables.Place{}, script.String()); err != nil {
			b.Fatal(err)
		}
	}
}
