package erasure

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/erasure/alert"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// Alerts returns a page of the alerts that hold, the oldest first, to somebody
// who may see requests.
func (s *Requests) Alerts(ctx context.Context, by access.Principal, p page.Args) (page.Page[alert.Alert], error) {
	if err := by.Require(readers...); err != nil {
		return page.Page[alert.Alert]{}, err
	}
	return alert.Holding(ctx, s.db, p)
}

// alert tells people which tasks their services have left undone, once a day
// for each, and ends the alerts that hold no more.
func (s *Requests) alert(ctx context.Context) error {
	var told []alert.Alert
	err := postgres.Work(ctx, s.db, func(tx pgx.Tx) (err error) {
		if err := alert.End(ctx, tx, s.now()); err != nil {
			return err
		}
		told, err = alert.RaiseUndone(ctx, tx, s.now())
		return err
	})
	if err == nil {
		s.announce(ctx, told)
	}
	return err
}

// announce passes on alerts that were raised, or are told again, and committed.
func (s *Requests) announce(ctx context.Context, told []alert.Alert) {
	if s.alerted == nil {
		return
	}
	for _, a := range told {
		s.alerted(ctx, a)
	}
}
