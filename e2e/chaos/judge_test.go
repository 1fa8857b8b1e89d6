//go:build chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// campaign is the traffic of a campaign: requests are opened helping by
// helping, whatever is planned is approved, and lists are read all the time.
type campaign struct {
	requests int
	helpings chan int // how many requests to open next
	done     chan error
	stop     context.CancelFunc
	opened   map[string]bool // case numbers that Lethe told us
}

// begin starts the traffic. It opens nothing before it is helped.
func (c *Company) begin(ctx context.Context, requests int) *campaign {
	ctx, stop := context.WithCancel(ctx)
	w := &campaign{requests: requests, helpings: make(chan int, requests), done: make(chan error, 2), stop: stop, opened: map[string]bool{}}
	c.mu.Lock()
	clear(c.calls) // of setting up
	c.mu.Unlock()
	go func() { w.done <- c.openHelpings(ctx, w) }()
	go func() { w.done <- c.approveAll(ctx, w) }()
	go c.list(ctx)
	return w
}

// help opens the nth helping of so many: there is work under way when the nth
// disturbance comes. The last one opens what is left.
func (w *campaign) help(n, of int) {
	w.helpings <- w.requests*(n+1)/of - w.requests*n/of
	if n == of-1 {
		close(w.helpings)
	}
}

func (c *Company) openHelpings(ctx context.Context, w *campaign) error {
	i := 0
	for helping := range w.helpings {
		for range helping {
			if err := c.openOne(ctx, w, i); err != nil {
				return fmt.Errorf("opening: %w", err)
			}
			i++
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
		err := c.Ask(ctx, "handler", `mutation($i: OpenRequestInput!) { openRequest(input: $i) { request { caseNumber } userErrors { code message } } }`, map[string]any{"i": input}, &answer)
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

// list reads a page of requests, whatever else goes on.
func (c *Company) list(ctx context.Context) {
	for ctx.Err() == nil {
		// An error is what a disturbance makes of it; what counts is the time.
		_ = c.Ask(ctx, "dpo", `query { requests(first: 20) { nodes { caseNumber state } } }`, nil, nil)
		pause(ctx, 200*time.Millisecond)
	}
}

// underWay waits until a service holds a message that it has not accepted yet,
// so that a disturbance falls between sending and knowing. It reports whether
// one did within 20 seconds.
func (c *Company) underWay(ctx context.Context) bool {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && ctx.Err() == nil; pause(ctx, 5*time.Millisecond) {
		for _, s := range c.Services {
			if s.Held.Load() > 0 {
				return true
			}
		}
	}
	return false
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

// slow has services take their time with what comes now.
func (c *Company) slow(on bool) {
	for _, s := range c.Services {
		s.Slow.Store(on)
	}
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
