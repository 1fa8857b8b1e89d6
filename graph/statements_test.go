package graph_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// tally counts the statements that reach PostgreSQL, and the rows that come
// back.
type tally struct{ n, rows atomic.Int64 }

func (c *tally) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (c *tally) TraceQueryEnd(_ context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	c.rows.Add(d.CommandTag.RowsAffected())
}

// counted is a pool on the database of t that counts.
func counted(t *testing.T) (*pgxpool.Pool, *tally) {
	t.Helper()
	app, _, _ := pgtest.URLs(t)
	conf, err := pgxpool.ParseConfig(app)
	must(t, err)
	c := &tally{}
	conf.ConnConfig.Tracer = c
	pool, err := pgxpool.NewWithConfig(t.Context(), conf)
	must(t, err)
	t.Cleanup(pool.Close)
	return pool, c
}

func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// fileRequests writes n requests with 4 tasks each, as if they had been worked.
func fileRequests(t *testing.T, c *company, n int) {
	t.Helper()
	const qRequests = `
		INSERT INTO erasure_request (id, case_number, kind, ground, controller_id, state, received_at, received_on, due_on, due_unpaused_on,
		                             calendar, opened_by, opened_at, erase_before)
		SELECT gen_random_uuid(), 'R-2026-' || lpad(i::text, 6, '0'), 'ERASURE', '17(1)(b)', (SELECT id FROM catalog_controller), 'VERIFIED',
		       now(), current_date, current_date + i % 30, current_date + i % 30, 'test', $2, now(), now()
		  FROM generate_series(1, $1::int) AS i`
	const qTasks = `
		INSERT INTO erasure_task (key, request_id, service_id, action, wave, state, next_at)
		SELECT gen_random_uuid(), r.id, s.id, a.action, a.wave, 'READY', now()
		  FROM erasure_request r, catalog_service s, (VALUES ('LOCATE', 1), ('ERASE', 3)) AS a (action, wave)`
	_, err := c.db.Exec(t.Context(), qRequests, n, c.handler.ID)
	must(t, err)
	_, err = c.db.Exec(t.Context(), qTasks)
	must(t, err)
}

// Any number of requests is found by their ids in one statement.
func TestNodesTakeOneStatementAKind(t *testing.T) {
	t.Parallel()
	pool, statements := counted(t)
	c := furnish(t, rooms(t, pool))
	fileRequests(t, c, 100)
	page := c.do(c.handler, `{ requests(first: 100) { nodes { id } } }`)
	ids := make([]any, 100)
	for i := range ids {
		ids[i] = page.text(t, "requests", "nodes", i, "id")
	}
	statements.n.Store(0)
	a := c.do(c.handler, `query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Request { caseNumber } } }`, object("ids", ids))
	if got := statements.n.Load(); got != 1 || a.text(t, "nodes", 99, "id") != ids[99] {
		t.Errorf("100 requests took %d statements: %.200s", got, a.Raw)
	}
}

// A page of datasets with everything around them takes no more statements for 40
// datasets than for 3, but for the few relations that are reached by two ways,
// which may meet in one statement or not.
func TestPageOfDatasetsTakesFewStatements(t *testing.T) {
	t.Parallel()
	pool, statements := counted(t)
	c := furnish(t, rooms(t, pool))
	const query = `{ datasets(first: 100) { nodes { name store { name } service { ref stopped delivery { failures } } owner { name } derivedFrom { name } retentionPolicy { ref } topic { subjects { name } }
		topic { topic } fields(first: 10) { nodes { path } } tags { term { key } } permittedUses { purpose { ref } } consumption { service { ref } }
		observedReads { group } readers { standing } findings { code } } } }`
	cost := func() int64 {
		statements.n.Store(0)
		a := c.do(c.admin, query)
		if len(a.Errors) > 0 {
			t.Fatal(a.Raw)
		}
		return statements.n.Load()
	}
	derive := func(n int) {
		c.declare("declareDataset", "dataset", fmt.Sprintf(`namespace: "postgres://orders", name: "t%d", kind: TABLE, storeId: %q, derivedFrom: [%q]`, n, c.ordersStore, c.order))
	}
	derive(0)
	few := cost()
	for i := range 37 {
		derive(i + 1)
	}
	if many := cost(); many > few+5 {
		t.Errorf("40 datasets took %d statements, 3 took %d", many, few)
	}
}

// A page of the fields of many datasets reads that page of each and one field
// more, which tells whether there is another page; and one page after another
// gives every field once, in order.
func TestFieldsAreReadByThePage(t *testing.T) {
	t.Parallel()
	pool, statements := counted(t)
	c := furnish(t, rooms(t, pool))
	const datasets, fields = 30, 500
	ids := make([]string, datasets)
	for i := range ids {
		ids[i] = c.declare("declareDataset", "dataset", fmt.Sprintf(`namespace: "postgres://orders", name: "t%d", kind: TABLE, storeId: %q`, i, c.ordersStore))
	}
	const q = `
		INSERT INTO catalog_field (id, dataset_id, path)
		SELECT gen_random_uuid(), d.id, 'f' || lpad(i::text, 3, '0') FROM catalog_dataset d, generate_series(1, $1::int) AS i WHERE d.name LIKE 't%'`
	_, err := c.db.Exec(t.Context(), q, fields)
	must(t, err)
	statements.rows.Store(0)
	statements.n.Store(0)
	a := c.do(c.admin, `{ datasets(first: 100) { nodes { name fields(first: 1) { nodes { path } pageInfo { hasNextPage } } two: fields(first: 2) { nodes { path } } } } }`)
	if len(a.Errors) > 0 {
		t.Fatal(a.Raw)
	}
	if n, rows := statements.n.Load(), statements.rows.Load(); n > 3 || rows > datasets*(1+2+3)+10 {
		t.Errorf("%d datasets took %d statements and %d rows", datasets, n, rows)
	}
	for i := range datasets + 2 {
		if node := a.at(t, "datasets", "nodes", i); node.(map[string]any)["name"].(string)[0] == 't' && fmt.Sprint(node.(map[string]any)["fields"]) != "map[nodes:[map[path:f001]] pageInfo:map[hasNextPage:true]]" {
			t.Fatalf("%v", node)
		}
	}
	after, read := "", 0
	for next := true; next; read++ {
		a := c.do(c.admin, `query($id: ID!, $after: String) { node(id: $id) { ... on Dataset { fields(first: 100, after: $after) { nodes { path } pageInfo { endCursor hasNextPage } } } } }`,
			map[string]any{"id": ids[0], "after": some(after)})
		for i := range 100 {
			if path := a.text(t, "node", "fields", "nodes", i, "path"); path != fmt.Sprintf("f%03d", read*100+i+1) {
				t.Fatalf("page %d has %s at %d", read, path, i)
			}
		}
		after = a.text(t, "node", "fields", "pageInfo", "endCursor")
		next, _ = a.at(t, "node", "fields", "pageInfo", "hasNextPage").(bool)
	}
	if read*100 != fields {
		t.Errorf("%d pages", read)
	}
	a = c.do(c.admin, `query($id: ID!, $after: String) { node(id: $id) { ... on Dataset { fields(first: 1, after: $after) { nodes { path } } } } }`, map[string]any{"id": ids[1], "after": after})
	if a.code() != "BAD_CURSOR" {
		t.Errorf("a cursor of another dataset: %s", a.Raw)
	}
}
