package pgtest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// The lent pool is the server's role: neither superuser nor owner of anything.
func TestRoleOwnsNothing(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), pgtest.New(t)
	var who string
	var super, owns, creates bool
	err := db.QueryRow(ctx, `SELECT current_user, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
		EXISTS (SELECT FROM pg_class WHERE relowner = current_user::regrole),
		has_schema_privilege('public', 'CREATE')`).Scan(&who, &super, &owns, &creates)
	if err != nil {
		t.Fatal(err)
	}
	if who != "lethe_app" || super || owns || creates {
		t.Errorf("connected as %s, superuser %t, owner %t, may create %t; want lethe_app and no right", who, super, owns, creates)
	}
}

func TestSameTestSameDatabase(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), pgtest.New(t)
	if pgtest.New(t) != db {
		t.Error("the second call lent another pool")
	}
	app, owner, super := pgtest.URLs(t)
	for _, url := range []string{app, owner, super} {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := conn.Config().Database, db.Config().ConnConfig.Database; got != want {
			t.Errorf("URL leads to %s, pool to %s", got, want)
		}
		conn.Close(ctx)
	}
	if ks := pgtest.NewKeystore(t); ks.Config().ConnConfig.Database == db.Config().ConnConfig.Database {
		t.Error("the key store is the main database")
	}
}

// A database is lent again as it was: rows of tests gone, rows of migrations
// back, sequences at their start.
func TestLentAgainAsNew(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	counts := func(t *testing.T, url string) string {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		var all string
		err = conn.QueryRow(ctx, `
			SELECT string_agg(concat_ws(' ', c.relname, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I', c.relname), false, true, '')))[1]), ',' ORDER BY c.relname)
			FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`).Scan(&all)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	var first string
	for n := range 3 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			_, _, super := pgtest.URLs(t)
			if n == 0 {
				first = counts(t, super)
			} else if got := counts(t, super); got != first {
				t.Errorf("rows\n%s\nwant\n%s", got, first)
			}
			conn, err := pgx.Connect(ctx, super)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(ctx)
			// A row of the migrations goes, rows of the test come.
			_, err = conn.Exec(ctx, `DELETE FROM goose_db_version WHERE version_id = 1; INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`, pgx.QueryExecModeSimpleProtocol)
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A test that changes the schema does not spoil it for the next.
func TestChangedSchemaIsNotLentAgain(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for n := range 2 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			_, owner, _ := pgtest.URLs(t)
			conn, err := pgx.Connect(ctx, owner)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(ctx)
			if _, err := conn.Exec(ctx, `CREATE TABLE left_behind (id int)`); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// What one test set on a connection, the next does not find.
func TestSettingsDoNotLeak(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for n := range 2 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			db := pgtest.New(t)
			var zone string
			if err := db.QueryRow(ctx, `SHOW timezone`).Scan(&zone); err != nil || zone != "UTC" {
				t.Errorf("time zone %q, %v", zone, err)
			}
			if _, err := db.Exec(ctx, `SET timezone = 'Asia/Tokyo'`); err != nil {
				t.Error(err)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	ctx := context.Background()
	pgtest.New(b) // the server and the template are not what is measured
	for b.Loop() {
		start := time.Now()
		func() {
			lent := &borrower{TB: b}
			defer lent.end()
			if _, err := pgtest.New(lent).Exec(ctx, `SELECT 1`); err != nil {
				b.Fatal(err)
			}
		}()
		b.ReportMetric(float64(time.Since(start).Microseconds())/1000, "ms/last")
	}
}

// borrower is a test that ends when the benchmark says so.
type borrower struct {
	testing.TB
	cleanups []func()
}

func (b *borrower) Cleanup(f func()) { b.cleanups = append(b.cleanups, f) }
func (b *borrower) end() {
	for _, f := range b.cleanups {
		f()
	}
}
