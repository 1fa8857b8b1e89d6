package server

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/migrations"
)

// check is a dependency that /readyz shows. Only a needed one makes the server
// unready: without the others it still does part of its work.
type check struct {
	name   string
	needed bool
	look   func(ctx context.Context) error
}

// health answers whether the process lives and whether it wants traffic.
type health struct {
	checks   []check
	draining atomic.Bool

	mu     sync.Mutex
	at     time.Time
	latest readiness
}

type readiness struct {
	Ready        bool         `json:"ready"`
	Draining     bool         `json:"draining"`
	Dependencies []dependency `json:"dependencies"`
}

type dependency struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Needed bool   `json:"needed"`
}

const (
	lookFor   = time.Second            // patience with one dependency
	lookEvery = 500 * time.Millisecond // answers in between repeat the last
)

// Mount mounts /healthz and /readyz.
func (h *health) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		state := h.look(r.Context())
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !state.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(state)
	})
}

func (h *health) look(ctx context.Context) readiness {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.at) > lookEvery {
		h.latest, h.at = h.ask(ctx), time.Now()
	}
	state := h.latest
	state.Draining = h.draining.Load()
	state.Ready = state.Ready && !state.Draining
	return state
}

// ask looks at every dependency at once. Why one is away stands in its own
// metrics and logs, not here: this page is public.
func (h *health) ask(ctx context.Context) readiness {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookFor)
	defer cancel()
	state := readiness{Ready: true, Dependencies: make([]dependency, len(h.checks))}
	var wg sync.WaitGroup
	for i, c := range h.checks {
		wg.Go(func() { state.Dependencies[i] = dependency{c.name, c.look(ctx) == nil, c.needed} })
	}
	wg.Wait()
	for _, d := range state.Dependencies {
		state.Ready = state.Ready && (d.OK || !d.Needed)
	}
	return state
}

// migrated reports whether the database has every step this program needs. A
// newer database serves an older program.
func migrated(ctx context.Context, db *pgxpool.Pool) error {
	const q = `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`
	at, err := postgres.Scalar[int64](ctx, db, q)
	if err != nil {
		return err
	}
	if want := migrations.Version(); at < want {
		return fault.New(fault.Unavailable, "NOT_MIGRATED", "the database is at step %d and this program needs %d; run lethe migrate", at, want)
	}
	return nil
}
