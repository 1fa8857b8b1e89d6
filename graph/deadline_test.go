package graph_test

import (
	"context"
	"testing"
	"time"

	"github.com/flowmart/lethe/graph"
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
	start := time.Now()
	a := c.do(c.admin, `mutation($i: UpdateServiceInput!) { updateService(input: $i) { userErrors { code } } }`,
		object("i", object("id", c.orders, "rev", 2, "ref", "orders", "name", "Renamed", "controllerId", c.controller)))
	if a.code() != "TIMEOUT" || time.Since(start) > 5*time.Second {
		t.Errorf("after %v: %d %s", time.Since(start), a.Status, a.Raw)
	}
	must(t, tx.Rollback(t.Context()))
	if name := c.do(c.admin, `{ service(ref: "orders") { name } }`).text(t, "service", "name"); name != "orders" {
		t.Errorf("the act was done all the same: %s", name)
	}
}
