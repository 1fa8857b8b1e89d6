package stores_test

import (
	"slices"
	"testing"

	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/stores"
)

// Without a catalog a store's tables are judged by those that there were: what
// was there is baseline, what cannot be read then is as good as not there, and
// every change is at its place.
func TestCompare(t *testing.T) {
	t.Parallel()
	const first = "CREATE TABLE a (id int PRIMARY KEY, email text);"
	for _, c := range []struct {
		name          string
		before, now   []string
		verdict       gate.Verdict
		state         string
		told, changes []string
	}{
		{"nothing before", nil, []string{first}, gate.Fail, "new since git:main", []string{"CG010 1.sql:1:37 email"}, []string{"+ public.a"}},
		{"the same", []string{first}, []string{"-- again\n" + first}, gate.Pass, "as in git:main", []string{"(CG010 1.sql:2:37 email)"}, nil},
		{"another column", []string{first}, []string{first, "ALTER TABLE a ADD phone_number text, DROP CONSTRAINT a_pkey;"}, gate.Fail, "changed since git:main",
			[]string{"CG010 1.sql:1:37 email", "CG010 2.sql:1:19 phone_number"}, []string{"+ public.a.phone_number: text", "- public.a key: PRIMARY KEY (id)"}},
		{"renamed", []string{first}, []string{first, "ALTER TABLE a RENAME TO b; ALTER TABLE b RENAME email TO mail; COMMENT ON TABLE b IS 'x'; ALTER TABLE b ALTER id TYPE bigint;"}, gate.Pass, "changed since git:main",
			[]string{}, []string{"~ public.b name: public.a → public.b", "~ public.b comment:  → x", "~ public.b.id type: integer → bigint", "~ public.b.mail name: email → mail"}},
		{"dropped", []string{first, "CREATE TABLE gone (i int);"}, []string{"CREATE TABLE a (id int PRIMARY KEY);"}, gate.Pass, "changed since git:main",
			[]string{}, []string{"- public.a.email: text", "- public.gone"}},
		{"unreadable now", []string{first}, []string{"CREATE TABLE a ("}, gate.Fail, "", nil, nil},
		{"unreadable before", []string{"CREATE TABLE a ("}, []string{"CREATE TABLE a (id int);"}, gate.Warning, "new since git:main", []string{"CG006 1.sql:1:1 "}, []string{"+ public.a"}},
	} {
		sub := scripts(c.now...)
		sub.Policy = gate.Enforce
		a, err := stores.Compare("orders-db", "git:main", scripts(c.before...), sub)
		if err != nil || a.Verdict != c.verdict || len(a.Schemas) > 0 && a.Schemas[0].State != c.state {
			t.Errorf("%s: %v %+v", c.name, err, a)
			continue
		}
		if got := told(a); c.told != nil && !slices.Equal(got, c.told) {
			t.Errorf("%s: told %q, want %q", c.name, got, c.told)
		}
		var lines []string
		for _, line := range a.Lines() {
			lines = append(lines, line.String())
		}
		if !slices.Equal(lines, c.changes) {
			t.Errorf("%s: changes %q, want %q", c.name, lines, c.changes)
		}
	}
	if _, err := stores.Compare("x", "dir:x", scripts(), scripts()); err == nil {
		t.Error("no files are compared")
	}
}

// A store is checked by the stricter of its policy and the one it is to get, and
// pushed to by the one it has.
func TestIntendedPolicy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sub := scripts("CREATE TABLE a (id int PRIMARY KEY, email text);")
	for _, c := range []struct {
		has, wanted, judged gate.Policy
		verdict             gate.Verdict
	}{
		{gate.Warn, "", gate.Warn, gate.Warning},
		{gate.Warn, gate.Enforce, gate.Enforce, gate.Fail},
		{gate.Warn, gate.Off, gate.Warn, gate.Warning},
		{gate.Enforce, gate.Off, gate.Enforce, gate.Fail},
		{gate.Off, gate.Off, gate.Off, gate.Pass},
	} {
		if _, err := b.SetPolicy(t.Context(), b.admin, "orders-db", c.has); err != nil {
			t.Fatal(err)
		}
		sub.Policy = c.wanted
		a := must(b.Check(t.Context(), b.viewer, "orders-db", sub))(t)
		if a.Policy != c.judged || a.Set != c.has || a.Verdict != c.verdict || a.Service != "orders" {
			t.Errorf("%+v: %s, set %s, %s", c, a.Policy, a.Set, a.Verdict)
		}
	}
	sub.Policy = "STRICT"
	_, err := b.Check(t.Context(), b.viewer, "orders-db", sub)
	wants(t, err, "UNKNOWN_VALUE")
	sub.Policy = gate.Enforce
	if a := must(b.Push(t.Context(), b.orders, "orders-db", sub))(t); !a.Pushed || a.Policy != gate.Off {
		t.Errorf("%+v", a)
	}
}

// Whoever takes a store for another service's is told.
func TestDisown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		belongs, said string
		fails         bool
	}{{"orders", "orders", false}, {"orders", "billing", true}, {"orders", "", false}, {"", "billing", false}} {
		a := stores.Answer{Store: "orders-db", Service: c.belongs}
		a.Verdict = gate.Pass
		if a.Disown(c.said, "lethe.yaml"); (a.Verdict == gate.Fail) != c.fails || len(told(a)) > 0 != c.fails {
			t.Errorf("%+v: %s %q", c, a.Verdict, told(a))
		}
	}
}
