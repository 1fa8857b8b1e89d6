package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// accounts lends a database with two rows of a table made for the test, worth 100 each.
func accounts(t *testing.T) *pgxpool.Pool {
	t.Helper()
	ctx, db := context.Background(), pgtest.New(t)
	_, owner, _ := pgtest.URLs(t)
	conn, err := pgx.Connect(ctx, owner)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `
		CREATE TABLE account (id int PRIMARY KEY, worth int NOT NULL CONSTRAINT account_overdrawn CHECK (worth >= 0));
		INSERT INTO account VALUES (1, 100), (2, 100);
		GRANT SELECT, INSERT, UPDATE ON account TO lethe_app`)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func worth(t *testing.T, db *pgxpool.Pool) int {
	t.Helper()
	n, err := postgres.Scalar[int](context.Background(), db, `SELECT sum(worth)::int FROM account`)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// meet returns a function that lets two first attempts wait for each other, so
// that they surely conflict, and lets every later attempt pass.
func meet() func() {
	var n atomic.Int32
	both := make(chan struct{})
	return func() {
		if n.Add(1) == 2 {
			close(both)
		}
		<-both
	}
}

// Two transfers read both rows, then write one each: write skew, which
// SERIALIZABLE refuses with 40001 to one of them.
func TestSerializationFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	db, together := accounts(t), meet()
	var tries atomic.Int32
	var g errgroup.Group
	for id := 1; id <= 2; id++ {
		g.Go(func() error {
			return postgres.WorkTx(t.Context(), db, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
				tries.Add(1)
				total, err := postgres.Scalar[int](t.Context(), tx, `SELECT sum(worth)::int FROM account`)
				if err != nil {
					return err
				}
				together()
				_, err = tx.Exec(t.Context(), `UPDATE account SET worth = $2 WHERE id = $1`, id, total)
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if tries.Load() < 3 {
		t.Errorf("%d attempts; the two did not conflict", tries.Load())
	}
	// One after the other: 200 + 100, then 300 + 200 or its mirror.
	if got := worth(t, db); got != 500 {
		t.Errorf("worth %d, want 500 as if one had followed the other", got)
	}
}

func TestDeadlockIsTriedAgain(t *testing.T) {
	t.Parallel()
	db, together := accounts(t), meet()
	var tries atomic.Int32
	var g errgroup.Group
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		g.Go(func() error {
			return postgres.Work(t.Context(), db, func(tx pgx.Tx) error {
				tries.Add(1)
				for i, id := range order {
					if _, err := tx.Exec(t.Context(), `UPDATE account SET worth = worth + 1 WHERE id = $1`, id); err != nil {
						return err
					}
					if i == 0 {
						together()
					}
				}
				return nil
			})
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	// The one that was rolled back may meet the other once more.
	if tries.Load() < 3 || worth(t, db) != 204 {
		t.Errorf("%d attempts, worth %d; want 3 or more and 204", tries.Load(), worth(t, db))
	}
}

// A failure that no repetition mends is not repeated.
func TestOtherFailuresAreNotTriedAgain(t *testing.T) {
	t.Parallel()
	db, tries := accounts(t), 0
	err := postgres.Work(t.Context(), db, func(tx pgx.Tx) error {
		tries++
		_, err := tx.Exec(t.Context(), `UPDATE account SET worth = -1 WHERE id = 1`)
		return err
	})
	if !postgres.Violates(err, "account_overdrawn") || postgres.Violates(err, "another") || tries != 1 {
		t.Errorf("%v after %d attempts", err, tries)
	}
	if postgres.Away(err) {
		t.Error("a broken rule is not an outage")
	}
	gaveUp := &pgconn.PgError{Code: "40001"}
	tries = 0
	err = postgres.Work(t.Context(), db, func(pgx.Tx) error { tries++; return gaveUp })
	if !errors.Is(err, gaveUp) || tries != 5 {
		t.Errorf("an endless conflict ended with %v after %d attempts, want 5", err, tries)
	}
}

// The caller goes, or panics, in the middle: the transaction is rolled back on
// the server at once and its connection is whole.
func TestNoTransactionIsLeftOpen(t *testing.T) {
	t.Parallel()
	db := accounts(t)
	spend := func(ctx context.Context, after func()) error {
		return postgres.Work(ctx, db, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE account SET worth = 0`)
			if err == nil {
				after()
			}
			return errors.Join(err, ctx.Err())
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := spend(ctx, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = spend(t.Context(), func() { panic("in the middle") })
	}()
	if open := openTransactions(t); open != 0 {
		t.Errorf("%d transactions are still open", open)
	}
	// A second writer would wait for a leaked lock.
	ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := postgres.Work(ctx, db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE account SET worth = worth + 1`)
		return err
	}); err != nil {
		t.Error(err)
	}
	if got := worth(t, db); got != 202 {
		t.Errorf("worth %d, want 202", got)
	}
}

func openTransactions(t *testing.T) int {
	t.Helper()
	_, _, super := pgtest.URLs(t)
	conn, err := pgx.Connect(context.Background(), super)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var n int
	err = conn.QueryRow(context.Background(), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL AND state <> 'active'`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRowsByName(t *testing.T) {
	t.Parallel()
	db := accounts(t)
	type account struct {
		ID    int
		Value int `db:"worth"`
	}
	one, err := postgres.One[account](t.Context(), db, `SELECT worth, id FROM account WHERE id = $1`, 2)
	if err != nil || one != (account{2, 100}) {
		t.Errorf("One = %v, %v", one, err)
	}
	many, err := postgres.Many[account](t.Context(), db, `SELECT worth, id FROM account ORDER BY id DESC`)
	if err != nil || len(many) != 2 || many[0].ID != 2 {
		t.Errorf("Many = %v, %v", many, err)
	}
	ids, err := postgres.Scalars[int](t.Context(), db, `SELECT id FROM account ORDER BY id`)
	if err != nil || len(ids) != 2 || ids[0] != 1 {
		t.Errorf("Scalars = %v, %v", ids, err)
	}
	if _, err := postgres.One[account](t.Context(), db, `SELECT worth, id FROM account WHERE id = 3`); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("One of none: %v", err)
	}
	if _, err := postgres.Scalar[int](t.Context(), db, `SELECT id FROM account WHERE id = 3`); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("Scalar of none: %v", err)
	}
	if _, err := postgres.One[account](t.Context(), db, `SELECT worth, id FROM account`); err == nil {
		t.Error("One of two: no error")
	}
}

// A text that PostgreSQL cannot keep is a mistake of whoever sent it, wherever
// it comes from.
func TestTextsThatCannotBeKept(t *testing.T) {
	t.Parallel()
	ctx, db := t.Context(), accounts(t)
	type row struct{ A string }
	for _, text := range []string{"a\x00b", "a\xffb"} {
		for name, try := range map[string]func() error{
			"One":     func() error { _, err := postgres.One[row](ctx, db, `SELECT $1::text AS a`, text); return err },
			"Many":    func() error { _, err := postgres.Many[row](ctx, db, `SELECT $1::text AS a`, text); return err },
			"Scalar":  func() error { _, err := postgres.Scalar[string](ctx, db, `SELECT $1::text`, text); return err },
			"Scalars": func() error { _, err := postgres.Scalars[string](ctx, db, `SELECT $1::text`, text); return err },
			"json": func() error {
				_, err := postgres.Scalar[string](ctx, db, `SELECT ($1::jsonb)::text`, map[string]string{"a": "\x00"})
				return err
			},
			"Work": func() error {
				return postgres.Work(ctx, db, func(tx pgx.Tx) error {
					_, err := tx.Exec(ctx, `SELECT $1::text`, text)
					return err
				})
			},
		} {
			if all := fault.All(try()); len(all) != 1 || all[0].Code != "BAD_ENCODING" || all[0].Kind != fault.Invalid {
				t.Errorf("%s of %q: %v", name, text, try())
			}
		}
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	app, _, _ := pgtest.URLs(t)
	db, err := postgres.Open(t.Context(), app, postgres.Config{Application: "open test", StatementTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name, err := postgres.Scalar[string](t.Context(), db, `SELECT current_setting('application_name') || ' ' || current_setting('timezone') || ' ' || current_setting('idle_in_transaction_session_timeout')`)
	if err != nil || name != "lethe/open test UTC 15s" {
		t.Errorf("settings %q, %v", name, err)
	}
	var pg *pgconn.PgError
	if _, err := db.Exec(t.Context(), `SELECT pg_sleep(30)`); !errors.As(err, &pg) || pg.Code != "57014" {
		t.Errorf("a statement beyond its time: %v", err)
	}
	const secret = "hunter2"
	if _, err := postgres.Open(t.Context(), "postgres://u:"+secret+"@[::1:x/db", postgres.Config{}); fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), secret) {
		t.Errorf("a bad URL: %v", err)
	}
	gone, err := postgres.Open(t.Context(), "postgres://lethe_app@127.0.0.1:1/lethe", postgres.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	if _, err := gone.Exec(t.Context(), `SELECT 1`); !postgres.Away(err) {
		t.Errorf("a server that is not there: %v", err)
	}
}
