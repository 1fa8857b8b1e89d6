package scenarios_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/certificate"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/internal/devstack"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// needles are the forms in which an identifier could have been left behind.
type needles struct{ devstack.Traces }

func needlesOf(identifiers ...string) needles { return needles{devstack.TracesOf(identifiers...)} }

func (n needles) in(text string) bool { return n.In([]byte(text)) }

// database lists the tables of the test's main database in which one is found.
func (n needles) database(t *testing.T) []string {
	t.Helper()
	_, _, super := pgtest.URLs(t)
	return n.dump(t, super)
}

// dump searches every row of every table, as a superuser.
func (n needles) dump(t *testing.T, super string) (hits []string) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), super)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	rows, err := db.Query(t.Context(), `SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
		WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables { // PostgreSQL quoted its name itself
		rows, err := db.Query(t.Context(), `SELECT t::text FROM `+table+` AS t`)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if n.in(line) {
				hits = append(hits, table)
				break
			}
		}
	}
	return hits
}

// directory lists the files below dir in which one is found.
func (n needles) directory(t *testing.T, dir string) (hits []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && n.in(string(text)) {
			hits = append(hits, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

// statement is what a certificate says.
type statement struct{ certificate.Statement }

// certified verifies the certificate of a request offline, by fingerprints
// known from elsewhere, and reads it.
func (c *company) certified(r request) statement {
	c.t.Helper()
	keys, err := audit.LoadKeys(filepath.Join(c.files, "checkpoint.key.pub"))
	if err != nil {
		c.t.Fatal(err)
	}
	trusted := certificate.Keys{Signing: signature.Fingerprint(c.keys[0].Public)}
	for _, k := range keys {
		trusted.Audit = append(trusted.Audit, k.Fingerprint())
	}
	s, err := certificate.Verify([]byte(r.Certificate.JSON), trusted)
	if err != nil {
		c.t.Fatalf("the certificate does not hold: %v", err)
	}
	return statement{s}
}

func (s statement) count(outcome string) (n int) {
	for _, node := range s.Nodes {
		if node.Outcome == outcome {
			n++
		}
	}
	return n
}

// sum is the hex SHA-256 of a text.
func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}
