package erasure

import (
	"context"
	"time"

	"github.com/riverqueue/river"
)

// Clock is the periodic job of what time alone makes due.
type Clock struct{}

// Kind names the job.
func (Clock) Kind() string { return "erasure.clock" }

// AddWorkers adds the room's own workers: requests that go on, certificates,
// the clock. Pumps, recalls and packages belong to doors.
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
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, _ *river.Job[Clock]) error {
		return s.Tick(ctx)
	}))
}
