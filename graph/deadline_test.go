package graph_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/graph"
	"github.com/flowmart/lethe/internal/access"
)

// A query that waits for a lock is ended, and so is its statement.
func TestQueriesThatTakeTooLongAreEnded(t *testing.T) {
	t.Parallel()
	c := furnish(t, func(conf *graph.Config) { conf.Timeout = 2 * time.Second })
	tx, err := c.db.Begin(t.Context())
	must(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = tx.Exec(t.Context(), `SELECT id FROM catalog_service FOR UPDATE`)
	must(t, err)
	a := c.do(c.admin, `mutation($i: UpdateServiceInput!) { updateService(input: $i) { userErrors { code } } }`,
		object("i", object("id", c.orders, "rev", 2, "ref", "orders", "name", "Renamed", "controllerId", c.controller)))
	if a.code() != "TIMEOUT" { // and the lock is held still
		t.Errorf("%d %s", a.Status, a.Raw)
	}
	must(t, tx.Rollback(t.Context()))
	if name := c.do(c.admin, `{ service(ref: "orders") { name } }`).text(t, "service", "name"); name != "orders" {
		t.Errorf("the act was done all the same: %s", name)
	}
}

// To find out who calls takes of the same time. An import of a whole catalog,
// and what waits for a service, have longer.
func TestTimeIsCountedFromTheBeginning(t *testing.T) {
	t.Parallel()
	c := furnish(t, func(conf *graph.Config) { conf.Timeout = time.Minute })
	api := graph.New(c.rooms)
	for _, q := range []struct {
		query string
		ago   time.Duration
		ended bool
	}{
		{`{ service(ref: \"orders\") { name } }`, 0, false},
		{`{ service(ref: \"orders\") { name } }`, 2 * time.Minute, true},
		{`mutation { importCatalog(input: {yaml: \"lethe: catalog/1\"}) { userErrors { code } } }`, 2 * time.Minute, true},
	} {
		r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query": "`+q.query+`"}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r.WithContext(graph.Began(access.With(r.Context(), c.admin), time.Now().Add(-q.ago))))
		if ended := strings.Contains(w.Body.String(), `"TIMEOUT"`); ended != q.ended || w.Code != http.StatusOK {
			t.Errorf("%s, begun %s ago: %d %s", q.query, q.ago, w.Code, w.Body)
		}
	}
	short := c.rooms
	short.Timeout = time.Millisecond
	api = graph.New(short)
	r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query": "mutation { importCatalog(input: {yaml: \"lethe: catalog/1\"}) { userErrors { code } } }"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r.WithContext(access.With(r.Context(), c.admin)))
	if strings.Contains(w.Body.String(), `"TIMEOUT"`) {
		t.Errorf("an import had no longer: %s", w.Body)
	}
}
