//go:build chaos

package chaos

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
)

// judge holds what happened against the truth: the services' own files and
// what they were told.
func (c *Company) judge(ctx context.Context, t *testing.T, requests, actions int) {
	t.Helper()
	effects, err := c.Effects()
	if err != nil {
		t.Fatal(err)
	}
	for what, n := range effects {
		if n != 1 {
			t.Errorf("%s happened %d times", what, n)
		}
	}
	if want := requests * len(refs) * actions; len(effects) != want {
		t.Errorf("%d effects, want %d: one for each request, service, action and wave", len(effects), want)
	}
	tasks, deliveries := c.judgeTasks(ctx, t, requests, actions)
	if _, err := c.lethe.Run(ctx, nil, "audit", "verify"); err != nil {
		t.Error(err)
	}
	t.Logf("%d requests, %d tasks, %d effects, each once; %.3f deliveries for each task; load %s", requests, tasks, len(effects), float64(deliveries)/float64(tasks), load())
}

// judgeTasks holds the rows against what must be, and against what the
// services were sent and told.
func (c *Company) judgeTasks(ctx context.Context, t *testing.T, requests, actions int) (tasks, deliveries int) {
	t.Helper()
	var acknowledged []uuid.UUID
	for _, s := range c.Services {
		n, all := s.Deliveries()
		tasks, deliveries, acknowledged = tasks+n, deliveries+all, append(acknowledged, s.Acknowledged()...)
	}
	for _, must := range []struct {
		what string
		want int
		q    string
		args []any
	}{
		{"closed requests", requests, `SELECT count(*) FROM erasure_request WHERE state = 'CLOSED' AND outcome = 'FULFILLED'`, nil},
		{"requests", requests, `SELECT count(*) FROM erasure_request`, nil},
		{"tasks", requests * len(refs) * actions, `SELECT count(*) FROM erasure_task`, nil},
		{"done tasks", requests * len(refs) * actions, `SELECT count(*) FROM erasure_task WHERE state = 'DONE'`, nil},
		{"tasks by request, service, action and wave", requests * len(refs) * actions,
			`SELECT count(*) FROM (SELECT DISTINCT request_id, service_id, action, wave FROM erasure_task) t`, nil},
		{"leases that ran out and were left", 0, `SELECT count(*) FROM erasure_task WHERE lease_until < now()`, nil},
		{"jobs given up", 0, `SELECT count(*) FROM river_job WHERE state IN ('discarded', 'cancelled')`, nil},
		{"results that Lethe acknowledged", len(acknowledged), `SELECT count(*) FROM erasure_task WHERE key = ANY($1) AND state = 'DONE'`, []any{acknowledged}},
	} {
		var got int
		if err := c.DB.QueryRow(ctx, must.q, must.args...).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != must.want {
			t.Errorf("%s: %d, want %d", must.what, got, must.want)
		}
	}
	return tasks, deliveries
}

// judgeRepeats holds that the disturbances have hurt: where no task was sent
// twice, none fell between sending and knowing, and nothing was tested.
func (c *Company) judgeRepeats(t *testing.T) {
	t.Helper()
	tasks, deliveries := 0, 0
	for _, s := range c.Services {
		n, all := s.Deliveries()
		tasks, deliveries = tasks+n, deliveries+all
	}
	if deliveries <= tasks {
		t.Errorf("%d deliveries of %d tasks: no disturbance made Lethe send anything again", deliveries, tasks)
	}
}

// judgeOpenings holds every case number that was told against the database.
func (c *Company) judgeOpenings(ctx context.Context, t *testing.T, w *campaign) {
	t.Helper()
	told := make([]string, 0, len(w.opened))
	for n := range w.opened {
		told = append(told, n)
	}
	var kept, all int
	const q = `SELECT count(*) FILTER (WHERE case_number = ANY($1)), count(*) FROM erasure_request`
	if err := c.DB.QueryRow(ctx, q, told).Scan(&kept, &all); err != nil {
		t.Fatal(err)
	}
	if kept != len(told) || all != w.requests {
		t.Errorf("%d of %d acknowledged requests are there, %d in all of %d", kept, len(told), all, w.requests)
	}
}

// judgeTimes holds that no call hung, of people and of services.
func (c *Company) judgeTimes(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, kind := range []string{"openRequest", "approvePlan", "requests", "results"} {
		switch slowest, made := c.calls[kind]; {
		case !made:
			t.Errorf("no %s was timed", kind)
		case slowest > 3*time.Second:
			t.Errorf("a call of %s hung for %s", kind, slowest)
		}
	}
	t.Log("the slowest calls: ", fmt.Sprint(c.calls))
}
