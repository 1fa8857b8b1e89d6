//go:build chaos

package chaos

import (
	"context"
	"testing"
	"time"

	toxics "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// PostgreSQL is stopped at once, its connections are cut, and the answers to
// COMMIT are lost, while requests are opened, planned, approved, carried out
// and probed. Connections go while messages are under way; answers are lost
// when a request is opened, a plan approved, a delivery noted and a result
// taken. What Lethe has acknowledged is there, nothing happens twice, and no
// call hangs.
func TestChaosPostgres(t *testing.T) {
	crashes, cuts, losses := either(2, 5), either(6, 20), either(6, 20)
	requests := either(60, 600)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(either(6, 40))*time.Minute)
	defer cancel()
	var cutter *toxics.Proxy
	var loser *answerLoser
	c := Open(t, Options{Dawdle: 300 * time.Millisecond, Env: []string{"LETHE_PROBE_DELAY=1s"}, Database: func(address string) string {
		if loser != nil {
			return loser.at.Addr().String()
		}
		proxies := &toxics.ApiServer{Collection: toxics.NewProxyCollection(), Metrics: toxics.NewMetricsContainer(prometheus.NewRegistry())}
		proxies.Logger = silent(proxies.Logger)
		cutter = toxics.NewProxy(proxies, "postgres", "127.0.0.1:0", address)
		if err := cutter.Start(); err != nil {
			t.Fatal(err)
		}
		var err error
		if loser, err = loseAnswers(cutter.Listen); err != nil {
			t.Fatal(err)
		}
		return loser.at.Addr().String()
	}})
	t.Cleanup(func() {
		loser.close()
		cutter.Stop()
	})
	work, helpings, done := c.begin(ctx, requests), crashes+cuts+losses, 0
	help := func() {
		work.help(done, helpings)
		done++
	}
	for n := range cuts {
		help()
		pause(ctx, 400*time.Millisecond)
		c.underWay(ctx)
		c.slow(true)
		cutter.Stop()
		pause(ctx, 300*time.Millisecond)
		c.slow(false)
		if err := cutter.Start(); err != nil {
			t.Fatalf("after cut %d: %v", n+1, err)
		}
	}
	acts := []string{openRequest, approvePlan, delivered, receive}
	for n := range losses {
		before := loser.lost.Load()
		loser.arm(acts[n%len(acts)])
		help()
		for loser.lost.Load() == before && ctx.Err() == nil {
			pause(ctx, 20*time.Millisecond)
		}
		if ctx.Err() != nil {
			t.Fatalf("answer %d, to a COMMIT with %q, was not lost", n+1, acts[n%len(acts)])
		}
		pause(ctx, 300*time.Millisecond)
	}
	for n := range crashes {
		help()
		pause(ctx, time.Second)
		c.underWay(ctx)
		c.slow(true)
		c.pg.Crash()
		pause(ctx, 500*time.Millisecond)
		c.slow(false)
		if err := c.pg.Restart(ctx); err != nil {
			t.Fatalf("after crash %d: %v", n+1, err)
		}
	}
	last := time.Now()
	c.settle(ctx, t, work)
	t.Logf("%d cuts, %d answers lost, %d crashes; all closed %.0f s after the last", cuts, loser.lost.Load(), crashes, time.Since(last).Seconds())
	c.judge(ctx, t, requests, 3)
	c.judgeOpenings(ctx, t, work)
	c.judgeRepeats(t)
	c.judgeTimes(t)
}

// silent is the zero of the library's logger, which says nothing.
func silent[T any](*T) *T { return new(T) }
