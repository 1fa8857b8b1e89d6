package erasure

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/postgres"
)

// Action is what a service is asked to do.
type Action string

// The actions of tasks.
const (
	Resolve     Action = "RESOLVE" // which other identifiers are this person's
	Locate      Action = "LOCATE"  // how much is there
	EraseAction Action = "ERASE"
	Export      Action = "EXPORT"
	Probe       Action = "PROBE" // is anything left, looked up in the storage itself
)

// TaskState is where a task stands; docs/states.md draws the machine.
type TaskState string

// The states of a task, in rising rank: within a round a task never falls back.
const (
	TaskWaiting   TaskState = "WAITING" // its wave has not opened
	TaskReady     TaskState = "READY"   // to be sent at NextAt
	TaskSent      TaskState = "SENT"    // the service took it; asked again at NextAt
	TaskWorking   TaskState = "WORKING"
	TaskPoisoned  TaskState = "POISONED" // the service answers what nobody can read
	TaskRefused   TaskState = "REFUSED"  // the service will not; Code says why
	TaskDone      TaskState = "DONE"
	TaskCancelled TaskState = "CANCELLED"
)

// Terminal reports whether a service has nothing more to say about a task.
func (s TaskState) Terminal() bool {
	return s == TaskDone || s == TaskRefused || s == TaskPoisoned || s == TaskCancelled
}

// Stopped reports whether a task ended in a way that only a person can mend.
func (s TaskState) Stopped() bool { return s == TaskRefused || s == TaskPoisoned }

// Waves carry the order of a plan: the taps are closed first, then the source,
// then its copies, and last the directory through which all others know
// people. Probes and what follows come after.
const (
	waveResolve   = 0
	waveLocate    = 1
	waveSource    = 3
	waveCopies    = 4
	waveDirectory = 5
	waveExport    = 6
	waveProbe     = 10 // the first probe; erasing again and probing again take the next two
	waveFollowUp  = 30 // the first probe after closing
	waveReplan    = 40 // resolve, and locate after it, when everybody is asked again; then 42, 44 …
	wavesEachTime = 100
)

// Task is what one service is asked in one wave of a request. Key is its name
// outside, and the idempotency key of everything said about it, for ever.
type Task struct {
	ID         int64
	Key        uuid.UUID
	RequestID  uuid.UUID
	ServiceID  uuid.UUID
	Action     Action
	Wave       int
	State      TaskState
	Round      int // rises when a task is asked for again
	Attempt    int // deliveries and polls so far
	NextAt     time.Time
	WaitsSince time.Time // it could be done from then on
	SeqSeen    int
	SentAt     *time.Time
	AnsweredAt *time.Time
	Code       *string // why it stopped, or the last failure
}

// TaskOutcome is what a service said became of one dataset.
type TaskOutcome struct {
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

// TasksOf lists the tasks of several requests.
func TasksOf(ctx context.Context, db postgres.DB, requests []uuid.UUID) (map[uuid.UUID][]Task, error) {
	const q = `
		SELECT id, key, request_id, service_id, action, wave, state, round, attempt, next_at, waits_since, seq_seen, sent_at, answered_at, code
		  FROM erasure_task
		 WHERE request_id = ANY($1)
		 ORDER BY request_id, wave, id`
	rows, err := postgres.Many[Task](ctx, db, q, requests)
	return groupBy(rows, func(t Task) uuid.UUID { return t.RequestID }), err
}

// tasks lists the tasks of one request.
func tasks(ctx context.Context, db postgres.DB, request uuid.UUID) ([]Task, error) {
	found, err := TasksOf(ctx, db, []uuid.UUID{request})
	return found[request], err
}

// OutcomesOf lists everything that services said about several tasks, oldest
// first.
func OutcomesOf(ctx context.Context, db postgres.DB, taskIDs []int64) (map[int64][]TaskOutcome, error) {
	const q = `
		SELECT task_id, dataset_id, round, seq, outcome, count, method, ground, until, effective_by, conflict, recorded_at
		  FROM erasure_outcome
		 WHERE task_id = ANY($1)
		 ORDER BY task_id, round, seq, dataset_id`
	if len(taskIDs) == 0 {
		return nil, nil
	}
	rows, err := postgres.Many[TaskOutcome](ctx, db, q, taskIDs)
	out := map[int64][]TaskOutcome{}
	for _, o := range rows {
		out[o.TaskID] = append(out[o.TaskID], o)
	}
	return out, err
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

// assignment is a task to be made: who is asked, about what.
type assignment struct {
	service  uuid.UUID
	action   Action
	wave     int
	state    TaskState
	nextAt   time.Time
	datasets []uuid.UUID
}

// insertTasks makes tasks with their scopes. An assignment that exists already
// is left as it is, so that a step that is repeated makes nothing twice.
func insertTasks(ctx context.Context, db postgres.DB, request uuid.UUID, todo []assignment) error {
	const q = `
		WITH made AS (
			INSERT INTO erasure_task (key, request_id, service_id, action, wave, state, next_at, waits_since)
			SELECT t.key, $1, t.service_id, t.action, t.wave, t.state, t.next_at, t.next_at
			  FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::smallint[], $6::text[], $7::timestamptz[])
			       AS t (key, service_id, action, wave, state, next_at)
			ON CONFLICT ON CONSTRAINT erasure_task_once DO NOTHING
			RETURNING id, key
		)
		INSERT INTO erasure_scope (task_id, dataset_id)
		SELECT m.id, s.dataset_id
		  FROM made m
		  JOIN unnest($8::uuid[], $9::uuid[]) AS s (key, dataset_id) ON s.key = m.key`
	n := len(todo)
	keys, services, actions := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]string, n)
	waves, states, nexts := make([]int16, n), make([]string, n), make([]time.Time, n)
	var scopeKeys, datasets []uuid.UUID
	for i, a := range todo {
		keys[i] = uuid.Must(uuid.NewV7())
		services[i], actions[i], waves[i], states[i], nexts[i] = a.service, string(a.action), int16(a.wave), string(a.state), a.nextAt
		for _, d := range a.datasets {
			scopeKeys, datasets = append(scopeKeys, keys[i]), append(datasets, d)
		}
	}
	_, err := db.Exec(ctx, q, request, keys, services, actions, waves, states, nexts, scopeKeys, datasets)
	return err
}

// openTasks lets the waiting tasks of a wave go, and names their services.
func openTasks(ctx context.Context, db postgres.DB, request uuid.UUID, wave int, at time.Time) ([]uuid.UUID, error) {
	const q = `
		UPDATE erasure_task SET state = 'READY', next_at = $3, waits_since = $3
		 WHERE request_id = $1 AND wave = $2 AND state = 'WAITING'
		RETURNING service_id`
	return postgres.Scalars[uuid.UUID](ctx, db, q, request, wave, at) // any order
}

// cancelTasks cancels what is not done. It reports whether services must be
// told: those that took a task, and those that may have, because a message was
// under way whose answer was lost.
func cancelTasks(ctx context.Context, db postgres.DB, request uuid.UUID, actions []Action, code string) (taken bool, err error) {
	const q = `
		WITH stopped AS (
			SELECT id, state IN ('SENT', 'WORKING') OR state = 'READY' AND attempt > 0 AS taken FROM erasure_task
			 WHERE request_id = $1 AND action = ANY($2::text[]) AND state NOT IN ('DONE', 'CANCELLED')
			 ORDER BY id
			   FOR NO KEY UPDATE
		), done AS (
			UPDATE erasure_task t SET state = 'CANCELLED', code = $3, lease_until = NULL, recall_due = s.taken
			  FROM stopped s WHERE t.id = s.id
		)
		SELECT coalesce(bool_or(taken), false) FROM stopped`
	return postgres.Scalar[bool](ctx, db, q, request, actions, code)
}

// again asks for a stopped or failed task once more, in a new round. Why it
// had stopped is over.
func again(ctx context.Context, db postgres.DB, ids []int64, at time.Time) ([]uuid.UUID, error) {
	const q = `
		UPDATE erasure_task SET state = 'READY', round = round + 1, next_at = $2, waits_since = $2, lease_until = NULL, attempt = 0, code = NULL
		 WHERE id = ANY($1)
		RETURNING service_id`
	return postgres.Scalars[uuid.UUID](ctx, db, q, ids, at) // any order
}
