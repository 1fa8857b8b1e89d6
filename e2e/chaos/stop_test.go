//go:build chaos

package chaos

import (
	"context"
	"testing"
	"time"
)

// An emergency stop falls into 10,000 dispatches: no message leaves after a
// second, and lifting it loses and doubles nothing.
func TestChaosEmergencyStop(t *testing.T) {
	requests := either(400, 1667)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(either(5, 15))*time.Minute)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c := Open(t, Options{Env: []string{"LETHE_NO_PROBES=true"}, Batch: 100, Rate: 2})
	must(c.OpenRequests(ctx, requests))
	must(c.Await(ctx, requests, "PLANNED"))
	must(c.Stop(ctx, false))
	if n, err := c.Approve(ctx); err != nil || n != requests {
		t.Fatalf("%d approved: %v", n, err)
	}
	must(c.Await(ctx, requests, "EXECUTING"))
	before := c.messages()
	must(c.Stop(ctx, true))
	for c.messages() == before && ctx.Err() == nil {
		pause(ctx, time.Millisecond)
	}
	must(c.Stop(ctx, false))
	stopped := time.Now()
	pause(ctx, 4*time.Second)
	left := 0
	must(c.DB.QueryRow(ctx, `SELECT count(*) FROM erasure_task WHERE action = 'ERASE' AND state = 'READY'`).Scan(&left))
	if left == 0 {
		t.Error("everything had left before the stop; nothing was tested")
	}
	var latest time.Duration
	for _, s := range c.Services {
		latest = max(latest, time.Unix(0, s.Last.Load()).Sub(stopped))
	}
	if latest > time.Second {
		t.Errorf("a message came %s after the stop", latest)
	}
	t.Logf("%d of %d tasks were held; the last message came %s after the stop returned", left, requests*len(refs), latest)
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
