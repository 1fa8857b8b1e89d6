package erasure

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// ErrNoTask reports that a task does not exist.
var ErrNoTask = fault.Missing("task", "no such task, or you may not see it")

// RetryTask asks a service again: at once if its task only waits for its next
// attempt, in a new round if the task had stopped, or the service contradicted
// itself or left a part.
func (s *Requests) RetryTask(ctx context.Context, by access.Principal, task uuid.UUID) (t Task, err error) {
	if err := by.Require(access.Handler, access.Approver); err != nil {
		return t, err
	}
	request, err := requestOfTask(ctx, s.db, task)
	if err != nil {
		return t, err
	}
	_, err = s.act(ctx, request, func(tx pgx.Tx, r *Request) error {
		found, err := tasksByKey(ctx, tx, []uuid.UUID{task})
		if err != nil {
			return err
		}
		t = found[task]
		if err := s.retry(ctx, tx, by, r, t); err != nil {
			return err
		}
		found, err = tasksByKey(ctx, tx, []uuid.UUID{task})
		t = found[task]
		return err
	})
	return t, err
}

func (s *Requests) retry(ctx context.Context, tx pgx.Tx, by access.Principal, r *Request, t Task) error {
	open, err := openEnded(ctx, tx, *r, t)
	switch {
	case err != nil:
		return err
	case r.Final():
		return fault.New(fault.Conflict, "WRONG_STATE", "the request is %s; open it again first", r.State)
	case t.State == TaskWaiting || t.State == TaskDone && !open || t.State == TaskCancelled:
		return fault.New(fault.Conflict, "NOTHING_TO_RETRY", "the task is %s; only one that waits for an answer or has stopped can be retried", t.State)
	case t.State.Stopped() || open:
		if _, err := again(ctx, tx, []int64{t.ID}, s.now()); err != nil {
			return err
		}
		if r.State == Blocked && slices.Contains([]Block{TaskStopped, ResolveFailed, CountUnknown, Gaps}, *r.Block) {
			if err := s.move(ctx, tx, by, r, *r.BlockedFrom, "RETRY"); err != nil {
				return err
			}
		}
	default:
		if err := hurry(ctx, tx, t.ID); err != nil {
			return err
		}
	}
	if err := closeBreaker(ctx, tx, t.ServiceID); err != nil {
		return err
	}
	if err := audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "task.retried", Entity: t.Key, Request: t.RequestID}); err != nil {
		return err
	}
	return s.pump(ctx, tx, t.ServiceID)
}

// openEnded reports whether a task that is done leaves something for a person:
// its service contradicted itself, or said that it left a part. Work of an
// earlier time round is over.
func openEnded(ctx context.Context, db postgres.DB, r Request, t Task) (bool, error) {
	if t.State != TaskDone || t.Action != EraseAction && t.Action != Export || t.Wave < r.wave(0) {
		return false, nil
	}
	if t.stuck() {
		return true, nil
	}
	said, err := OutcomesOf(ctx, db, []int64{t.ID})
	for _, o := range current(said[t.ID]) {
		if o.Outcome == "PARTIALLY_ERASED" {
			return true, nil
		}
	}
	return false, err
}

func requestOfTask(ctx context.Context, db postgres.DB, task uuid.UUID) (uuid.UUID, error) {
	const q = `SELECT request_id FROM erasure_task WHERE key = $1`
	id, err := postgres.Scalar[uuid.UUID](ctx, db, q, task)
	if errors.Is(err, postgres.ErrNotFound) {
		return id, ErrNoTask
	}
	return id, err
}

func hurry(ctx context.Context, db postgres.DB, task int64) error {
	const q = `UPDATE erasure_task SET next_at = least(next_at, now()), lease_until = NULL WHERE id = $1`
	_, err := db.Exec(ctx, q, task)
	return err
}

func closeBreaker(ctx context.Context, db postgres.DB, service uuid.UUID) error {
	const q = `UPDATE erasure_delivery SET failures = 0, open_until = NULL, changed_at = now() WHERE service_id = $1`
	_, err := db.Exec(ctx, q, service)
	return err
}
