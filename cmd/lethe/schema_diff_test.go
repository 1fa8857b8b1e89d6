package main

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/access"
)

// What was registered, in whatever type, is pulled into files from which
// registering changes nothing.
func TestSchemaPull(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.shop(t)
	d.write(t, "api/shop/money.proto", "syntax = \"proto3\";\npackage shop;\nmessage Money { int64 cents = 1; }\n")
	d.write(t, "api/shop/cart.proto", "syntax = \"proto3\";\npackage shop;\nimport \"shop/money.proto\";\nmessage Cart { Money total = 1; }\n")
	d.write(t, "json/sum.json", `{"$id":"https://flowmart.example/sum.json","type":"object","properties":{"cents":{"type":"integer"}}}`)
	d.write(t, "json/bill.json", `{"type":"object","properties":{"sum":{"$ref":"sum.json"}}}`)
	d.write(t, "lethe.yaml", `
prefix: shop.
schemas:
  - {files: "events/*.avsc", subject: "shop.{name}-value"}
  - {files: "api/**/*.proto", subject: "shop.{dir}/{name}", level: FULL}
  - {files: "json/*.json", subject: "shop.{name}", policy: ENFORCE}
`)
	d.runs(t, access.Admin, exitOK, "schema register", "6 new", "shop.shop/cart version 1 done", "shop.bill version 1 done")
	to := filepath.Join(d.dir, "pulled")
	pull := "schema pull --prefix shop. --to " + to + " -o json"
	r := d.as(t, access.Viewer, strings.Fields(pull)...)
	if r.code != exitOK || !strings.Contains(r.out, "shop.shop%2Fcart.proto") {
		t.Fatalf("%d\n%s%s", r.code, r.out, r.err)
	}
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code -m "+filepath.Join(to, "lethe.yaml"), "6 unchanged")
	if r := d.as(t, access.Viewer, strings.Fields(pull)...); r.code != exitUsage || !strings.Contains(r.err, "lethe.yaml is there already") {
		t.Errorf("what is there is written over: %d %s", r.code, r.err)
	}
	if r := d.as(t, access.Viewer, append(strings.Fields(pull), "--force")...); r.code != exitOK {
		t.Errorf("%d %s", r.code, r.err)
	}
	if r := d.as(t, access.Viewer, "schema", "pull", "--prefix", "none"); r.code != exitNo || !strings.Contains(r.err, `no subject begins with "none"`) {
		t.Errorf("%d %s", r.code, r.err)
	}
	d.call(t, "POST", "/registry/subjects/%7Bname%7D/versions", `{"schema":"\"string\""}`)
	if r := d.as(t, access.Viewer, "schema", "pull", "--prefix", "{"); r.code != exitNo || !strings.Contains(r.err, "has braces in its name") {
		t.Errorf("%d %s", r.code, r.err)
	}
}

// The manifest finds every file again, however the subject is called.
func TestSchemaPullOfStrangeNames(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	long := "long" + strings.Repeat("é", 400)
	for _, subject := range []string{".hidden", "../up", "a b*[c]", long, long + "er"} {
		d.call(t, "POST", "/registry/subjects/"+url.PathEscape(subject)+"/versions", `{"schema":"\"string\"","metadata":{"properties":{"tier":"gold"}}}`)
	}
	to := filepath.Join(d.dir, "pulled")
	r := d.as(t, access.Viewer, "schema", "pull", "--to", to)
	if r.code != exitOK || !strings.Contains(r.out, "%2Ehidden.avsc") {
		t.Fatalf("%d\n%s%s", r.code, r.out, r.err)
	}
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code -m "+filepath.Join(to, "lethe.yaml"), "5 unchanged")
}

// Every change at its place, and what it does to personal data.
func TestSchemaDiff(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.shop(t)
	d.runs(t, access.Viewer, exitNo, "schema diff --exit-code", "+ shop.total-value (", "+ shop.order-value (", "2 differ")
	d.runs(t, access.Admin, exitOK, "schema register", "2 new")
	d.git(t, "init", "-q", "-b", "main")
	d.git(t, "add", ".")
	d.git(t, "commit", "-q", "-m", "first")
	d.runs(t, access.Viewer, exitOK, "schema diff --exit-code", "0 differ")
	d.write(t, "events/total.avsc", `{"type": "record", "name": "shop.Total", "doc": "what to pay", "fields": [
		{"name": "cents", "type": "int"}, {"name": "email", "type": "string"}]}`)
	want := []string{"~ shop.total-value (", `+ doc: "what to pay"`, `~ fields.cents.type: "long" → "int"`, `+ fields.email: {"name":"email","type":"string"}`,
		"personal data added: email user.contact.email", "~ shop.order-value (", "personal data added: total.email user.contact.email", "2 differ"}
	d.runs(t, access.Viewer, exitOK, "schema diff", want...)
	d.runs(t, access.Viewer, exitOK, "schema diff --against git:main", want...)
	d.runs(t, access.Viewer, exitOK, "schema diff -o markdown", "### Schemas: 2 differ", "| changed | shop.total-value | + doc: \"what to pay\"<br>", "| added: email user.contact.email (")
	d.write(t, "lethe.yaml", "schemas:\n  - {files: events/total.avsc, subject: shop.sum-value}\n")
	d.runs(t, access.Viewer, exitOK, "schema diff -o json", `"state": "NEW"`, `"subject": "shop.sum-value"`)
	d.runs(t, access.Viewer, exitOK, "schema diff -o markdown", "### Schemas: ", "| new | shop.sum-value |")

	// What takes from a subject that is in no file cannot be read here, and is
	// compared by its text.
	d.write(t, "lethe.yaml", "schemas:\n  - {files: events/order.avsc, subject: shop.order-value, references: [{name: shop.Total, subject: shop.total-value}]}\n")
	d.runs(t, access.Viewer, exitOK, "schema diff --exit-code --against git:main", "0 differ")
	d.write(t, "events/order.avsc", `{"type": "record", "name": "shop.Order", "doc": "bought", "fields": [{"name": "id", "type": "string"}, {"name": "total", "type": "shop.Total"}]}`)
	d.runs(t, access.Viewer, exitNo, "schema diff --exit-code --against git:main", "~ shop.order-value (", `+ doc: "bought"`, "1 differ")
	d.runs(t, access.Viewer, exitUsage, "schema diff -o sarif", "writes text, json, markdown")
}

// Ids, settings and deletes, each by its command.
func TestSchemaSubjects(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.shop(t)
	d.runs(t, access.Viewer, exitNo, "schema ids", "not registered: shop.total-value, shop.order-value")
	d.runs(t, access.Admin, exitOK, "schema register", "2 new")
	d.runs(t, access.Viewer, exitOK, "schema ids", "1 shop.total-value version 1\n2 shop.order-value version 1\n")
	d.runs(t, access.Viewer, exitNo, "schema ids 2 77", "2 shop.order-value version 1\n", "not registered: 77")
	d.runs(t, access.Viewer, exitUsage, "schema ids two", `"two" is no id`)

	config := func(role access.Role, code int, line string, part string) {
		t.Helper()
		r := d.as(t, role, strings.Fields("schema config shop.total-value "+line)...)
		if r.code != code || !strings.Contains(r.out+r.err, part) {
			t.Errorf("config %s: %d\n%s%s", line, r.code, r.out, r.err)
		}
	}
	config(access.Viewer, exitOK, "", "compatibilityLevel BACKWARD\n")
	config(access.Admin, exitOK, "--level full --policy enforce", "compatibilityLevel FULL\ngate ENFORCE\n")
	config(access.Admin, exitUsage, "--level FUL", `did you mean "FULL"`)
	config(access.Admin, exitUsage, "--policy enforced", "write enforce, warn or off")
	config(access.Viewer, exitNo, "--level NONE", "role")

	d.runs(t, access.Admin, exitUsage, "schema delete", "name the subjects to delete")
	d.runs(t, access.Admin, exitNo, "schema delete shop.total-value --yes", "- shop.total-value\n", "refer")
	d.runs(t, access.Viewer, exitOK, "schema delete shop.order-value", "- shop.order-value versions [1]\n1 to delete; --yes does it")
	d.runs(t, access.Viewer, exitNo, "schema delete shop.ordr-value", "Subject 'shop.ordr-value' not found")
	d.runs(t, access.Admin, exitOK, "schema delete shop.order-value shop.total-value --yes", "- shop.order-value done, versions [1]\n- shop.total-value done, versions [1]\n")
	d.runs(t, access.Viewer, exitNo, "schema ids", "not registered")
	d.runs(t, access.Viewer, exitOK, "schema delete shop.order-value --permanent", "versions [1]")
	d.runs(t, access.Admin, exitOK, "schema delete shop.order-value --permanent --yes", "shop.order-value done")
}

// A manifest may be of a context: plan, register, compare, find and pull mean
// its subjects there.
func TestSchemaContext(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.shop(t)
	d.write(t, "lethe.yaml", "prefix: ':.eu:shop.'\nschemas:\n  - {files: events/*.avsc, subject: ':.eu:shop.{name}'}\n")
	d.runs(t, access.Admin, exitOK, "schema register", "+ :.eu:shop.order version 1 done", "2 new")
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code --prune", "2 unchanged")
	d.write(t, "events/order.avsc", `{"type": "record", "name": "shop.Order", "fields": [{"name": "total", "type": "shop.Total"}]}`)
	want := `- fields.id: {"name":"id","type":"string"}`
	d.runs(t, access.Viewer, exitOK, "schema diff", "~ :.eu:shop.order (", want, "1 differ")
	d.runs(t, access.Viewer, exitOK, "schema plan", "~ :.eu:shop.order version 2", want, "1 changed, 1 unchanged")
	d.runs(t, access.Viewer, exitOK, "schema ids 1 --context :.eu:", "1 :.eu:shop.total version 1\n")
	to := filepath.Join(d.dir, "pulled")
	if r := d.as(t, access.Viewer, "schema", "pull", "--prefix", ":.eu:", "--to", to); r.code != exitOK || !strings.Contains(r.out, "%3A.eu%3Ashop.order.avsc") {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code -m "+filepath.Join(to, "lethe.yaml"), "2 unchanged")
	d.runs(t, access.Admin, exitOK, "schema delete :.eu:shop.order :.eu:shop.total --yes", ":.eu:shop.total done")
}

// A registry that refuses is there: the answer is no, and nothing to try again.
func TestSchemaMirrorIsRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for from, want := range map[string]struct {
		code int
		says string
	}{d.URL + "/registry": {exitNo, "GET /subjects?deleted=true&subjectPrefix=%3A%2A%3A: 401 "}, "http://127.0.0.1:1": {exitAway, "refused"}} {
		r := d.as(t, access.Admin, "schema", "mirror", "--dry-run", "--from", from)
		if r.code != want.code || !strings.Contains(r.err, "the registry that is mirrored: ") || !strings.Contains(r.err, want.says) {
			t.Errorf("%s: %d %s", from, r.code, r.err)
		}
	}
	itself := d.as(t, access.Admin, "schema", "mirror", "--dry-run", "--from", d.URL+"/registry", "--from-token-file", d.write(t, "token", d.Token(access.Admin)), "-o", "json")
	if itself.code != exitOK || !strings.Contains(itself.out, `"steps": []`) {
		t.Errorf("%d %s%s", itself.code, itself.out, itself.err)
	}
}
