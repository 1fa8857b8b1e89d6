package erasure

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure/notice"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// Advance takes a request as far as it can go without waiting for anybody.
// It may be called at any time, any number of times.
func (s *Requests) Advance(ctx context.Context, request uuid.UUID) error {
	hold := []uuid.UUID{request}
	for {
		err := postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
			held, err := lockRequests(ctx, tx, hold)
			if err != nil {
				return err
			}
			r, ok := held[request]
			switch {
			case !ok:
				return errNoRequest
			case r.State == Verified:
				return s.prepare(ctx, tx, &r, held)
			}
			return s.advance(ctx, tx, &r)
		})
		met, ok := errors.AsType[*meeting](err)
		if !ok {
			return err
		}
		hold = append(hold, met.with)
	}
}

// meeting reports that a request cannot go on without holding another one,
// which must be locked in the order of ids: the work begins again with both.
type meeting struct{ with uuid.UUID }

// Error says so.
func (m *meeting) Error() string { return "another request of the same person must be held too" }

// mergeInto merges r into another request for the same person, if there is one
// that nobody has approved yet: what r knows of the person, its day of receipt
// and its due date go on there, and everybody is asked anew. A request that is
// being carried out takes nothing in: its approver has read another plan, and
// what was collected since its receipt would stay. Then r goes its own way.
//
// held are the requests that this unit of work has locked in the order of their
// ids; nil if it cannot lock another, and r then comes back by a job.
func (s *Requests) mergeInto(ctx context.Context, tx pgx.Tx, r *Request, held map[uuid.UUID]Request) (bool, error) {
	others, err := sameSubject(ctx, tx, *r)
	if err != nil || len(others) == 0 {
		return false, err
	}
	if held == nil {
		return true, s.wake(ctx, tx, r.ID)
	}
	into, ok := held[others[0]]
	if !ok {
		return false, &meeting{others[0]}
	}
	if err := s.carryOn(ctx, tx, &into, *r); err != nil {
		return false, err
	}
	if _, err := task.Cancel(ctx, tx, r.ID, []task.Action{task.Resolve, task.Locate}, "MERGED"); err != nil {
		return false, err
	}
	r.MergedInto = &into.ID
	r.KeyDestroyOn = ptr(r.ReceivedOn.Add(s.conf.KeyPeriod))
	if err := owe(ctx, tx, r.ID, notice.Merged, r.DueOn); err != nil {
		return false, err
	}
	if err := forgetMarks(ctx, tx, r.ID); err != nil {
		return false, err
	}
	return true, s.move(ctx, tx, access.System, r, Merged, "SAME_PERSON")
}

// carryOn gives everything that r asks for to the request that carries it on.
// Nothing that was accepted about the one person holds for what both know.
func (s *Requests) carryOn(ctx context.Context, tx pgx.Tx, into *Request, r Request) error {
	have, err := subject.Load(ctx, tx, s.vault, into.ID)
	if err != nil {
		return err
	}
	more, err := subject.Load(ctx, tx, s.vault, r.ID)
	if err != nil {
		return err
	}
	if err := subject.Save(ctx, tx, s.vault, into.ID, subject.Merge(have, more)); err != nil {
		return err
	}
	if err := eraseUpTo(ctx, tx, into.ID, r.EraseBefore); err != nil {
		return err
	}
	if r.DueOn.Before(into.DueOn) {
		into.DueOn = r.DueOn
	}
	into.Accepted = nil
	if err := s.planAnew(ctx, tx, access.System, into, "MERGED"); err != nil {
		return err
	}
	return s.wake(ctx, tx, into.ID)
}

// planAnew takes r back to the beginning of its planning. Everybody is asked
// under new tasks: the same task would be answered from a service's memory.
func (s *Requests) planAnew(ctx context.Context, tx pgx.Tx, by access.Principal, r *Request, code string) error {
	if _, err := task.Cancel(ctx, tx, r.ID, []task.Action{task.Resolve, task.Locate}, code); err != nil {
		return err
	}
	r.Replanned++
	r.countsAnew()
	return s.move(ctx, tx, by, r, Verified, code)
}

// sameSubject lists the requests of the same kind that bear a mark in common
// with r and can take it in: no approver has decided on them yet. One whose
// identity is not proved does not count: nobody may block another person's
// request by filing it first. Nor does one that waits for a person, whose
// question the second request may answer or be unlike.
func sameSubject(ctx context.Context, db postgres.DB, r Request) ([]uuid.UUID, error) {
	const q = `
		SELECT o.id
		  FROM erasure_request o
		 WHERE o.kind = $2 AND o.controller_id = $3 AND o.id <> $1
		   AND (o.state IN ('PLANNED') OR o.state = 'VERIFIED' AND o.id < $1)
		   AND EXISTS (SELECT FROM erasure_mark a JOIN erasure_mark b USING (mark) WHERE a.request_id = $1 AND b.request_id = o.id)
		 ORDER BY o.received_at, o.id`
	return postgres.Scalars[uuid.UUID](ctx, db, q, r.ID, r.Kind, r.ControllerID)
}

// eraseUpTo lets a request reach up to the later of two moments: whoever asks
// again means what was collected since, too.
func eraseUpTo(ctx context.Context, db postgres.DB, request uuid.UUID, before time.Time) error {
	const q = `UPDATE erasure_request SET erase_before = greatest(erase_before, $2) WHERE id = $1`
	_, err := db.Exec(ctx, q, request, before)
	return err
}

// carried lists the requests that r carries on, also through others.
func carried(ctx context.Context, db postgres.DB, r Request) ([]uuid.UUID, error) {
	const q = `
		WITH RECURSIVE c AS (
			SELECT id FROM erasure_request WHERE merged_into = $1
			UNION SELECT r.id FROM erasure_request r JOIN c ON r.merged_into = c.id
		)
		SELECT id FROM c ORDER BY id`
	return postgres.Scalars[uuid.UUID](ctx, db, q, r.ID)
}

// reschedule computes the dates of r anew. The earliest due date governs, of
// its own and of those that it carries on.
func reschedule(ctx context.Context, db postgres.DB, r *Request, c catalog.Controller) error {
	if err := schedule(r, c); err != nil {
		return err
	}
	ids, err := carried(ctx, db, *r)
	if err != nil {
		return err
	}
	others, err := RequestsByID(ctx, db, ids)
	for _, o := range others {
		if o.DueOn.Before(r.DueOn) {
			r.DueOn = o.DueOn
		}
	}
	return err
}

// tell notes what the data subject must be told, about r and about each request
// that r carries on: whoever asked twice is answered twice.
func tell(ctx context.Context, db postgres.DB, r Request, kind notice.Kind) error {
	ids, err := carried(ctx, db, r)
	if err != nil {
		return err
	}
	found, err := RequestsByID(ctx, db, ids)
	if err != nil {
		return err
	}
	for _, about := range slices.Concat([]Request{r}, inOrder(ids, found)) {
		if err := owe(ctx, db, about.ID, kind, about.DueOn); err != nil {
			return err
		}
	}
	return nil
}

func inOrder(ids []uuid.UUID, found map[uuid.UUID]Request) []Request {
	out := make([]Request, len(ids))
	for i, id := range ids {
		out[i] = found[id]
	}
	return out
}
