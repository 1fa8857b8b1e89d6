//go:build chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
)

// campaign is the traffic of a campaign: requests are opened bit by bit, and
// whatever is planned is approved.
type campaign struct {
	requests int
	done     chan error
	stop     context.CancelFunc
	slowest  time.Duration
	opened   map[string]bool // case numbers that Lethe told us
}

// begin opens requests in as many helpings as disturbances are expected, one
// at least every so often, and goes on approving until all are closed.
func (c *Company) begin(ctx context.Context, requests int, every time.Duration, helpings int) *campaign {
	ctx, stop := context.WithCancel(ctx)
	w := &campaign{requests: requests, done: make(chan error, 2), stop: stop, opened: map[string]bool{}}
	go func() { w.done <- c.openSlowly(ctx, w, every, helpings) }()
	go func() { w.done <- c.approveAll(ctx, w) }()
	return w
}

func (c *Company) openSlowly(ctx context.Context, w *campaign, every time.Duration, helpings int) error {
	for i := range w.requests {
		if i > 0 && i%max(1, w.requests/helpings) == 0 {
			pause(ctx, every/2)
		}
		if err := c.openOne(ctx, w, i); err != nil {
			return fmt.Errorf("opening: %w", err)
		}
	}
	return nil
}

func (c *Company) openOne(ctx context.Context, w *campaign, i int) error {
	input := map[string]any{"type": "ERASURE", "controller": "flowmart-de", "identity": "ACCOUNT_LOGIN", "ground": "17(1)(b)",
		"clientRequestId": fmt.Sprint("chaos-", i), "identifiers": []map[string]string{{"type": "customer_id", "value": fmt.Sprintf("C-%07d", i)}}}
	for ctx.Err() == nil {
		var answer struct {
			OpenRequest struct{ Request struct{ CaseNumber string } }
		}
		began := time.Now()
		err := c.Ask(ctx, "handler", `mutation($i: OpenRequestInput!) { openRequest(input: $i) { request { caseNumber } userErrors { code message } } }`, map[string]any{"i": input}, &answer)
		w.slowest = max(w.slowest, time.Since(began))
		if err == nil {
			w.opened[answer.OpenRequest.Request.CaseNumber] = true
			return nil
		}
		if r, ok := errors.AsType[refusal](err); ok && r.Code == "IDEMPOTENCY_KEY_REUSED" {
			return err
		}
		pause(ctx, 100*time.Millisecond)
	}
	return ctx.Err()
}

func (c *Company) approveAll(ctx context.Context, w *campaign) error {
	for ctx.Err() == nil {
		if counts, err := c.Counts(ctx); err == nil && counts["CLOSED"] == w.requests {
			return nil
		}
		short, cancel := context.WithTimeout(ctx, 30*time.Second)
		_, err := c.Approve(short)
		cancel()
		if err == nil {
			pause(ctx, 300*time.Millisecond)
		} else {
			pause(ctx, 50*time.Millisecond)
		}
	}
	return ctx.Err()
}

// settle waits until the traffic has come to its end.
func (c *Company) settle(ctx context.Context, t *testing.T, w *campaign) {
	t.Helper()
	for range 2 {
		if err := <-w.done; err != nil {
			counts, _ := c.Counts(context.Background())
			t.Errorf("%v; requests by state: %v", err, counts)
			c.explain(t)
			t.FailNow()
		}
	}
	w.stop()
}

// explain tells what stands where, for a campaign that did not end.
func (c *Company) explain(t *testing.T) {
	const q = `
		SELECT concat_ws(' ', 'task', action, state, code, 'attempt', attempt, 'leased', lease_until > now(), 'due', next_at <= now(), count(*)) FROM erasure_task WHERE state <> 'DONE'
		 GROUP BY action, state, code, attempt, lease_until > now(), next_at <= now()
		UNION ALL
		SELECT concat_ws(' ', 'job', kind, state, count(*)) FROM river_job WHERE state <> 'completed' GROUP BY kind, state
		UNION ALL
		SELECT concat_ws(' ', 'delivery', failures, last_code, open_until - now()) FROM erasure_delivery`
	rows, err := c.DB.Query(context.Background(), q)
	if err != nil {
		t.Log(err)
		return
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if rows.Scan(&line) == nil {
			t.Log(line)
		}
	}
}

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
	count := func(q string, args ...any) (n int) {
		if err := c.DB.QueryRow(ctx, q, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(`SELECT count(*) FROM erasure_task WHERE state <> 'DONE'`); n != 0 {
		t.Errorf("%d tasks are not done", n)
	}
	if n := count(`SELECT count(*) FROM erasure_task`); n != requests*len(refs)*actions {
		t.Errorf("%d tasks, want %d", n, requests*len(refs)*actions)
	}
	if n := count(`SELECT count(*) FROM river_job WHERE state IN ('discarded', 'cancelled')`); n != 0 {
		t.Errorf("%d jobs were given up", n)
	}
	tasks, deliveries, acknowledged := 0, 0, []uuid.UUID{}
	for _, s := range c.Services {
		n, all := s.Deliveries()
		tasks, deliveries, acknowledged = tasks+n, deliveries+all, append(acknowledged, s.Acknowledged()...)
	}
	if n := count(`SELECT count(*) FROM erasure_task WHERE key = ANY($1) AND state = 'DONE'`, acknowledged); n != len(acknowledged) {
		t.Errorf("Lethe acknowledged the results of %d tasks and has %d of them", len(acknowledged), n)
	}
	t.Logf("%d requests, %d tasks, %d effects, each once; %.3f deliveries for each task; load %s", requests, tasks, len(effects), float64(deliveries)/float64(tasks), load())
}
