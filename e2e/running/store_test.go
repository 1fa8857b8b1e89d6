package running

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const ordersStore = `lethe: catalog/1
controllers:
  - {ref: flowmart-de, name: FlowMart, country: DE, time_zone: Europe/Berlin}
teams:
  - {ref: shop, name: Shop}
services:
  - {ref: orders, name: Orders, owner: shop, controller: flowmart-de}
  - {ref: billing, name: Billing, owner: shop, controller: flowmart-de}
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

// The way of a store's tables, as a team goes it: the pipeline pushes the
// migrations that are there, a steward makes the gate strict, a migration that
// adds an e-mail column is caught before the merge and passes once the column
// says what it is, and one that drops what billing reads is told whom it breaks.
func TestStoreThroughItsPipeline(t *testing.T) {
	t.Parallel()
	h := found(t, "")
	h.replica(address(h.public))
	h.importCatalog(ordersStore)
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	orders, billing, admin := terminal{h, "ci:orders"}, terminal{h, "ci:billing"}, terminal{h, "admin"}
	line := func(what string) string { return "schema store " + what + " orders-db " + dir + " --format flyway" }

	write("V1__first.sql", "CREATE TABLE customer (\n  id bigint PRIMARY KEY,\n  balance numeric(10,2)\n);\nCOMMENT ON COLUMN customer.id IS '@tags(user.unique_id)';\n")
	if out := orders.does(line("push")); !strings.HasSuffix(out, "\nPASS\n") {
		t.Fatal(out)
	}
	if catalog := admin.does("catalog export"); !strings.Contains(catalog, "postgres://orders-db") || !strings.Contains(catalog, "balance") {
		t.Errorf("the catalog does not know the table:\n%s", catalog)
	}
	admin.does("schema store gate orders-db enforce")

	second := write("V2__email.sql", "ALTER TABLE customer\n  ADD COLUMN email text;\n")
	r := orders.runs("", strings.Fields(line("check")+" --output github")...)
	if want := fmt.Sprintf("::error file=%s,line=2,col=14,title=Lethe CG010::email: ", second); r.code != 1 || !strings.Contains(r.out, want) {
		t.Errorf("an e-mail column that says nothing: %d\n%s%s", r.code, r.out, r.err)
	}
	if r := orders.runs("", strings.Fields(line("push"))...); r.code != 1 {
		t.Errorf("it was pushed nevertheless: %s", r.out)
	}
	write("V2__email.sql", "ALTER TABLE customer\n  ADD COLUMN email text;\nCOMMENT ON COLUMN customer.email IS '@tags(user.contact.email)';\n")
	orders.does(line("check"))
	if r := billing.runs("", strings.Fields(line("push"))...); r.code != 1 || !strings.Contains(r.err, `the store belongs to the service "orders"`) {
		t.Errorf("another service's pipeline: %d %s%s", r.code, r.out, r.err)
	}
	orders.does(line("push"))

	h.importCatalog("lethe: catalog/1\nconsumption:\n  - {service: billing, reads: \"postgres://orders-db/public.customer\", fields: [balance]}\n")
	third := write("V3__gone.sql", "ALTER TABLE customer DROP COLUMN balance;\n")
	if r := orders.runs("", strings.Fields(line("check"))...); r.code != 1 || !strings.Contains(r.out, third+":1:34: error CG004 balance: the column balance is dropped, and billing says that it reads it") {
		t.Errorf("a column that billing reads: %d\n%s%s", r.code, r.out, r.err)
	}
}
