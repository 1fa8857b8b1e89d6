package server

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// What ends in _total only grows, and is told as a counter: rate() of a gauge
// means nothing.
func TestTotalsAreCounters(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://nobody@127.0.0.1:1/none")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	m := newMetrics()
	m.watchPool("web", pool)
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, f := range families {
		seen = seen || f.GetName() == "lethe_pool_waits_total"
		if strings.HasSuffix(f.GetName(), "_total") && f.GetType().String() != "COUNTER" {
			t.Errorf("%s is a %s", f.GetName(), f.GetType())
		}
	}
	if !seen {
		t.Error("lethe_pool_waits_total is not told")
	}
}
