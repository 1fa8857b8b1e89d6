package erasure

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// AddWorkers adds the room's own workers: requests that go on, certificates.
// Pumps, recalls and packages belong to doors, and the clock is no job.
func AddWorkers(w *river.Workers, s *Requests) {
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, job *river.Job[Progress]) error {
		return s.Advance(ctx, job.Args.Request)
	}))
	river.AddWorker(w, river.WorkFunc(s.certifyAll))
}

// certifyAll issues certificates until none is wanted, or those that are left
// wait for the sealer.
func (s *Requests) certifyAll(ctx context.Context, job *river.Job[Certify]) error {
	for {
		n, err := s.Certify(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		done, err := Complete(ctx, s.db, job, func(tx pgx.Tx) (bool, error) { return Uncertified(ctx, tx) })
		if err == nil && !done {
			err = river.JobSnooze(time.Second)
		}
		return err
	}
}

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
