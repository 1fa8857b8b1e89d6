package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// An address of 32 characters: as long as a digest.
const email = "ada.lovelace-king-12@example.com"

// rootText and signatureText have the form of a root hash and of an ed25519
// signature with its key's number, 32 and 68 bytes in base64.
var (
	rootText      = strings.Repeat("A", 43) + "="
	signatureText = strings.Repeat("A", 91) + "="
)

// noteOf is a checkpoint as C2SP tlog-checkpoint and signed-note write it.
func noteOf(origin, size, root, extension, signer, signature string) string {
	return origin + "\n" + size + "\n" + root + "\n" + extension + "\n— " + signer + " " + signature + "\n"
}

// aRow is a row that each table of the log takes, column by column.
var aRow = map[string]map[string]string{
	"audit_entry":    {"id": "gen_random_uuid()", "actor_id": "'" + access.System.ID.String() + "'", "act": "'request.opened'"},
	"audit_leaf":     {"index": "0", "entry_id": "gen_random_uuid()", "hash": "sha256('a')"},
	"audit_node":     {"level": "1", "n": "0", "hash": "sha256('a')"},
	"audit_unsealed": {"entry_id": "gen_random_uuid()"},
	"audit_checkpoint": {"size": "1", "sealed_at": "now()", "note": "'" + noteOf("flowmart.example/lethe", "1",
		rootText, "sealed 2026-03-05T10:00:00Z\n", "flowmart.example/lethe", signatureText) + "'"},
}

// dresses are what an address could wear, whatever a column takes.
func dresses() []string {
	out := []string{"'" + email + "'", "convert_to('" + email + "', 'UTF8')"}
	for _, j := range []string{`"%s"`, `{"a": "%s"}`, `{"%s": 1}`, `["%s"]`, `{"a": {"%s": 1}}`, `{"a": ["%s"]}`} {
		out = append(out, "'"+fmt.Sprintf(j, email)+"'")
	}
	const log, when = "flowmart.example/lethe", "sealed 2026-03-05T10:00:00Z\n"
	for _, note := range []string{
		noteOf(email, "1", rootText, when, email, signatureText),
		noteOf(log, email, rootText, when, log, signatureText),
		noteOf(log, "1", email, when, log, signatureText),
		noteOf(log, "1", rootText, email+"\n", log, signatureText),
		noteOf(log, "1", rootText, "sealed "+email+"\n", log, signatureText),
		noteOf(log, "1", rootText, when, email, signatureText),
		noteOf(log, "1", rootText, when, log, email),
		noteOf(log, "1", rootText, when, log, signatureText) + email,
		noteOf(log, "1", rootText, when, log, signatureText) + "— " + email + " " + signatureText + "\n",
	} {
		out = append(out, "'"+note+"'")
	}
	return out
}

// insert tries a row as the server's role, and leaves nothing.
func (f *fixture) insert(t *testing.T, table string, row map[string]string) error {
	t.Helper()
	tx, err := f.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	var names, exprs []string
	for name, expr := range row {
		names, exprs = append(names, pgx.Identifier{name}.Sanitize()), append(exprs, expr)
	}
	_, err = tx.Exec(t.Context(), "INSERT INTO "+table+" ("+strings.Join(names, ", ")+") VALUES ("+strings.Join(exprs, ", ")+")")
	return err
}

// Nothing personal fits into the log: an e-mail address is refused in every
// column of every table, as text and in every dress it could wear. The tables
// and columns are the database's own list, so that none is forgotten. Only
// audit_principal holds names, of those who act, and those can be erased.
func TestNoColumnTakesAnEmailAddress(t *testing.T) {
	t.Parallel()
	f := setup(t)
	columns, err := postgres.Many[struct{ TableName, ColumnName, DataType string }](t.Context(), f.db, `
		SELECT table_name, column_name, data_type FROM information_schema.columns
		 WHERE table_schema = 'public' AND table_name LIKE 'audit\_%' AND table_name <> 'audit_principal'
		 ORDER BY table_name, ordinal_position`)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, c := range columns {
		row, known := aRow[c.TableName]
		if !known {
			t.Fatalf("%s is new: say what a row of it looks like", c.TableName)
		}
		if !slices.Contains(seen, c.TableName) {
			seen = append(seen, c.TableName)
			if err := f.insert(t, c.TableName, row); err != nil {
				t.Fatalf("%s does not take a row that is right: %v", c.TableName, err)
			}
		}
		for _, value := range dresses() {
			changed := map[string]string{c.ColumnName: value}
			for name, expr := range row {
				if name != c.ColumnName {
					changed[name] = expr
				}
			}
			f.refuses(t, c.TableName, c.ColumnName, c.DataType, value, changed)
		}
	}
	if len(seen) != len(aRow) {
		t.Errorf("tried %v", seen)
	}
}

func (f *fixture) refuses(t *testing.T, table, column, kind, value string, row map[string]string) {
	t.Helper()
	err := f.insert(t, table, row)
	pg, refused := errors.AsType[*pgconn.PgError](err)
	if !refused {
		t.Errorf("%s.%s (%s) takes %s: %v", table, column, kind, value, err)
		return
	}
	switch pg.Code {
	case "23514", "22P02", "22007", "42804", "42501": // check, malformed for the type, wrong type, no privilege
	default:
		t.Errorf("%s.%s refuses %s for another reason: %v", table, column, value, err)
	}
}
