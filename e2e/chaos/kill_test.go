//go:build chaos

package chaos

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// long reports whether the whole campaign is wanted, or its short form.
func long() bool { return os.Getenv("CAMPAIGN") == "long" }

func either(short, whole int) int {
	if long() {
		return whole
	}
	return short
}

// Two replicas are killed at random moments while requests are opened,
// planned, approved, carried out and probed. Every request closes, and every
// effect has happened once, by the services' own files.
func TestChaosKills(t *testing.T) {
	kills, requests := either(10, 100), either(100, 1000)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(either(5, 25))*time.Minute)
	defer cancel()
	c := Open(t, Options{Env: []string{"LETHE_PROBE_DELAY=1s"}})
	work := c.begin(ctx, requests, 3*time.Second, kills)
	for n := range kills {
		pause(ctx, rand.N(3*time.Second))
		victim := c.Replicas[rand.IntN(len(c.Replicas))]
		victim.Kill()
		pause(ctx, rand.N(time.Second))
		if err := victim.Start(ctx); err != nil {
			t.Fatalf("after kill %d: %v", n+1, err)
		}
	}
	last := time.Now()
	c.settle(ctx, t, work)
	t.Logf("%d kills; all closed %.0f s after the last", kills, time.Since(last).Seconds())
	c.judge(ctx, t, requests, 3)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
