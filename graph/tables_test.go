package graph_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/access"
)

// From files over a verdict to what the catalog and the API know of a store's
// tables, and what changed between two pushes.
func TestStoreTables(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	pipeline := c.person(t, "pipeline", access.CI)
	pipeline.Service = "orders"
	const (
		first  = "CREATE TABLE \"order\" (id int PRIMARY KEY);\nCREATE TABLE line (\"order\" int REFERENCES \"order\", position int, UNIQUE (\"order\", position));\n"
		second = "ALTER TABLE line ADD phone_number text;\nALTER TABLE line RENAME position TO place;\nDROP TABLE \"order\" CASCADE;\n"
	)
	files := func(texts ...string) []any {
		out := []any{}
		for i, text := range texts {
			out = append(out, object("path", string(rune('1'+i))+".sql", "text", text))
		}
		return out
	}
	const check = `query($in: CheckStoreTablesInput!) { checkStoreTables(input: $in) { store service namespace verdict policy version registered
		tables { subject file verdict findings { code severity path file line category baseline } tags { path category } personalData { kind path category guessed } }
		changes { kind table column from to words field place { file line column } dataset { name } } } }`
	push := func(policy string, texts ...string) answer {
		t.Helper()
		c.clean(c.do(c.admin, `mutation($in: SetStoreGateInput!) { setStoreGate(input: $in) { tables { policy } userErrors { code message path } } }`,
			object("in", object("store", "orders-db", "policy", policy))), "setStoreGate")
		a := c.do(pipeline, `mutation($in: PushStoreTablesInput!) { pushStoreTables(input: $in) { pushed check { verdict version registered changes { words dataset { name } } } userErrors { code message path } clientMutationId } }`,
			object("in", object("store", "orders-db", "files", files(texts...), "clientMutationId", "x")))
		c.clean(a, "pushStoreTables")
		return a
	}
	if a := push("ENFORCE", first); a.at(t, "pushStoreTables", "pushed") != true || a.text(t, "pushStoreTables", "clientMutationId") != "x" || a.at(t, "pushStoreTables", "check", "version") != 1.0 {
		t.Fatalf("%s", a.Raw)
	}
	a := c.do(c.handler, check, object("in", object("store", "orders-db", "files", files(first, second), "policy", "OFF")))
	want := map[string]any{
		"store": "orders-db", "service": "orders", "namespace": "postgres://orders", "verdict": "FAIL", "policy": "ENFORCE", "version": 2.0, "registered": false,
		"tables": []any{
			map[string]any{"subject": "orders-db/public.line", "file": "2.sql", "verdict": "FAIL", "tags": []any{},
				"personalData": []any{map[string]any{"kind": "ADDED", "path": "phone_number", "category": "user.contact.phone_number", "guessed": true}},
				"findings":     []any{map[string]any{"code": "CG010", "severity": "ERROR", "path": "phone_number", "file": "2.sql", "line": 1.0, "category": "user.contact.phone_number", "baseline": false}}},
			map[string]any{"subject": "orders-db/public.order", "file": "2.sql", "verdict": "PASS", "findings": []any{}, "tags": []any{}, "personalData": []any{}},
		},
		"changes": []any{
			change("COLUMN_RENAMED", "public.line", "place", "position", "place", "the column position is called place", "position", 2, 25, "public.line"),
			change("COLUMN_ADDED", "public.line", "phone_number", "", "text", "column added: public.line.phone_number", "phone_number", 1, 22, "public.line"),
			change("KEY_DROPPED", "public.line", "", "FOREIGN KEY (order) TO public.order", "", "key dropped: public.line FOREIGN KEY (order) TO public.order", "", 3, 1, "public.line"),
			change("TABLE_DROPPED", "public.order", "", "", "", "the table public.order is dropped", "", 3, 1, "public.order"),
		},
	}
	got, _ := a.Data["checkStoreTables"].(map[string]any)
	for key := range want {
		if !reflect.DeepEqual(got[key], want[key]) {
			t.Errorf("%s is\n%v, want\n%v", key, got[key], want[key])
		}
	}
	if a := push("ENFORCE", first, second); a.at(t, "pushStoreTables", "pushed") != false || a.text(t, "pushStoreTables", "check", "verdict") != "FAIL" {
		t.Errorf("%s", a.Raw)
	}
	if a := push("WARN", first, second); a.at(t, "pushStoreTables", "pushed") != true {
		t.Errorf("%s", a.Raw)
	}
	if a := push("WARN", first, second); a.at(t, "pushStoreTables", "pushed") != false || a.at(t, "pushStoreTables", "check", "registered") != true {
		t.Errorf("the same again: %s", a.Raw)
	}

	const read = `query($v: Int) { storeTables(store: "orders-db", version: $v) { store namespace policy version
		tables(first: 1) { nodes { name formerNames doc open partOf parents keys { kind columns to toColumns }
			columns(first: 2) { nodes { name type base nullable opaque formerNames list parts { name } place { file line column } } pageInfo { hasNextPage endCursor } } } pageInfo { hasNextPage } }
		versions(first: 10) { nodes { version } } } }`
	a = c.do(c.handler, read)
	column := func(name, kind string, former []any, file string, line, at float64) map[string]any {
		return map[string]any{"name": name, "type": kind, "base": "", "nullable": true, "opaque": false, "formerNames": former, "list": false, "parts": []any{},
			"place": map[string]any{"file": file, "line": line, "column": at}}
	}
	cursor := a.text(t, "storeTables", "tables", "nodes", 0, "columns", "pageInfo", "endCursor")
	wantTable := map[string]any{"name": "public.line", "formerNames": []any{}, "doc": "", "open": false, "partOf": "", "parents": []any{},
		"keys": []any{map[string]any{"kind": "UNIQUE", "columns": []any{"order", "place"}, "to": "", "toColumns": []any{}}},
		"columns": map[string]any{"nodes": []any{column("order", "integer", []any{}, "1.sql", 2, 20), column("place", "integer", []any{"position"}, "2.sql", 2, 25)},
			"pageInfo": map[string]any{"hasNextPage": true, "endCursor": cursor}}}
	if got := a.at(t, "storeTables", "tables", "nodes", 0); !reflect.DeepEqual(got, wantTable) {
		t.Errorf("got\n%v, want\n%v", got, wantTable)
	}
	if a.at(t, "storeTables", "version") != 2.0 || a.text(t, "storeTables", "policy") != "WARN" || !strings.Contains(a.Raw, `"versions":{"nodes":[{"version":2},{"version":1}]}`) {
		t.Errorf("%s", a.Raw)
	}
	a = c.do(c.handler, `query($c: String) { storeTables(store: "orders-db") { tables(first: 1) { nodes { columns(first: 2, after: $c) { nodes { name } } } } } }`, object("c", cursor))
	if got := a.text(t, "storeTables", "tables", "nodes", 0, "columns", "nodes", 0, "name"); got != "phone_number" {
		t.Errorf("%s", a.Raw)
	}
	if a = c.do(c.handler, read, object("v", 1)); !strings.Contains(a.Raw, `"hasNextPage":true`) || a.at(t, "storeTables", "version") != 1.0 {
		t.Errorf("%s", a.Raw)
	}
	if a = c.do(c.handler, read, object("v", 9)); a.Data["storeTables"] != nil || len(a.Errors) > 0 {
		t.Errorf("a version that is not: %s", a.Raw)
	}

	// What lies between is about datasets, whose fields safeToContract asks about.
	a = c.do(c.handler, `{ storeTables(store: "orders-db") { changes(from: 1, first: 2) { nodes { words field dataset { id name } } pageInfo { endCursor } } } }`)
	if a.text(t, "storeTables", "changes", "nodes", 0, "words") != "the column position is called place" {
		t.Fatalf("%s", a.Raw)
	}
	ask := object("in", object("datasetId", a.text(t, "storeTables", "changes", "nodes", 0, "dataset", "id"), "field", a.text(t, "storeTables", "changes", "nodes", 0, "field")))
	if safe := c.do(c.admin, `query($in: SafeToContractInput!) { safeToContract(input: $in) { safety witnesses { safety reason service } } }`, ask); len(safe.Errors) > 0 || safe.text(t, "safeToContract", "witnesses", 0, "reason") != "nobody declared that they read it; reads of a store are not observed" {
		t.Errorf("%s", safe.Raw)
	}
	a = c.do(c.handler, `query($c: String) { storeTables(store: "orders-db") { changes(from: 1, first: 2, after: $c) { nodes { kind } } } }`, object("c", a.text(t, "storeTables", "changes", "pageInfo", "endCursor")))
	if !strings.Contains(a.Raw, `[{"kind":"KEY_DROPPED"},{"kind":"TABLE_DROPPED"}]`) {
		t.Errorf("%s", a.Raw)
	}
}

func change(kind, table, column, from, to, words, field string, line, at float64, dataset string) map[string]any {
	return map[string]any{"kind": kind, "table": table, "column": column, "from": from, "to": to, "words": words, "field": field,
		"place": map[string]any{"file": "2.sql", "line": line, "column": at}, "dataset": map[string]any{"name": dataset}}
}
