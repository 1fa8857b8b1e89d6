package server

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

type trial struct {
	How string `json:"how"`
}

func (trial) Kind() string { return "server.trial" }

// trier fails in the ways a worker can, each time with a person's address.
type trier struct {
	river.WorkerDefaults[trial]
	mu    sync.Mutex
	tries map[string]int
}

func (w *trier) Work(_ context.Context, job *river.Job[trial]) error {
	w.mu.Lock()
	w.tries[job.Args.How]++
	n := w.tries[job.Args.How]
	w.mu.Unlock()
	switch {
	case n > 1:
		return nil
	case job.Args.How == "fail":
		return fmt.Errorf("no such customer %q", "erika@example.com")
	case job.Args.How == "panic":
		panic("erika@example.com")
	case job.Args.How == "snooze":
		return river.JobSnooze(0)
	}
	return nil
}

// A job's row keeps no value of what went wrong, and the job comes back.
func TestJobsComeBackAndKeepNoValues(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var out lockedBuffer
	w := &trier{tries: map[string]int{}}
	all := workers{workers: river.NewWorkers(), queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}}}
	river.AddWorker(all.workers, w)
	log := newLog(&out, "debug")
	posting, err := newPostingQueue(db, log)
	if err != nil {
		t.Fatal(err)
	}
	working, err := newWorkingQueue(db, uuid.New(), all, log, newMetrics())
	if err != nil {
		t.Fatal(err)
	}
	err = postgres.Work(t.Context(), db, func(tx pgx.Tx) error {
		for _, how := range []string{"work", "fail", "panic", "snooze"} {
			if _, err := posting.InsertTx(t.Context(), tx, trial{how}, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := working.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := func() (n int) {
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE state = 'completed'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for deadline := time.Now().Add(time.Minute); done() < 4; {
		if time.Now().After(deadline) {
			t.Fatalf("%d of 4 jobs are done; %v\n%s", done(), w.tries, &out)
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := working.Stop(stop); err != nil {
		t.Error(err)
	}
	var kept string
	if err := db.QueryRow(t.Context(), `SELECT coalesce(string_agg(j::text, ''), '') FROM river_job j`).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(kept, "erika") || strings.Contains(out.String(), "erika") {
		t.Errorf("a value was kept:\n%s\n%s", kept, &out)
	}
	if !strings.Contains(kept, "no such customer") || !strings.Contains(out.String(), "job panicked") {
		t.Errorf("what went wrong was lost:\n%s\n%s", kept, &out)
	}
}

// A killed worker's job comes back within minutes, not an hour; a retry waits
// between nothing and the cap.
func TestBackOff(t *testing.T) {
	t.Parallel()
	for failures := range 30 {
		before := time.Now()
		next := backOff{}.NextRetry(&rivertype.JobRow{Errors: make([]rivertype.AttemptError, failures)})
		most := min(retryCap, time.Second<<min(failures, 20)) + 100*time.Millisecond
		if next.Before(before) || next.After(time.Now().Add(most)) {
			t.Errorf("after %d failures: in %s, want %s at most", failures, next.Sub(before), most)
		}
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
