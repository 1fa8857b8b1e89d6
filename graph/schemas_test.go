package graph_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas"
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

// A check goes by what the subject is to be set to, as it does at the other doors.
func TestCheckSchemaAsIntended(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	const query = `query($in: CheckSchemaInput!) { checkSchema(input: $in) { verdict policy findings { code path } } }`
	in := object("subject", "shop.Person", "schema", `{"type":"record","name":"Person","namespace":"shop","fields":[{"name":"email","type":"string"}]}`,
		"compatibility", "full", "gate", "ENFORCE", "topics", []any{"people.v1"})
	a := c.do(c.handler, query, object("in", in))
	if a.text(t, "checkSchema", "verdict") != "FAIL" || a.text(t, "checkSchema", "policy") != "ENFORCE" || a.text(t, "checkSchema", "findings", 0, "path") != "<shop.Person>.email" {
		t.Errorf("%s", a.Raw)
	}
	for _, wrong := range []struct{ key, value, code string }{{"compatibility", "BACKWARDS", "INVALID_LEVEL"}, {"topics", "people#headers", "INVALID_CONFIG"}} {
		in := object("subject", "shop.Person", "schema", `"string"`, wrong.key, wrong.value)
		if a := c.do(c.handler, query, object("in", in)); a.code() != wrong.code {
			t.Errorf("%s %s: %s, want %s", wrong.key, wrong.value, a.Raw, wrong.code)
		}
	}
}

// Rules are part of what a schema is, here as at the other doors: a number is the
// same number however it is written, and those left out are the latest version's.
func TestCheckSchemaWithRules(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	const query = `query($in: CheckSchemaInput!) { checkSchema(input: $in) { verdict registered version findings { code message } } }`
	const text = `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}`
	rule := func(most any) map[string]any {
		return object("name", "few", "kind", "CONDITION", "params", object("most", most))
	}
	if _, err := c.rooms.Schemas.Register(t.Context(), c.admin, schemas.Submission{Subject: "orders-value", Text: text,
		RuleSet: &schemas.RuleSet{DomainRules: []schemas.Rule{rule(1.0)}}}); err != nil {
		t.Fatal(err)
	}
	in := func(rules any) map[string]any {
		return object("in", object("subject", "orders-value", "schema", text, "ruleSet", rules))
	}
	for name, want := range map[string]struct {
		ask    answer
		known  bool
		number float64
	}{
		"the same":   {c.do(c.handler, query, in(object("domainRules", []any{rule(json.Number("1.00"))}))), true, 1},
		"left out":   {c.do(c.handler, query, in(nil)), true, 1},
		"others":     {c.do(c.handler, query, in(object("domainRules", []any{rule(2)}))), false, 2},
		"none":       {c.do(c.handler, query, in(object())), false, 2},
		"in literal": {c.do(c.handler, `{ checkSchema(input: {subject: "orders-value", schema: "`+strings.ReplaceAll(text, `"`, `\"`)+`", ruleSet: {domainRules: [{name: "few", kind: "CONDITION", params: {most: 1}}]}}) { verdict registered version } }`), true, 1},
	} {
		if got := want.ask; got.at(t, "checkSchema", "registered") != want.known || got.at(t, "checkSchema", "version") != want.number {
			t.Errorf("%s: %s", name, got.Raw)
		}
	}
	if a := c.do(c.handler, query, in(object("domainRules", []any{rule(1), rule(2)}))); a.text(t, "checkSchema", "verdict") != "FAIL" {
		t.Errorf("two rules of one name: %s", a.Raw)
	}
	if a := c.do(c.handler, query, in(object("domainRules", []any{"few"}))); a.code() != "BAD_VALUE" {
		t.Errorf("a rule that is a text: %s", a.Raw)
	}
}

// From a reader that is declared to the change that its owner agrees to, over
// the API.
func TestAChangeIsAgreedTo(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	x := &cell{company: c, t: t, by: c.admin, whose: "own"}
	steward := c.person(t, "olga", access.Steward)
	steward.Teams = []string{"orders-team"}
	subject := x.breaking("agreed")
	change := object("subject", subject, "schema", `"long"`)
	const check = `query($in: CheckSchemaInput!) { checkSchema(input: $in) { verdict fingerprint needs { service owner why approved } findings { code approved } } }`
	a := c.do(steward, check, object("in", change))
	if got := a.text(t, "checkSchema", "verdict"); got != "FAIL" || a.text(t, "checkSchema", "needs", 0, "service") != "orders" || a.text(t, "checkSchema", "needs", 0, "owner") != "orders-team" {
		t.Fatalf("%s", a.Raw)
	}
	fingerprint := a.text(t, "checkSchema", "fingerprint")
	agree := object("in", object("subject", subject, "schema", `"long"`, "reason", "the reader moves on", "expiresAt", x.tomorrow()))
	a = c.do(steward, `mutation($in: ApproveSchemaChangeInput!) { approveSchemaChange(input: $in) { approvals { fingerprint service { ref } } userErrors { code message path } } }`, agree)
	c.clean(a, "approveSchemaChange")
	if got := a.text(t, "approveSchemaChange", "approvals", 0, "fingerprint"); got != fingerprint || a.text(t, "approveSchemaChange", "approvals", 0, "service", "ref") != "orders" {
		t.Errorf("%s", a.Raw)
	}
	if a = c.do(c.admin, check, object("in", change)); a.text(t, "checkSchema", "verdict") != "WARN" {
		t.Errorf("%s", a.Raw)
	}
	a = c.do(c.admin, `query($n: String!) { schemaSubject(name: $n) { readers { id subject name type text version service { ref } } } }`, object("n", subject))
	id := a.text(t, "schemaSubject", "readers", 0, "id")
	if same := c.do(c.admin, `query($n: String!) { schemaSubject(name: $n) { personalData(from: 1) { kind path } } }`, object("n", subject)); len(same.Errors) > 0 {
		t.Errorf("%s", same.Raw)
	}
	if a.text(t, "schemaSubject", "readers", 0, "service", "ref") != "orders" || a.text(t, "schemaSubject", "readers", 0, "text") != `"string"` {
		t.Errorf("%s", a.Raw)
	}
	if a = c.do(c.admin, `query($i: ID!) { node(id: $i) { ... on SchemaReader { subject } } }`, object("i", id)); a.text(t, "node", "subject") != subject {
		t.Errorf("%s", a.Raw)
	}
	const safe = `query($in: SafeToContractInput!) { safeToContract(input: $in) { safety witnesses { safety service owner group reason } } }`
	a = c.do(c.admin, safe, object("in", object("subject", subject, "field", "#value")))
	if a.text(t, "safeToContract", "safety") != "NO" || a.text(t, "safeToContract", "witnesses", 0, "service") != "orders" {
		t.Errorf("%s", a.Raw)
	}
	if a = c.do(c.admin, safe, object("in", object("datasetId", id, "field", "x"))); a.code() != "DATASET_NOT_FOUND" {
		t.Errorf("%s", a.Raw)
	}
}

// A subject shows its topics, and a topic its subjects, any number in one
// statement.
func TestTopicsAndSubjects(t *testing.T) {
	t.Parallel()
	pool, statements := counted(t)
	c := furnish(t, rooms(t, pool))
	ctx := t.Context()
	declare := func(topic string) {
		_, err := c.rooms.Catalog.DeclareDataset(ctx, c.admin, catalog.Dataset{Namespace: "kafka://default", Name: topic, Kind: "TOPIC"})
		must(t, err)
	}
	declare("orders.v1")
	declare("orders.v2")
	for _, subject := range []string{"orders.v1-key", "orders.v2-value", "shop.Order", "unbound"} {
		_, err := c.rooms.Schemas.Register(ctx, c.admin, schemas.Submission{Subject: subject, Text: `"string"`})
		must(t, err)
	}
	_, err := c.rooms.Schemas.SetConfig(ctx, c.admin, "shop.Order", schemas.Patch{"topics": json.RawMessage(`["orders.v1","orders.v2"]`)})
	must(t, err)
	_, err = c.rooms.Schemas.SetConfig(ctx, c.admin, "orders.v1-value", schemas.Patch{"gate": json.RawMessage(`"OFF"`)}) // has no version
	must(t, err)
	const query = `{ datasets(first: 100) { nodes { name topic { subjects { name topics { topic part } } } } } }`
	statements.n.Store(0)
	a := c.do(c.handler, query)
	few := statements.n.Load()
	got := map[string]any{}
	for _, n := range a.at(t, "datasets", "nodes").([]any) {
		if topic, is := n.(map[string]any)["topic"].(map[string]any); is {
			got[n.(map[string]any)["name"].(string)] = topic["subjects"]
		}
	}
	subject := func(name string, described ...any) any { return map[string]any{"name": name, "topics": described} }
	described := func(topic, part string) any { return map[string]any{"topic": topic, "part": part} }
	order := subject("shop.Order", described("orders.v1", "<shop.Order>"), described("orders.v2", "<shop.Order>"))
	want := map[string]any{
		"orders.v1": []any{subject("orders.v1-key", described("orders.v1", "#key")), order},
		"orders.v2": []any{subject("orders.v2-value", described("orders.v2", "#value")), order},
	}
	for name, subjects := range want {
		if !reflect.DeepEqual(got[name], subjects) {
			t.Errorf("%s: %v, want %v", name, got[name], subjects)
		}
	}
	for i := range 20 {
		declare(fmt.Sprintf("more.v%d", i))
	}
	statements.n.Store(0)
	c.do(c.handler, query)
	if many := statements.n.Load(); many > few {
		t.Errorf("22 topics took %d statements, 2 took %d", many, few)
	}
}

// An answer tells 64 MiB of schemas at most, and any number of versions without their
// texts: 64 texts of 1 MiB less 100 bytes fit, and 65 do not.
func TestTextsInAnAnswerAreBounded(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	start, end := `{"type":"record","name":"R","doc":"`, `","fields":[]}`
	text := start + strings.Repeat("x", 1<<20-100-len(start+end)) + end
	if _, err := c.rooms.Schemas.Register(t.Context(), c.admin, schemas.Submission{Subject: "large", Text: text}); err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct {
		times       int
		asked, code string
	}{{64, "text", ""}, {65, "text", "ANSWER_TOO_LARGE"}, {65, "words: text", "ANSWER_TOO_LARGE"}, {100, "schemaId", ""}} {
		var query strings.Builder
		for i := range try.times {
			fmt.Fprintf(&query, " v%d: version { %s }", i, try.asked)
		}
		if a := c.do(c.handler, `{ schemaSubject(name: "large") {`+query.String()+` } }`, nil); a.code() != try.code {
			t.Errorf("%d times %s: %.300s, want %q", try.times, try.asked, a.Raw, try.code)
		}
	}
}
