package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Batch is statements that are sent together and answered in one round trip, in
// their order. Each sees what those before it did, as if it were sent alone. The
// zero Batch is empty; it is sent once.
type Batch struct {
	statements pgx.Batch
	words      []func(error) error
}

// Do puts in a statement whose rows nobody asks for.
func (b *Batch) Do(q string, args ...any) { b.statements.Queue(q, args...) }

// Ask puts in a query. Every row of it is a T in into, once the batch was sent.
func Ask[T any](b *Batch, into *[]T, q string, args ...any) {
	b.statements.Queue(q, args...).Query(func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, pgx.RowToStructByName[T])
		return err
	})
}

// Explain has an error of the batch put into words by who put in a statement; any
// other is to pass.
func (b *Batch) Explain(words func(error) error) { b.words = append(b.words, words) }

// Send sends the statements. After one that fails none is run.
func (b *Batch) Send(ctx context.Context, db DB) error {
	if b.empty() {
		return nil
	}
	return b.end(db.SendBatch(ctx, &b.statements))
}

// end reads the answers.
func (b *Batch) end(sent pgx.BatchResults) error {
	err := legible(sent.Close())
	for _, words := range b.words {
		err = words(err)
	}
	return err
}

func (b *Batch) empty() bool { return b.statements.Len() == 0 }

// commit sends the statements, and ends the transaction after them. After one that
// fails it is not ended.
func (b *Batch) commit(ctx context.Context, tx pgx.Tx) error {
	done := ""
	b.statements.Queue("commit").Exec(func(is pgconn.CommandTag) error {
		done = is.String()
		return nil
	})
	err := b.Send(ctx, tx)
	if err == nil && done != "COMMIT" {
		err = pgx.ErrTxCommitRollback
	}
	return err
}
