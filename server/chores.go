package server

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/erasure"
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

// filler gives topics the fields of schemas that were registered before the
// topic was declared. The catalog may not know the registry, so nobody calls
// anybody: what is missing is looked for.
type filler struct {
	ground   *ground
	registry *schemas.Registry
	after    string // the topic looked at last
}

// fillAtOnce is how many topics one look takes on.
const fillAtOnce = 100

func newFiller(g *ground, r *schemas.Registry) *filler { return &filler{ground: g, registry: r} }

// run looks again and again. Replicas may all do it: to fill is idempotent.
func (f *filler) run(ctx context.Context) error {
	tick := time.NewTicker(f.ground.conf.ClockInterval)
	defer tick.Stop()
	for {
		if err := f.once(ctx); err != nil && ctx.Err() == nil {
			report(ctx, f.ground.log, "filling in fields of topics", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// once fills in the next topics. One whose schema has no fields comes up again
// and again, and must not keep others from their turn: hence the place kept.
func (f *filler) once(ctx context.Context) error {
	topics, err := barren(ctx, f.ground.jobs, f.ground.conf.clusters(), f.after)
	if err != nil {
		return err
	}
	f.after = ""
	if len(topics) == fillAtOnce {
		f.after = topics[fillAtOnce-1]
	}
	for _, topic := range topics {
		err := postgres.Work(ctx, f.ground.jobs, func(tx pgx.Tx) error { return f.registry.Fill(ctx, tx, topic) })
		if err != nil {
			return err
		}
	}
	return nil
}

// barren finds topics that have a schema and none of its fields.
func barren(ctx context.Context, db *pgxpool.Pool, clusters []string, after string) ([]string, error) {
	const q = `
		SELECT DISTINCT t.topic
		  FROM catalog_topic t
		  JOIN schemas_subject s ON s.context = '.' AND s.name = t.topic || '-value'
		 WHERE t.cluster = ANY ($1) AND t.topic > $2
		   AND EXISTS (SELECT FROM schemas_version v WHERE v.subject_id = s.id AND v.deleted_at IS NULL)
		   AND NOT EXISTS (SELECT FROM catalog_field f WHERE f.dataset_id = t.dataset_id AND f.last_version IS NOT NULL)
		 ORDER BY t.topic
		 LIMIT $3`
	return postgres.Scalars[string](ctx, db, q, clusters, after, fillAtOnce)
}
