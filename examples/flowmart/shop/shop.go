// Package shop is what FlowMart's services do all day: they keep customers,
// orders and parcels in databases of their own and tell each other about it
// through Kafka.
package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/examples/flowmart/rights"
)

// Settings of a service.
type Settings struct {
	Brokers                    []string // none: the service neither writes nor reads events
	RegistryURL, RegistryToken string
	Customers                  int
	Seed                       uint64
}

// Shop is one running service.
type Shop struct {
	Settings
	DB     *pgxpool.Pool
	Rights *rights.Service
	Log    *slog.Logger

	kind *kind
	bus  *bus
}

// kind is what makes one service different from another.
type kind struct {
	ref, group string
	schema     string
	holdings   rights.Holdings
	writes     []string
	reads      map[string]reader
	begin      func(ctx context.Context, s *Shop) error // once, before anything else
}

// reader takes in one event. It may see an event twice.
type reader func(ctx context.Context, tx pgx.Tx, s *Shop, event any) error

func (k *kind) topics() []string { return slices.Sorted(maps.Keys(k.reads)) }

// Names lists the services.
func Names() []string { return slices.Sorted(maps.Keys(kinds)) }

// common stands in every service's database.
const common = `
CREATE TABLE IF NOT EXISTS outbox (
	id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	topic   text NOT NULL,
	key     text NOT NULL,
	payload bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS begun (at timestamptz NOT NULL);`

// New prepares the service of that name and its tables.
func New(ctx context.Context, name string, set Settings, part *rights.Service) (*Shop, error) {
	k, ok := kinds[name]
	if !ok {
		return nil, fmt.Errorf("no service %q; there are %v", name, Names())
	}
	s := &Shop{Settings: set, DB: part.DB, Rights: part, Log: part.Log, kind: k}
	if _, err := s.DB.Exec(ctx, common+k.schema); err != nil {
		return nil, fmt.Errorf("tables of %s: %w", name, err)
	}
	part.Ref, part.Holdings = k.ref, k.holdings
	part.Holdings.Forget = func(ctx context.Context, tx pgx.Tx, customers []string) error {
		_, err := tx.Exec(ctx, `DELETE FROM outbox WHERE key = ANY($1)`, customers)
		return err
	}
	if len(set.Brokers) > 0 {
		b, err := newBus(set.Brokers, set.RegistryURL, set.RegistryToken)
		if err != nil {
			return nil, err
		}
		s.bus, part.Holdings.Scan = b, b.scan
	}
	return s, nil
}

// Run does the service's daily work until ctx ends.
func (s *Shop) Run(ctx context.Context) error {
	if s.bus == nil {
		<-ctx.Done()
		return nil
	}
	defer s.bus.producer.Close()
	for {
		err := s.bus.prepare(ctx, s.kind.writes, s.kind.topics())
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return nil
		}
		s.Log.Warn("waiting for Kafka and the registry", "err", err)
		pause(ctx, time.Second)
	}
	s.Log.Info("connected", "writes", s.kind.writes, "reads", s.kind.topics())
	go s.relaying(ctx)
	if len(s.kind.reads) == 0 {
		<-ctx.Done()
		return nil
	}
	return s.consume(ctx)
}

func (s *Shop) relaying(ctx context.Context) {
	for ctx.Err() == nil {
		more, err := s.relay(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.Error("events not sent, trying again", "err", err)
		}
		if !more || err != nil {
			pause(ctx, 100*time.Millisecond)
		}
	}
}

// Begin fills the database the first time a service starts on it. Making the
// customers again would bring back people who were erased.
func (s *Shop) Begin(ctx context.Context) error {
	if s.kind.begin == nil {
		return nil
	}
	var at time.Time
	err := s.DB.QueryRow(ctx, `SELECT at FROM begun LIMIT 1`).Scan(&at)
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	return s.kind.begin(ctx, s)
}

// Health shows how much the service holds and what it has not sent yet.
func (s *Shop) Health(w http.ResponseWriter, r *http.Request) {
	counts := map[string]int64{}
	tables := []string{"outbox"}
	for _, t := range s.kind.holdings.Tables {
		tables = append(tables, t.Name)
	}
	for _, t := range tables {
		var n int64
		if err := s.DB.QueryRow(r.Context(), "SELECT count(*) FROM "+t).Scan(&n); err != nil {
			http.Error(w, "the database is away", http.StatusServiceUnavailable)
			return
		}
		counts[t] = n
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"service": s.kind.ref, "rows": counts})
}
