package graph_test

import (
	"reflect"
	"testing"
)

// GraphQL gives the verdict of the registry: the codes of catalog.md §13.
func TestCheckSchema(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	const query = `query($in: CheckSchemaInput!) { checkSchema(input: $in) { subject verdict policy compatibility version registered
		findings { code severity path line category baseline } tags { path category source from } personalData { kind path category guessed } } }`
	a := c.do(c.handler, query, object("in", object("subject", "people-value", "schema",
		"{\"type\":\"record\",\"name\":\"P\",\"fields\":[\n{\"name\":\"id\",\"type\":\"string\",\"tags\":\"user.unique_id\"},\n{\"name\":\"email\",\"type\":\"string\"}]}")))
	want := map[string]any{
		"subject": "people-value", "verdict": "WARN", "policy": "WARN", "compatibility": "BACKWARD", "version": 1.0, "registered": false,
		"findings":     []any{map[string]any{"code": "CG010", "severity": "ERROR", "path": "email", "line": 3.0, "category": "user.contact.email", "baseline": false}},
		"tags":         []any{map[string]any{"path": "id", "category": "user.unique_id", "source": "INLINE", "from": "id"}},
		"personalData": []any{map[string]any{"kind": "ADDED", "path": "id", "category": "user.unique_id", "guessed": false}, map[string]any{"kind": "ADDED", "path": "email", "category": "user.contact.email", "guessed": true}},
	}
	if !reflect.DeepEqual(a.Data["checkSchema"], want) {
		t.Errorf("%s", a.Raw)
	}
	a = c.do(c.handler, query, object("in", object("subject", "people-value", "schema", `"string"`, "references", []any{object("name", "x", "subject", "nowhere")})))
	if got, _ := a.Data["checkSchema"].(map[string]any); got["verdict"] != "FAIL" {
		t.Errorf("%s", a.Raw)
	}
}
