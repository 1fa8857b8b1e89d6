package migration_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/ddl/ddltest"
	"github.com/flowmart/lethe/schemas/migration"
)

// files are pairs of a path and a text.
func files(pairs ...string) []migration.File {
	var out []migration.File
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, migration.File{Path: pairs[i], Text: pairs[i+1]})
	}
	return out
}

func faults(err error) []string {
	out := []string{}
	for _, f := range fault.All(err) {
		out = append(out, strings.Join(f.Path, ".")+" "+f.Code)
	}
	return out
}

// ran lists the files that changed anything, in order, each once.
func ran(r migration.Result) string {
	var out []string
	for _, c := range r.State.Log() {
		if len(out) == 0 || out[len(out)-1] != c.At.File {
			out = append(out, c.At.File)
		}
	}
	return strings.Join(out, " ")
}

// The order in which Flyway runs migrations, after its documentation: versions
// by their numbers, repeatable ones last, undo ones never, nothing before the
// latest baseline.
func TestFlywayOrder(t *testing.T) {
	t.Parallel()
	table := func(n string) string { return fmt.Sprintf("CREATE TABLE %s (id int);", n) }
	for _, c := range []struct {
		name  string
		files []migration.File
		want  string
		notes int
	}{
		{"numbers, not letters", files("V10__b.sql", table("b"), "V9__a.sql", table("a"), "V9.1__c.sql", table("c"), "V9_2__d.sql", table("d"), "sub/V1__e.sql", table("e")),
			"sub/V1__e.sql V9__a.sql V9.1__c.sql V9_2__d.sql V10__b.sql", 0},
		{"zeros in front", files("V002__b.sql", table("b"), "V10__c.sql", table("c"), "V1__a.sql", table("a"), "V20260101120000__d.sql", table("d")),
			"V1__a.sql V002__b.sql V10__c.sql V20260101120000__d.sql", 0},
		{"repeatable last, undo never", files("R__a_view.sql", table("r"), "V1__a.sql", table("a"), "U1__a.sql", "DROP TABLE a;", "R__B.sql", table("q"), "V1.sql", table("never")),
			"V1__a.sql V1.sql", 0},
		{"from the baseline on", files("V1__a.sql", table("a"), "V2__b.sql", table("b"), "V3__c.sql", table("c"), "B2__all.sql", table("ab"), "B1__old.sql", table("o")),
			"B2__all.sql V3__c.sql", 0},
		{"what is none by its name", files("V1__a.sql", table("a"), "notes.sql", table("b"), "V2_c.sql", table("c"), "V3__java.java", "", "readme.md", ""), "V1__a.sql", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := migration.Read(migration.Source{Format: "flyway", Files: c.files})
			if strings.HasPrefix(c.name, "repeatable") {
				if got := faults(err); !reflect.DeepEqual(got, []string{"V1__a.sql:1:1 VERSION_TWICE"}) {
					t.Errorf("%q", got)
				}
				if got, want := ran(r), "V1.sql V1__a.sql R__B.sql R__a_view.sql"; got != want {
					t.Errorf("%s, want %s", got, want)
				}
				return
			}
			if err != nil || ran(r) != c.want || len(r.Notes) != c.notes {
				t.Errorf("%s, want %s; %v, %v", ran(r), c.want, r.Notes, err)
			}
		})
	}
}

// Placeholders have the values that are given, and Flyway's own; one without a
// value is told at its place.
func TestPlaceholders(t *testing.T) {
	t.Parallel()
	text := "-- ${nothing}\nCREATE TABLE ${flyway:defaultSchema}.${name} (id int);\nALTER TABLE ${other} ADD a int;"
	s := migration.Source{Format: "flyway", Files: files("V1__a.sql", text), Placeholders: map[string]string{"name": "customer"}}
	_, err := migration.Read(s)
	if got := faults(err); !reflect.DeepEqual(got, []string{"V1__a.sql:3:13 PLACEHOLDER_UNKNOWN"}) {
		t.Errorf("%q", got)
	}
	s.Placeholders["other"] = "customer"
	r, err := migration.Read(s)
	if err != nil || ddltest.Read(r.State) != "TABLE public.customer\n  id integer\n  a integer\n" {
		t.Errorf("%s %v", ddltest.Read(r.State), err)
	}
}

var gooseFiles = []string{
	"00001_first.sql", `-- A comment before.
-- +goose Up
CREATE TABLE customer (
    id bigint PRIMARY KEY, -- +goose is not here
    email text NOT NULL
);
CREATE TABLE gone (a int);

-- +goose Down
DROP TABLE customer;
`,
	"00010_tenth.sql", `-- +goose NO TRANSACTION
-- +goose Up
ALTER TABLE customer RENAME COLUMN email TO mail;
-- +goose Down
ALTER TABLE customer RENAME COLUMN mail TO email;
`,
	"00002_second.sql", `-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RETURN 1;
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TABLE orders (id int PRIMARY KEY, customer bigint REFERENCES customer)
-- +goose StatementEnd
DROP TABLE gone;
COMMENT ON COLUMN customer.email IS 'Where; @tags(user.contact.email)';

-- +goose Down
-- +goose StatementBegin
DROP TABLE orders;
-- +goose StatementEnd
`,
	"notes.txt", "nothing",
}

// What is read of goose's migrations is what goose itself leaves in PostgreSQL.
func TestSameAsGoose(t *testing.T) {
	t.Parallel()
	conn := ddltest.Connect(t)
	dir := fstest.MapFS{}
	for _, f := range files(gooseFiles...) {
		dir[f.Path] = &fstest.MapFile{Data: []byte(f.Text)}
	}
	db := stdlib.OpenDB(*conn.Config())
	t.Cleanup(func() { _ = db.Close() })
	p, err := goose.NewProvider(goose.DialectPostgres, db, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := migration.Read(migration.Source{Format: "goose", Files: files(gooseFiles...)})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ddltest.Read(r.State), ddltest.Look(t, conn); got != want {
		t.Errorf("read:\n%s\ngoose left:\n%s", got, want)
	}
	if got, want := ran(r), "00001_first.sql 00002_second.sql 00010_tenth.sql"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	at := r.State.All()[0].Columns[1].At
	if at.String() != "00010_tenth.sql:3:36" {
		t.Errorf("the column was last named at %s", at)
	}
}

func TestGooseMistakes(t *testing.T) {
	t.Parallel()
	s := migration.Source{Format: "goose", Placeholders: map[string]string{"NAME": "t"}, Files: files(
		"1_a.sql", "CREATE TABLE a (id int);", "2_b.sql", "-- +goose Up\n\nCREAT;", "3_c.go", "package main", "002_d.sql", "-- +goose Up\n-- +goose ENVSUB ON\nCREATE TABLE ${NAME} (id int);")}
	r, err := migration.Read(s)
	if got := faults(err); !reflect.DeepEqual(got, []string{"2_b.sql:1:1 VERSION_TWICE", "1_a.sql:1:1 NO_UP", "2_b.sql:3:1 BAD_SQL"}) || len(r.Notes) != 1 {
		t.Errorf("%q, %v", got, r.Notes)
	}
	if got := ddltest.Read(r.State); got != "TABLE public.t\n  id integer\n" {
		t.Error(got)
	}
}

func TestUnknownFormat(t *testing.T) {
	t.Parallel()
	_, err := migration.Read(migration.Source{Format: "flywai", Files: files("a", "b")})
	if err == nil || !strings.Contains(err.Error(), `did you mean "flyway"?`) {
		t.Error(err)
	}
}
