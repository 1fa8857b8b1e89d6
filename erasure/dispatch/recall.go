package dispatch

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/protocol"
)

// Recaller works the recalls: it tells services that took a task of a
// cancelled request to stop, if it is not too late. What they did before is
// told by their own results.
type Recaller struct {
	river.WorkerDefaults[erasure.Recall]
	Dispatcher *Dispatcher
}

// Work sends one cancel message a task. A service that cannot be reached is
// tried again by the job's own retries, and then left: its task is cancelled
// here whatever it says.
func (r *Recaller) Work(ctx context.Context, job *river.Job[erasure.Recall]) error {
	d := r.Dispatcher
	recalled, err := erasure.Recalled(ctx, d.db, job.Args.Request)
	if err != nil {
		return err
	}
	for _, t := range recalled {
		s, ok, err := d.service(ctx, t.ServiceID)
		if err != nil {
			return err
		}
		if !ok || !d.clear(ctx, s) {
			continue
		}
		if err := d.recall(ctx, s, t); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dispatcher) recall(ctx context.Context, s catalog.Service, t erasure.RecalledTask) error {
	id := uuid.Must(uuid.NewV7())
	body, err := protocol.Encode(protocol.Requests{
		Spec: protocol.Spec, Type: protocol.TypeRequests, Issuer: d.conf.PublicURL, Audience: s.Ref, IssuedAt: time.Now().UTC(),
		Tasks: []protocol.Task{{
			Task: uuid.NewSHA1(t.Key, []byte("cancel")), Seq: 1, Action: protocol.Cancel, Case: t.CaseNumber, Controller: t.Controller,
			ReceivedOn: protocol.DateOf(t.ReceivedOn), DueOn: protocol.DateOf(t.DueOn), ExpiresAt: time.Now().UTC().Add(expiry),
			EraseBefore: t.EraseBefore.UTC(), Cancels: t.Key, ReplyTo: d.conf.PublicURL + "/rights/v1/results",
		}},
	})
	if err != nil {
		return err
	}
	answer := d.call(ctx, s, http.MethodPost, "/lethe/v1/tasks", id.String(), body)
	if answer.status != http.StatusAccepted {
		d.note(ctx, s, "the service was not told of a cancelled task", answer.code, 1)
	}
	return nil
}
