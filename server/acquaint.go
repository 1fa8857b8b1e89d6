package server

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog/apikey"
	"github.com/flowmart/lethe/internal/postgres"
)

const (
	acquaintEvery = heldFor - 5*time.Second // so that a key in use is not asked for by itself
	acquaintMost  = 5000                    // of a kind, the newest
)

// acquaintance reads who may call the registry. So every replica recognises them
// while the database is away, those too who last called it before it was
// started, or have only called another.
type acquaintance struct {
	db     *pgxpool.Pool
	keys   *apikey.Keys
	bearer *bearer
	report func(context.Context, error)
}

func newAcquaintance(g *ground, b *bearer) *acquaintance {
	return &acquaintance{db: g.jobs, keys: apikey.New(g.jobs, g.now), bearer: b, report: func(ctx context.Context, err error) {
		report(ctx, g.log, "reading who may call the registry", err)
	}}
}

// run reads again and again.
func (a *acquaintance) run(ctx context.Context) error {
	tick := time.NewTicker(acquaintEvery)
	defer tick.Stop()
	for {
		if err := a.once(ctx); err != nil && ctx.Err() == nil && !postgres.Away(err) { // an outage is told once, by who follows the registry
			a.report(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (a *acquaintance) once(ctx context.Context) error {
	began := a.bearer.now()
	holders, failed := a.keys.Holders(ctx, acquaintMost)
	if failed == nil {
		a.bearer.keys.learn(holders, began)
	}
	people, err := audit.PrincipalsOf(ctx, a.db, a.bearer.conf.Issuer, acquaintMost)
	if err == nil {
		a.bearer.people.learn(people)
	}
	return errors.Join(failed, err)
}

// learn remembers the holders of keys, as of a moment.
func (h *holders) learn(all []apikey.Holder, at time.Time) {
	for _, k := range all {
		h.remember(k.Hash, held{k.By, k.Until, at, at.Add(heldFor)})
	}
}

// learn replaces what is known of principals who have yet to call here.
func (p *people) learn(all []audit.Principal) {
	rows := make(map[identity]knownAs, len(all))
	for _, one := range all {
		rows[identity{issuer: *one.Issuer, subject: *one.Subject}] = knownAs{id: one.ID}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows = rows
}
