package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/access"
)

// Costs are computed by hand after docs/graphql.md: an object costs 1, a scalar
// nothing; a list costs its page size times what each row costs, and 10 times
// where it has no pages.
func TestCosts(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	n := func(v int) map[string]any { return object("n", v) }
	for _, w := range []struct {
		query     string
		variables map[string]any
		cost      int
	}{
		{`{ viewer { name roles } }`, nil, 1},
		{`{ __typename viewer { __typename } }`, nil, 1},
		{`{ a: viewer { name } b: viewer { name } }`, nil, 2},
		{`{ services(first: 1) { nodes { ref } } }`, nil, 1 + 1*1},
		{`{ services(first: 100) { nodes { ref } } }`, nil, 1 + 100*1},
		{`{ services(first: 100) { nodes { ref owner { name } } pageInfo { hasNextPage } } }`, nil, 1 + 100*(1+1+1)},
		{`{ services(first: 10) { edges { node { owner { name } } } } }`, nil, 1 + 10*(1+1+1)},
		{`query($n: Int!) { services(first: $n) { nodes { ref } } }`, n(7), 1 + 7},
		{`query($n: Int!) { services(first: $n) { nodes { ref } } }`, n(93), 1 + 93},
		{`{ services(first: 1000000) { nodes { ref } } }`, nil, 1 + 100}, // no page is longer; the list refuses it
		{`{ datasets(first: 5) { nodes { fields(first: 20) { nodes { path } } } } }`, nil, 1 + 5*(1+1+20)},
		{`{ datasets(first: 5) { nodes { tags { term { key } } } } }`, nil, 1 + 5*(1+1+10)},
		{`{ datasets(first: 5) { nodes { ...D } } } fragment D on Dataset { owner { name } store { name } }`, nil, 1 + 5*(1+2)},
		{`{ storeTables(store: "orders-db") { version tables(first: 20) { nodes { name columns(first: 50) { nodes { name place { line } } } keys { name } } } versions(first: 3) { nodes { version } } } }`, nil,
			1 + (1 + 20*(1+(1+50*(1+1))+1)) + (1 + 3*1)},
		{`{ nodes(ids: ["a", "b", "c"]) { id ... on Service { owner { name } } } }`, nil, 1 + 3},
	} {
		if a := c.do(c.admin, w.query, w.variables); a.Extensions.Cost.Requested != w.cost {
			t.Errorf("%s costs %d, want %d: %.300s", w.query, a.Extensions.Cost.Requested, w.cost, a.Raw)
		}
	}
}

// Every limit holds from both sides: what reaches it is answered, one more is
// refused before anything runs.
func TestLimitsHoldFromBothSides(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	pipeline := c.person(t, "pipeline", access.CI)
	const (
		// 1 + 100·(1+1+100·3) = 30,201; 1 + 65·302 = 19,631; 2 · (1+83) = 168
		fifty = `a: requests(first: 100) { nodes { tasks(first: 100) { nodes { service { owner { name } } } } } }
			b: requests(first: 65) { nodes { tasks(first: 100) { nodes { service { owner { name } } } } } }
			c: services(first: 83) { nodes { ref } } d: services(first: 83) { nodes { ref } }`
		// 1 + 98·(1+1+49) = 4,999; and 1
		five = `datasets(first: 98) { nodes { fields(first: 49) { nodes { path } } } } viewer { name }`
		more = ` e: health { version }`
	)
	deep := func(levels int) string {
		return `{ request(caseNumber: "x") ` + strings.Repeat("{ mergedInto ", levels-2) + "{ id }" + strings.Repeat(" }", levels-2) + " }"
	}
	// 48 · (1+40) = 1,968; the last viewer counts for itself and its names
	wide := func(fields int) string {
		var b strings.Builder
		for i := range 48 {
			fmt.Fprintf(&b, "v%d: viewer { ...F } ", i)
		}
		return "{ " + b.String() + "last: viewer { " + aliases(fields-1_968-1) + "} } fragment F on Viewer { " + aliases(40) + "}"
	}
	for _, w := range []struct {
		name  string
		by    access.Principal
		query string
		limit string // what is said of it; "" if the query is answered
	}{
		{"50,000 of a person", c.handler, "{" + fifty + "}", ""},
		{"50,001 of a person", c.handler, "{" + fifty + more + "}", "costs 50001, more than the limit of 50000"},
		{"5,000 of a pipeline", pipeline, "{" + five + "}", ""},
		{"5,001 of a pipeline", pipeline, "{" + five + more + "}", "costs 5001, more than the limit of 5000"},
		{"5,001 of a person", c.handler, "{" + five + more + "}", ""},
		{"15 levels", c.handler, deep(15), ""},
		{"16 levels", c.handler, deep(16), "deeper than 15"},
		{"2,000 fields", c.handler, wide(2_000), ""},
		{"2,001 fields", c.handler, wide(2_001), "more than 2000 fields"},
	} {
		a := c.do(w.by, w.query)
		switch {
		case w.limit == "" && (a.Status != 200 || len(a.Errors) > 0):
			t.Errorf("%s: %d %.300s", w.name, a.Status, a.Raw)
		case w.limit != "" && (a.Status != 422 || a.code() != "QUERY_TOO_LARGE" || !strings.Contains(a.Raw, w.limit)):
			t.Errorf("%s: %d %.300s, want it refused: %s", w.name, a.Status, a.Raw, w.limit)
		}
	}
}
