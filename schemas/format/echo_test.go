package format_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flowmart/lethe/internal/fault"
)

// mostEcho is how long an error may be, in bytes: what was sent may stand in it,
// and is not sent back whole.
const mostEcho = 2 << 10

// spoil changes a text at random places: words and runs that are very long are
// put in, pieces are cut out, doubled and swapped.
func spoil(rng *rand.Rand, text string) string {
	runs := []string{"a", "é", "%", "\\", "\"", "'", "`", " ", "\n", ".", "/", "#", "0", "9", "{", "(", "[", "\x00", "\xff", "$", "a.b", "~1", "word ", "\u202e", "€"}
	for range 1 + rng.IntN(3) {
		i := rng.IntN(len(text) + 1)
		j := min(len(text), i+rng.IntN(40))
		switch rng.IntN(5) {
		case 0:
			text = text[:i] + text[j:]
		case 1:
			text = text[:j] + text[i:]
		case 2:
			text = text[:i] + string(rune(rng.IntN(128))) + text[j:]
		default:
			text = text[:i] + strings.Repeat(runs[rng.IntN(len(runs))], 1<<rng.IntN(15)) + text[i:]
		}
	}
	return text
}

// However long and odd names, paths and values are that somebody sends, what is
// told of them is a fault, in UTF-8, and short: each mistake, and for a schema
// all of them together, which clients get as one message.
func TestErrorsAreShort(t *testing.T) {
	t.Parallel()
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 1))
			refused := 0
			for range rounds {
				for _, f := range l.families {
					text := spoil(rng, f.of(1+rng.IntN(4)))
					err := l.read(text)
					if err == nil {
						continue
					}
					refused++
					if said := tooMuch(l, err); said != "" {
						t.Fatalf("%s: %s\n%.300q", f.name, said, text)
					}
				}
			}
			if refused < rounds/4 {
				t.Errorf("only %d texts were refused", refused)
			}
		})
	}
}

const rounds = 40

// tooMuch says what is wrong with an error, or "".
func tooMuch(l language, err error) string {
	all := fault.All(err)
	if all == nil {
		return fmt.Sprintf("no fault: %.300v", err)
	}
	whole := 0
	for _, f := range all {
		said := f.Error()
		whole += len(said) + len("; ")
		switch {
		case len(said) > mostEcho:
			return fmt.Sprintf("%d bytes of a mistake: %.600q", len(said), said)
		case !utf8.ValidString(said):
			return fmt.Sprintf("no UTF-8: %.300q", said)
		}
	}
	if l.whole && whole > mostEcho {
		return fmt.Sprintf("%d bytes of %d mistakes: %.900q", whole, len(all), err.Error())
	}
	return ""
}

// someone stands where data do: in defaults, examples, values, rows.
const someone = "anna.maria@example.org"

// ofPeople are texts that are wrong at or beside a value which could be somebody's.
var ofPeople = map[string][]string{
	"Avro": {
		`{"type":"record","name":"R","fields":[{"name":"f","type":"int","default":"@"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"f","type":["null","string"],"default":"@"},{"name":"f","type":"in"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"f","type":{"type":"array","items":"long"},"default":[1,"@"]}]}`,
		`{"type":"record","name":"R","fields":[{"name":"f","type":{"type":"fixed","name":"F","size":3},"default":"@"}]}`,
		`{"type":"record","name":"R","example":"@","example":"@","fields":[]}`,
		`{"type":"record","name":"R","doc":"@","fields":"@"}`,
		`{"type":"record","name":"R","fields":[{"name":"f","type":"string","default":"@"} x]}`,
	},
	"JSON Schema": {
		`{"type":"strin","default":"@","examples":["@"]}`, `{"enum":"@"}`, `{"const":"@","minimum":"@"}`, `{"required":"@","default":"@"}`,
		`{"properties":{"a":{"examples":["@"],"multipleOf":"@"}}}`, `{"default":"@","default":"@"}`, `{"examples":["@"] x}`, `{"examples":["@"],"enum":["@","@"],"items":5}`,
	},
	"Protobuf": {
		`syntax = "proto3"; message M { string f = 1 [default = "@"]; }`, `syntax = "proto2"; message M { optional int32 f = 1 [default = "@"]; }`,
		`syntax = "proto2"; message M { optional bool f = 1 [default = "@"]; optional E e = 2 [default = "@"]; } enum E { A = 0; }`,
		`syntax = "proto3"; message M { string f = 1 [(nobody.knows) = "@"]; }`, `syntax = "proto3"; import "confluent/meta.proto"; message M { string f = 1 [(confluent.field_meta) = "@"]; }`,
		`syntax = "proto3"; import "confluent/meta.proto"; message M { string f = 1 [(confluent.field_meta) = { nothing: "@" }]; }`,
		`syntax = "proto3"; message M { string f = "@"; }`, `syntax = "proto3"; /* @ */ message M { f = 1; } // @`, `syntax = "@";`,
	},
	"DDL": {
		`CREATE TABLE t ('@' text);`, `ALTER TABLE t ADD a text DEFAULT '@';`, `CREATE TABLE t (a int, CHECK (a = '@'), a int);`,
		`COMMENT ON TABLE t IS '@';`, `COMMENT ON '@' IS '@';`, `CREATE TABLE t (a text DEFAULT '@`, `CREATE TABLE t (a text) '@';`, `INSERT INTO t VALUES ('@'`, `CREATE DOMAIN d AS '@';`, `SELECT $a$@`,
		`CREATE TABLE t (a text DEFAULT E'@\xzz');`, `DROP TABLE '@';`, "COPY public.t (id, a, b, c, d, e, f) FROM stdin;\nmaria\t@\n@;\n\\.\n", `CREATE TYPE e AS ENUM ('@', @);`,
	},
	"changelog.xml": {
		`<databaseChangeLog><changeSet id="1"><addColumn tableName="t"><column name="a" type="text" defaultValue="@"/></addColumn></changeSet></databaseChangeLog>`,
		`<databaseChangeLog><changeSet id="1"><insert tableName="t"><column name="a" value="@></insert></changeSet></databaseChangeLog>`,
		`<databaseChangeLog><changeSet id="1"><sql>INSERT INTO t VALUES ('@'); CREATE TABLE '@' (</sql></changeSet></databaseChangeLog>`,
	},
	"changelog.yaml": {
		"databaseChangeLog:\n- changeSet:\n    id: 1\n    changes:\n    - insert:\n        tableName: t\n        columns:\n        - column: {name: a, value: '@', '@'}\n",
		"databaseChangeLog:\n  value: '@'\n   other: '@'\n", "databaseChangeLog: \"@\n",
	},
	"changelog.json": {`{"databaseChangeLog":[{"changeSet":{"changes":[{"insert":{"columns":[{"column":{"value":"@" "@"}}]}}]}}]}`, `{"databaseChangeLog":"@`},
	"changelog.sql":  {"--liquibase formatted sql\n--changeset a:1\nCREATE TABLE t (a text DEFAULT '@' '@'; ALTER TABLE '@'"},
	"1_goose.sql":    {"-- +goose Up\nALTER TABLE '@' ADD a text DEFAULT '@';", "-- +goose Up\n-- +goose StatementBegin\nINSERT INTO t VALUES ('@'"},
	"V1__flyway.sql": {"CREATE TABLE t (a text DEFAULT '@) ${nobody};"},
	"validators.json": {
		`{"c":{"$jsonSchema":{"properties":{"a":{"enum":["@"] "@"}}}}}`, `[{"create":"c","validator":{"$jsonSchema":{"properties":{"a":{"enum":["@"],"description":"@"}}}}},{"collMod":"d"},{"drop":"e","comment":"@"}]`,
	},
	"validators.js": {`db.createCollection("c", {validator: {$jsonSchema: {properties: {a: {enum: ["@"], default: "@" "@"}}}}}); db.x.renameCollection("y")`},
	"manifest":      {"owner: ['@']\nschemas: '@'\n", "schemas:\n- {files: a, subject: b, level: '@', policy: '@', type: '@'}\n"},
}

// What could be somebody's is in no error: defaults, examples and rows are told
// by where they stand. Errors go to build logs, and further than a schema does.
func TestErrorsHoldNoValues(t *testing.T) {
	t.Parallel()
	for _, l := range languages() {
		texts := ofPeople[l.name]
		if len(texts) == 0 {
			t.Errorf("nothing is tried of %s", l.name)
		}
		for _, text := range texts {
			err := l.read(strings.ReplaceAll(text, "@", someone))
			if err != nil && strings.Contains(err.Error(), "maria") {
				t.Errorf("%s: %s\n%v", l.name, text, err)
			}
		}
	}
}
