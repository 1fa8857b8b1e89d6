// Package dispatch is erasure's door to the services: it carries signed task
// requests out, asks after tasks that stay silent, and registers a service's
// keys by a challenge. What services say comes back through erasure/results.
package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/internal/jobs"
	"github.com/flowmart/lethe/internal/vault"
)

// Config of the dispatcher. The zero value is fit for production, but for
// PublicURL and Keys.
type Config struct {
	// PublicURL is where services reach Lethe, and Lethe's name in messages.
	PublicURL string
	// Keys sign; while one is being replaced both do, the new one first.
	Keys []signature.Key
	// Batch is the most tasks in one message. Default 100; the protocol allows
	// 500 and 256 KiB.
	Batch int
	// Patience is how long one turn of a pump works before it makes room for
	// another service's. Default 20 s.
	Patience time.Duration
	// MaxPartBytes is what services are told that one part of an export may be
	// at most. Default 5 GiB; whoever takes the parts must accept as much.
	MaxPartBytes int64
	// Failed counts messages that were not delivered, by code. May be nil.
	Failed func(code string)
	// Dev lets a service be on loopback, at its registered host and port only.
	Dev bool
}

// Dispatcher works the pumps: one for each service that something is due for.
type Dispatcher struct {
	river.WorkerDefaults[queue.Pump]

	db       *pgxpool.Pool
	queue    *queue.Queue
	requests *erasure.Requests
	vault    *vault.Vault
	catalog  *catalog.Catalog
	conf     Config
	log      *slog.Logger
	clients  clients
}

// New returns a dispatcher.
func New(db *pgxpool.Pool, q *queue.Queue, requests *erasure.Requests, c *catalog.Catalog, v *vault.Vault, conf Config, log *slog.Logger) *Dispatcher {
	if conf.Batch == 0 {
		conf.Batch = 100
	}
	if conf.Patience == 0 {
		conf.Patience = 20 * time.Second
	}
	if conf.MaxPartBytes == 0 {
		conf.MaxPartBytes = 5 << 30
	}
	if conf.Failed == nil {
		conf.Failed = func(string) {}
	}
	return &Dispatcher{db: db, queue: q, requests: requests, vault: v, catalog: c, conf: conf, log: log, clients: clients{dev: conf.Dev}}
}

// Timeout is longer than the patience: a turn ends by itself.
func (d *Dispatcher) Timeout(*river.Job[queue.Pump]) time.Duration {
	return d.conf.Patience + 30*time.Second
}

// Work sends a service what is due for it, until nothing is. The job ends in a
// transaction that looks once more: a task that was posted meanwhile, and found
// this job still running, is not left behind.
func (d *Dispatcher) Work(ctx context.Context, job *river.Job[queue.Pump]) error {
	end := time.Now().Add(d.conf.Patience)
	for {
		moved, err := d.turn(ctx, job.Args.Service)
		if err != nil {
			return err
		}
		if moved && time.Now().Before(end) {
			continue
		}
		if time.Now().After(end) {
			return river.JobSnooze(0)
		}
		done, err := jobs.Complete(ctx, d.db, job, func(tx pgx.Tx) (bool, error) { return d.queue.AnyDue(ctx, tx, job.Args.Service) })
		if done || err != nil {
			return err
		}
	}
}

// turn sends one round of what is due and asks after what is silent. It
// reports whether anything was tried.
func (d *Dispatcher) turn(ctx context.Context, id uuid.UUID) (bool, error) {
	s, ok, err := d.service(ctx, id)
	if err != nil || !ok {
		return false, err
	}
	due, err := d.queue.Due(ctx, id, d.conf.Batch*max(1, s.MaxInFlight))
	if err != nil {
		return false, err
	}
	silent, err := d.queue.Silent(ctx, id, 4*max(1, s.MaxInFlight))
	if err != nil {
		return false, err
	}
	batches, err := d.envelopes(ctx, s, due)
	if err != nil {
		return false, err
	}
	d.parallel(s, len(batches), func(i int) { d.deliver(ctx, s, batches[i]) })
	d.parallel(s, len(silent), func(i int) { d.poll(ctx, s, silent[i]) })
	return len(due)+len(silent) > 0, ctx.Err()
}

// service finds a service that may be sent something now: it is active, its
// breaker is closed and no emergency stop stands.
func (d *Dispatcher) service(ctx context.Context, id uuid.UUID) (catalog.Service, bool, error) {
	found, err := catalog.ServicesByID(ctx, d.db, []uuid.UUID{id})
	if err != nil {
		return catalog.Service{}, false, err
	}
	s := found[id]
	if s.State != catalog.Active || s.Endpoint == nil {
		return s, false, nil
	}
	open, err := queue.BreakerOpen(ctx, d.db, id)
	if err != nil || open {
		return s, false, err
	}
	stopped, err := queue.Stopped(ctx, d.db, id)
	return s, !stopped, err
}

// parallel runs n pieces of work, at most as many at once as the service takes.
func (d *Dispatcher) parallel(s catalog.Service, n int, do func(int)) {
	slots := make(chan struct{}, max(1, s.MaxInFlight))
	var wg sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	wg.Wait()
}

// clear waits for the service's rate.
func (d *Dispatcher) clear(ctx context.Context, s catalog.Service) bool {
	wait, err := queue.Reserve(ctx, d.db, s.ID, s.RatePerSecond)
	if err != nil {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
	}
	return true
}

// may looks whether an emergency stop stands. Whoever cannot see that none
// does sends nothing.
func (d *Dispatcher) may(ctx context.Context, s catalog.Service) bool {
	stopped, err := queue.Stopped(ctx, d.db, s.ID)
	return err == nil && !stopped
}

// note logs what went wrong with a service; ids and codes only.
func (d *Dispatcher) note(ctx context.Context, s catalog.Service, what, code string, n int) {
	d.conf.Failed(code)
	d.log.WarnContext(ctx, what, "service", s.Ref, "code", code, "tasks", n)
}
