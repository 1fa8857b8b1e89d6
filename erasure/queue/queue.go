// Package queue holds what is to be brought to services: the tasks that are due,
// leased to one sender at a time and fenced; the breaker and the rate of each
// service, which replicas share; the emergency stop; and what is to be called
// back. erasure/dispatch carries it out.
package queue

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/vault"
)

// Queue leases what is due, and records what came of it.
type Queue struct {
	db      *pgxpool.Pool
	jobs    *river.Client[pgx.Tx]
	vault   *vault.Vault
	now     func() time.Time
	process uuid.UUID
}

// New returns the queue that is kept in a database. Jobs are posted in the
// transactions that cause them; process holds the leases that are taken here.
func New(db *pgxpool.Pool, jobs *river.Client[pgx.Tx], v *vault.Vault, now func() time.Time, process uuid.UUID) *Queue {
	return &Queue{db: db, jobs: jobs, vault: v, now: now, process: process}
}

// Delivery is a leased task with what a message about it needs. Identifiers
// are not in it: the sender unseals them.
type Delivery struct {
	ID          int64
	Key         uuid.UUID
	RequestID   uuid.UUID
	Action      task.Action
	Wave        int
	State       task.State
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
func (u *Queue) Due(ctx context.Context, service uuid.UUID, limit int) ([]Delivery, error) {
	return u.lease(ctx, service, limit, []string{"READY"})
}

// Silent leases up to limit tasks of a service that were taken and not
// answered, to be asked about.
func (u *Queue) Silent(ctx context.Context, service uuid.UUID, limit int) ([]Delivery, error) {
	return u.lease(ctx, service, limit, []string{"SENT", "WORKING"})
}

func (u *Queue) lease(ctx context.Context, service uuid.UUID, limit int, states []string) ([]Delivery, error) {
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
	return postgres.Many[Delivery](ctx, u.db, q, service, states, u.now(), limit, LeaseTime, u.process)
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

// waiting lists the services for which something is due and whose breaker is
// closed.
func waiting(ctx context.Context, db postgres.DB, at time.Time) ([]uuid.UUID, error) {
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
func (u *Queue) AnyDue(ctx context.Context, db postgres.DB, service uuid.UUID) (bool, error) {
	const q = `
		SELECT EXISTS (SELECT FROM erasure_task t
		                JOIN catalog_service s ON s.id = t.service_id AND s.state = 'ACTIVE' AND s.endpoint IS NOT NULL
		                LEFT JOIN erasure_delivery d ON d.service_id = t.service_id
		                WHERE t.service_id = $1 AND t.state IN ('READY', 'SENT', 'WORKING') AND t.next_at <= $2
		                  AND (t.lease_until IS NULL OR t.lease_until < now())
		                  AND (d.open_until IS NULL OR d.open_until <= now())
		                  AND NOT EXISTS (SELECT FROM erasure_stop x WHERE x.lifted_at IS NULL AND (x.service_id IS NULL OR x.service_id = t.service_id)))`
	return postgres.Scalar[bool](ctx, db, q, service, u.now())
}

// Delivered records that a service took tasks (202). One that was answered
// meanwhile is not taken back; one whose answer asks for it to be sent once
// more is ready in another round, and must not be waited for in that.
func (u *Queue) Delivered(ctx context.Context, sent []Delivery, message []byte) error {
	const q = `
		WITH mine AS (
			SELECT t.id
			  FROM (SELECT id, fence, round FROM unnest($1::bigint[], $2::int[], $3::int[]) AS d (id, fence, round) ORDER BY id) d
			 CROSS JOIN LATERAL (SELECT id FROM erasure_task
			                      WHERE id = d.id AND fence = d.fence AND round = d.round AND state = 'READY'
			                        FOR NO KEY UPDATE) t
		)
		UPDATE erasure_task t
		   SET state = 'SENT', sent_at = $4, next_at = $5, lease_until = NULL, attempt = 0
		  FROM mine
		 WHERE t.id = mine.id`
	entries, rounds := make([]audit.Entry, len(sent)), make([]int32, len(sent))
	for i, d := range sent {
		rounds[i] = int32(d.Round)
		entries[i] = audit.Entry{Actor: access.System.ID, Act: "task.sent", Entity: d.Key, Request: d.RequestID, Code: string(d.Action),
			Digest: message, Amounts: map[string]int64{"attempt": int64(d.Attempt), "round": int64(d.Round)}}
	}
	return postgres.Work(ctx, u.db, func(tx pgx.Tx) error {
		ids, fences := leases(sent)
		if _, err := tx.Exec(ctx, q, ids, fences, rounds, u.now(), u.now().Add(firstPoll)); err != nil {
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
func (u *Queue) Undelivered(ctx context.Context, failed []Delivery, code string, notBefore time.Duration) error {
	const q = `
		UPDATE erasure_task t
		   SET next_at = d.next_at, code = $4, lease_until = NULL
		  FROM unnest($1::bigint[], $2::int[], $3::timestamptz[]) AS d (id, fence, next_at)
		 WHERE t.id = d.id AND t.fence = d.fence AND t.state IN ('READY', 'SENT', 'WORKING')`
	ids, fences := leases(failed)
	nexts := make([]time.Time, len(failed))
	for i, d := range failed {
		nexts[i] = u.now().Add(max(notBefore, BackOff(d.Attempt, d.DueOn, u.now())))
	}
	_, err := u.db.Exec(ctx, q, ids, fences, nexts, code)
	return err
}

// Release gives leased tasks back untried, because an emergency stop stands.
// They are due at once when it is lifted.
func (u *Queue) Release(ctx context.Context, held []Delivery) error {
	const q = `
		UPDATE erasure_task t SET lease_until = NULL, attempt = greatest(attempt - 1, 0)
		  FROM unnest($1::bigint[], $2::int[]) AS d (id, fence)
		 WHERE t.id = d.id AND t.fence = d.fence`
	ids, fences := leases(held)
	_, err := u.db.Exec(ctx, q, ids, fences)
	return err
}

// BackOff is how long a task waits after so many attempts. It is full jitter
// under a cap: seconds at first, a quarter of an hour on the first day, two hours
// until the due date, and once a day after it.
func BackOff(attempt int, dueOn, now time.Time) time.Duration {
	limit := 15 * time.Minute
	switch {
	case now.After(dueOn.AddDate(0, 0, 1)):
		return 24 * time.Hour
	case attempt > 100:
		limit = 2 * time.Hour
	}
	ceiling := limit
	if attempt < 12 {
		ceiling = min(limit, time.Second<<attempt)
	}
	return ceiling/2 + rand.N(ceiling/2+1)
}

// GiveUp records that a task cannot be delivered as it is, and why: only a
// person can mend it. state is task.Refused or task.Poisoned. It reports whether
// the lease still held; the caller has its request go on, once this is committed.
func GiveUp(ctx context.Context, db postgres.DB, d Delivery, state task.State, code string, at time.Time) (bool, error) {
	const q = `
		UPDATE erasure_task SET state = $3, code = $4, lease_until = NULL, answered_at = $5
		 WHERE id = $1 AND fence = $2 AND round = $6 AND state IN ('READY', 'SENT', 'WORKING')`
	tag, err := db.Exec(ctx, q, d.ID, d.Fence, state, code, at, d.Round)
	if err != nil || tag.RowsAffected() == 0 {
		return false, err
	}
	return true, audit.Append(ctx, db, audit.Entry{Actor: access.System.ID, Act: "task.stopped", Entity: d.Key, Request: d.RequestID, Code: code})
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
	Identifiers []subject.Identifier
	Datasets    []catalog.Dataset
}

// Questions unseals what leased tasks ask about. A task whose request's key is
// gone has no question.
func (u *Queue) Questions(ctx context.Context, ds []Delivery) (map[int64]Question, error) {
	ids, _ := leases(ds)
	requests := make([]uuid.UUID, len(ds))
	for i, d := range ds {
		requests[i] = d.RequestID
	}
	subjects, err := subject.Of(ctx, u.db, u.vault, requests)
	if err != nil {
		return nil, err
	}
	scopes, err := task.ScopesOf(ctx, u.db, ids)
	if err != nil {
		return nil, err
	}
	var all []uuid.UUID
	for _, datasets := range scopes {
		all = append(all, datasets...)
	}
	datasets, err := catalog.DatasetsByID(ctx, u.db, all)
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
func (u *Queue) Lost(ctx context.Context, d Delivery) error {
	const q = `
		UPDATE erasure_task SET state = 'READY', round = round + 1, next_at = $3, lease_until = NULL, code = 'LOST_BY_SERVICE'
		 WHERE id = $1 AND fence = $2 AND state IN ('SENT', 'WORKING')`
	_, err := u.db.Exec(ctx, q, d.ID, d.Fence, u.now().Add(BackOff(d.Round, d.DueOn, u.now())))
	return err
}
