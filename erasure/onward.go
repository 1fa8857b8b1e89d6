package erasure

import (
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// onward takes requests on after tasks of theirs were answered: those that
// wait for no other answer, and closed ones, of which an answer may be news.
// What they have come to is read for all of them at once, and what each adds to
// the records is written for all of them at once.
func (s *Requests) onward(ctx context.Context, tx pgx.Tx, after consequences) error {
	ids, err := ripe(ctx, tx, slices.Collect(maps.Keys(after)))
	if err != nil || len(ids) == 0 {
		return err
	}
	requests, err := lockRequests(ctx, tx, ids)
	if err != nil {
		return err
	}
	all, err := task.Of(ctx, tx, ids)
	if err != nil {
		return err
	}
	j := &journal{Tx: tx}
	if j.reckoned, err = reckonAll(ctx, tx, ending(requests, all), all); err != nil {
		return err
	}
	for _, id := range ids {
		r := requests[id]
		if err := s.goOn(ctx, j, &r, all[id], after[id]); err != nil {
			return err
		}
	}
	return s.write(ctx, j)
}

func (s *Requests) goOn(ctx context.Context, tx pgx.Tx, r *Request, all []task.Task, c consequence) error {
	switch {
	case r.State == Closed && c.back && r.KeyDestroyedAt == nil:
		return s.reopen(ctx, tx, access.System, r, "RESIDUE")
	case r.State == Closed && c.doubt && r.KeyDestroyedAt == nil:
		return s.reopen(ctx, tx, access.System, r, task.CodeConflict)
	case r.State == Closed:
		return s.recount(ctx, tx, r)
	case !c.ended:
		return nil
	case r.State == Executing:
		return s.executeWith(ctx, tx, r, all)
	case r.State == Verifying:
		return s.verifyWith(ctx, tx, r, all)
	}
	return s.advance(ctx, tx, r)
}

// ending lists the requests whose work, or whose probes, are over: they need
// what they have come to.
func ending(requests map[uuid.UUID]Request, all map[uuid.UUID][]task.Task) []Request {
	var out []Request
	for id, r := range requests {
		if (r.State == Executing || r.State == Verifying) && terminal(r.doing(all[id])) {
			out = append(out, r)
		}
	}
	return out
}

// ripe are those of several requests that may go on: nothing they asked for is
// under way. Follow-ups of an earlier closing do not count.
func ripe(ctx context.Context, db postgres.DB, requests []uuid.UUID) ([]uuid.UUID, error) {
	const q = `
		SELECT r.id FROM erasure_request r
		 WHERE r.id = ANY($1)
		   AND (r.state = 'CLOSED'
		        OR r.state IN ('VERIFIED', 'BLOCKED', 'EXECUTING', 'VERIFYING')
		           AND NOT EXISTS (SELECT FROM erasure_task t
		                            WHERE t.request_id = r.id AND t.state IN ('READY', 'SENT', 'WORKING')
		                              AND t.wave >= r.reopened * $2::int AND t.wave < r.reopened * $2::int + $3::int))
		 ORDER BY r.id`
	return postgres.Scalars[uuid.UUID](ctx, db, q, requests, wavesEachTime, waveFollowUp)
}
