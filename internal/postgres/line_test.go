package postgres_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// A line asks its statements through one connection, as often as one likes, and
// gives it back fit for others.
func TestLine(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	line := postgres.NewLine(db)
	soon := func() time.Time { return time.Now().Add(10 * time.Second) }
	var pids []string
	for n := range 5 {
		const q = `SELECT $1::int + 1, pg_backend_pid()`
		row, err := line.Row(soon(), q, []string{"0", "1", "2", "3", "4"}[n])
		if err != nil || row[0] != []string{"1", "2", "3", "4", "5"}[n] {
			t.Fatal(row, err)
		}
		pids = append(pids, row[1])
	}
	if len(slices.Compact(pids)) != 1 {
		t.Errorf("through %v", pids)
	}
	const none = `SELECT 1 WHERE false`
	if _, err := line.Row(soon(), none); !errors.Is(err, postgres.ErrNotFound) {
		t.Error(err)
	}
	const wrong = `SELECT $1::int`
	if _, err := line.Row(soon(), wrong, "x"); err == nil || postgres.Away(err) {
		t.Error(err)
	}
	if row, err := line.Row(soon(), wrong, "7"); err != nil || row[0] != "7" {
		t.Errorf("after a mistake: %v %v", row, err)
	}
	if n := db.Stat().AcquiredConns(); n != 1 {
		t.Errorf("%d connections are held", n)
	}
	line.Release()
	line.Release()
	if n := db.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are held of a line that gave its own back", n)
	}
}

// The deadline is kept while PostgreSQL says nothing, and means that it is away.
// It is not left on the connection for who takes it next.
func TestLineEnds(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	line := postgres.NewLine(db)
	const q = `SELECT pg_sleep(60)::text`
	if _, err := line.Row(time.Now().Add(200*time.Millisecond), q); !postgres.Away(err) {
		t.Errorf("a statement of a minute within 0.2 s: %v", err)
	}
	const short = `SELECT 1`
	until := time.Now().Add(100 * time.Millisecond)
	if _, err := line.Row(until, short); err != nil && !postgres.Away(err) { // in time, unless the machine is busy
		t.Error(err)
	}
	line.Release()
	time.Sleep(time.Until(until))
	if n, err := postgres.Scalar[int](t.Context(), db, short); err != nil || n != 1 {
		t.Errorf("the next one's statement: %d %v", n, err)
	}
}
