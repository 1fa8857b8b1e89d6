package graph_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/internal/access"
)

// Whatever implements Node is found again by its id, by those who may see it
// and nobody else.
func TestEverythingWithAnIDIsFoundAgain(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	request, _ := c.open(c.handler, "c-1")
	packed, asked := uuid.New(), uuid.New()
	key := node.Parse(request).Key
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO erasure_package (id, request_id, no) VALUES ($1, $2, 1)`, []any{packed, key}},
		{`INSERT INTO erasure_task (key, request_id, service_id, action, wave, state, next_at) VALUES ($1, $2, $3, 'LOCATE', 1, 'READY', now())`, []any{asked, key, node.Parse(c.orders).Key}},
	} {
		_, err := c.db.Exec(t.Context(), q.sql, q.args...)
		must(t, err)
	}
	reader := c.declare("declareReader", "reader", fmt.Sprintf(`kind: GROUP, name: "billing", serviceId: %q`, c.orders))
	a := c.do(c.handler, `query($id: ID!) { node(id: $id) { ... on Request { notices { id } packages { id } tasks(first: 10) { nodes { id } } } } }`, map[string]any{"id": request})
	ids := []any{
		a.text(t, "node", "notices", 0, "id"), a.text(t, "node", "packages", 0, "id"), a.text(t, "node", "tasks", "nodes", 0, "id"), reader,
		node.ID{Kind: "Task", Key: uuid.New()}.String(), node.ID{Kind: "Package", Key: key}.String(),
	}
	const query = `query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on Task { request { id } } ... on ReaderName { name service { ref } } } }`
	types := func(by access.Principal) (out []string) {
		a := c.do(by, query, map[string]any{"ids": ids})
		if len(a.Errors) > 0 {
			t.Fatal(a.Raw)
		}
		for i, id := range ids {
			kind := ""
			if n, ok := a.at(t, "nodes", i).(map[string]any); ok {
				kind = fmt.Sprint(n["__typename"])
				if n["id"] != id {
					t.Errorf("%s was asked for, %s came", id, n["id"])
				}
			}
			out = append(out, kind)
		}
		return out
	}
	for name, w := range map[string]struct {
		by   access.Principal
		want []string
	}{
		"a handler": {c.handler, []string{"Notice", "Package", "Task", "ReaderName", "", ""}},
		"an admin":  {c.admin, []string{"", "", "", "ReaderName", "", ""}},
		"a viewer":  {c.person(t, "vera", access.Viewer), []string{"", "", "", "ReaderName", "", ""}},
	} {
		if got := types(w.by); !slices.Equal(got, w.want) {
			t.Errorf("%s finds %q, want %q", name, got, w.want)
		}
	}
	if n := c.do(c.handler, query, map[string]any{"ids": ids}).text(t, "nodes", 2, "request", "id"); n != request {
		t.Errorf("the task is of %s", n)
	}
}

// A finding about a store is shown by the store: here, that a service of others
// reads it.
func TestStoresShowTheirFindings(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	c.declare("declareStoreReader", "reader", fmt.Sprintf(`storeId: %q, serviceId: %q, reason: "reports"`, c.ordersStore, c.payments))
	must(t, c.rooms.Catalog.RefreshFindings(t.Context()))
	a := c.do(c.admin, `{ stores(first: 10) { nodes { ref findings { code entity { ... on Store { ref } } } } } }`)
	shown := map[string]int{}
	for i := range 2 {
		ref := a.text(t, "stores", "nodes", i, "ref")
		for n := range a.at(t, "stores", "nodes", i, "findings").([]any) {
			if of := a.text(t, "stores", "nodes", i, "findings", n, "entity", "ref"); of != ref {
				t.Errorf("%s shows a finding about %s", ref, of)
			}
			shown[ref+" "+a.text(t, "stores", "nodes", i, "findings", n, "code")]++
		}
	}
	if shown["orders-db STORE_READ_BY_OTHER"] != 1 || shown["payments-db STORE_READ_BY_OTHER"] != 0 {
		t.Errorf("%v", shown)
	}
}
