// Package alert holds what people must know about tasks without being asked to
// decide: who is told is the server's.
package alert

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// undoneFor is how long a service may leave a task undone before people are
// told, and how long until they are told again.
const undoneFor = 24 * time.Hour

// Reason is what people must know of.
type Reason string

// TaskUndone says that a service has left a task undone for 24 hours; it is
// told again each day while it holds. UnplannedDataset says that a service
// answered about a dataset that the plan does not ask it about: it knows a
// place that the catalog does not. It is told once, and holds until a plan of
// the request asks that service about it, or nobody can be asked any more.
const (
	TaskUndone       Reason = "TASK_UNDONE"
	UnplannedDataset Reason = "UNPLANNED_DATASET"
)

// Alert is what people must know about a task without being asked to decide. A
// task has at most one for each reason.
type Alert struct {
	ID        uuid.UUID
	RequestID uuid.UUID
	TaskKey   uuid.UUID
	ServiceID uuid.UUID
	DatasetID *uuid.UUID // the unplanned one; nil if the catalog has none of that id
	Action    task.Action
	Reason    Reason
	Code      *string // of the task's last failure, when it was last told
	RaisedAt  time.Time
	ToldAt    time.Time
	Times     int // told since it was raised
	OverAt    *time.Time
}

// columns are those of an Alert, of erasure_alert a and its erasure_task t.
const columns = `a.id, a.request_id, t.key AS task_key, t.service_id, a.dataset_id, t.action, a.reason, a.code, a.raised_at, a.told_at, a.times, a.over_at`

// Of lists the alerts of several requests, those that are over too.
func Of(ctx context.Context, db postgres.DB, requests []uuid.UUID) (map[uuid.UUID][]Alert, error) {
	const q = `SELECT ` + columns + `
		  FROM erasure_alert a
		  JOIN erasure_task t ON t.id = a.task_id
		 WHERE a.request_id = ANY($1)
		 ORDER BY a.raised_at, a.id`
	rows, err := postgres.Many[Alert](ctx, db, q, requests)
	return postgres.GroupBy(rows, func(a Alert) uuid.UUID { return a.RequestID }), err
}

// Holding returns a page of the alerts that hold, the oldest first.
func Holding(ctx context.Context, db postgres.DB, p page.Args) (page.Page[Alert], error) {
	const q = `SELECT ` + columns + `
		  FROM erasure_alert a
		  JOIN erasure_task t ON t.id = a.task_id
		 WHERE a.over_at IS NULL
		   AND ($1::timestamptz IS NULL OR (a.raised_at, a.id) > ($1, $2))
		 ORDER BY a.raised_at, a.id
		 LIMIT $3`
	var none page.Page[Alert]
	if err := p.Check(); err != nil {
		return none, err
	}
	var afterAt *time.Time
	var afterID uuid.UUID
	if p.After != "" {
		var at time.Time
		if err := page.Decode(p.After, "alerts", &at, &afterID); err != nil {
			return none, err
		}
		afterAt = &at
	}
	rows, err := postgres.Many[Alert](ctx, db, q, afterAt, afterID, p.First+1)
	if err != nil {
		return none, err
	}
	return page.Cut(rows, p.First, func(a Alert) string { return page.Encode("alerts", a.RaisedAt, a.ID) }), nil
}

// Place is a dataset that a service spoke of in its answer to a task.
type Place struct {
	Task    int64
	Dataset uuid.UUID
}

// RaiseUnplanned raises the alerts of places that the plans do not ask their
// services about. One that holds already is not told again, however often the
// service repeats itself.
func RaiseUnplanned(ctx context.Context, db postgres.DB, places []Place, now time.Time) ([]Alert, error) {
	const q = `
		WITH named AS (
			SELECT DISTINCT ON (t.id) t.id, t.request_id, d.id AS dataset_id
			  FROM unnest($1::bigint[], $2::uuid[]) AS n (task_id, dataset_id)
			  JOIN erasure_task t ON t.id = n.task_id
			  JOIN erasure_request r ON r.id = t.request_id
			  LEFT JOIN catalog_dataset d ON d.id = n.dataset_id
			 WHERE NOT EXISTS (SELECT FROM erasure_node o
			                    WHERE o.request_id = r.id AND o.plan_no = r.plan_no AND o.dataset_id = n.dataset_id AND o.service_id = t.service_id)
			 ORDER BY t.id, d.id NULLS LAST
		), told AS (
			INSERT INTO erasure_alert (id, request_id, task_id, dataset_id, reason, raised_at, told_at)
			SELECT gen_random_uuid(), request_id, id, dataset_id, 'UNPLANNED_DATASET', $3, $3
			  FROM named
			ON CONFLICT ON CONSTRAINT erasure_alert_once DO UPDATE
			   SET dataset_id = excluded.dataset_id, raised_at = excluded.raised_at, told_at = excluded.told_at, over_at = NULL
			 WHERE erasure_alert.over_at IS NOT NULL
			RETURNING id, request_id, task_id, dataset_id, reason, code, raised_at, told_at, times, over_at
		)
		SELECT ` + columns + `
		  FROM told a
		  JOIN erasure_task t ON t.id = a.task_id
		 ORDER BY t.id`
	if len(places) == 0 {
		return nil, nil
	}
	ids, datasets := make([]int64, len(places)), make([]uuid.UUID, len(places))
	for i, p := range places {
		ids[i], datasets[i] = p.Task, p.Dataset
	}
	told, err := postgres.Many[Alert](ctx, db, q, ids, datasets, now)
	if err != nil {
		return nil, err
	}
	entries := make([]audit.Entry, len(told))
	for i, a := range told {
		entries[i] = audit.Entry{Actor: access.System.ID, Act: "task.unplanned_dataset", Entity: a.TaskKey, Request: a.RequestID}
	}
	return told, audit.Append(ctx, db, entries...)
}

// RaiseUndone raises what is to be told now, or tells it again. It is the service
// that left a task undone: one that was never tried, as during an emergency
// stop, does not count, unless nothing is sent because the service cannot be
// reached or has not proved its key. A service that says it is at work has
// done so much.
func RaiseUndone(ctx context.Context, db postgres.DB, now time.Time) ([]Alert, error) {
	const q = `
		WITH late AS MATERIALIZED ( -- found first: joined to requests first, each would look through all open tasks
			SELECT id, request_id, service_id, state, code, waits_since
			  FROM erasure_task
			 WHERE state IN ('READY', 'SENT', 'WORKING') AND greatest(waits_since, answered_at) <= $2
		), told AS (
			INSERT INTO erasure_alert (id, request_id, task_id, reason, code, raised_at, told_at)
			SELECT gen_random_uuid(), t.request_id, t.id, 'TASK_UNDONE', t.code, $1, $1
			  FROM late t
			  JOIN erasure_request r ON r.id = t.request_id AND r.key_destroyed_at IS NULL
			  JOIN catalog_service s ON s.id = t.service_id
			  LEFT JOIN erasure_delivery d ON d.service_id = t.service_id
			  LEFT JOIN erasure_alert a ON a.task_id = t.id AND a.reason = 'TASK_UNDONE'
			 WHERE (t.state <> 'READY' OR t.code IS NOT NULL OR s.state <> 'ACTIVE' OR d.open_until > now())
			   AND (a.id IS NULL OR a.over_at IS NOT NULL OR a.told_at <= $2)
			 ORDER BY t.waits_since, t.id
			 LIMIT 500
			ON CONFLICT ON CONSTRAINT erasure_alert_once DO UPDATE
			   SET code = excluded.code, told_at = excluded.told_at, over_at = NULL,
			       raised_at = CASE WHEN erasure_alert.over_at IS NULL THEN erasure_alert.raised_at ELSE excluded.raised_at END,
			       times = CASE WHEN erasure_alert.over_at IS NULL THEN erasure_alert.times + 1 ELSE 1 END
			 WHERE erasure_alert.over_at IS NOT NULL OR erasure_alert.told_at <= $2 -- another replica told it meanwhile
			RETURNING id, request_id, task_id, dataset_id, reason, code, raised_at, told_at, times, over_at
		)
		SELECT ` + columns + `
		  FROM told a
		  JOIN erasure_task t ON t.id = a.task_id
		 ORDER BY t.waits_since, t.id`
	told, err := postgres.Many[Alert](ctx, db, q, now, now.Add(-undoneFor))
	if err != nil {
		return nil, err
	}
	entries := make([]audit.Entry, len(told))
	for i, a := range told {
		entries[i] = audit.Entry{Actor: access.System.ID, Act: "task.undone", Entity: a.TaskKey, Request: a.RequestID,
			Amounts: map[string]int64{"times": int64(a.Times)}}
		if a.Code != nil {
			entries[i].Code = *a.Code
		}
	}
	return told, audit.Append(ctx, db, entries...)
}

// End ends the alerts of tasks that were done, called off or asked for again, or
// whose service said since that it is at work, and those of datasets that have
// come into the plan.
func End(ctx context.Context, db postgres.DB, now time.Time) error {
	const q = `
		UPDATE erasure_alert a SET over_at = $1
		  FROM erasure_task t
		  JOIN erasure_request r ON r.id = t.request_id
		 WHERE t.id = a.task_id AND a.over_at IS NULL
		   AND (r.key_destroyed_at IS NOT NULL OR CASE a.reason
		        WHEN 'TASK_UNDONE' THEN t.state NOT IN ('READY', 'SENT', 'WORKING') OR greatest(t.waits_since, t.answered_at) > $2
		        ELSE EXISTS (SELECT FROM erasure_node o
		                      WHERE o.request_id = r.id AND o.plan_no = r.plan_no AND o.dataset_id = a.dataset_id AND o.service_id = t.service_id)
		        END)`
	_, err := db.Exec(ctx, q, now, now.Add(-undoneFor))
	return err
}
