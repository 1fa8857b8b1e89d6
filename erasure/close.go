package erasure

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/notice"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// finish closes a request whose work is done. Whatever was left, it waits for
// an approver who takes responsibility for closing it in part.
func (s *Requests) finish(ctx context.Context, tx pgx.Tx, r *Request, all []task.Task) error {
	k, err := reckon(ctx, tx, *r, all)
	if err != nil {
		return err
	}
	if r.ClosedWithGapsBy == nil && k.outcome(*r) == PartiallyFulfilled {
		return s.block(ctx, tx, r, leftBy(r.doing(all)))
	}
	return s.close(ctx, tx, access.System, r, k)
}

// leftBy says for what a person is needed where something was left: to have a
// service asked again, or to answer for what nobody will do.
func leftBy(work []task.Task) Block {
	if slices.ContainsFunc(work, task.Task.Stuck) {
		return TaskStopped
	}
	return Gaps
}

// conclude derives the outcome of a request from what became of its datasets.
// It is the only function that does. Skipped is never done: a gap, a task that
// stopped or contradicts itself, or a part that was left makes the whole
// partial.
func conclude(r Request, nodes []Node, final map[uuid.UUID]task.Outcome, stopped bool) Outcome {
	effect, kept, left, gap := false, false, stopped, false
	for _, n := range nodes {
		gap = gap || n.Kind == Gap
		if n.Kind == Ask || n.Kind == Keep {
			if _, answered := final[n.DatasetID]; !answered {
				left = true
			}
		}
	}
	for _, o := range final {
		switch o.Outcome {
		case "ERASED", "ANONYMISED", "CRYPTO_SHREDDED", "EXPORTED", "PENDING_EXPIRY":
			effect = true
		case "RETAINED":
			kept = true
		case "PARTIALLY_ERASED":
			effect, left = true, true
		}
	}
	switch {
	case r.Refusal != nil:
		return Refused
	case r.Outcome != nil && (*r.Outcome == Cancelled || *r.Outcome == CancelledAfterPartial):
		if effect {
			return CancelledAfterPartial
		}
		return Cancelled
	case gap || left:
		return PartiallyFulfilled
	case kept:
		return FulfilledWithRetention
	case effect:
		return Fulfilled
	}
	return NoDataHeld
}

// close ends a request: what is due to the data subject is noted, the day its
// key will be destroyed is set, and its certificate is ordered.
func (s *Requests) close(ctx context.Context, tx pgx.Tx, by access.Principal, r *Request, k reckoning) error {
	outcome := k.outcome(*r)
	now := s.now()
	today, err := s.todayAt(k.controllers[r.ControllerID])
	if err != nil {
		return err
	}
	r.Outcome, r.ClosedAt = &outcome, &now
	r.KeyDestroyOn = ptr(today.Add(s.conf.KeyPeriod))
	waitingFor, err := s.sameOpen(ctx, tx, *r)
	if err != nil {
		return err
	}
	if err := s.move(ctx, tx, by, r, Closed, string(outcome)); err != nil {
		return err
	}
	if err := s.conclusion(ctx, tx, by, *r, k); err != nil {
		return err
	}
	word := notice.Outcome
	if outcome == Refused {
		word = notice.Refusal
	}
	if err := tell(ctx, tx, *r, word); err != nil {
		return err
	}
	if err := forgetMarks(ctx, tx, r.ID); err != nil {
		return err
	}
	if r.Kind == Erasure && !s.conf.NoProbes && slices.Contains([]Outcome{Fulfilled, FulfilledWithRetention, PartiallyFulfilled}, outcome) {
		if err := s.scheduleFollowUps(ctx, tx, *r); err != nil {
			return err
		}
	}
	for _, id := range waitingFor {
		if err := s.wake(ctx, tx, id); err != nil {
			return err
		}
	}
	return s.orderCertificate(ctx, tx, r.ID)
}

// sameOpen lists the erasures of the same person that wait for r, an access
// request, to be handed over.
func (s *Requests) sameOpen(ctx context.Context, db postgres.DB, r Request) ([]uuid.UUID, error) {
	const q = `
		SELECT o.id
		  FROM erasure_request o
		 WHERE o.kind = 'ERASURE' AND o.state = 'EXECUTING' AND o.id <> $1
		   AND EXISTS (SELECT FROM erasure_mark a JOIN erasure_mark b USING (mark) WHERE a.request_id = $1 AND b.request_id = o.id)
		 ORDER BY o.id`
	if r.Kind == Erasure {
		return nil, nil
	}
	return postgres.Scalars[uuid.UUID](ctx, db, q, r.ID)
}

// recount derives the outcome of a cancelled request again, when a service says
// late that it had already erased. Its certificate is issued anew.
func (s *Requests) recount(ctx context.Context, tx pgx.Tx, r *Request) error {
	if *r.Outcome != Cancelled && *r.Outcome != CancelledAfterPartial {
		return nil
	}
	all, err := tasks(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	k, err := reckon(ctx, tx, *r, all)
	if err != nil {
		return err
	}
	if outcome := k.outcome(*r); outcome != *r.Outcome {
		r.Outcome = &outcome
		if err := saveRequest(ctx, tx, *r); err != nil {
			return err
		}
		entry := audit.Entry{Actor: access.System.ID, Act: "request.recounted", Entity: r.ID, Request: r.ID, Code: string(outcome)}
		if err := record(ctx, tx, entry); err != nil {
			return err
		}
	}
	if same, err := s.concludedAlready(ctx, tx, *r, k); err != nil || same {
		return err
	}
	if err := s.conclusion(ctx, tx, access.System, *r, k); err != nil {
		return err
	}
	return s.orderCertificate(ctx, tx, r.ID)
}

// Packaged closes an access request whose package lies ready. The packager
// calls it within its own unit of work. A package that somebody had built
// while services are still at work closes nothing: the last answer orders
// another.
func (s *Requests) Packaged(ctx context.Context, tx pgx.Tx, request uuid.UUID) error {
	r, err := lockRequest(ctx, tx, request)
	if err != nil || r.State != Executing {
		return err
	}
	all, err := tasks(ctx, tx, r.ID)
	if err != nil || !terminal(r.doing(all)) {
		return err
	}
	return s.finish(ctx, tx, &r, all)
}

// Cancel ends a request at the data subject's wish. What is done stays done
// and is listed; what is under way is called back where that is possible.
func (s *Requests) Cancel(ctx context.Context, by access.Principal, request uuid.UUID) (Request, error) {
	if err := by.Require(access.Handler, access.Approver); err != nil {
		return Request{}, err
	}
	return s.act(ctx, request, func(tx pgx.Tx, r *Request) error {
		if r.Final() {
			return fault.New(fault.Conflict, "WRONG_STATE", "the request is %s already", r.State)
		}
		r.Outcome = ptr(Cancelled)
		return s.end(ctx, tx, by, r, "REQUEST_CANCELLED")
	})
}

// Refuse refuses a request on a ground. The data subject must be told the
// reasons, and of complaint and remedy, within a month (Art. 12(4) GDPR).
func (s *Requests) Refuse(ctx context.Context, by access.Principal, request uuid.UUID, why Refusal) (Request, error) {
	if err := by.Require(access.Approver); err != nil {
		return Request{}, err
	}
	if !slices.Contains([]Refusal{CannotIdentify, ManifestlyUnfounded, Excessive, Exempt, OutsideScope}, why) {
		return Request{}, fault.Bad("ground", "UNKNOWN_GROUND", "the ground is CANNOT_IDENTIFY, MANIFESTLY_UNFOUNDED, EXCESSIVE, EXEMPT_17_3 or OUTSIDE_SCOPE")
	}
	return s.decide(ctx, by, request, func(tx pgx.Tx, r *Request) error {
		if err := r.in(Received, IdentityPending, Verified, Planned, Blocked); err != nil {
			return err
		}
		if r.ApprovedBy != nil {
			return fault.New(fault.Conflict, "WRONG_STATE", "the plan was approved; cancel the request instead")
		}
		r.Refusal = &why
		return s.end(ctx, tx, by, r, "REQUEST_REFUSED")
	})
}

// end cancels what is open and closes r.
func (s *Requests) end(ctx context.Context, tx pgx.Tx, by access.Principal, r *Request, code string) error {
	told, err := task.Cancel(ctx, tx, r.ID, []task.Action{task.Resolve, task.Locate, task.Erase, task.Export, task.Probe}, code)
	if err != nil {
		return err
	}
	if told {
		if err := s.post(ctx, tx, queue.Recall{Request: r.ID}); err != nil {
			return err
		}
	}
	all, err := tasks(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	k, err := reckon(ctx, tx, *r, all)
	if err != nil {
		return err
	}
	return s.close(ctx, tx, by, r, k)
}

// CloseInPart closes a request although something could not be done: an
// approver who did not open it takes responsibility. Its outcome says so.
func (s *Requests) CloseInPart(ctx context.Context, by access.Principal, request uuid.UUID) (Request, error) {
	return s.decide(ctx, by, request, func(tx pgx.Tx, r *Request) error {
		if err := r.in(Blocked); err != nil {
			return err
		}
		if r.ApprovedBy == nil {
			return fault.New(fault.Conflict, "WRONG_STATE", "nothing has been done yet; resolve the block, refuse or cancel instead")
		}
		all, err := tasks(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		if !terminal(r.doing(all)) {
			return fault.New(fault.Conflict, "TASKS_OPEN", "services are still at work; wait for them or cancel the request")
		}
		r.ClosedWithGapsBy = &by.ID
		k, err := reckon(ctx, tx, *r, all)
		if err != nil {
			return err
		}
		if err := s.close(ctx, tx, by, r, k); err != nil || r.Kind == Erasure {
			return err
		}
		return s.post(ctx, tx, Pack{r.ID}) // what did come is handed over
	})
}

// ResolveBlock lets a blocked request go on as it is: an approver who did not
// open it has looked at what was unusual.
func (s *Requests) ResolveBlock(ctx context.Context, by access.Principal, request uuid.UUID) (Request, error) {
	return s.decide(ctx, by, request, func(tx pgx.Tx, r *Request) error {
		if err := r.in(Blocked); err != nil {
			return err
		}
		switch *r.Block {
		case TwoPeople, CountUnusual, CountUnknown, DailyCeiling:
			r.accept(*r.Block)
		case ResolveFailed, TaskStopped:
			if err := s.retryStopped(ctx, tx, *r); err != nil {
				return err
			}
		case Residue, Gaps:
			return fault.New(fault.Conflict, "BLOCK_STAYS", "this does not go away by going on: mend the cause and retry the task, or close the request in part")
		}
		if err := s.move(ctx, tx, by, r, *r.BlockedFrom, string(*r.Block)); err != nil {
			return err
		}
		return s.advance(ctx, tx, r)
	})
}

// retryStopped asks again for every task that a service refused, answered with
// nonsense or contradicted itself about.
func (s *Requests) retryStopped(ctx context.Context, tx pgx.Tx, r Request) error {
	all, err := tasks(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	var ids []int64
	for _, t := range all {
		if t.State.Stopped() || t.State == task.Done && t.Stuck() && t.Wave >= r.wave(0) {
			ids = append(ids, t.ID)
		}
	}
	services, err := task.Again(ctx, tx, ids, s.now())
	if err != nil {
		return err
	}
	return s.pump(ctx, tx, services...)
}

// scheduleFollowUps plans the later probes of a closed erasure.
func (s *Requests) scheduleFollowUps(ctx context.Context, db postgres.DB, r Request) error {
	const q = `
		INSERT INTO erasure_followup (request_id, wave, due_at)
		SELECT $1, $2 + 2 * (n - 1), at FROM unnest($3::timestamptz[]) WITH ORDINALITY AS f (at, n)
		ON CONFLICT DO NOTHING`
	dues := make([]time.Time, len(s.conf.FollowUps))
	for i, d := range s.conf.FollowUps {
		dues[i] = s.now().Add(d)
	}
	_, err := db.Exec(ctx, q, r.ID, r.wave(waveFollowUp), dues)
	return err
}
