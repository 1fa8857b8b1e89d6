package ddl_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowmart/lethe/schemas/ddl"
	"github.com/flowmart/lethe/schemas/ddl/ddltest"
	"github.com/flowmart/lethe/schemas/tables"
)

// statement makes up a statement about few tables and columns, so that many hit
// what is there and many miss.
func statement(r *rand.Rand) string {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	table := func() string { return pick("a", "b", "c", "d", `"D"`, "s.a", "s.b", "public.a") }
	column := func() string { return pick("id", "x", "y", "z", `"X"`) }
	typ := func() string {
		return pick("int", "bigint", "text", "varchar(20)", "char", "numeric(8,2)", "timestamptz", "time(2)", "boolean", "uuid", "jsonb", "text[]", "varchar(9)[]", "mood", "s.pair", "amount", "bit varying(3)", "interval(2)")
	}
	rule := func() string {
		return pick("", "", "", "NOT NULL", "NULL", "DEFAULT NULL", "UNIQUE", "CHECK (true)", "NOT NULL UNIQUE", "REFERENCES a", "REFERENCES b (id) ON DELETE CASCADE", "CONSTRAINT k1 UNIQUE")
	}
	maybe := func(words string) string { return pick("", words+" ") }
	switch r.IntN(14) {
	case 0, 1, 2:
		parts := []string{pick("id int PRIMARY KEY", "id bigserial", "id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "id int")}
		for _, c := range []string{"x", "y", `"X"`} {
			if r.IntN(2) == 0 {
				parts = append(parts, c+" "+typ()+" "+rule())
			}
		}
		parts = append(parts, pick("CHECK (id > 0)", "UNIQUE (id)", "CONSTRAINT k2 UNIQUE (id)", "CHECK (true) NO INHERIT"))
		return "CREATE TABLE " + maybe("IF NOT EXISTS") + table() + " (" + strings.Join(parts, ", ") + ")"
	case 3:
		return "CREATE TABLE " + table() + " (LIKE " + table() + pick("", " INCLUDING ALL", " INCLUDING INDEXES", " INCLUDING COMMENTS") + ")"
	case 4:
		return "CREATE TABLE " + table() + " (z int) INHERITS (" + table() + ")"
	case 5:
		return "DROP TABLE " + maybe("IF EXISTS") + table() + maybe(" CASCADE")
	case 6:
		return "ALTER TABLE " + maybe("IF EXISTS") + table() + " ADD COLUMN " + maybe("IF NOT EXISTS") + column() + " " + typ() + " " + rule()
	case 7:
		return "ALTER TABLE " + table() + " DROP COLUMN " + maybe("IF EXISTS") + column() + maybe(" CASCADE")
	case 8:
		return "ALTER TABLE " + table() + " RENAME COLUMN " + column() + " TO " + column()
	case 9:
		return "ALTER TABLE " + maybe("IF EXISTS") + table() + pick(" RENAME TO "+pick("a", "b", "c", `"D"`), " SET SCHEMA "+pick("s", "public"))
	case 10:
		c := column()
		return "ALTER TABLE " + table() + " ALTER COLUMN " + c + " TYPE " + typ() + " USING NULL, ALTER " + column() + pick(" SET", " DROP") + " NOT NULL"
	case 11:
		return "ALTER TABLE " + table() + pick(" ADD PRIMARY KEY (id)", " ADD UNIQUE ("+column()+", "+column()+")", " ADD CONSTRAINT k3 FOREIGN KEY (x) REFERENCES "+table(),
			" DROP CONSTRAINT k1", " DROP CONSTRAINT IF EXISTS k2", " RENAME CONSTRAINT k1 TO k4", " ADD FOREIGN KEY (id) REFERENCES a (id)")
	case 12:
		return "COMMENT ON " + pick("TABLE "+table(), "COLUMN "+table()+"."+column()) + " IS " + pick("'words; and more'", "NULL", "'@tags(user.name)'")
	}
	return pick("SET search_path TO s, public", "SET search_path TO public", "ALTER TYPE mood RENAME TO mood", "SET search_path TO public, s", "COMMENT ON TYPE mood IS 'x'")
}

// codes are the refusals of PostgreSQL that are ours as well, whatever depends
// on what: no such table or column, and one that is there already.
var codes = map[string]bool{"42P01": true, "42703": true, "42P07": true, "42701": true}

// Of statements made up one after the other, those that PostgreSQL takes are
// read to the same tables, and those that it refuses for what is missing, or is
// there already, are refused here.
func TestSameAsPostgreSQLAtRandom(t *testing.T) {
	t.Parallel()
	conn := ddltest.Connect(t)
	const rounds, each = 100, 40
	taken, refused := 0, 0
	for round := range rounds {
		r := rand.New(rand.NewPCG(uint64(round), 13))
		ran := []string{"CREATE SCHEMA s", "CREATE TYPE mood AS ENUM ('ok')", "CREATE TYPE s.pair AS (first int, second text)", "CREATE DOMAIN amount AS numeric(9,2)"}
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range ran {
			if _, err := tx.Exec(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		read := func(script string) (string, error) {
			d := ddl.New()
			err := d.Run(tables.Place{File: "f.sql"}, script)
			return ddltest.Read(d.State), err
		}
		for range each {
			s := statement(r)
			inner, err := tx.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, err = inner.Exec(t.Context(), s)
			if err != nil {
				_ = inner.Rollback(t.Context())
				refused++
				no, ok := errors.AsType[*pgconn.PgError](err)
				if _, ours := read(strings.Join(append(ran, s), ";\n")); ok && codes[no.Code] && ours == nil {
					t.Errorf("PostgreSQL refuses (%s %s) what is read here:\n%s", no.Code, no.Message, strings.Join(append(ran, s), ";\n"))
				}
				continue
			}
			if err := inner.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			ran = append(ran, s)
			taken++
		}
		want := ddltest.Look(t, tx)
		got, err := read(strings.Join(append(ran, "SET search_path TO public"), ";\n"))
		if err != nil || got != want {
			t.Errorf("round %d, %v\nread:\n%s\nPostgreSQL has:\n%s\nafter:\n%s", round, err, got, want, strings.Join(ran, ";\n"))
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if taken < rounds*each/5 || refused < rounds*each/5 {
		t.Errorf("only %d statements were taken and %d refused", taken, refused)
	}
}
