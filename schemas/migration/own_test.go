package migration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/schemas/ddl/ddltest"
	"github.com/flowmart/lethe/schemas/migration"
)

// Lethe's own migrations are read to the tables that Lethe's own database has,
// but for those of its queue and of the tests, which have another origin.
func TestOwnMigrations(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../../migrations/*.sql")
	if err != nil || len(names) < 20 {
		t.Fatal(names, err)
	}
	s := migration.Source{Format: "goose"}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s.Files = append(s.Files, migration.File{Path: filepath.Base(name), Text: string(raw)})
	}
	r, err := migration.Read(s)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Notes) != 3 { // a role, and an extension that may not be there, twice
		t.Errorf("%v", r.Notes)
	}
	_, _, super := pgtest.URLs(t)
	conn, err := pgx.Connect(t.Context(), super)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	var want strings.Builder
	for table := range strings.SplitSeq(strings.TrimPrefix("\n"+ddltest.Look(t, conn), "\nTABLE "), "\nTABLE ") {
		if !strings.HasPrefix(table, "public.river_") && !strings.HasPrefix(table, "pgtest.") {
			want.WriteString("TABLE " + strings.TrimSuffix(table, "\n") + "\n")
		}
	}
	if got := ddltest.Read(r.State); got != want.String() || strings.Count(got, "TABLE ") < 50 {
		t.Errorf("read:\n%s\nPostgreSQL has:\n%s", got, want.String())
	}
}
