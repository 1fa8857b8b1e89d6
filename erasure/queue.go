package erasure

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// Delivery is a leased task with what a message about it needs. Identifiers
// are not in it: the sender unseals them.
type Delivery struct {
	ID          int64
	Key         uuid.UUID
	RequestID   uuid.UUID
	Action      Action
	Wave        int
	State       TaskState
	Round       int
	Attempt     int
	Fence       int // whoever holds an older fence has lost the lease
	CaseNumber  string
	Controller  string
	PlanDigest  []byte
	ReceivedOn  time.Time
	DueOn       time.Time
	EraseBefore time.Time
}

// LeaseTime is how long a sender may take before another may send the same
// task again. A killed sender's tasks wait no longer, and less where the others
// notice (see Abandoned).
const LeaseTime = 30 * time.Second

// Due leases up to limit tasks of a service that are to be sent, earliest
// first. Of several senders each task goes to one.
func (s *Requests) Due(ctx context.Context, service uuid.UUID, limit int) ([]Delivery, error) {
	return s.lease(ctx, service, limit, []string{"READY"})
}

// Silent leases up to limit tasks of a service that were taken and not
// answered, to be asked about.
func (s *Requests) Silent(ctx context.Context, service uuid.UUID, limit int) ([]Delivery, error) {
	return s.lease(ctx, service, limit, []string{"SENT", "WORKING"})
}

func (s *Requests) lease(ctx context.Context, service uuid.UUID, limit int, states []string) ([]Delivery, error) {
	const q = `
		WITH due AS (
			SELECT id FROM erasure_task
			 WHERE service_id = $1 AND state = ANY($2::text[]) AND state IN ('READY', 'SENT', 'WORKING')
			   AND next_at <= $3 AND (lease_until IS NULL OR lease_until < now())
			 ORDER BY next_at
			 LIMIT $4
			   FOR UPDATE SKIP LOCKED
		), leased AS (
			UPDATE erasure_task t SET lease_until = now() + $5, lease_by = $6, fence = fence + 1, attempt = attempt + 1
			  FROM due WHERE t.id = due.id
			RETURNING t.id, t.key, t.request_id, t.action, t.wave, t.state, t.round, t.attempt, t.fence
		)
		SELECT l.id, l.key, l.request_id, l.action, l.wave, l.state, l.round, l.attempt, l.fence, r.case_number, c.ref AS controller,
		       r.plan_digest, r.received_on, r.due_on, r.erase_before
		  FROM leased l
		  JOIN erasure_request r ON r.id = l.request_id
		  JOIN catalog_controller c ON c.id = r.controller_id
		 ORDER BY r.due_on, l.id`
	return postgres.Many[Delivery](ctx, s.db, q, service, states, s.now(), limit, LeaseTime, s.process)
}

// Abandoned gives back the leases of a process that has ended, so that its tasks
// need not wait for LeaseTime. If it lives after all, the fences of whoever takes
// the tasks next keep it from recording anything about them.
func Abandoned(ctx context.Context, db postgres.DB, process uuid.UUID) (int, error) {
	const q = `
		UPDATE erasure_task SET lease_until = NULL
		 WHERE state IN ('READY', 'SENT', 'WORKING') AND lease_by = $1 AND lease_until > now()`
	tag, err := db.Exec(ctx, q, process)
	return int(tag.RowsAffected()), err
}

// Waiting lists the services for which something is due and whose breaker is
// closed.
func Waiting(ctx context.Context, db postgres.DB, at time.Time) ([]uuid.UUID, error) {
	const q = `
		SELECT s.id
		  FROM catalog_service s
		  LEFT JOIN erasure_delivery d ON d.service_id = s.id
		 WHERE s.state = 'ACTIVE' AND s.endpoint IS NOT NULL AND (d.open_until IS NULL OR d.open_until <= now())
		   AND NOT EXISTS (SELECT FROM erasure_stop x WHERE x.lifted_at IS NULL AND (x.service_id IS NULL OR x.service_id = s.id))
		   AND EXISTS (SELECT FROM erasure_task t
		                WHERE t.service_id = s.id AND t.state IN ('READY', 'SENT', 'WORKING') AND t.next_at <= $1
		                  AND (t.lease_until IS NULL OR t.lease_until < now()))
		 ORDER BY s.id`
	return postgres.Scalars[uuid.UUID](ctx, db, q, at)
}

// AnyDue reports whether something is due for a service. A pump asks this in
// the transaction that ends its job, so that no wake-up falls between.
func (s *Requests) AnyDue(ctx context.Context, db postgres.DB, service uuid.UUID) (bool, error) {
	const q = `
		SELECT EXISTS (SELECT FROM erasure_task t
		                JOIN catalog_service s ON s.id = t.service_id AND s.state = 'ACTIVE' AND s.endpoint IS NOT NULL
		                LEFT JOIN erasure_delivery d ON d.service_id = t.service_id
		                WHERE t.service_id = $1 AND t.state IN ('READY', 'SENT', 'WORKING') AND t.next_at <= $2
		                  AND (t.lease_until IS NULL OR t.lease_until < now())
		                  AND (d.open_until IS NULL OR d.open_until <= now())
		                  AND NOT EXISTS (SELECT FROM erasure_stop x WHERE x.lifted_at IS NULL AND (x.service_id IS NULL OR x.service_id = t.service_id)))`
	return postgres.Scalar[bool](ctx, db, q, service, s.now())
}

// wake posts a pump for every service for which something is due.
func (s *Requests) wake(ctx context.Context, tx pgx.Tx) error {
	services, err := Waiting(ctx, tx, s.now())
	if err != nil {
		return err
	}
	return s.pump(ctx, tx, services...)
}

// Delivered records that a service took tasks (202). One that was answered
// meanwhile is not taken back.
func (s *Requests) Delivered(ctx context.Context, sent []Delivery, message []byte) error {
	const q = `
		WITH mine AS (
			SELECT t.id
			  FROM (SELECT id, fence FROM unnest($1::bigint[], $2::int[]) AS d (id, fence) ORDER BY id) d
			 CROSS JOIN LATERAL (SELECT id FROM erasure_task WHERE id = d.id AND fence = d.fence AND state = 'READY' FOR NO KEY UPDATE) t
		)
		UPDATE erasure_task t
		   SET state = 'SENT', sent_at = $3, next_at = $4, lease_until = NULL, attempt = 0
		  FROM mine
		 WHERE t.id = mine.id`
	entries := make([]audit.Entry, len(sent))
	for i, d := range sent {
		entries[i] = audit.Entry{Actor: access.System.ID, Act: "task.sent", Entity: d.Key, Request: d.RequestID, Code: string(d.Action),
			Digest: message, Amounts: map[string]int64{"attempt": int64(d.Attempt), "round": int64(d.Round)}}
	}
	return postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		ids, fences := leases(sent)
		if _, err := tx.Exec(ctx, q, ids, fences, s.now(), s.now().Add(firstPoll)); err != nil {
			return err
		}
		return audit.Append(ctx, tx, entries...)
	})
}

// firstPoll is how long a service may be silent before it is asked.
const firstPoll = 10 * time.Minute

// Undelivered gives leased tasks back, to be tried again after a while that
// grows with each attempt. Attempts do not run out: a missed date does not end
// the duty.
func (s *Requests) Undelivered(ctx context.Context, failed []Delivery, code string, notBefore time.Duration) error {
	const q = `
		UPDATE erasure_task t
		   SET next_at = d.next_at, code = $4, lease_until = NULL
		  FROM unnest($1::bigint[], $2::int[], $3::timestamptz[]) AS d (id, fence, next_at)
		 WHERE t.id = d.id AND t.fence = d.fence AND t.state IN ('READY', 'SENT', 'WORKING')`
	ids, fences := leases(failed)
	nexts := make([]time.Time, len(failed))
	for i, d := range failed {
		nexts[i] = s.now().Add(max(notBefore, backOff(d, s.now())))
	}
	_, err := s.db.Exec(ctx, q, ids, fences, nexts, code)
	return err
}

// Release gives leased tasks back untried, because an emergency stop stands.
// They are due at once when it is lifted.
func (s *Requests) Release(ctx context.Context, held []Delivery) error {
	const q = `
		UPDATE erasure_task t SET lease_until = NULL, attempt = greatest(attempt - 1, 0)
		  FROM unnest($1::bigint[], $2::int[]) AS d (id, fence)
		 WHERE t.id = d.id AND t.fence = d.fence`
	ids, fences := leases(held)
	_, err := s.db.Exec(ctx, q, ids, fences)
	return err
}

// backOff is full jitter under a cap: seconds at first, a quarter of an hour on
// the first day, two hours until the due date, and once a day after it.
func backOff(d Delivery, now time.Time) time.Duration {
	limit := 15 * time.Minute
	switch {
	case now.After(d.DueOn.AddDate(0, 0, 1)):
		return 24 * time.Hour
	case d.Attempt > 100:
		limit = 2 * time.Hour
	}
	ceiling := limit
	if d.Attempt < 12 {
		ceiling = min(limit, time.Second<<d.Attempt)
	}
	return ceiling/2 + rand.N(ceiling/2+1)
}

// GiveUp records that a task cannot be delivered as it is, and why: only a
// person can mend it. state is TaskRefused or TaskPoisoned.
func (s *Requests) GiveUp(ctx context.Context, d Delivery, state TaskState, code string) error {
	const q = `
		UPDATE erasure_task SET state = $3, code = $4, lease_until = NULL, answered_at = $5
		 WHERE id = $1 AND fence = $2 AND state IN ('READY', 'SENT', 'WORKING')`
	return postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		r, err := lockRequest(ctx, tx, d.RequestID)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, q, d.ID, d.Fence, state, code, s.now())
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		entry := audit.Entry{Actor: access.System.ID, Act: "task.stopped", Entity: d.Key, Request: d.RequestID, Code: code}
		if err := audit.Append(ctx, tx, entry); err != nil {
			return err
		}
		return s.advance(ctx, tx, &r)
	})
}

func leases(ds []Delivery) (ids []int64, fences []int32) {
	ids, fences = make([]int64, len(ds)), make([]int32, len(ds))
	for i, d := range ds {
		ids[i], fences[i] = d.ID, int32(d.Fence)
	}
	return ids, fences
}

// Question is what a task asks about: identifiers in clear, for the sender
// alone, and its datasets. It is the same each time the task is sent, so that a
// service can tell a repeat from another task under the same id.
type Question struct {
	Identifiers []Identifier
	Datasets    []catalog.Dataset
}

// Questions unseals what leased tasks ask about. A task whose request's key is
// gone has no question.
func (s *Requests) Questions(ctx context.Context, ds []Delivery) (map[int64]Question, error) {
	ids, _ := leases(ds)
	requests := make([]uuid.UUID, len(ds))
	for i, d := range ds {
		requests[i] = d.RequestID
	}
	subjects, err := Subjects(ctx, s.db, s.vault, requests)
	if err != nil {
		return nil, err
	}
	scopes, err := ScopesOf(ctx, s.db, ids)
	if err != nil {
		return nil, err
	}
	var all []uuid.UUID
	for _, datasets := range scopes {
		all = append(all, datasets...)
	}
	datasets, err := catalog.DatasetsByID(ctx, s.db, all)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]Question, len(ds))
	for _, d := range ds {
		person, ok := subjects[d.RequestID]
		if !ok {
			continue
		}
		q := Question{Identifiers: person}
		for _, id := range scopes[d.ID] {
			q.Datasets = append(q.Datasets, datasets[id])
		}
		out[d.ID] = q
	}
	return out, nil
}

// Lost sends a task again that its service says it never saw.
func (s *Requests) Lost(ctx context.Context, d Delivery) error {
	const q = `
		UPDATE erasure_task SET state = 'READY', round = round + 1, next_at = $3, lease_until = NULL, code = 'LOST_BY_SERVICE'
		 WHERE id = $1 AND fence = $2 AND state IN ('SENT', 'WORKING')`
	_, err := s.db.Exec(ctx, q, d.ID, d.Fence, s.now().Add(backOff(Delivery{Attempt: d.Round, DueOn: d.DueOn}, s.now())))
	return err
}

// RecalledTask is a cancelled task that its service has, or may have, taken.
type RecalledTask struct {
	ID          int64
	Key         uuid.UUID
	RequestID   uuid.UUID
	ServiceID   uuid.UUID
	CaseNumber  string
	Controller  string
	ReceivedOn  time.Time
	DueOn       time.Time
	EraseBefore time.Time
}

// Recalled lists the tasks of a cancelled request that services have, or may
// have, and were not told of. With the key of the request the duty ends.
func Recalled(ctx context.Context, db postgres.DB, request uuid.UUID) ([]RecalledTask, error) {
	const q = `
		SELECT t.id, t.key, t.request_id, t.service_id, r.case_number, c.ref AS controller, r.received_on, r.due_on, r.erase_before
		  FROM erasure_task t
		  JOIN erasure_request r ON r.id = t.request_id
		  JOIN catalog_controller c ON c.id = r.controller_id
		 WHERE t.request_id = $1 AND t.state = 'CANCELLED' AND t.recall_due AND r.key_destroyed_at IS NULL
		 ORDER BY t.id`
	return postgres.Many[RecalledTask](ctx, db, q, request)
}

// Told records that a service was sent the message that cancels a task; code
// says why not, where it will never take one.
func (s *Requests) Told(ctx context.Context, t RecalledTask, code string, message []byte) error {
	const q = `UPDATE erasure_task SET recall_due = false WHERE id = $1 AND recall_due`
	return postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, q, t.ID); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: access.System.ID, Act: "task.recalled", Entity: t.Key, Request: t.RequestID, Code: code, Digest: message})
	})
}

// ServiceIssuer is the issuer of the principals of services: they sign in by
// their keys and not through an identity provider.
const ServiceIssuer = "lethe:service"
