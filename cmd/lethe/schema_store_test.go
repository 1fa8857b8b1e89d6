package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas/stores"
)

const aStore = `lethe: catalog/1
controllers:
  - {ref: shop, name: Shop GmbH, country: DE, time_zone: Europe/Berlin}
teams:
  - {ref: care, name: Care}
services:
  - {ref: orders, name: Orders, owner: care, controller: shop}
retention_policies:
  - {ref: account, name: Account, duration: P2Y, trigger: ACCOUNT_CLOSURE, action: DELETE}
purposes:
  - {ref: account, name: Account, use: essential.service, legal_basis: CONTRACT}
stores:
  - ref: orders-db
    name: Orders
    service: orders
    technology: POSTGRESQL
    datasets:
      - {namespace: "postgres://orders-db", name: public.customer, kind: TABLE, retention: account, permits: [account]}
`

// From the files to the verdict of a running Lethe, the catalog and the exit
// code.
func TestSchemaStore(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.call(t, "POST", "/api/v1/catalog", aStore)
	first := d.write(t, "db/1.sql", "CREATE TABLE customer (id bigint PRIMARY KEY);\nCOMMENT ON COLUMN customer.id IS '@tags(user.unique_id)';\n")
	if r := d.as(t, access.Admin, "schema", "store", "push", "orders-db", first); r.code != exitOK || !strings.HasSuffix(r.out, "\nPASS\n") || !strings.Contains(r.out, "table added: public.customer") || !strings.Contains(r.out, "PASS  orders-db/public.customer  was pushed as version 1 (") {
		t.Fatalf("%d\n%s%s", r.code, r.out, r.err)
	}
	if r := d.as(t, access.Admin, "schema", "store", "gate", "orders-db", "enforce"); r.code != exitOK || r.out != "" {
		t.Fatalf("%d\n%s%s", r.code, r.out, r.err)
	}
	email := d.write(t, "db/2.sql", "ALTER TABLE customer\n  ADD email text;\n")
	r := d.as(t, access.Viewer, "schema", "store", "check", "orders-db", d.dir, "--output", "github")
	if want := "::error file=" + email + ",line=2,col=7,title=Lethe CG010::email: it is probably user.contact.email"; r.code != exitNo || !strings.Contains(r.out, want) {
		t.Errorf("an e-mail that nobody classified: %d\n%s%s", r.code, r.out, r.err)
	}
	r = d.as(t, access.Admin, "schema", "store", "push", "orders-db", d.dir, "-o", "json")
	var a stores.Answer
	if err := json.Unmarshal([]byte(r.out), &a); err != nil || r.code != exitNo || a.Pushed || a.Version != 2 || len(a.Changes) != 1 {
		t.Errorf("pushed nevertheless: %d %v\n%s%s", r.code, err, r.out, r.err)
	}
	d.write(t, "db/2.sql", "ALTER TABLE customer\n  ADD email text;\nCOMMENT ON COLUMN customer.email IS '@tags(user.contact.email)';\n")
	if r := d.as(t, access.Admin, "schema", "store", "push", "orders-db", d.dir); r.code != exitOK || !strings.Contains(r.out, email+":3:1: column added: public.customer.email\n") {
		t.Errorf("classified: %d\n%s%s", r.code, r.out, r.err)
	}
	other := d.write(t, "other.sql", "CREATE TABLE parcel (weight int);\n")
	if r := d.as(t, access.Viewer, "schema", "store", "check", "orders-db", other); !strings.Contains(r.out, "\nthe table public.customer is dropped\n") {
		t.Errorf("a table that no file makes any more: %d\n%s%s", r.code, r.out, r.err)
	}
}

// Without a server the files are judged by themselves, each step told.
func TestSchemaStoreLint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"V1__a.sql": "CREATE TABLE customer (id bigint PRIMARY KEY, mail text);\n", "V2__b.sql": "ALTER TABLE customer RENAME mail TO email;\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := lethe(t, env{}, "schema", "store", "lint", dir, "--format", "flyway")
	if !strings.Contains(r.out, "V2__b.sql:1:29: the column mail is called email\n") || !strings.Contains(r.out, "V2__b.sql:1:29: error CG010 email") || r.code != exitNo {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
	broken := filepath.Join(dir, "broken.sql")
	if err := os.WriteFile(broken, []byte("CREATE TABLE (;"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := lethe(t, env{}, "schema", "store", "lint", broken); r.code != exitNo || !strings.HasPrefix(r.out, "FAIL  "+broken+"  cannot be read (") {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
	if r := lethe(t, env{}, "schema", "store", "lint", dir, "--format", "flyway", "--policy", "warn", "-o", "json"); r.code != exitOK || !strings.Contains(r.out, `"verdict": "WARN"`) {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
	if r := lethe(t, env{}, "schema", "store", "lint", dir, "--format", "flywai"); r.code != exitUsage || !strings.Contains(r.err, `did you mean "flyway"`) {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
	if r := lethe(t, env{}, "schema", "store", "lint", dir, "--policy", "strict"); r.code != exitUsage {
		t.Errorf("%d\n%s%s", r.code, r.out, r.err)
	}
}

func TestSchemaStoreUsage(t *testing.T) {
	t.Parallel()
	f := answering(t, 200, `{}`)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"check", "orders-db"}, exitUsage, "requires at least 2 arg"},
		{[]string{"check", "orders-db", "none.sql"}, exitUsage, "there is no file none.sql"},
		{[]string{"check", "orders-db", t.TempDir()}, exitUsage, "no files of migrations in"},
		{[]string{"check", "orders-db", "main.go"}, exitAway, "of the same version"},
		{[]string{"gate", "orders-db"}, exitUsage, "accepts 2 arg"},
	} {
		if r := lethe(t, f.env(), append([]string{"schema", "store"}, c.args...)...); r.code != c.code || !strings.Contains(r.err, c.says) {
			t.Errorf("%q: %d %s", c.args, r.code, r.err)
		}
	}
}

// What is said of how the files are read goes with them.
func TestSchemaStoreContexts(t *testing.T) {
	t.Parallel()
	f := answering(t, 200, `{"verdict": "PASS"}`)
	r := lethe(t, f.env(), "schema", "store", "check", "orders-db", "main.go", "--format", "liquibase", "--root", "a.xml", "--context", "live", "--placeholder", "schema=shop")
	if r.code != exitOK || len(f.asked) != 1 {
		t.Fatalf("%d, %d asked\n%s", r.code, len(f.asked), r.err)
	}
	var got stores.Submission
	if err := json.Unmarshal([]byte(f.asked[0].body), &got); err != nil {
		t.Fatal(err)
	}
	got.Files = nil
	want := stores.Submission{}
	want.Format, want.Root, want.Contexts, want.Placeholders = "liquibase", "a.xml", []string{"live"}, map[string]string{"schema": "shop"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("sent %+v, want %+v", got, want)
	}
}
