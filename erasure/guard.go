package erasure

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// accepts reports whether an approver has looked at what one guard stopped.
func (r Request) accepts(why Block) bool { return slices.Contains(r.Accepted, why) }

// accept lifts one guard of r and no other: whoever has looked at two people
// has not looked at counts.
func (r *Request) accept(why Block) {
	if !r.accepts(why) {
		r.Accepted = append(r.Accepted, why)
	}
}

// countsAnew takes back what was accepted about counts, because they are taken
// again.
func (r *Request) countsAnew() {
	r.Accepted = slices.DeleteFunc(r.Accepted, func(b Block) bool { return b == CountUnusual || b == CountUnknown })
}

// unusual is the guard against erasing the wrong person: counts far above what
// one person usually has, counts that are not known where a usual one is, or
// more erasures in a day than the controller allows itself without a second
// look.
func (s *Requests) unusual(ctx context.Context, db postgres.DB, r Request, f facts) (Block, error) {
	if r.Kind != Erasure {
		return "", nil
	}
	if why := r.unusualCount(f); why != "" {
		return why, nil
	}
	if r.accepts(DailyCeiling) {
		return "", nil
	}
	today, controller, err := s.today(ctx, db, r)
	if err != nil {
		return "", err
	}
	zone, err := time.LoadLocation(controller.TimeZone)
	if err != nil {
		return "", err
	}
	midnight := time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, zone)
	planned, err := plannedSince(ctx, db, r, midnight)
	if err != nil {
		return "", err
	}
	if planned >= controller.DailyCeiling {
		return DailyCeiling, nil
	}
	return "", nil
}

// unusualCount is what about the counts an approver has yet to look at; "" if
// nothing is.
func (r Request) unusualCount(f facts) Block {
	for _, d := range f.datasets {
		if d.UsualMax != nil && f.counts[d.ID] > *d.UsualMax && !r.accepts(CountUnusual) {
			return CountUnusual
		}
	}
	if !r.accepts(CountUnknown) && len(uncounted(f)) > 0 {
		return CountUnknown
	}
	return ""
}

// uncounted lists the datasets with a usual highest count that will be erased
// and that nobody has counted: silence must not pass the guard that a count
// would not.
func uncounted(f facts) []uuid.UUID {
	usual := map[uuid.UUID]bool{}
	for _, d := range f.datasets {
		usual[d.ID] = d.UsualMax != nil
	}
	var unknown []uuid.UUID
	for _, n := range draft(f) {
		if (n.Kind == Ask || n.Kind == Keep) && n.Count == nil && usual[n.DatasetID] {
			unknown = append(unknown, n.DatasetID)
		}
	}
	return unknown
}

// counted takes on a request that waited for counts, once the last of them has
// come after all. Nobody has to decide what is known by now.
func (s *Requests) counted(ctx context.Context, tx pgx.Tx, r *Request) error {
	if *r.Block != CountUnknown || *r.BlockedFrom != Verified {
		return nil
	}
	types, err := subject.Types(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	f, err := s.gather(ctx, tx, *r, types)
	if err != nil || len(uncounted(f)) > 0 {
		return err
	}
	if err := s.move(ctx, tx, access.System, r, Verified, "COUNTED"); err != nil {
		return err
	}
	return s.prepare(ctx, tx, r, nil)
}

// plannedSince counts the other erasures of a controller that were planned.
func plannedSince(ctx context.Context, db postgres.DB, r Request, since time.Time) (int, error) {
	const q = `SELECT count(*)::int FROM erasure_request WHERE controller_id = $1 AND kind = 'ERASURE' AND planned_at >= $2 AND id <> $3`
	return postgres.Scalar[int](ctx, db, q, r.ControllerID, since, r.ID)
}

// deaf lists the identity services that would have to be asked and cannot be:
// one whose endpoint was changed has not proved its key yet. Only a service
// that a person disabled may be left out.
func deaf(services []catalog.Service, types []string, asked []task.Task) bool {
	return slices.ContainsFunc(services, func(s catalog.Service) bool {
		return s.State != catalog.Active && overlap(s.IdentifierTypes, types) && !asks(asked, s.ID)
	})
}
