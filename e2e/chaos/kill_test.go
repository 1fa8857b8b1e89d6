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

// Two replicas are killed while requests are opened, planned, approved,
// carried out and probed, at random moments in which some message is under
// way. Every request closes, and every effect has happened once, by the
// services' own files.
func TestChaosKills(t *testing.T) {
	kills, requests := either(10, 100), either(100, 1000)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(either(6, 60))*time.Minute)
	defer cancel()
	c := Open(t, Options{Databases: true, Dawdle: 300 * time.Millisecond, Env: []string{"LETHE_PROBE_DELAY=1s"}})
	work, hits := c.begin(ctx, requests), 0
	for n := range kills {
		work.help(n, kills)
		pause(ctx, rand.N(2*time.Second))
		if c.underWay(ctx) {
			hits++
		}
		victim := c.Replicas[rand.IntN(len(c.Replicas))]
		victim.Kill()
		pause(ctx, rand.N(time.Second))
		if err := victim.Start(ctx); err != nil {
			t.Fatalf("after kill %d: %v", n+1, err)
		}
	}
	last := time.Now()
	c.settle(ctx, t, work)
	t.Logf("%d kills, %d while a message was under way; all closed %.0f s after the last", kills, hits, time.Since(last).Seconds())
	c.judge(ctx, t, requests, 3)
	c.judgeOpenings(ctx, t, work)
	c.judgeRepeats(t)
	if 2*hits < kills {
		t.Errorf("%d kills of %d fell into idleness", kills-hits, kills)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
