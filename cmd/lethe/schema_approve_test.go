package main

import (
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/server/issuertest"
)

const money = `lethe: catalog/1
controllers:
  - {ref: shop, name: Shop GmbH, country: DE, time_zone: Europe/Berlin}
teams:
  - {ref: care, name: Care}
  - {ref: money, name: Money}
services:
  - {ref: orders, name: Orders, owner: care, controller: shop}
  - {ref: billing, name: Billing, owner: money, controller: shop}
stores:
  - ref: orders-db
    name: Orders
    service: orders
    technology: POSTGRESQL
    datasets:
      - {namespace: "postgres://orders", name: public.customer, kind: TABLE, fields: [{path: email}]}
datasets:
  - {namespace: "kafka://default", name: orders, kind: TOPIC, service: orders}
`

// The way of a breaking change: refused with the name of whom it breaks, agreed
// to by the team of that service, registered by another.
func TestSchemaApprove(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.call(t, "POST", "/api/v1/catalog", money)
	d.call(t, "POST", "/registry/subjects/orders-value/versions", `{"schema":"{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"total\",\"type\":\"long\"}]}"}`)
	as := func(token string, args ...string) result {
		return lethe(t, env{environ: []string{"LETHE_URL=" + d.URL, "LETHE_TOKEN=" + token}}, args...)
	}
	steward := d.Person("mona", []access.Role{access.Steward}, "money")
	billing := d.Token(access.CI, issuertest.Claims{"sub": "billing-ci", "groups": []string{"lethe:ci"}, "lethe_service": "billing"})
	want := func(r result, code int, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if r.code != code || !strings.Contains(r.out+r.err, part) {
				t.Errorf("exit %d, want %d and %q\n%s%s", r.code, code, part, r.out, r.err)
				return
			}
		}
	}
	want(as(billing, "schema", "reads", "orders-value", "--service", "billing", "--name", "invoices"), exitOK, "billing invoices reads orders-value with version 1.")
	next := d.write(t, "order.avsc", `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"amount","type":"long"}]}`)
	want(as(steward, "schema", "check", next, "--subject", "orders-value"), exitNo, "error CG002", "CG004 total: breaks billing (team money): invoices reads with version 1", "team money, for billing, has to agree: total:")
	want(as(billing, "schema", "approve", next, "--subject", "orders-value", "--reason", "ours"), exitNo, "needs the role steward")
	want(as(steward, "schema", "approve", next, "--subject", "orders-value"), exitUsage, "--reason")
	want(as(steward, "schema", "approve", next, "--subject", "orders-value", "--reason", "we read amount from May on", "--days", "31"), exitNo, "30 days")
	want(as(steward, "schema", "approve", next, "--subject", "orders-value", "--reason", "we read amount from May on"), exitOK, "Approved for billing until ")
	want(d.as(t, access.Viewer, "schema", "check", next, "--subject", "orders-value"), exitOK, "warning CG002", "team money, for billing, agreed")
	d.call(t, "POST", "/registry/subjects/orders-value/versions", `{"schema":"{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"amount\",\"type\":\"long\"}]}"}`)

	want(d.as(t, access.Viewer, "schema", "safe", "orders-value", "--field", "total"), exitNo, "NO\n", "billing (team money): version 1, which it reads with, in invoices has total")
	want(d.as(t, access.Viewer, "schema", "safe", "orders-value", "--field", "amount"), exitNo, "UNKNOWN\n", "nobody has looked")
	want(d.as(t, access.Viewer, "schema", "safe", "public.customer", "--namespace", "postgres://orders", "--field", "email"), exitOK, "YES\n")
	want(d.as(t, access.Viewer, "schema", "safe", "public.custmer", "--namespace", "postgres://orders", "--field", "email"), exitNo, "no dataset public.custmer")
	want(d.as(t, access.Viewer, "schema", "safe", "orders-value"), exitUsage, "--field or --version")
	want(d.as(t, access.Viewer, "schema", "safe", "orders-value", "--field", "totl"), exitNo, `did you mean "total"`)
	want(d.as(t, access.Viewer, "schema", "reads", "orders-value"), exitUsage, "--service billing")

	// What a contract says beside the text is part of what is agreed to.
	d.write(t, "order.avsc", `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"sum","type":"long"}]}`)
	m := d.write(t, "lethe.yaml", "schemas:\n- files: order.avsc\n  subject: orders-value\n  metadata: {tags: {'**.id': [user.unique_id]}, properties: {b: x, a: y}, sensitive: [a]}\n  ruleSet: {domainRules: [{name: few, kind: CONDITION, params: {most: 1.0}}]}\n")
	want(as(billing, "schema", "reads", "orders-value", "--service", "billing", "--name", "invoices"), exitOK, "with version 2.")
	want(d.as(t, access.Viewer, "schema", "check", "-m", m), exitNo, "CG004 amount")
	want(as(steward, "schema", "approve", "-m", m, d.dir+"/./order.avsc", "--reason", "we read sum from May on"), exitOK, "Approved for billing until ")
	want(d.as(t, access.Viewer, "schema", "check", "-m", m), exitOK, "team money, for billing, agreed")
	want(d.as(t, access.Admin, "schema", "register", "-m", m), exitOK, "orders-value version 3 done")
}
