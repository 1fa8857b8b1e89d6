package rest

import (
	"errors"
	"net/http"
	"strings"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/format"
)

// entity is what a tag stands at.
type entity struct {
	Path string `json:"entityPath"`
	Type string `json:"entityType"` // one of the two below
}

const (
	aRecord = "sr_record"
	aField  = "sr_field"
)

type tagged struct {
	Entity entity `json:"schemaEntity"`
	Tags   tags   `json:"tags"`
}

func asTagged(t format.Tagged) tagged {
	if t.Field {
		return tagged{entity{t.Path, aField}, t.Tags}
	}
	return tagged{entity{t.Path, aRecord}, t.Tags}
}

func taggedIn(list []tagged) ([]format.Tagged, error) {
	var out []format.Tagged
	for _, t := range list {
		kind := strings.ToLower(t.Entity.Type)
		if kind != aRecord && kind != aField {
			return nil, failure{http.StatusUnprocessableEntity, 42201, "the member entityType of a tag is " + aRecord + " or " + aField}
		}
		out = append(out, format.Tagged{Entity: format.Entity{Path: t.Entity.Path, Field: kind == aField}, Tags: t.Tags})
	}
	return out, nil
}

// amendment is the body of a request for a version with other tags.
type amendment struct {
	NewVersion    int               `json:"newVersion"`
	TagsToAdd     places            `json:"tagsToAdd"`
	TagsToRemove  places            `json:"tagsToRemove"`
	Metadata      *schemas.Metadata `json:"metadata"`
	RuleSet       *schemas.RuleSet  `json:"ruleSet"`
	RulesToMerge  *schemas.RuleSet  `json:"rulesToMerge"`
	RulesToRemove []string          `json:"rulesToRemove"`
}

func (d *Door) amend(c *call) (any, error) {
	n, err := number(c.arg(1))
	if err != nil {
		return nil, err
	}
	var b amendment
	if err := decode(c, &b); err != nil {
		return nil, err
	}
	s := schemas.Submission{Subject: c.subject(), Version: max(b.NewVersion, 0), Metadata: b.Metadata, RuleSet: b.RuleSet}
	if s.AddTags, err = taggedIn(b.TagsToAdd); err != nil {
		return nil, err
	}
	if s.RemoveTags, err = taggedIn(b.TagsToRemove); err != nil {
		return nil, err
	}
	v, err := d.registry.Amend(c.Context(), access.From(c.Context()), n, s, b.RulesToMerge, b.RulesToRemove)
	if e, ok := errors.AsType[*schemas.IncompatibleError](err); ok {
		return nil, d.incompatible(c, e)
	}
	return d.registered(c, v, err)
}

// view is how the query of a request wants to see a schema.
func (c *call) view() schemas.View {
	return schemas.View{Form: c.query("format"), Tags: c.flag("findTags"), Qualified: strings.EqualFold(c.query("referenceFormat"), "qualified")}
}

// answering is the registry to ask for what is answered with a schema.
func (d *Door) answering(c *call) *schemas.Registry {
	if c.view() == (schemas.View{}) {
		return d.spelling
	}
	return d.registry
}

// shown is a schema as the query of a request wants to see it. A form that its
// type does not have is no mistake: clients ask for one without knowing the
// type.
func (d *Door) shown(c *call, s schemas.Schema) (schemas.Schema, error) {
	view := c.view()
	if view == (schemas.View{}) {
		return s, nil
	}
	return d.registry.Show(c.Context(), access.From(c.Context()), s, view)
}
