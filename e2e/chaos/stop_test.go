//go:build chaos

package chaos

import (
	"context"
	"testing"
	"time"
)

// An emergency stop falls into the middle of 10,000 dispatches, each a message
// of its own: the services refuse to be told of several tasks at once. No
// message comes after a second, and lifting it loses and doubles nothing.
func TestChaosEmergencyStop(t *testing.T) {
	requests := either(300, 1667)
	tasks := int64(requests * len(refs))
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(either(6, 20))*time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c := Open(t, Options{Env: []string{"LETHE_NO_PROBES=true"}, Batch: 100, Rate: 50, InFlight: 2})
	must(c.OpenRequests(ctx, requests))
	must(c.Await(ctx, requests, "PLANNED"))
	must(c.Stop(ctx, false))
	if n, err := c.Approve(ctx); err != nil || n != requests {
		t.Fatalf("%d approved: %v", n, err)
	}
	must(c.Await(ctx, requests, "EXECUTING"))
	for _, s := range c.Services {
		s.Single.Store(true)
	}
	before := c.messages()
	must(c.Stop(ctx, true))
	for c.messages() < before+tasks/5 && ctx.Err() == nil {
		pause(ctx, time.Millisecond)
	}
	must(c.Stop(ctx, false))
	stopped, sent := time.Now(), c.messages()-before
	pause(ctx, 4*time.Second)
	var latest time.Duration
	for _, s := range c.Services {
		latest = max(latest, time.Unix(0, s.Last.Load()).Sub(stopped))
	}
	if latest > time.Second {
		t.Errorf("a message came %s after the stop", latest)
	}
	var left int64
	must(c.DB.QueryRow(ctx, `SELECT count(*) FROM erasure_task WHERE action = 'ERASE' AND state = 'READY'`).Scan(&left))
	if left < tasks/2 {
		t.Errorf("%d of %d tasks were left when the stop fell; it was to fall into the flood", left, tasks)
	}
	t.Logf("%d messages of one task had come when the stop returned, %d more after it; %d of %d tasks were held; the last message came %s after the stop returned", sent, c.messages()-before-sent, left, tasks, latest)
	must(c.Stop(ctx, true))
	must(c.Await(ctx, requests, "CLOSED"))
	c.judge(ctx, t, requests, 2)
}

func (c *Company) messages() (n int64) {
	for _, s := range c.Services {
		n += s.Messages.Load()
	}
	return n
}
