package schemas_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/gate"
)

// No more tags are added at one place than may stand there, in whatever portions.
func TestTagsThatAreAddedAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := func(tags ...string) format.Tagged {
		return format.Tagged{Entity: format.Entity{Path: "shop.Order.a", Field: true}, Tags: tags}
	}
	add := []format.Tagged{at("user.name")}
	for i := range format.MostTags {
		add = append(add, at(fmt.Sprintf("t%d", i)))
	}
	s := schemas.Submission{Subject: "orders-value", Text: record("a?"), AddTags: add}
	if _, err := b.Register(t.Context(), b.admin, s); err == nil || !strings.Contains(err.Error(), "more than 100 tags are named") {
		t.Errorf("101 tags: %v", err)
	}
	s.AddTags = []format.Tagged{at("user.name"), at("user.name")}
	if _, err := b.Register(t.Context(), b.admin, s); err != nil {
		t.Error(err)
	}
}

// Of very many fields that are no longer reserved some are told.
func TestReservedFieldsAreToldInPart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	must(b.SetConfig(t.Context(), b.admin, "orders-value", schemas.Patch{"validateFields": []byte(`true`)}))(t)
	reserving := func(names []string) schemas.Submission {
		return schemas.Submission{Subject: "orders-value", Text: record("a?"), Metadata: &schemas.Metadata{Properties: map[string]string{"confluent:reserved": strings.Join(names, ",")}}}
	}
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprintf("f%d", i)
	}
	if _, err := b.Register(t.Context(), b.admin, reserving(names)); err != nil {
		t.Fatal(err)
	}
	_, err := b.Register(t.Context(), b.admin, reserving(names[:10]))
	if err == nil || len(err.Error()) > 20_000 {
		t.Errorf("fields that are no longer reserved: %.200v", err)
	}
	if _, err := b.Register(t.Context(), b.admin, reserving(slices.Concat(names, []string{"g"}))); err != nil {
		t.Error(err)
	}
}

// Rules whose names are no texts are refused, and nothing is made of them.
func TestRulesWithoutATextForAName(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.admin, "orders-value", record("a?"))
	odd := schemas.Submission{Subject: "orders-value", RuleSet: &schemas.RuleSet{DomainRules: []schemas.Rule{{"name": []any{"x"}}}}}
	_, err := b.Amend(t.Context(), b.admin, 1, odd, &schemas.RuleSet{DomainRules: []schemas.Rule{{"name": "x"}}}, []string{"x"})
	if len(fault.All(err)) != 1 || fault.All(err)[0].Code != "INVALID_RULE_SET" {
		t.Errorf("%v", err)
	}
}

// What one version tells the catalog is bounded, whatever a text may say.
func TestWhatTheCatalogIsToldIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tagged := func(fields, each int) schemas.Submission {
		var tags, properties []string
		for _, term := range taxonomy.All(taxonomy.Category)[:each] {
			tags = append(tags, fmt.Sprintf("%q", term.Key))
		}
		for i := range fields {
			properties = append(properties, fmt.Sprintf(`"f%d":{"$ref":"#/definitions/d"}`, i))
		}
		return schemas.Submission{Subject: "orders-value", Type: "JSON", Text: `{"definitions":{"d":{"type":"string","confluent:tags":[` + strings.Join(tags, ",") + `]}},"properties":{` + strings.Join(properties, ",") + `}}`}
	}
	many := tagged(201, 10)
	const says = "have 2010 categories together"
	if _, err := b.Register(t.Context(), b.admin, many); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("2,010 categories: %v", err)
	}
	answers, err := b.Check(t.Context(), b.admin, []schemas.Submission{many})
	if err != nil || answers[0].Verdict != gate.Fail || !slices.ContainsFunc(answers[0].Findings, func(f gate.Finding) bool { return strings.Contains(f.Message, says) }) {
		t.Errorf("checked: %+v, %v", answers, err)
	}
	many.Subject = "nowhere-value" // no topic, no catalog
	if _, err := b.Register(t.Context(), b.admin, many); err != nil {
		t.Error(err)
	}
	if _, err := b.Register(t.Context(), b.admin, tagged(200, 10)); err != nil {
		t.Error(err)
	}
}
