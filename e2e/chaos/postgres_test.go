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
// and probed. What Lethe has acknowledged is there, nothing happens twice, and
// no call hangs.
func TestChaosPostgres(t *testing.T) {
	crashes, cuts, losses := either(2, 5), either(6, 20), either(6, 20)
	requests := either(60, 600)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(either(6, 20))*time.Minute)
	defer cancel()
	var cutter *toxics.Proxy
	var loser *answerLoser
	c := Open(t, Options{Env: []string{"LETHE_PROBE_DELAY=1s"}, Database: func(address string) string {
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
	work := c.begin(ctx, requests, 2*time.Second, crashes+cuts+losses)
	for n := range cuts {
		pause(ctx, 700*time.Millisecond)
		cutter.Stop()
		pause(ctx, 300*time.Millisecond)
		if err := cutter.Start(); err != nil {
			t.Fatalf("after cut %d: %v", n+1, err)
		}
	}
	for n := range losses {
		before := loser.lost.Load()
		for loser.armed.Store(true); loser.lost.Load() == before && ctx.Err() == nil; {
			pause(ctx, 20*time.Millisecond)
		}
		if ctx.Err() != nil {
			t.Fatalf("answer %d was not lost", n+1)
		}
		pause(ctx, 300*time.Millisecond)
	}
	for n := range crashes {
		pause(ctx, 2*time.Second)
		c.pg.Crash()
		pause(ctx, 500*time.Millisecond)
		if err := c.pg.Restart(ctx); err != nil {
			t.Fatalf("after crash %d: %v", n+1, err)
		}
	}
	last := time.Now()
	c.settle(ctx, t, work)
	t.Logf("%d cuts, %d answers lost, %d crashes; all closed %.0f s after the last; the slowest opening took %s", cuts, loser.lost.Load(), crashes, time.Since(last).Seconds(), work.slowest)
	if work.slowest > 3*time.Second {
		t.Errorf("an opening hung for %s", work.slowest)
	}
	c.judge(ctx, t, requests, 3)
	c.judgeOpenings(ctx, t, work)
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

// silent is the zero of the library's logger, which says nothing.
func silent[T any](*T) *T { return new(T) }
