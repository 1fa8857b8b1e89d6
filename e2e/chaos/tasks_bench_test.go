package chaos

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// BenchmarkTasksToClosed measures how fast approved erasures become closed
// requests: from the lifting of an emergency stop, under which all of them were
// approved, to the last closing. It prints the figure of a bare program that
// exchanges the same messages with the same services, measured in the same
// run, and the ratio. TASKS is how many tasks (10,000), PROFILE a directory
// for processor profiles of the replicas.
func BenchmarkTasksToClosed(b *testing.B) {
	for _, mode := range []struct {
		name  string
		batch int
	}{{"one result a message", 1}, {"up to 100 results a message", 100}} {
		b.Run(mode.name, func(b *testing.B) { tasksToClosed(b, mode.batch) })
	}
}

func tasksToClosed(b *testing.B, batch int) {
	tasks := 10_000
	if n, err := strconv.Atoi(os.Getenv("TASKS")); err == nil {
		tasks = n
	}
	requests := (tasks + len(refs) - 1) / len(refs)
	tasks = requests * len(refs)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	c := Open(b, Options{Databases: true, Batch: batch, Env: []string{"LETHE_NO_PROBES=true"}})
	must(c.OpenRequests(ctx, requests))
	must(c.Await(ctx, requests, "PLANNED"))
	must(c.Stop(ctx, false))
	n, err := c.Approve(ctx)
	must(err)
	if n != requests {
		b.Fatalf("%d plans approved of %d", n, requests)
	}
	must(c.Await(ctx, requests, "EXECUTING"))
	var profiles sync.WaitGroup
	for i := range c.ops {
		c.profile(&profiles, i)
	}
	_, err = c.statements(ctx, true)
	must(err)
	must(c.analyze(ctx)) // as autovacuum has done where the tables have been there for more than a minute
	before := cpu()
	must(c.Stop(ctx, true))
	must(c.Await(ctx, requests, "CLOSED"))
	used := cpu().minus(before)
	took := c.fromResumeToClosed(ctx, b)
	profiles.Wait()
	costs, err := c.statements(ctx, false)
	must(err)
	must(c.certified(ctx, requests))
	beforeBare := cpu()
	floor, err := c.bareRate(ctx, requests)
	must(err)
	bareUsed := cpu().minus(beforeBare)
	rate := float64(tasks) / took.Seconds()
	b.ReportMetric(rate, "tasks/s")
	b.ReportMetric(floor, "bare/s")
	b.ReportMetric(rate/floor, "ratio")
	b.ReportMetric(used.all()/float64(tasks)*1000, "cpu-ms/task")
	b.ReportMetric(bareUsed.all()/float64(tasks)*1000, "bare-cpu-ms/task")
	b.ReportMetric(0, "ns/op")
	b.Logf("%d tasks of %d requests: %.1f s from the lifted stop to the last closing, %.0f tasks/s; the bare program %.0f/s; ratio %.2f", tasks, requests, took.Seconds(), rate, floor, rate/floor)
	b.Logf("processor seconds: Lethe %.1f, PostgreSQL %.1f, the services and the bench %.1f; of the bare program's run %.1f, ratio %.2f; load %s",
		used.lethe, used.postgres, used.services, bareUsed.all(), bareUsed.all()/used.all(), load())
	if costs != "" {
		b.Logf("the costliest statements:\n%s", costs)
	}
}

func (c *Company) fromResumeToClosed(ctx context.Context, b *testing.B) time.Duration {
	const q = `SELECT extract(epoch FROM max(closed_at) - (SELECT max(lifted_at) FROM erasure_stop))::float8 FROM erasure_request`
	var seconds float64
	if err := c.DB.QueryRow(ctx, q).Scan(&seconds); err != nil {
		b.Fatal(err)
	}
	return time.Duration(seconds * float64(time.Second))
}

// certified waits until every request has its certificate, so that issuing
// them does not burden the floor.
func (c *Company) certified(ctx context.Context, requests int) error {
	const q = `SELECT count(*)::int FROM erasure_certificate`
	for n := 0; n < requests; {
		if err := c.DB.QueryRow(ctx, q).Scan(&n); err != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

func (c *Company) bareRate(ctx context.Context, requests int) (float64, error) {
	for _, p := range c.Replicas {
		p.Stop() // the machine is for the bare program alone
	}
	took, err := runBare(ctx, c, requests)
	return float64(requests*len(refs)) / took.Seconds(), err
}

func (c *Company) profile(all *sync.WaitGroup, replica int) {
	dir := os.Getenv("PROFILE")
	if dir == "" {
		return
	}
	all.Go(func() {
		resp, err := http.Get("http://" + c.ops[replica] + "/debug/pprof/profile?seconds=8")
		if err != nil {
			return
		}
		defer resp.Body.Close()
		f, err := os.Create(fmt.Sprintf("%s/lethe-%d.pprof", dir, replica))
		if err != nil {
			return
		}
		defer f.Close()
		_, _ = io.Copy(f, resp.Body) // a profile that breaks off is no profile
	})
}

// load is the load average of the machine, all of it.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return string(text[:min(14, len(text))])
}
