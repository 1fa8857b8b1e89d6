package schemas

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/postgres"
)

// prunedAtOnce is how many changes one unit of work drops, more or less.
const prunedAtOnce = 10_000

// Prune drops all changes but the newest that are to be kept. A replica that has
// yet to see one of those dropped finds that out with its next look, and reads
// everything anew: beyond some thousands of changes it does so in any case.
// Several may prune at once.
func (r *Registry) Prune(ctx context.Context, keep int) error {
	for {
		n := 0
		err := postgres.Work(ctx, r.db, func(tx pgx.Tx) (err error) {
			n, err = prune(ctx, tx, max(keep, 1))
			return err
		})
		if err != nil || n < prunedAtOnce {
			return err
		}
	}
}

// prune drops the oldest changes, and notes below which transaction none is kept.
// That is never above one still under way, for what it brings is not seen yet:
// so the number only rises. Numbers that this server has yet to come to are
// those of one that a dump was taken of, and are nobody's news.
func prune(ctx context.Context, tx pgx.Tx, keep int) (int, error) {
	const qLock = `SELECT below::text FROM schemas_pruned FOR UPDATE`
	if _, err := postgres.Scalar[string](ctx, tx, qLock); err != nil {
		return 0, err
	}
	const q = `
		WITH bound AS (
		    SELECT least(kept.xid, enough.xid, pg_snapshot_xmin(pg_current_snapshot())) AS below
		      FROM (SELECT c.xid FROM schemas_change c WHERE c.xid < pg_snapshot_xmax(pg_current_snapshot()) ORDER BY c.xid DESC OFFSET $1 - 1 LIMIT 1) AS kept
		      LEFT JOIN (SELECT c.xid FROM schemas_change c ORDER BY c.xid OFFSET $2 LIMIT 1) AS enough ON true),
		noted AS (
		    UPDATE schemas_pruned p SET below = bound.below FROM bound WHERE p.below <> bound.below),
		gone AS (
		    DELETE FROM schemas_change c USING bound
		     WHERE c.xid < bound.below OR c.xid >= pg_snapshot_xmax(pg_current_snapshot())
		    RETURNING c.seq)
		SELECT count(*) FROM gone`
	return postgres.Scalar[int](ctx, tx, q, keep, prunedAtOnce)
}
