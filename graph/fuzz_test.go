package graph_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2"

	"github.com/flowmart/lethe/graph"
)

// What the door lets through is one JSON object in UTF-8 without NUL, for any
// reader of JSON.
func FuzzBodies(f *testing.F) {
	for _, s := range []string{`{"query":"{viewer{name}}"}`, `{"query":"x","variables":{"a":[1,null,"\u0041"]}}`, `{"query":"x"}{}`, `{"query":"\u0000"}`, `[]`, ``, `{"query":"x","query":"y"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !graph.WellFormed(body) {
			return
		}
		var o map[string]any
		if err := json.Unmarshal(body, &o); err != nil || !utf8.Valid(body) || bytes.Contains(body, []byte{0}) {
			t.Errorf("let through: %q: %v", body, err)
		}
	})
}

// Any query that the parser and the validator take is answered, and quickly:
// the guard walks it once.
func FuzzGuard(f *testing.F) {
	s := currentSchema(f)
	for _, q := range []string{"{viewer{name}}", doubling(30), "query($n:Int!){services(first:$n){nodes{ref}}}", "{__schema{types{name}}}", "subscription{requestProgress(id:\"x\"){at}}"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if len(query) > 4_000 {
			return
		}
		doc, err := gqlparser.LoadQueryWithRules(s, query, nil)
		if err != nil || len(doc.Operations) == 0 {
			return
		}
		for _, op := range doc.Operations {
			if depth, fields, cost := graph.Weigh(op); depth < 0 || fields < 0 || cost < 0 {
				t.Errorf("%q weighs %d %d %d", query, depth, fields, cost)
			}
		}
	})
}
