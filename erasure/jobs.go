package erasure

import (
	"context"
	"time"

	"github.com/riverqueue/river"
)

// AddWorkers adds the room's own workers: requests that go on, certificates.
// Pumps, recalls and packages belong to doors, and the clock is no job.
func AddWorkers(w *river.Workers, s *Requests) {
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, job *river.Job[Progress]) error {
		return s.Advance(ctx, job.Args.Request)
	}))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, job *river.Job[Certify]) error {
		err := s.Certify(ctx, job.Args.Request)
		if Unsealed(err) {
			return river.JobSnooze(time.Second)
		}
		return err
	}))
}
