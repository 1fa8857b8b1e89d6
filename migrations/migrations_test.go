package migrations_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/migrations"
)

// empty makes a database that no step has touched, and says how its owner
// connects to it.
func empty(t *testing.T) string {
	t.Helper()
	_, owner, super := pgtest.URLs(t)
	conn := open(t, super)
	name := "lethe_steps_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := conn.Exec(t.Context(), `CREATE DATABASE `+name+` OWNER lethe_owner`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := conn.Exec(context.Background(), `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
	})
	conf, err := pgx.ParseConfig(owner)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("postgres://%s:%s@%s:%d/%s", conf.User, conf.Password, conf.Host, conf.Port, name)
}

func open(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func step(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte("-- +goose Up\n" + text)} }

// held migrates a database to a table, and holds the table as a long report
// does.
func held(t *testing.T) (url string, steps fstest.MapFS, release func()) {
	t.Helper()
	url, steps = empty(t), fstest.MapFS{"0001_a.sql": step("CREATE TABLE thing (id int);")}
	if err := migrations.UpFrom(t.Context(), url, steps, 0); err != nil {
		t.Fatal(err)
	}
	steps["0002_b.sql"] = step("CREATE TABLE before (id int);")
	steps["0003_c.sql"] = step("ALTER TABLE thing ADD COLUMN name text;")
	long := open(t, url)
	if _, err := long.Exec(t.Context(), `BEGIN; SELECT id FROM thing`); err != nil {
		t.Fatal(err)
	}
	return url, steps, func() {
		if _, err := long.Exec(t.Context(), `COMMIT`); err != nil {
			t.Error(err)
		}
	}
}

// waitsItsTurn reads the table, and reports whether that had to wait for a lock.
func waitsItsTurn(t *testing.T, reader, watch *pgx.Conn) (waited bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	read := make(chan error, 1)
	go func() {
		_, err := reader.Exec(ctx, `SELECT id FROM thing`)
		read <- err
	}()
	for {
		select {
		case err := <-read:
			if err != nil {
				t.Fatalf("waited %t: %v", waited, err)
			}
			return waited
		case <-time.After(5 * time.Millisecond):
		}
		var blocked bool
		if err := watch.QueryRow(ctx, `SELECT cardinality(pg_blocking_pids($1)) > 0`, reader.PgConn().PID()).Scan(&blocked); err != nil {
			t.Fatal(err)
		}
		waited = waited || blocked
	}
}

// While a step waits for a lock that is not freed, others who use the table wait
// behind it for a moment and then go on; when the lock is free, the step is
// applied.
func TestAStepHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	url, steps, release := held(t)
	reader := open(t, url)
	done := make(chan error, 1)
	go func() { done <- migrations.UpFrom(t.Context(), url, steps, 5*time.Minute) }()
	watch := open(t, url)
	for waits := 0; waits < 2; { // the step tries again and again
		if waitsItsTurn(t, reader, watch) {
			waits++
		}
	}
	select {
	case err := <-done:
		t.Fatalf("the step ended while the table was held: %v", err)
	default:
	}
	release()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Exec(t.Context(), `SELECT name FROM thing`); err != nil {
		t.Errorf("the step is not applied: %v", err)
	}
}

// A lock that is never freed ends in an error that says what to do. Steps
// before stay applied, and another run goes on.
func TestAStepGivesUp(t *testing.T) {
	t.Parallel()
	url, steps, release := held(t)
	err := migrations.UpFrom(t.Context(), url, steps, time.Second)
	f, ok := errors.AsType[*fault.Fault](err)
	if !ok || f.Code != "MIGRATION_LOCKED" || !strings.Contains(f.Message, "step 3") || !strings.Contains(f.Message, "pg_stat_activity") {
		t.Errorf("%v", err)
	}
	if _, err := open(t, url).Exec(t.Context(), `SELECT id FROM before`); err != nil {
		t.Errorf("the step before is gone: %v", err)
	}
	release()
	if err := migrations.UpFrom(t.Context(), url, steps, 0); err != nil {
		t.Error(err)
	}
	// Another failure is not tried again, and says its own words.
	steps["0004_d.sql"] = step("ALTER TABLE nothing ADD COLUMN name text;")
	if err := migrations.UpFrom(t.Context(), url, steps, time.Minute); err == nil || errors.As(err, new(*fault.Fault)) {
		t.Errorf("%v", err)
	}
}
