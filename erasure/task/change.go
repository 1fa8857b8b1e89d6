package task

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/postgres"
)

// Assignment is a task to be made: who is asked, about what.
type Assignment struct {
	Service  uuid.UUID
	Action   Action
	Wave     int
	State    State
	NextAt   time.Time
	Datasets []uuid.UUID
}

// Insert makes tasks with their scopes. An assignment that exists already is
// left as it is, so that a step that is repeated makes nothing twice.
func Insert(ctx context.Context, db postgres.DB, request uuid.UUID, todo []Assignment) error {
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
		services[i], actions[i], waves[i], states[i], nexts[i] = a.Service, string(a.Action), int16(a.Wave), string(a.State), a.NextAt
		for _, d := range a.Datasets {
			scopeKeys, datasets = append(scopeKeys, keys[i]), append(datasets, d)
		}
	}
	_, err := db.Exec(ctx, q, request, keys, services, actions, waves, states, nexts, scopeKeys, datasets)
	return err
}

// Open lets the waiting tasks of a wave go, and names their services.
func Open(ctx context.Context, db postgres.DB, request uuid.UUID, wave int, at time.Time) ([]uuid.UUID, error) {
	const q = `
		UPDATE erasure_task SET state = 'READY', next_at = $3, waits_since = $3
		 WHERE request_id = $1 AND wave = $2 AND state = 'WAITING'
		RETURNING service_id`
	return postgres.Scalars[uuid.UUID](ctx, db, q, request, wave, at) // any order
}

// Save writes tasks after an answer.
func Save(ctx context.Context, db postgres.DB, changed []Task, now time.Time) error {
	const q = `
		UPDATE erasure_task t
		   SET state = c.state, round = c.round, seq_seen = c.seq, code = c.code, answered_at = $7, next_at = c.next_at, lease_until = NULL
		  FROM unnest($1::bigint[], $2::text[], $3::int[], $4::int[], $5::text[], $6::timestamptz[]) AS c (id, state, round, seq, code, next_at)
		 WHERE t.id = c.id`
	// The last word about a task in a message is the one that is written.
	last := map[int64]Task{}
	for _, t := range changed {
		last[t.ID] = t
	}
	var ids []int64
	var states []string
	var rounds, seqs []int32
	var codes []*string
	var nexts []time.Time
	for id, t := range last {
		ids, states, rounds, seqs = append(ids, id), append(states, string(t.State)), append(rounds, int32(t.Round)), append(seqs, int32(t.SeqSeen))
		codes, nexts = append(codes, t.Code), append(nexts, t.NextAt)
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := db.Exec(ctx, q, ids, states, rounds, seqs, codes, nexts, now)
	return err
}

// SaveOutcomes writes what services said. A word that is there already stays.
func SaveOutcomes(ctx context.Context, db postgres.DB, outcomes []Outcome) error {
	const q = `
		INSERT INTO erasure_outcome (task_id, dataset_id, round, seq, outcome, count, method, ground, until, effective_by, conflict)
		SELECT o.task_id, o.dataset_id, o.round, o.seq, o.outcome, o.count, o.method, o.ground, o.until, o.effective_by, o.conflict
		  FROM unnest($1::bigint[], $2::uuid[], $3::int[], $4::int[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::date[], $10::date[], $11::boolean[])
		       AS o (task_id, dataset_id, round, seq, outcome, count, method, ground, until, effective_by, conflict)
		ON CONFLICT DO NOTHING`
	n := len(outcomes)
	if n == 0 {
		return nil
	}
	ids, datasets, rounds, seqs, words := make([]int64, n), make([]uuid.UUID, n), make([]int32, n), make([]int32, n), make([]string, n)
	counts, methods, grounds := make([]*int64, n), make([]*string, n), make([]*string, n)
	untils, effective, conflicts := make([]*time.Time, n), make([]*time.Time, n), make([]bool, n)
	for i, o := range outcomes {
		ids[i], datasets[i], rounds[i], seqs[i], words[i] = o.TaskID, o.DatasetID, int32(o.Round), int32(o.Seq), o.Outcome
		counts[i], methods[i], grounds[i], untils[i], effective[i], conflicts[i] = o.Count, o.Method, o.Ground, o.Until, o.EffectiveBy, o.Conflict
	}
	_, err := db.Exec(ctx, q, ids, datasets, rounds, seqs, words, counts, methods, grounds, untils, effective, conflicts)
	return err
}

// Again asks for a stopped or failed task once more, in a new round. Why it
// had stopped is over.
func Again(ctx context.Context, db postgres.DB, ids []int64, at time.Time) ([]uuid.UUID, error) {
	const q = `
		UPDATE erasure_task SET state = 'READY', round = round + 1, next_at = $2, waits_since = $2, lease_until = NULL, attempt = 0, code = NULL
		 WHERE id = ANY($1)
		RETURNING service_id`
	return postgres.Scalars[uuid.UUID](ctx, db, q, ids, at) // any order
}

// Hurry has a task tried at once, whoever had leased it.
func Hurry(ctx context.Context, db postgres.DB, id int64) error {
	const q = `UPDATE erasure_task SET next_at = least(next_at, now()), lease_until = NULL WHERE id = $1`
	_, err := db.Exec(ctx, q, id)
	return err
}

// Cancel cancels what is not done. It reports whether services must be told:
// those that took a task, and those that may have, because a message was under
// way whose answer was lost.
func Cancel(ctx context.Context, db postgres.DB, request uuid.UUID, actions []Action, code string) (taken bool, err error) {
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
