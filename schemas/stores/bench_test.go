package stores_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas/gate"
)

// many are tables of ten columns, one of them an e-mail that is classified.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "CREATE TABLE t%d (id bigint PRIMARY KEY, customer_email text NOT NULL", i)
		for c := range 8 {
			fmt.Fprintf(&b, ", amount_%d numeric(10,2)", c)
		}
		fmt.Fprintf(&b, ");\nCOMMENT ON COLUMN t%d.customer_email IS '@tags(user.contact.email)';\n", i)
	}
	return b.String()
}

// each is a text as often as that, numbered.
func each(n int, text string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, text, i)
	}
	return b.String()
}

// A store of 200 tables is checked against what was pushed, one column more.
func BenchmarkCheck(b *testing.B) {
	s, ctx := setup(b), b.Context()
	must(s.Push(ctx, s.orders, "orders-db", scripts(many(200))))(b)
	sub := scripts(many(200), "ALTER TABLE t7 ADD phone text;")
	b.ReportAllocs()
	for b.Loop() {
		if a := must(s.Check(ctx, s.viewer, "orders-db", sub))(b); a.Verdict != gate.Warning {
			b.Fatal(a.Verdict)
		}
	}
}

// A large store is pushed once, and again with one column more; one that is
// larger than any is refused.
func TestLargeStore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if a := b.push(t, many(500)); !a.Pushed || a.Verdict != gate.Warning || len(a.Schemas) != 500 {
		t.Fatalf("%s, %d tables", a.Verdict, len(a.Schemas))
	}
	if a := b.push(t, many(500), "ALTER TABLE t7 ADD weight int;"); a.Version != 2 || len(a.Changes) != 1 {
		t.Errorf("version %d, %d changes", a.Version, len(a.Changes))
	}
	parts := "CREATE TYPE parts AS (" + each(1500, ", p%d int")[2:] + ");"
	for _, script := range []string{
		many(2_001), many(5_000), // known when all is read, and while reading
		parts + "CREATE TABLE t (a parts, b parts, c parts, d parts, e parts, f parts, g parts, h parts, i parts, j parts, k parts, l parts, m parts, n parts);",
		"CREATE TABLE t (a int); COMMENT ON COLUMN t.a IS '" + strings.Repeat("word ", 200_000) + "';" + each(20, "CREATE TABLE t%d (LIKE t INCLUDING ALL);"),
		"CREATE TABLE t (a int); COMMENT ON COLUMN t.a IS '" + strings.Repeat("@tags(user.name)", 101) + "';",
	} {
		_, err := b.Check(t.Context(), b.viewer, "orders-db", scripts(script))
		wants(t, err, "STORE_TOO_LARGE")
	}
}
