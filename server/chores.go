package server

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/alert"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas"
)

// sweepInterval is how long a package may outlive its time on disk.
const sweepInterval = 5 * time.Minute

// Sweep is the job that deletes the files of exports whose time is over.
type Sweep struct{}

// Kind names the job.
func (Sweep) Kind() string { return "export.sweep" }

// InsertOpts lets one sweep wait at a time.
func (Sweep) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByPeriod: sweepInterval}}
}

// sweeper works sweeps.
type sweeper struct {
	river.WorkerDefaults[Sweep]
	exports *export.Exports
}

// Work sweeps once.
func (s *sweeper) Work(ctx context.Context, _ *river.Job[Sweep]) error { return s.exports.Sweep(ctx) }

// ticker lets the requests do what time alone makes due. It is no job of River's:
// those wait for its leader, whose death takes seconds to be noticed.
type ticker struct {
	ground   *ground
	requests *erasure.Requests
}

// run ticks when it is this replica's turn.
func (c *ticker) run(ctx context.Context) error {
	interval := c.ground.conf.ClockInterval
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := c.once(ctx, interval); err != nil && ctx.Err() == nil {
			report(ctx, c.ground.log, "doing what time makes due", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// once survives a panic, as a job does: one request that cannot be taken on
// must not end every process in turn.
func (c *ticker) once(ctx context.Context, interval time.Duration) (err error) {
	defer func() {
		if what := recover(); what != nil {
			c.ground.log.ErrorContext(ctx, "the clock panicked", "stack", string(debug.Stack()))
			err = errors.New("panic")
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, jobFor)
	defer cancel()
	// The turn ends a little before the next tick of whoever has it, who so keeps
	// it, in time, for as long as he lives.
	mine, err := turn(ctx, c.ground.jobs, "clock", interval*9/10)
	if err != nil || !mine {
		return err
	}
	return c.requests.Tick(ctx)
}

// alerted logs what people must know about a task. Rooms do not log.
func (g *ground) alerted(ctx context.Context, a alert.Alert) {
	what := "a service has left a task undone for 24 hours"
	if a.Reason == alert.UnplannedDataset {
		what = "a service answered about a dataset that the plan does not ask it about"
	}
	dataset := "NONE"
	if a.DatasetID != nil {
		dataset = a.DatasetID.String()
	}
	g.log.ErrorContext(ctx, what, "request", a.RequestID.String(), "task", a.TaskKey.String(), "service", a.ServiceID.String(),
		"dataset", dataset, "action", string(a.Action), "code", orNone(a.Code), "count", a.Times)
}

func orNone(code *string) string {
	if code == nil {
		return "NONE"
	}
	return *code
}

// filler gives topics the fields of schemas that were registered before the
// topic was declared.
type filler struct {
	ground   *ground
	registry *schemas.Registry
	after    string // the subject looked at last
}

// newFiller works on the pool of the background, not on that of callers.
func newFiller(g *ground) *filler {
	return &filler{ground: g, registry: schemas.New(g.jobs, g.now, g.conf.clusters()...)}
}

// run looks again and again. Replicas may all do it: to fill is idempotent.
func (f *filler) run(ctx context.Context) error {
	tick := time.NewTicker(f.ground.conf.ClockInterval)
	defer tick.Stop()
	for {
		next, err := f.registry.Fill(ctx, f.after)
		if f.after = next; err != nil && ctx.Err() == nil && !postgres.Away(err) { // an outage is told once, by who follows the registry
			report(ctx, f.ground.log, "filling in fields of topics", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

const (
	pruneEvery = time.Minute
	// changesKept is how many changes of the registry are kept: a replica that
	// has missed more reads everything anew, whether they are there or not.
	changesKept = 10_000
)

// pruner drops changes of the registry that nobody follows any more. Replicas
// may all do it.
func pruner(g *ground) loop {
	registry := schemas.New(g.jobs, g.now)
	return loop{"changes", func(ctx context.Context) error {
		tick := time.NewTicker(pruneEvery)
		defer tick.Stop()
		for {
			if err := registry.Prune(ctx, changesKept); err != nil && ctx.Err() == nil && !postgres.Away(err) {
				report(ctx, g.log, "dropping changes that nobody follows", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	}}
}
