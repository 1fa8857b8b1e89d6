package server

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// fellSilent puts a process on the list that was heard of a while ago.
func fellSilent(t *testing.T, db *pgxpool.Pool, ago time.Duration) uuid.UUID {
	t.Helper()
	id := uuid.New()
	heardOf(t, db, id, ago)
	return id
}

// heardOf says when a process was heard of last.
func heardOf(t *testing.T, db *pgxpool.Pool, id uuid.UUID, ago time.Duration) {
	t.Helper()
	const q = `
		INSERT INTO server_process (id, seen_at, steady_since) VALUES ($1, now() - $2::interval, now() - interval '1 hour')
		ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`
	if _, err := db.Exec(t.Context(), q, id, ago); err != nil {
		t.Fatal(err)
	}
}

// wellKnown is a process that has beaten for long enough to judge others.
func wellKnown(t *testing.T, db *pgxpool.Pool) *process {
	t.Helper()
	var out lockedBuffer
	return &process{id: fellSilent(t, db, 0), db: db, log: newLog(&out, "debug")}
}

func running(t *testing.T, db *pgxpool.Pool, by uuid.UUID, errs ...string) (id int64) {
	t.Helper()
	err := db.QueryRow(t.Context(), `
		INSERT INTO river_job (kind, args, max_attempts, attempt, attempted_at, attempted_by, state, priority, queue, errors)
		VALUES ('server.trial', '{"how": "work"}', 100, 1, now(), ARRAY['somebody else', $1::uuid::text], 'running', 1, 'default',
		        (SELECT array_agg(jsonb_build_object('error', e, 'at', now(), 'attempt', 1, 'trace', '')) FROM unnest($2::text[]) e))
		RETURNING id`, by, errs).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// stateOf tells a job's state, and how long it was made to wait when its last
// error was written.
func stateOf(t *testing.T, db *pgxpool.Pool, job int64) (state string, wait time.Duration) {
	t.Helper()
	const q = `SELECT state, coalesce(scheduled_at - (errors[cardinality(errors)]->>'at')::timestamptz, '0') FROM river_job WHERE id = $1`
	if err := db.QueryRow(t.Context(), q, job).Scan(&state, &wait); err != nil {
		t.Fatal(err)
	}
	return state, wait
}

// Who is silent for eight seconds has ended: its jobs return at once, and its
// place as River's leader is free. Whoever was heard of keeps what it has.
func TestSilentProcessIsInherited(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	p, dead, slow := wellKnown(t, db), fellSilent(t, db, 9*time.Second), uuid.New()
	deads, slows, mine := running(t, db, dead), running(t, db, slow), running(t, db, p.id)
	if _, err := db.Exec(t.Context(), `INSERT INTO river_leader (elected_at, expires_at, leader_id) VALUES (now(), now() + interval '1 hour', $1::uuid::text)`, dead); err != nil {
		t.Fatal(err)
	}
	heardOf(t, db, p.id, 0)
	heardOf(t, db, slow, 3*time.Second)
	if err := p.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	for job, want := range map[int64]string{deads: "available", slows: "running", mine: "running"} {
		if got, wait := stateOf(t, db, job); got != want || wait != 0 {
			t.Errorf("job %d: %s, in %s; want %s", job, got, wait, want)
		}
	}
	known, err := postgres.Scalars[uuid.UUID](t.Context(), db, `SELECT id FROM server_process WHERE id IN ($1, $2, $3) ORDER BY id`, dead, slow, p.id)
	if err != nil || len(known) != 2 {
		t.Errorf("on the list: %v, %v", known, err)
	}
	if n, err := postgres.Scalar[int](t.Context(), db, `SELECT count(*)::int FROM river_leader`); err != nil || n != 0 {
		t.Errorf("the dead still lead: %d, %v", n, err)
	}
}

// After the database was away everybody looks silent. Whoever missed beats
// judges nobody until it has beaten long enough for the others to be heard.
func TestWhoWasSilentJudgesNobody(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	p := wellKnown(t, db)
	if _, err := db.Exec(t.Context(), `UPDATE server_process SET seen_at = now() - interval '20 seconds' WHERE id = $1`, p.id); err != nil {
		t.Fatal(err)
	}
	other := fellSilent(t, db, 20*time.Second)
	job := running(t, db, other)
	fresh := &process{id: uuid.New(), db: db, log: p.log}
	for _, judge := range []*process{p, fresh} {
		for range 2 {
			if err := judge.look(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, _ := stateOf(t, db, job); got != "running" {
		t.Errorf("the job is %s", got)
	}
	if _, err := db.Exec(t.Context(), `UPDATE server_process SET seen_at = now(), steady_since = now() - interval '8 seconds' WHERE id = $1`, p.id); err != nil {
		t.Fatal(err)
	}
	if err := p.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := stateOf(t, db, job); got != "available" {
		t.Errorf("eight seconds later the job is %s", got)
	}
}

// A job that ends its process returns at once twice, for it may have been
// anything; from then on it waits 2^n seconds, a quarter of an hour at most.
func TestJobThatEndsProcessesWaits(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	p, dead := wellKnown(t, db), fellSilent(t, db, time.Minute)
	var many []string
	for range 30 {
		many = append(many, ended)
	}
	want := map[int64]time.Duration{
		running(t, db, dead):                              0,
		running(t, db, dead, ended):                       0,
		running(t, db, dead, "UNAVAILABLE", "x", "y"):     0,
		running(t, db, dead, ended, "UNAVAILABLE", ended): 4 * time.Second,
		running(t, db, dead, many[:5]...):                 32 * time.Second,
		running(t, db, dead, many...):                     15 * time.Minute,
	}
	heardOf(t, db, p.id, 0)
	if err := p.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	for job, wait := range want {
		state, got := stateOf(t, db, job)
		if state != "available" || got != wait {
			t.Errorf("job %d: %s, in %s; want available in %s", job, state, got, wait)
		}
	}
}

// A process that stops in order leaves at once, and nothing behind.
func TestLeaving(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	p := wellKnown(t, db)
	job := running(t, db, p.id)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := p.run(ctx); err != nil {
		t.Fatal(err)
	}
	if state, _ := stateOf(t, db, job); state != "available" {
		t.Errorf("the job is %s", state)
	}
	if n, err := postgres.Scalar[int](t.Context(), db, `SELECT count(*)::int FROM server_process WHERE id = $1`, p.id); err != nil || n != 0 {
		t.Errorf("still on the list: %d, %v", n, err)
	}
}

// holder works a job until it is let go, and counts.
type holder struct {
	river.WorkerDefaults[trial]
	began   chan struct{}
	release chan struct{}
	mu      sync.Mutex
	done    int
}

func (w *holder) Work(ctx context.Context, _ *river.Job[trial]) error {
	w.began <- struct{}{}
	select {
	case <-w.release:
	case <-ctx.Done():
		return ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done++
	return nil
}

// Two real queues: one stops beating in the middle of a job whose patience is
// hours, and the other works the job. That the first goes on all the same and
// ends it too changes nothing about the job.
func TestAnotherQueueTakesOver(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var out lockedBuffer
	log := newLog(&out, "debug")
	start := func(id uuid.UUID) *holder {
		w := &holder{began: make(chan struct{}, 8), release: make(chan struct{})}
		all := workers{workers: river.NewWorkers(), queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}}}
		river.AddWorker(all.workers, w)
		q, err := newWorkingQueue(db, id, all, log, newMetrics())
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_ = q.StopAndCancel(ctx)
		})
		return w
	}
	posting, err := newPostingQueue(db, log)
	if err != nil {
		t.Fatal(err)
	}
	silent := fellSilent(t, db, time.Minute)
	first := start(silent)
	if err := postgres.Work(t.Context(), db, func(tx pgx.Tx) error {
		_, err := posting.InsertTx(t.Context(), tx, trial{"hold"}, nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	await := func(what string, began chan struct{}) {
		t.Helper()
		select {
		case <-began:
		case <-time.After(time.Minute):
			t.Fatalf("%s did not begin\n%s", what, &out)
		}
	}
	await("the first", first.began)
	p := wellKnown(t, db)
	second := start(p.id)
	heardOf(t, db, p.id, 0) // to start took its time
	if err := p.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-second.began:
	case <-first.began: // it is alive after all and may be quicker
	case <-time.After(time.Minute):
		t.Fatalf("nobody took the job over\n%s", &out)
	}
	close(first.release)
	close(second.release)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		state, err := postgres.Scalar[string](t.Context(), db, `SELECT string_agg(state::text, ',') FROM river_job`)
		if err == nil && state == "completed" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the job is %s, %v\n%s", state, err, &out)
		}
	}
}

// Of the replicas that ask, one has the turn, and the next after the interval.
func TestTurn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for range 8 {
		all.Go(func() {
			mine, err := turn(t.Context(), db, "trial", time.Hour)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if mine {
				taken++
			}
		})
	}
	all.Wait()
	if taken != 1 {
		t.Errorf("%d had the turn, want 1", taken)
	}
	if _, err := db.Exec(t.Context(), `UPDATE server_turn SET next_at = now()`); err != nil {
		t.Fatal(err)
	}
	if mine, err := turn(t.Context(), db, "trial", time.Hour); err != nil || !mine {
		t.Errorf("an hour later: %v, %v", mine, err)
	}
}
