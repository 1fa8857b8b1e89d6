package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas/rollout"
)

const withTables = `
owner: orders
schemas:
  - {files: "events/*.avsc", subject: "{name}-value"}
stores:
  - store: orders-db
    files: db/**
    format: flyway
    placeholders: {schema: public}
`

const firstTables = "CREATE TABLE ${schema}.customer (id bigint PRIMARY KEY, email text);\nCOMMENT ON COLUMN customer.id IS '@tags(user.unique_id)';\n"

// furnish writes a manifest of an event and a store.
func (d *desk) furnish(t *testing.T) {
	t.Helper()
	d.call(t, "POST", "/api/v1/catalog", aStore)
	d.write(t, "events/order.avsc", `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}`)
	d.write(t, "db/V1__first.sql", firstTables)
	d.write(t, "lethe.yaml", withTables)
}

// Events and tables of one repository are checked, planned and registered
// together.
func TestManifestOfStores(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.furnish(t)
	d.runs(t, access.Viewer, exitOK, "schema check", "db/V1__first.sql:1:1: table added: public.customer\n", "PASS  order-value", "WARN  orders-db/public.customer  would be version 1", "V1__first.sql:1:", "CG010 email")
	d.runs(t, access.Viewer, exitOK, "schema plan", "+ order-value version 1 (", "+ orders-db version 1\n    + public.customer\n", "2 new, 0 unchanged")
	d.runs(t, access.Viewer, exitNo, "schema plan --exit-code")
	d.runs(t, access.Viewer, exitOK, "schema diff", "+ orders-db\n    + public.customer\n    personal data added: orders-db/public.customer id user.unique_id", "orders-db/public.customer email user.contact.email (nobody", "2 differ")
	d.runs(t, access.Admin, exitOK, "schema register", "+ order-value version 1 done, id 1", "+ orders-db version 1 done", "2 new")
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code", "2 unchanged")
	d.runs(t, access.Viewer, exitOK, "schema diff --exit-code", "0 differ")

	// In other words they are the same tables.
	d.write(t, "db/V1__first.sql", "-- made anew\n"+strings.ReplaceAll(firstTables, ", email", ",\n\n  email"))
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code", "2 unchanged")

	// A policy is set before the tables are pushed under it, and counts before.
	d.write(t, "db/V2__second.sql", "ALTER TABLE customer RENAME email TO mail;\nALTER TABLE customer ADD phone text, ALTER COLUMN mail SET NOT NULL;\nDROP TABLE IF EXISTS nowhere;\n")
	d.write(t, "lethe.yaml", strings.Replace(withTables, "owner: orders", "policy: ENFORCE", 1))
	d.runs(t, access.Admin, exitNo, "schema register", "CG010", "phone", "FAIL", "* orders-db set\n    ~ gate: WARN → ENFORCE\n")
	d.write(t, "db/V3__third.sql", "COMMENT ON COLUMN customer.phone IS '@tags(user.contact.phone_number)';\nCOMMENT ON COLUMN customer.mail IS '@tags(user.contact.email)';\n")
	r := d.runs(t, access.Viewer, exitOK, "schema plan -o json")
	var p rollout.Plan
	if err := json.Unmarshal([]byte(r.out), &p); err != nil || len(p.Steps) != 3 || p.Steps[1].Action != rollout.Set || p.Steps[2].Store != "orders-db" || p.Steps[2].Version != 2 {
		t.Fatalf("%v\n%s", err, r.out)
	}
	var lines []string
	for _, c := range p.Steps[2].Changes {
		lines = append(lines, c.String())
	}
	want := "~ public.customer.mail name: email → mail\n~ public.customer.mail null: NULL → NOT NULL\n~ public.customer.mail comment:  → @tags(user.contact.email)\n+ public.customer.phone: text"
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	d.runs(t, access.Viewer, exitOK, "schema plan -o markdown", "| set | orders-db |", "| update | orders-db | 2 | ~ public.customer.mail name: email → mail<br>")
	d.runs(t, access.Viewer, exitNo, "schema register", "set order-value: ", "settings are a steward's of the owning team to set: let one run this once")
	d.runs(t, access.Admin, exitOK, "schema register", "* orders-db set done", "~ orders-db version 2 done")
	d.runs(t, access.Viewer, exitOK, "schema plan --exit-code", "2 unchanged")

	// A store that the catalog does not know, and somebody who may not push.
	d.write(t, "other.yaml", "stores:\n  - {store: orders-bd, files: 'db/**', format: flyway, placeholders: {schema: public}}\n")
	d.runs(t, access.Viewer, exitNo, "schema check -m "+filepath.Join(d.dir, "other.yaml"), "store orders-bd: ", `did you mean "orders-db"?`)
	d.write(t, "db/V4__fourth.sql", "ALTER TABLE customer ADD note_id int;\n")
	d.write(t, "other.yaml", "stores:\n  - {store: orders-db, files: 'db/**', format: flyway, placeholders: {schema: public}}\n")
	d.runs(t, access.Viewer, exitNo, "schema register -m "+filepath.Join(d.dir, "other.yaml"), "update orders-db: ", "role", "0 of 1 steps were done", "~ orders-db version 3\n")
	d.runs(t, access.Admin, exitOK, "schema register -m "+filepath.Join(d.dir, "other.yaml"), "~ orders-db version 3 done")

	// A service that is not the store's is named, in the forms that pipelines read.
	d.write(t, "lethe.yaml", strings.Replace(withTables, "owner: orders", "owner: billing", 1))
	d.runs(t, access.Viewer, exitNo, "schema check -o github", "::error file="+filepath.Join(d.dir, "lethe.yaml")+",line=1,col=1,title=Lethe CG007::the manifest says that the store belongs to billing")
}

// Without a server the tables are held against those of another commit or
// folder, and a mistake is told at its line.
func TestManifestOfStoresOffline(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write(t, "db/V1__first.sql", firstTables)
	d.write(t, "lethe.yaml", "policy: enforce\nstores:\n  - {store: orders-db, files: 'db/**', format: flyway, placeholders: {schema: public}}\n")
	d.git(t, "init", "-q", "-b", "main")
	d.git(t, "add", ".")
	d.git(t, "commit", "-q", "-m", "first")
	d.runs(t, access.Viewer, exitNo, "schema lint", "orders-db/public.customer  can be read", "error CG010 email")
	// What was there before does not count until it is touched.
	d.runs(t, access.Viewer, exitOK, "schema check --against git:main", "orders-db/public.customer  as in git:main", "before CG010 email")
	second := d.write(t, "db/V2__second.sql", "ALTER TABLE customer ADD phone text;\n")
	d.runs(t, access.Viewer, exitNo, "schema check --against git:main -o gitlab", `"check_name":"CG010"`, `"path":"`+second+`"`)
	r := d.runs(t, access.Viewer, exitNo, "schema check --against git:main -o json", `"schemas"`)
	var said struct {
		Verdict string
		Schemas []struct{ Subject, State string }
		Stores  []struct {
			Store   string
			Changes []struct {
				Kind, Field string
				At          struct{ File string }
			}
		}
	}
	if err := json.Unmarshal([]byte(r.out), &said); err != nil || said.Verdict != "FAIL" || len(said.Stores) != 1 || len(said.Stores[0].Changes) != 1 || said.Stores[0].Changes[0].Field != "phone" || said.Stores[0].Changes[0].At.File != second || said.Schemas[0].State != "changed since git:main" {
		t.Errorf("%v\n%s", err, r.out)
	}
	d.runs(t, access.Viewer, exitOK, "schema diff --against git:main", "~ orders-db\n    + public.customer.phone: text\n    personal data added: orders-db/public.customer phone user.contact.phone_number", "1 differ")
	empty := t.TempDir()
	d.runs(t, access.Viewer, exitOK, "schema diff --against dir:"+empty, "+ orders-db\n    + public.customer\n")
	// Files are named, those of tables too.
	d.runs(t, access.Viewer, exitNo, "schema check --against git:main "+second, "V2__second.sql:1:", "FAIL")
	d.runs(t, access.Viewer, exitUsage, "schema check --against git:main "+filepath.Join(d.dir, "none.sql"), "is no file of")

	d.write(t, "db/V3__third.sql", "ALTER TABLE custmer ADD x int;\n")
	d.runs(t, access.Viewer, exitNo, "schema check --against git:main -o github", "V3__third.sql,line=1,col=1,title=Lethe CG001::there is no table public.custmer here", `did you mean "public.customer"`)
	// What could not be read then is said, and counts for nothing.
	d.git(t, "add", ".")
	d.git(t, "commit", "-q", "-m", "wrong")
	d.write(t, "db/V3__third.sql", "ALTER TABLE customer ADD x int;\n")
	d.runs(t, access.Viewer, exitNo, "schema check --against git:main", "CG006", "what was there in git:main cannot be read, so that every table counts as new", "V3__third.sql:1:1: there is no table")
	d.write(t, "lethe.yaml", "stores:\n  - {store: orders-db, files: db, format: flyway}\n")
	d.runs(t, access.Viewer, exitUsage, "schema lint", `"db" is a folder; write db/** for all that is in it`)
	d.write(t, "lethe.yaml", "stores:\n  - {store: orders-db, files: 'db/**', format: flyway}\n  - {store: orders-db, fils: 'db/**'}\n")
	d.runs(t, access.Viewer, exitUsage, "schema lint", "lethe.yaml:3:6: the store \"orders-db\" stands here twice", `did you mean "files"`)
}
