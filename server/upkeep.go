package server

import (
	"context"
	"time"

	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/catalog/trust"
)

// findingsEvery is how often the catalog is looked through for findings that
// no act of a person brings about: a reader was observed, a day has passed.
const findingsEvery = time.Minute

// wireUpkeep keeps the catalog's own derived rows up to date, and forgets the
// tokens of jobs that have ended.
func wireUpkeep(g *ground, h *house, r *rooms) {
	trusts := trust.New(g.jobs, g.now, g.conf.CIIssuers)
	h.loops = append(h.loops, loop{"catalog", func(ctx context.Context) error {
		if err := taxonomy.Sync(ctx, g.jobs); err != nil && ctx.Err() == nil {
			report(ctx, g.log, "writing the taxonomy", err)
		}
		for {
			if err := r.catalog.RefreshFindings(ctx); err != nil && ctx.Err() == nil {
				report(ctx, g.log, "looking for findings", err)
			}
			if err := trusts.Sweep(ctx); err != nil && ctx.Err() == nil {
				report(ctx, g.log, "forgetting tokens of jobs", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(findingsEvery):
			}
		}
	}})
}
