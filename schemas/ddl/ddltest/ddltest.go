// Package ddltest asks PostgreSQL itself what scripts leave behind, in a form
// in which it can be compared with what was read from them.
package ddltest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/schemas/tables"
)

// Connect connects to an empty database that t alone uses, as superuser.
func Connect(t testing.TB) *pgx.Conn {
	t.Helper()
	_, _, super := pgtest.URLs(t)
	name := "ddl_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	server := connect(t, super, "")
	exec(t, server, "CREATE DATABASE "+name+" TEMPLATE template0")
	conn := connect(t, super, name)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = conn.Close(ctx)
		_, _ = server.Exec(ctx, "DROP DATABASE IF EXISTS "+name)
		_ = server.Close(ctx)
	})
	return conn
}

func connect(t testing.TB, url, database string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	if database != "" {
		config.Database = database
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, q string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), q); err != nil {
		t.Fatal(err)
	}
}

// After runs scripts in the database, tells what they left, and undoes them.
func After(t testing.TB, conn *pgx.Conn, scripts ...string) string {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	for i, s := range scripts {
		if _, err := tx.Conn().PgConn().Exec(t.Context(), s).ReadAll(); err != nil {
			t.Fatalf("PostgreSQL refuses script %d: %v", i+1, err)
		}
	}
	return Look(t, tx)
}

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Look tells what is in the database, a line for each table, column and key.
func Look(t testing.TB, db querier) string {
	t.Helper()
	const q = `
		WITH mine AS (
		    SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relispartition
		      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		     WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
		       AND c.relpersistence <> 't' AND c.relname NOT IN ('goose_db_version', 'flyway_schema_history', 'databasechangelog', 'databasechangeloglock'))
		SELECT key, line FROM (
		SELECT name || ' 0' AS key, 'TABLE ' || name || coalesce(' -- ' || obj_description(oid, 'pg_class'), '') AS line
		  FROM mine
		UNION ALL
		SELECT name || ' 1 ' || lpad(a.attnum::text, 5, '0'),
		       '  ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
		       || coalesce(' -- ' || col_description(mine.oid, a.attnum), '')
		  FROM mine JOIN pg_attribute a ON a.attrelid = mine.oid AND a.attnum > 0 AND NOT a.attisdropped
		UNION ALL
		SELECT name || ' 2 ' || k.conname,
		       '  ' || k.conname || ' ' || k.contype::text || ' (' || (SELECT string_agg(a.attname, ',' ORDER BY n) FROM unnest(k.conkey) WITH ORDINALITY u (num, n)
		                                                        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = num) || ')'
		       || coalesce(' -> ' || (SELECT fn.nspname || '.' || f.relname FROM pg_class f JOIN pg_namespace fn ON fn.oid = f.relnamespace WHERE f.oid = k.confrelid), '')
		  FROM mine JOIN pg_constraint k ON k.conrelid = mine.oid AND k.contype IN ('p', 'u', 'f')) AS lines
		 ORDER BY key COLLATE "C"`
	// Type names are printed with their schema where the search path hides it.
	const qPath = `SELECT set_config('search_path', 'public', false)`
	if rows, err := db.Query(t.Context(), qPath); err != nil {
		t.Fatal(err)
	} else {
		rows.Close()
	}
	rows, err := db.Query(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	var key, line string
	if _, err := pgx.ForEachRow(rows, []any{&key, &line}, func() error {
		out.WriteString(line + "\n")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Read tells the same of what was read from scripts.
func Read(s *tables.State) string {
	var out strings.Builder
	for _, t := range s.All() {
		fmt.Fprintf(&out, "TABLE %s%s\n", t.Name, said(t.Doc))
		for _, c := range t.Columns {
			null := ""
			if !c.Nullable {
				null = " NOT NULL"
			}
			fmt.Fprintf(&out, "  %s %s%s%s\n", c.Name, c.Type, null, said(c.Doc))
		}
		for _, k := range sorted(t.Keys) {
			fmt.Fprintf(&out, "  %s %s (%s)", k.Name, map[tables.KeyKind]string{tables.Primary: "p", tables.Unique: "u", tables.Foreign: "f"}[k.Kind], strings.Join(k.Columns, ","))
			if k.Kind == tables.Foreign {
				fmt.Fprintf(&out, " -> %s", k.To)
			}
			out.WriteByte('\n')
		}
	}
	return out.String()
}

func sorted(keys []tables.Key) []tables.Key {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b tables.Key) int { return strings.Compare(a.Name, b.Name) })
	return keys
}

func said(doc string) string {
	if doc == "" {
		return ""
	}
	return " -- " + doc
}
