package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/report"
	"github.com/flowmart/lethe/schemas/rollout"
	"github.com/flowmart/lethe/server/issuertest"
)

// runs runs a command line as somebody and wants an exit code and parts of what
// it says.
func (d *desk) runs(t *testing.T, role access.Role, code int, line string, parts ...string) result {
	t.Helper()
	args := strings.Fields(line)
	if !strings.Contains(line, " -m ") {
		args = append(args, "-m", filepath.Join(d.dir, "lethe.yaml"))
	}
	r := d.as(t, role, args...)
	if r.code != code {
		t.Errorf("%s: %d, want %d\n%s%s", line, r.code, code, r.out, r.err)
	}
	for _, part := range parts {
		if !strings.Contains(r.out+r.err, part) {
			t.Errorf("%s: %q is not in\n%s%s", line, part, r.out, r.err)
		}
	}
	return r
}

// From new files to versions, through a plan that says what will be done, and a
// plan that says that nothing is left.
func TestSchemaPlanAndRegister(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.shop(t)
	d.runs(t, access.Viewer, exitOK, "schema plan", "+ shop.total-value version 1 (", "+ shop.order-value version 1 (", "2 new, 0 unchanged")
	d.runs(t, access.Viewer, exitNo, "schema plan --exit-code", "is not what the manifest says")
	d.runs(t, access.Viewer, exitNo, "schema register", "0 of 2 steps were done")
	d.runs(t, access.Admin, exitOK, "schema register", "+ shop.total-value version 1 done, id 1", "+ shop.order-value version 1 done, id 2")
	if r := d.runs(t, access.Viewer, exitOK, "schema plan --exit-code"); r.out != "2 unchanged\n" {
		t.Errorf("nothing is left:\n%s", r.out)
	}

	// In other words it is the same; with another field it is the next version.
	total := d.write(t, "events/total.avsc", "{\"name\": \"Total\", \"namespace\": \"shop\",\n\"fields\": [{\"type\": \"long\", \"name\": \"cents\"}], \"type\": \"record\"}")
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code", "2 unchanged")
	d.write(t, "events/total.avsc", `{"type": "record", "name": "shop.Total", "fields": [{"name": "cents", "type": "long"}, {"name": "currency", "type": "string", "default": "EUR"}]}`)
	r := d.runs(t, access.Viewer, exitOK, "schema plan -o json")
	var p rollout.Plan
	if err := json.Unmarshal([]byte(r.out), &p); err != nil || len(p.Steps) != 2 || p.Unchanged != 0 {
		t.Fatalf("%v\n%s", err, r.out)
	}
	if s := p.Steps[0]; s.Action != rollout.Update || s.Version != 2 || s.File != total || len(s.Changes) != 1 || s.Changes[0].String() != `+ fields.currency: {"default":"EUR","name":"currency","type":"string"}` {
		t.Errorf("%+v", p.Steps[0])
	}
	d.runs(t, access.Viewer, exitOK, "schema plan -o markdown", "### Plan: 2 changed, 0 unchanged", "| update | shop.total-value | 2 | + fields.currency")
	// What refers to the new version is a new version itself, of exactly that.
	d.runs(t, access.Admin, exitOK, "schema register", "~ shop.total-value version 2 done, id 3", "~ shop.order-value version 2 done, id 4")
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code", "2 unchanged")
}

// A schema that fails keeps all from being registered, and levels and policies
// of the manifest are set before.
func TestSchemaRegisterSettings(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write(t, "a.avsc", `{"type": "record", "name": "A", "fields": [{"name": "id", "type": "string"}]}`)
	d.write(t, "lethe.yaml", "level: FULL\npolicy: ENFORCE\nschemas:\n  - {files: '*.avsc', subject: '{name}-value'}\n")
	d.runs(t, access.Viewer, exitOK, "schema plan", "* a-value set", "~ compatibility: BACKWARD → FULL", "~ gate: WARN → ENFORCE", "1 new, 1 settings")
	d.runs(t, access.Admin, exitOK, "schema register", "* a-value set done", "+ a-value version 1 done")
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code", "1 unchanged")

	// The level that the manifest is about to set counts before it is set.
	d.write(t, "lethe.yaml", "level: FULL\nschemas:\n  - {files: '*.avsc', subject: '{name}-key'}\n")
	d.runs(t, access.Admin, exitOK, "schema register", "+ a-key version 1 done")
	d.call(t, "PUT", "/registry/config/a-key", `{"compatibility":"NONE"}`)
	d.write(t, "b.avsc", `{"type": "record", "name": "B", "fields": [{"name": "email", "type": "string"}]}`)
	d.write(t, "a.avsc", `{"type": "record", "name": "A", "fields": [{"name": "number", "type": "string"}]}`)
	d.runs(t, access.Admin, exitNo, "schema register", "CG002", "cannot read data of version 1 (FULL)", "FAIL")
	d.runs(t, access.Viewer, exitOK, "schema plan -m "+d.write(t, "none.yaml", "schemas:\n  - {files: b.avsc, subject: 'a-none'}\n"), "1 new")
	if r := d.runs(t, access.Admin, exitNo, "schema register -o json", `"done": false`, `"code":"CG002"`); strings.Contains(r.out, `"done": true`) {
		t.Errorf("something was done though one fails:\n%s", r.out)
	}
	d.write(t, "c.avsc", "{")
	d.runs(t, access.Viewer, exitNo, "schema plan -m "+d.write(t, "bad.yaml", "schemas:\n  - {files: c.avsc, subject: 'c-none'}\n"), "0 unchanged\n", "c.avsc:1:", "CG001")
	// What a manifest loosens is not loose before it is set.
	d.write(t, "lethe.yaml", "level: NONE\nschemas:\n  - {files: a.avsc, subject: 'a-value'}\n")
	d.runs(t, access.Admin, exitNo, "schema register", "cannot read data of version 1 (FULL)", "~ compatibility: FULL → NONE")
}

// Topics that the manifest declares for subjects are set before, once; they are
// pulled again, and taken back where somebody says so.
func TestSchemaTopics(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write(t, "events/order.avsc", `{"type": "record", "name": "shop.Order", "fields": [{"name": "id", "type": "string"}]}`)
	d.write(t, "lethe.yaml", "schemas:\n  - {files: events/*.avsc, subject: '{record}', topics: ['{name}s.v1', orders.archive]}\n")
	d.runs(t, access.Viewer, exitOK, "schema plan", "* shop.Order set", "~ topics: → orders.archive<shop.Order>, orders.v1<shop.Order>", "1 new, 1 settings")
	d.runs(t, access.Admin, exitOK, "schema register", "* shop.Order set done", "+ shop.Order version 1 done")
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code", "1 unchanged")
	to := filepath.Join(d.dir, "pulled")
	if r := d.as(t, access.Viewer, "schema", "pull", "--to", to); r.code != exitOK {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code -m "+filepath.Join(to, "lethe.yaml"), "1 unchanged")
	if r := d.as(t, access.Viewer, "schema", "config", "shop.Order"); !strings.Contains(r.out, "topics [orders.archive<shop.Order> orders.v1<shop.Order>]") {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
	if r := d.as(t, access.Admin, "schema", "config", "shop.Order", "--topics", "orders.v2#headers"); r.code != exitNo || !strings.Contains(r.err, "behind the topic stands #value, #key") {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
	if r := d.as(t, access.Admin, "schema", "config", "shop.Order", "--topics", "orders.v2#value"); r.code != exitOK || !strings.Contains(r.out, "topics [orders.v2#value]") {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
	if r := d.as(t, access.Admin, "schema", "config", "shop.Order", "--topics", ""); r.code != exitOK || strings.Contains(r.out, "topics") {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
}

// Subjects that the manifest does not name are left alone, unless asked for,
// and then only those with its prefix that belong to its owner.
func TestSchemaPrune(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	m := d.shop(t)
	d.runs(t, access.Admin, exitOK, "schema register", "2 new")
	d.call(t, "POST", "/registry/subjects/other-value/versions", `{"schema":"\"string\""}`)
	d.write(t, "lethe.yaml", "prefix: shop.\nschemas:\n  - {files: events/total.avsc, subject: shop.sum-value}\n")
	if r := d.runs(t, access.Admin, exitOK, "schema register", "1 new"); strings.Contains(r.out, "delete") {
		t.Errorf("nobody asked:\n%s", r.out)
	}
	d.runs(t, access.Viewer, exitOK, "schema plan --prune", "- shop.order-value delete\n- shop.total-value delete\n", "2 to delete, 1 unchanged")
	d.write(t, "owned.yaml", "prefix: shop.\nowner: orders\nschemas:\n  - {files: events/total.avsc, subject: shop.sum-value}\n")
	if r := d.runs(t, access.Viewer, exitOK, "schema plan --prune -m "+filepath.Join(d.dir, "owned.yaml")); r.out != "1 unchanged\n" {
		t.Errorf("they belong to nobody:\n%s", r.out)
	}
	d.runs(t, access.Admin, exitOK, "schema register --prune", "- shop.order-value delete done\n- shop.total-value delete done\n")
	d.call(t, "GET", "/registry/subjects/other-value/versions/1", "")
	d.write(t, "lethe.yaml", "schemas:\n  - {files: events/total.avsc, subject: shop.sum-value}\n")
	d.runs(t, access.Admin, exitUsage, "schema register --prune", "has none; write one")
	_ = m
}

// shopCatalog says whose topics there are: orders' and billing's.
const shopCatalog = `lethe: catalog/1
controllers:
  - {ref: shop, name: Shop, country: DE, time_zone: Europe/Berlin}
teams:
  - {ref: sales, name: Sales, active: true}
services:
  - {ref: orders, name: Orders, owner: sales, controller: shop, party_role: CONTROLLER}
  - {ref: billing, name: Billing, owner: sales, controller: shop, party_role: CONTROLLER}
stores:
  - ref: kafka
    name: Kafka
    service: orders
    technology: KAFKA
    access_mode: APPEND_ONLY
    residency: eu-west-1
    datasets:
      - {namespace: "kafka://default", name: shop.order, kind: TOPIC, service: orders}
      - {namespace: "kafka://default", name: shop.total, kind: TOPIC, service: orders}
      - {namespace: "kafka://default", name: shop.bill, kind: TOPIC, service: billing}
`

// A pipeline registers what is its service's, eight at once as one, and nothing
// else: where another's subject comes, it stops and tells what was done.
func TestSchemaRegisterAsPipelines(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	m := d.shop(t)
	if r := d.as(t, access.Admin, "catalog", "import", d.write(t, "catalog.yaml", shopCatalog)); r.code != exitOK {
		t.Fatalf("%s%s", r.out, r.err)
	}
	ci := env{environ: []string{"LETHE_URL=" + d.URL, "LETHE_TOKEN=" + d.Token(access.CI, issuertest.Claims{"lethe_service": "orders"})}}
	results := make([]result, 8)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = lethe(t, ci, "schema", "register", "-m", m) })
	}
	all.Wait()
	for _, r := range results {
		if r.code != exitOK {
			t.Errorf("%d\n%s%s", r.code, r.out, r.err)
		}
	}
	if r := lethe(t, ci, "schema", "ids", "-m", m); strings.Count(r.out, "version 1\n") != 2 {
		t.Errorf("eight pipelines made of one schema:\n%s", r.out)
	}

	bill := "schemas:\n  - {files: events/total.avsc, subject: shop.sum-value}\n  - {files: events/total.avsc, subject: shop.bill-value}\n"
	d.write(t, "bill.yaml", "owner: orders\n"+bill)
	d.runs(t, access.Viewer, exitNo, "schema check -m "+filepath.Join(d.dir, "bill.yaml"), "CG007", "the manifest says that the subject belongs to orders, and the catalog that it belongs to billing")
	d.write(t, "bill.yaml", bill)
	r := lethe(t, ci, "schema", "register", "-m", filepath.Join(d.dir, "bill.yaml"))
	if r.code != exitNo || !strings.Contains(r.out, "+ shop.sum-value version 1 done") || strings.Contains(r.out, "bill-value version 1 done") ||
		!strings.Contains(r.err, "create shop.bill-value: ") || !strings.Contains(r.err, "1 of 2 steps were done and stay done") {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
	d.runs(t, access.Admin, exitOK, "schema register -m "+filepath.Join(d.dir, "bill.yaml"), "1 new, 1 unchanged")

	// Only what belongs to the owner alone may be pruned.
	d.write(t, "left.yaml", "prefix: shop.\nowner: orders\nschemas:\n  - {files: events/total.avsc, subject: shop.total-value}\n")
	r = d.runs(t, access.Viewer, exitOK, "schema delete --prune -m "+filepath.Join(d.dir, "left.yaml"), "- shop.order-value versions [1]\n", "- shop.sum-value versions [1]\n", "2 to delete")
	if strings.Contains(r.out, "bill") {
		t.Errorf("another's subject would go:\n%s", r.out)
	}
}

// What was agreed to, was there before or does not fail under the policy is not
// among the errors of a verdict.
func TestFailed(t *testing.T) {
	t.Parallel()
	found := func(code string, s gate.Severity) report.Finding {
		return report.Finding{Code: code, Severity: string(s), Message: "m", Mend: "x"}
	}
	approved, before := found("CG004", gate.Error), found("CG031", gate.Error)
	approved.Approved, before.Baseline = true, true
	err := failed(report.Answer{Verdict: gate.Fail, Schemas: []report.Checked{
		{Subject: "a", Verdict: gate.Fail, Policy: gate.Enforce, Findings: []report.Finding{approved, before, found("CG011", gate.Advice), found("CG010", gate.Error)}},
		{Subject: "b", Verdict: gate.Fail, Policy: gate.Warn, Findings: []report.Finding{found("CG015", gate.Error), found("CG002", gate.Refused)}},
	}})
	var codes []string
	for _, f := range list(err) {
		if codes = append(codes, f.Code); slices.Contains(f.Path, "") {
			t.Errorf("a finding of the whole stands at %q", f.Path)
		}
	}
	if want := []string{"CG010", "CG002"}; !slices.Equal(codes, want) {
		t.Errorf("got %v, want %v", codes, want)
	}
}

// What is said beside the texts is part of a version: a plan names it at its
// place, however it is put into words, and pulled it stays.
func TestSchemaBeside(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write(t, "a.avsc", `{"type":"record","name":"A","fields":[{"name":"id","type":"string"}]}`)
	d.write(t, "rules.yaml", "domainRules:\n- {name: noId, kind: CONDITION, mode: WRITE, type: CEL, expr: 'true'}\n")
	manifest := func(metadata string) {
		t.Helper()
		d.write(t, "lethe.yaml", "prefix: shop.\nschemas:\n- files: a.avsc\n  subject: shop.a\n  ruleSet: rules.yaml\n"+metadata)
	}
	manifest("  metadata:\n    properties: {owner: orders}\n    tags: {'**.id': user.unique_id}\n")
	d.runs(t, access.Viewer, exitOK, "schema check", "tag id user.unique_id (inline)")
	d.runs(t, access.Viewer, exitOK, "schema lint", "tag id user.unique_id (inline)")
	d.runs(t, access.Admin, exitOK, "schema register", "+ shop.a version 1 done")
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code", "1 unchanged")
	d.runs(t, access.Viewer, exitOK, "schema diff --exit-code", "0 differ")

	// In other words, and from a file.
	d.write(t, "meta.json", `{"tags": {"**.id": ["user.unique_id"]}, "properties": {"owner": "orders"}}`)
	d.write(t, "rules.yaml", `{"domainRules": [{"type": "CEL", "mode": "WRITE", "kind": "CONDITION", "name": "noId", "expr": "true"}]}`)
	manifest("  metadata: meta.json\n")
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code", "1 unchanged")
	d.git(t, "init", "-q", "-b", "main")
	d.git(t, "add", ".")
	d.git(t, "commit", "-q", "-m", "first")
	d.runs(t, access.Viewer, exitOK, "schema diff --against git:main --exit-code", "0 differ")

	d.write(t, "rules.yaml", "domainRules:\n- {name: noId, kind: CONDITION, mode: WRITE, type: CEL, expr: 'false'}\n- {name: more, type: CEL, params: {limit: 10}}\n")
	d.write(t, "meta.json", `{"tags": {"**.id": ["user.unique_id"]}, "properties": {"owner": "billing"}}`)
	want := []string{`~ metadata.properties.owner: "orders" → "billing"`, `~ ruleSet.domainRules.noId.expr: "true" → "false"`, `+ ruleSet.domainRules.more: {"name":"more","params":{"limit":"10"},"type":"CEL"}`}
	d.runs(t, access.Viewer, exitOK, "schema plan", append(want, "~ shop.a version 2")...)
	d.runs(t, access.Viewer, exitNo, "schema diff --exit-code", append(want, "~ shop.a (")...)
	d.runs(t, access.Viewer, exitOK, "schema diff --against git:main", want...)
	d.runs(t, access.Viewer, exitOK, "schema check --against git:main", "changed since git:main")
	// What the subject overrides is kept over what is said, and is no change.
	d.call(t, "PUT", "/registry/config/shop.a", `{"overrideMetadata":{"properties":{"owner":"orders"}}}`)
	r := d.runs(t, access.Viewer, exitOK, "schema plan", want[1:]...)
	if strings.Contains(r.out, "billing") {
		t.Errorf("it would not be kept so:\n%s", r.out)
	}
	d.runs(t, access.Admin, exitOK, "schema register", "~ shop.a version 2 done")
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code", "1 unchanged")
	d.runs(t, access.Viewer, exitOK, "schema diff --exit-code", "0 differ")

	to := filepath.Join(d.dir, "pulled")
	if r := d.as(t, access.Viewer, "schema", "pull", "--prefix", "shop.", "--to", to); r.code != exitOK || !strings.Contains(r.out, filepath.Join("contracts", "shop.a.avsc.ruleSet.json")) {
		t.Fatalf("%d\n%s%s", r.code, r.out, r.err)
	}
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code -m "+filepath.Join(to, "lethe.yaml"), "1 unchanged")

	// Left out, it stays; said to be nothing, it goes.
	d.write(t, "lethe.yaml", "schemas:\n- {files: a.avsc, subject: shop.a}\n")
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code", "1 unchanged")
	d.write(t, "lethe.yaml", "schemas:\n- {files: a.avsc, subject: shop.a, metadata: {}, ruleSet: {}}\n")
	d.runs(t, access.Viewer, exitOK, "schema plan", "- metadata.tags: ", "- ruleSet.domainRules: ", "~ shop.a version 3")
}
