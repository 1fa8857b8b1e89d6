package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// What is asked first is there when the work begins, and the last statements are
// committed with it, or not at all.
func TestWorkBriefly(t *testing.T) {
	t.Parallel()
	const qAll = `SELECT id, worth FROM account ORDER BY id`
	const qPay = `UPDATE account SET worth = worth - $2 WHERE id = $1`
	pay := func(amounts ...int) func(tx pgx.Tx, last *postgres.Batch) error {
		return func(tx pgx.Tx, last *postgres.Batch) error {
			for i, amount := range amounts {
				last.Do(qPay, i+1, amount)
			}
			return nil
		}
	}
	gone := errors.New("gone")
	for name, c := range map[string]struct {
		first func(b *postgres.Batch)
		do    func(tx pgx.Tx, last *postgres.Batch) error
		fails bool
		left  int
	}{
		"committed":             {nil, pay(10, 20), false, 170},
		"nothing at last":       {nil, pay(), false, 200},
		"the first fails":       {func(b *postgres.Batch) { b.Do(qPay, 1, 1000) }, pay(10), true, 200},
		"the last fails":        {nil, pay(10, 1000), true, 200},
		"between them":          {nil, func(tx pgx.Tx, last *postgres.Batch) error { return errors.Join(pay(10)(tx, last), gone) }, true, 200},
		"with what went before": {func(b *postgres.Batch) { b.Do(qPay, 1, 5) }, pay(10), false, 185},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := accounts(t)
			var there []balance
			err := postgres.WorkBriefly(t.Context(), db, func(first *postgres.Batch) {
				postgres.Ask(first, &there, qAll)
				if c.first != nil {
					c.first(first)
				}
			}, func(tx pgx.Tx, last *postgres.Batch) error {
				if len(there) != 2 {
					t.Errorf("%d rows were asked for", len(there))
				}
				return c.do(tx, last)
			})
			if (err != nil) != c.fails || worth(t, db) != c.left {
				t.Errorf("%v; %d are left, want %d", err, worth(t, db), c.left)
			}
			if open := openTransactions(t); open != 0 {
				t.Errorf("%d transactions are still open", open)
			}
		})
	}
}

// Both ends are tried again with what is between them.
func TestWorkBrieflyIsTriedAgain(t *testing.T) {
	t.Parallel()
	db, together := accounts(t), meet()
	errs := make(chan error, 2)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		go func() {
			const q = `UPDATE account SET worth = worth + 1 WHERE id = $1`
			errs <- postgres.WorkBriefly(ctx, db, func(first *postgres.Batch) { first.Do(q, order[0]) }, func(tx pgx.Tx, last *postgres.Batch) error {
				together()
				last.Do(q, order[1])
				return nil
			})
		}()
	}
	if err := errors.Join(<-errs, <-errs); err != nil || worth(t, db) != 204 {
		t.Errorf("%v, worth %d; want 204", err, worth(t, db))
	}
}

// What is checked only at the commit fails there, and what fails there for its
// timing is tried again.
func TestWorkBrieflyFailsAtTheCommit(t *testing.T) {
	t.Parallel()
	db, ctx := accounts(t), t.Context()
	_, owner, _ := pgtest.URLs(t)
	conn, err := pgx.Connect(ctx, owner)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(ctx, `
		CREATE SEQUENCE account_tried;
		GRANT USAGE ON account_tried TO lethe_app;
		CREATE FUNCTION account_checked() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
		    IF NEW.worth > 1000 THEN RAISE EXCEPTION 'too much' USING ERRCODE = '23514'; END IF;
		    IF nextval('account_tried') < 3 THEN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END IF;
		    RETURN NULL;
		END $$;
		CREATE CONSTRAINT TRIGGER account_checked AFTER UPDATE ON account DEFERRABLE INITIALLY DEFERRED
		    FOR EACH ROW EXECUTE FUNCTION account_checked()`)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		t.Fatal(err)
	}
	earn := func(amount int) error {
		return postgres.WorkBriefly(ctx, db, func(*postgres.Batch) {}, func(_ pgx.Tx, last *postgres.Batch) error {
			const q = `UPDATE account SET worth = worth + $1 WHERE id = 1`
			last.Do(q, amount)
			return nil
		})
	}
	if err := earn(1000); err == nil || worth(t, db) != 200 {
		t.Errorf("too much was committed: %v", err)
	}
	if err := earn(10); err != nil || worth(t, db) != 210 {
		t.Errorf("%v, worth %d; want 210", err, worth(t, db))
	}
	if open := openTransactions(t); open != 0 {
		t.Errorf("%d transactions are still open", open)
	}
}
