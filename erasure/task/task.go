// Package task holds what services are asked about one data subject, and what
// they said became of it: the rows of erasure_task, erasure_scope and
// erasure_outcome. When a task is made and what follows from it is erasure's.
package task

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Action is what a service is asked to do.
type Action string

// The actions of tasks.
const (
	Resolve Action = "RESOLVE" // which other identifiers are this person's
	Locate  Action = "LOCATE"  // how much is there
	Erase   Action = "ERASE"
	Export  Action = "EXPORT"
	Probe   Action = "PROBE" // is anything left, looked up in the storage itself
)

// State is where a task stands; docs/states.md draws the machine.
type State string

// The states of a task, in rising rank: within a round a task never falls back.
const (
	Waiting   State = "WAITING" // its wave has not opened
	Ready     State = "READY"   // to be sent at NextAt
	Sent      State = "SENT"    // the service took it; asked again at NextAt
	Working   State = "WORKING"
	Poisoned  State = "POISONED" // the service answers what nobody can read
	Refused   State = "REFUSED"  // the service will not; Code says why
	Done      State = "DONE"
	Cancelled State = "CANCELLED"
)

// Terminal reports whether a service has nothing more to say about a task.
func (s State) Terminal() bool {
	return s == Done || s == Refused || s == Poisoned || s == Cancelled
}

// Stopped reports whether a task ended in a way that only a person can mend.
func (s State) Stopped() bool { return s == Refused || s == Poisoned }

// CodeConflict is the code of a task whose service contradicted itself.
const CodeConflict = "CONFLICT"

// Task is what one service is asked in one wave of a request. Key is its name
// outside, and the idempotency key of everything said about it, for ever.
type Task struct {
	ID         int64
	Key        uuid.UUID
	RequestID  uuid.UUID
	ServiceID  uuid.UUID
	Action     Action
	Wave       int
	State      State
	Round      int // rises when a task is asked for again
	Attempt    int // deliveries and polls so far
	NextAt     time.Time
	WaitsSince time.Time // it could be done from then on
	SeqSeen    int
	SentAt     *time.Time
	AnsweredAt *time.Time
	Code       *string // why it stopped, or the last failure
}

// Stuck reports whether a task has ended in a way that a person must look at.
func (t Task) Stuck() bool {
	return t.State.Stopped() || t.Code != nil && *t.Code == CodeConflict
}

// Outcome is what a service said became of one dataset.
type Outcome struct {
	TaskID      int64
	DatasetID   uuid.UUID
	Round       int
	Seq         int
	Outcome     string // ERASED, ANONYMISED, …; see erasure_task_outcome_known
	Count       *int64
	Method      *string
	Ground      *string
	Until       *time.Time
	EffectiveBy *time.Time
	Conflict    bool // contradicts what the service said before; decides nothing
	RecordedAt  time.Time
}

// Gone reports whether a probe must find nothing after o.
func (o Outcome) Gone() bool {
	return o.Outcome == "ERASED" || o.Outcome == "ANONYMISED" || o.Outcome == "CRYPTO_SHREDDED"
}

// errNone reports that a task does not exist.
var errNone = fault.Missing("task", "no such task, or you may not see it")

// columns are those of a Task.
const columns = `id, key, request_id, service_id, action, wave, state, round, attempt, next_at, waits_since, seq_seen, sent_at, answered_at, code`

// Of lists the tasks of several requests.
func Of(ctx context.Context, db postgres.DB, requests []uuid.UUID) (map[uuid.UUID][]Task, error) {
	const q = `SELECT ` + columns + `
		  FROM erasure_task
		 WHERE request_id = ANY($1)
		 ORDER BY request_id, wave, id`
	rows, err := postgres.Many[Task](ctx, db, q, requests)
	return postgres.GroupBy(rows, func(t Task) uuid.UUID { return t.RequestID }), err
}

// ByKey finds tasks by their names outside.
func ByKey(ctx context.Context, db postgres.DB, keys []uuid.UUID) (map[uuid.UUID]Task, error) {
	const q = `SELECT ` + columns + `
		  FROM erasure_task
		 WHERE key = ANY($1)
		 ORDER BY id`
	return byKey(ctx, db, q, keys)
}

// Lock locks tasks in the order of their ids, as whoever sends them does: an
// answer may come while its task is being marked as sent.
func Lock(ctx context.Context, db postgres.DB, keys []uuid.UUID) (map[uuid.UUID]Task, error) {
	const q = `SELECT ` + columns + `
		  FROM erasure_task
		 WHERE key = ANY($1)
		 ORDER BY id
		   FOR NO KEY UPDATE`
	return byKey(ctx, db, q, keys)
}

func byKey(ctx context.Context, db postgres.DB, q string, keys []uuid.UUID) (map[uuid.UUID]Task, error) {
	rows, err := postgres.Many[Task](ctx, db, q, keys)
	out := make(map[uuid.UUID]Task, len(rows))
	for _, t := range rows {
		out[t.Key] = t
	}
	return out, err
}

// RequestOf finds the request that a task belongs to; errNone if there is no
// such task.
func RequestOf(ctx context.Context, db postgres.DB, key uuid.UUID) (uuid.UUID, error) {
	const q = `SELECT request_id FROM erasure_task WHERE key = $1`
	id, err := postgres.Scalar[uuid.UUID](ctx, db, q, key)
	if errors.Is(err, postgres.ErrNotFound) {
		return id, errNone
	}
	return id, err
}

// OutcomesOf lists everything that services said about several tasks, oldest
// first.
func OutcomesOf(ctx context.Context, db postgres.DB, taskIDs []int64) (map[int64][]Outcome, error) {
	const q = `
		SELECT task_id, dataset_id, round, seq, outcome, count, method, ground, until, effective_by, conflict, recorded_at
		  FROM erasure_outcome
		 WHERE task_id = ANY($1)
		 ORDER BY task_id, round, seq, dataset_id`
	if len(taskIDs) == 0 {
		return nil, nil
	}
	rows, err := postgres.Many[Outcome](ctx, db, q, taskIDs)
	return postgres.GroupBy(rows, func(o Outcome) int64 { return o.TaskID }), err
}

// Current is what counts of everything a service said about a task: for each
// dataset the latest word, contradictions aside.
func Current(outcomes []Outcome) map[uuid.UUID]Outcome {
	out := map[uuid.UUID]Outcome{}
	for _, o := range outcomes {
		if !o.Conflict {
			out[o.DatasetID] = o
		}
	}
	return out
}

// ScopesOf lists the datasets of several tasks.
func ScopesOf(ctx context.Context, db postgres.DB, taskIDs []int64) (map[int64][]uuid.UUID, error) {
	const q = `SELECT task_id, dataset_id FROM erasure_scope WHERE task_id = ANY($1) ORDER BY task_id, dataset_id`
	type row struct {
		TaskID    int64
		DatasetID uuid.UUID
	}
	rows, err := postgres.Many[row](ctx, db, q, taskIDs)
	out := map[int64][]uuid.UUID{}
	for _, r := range rows {
		out[r.TaskID] = append(out[r.TaskID], r.DatasetID)
	}
	return out, err
}
