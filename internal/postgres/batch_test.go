package postgres_test

import (
	"errors"
	"testing"

	"github.com/flowmart/lethe/internal/postgres"
)

type balance struct{ ID, Worth int }

// Statements of a batch go in their order, and each sees what those before it did.
func TestBatch(t *testing.T) {
	t.Parallel()
	db := accounts(t)
	var b postgres.Batch
	var before, after []balance
	const q = `SELECT id, worth FROM account ORDER BY id`
	postgres.Ask(&b, &before, q)
	const qPay = `UPDATE account SET worth = worth - 30 WHERE id = $1`
	b.Do(qPay, 1)
	postgres.Ask(&b, &after, q)
	if err := b.Send(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if len(before) != 2 || before[0].Worth != 100 || len(after) != 2 || after[0].Worth != 70 || after[1].Worth != 100 {
		t.Errorf("before %v, after %v", before, after)
	}
	var none postgres.Batch
	if err := none.Send(t.Context(), db); err != nil {
		t.Error(err)
	}
}

// What fails ends the batch, which leaves nothing behind, and is put into words.
func TestBatchFails(t *testing.T) {
	t.Parallel()
	db := accounts(t)
	overdrawn := errors.New("overdrawn")
	var b postgres.Batch
	const qPay = `UPDATE account SET worth = worth - $2 WHERE id = $1`
	b.Do(qPay, 1, 30)
	b.Do(qPay, 2, 130)
	b.Explain(func(err error) error {
		if postgres.Violates(err, "account_overdrawn") {
			return overdrawn
		}
		return err
	})
	var after []balance
	const q = `SELECT id, worth FROM account ORDER BY id`
	postgres.Ask(&b, &after, q)
	if err := b.Send(t.Context(), db); !errors.Is(err, overdrawn) {
		t.Errorf("got %v", err)
	}
	if after != nil || worth(t, db) != 200 {
		t.Errorf("read %v; %d are left of 200", after, worth(t, db))
	}
}
