// Package jobs is the ground floor under jobs of which one like another exists
// at a time. It knows no noun of the field.
package jobs

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// Once keeps a job from being posted again while one like it still waits or
// runs. Completed jobs do not count: what is done may be due again.
func Once() *river.InsertOpts {
	return &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: waiting}}
}

var waiting = []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
	rivertype.JobStateRetryable, rivertype.JobStateScheduled}

// Complete completes a job of which one exists at a time, unless there is more
// for it to do, and reports whether it did. Completing locks the job's row
// first, so whoever posts the job either waits and posts a new one, or has
// committed what it is about, which more sees.
func Complete[A river.JobArgs](ctx context.Context, db *pgxpool.Pool, job *river.Job[A], more func(tx pgx.Tx) (bool, error)) (done bool, err error) {
	tx, err := db.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if _, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job); err != nil {
		return false, err
	}
	if left, err := more(tx); err != nil || left {
		return false, err
	}
	return true, tx.Commit(ctx)
}
