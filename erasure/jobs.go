package erasure

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/internal/jobs"
)

// AddWorkers adds the room's own workers: requests that go on, certificates.
// Pumps, recalls and packages belong to doors, and the clock is no job.
func AddWorkers(w *river.Workers, s *Requests) {
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, job *river.Job[progress]) error {
		return s.Advance(ctx, job.Args.Request)
	}))
	river.AddWorker(w, river.WorkFunc(s.certifyAll))
}

// certifyAll issues certificates until none is wanted, or those that are left
// wait for the sealer.
func (s *Requests) certifyAll(ctx context.Context, job *river.Job[certify]) error {
	for {
		n, err := s.Certify(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		done, err := jobs.Complete(ctx, s.db, job, func(tx pgx.Tx) (bool, error) { return uncertified(ctx, tx) })
		if err == nil && !done {
			err = river.JobSnooze(time.Second)
		}
		return err
	}
}
