package erasure

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// RetryTask asks a service again: at once if its task only waits for its next
// attempt, in a new round if the task had stopped, or the service contradicted
// itself or left a part. A probe that found the person again after what was
// done about it has all that was found erased again, under new tasks; the one of
// its service is returned.
func (s *Requests) RetryTask(ctx context.Context, by access.Principal, key uuid.UUID) (t task.Task, err error) {
	if err := by.Require(access.Handler, access.Approver); err != nil {
		return t, err
	}
	request, err := task.RequestOf(ctx, s.db, key)
	if err != nil {
		return t, err
	}
	_, err = s.act(ctx, request, func(tx pgx.Tx, r *Request) error {
		found, err := task.ByKey(ctx, tx, []uuid.UUID{key})
		if err != nil {
			return err
		}
		if t = found[key]; t.Action == task.Probe && t.State == task.Done {
			t, err = s.eraseAgain(ctx, tx, by, r, t)
			return err
		}
		if err := s.retry(ctx, tx, by, r, t); err != nil {
			return err
		}
		found, err = task.ByKey(ctx, tx, []uuid.UUID{key})
		t = found[key]
		return err
	})
	return t, err
}

// eraseAgain erases what the last probes found when it was erased twice before
// and a person has mended what wrote it back. The services' records of the old
// tasks are worthless, so these are new ones (docs/decisions/0003).
func (s *Requests) eraseAgain(ctx context.Context, tx pgx.Tx, by access.Principal, r *Request, probe task.Task) (t task.Task, err error) {
	all, err := tasks(ctx, tx, r.ID)
	if err != nil {
		return t, err
	}
	last := r.lastProbes(all)
	var asked []int64
	for _, p := range last {
		asked = append(asked, p.ID)
	}
	said, err := task.OutcomesOf(ctx, tx, asked)
	if err != nil {
		return t, err
	}
	left := residue(said, last)
	switch {
	case r.Final():
		return t, fault.New(fault.Conflict, "WRONG_STATE", "the request is %s; open it again first", r.State)
	case r.State != Blocked || *r.Block != Residue || !slices.Contains(asked, probe.ID) || len(left[probe.ServiceID]) == 0:
		return t, nothingToRetry(probe)
	case probe.Wave+2 >= r.wave(waveFollowUp):
		return t, fault.New(fault.Conflict, "ERASED_TOO_OFTEN", "this was erased again and again, and came back each time; find what writes it, and close the request in part")
	}
	if err := s.move(ctx, tx, by, r, Executing, "RETRY"); err != nil {
		return t, err
	}
	if err := s.eraseLeft(ctx, tx, *r, left, probe.Wave+1); err != nil {
		return t, err
	}
	if err := audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "task.retried", Entity: probe.Key, Request: r.ID}); err != nil {
		return t, err
	}
	if all, err = tasks(ctx, tx, r.ID); err != nil {
		return t, err
	}
	i := slices.IndexFunc(all, func(t task.Task) bool { return t.ServiceID == probe.ServiceID && t.Wave == probe.Wave+1 })
	return all[i], nil
}

func nothingToRetry(t task.Task) error {
	return fault.New(fault.Conflict, "NOTHING_TO_RETRY", "the task is %s; only one that waits for an answer, has stopped or found something left can be retried", t.State)
}

func (s *Requests) retry(ctx context.Context, tx pgx.Tx, by access.Principal, r *Request, t task.Task) error {
	open, err := openEnded(ctx, tx, *r, t)
	switch {
	case err != nil:
		return err
	case r.Final():
		return fault.New(fault.Conflict, "WRONG_STATE", "the request is %s; open it again first", r.State)
	case t.State == task.Waiting || t.State == task.Done && !open || t.State == task.Cancelled:
		return nothingToRetry(t)
	case t.State.Stopped() || open:
		if _, err := task.Again(ctx, tx, []int64{t.ID}, s.now()); err != nil {
			return err
		}
		if r.State == Blocked && slices.Contains([]Block{TaskStopped, ResolveFailed, CountUnknown, Gaps}, *r.Block) {
			if err := s.move(ctx, tx, by, r, *r.BlockedFrom, "RETRY"); err != nil {
				return err
			}
		}
	default:
		if err := task.Hurry(ctx, tx, t.ID); err != nil {
			return err
		}
	}
	if err := queue.CloseBreaker(ctx, tx, t.ServiceID); err != nil {
		return err
	}
	if err := audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "task.retried", Entity: t.Key, Request: t.RequestID}); err != nil {
		return err
	}
	return s.pump(ctx, tx, t.ServiceID)
}

// GiveUp gives up on a leased task that cannot be delivered as it is: only a
// person can mend it. state is task.Refused or task.Poisoned, and code says why.
// Its request goes on by a job and not here: whoever takes an answer looks at
// what else is under way without holding the request, so the end of a task must
// be committed before its request is looked at.
func (s *Requests) GiveUp(ctx context.Context, d queue.Delivery, state task.State, code string) error {
	return postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		held, err := queue.GiveUp(ctx, tx, d, state, code, s.now())
		if err != nil || !held {
			return err
		}
		return s.wake(ctx, tx, d.RequestID)
	})
}

// openEnded reports whether a task that is done leaves something for a person:
// its service contradicted itself, or said that it left a part. Work of an
// earlier time round is over.
func openEnded(ctx context.Context, db postgres.DB, r Request, t task.Task) (bool, error) {
	if t.State != task.Done || t.Action != task.Erase && t.Action != task.Export || t.Wave < r.wave(0) {
		return false, nil
	}
	if t.Stuck() {
		return true, nil
	}
	said, err := task.OutcomesOf(ctx, db, []int64{t.ID})
	for _, o := range task.Current(said[t.ID]) {
		if o.Outcome == "PARTIALLY_ERASED" {
			return true, nil
		}
	}
	return false, err
}
