package graph_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// What the documentation shows can be sent.
func TestDocumentedQueriesAreOfThisSchema(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/graphql.md")
	must(t, err)
	more, err := os.ReadFile("../docs/stores.md")
	must(t, err)
	text = append(text, more...)
	s := currentSchema(t)
	queries := regexp.MustCompile("(?s)```graphql\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	queries = append(queries, regexp.MustCompile(`"query": ?"([^"]+)"`).FindAllStringSubmatch(string(text), -1)...)
	if len(queries) < 8 {
		t.Errorf("found %d queries", len(queries))
	}
	for _, q := range queries {
		if _, err := gqlparser.LoadQueryWithRules(s, q[1], rules.NewDefaultRules()); err != nil {
			t.Errorf("%v in %s", err, q[1])
		}
	}
}
