package dispatch

import (
	"context"
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/queue"
)

// Recaller works the recalls: it tells services that took a task of a
// cancelled request to stop, if it is not too late. What they did before is
// told by their own results.
type Recaller struct {
	river.WorkerDefaults[queue.Recall]
	Dispatcher *Dispatcher
}

// Work sends one cancel message a task. What an emergency stop, an open breaker
// or a service that is down holds back is tried again, less and less often,
// until the key of the request is destroyed: its task is cancelled here
// whatever the service says.
func (r *Recaller) Work(ctx context.Context, job *river.Job[queue.Recall]) error {
	d := r.Dispatcher
	recalled, err := queue.Recalled(ctx, d.db, job.Args.Request)
	if err != nil {
		return err
	}
	untold := false
	for _, t := range recalled {
		told, err := d.tell(ctx, t)
		if err != nil {
			return err
		}
		untold = untold || !told
	}
	if untold {
		return river.JobSnooze(recallAgain(time.Since(job.CreatedAt)))
	}
	return nil
}

// recallAgain is how long a recall waits that has been tried for so long.
func recallAgain(tried time.Duration) time.Duration {
	return min(max(tried/4, 2*time.Second), 15*time.Minute)
}

// tell tells a service of one cancelled task. It reports whether the service
// has heard, or never will.
func (d *Dispatcher) tell(ctx context.Context, t queue.RecalledTask) (bool, error) {
	s, ok, err := d.service(ctx, t.ServiceID)
	if err != nil || !ok || !d.clear(ctx, s) {
		return false, err
	}
	body, err := d.cancelling(s, t)
	if err != nil {
		return false, err
	}
	r := d.call(ctx, s, http.MethodPost, "/lethe/v1/tasks", uuid.Must(uuid.NewV7()).String(), body)
	code := ""
	switch {
	case r.code == held:
		return false, nil
	case r.status == http.StatusAccepted:
	case stops[r.status] != "":
		code = stops[r.status]
	case r.code == "ENDPOINT_REJECTED" || r.status >= 300 && r.status < 400:
		code = "ENDPOINT_REJECTED"
	default:
		return false, d.untold(ctx, s, r)
	}
	if code != "" {
		d.note(ctx, s, "the service will not be told of a cancelled task", code, 1)
	}
	sum := sha256.Sum256(body)
	return true, d.queue.Told(ctx, t, code, sum[:])
}

// untold records that a cancel message did not arrive, as of any other.
func (d *Dispatcher) untold(ctx context.Context, s catalog.Service, r reply) error {
	code := r.code
	if code == "" {
		code = "SERVICE_ERROR"
	}
	d.note(ctx, s, "the service was not told of a cancelled task; will be tried again", code, 1)
	return queue.Unreached(ctx, d.db, s.ID, code, retryAfter(r.header))
}

// cancelling writes the task that cancels another. Its id follows from the
// other's, so that a service that is told twice knows it.
func (d *Dispatcher) cancelling(s catalog.Service, t queue.RecalledTask) ([]byte, error) {
	return protocol.Encode(protocol.Requests{
		Spec: protocol.Spec, Type: protocol.TypeRequests, Issuer: d.conf.PublicURL, Audience: s.Ref, IssuedAt: time.Now().UTC(),
		Tasks: []protocol.Task{{
			Task: uuid.NewSHA1(t.Key, []byte("cancel")), Seq: 1, Action: protocol.Cancel, Case: t.CaseNumber, Controller: t.Controller,
			ReceivedOn: protocol.DateOf(t.ReceivedOn), DueOn: protocol.DateOf(t.DueOn), ExpiresAt: time.Now().UTC().Add(expiry),
			EraseBefore: t.EraseBefore.UTC(), Cancels: t.Key, ReplyTo: d.conf.PublicURL + "/rights/v1/results",
		}},
	})
}
