package erasure

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/vault"
)

// Tick does what time alone makes due: it wakes pumps and certificates, takes on requests that
// wait for a date, sends follow-up probes, tells people which tasks services
// have left undone, and destroys keys whose period is over. One replica calls it every few seconds; losing a tick loses nothing, and
// two at a time do no harm.
func (s *Requests) Tick(ctx context.Context) error {
	return errors.Join(
		postgres.Work(ctx, s.db, func(tx pgx.Tx) error { return queue.Wake(ctx, tx, s.jobs, s.now()) }),
		s.nudge(ctx),
		s.followUp(ctx),
		s.alert(ctx),
		s.destroyKeys(ctx),
		postgres.Work(ctx, s.db, func(tx pgx.Tx) error { return s.wakeCertify(ctx, tx) }),
	)
}

// wakeCertify orders the certificates whose job was lost.
func (s *Requests) wakeCertify(ctx context.Context, tx pgx.Tx) error {
	wanted, err := uncertified(ctx, tx)
	if err != nil || !wanted {
		return err
	}
	return s.post(ctx, tx, certify{})
}

// nudge looks at each open request now and then, for whatever may go on by
// now: a wave that has waited long enough, a count that did not come. Each is
// looked at by one replica at a time, and none is starved by another.
func (s *Requests) nudge(ctx context.Context) error {
	const q = `
		UPDATE erasure_request SET nudge_at = $2
		 WHERE id IN (SELECT id FROM erasure_request
		               WHERE state IN ('VERIFIED', 'EXECUTING', 'VERIFYING') AND nudge_at <= $1
		               ORDER BY nudge_at
		               LIMIT 200
		                 FOR UPDATE SKIP LOCKED)
		RETURNING id`
	ids, err := postgres.Scalars[uuid.UUID](ctx, s.db, q, s.now(), s.now().Add(s.conf.NudgeEvery)) // any order
	if err != nil {
		return err
	}
	return each(ids, func(id uuid.UUID) error { return s.Advance(ctx, id) })
}

// each does something for all, whatever goes wrong for some: a request that
// cannot go on must not hold up those after it.
func each[T any](all []T, do func(T) error) error {
	var failed []error
	for _, one := range all {
		if err := do(one); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// followUp asks again about requests that were closed a while ago.
func (s *Requests) followUp(ctx context.Context) error {
	const q = `
		SELECT request_id, wave FROM erasure_followup
		 WHERE started_at IS NULL AND due_at <= $1
		 ORDER BY due_at
		 LIMIT 500`
	type row struct {
		RequestID uuid.UUID
		Wave      int
	}
	due, err := postgres.Many[row](ctx, s.db, q, s.now())
	if err != nil {
		return err
	}
	return each(due, func(f row) error { return s.probeAgain(ctx, f.RequestID, f.Wave) })
}

// probeAgain sends one wave of follow-up probes.
func (s *Requests) probeAgain(ctx context.Context, request uuid.UUID, wave int) error {
	const q = `UPDATE erasure_followup SET started_at = $3 WHERE request_id = $1 AND wave = $2 AND started_at IS NULL`
	_, err := s.act(ctx, request, func(tx pgx.Tx, r *Request) error {
		tag, err := tx.Exec(ctx, q, request, wave, s.now())
		if err != nil || tag.RowsAffected() == 0 || r.State != Closed || r.KeyDestroyedAt != nil {
			return err
		}
		all, err := tasks(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		todo, err := s.probes(ctx, tx, *r, all, wave, s.now())
		if err != nil {
			return err
		}
		return s.assign(ctx, tx, r.ID, todo)
	})
	return err
}

// reopen opens a closed request again, because a follow-up found the person's
// data: it is planned anew and must be approved anew.
func (s *Requests) reopen(ctx context.Context, tx pgx.Tx, by access.Principal, r *Request, code string) error {
	types, err := subject.Types(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	r.Outcome, r.ClosedAt, r.KeyDestroyOn, r.ApprovedBy, r.ApprovedAt, r.ClosedWithGapsBy = nil, nil, nil, nil, nil, nil
	r.Reopened++
	f, err := s.gather(ctx, tx, *r, types)
	if err != nil {
		return err
	}
	if err := s.writePlan(ctx, tx, r, f); err != nil {
		return err
	}
	return s.move(ctx, tx, by, r, Planned, code)
}

// Reopen opens a closed request again on a person's decision: a complaint, or
// a gap that can be filled now.
func (s *Requests) Reopen(ctx context.Context, by access.Principal, request uuid.UUID) (Request, error) {
	if err := by.Require(access.Approver); err != nil {
		return Request{}, err
	}
	return s.act(ctx, request, func(tx pgx.Tx, r *Request) error {
		if err := r.in(Closed); err != nil {
			return err
		}
		if r.KeyDestroyedAt != nil {
			return vault.ErrDestroyed // nobody can say any more about whom it was
		}
		return s.reopen(ctx, tx, by, r, "BY_PERSON")
	})
}

// destroyKeys destroys the keys of requests that closed long enough ago.
func (s *Requests) destroyKeys(ctx context.Context) error {
	const q = `
		SELECT id FROM erasure_request
		 WHERE key_destroyed_at IS NULL AND key_destroy_on <= $1 AND state IN ('CLOSED', 'MERGED')
		 ORDER BY key_destroy_on, id
		 LIMIT 500`
	ids, err := postgres.Scalars[uuid.UUID](ctx, s.db, q, s.now())
	if err != nil {
		return err
	}
	return each(ids, func(id uuid.UUID) error {
		_, err := s.destroyKey(ctx, access.System, id)
		return err
	})
}

// DestroyKey destroys the key of a closed request before its period is over.
// No backup of the main database brings its identifiers back. It may be asked
// for again: a key store that was restored holds keys that were destroyed.
func (s *Requests) DestroyKey(ctx context.Context, by access.Principal, request uuid.UUID) (Request, error) {
	if err := by.Require(access.Approver); err != nil {
		return Request{}, err
	}
	return s.destroyKey(ctx, by, request)
}

// destroyKey destroys the key first and records it second: a crash between the
// two leaves a record to be made, never a key that the record calls destroyed.
func (s *Requests) destroyKey(ctx context.Context, by access.Principal, request uuid.UUID) (Request, error) {
	const q = `UPDATE erasure_subject SET sealed = NULL WHERE request_id = $1`
	return s.act(ctx, request, func(tx pgx.Tx, r *Request) error {
		if err := r.in(Closed, Merged); err != nil {
			return err
		}
		// The record says what was done once, the key store what is so now: a
		// backup of it brings keys back, so it is asked whatever the record says.
		if err := s.vault.Destroy(ctx, r.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, q, r.ID); err != nil {
			return err
		}
		if r.KeyDestroyedAt == nil {
			r.KeyDestroyedAt = ptr(s.now())
		}
		if err := saveRequest(ctx, tx, *r); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "request.key_destroyed", Entity: r.ID, Request: r.ID})
	})
}
