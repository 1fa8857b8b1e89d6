package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/internal/postgres"
)

const (
	beatEvery = 2 * time.Second
	beatFor   = 2 * time.Second  // patience with one beat
	beginFor  = 15 * time.Second // with the first, for which nobody waits
	beatMost  = 5 * time.Second  // between two beats of a process that is well
	silence   = 8 * time.Second  // then a process has ended
	buryFor   = 4 * time.Second  // less than the silence, together with a beat
	leaveFor  = 3 * time.Second
)

// process is this process among those that work jobs on one database. Each
// says every two seconds that it lives, and each takes over what one that fell
// silent was at: River itself would find out after a minute, by its leader
// alone, and for a job with hours of patience after hours.
//
// A process may be taken for dead that was only slow. That does no harm: jobs
// may run twice, requests are locked, and tasks are fenced.
type process struct {
	id  uuid.UUID
	db  *pgxpool.Pool // its own: a beat waits for no other work
	log *slog.Logger
}

// run beats, and looks after the others, until ctx ends; then it leaves.
func (p *process) run(ctx context.Context) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			p.leave(context.WithoutCancel(ctx))
			return nil
		case <-tick.C:
			if err := p.look(ctx); err != nil && ctx.Err() == nil {
				report(ctx, p.log, "telling the other processes that this one lives", err)
			}
		}
	}
}

// look beats, and takes over from whoever is silent.
func (p *process) look(ctx context.Context) error {
	beating, cancel := context.WithTimeout(ctx, beatFor)
	defer cancel()
	steady, err := p.beat(beating)
	if err != nil || !steady {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, buryFor)
	defer stop()
	var found []left
	err = postgres.Work(ctx, p.db, func(tx pgx.Tx) (err error) {
		found, err = bury(ctx, tx, p.id)
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range found {
		p.log.WarnContext(ctx, "a process fell silent; its work was taken over", "client_id", l.process, "count", l.jobs, "tasks", l.tasks)
	}
	return nil
}

// beat says that this process lives. It reports whether it has done so without
// a gap for as long as the silence that it would hold against others: after the
// database was away all of them look dead.
func (p *process) beat(ctx context.Context) (steady bool, err error) {
	const q = `
		INSERT INTO server_process (id, seen_at, steady_since) VALUES ($1, now(), now())
		ON CONFLICT (id) DO UPDATE
		   SET seen_at = now(), steady_since = CASE WHEN server_process.seen_at < now() - $2::interval THEN now() ELSE server_process.steady_since END
		RETURNING steady_since <= now() - $3::interval`
	return postgres.Scalar[bool](ctx, p.db, q, p.id, beatMost, silence)
}

// leave takes this process off the list, with whatever it could not end in
// time. Where the database is away, the others find out by the silence.
func (p *process) leave(ctx context.Context) {
	const q = `DELETE FROM server_process WHERE id = $1`
	ctx, cancel := context.WithTimeout(ctx, leaveFor)
	defer cancel()
	err := postgres.Work(ctx, p.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, q, p.id); err != nil {
			return err
		}
		_, err := inherit(ctx, tx, p.id)
		return err
	})
	if err != nil {
		report(ctx, p.log, "leaving; the others will find out", err)
	}
}

// left is what a process left behind.
type left struct {
	process     uuid.UUID
	jobs, tasks int
}

// bury takes over from the processes that are silent. Of several that look,
// one takes over.
func bury(ctx context.Context, tx pgx.Tx, by uuid.UUID) ([]left, error) {
	const q = `
		DELETE FROM server_process
		 WHERE id IN (SELECT id FROM server_process WHERE seen_at < now() - $2::interval AND id <> $1
		                 FOR UPDATE SKIP LOCKED)
		RETURNING id`
	silent, err := postgres.Scalars[uuid.UUID](ctx, tx, q, by, silence) // any order
	if err != nil {
		return nil, err
	}
	var all []left
	for _, id := range silent {
		l, err := inherit(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// inherit gives back everything that a process held: its jobs, the leases of
// its tasks, and its place as River's leader, without whom no job that waits
// for a time is worked.
func inherit(ctx context.Context, tx pgx.Tx, process uuid.UUID) (l left, err error) {
	const qLeader = `
		WITH gone AS (DELETE FROM river_leader WHERE leader_id = $1::uuid::text RETURNING leader_id)
		SELECT pg_notify(current_schema() || '.river_leadership', json_build_object('leader_id', leader_id, 'action', 'resigned')::text) FROM gone`
	l.process = process
	if l.jobs, err = returnJobs(ctx, tx, process); err != nil {
		return l, err
	}
	if l.tasks, err = queue.Abandoned(ctx, tx, process); err != nil {
		return l, err
	}
	_, err = tx.Exec(ctx, qLeader, process)
	return l, err
}

// ended is what stands in a job's errors for each process that it outlived.
const ended = "its process ended"

// returnJobs makes the jobs that a process was at available to all. A job may
// be what ended its process: from the third time on it waits longer each time,
// up to a quarter of an hour, and does not end one process after another.
func returnJobs(ctx context.Context, tx pgx.Tx, process uuid.UUID) (int, error) {
	const q = `
		UPDATE river_job j
		   SET state = 'available',
		       scheduled_at = now() + CASE WHEN before.n < 2 THEN interval '0' ELSE least($3::interval, interval '1 second' * power(2, least(before.n, 20))) END,
		       errors = array_append(j.errors, jsonb_build_object('at', now(), 'attempt', j.attempt, 'error', $2::text, 'trace', ''))
		  FROM (SELECT id, (SELECT count(*) FROM unnest(errors) e WHERE e->>'error' = $2) AS n
		          FROM river_job
		         WHERE state = 'running' AND attempted_by[array_upper(attempted_by, 1)] = $1::uuid::text
		           FOR UPDATE) before
		 WHERE j.id = before.id`
	tag, err := tx.Exec(ctx, q, process, ended, retryCap)
	return int(tag.RowsAffected()), err
}

// turn reports whether it is this replica's turn at what one of them does at a
// time. Whoever takes it has the whole interval, and it passes on by itself.
func turn(ctx context.Context, db *pgxpool.Pool, name string, interval time.Duration) (bool, error) {
	const q = `
		INSERT INTO server_turn (name, next_at) VALUES ($1, now() + $2::interval)
		ON CONFLICT (name) DO UPDATE SET next_at = now() + $2::interval, taken = server_turn.taken + 1
		 WHERE server_turn.next_at <= now()`
	tag, err := db.Exec(ctx, q, name, interval)
	return tag.RowsAffected() == 1, err
}
