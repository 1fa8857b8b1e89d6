package schemas

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/detect"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/gate"
)

// policy is what the gate's findings are to a subject: warnings, unless somebody
// says otherwise.
func (c Config) policy() gate.Policy {
	if c.Gate == nil {
		return gate.Warn
	}
	return *c.Gate
}

// policyOr is the policy that is set, or another.
func (c Config) policyOr(otherwise gate.Policy) gate.Policy {
	if c.Gate == nil {
		return otherwise
	}
	return *c.Gate
}

// tightened is a configuration under which a check looks for what would be
// found once another one is set, too. What that would let pass still counts.
func (c Config) tightened(intended Config) Config {
	policy := stricter(c.policy(), intended.policyOr(c.policy()))
	c.Gate = &policy
	return c
}

// stricter is the policy of two that lets less pass.
func stricter(a, b gate.Policy) gate.Policy {
	for _, p := range []gate.Policy{gate.Enforce, gate.Warn} {
		if a == p || b == p {
			return p
		}
	}
	return gate.Off
}

// inPart is the place that a path of a subject's schema has in a record: in its
// key, for the schema of keys.
func inPart(path string, p place) string {
	topic, value := topicOf(p.name)
	if value || topic == p.name || path == "" {
		return path
	}
	return pathInKey(path)
}

// fieldsOf are the places of a content, as places of a record.
func fieldsOf(c *content, p place) []format.Field {
	fields := c.schema.Places()
	out := make([]format.Field, len(fields))
	for i, f := range fields {
		f.Path = inPart(f.Path, p)
		out[i] = f
	}
	return out
}

// gateFields are fields as the gate judges them.
func gateFields(fields []format.Field, p place) []gate.Field {
	out := make([]gate.Field, len(fields))
	for i, f := range fields {
		out[i] = gate.Field{
			Field: detect.Field{Record: f.Record, Path: inPart(f.Path, p), Type: f.Type, Logical: f.Logical, Doc: f.Doc, Opaque: f.Opaque},
			Tags:  f.Tags, Aliases: f.Aliases,
		}
	}
	return out
}

// gated is what the gate says of a content that would follow the versions
// given, newest first.
func (r *Registry) gated(ctx context.Context, db postgres.DB, p place, live []earlier, config Config, c *content) (gate.Result, error) {
	change, err := r.change(ctx, db, p, c.schema.Places())
	if err != nil {
		return gate.Result{}, err
	}
	if len(live) > 0 {
		old, err := r.schemaOf(ctx, db, contentID{live[0].Context, live[0].SchemaID})
		if err != nil {
			return gate.Result{}, err
		}
		change.Old = gateFields(old.Places(), p)
	}
	if change.Policy = config.policy(); change.Policy != gate.Off {
		if change.Around, err = r.around(ctx, db, p); err != nil {
			return gate.Result{}, err
		}
	}
	return gate.Check(change), nil
}

// PersonalData tells what a version does to the personal data of another of the
// same subject, by what the schemas say, the catalog confirms today, and the
// detector suggests where nobody said anything.
func (r *Registry) PersonalData(ctx context.Context, by access.Principal, subject string, from, to int) ([]gate.Difference, error) {
	old, err := r.Version(ctx, by, subject, from, WithDeleted)
	if err != nil {
		return nil, err
	}
	next, err := r.Version(ctx, by, subject, to, WithDeleted)
	if err != nil {
		return nil, err
	}
	p := split(old.Subject)
	was, err := r.schemaOf(ctx, r.db, contentID{old.Context, old.ID})
	if err != nil {
		return nil, err
	}
	is, err := r.schemaOf(ctx, r.db, contentID{next.Context, next.ID})
	if err != nil {
		return nil, err
	}
	change, err := r.change(ctx, r.db, p, is.Places())
	if err != nil {
		return nil, err
	}
	change.Old, change.Policy = gateFields(was.Places(), p), gate.Off
	return gate.Check(change).Difference, nil
}

// guard refuses what a subject enforces, of what was found.
func guard(findings []gate.Finding, asked string) error {
	if gate.Judge(gate.Enforce, findings) != gate.Fail {
		return nil
	}
	const most = 5
	var needs []string
	more := 0
	for _, f := range findings {
		switch {
		case f.Baseline || f.Approved || f.Severity == gate.Advice:
		case len(needs) == most:
			more++
		default:
			needs = append(needs, strings.TrimPrefix(fmt.Sprintf("%s: %s (%s): %s", f.Path, f.Message, f.Code, f.Mend), ": "))
		}
	}
	if more > 0 {
		needs = append(needs, fmt.Sprintf("and %d more", more))
	}
	if asked != "" {
		needs = append(needs, asked)
	}
	return fault.New(fault.Invalid, "GATE_FAILED", "the gate of this subject refuses the schema: %s", strings.Join(needs, "; "))
}

// classify asserts in the catalog what a schema says its fields are, and what
// was said of them under their former names. Whoever may register for a subject
// may say so; what a later version says no more is not taken back, as data that
// was written before is still there.
func (r *Registry) classify(ctx context.Context, db postgres.DB, by access.Principal, p place, datasets []uuid.UUID, fields []format.Field) error {
	if !slices.ContainsFunc(fields, func(f format.Field) bool { return len(f.Tags)+len(f.Aliases) > 0 }) {
		return nil
	}
	change, err := r.change(ctx, db, p, fields)
	if err != nil {
		return err
	}
	known, err := catalog.FieldsByDataset(ctx, db, datasets)
	if err != nil {
		return err
	}
	standing, err := catalog.TagsByDataset(ctx, db, datasets)
	if err != nil {
		return err
	}
	by.Roles = []access.Role{access.Admin}
	for _, dataset := range datasets {
		const atOnce = 5000 // the catalog takes no more in one call
		for some := range slices.Chunk(newTags(gate.Tags(change), known[dataset], standing[dataset]), atOnce) {
			if _, err := catalog.AssertTags(ctx, db, by, some); err != nil {
				return err
			}
		}
	}
	return nil
}

// newTags are what a schema says of the fields of a dataset and no schema said
// before: to assert again what stands would wait for every other change of the
// catalog.
func newTags(said []gate.Tag, fields []catalog.Field, standing []catalog.Tag) []catalog.Tag {
	ids := map[string]catalog.Field{}
	for _, f := range fields {
		ids[f.Path] = f
	}
	type place struct {
		field uuid.UUID
		term  string
	}
	known := map[place]bool{}
	for _, t := range standing {
		if t.FieldID != nil && t.Source == "SCHEMA" {
			known[place{*t.FieldID, t.Term}] = true
		}
	}
	var out []catalog.Tag
	for _, t := range said {
		f, ok := ids[t.Path]
		if !ok || known[place{f.ID, t.Category}] || t.Source == gate.Inherited || t.Source == gate.Confirmed && t.From == t.Path {
			continue
		}
		reason := ""
		if t.From != t.Path {
			reason = "the field was called " + t.From
		}
		out = append(out, catalog.Tag{DatasetID: f.DatasetID, FieldID: &f.ID, Term: t.Category, Source: "SCHEMA", Reason: reason})
	}
	return out
}

// change is a schema on its way to a subject, with what the catalog says of the
// subject's fields.
func (r *Registry) change(ctx context.Context, db postgres.DB, p place, fields []format.Field) (gate.Change, error) {
	change := gate.Change{New: gateFields(fields, p), Confirmed: map[string][]string{}, Rejected: map[string][]gate.Rejection{}}
	datasets, err := r.datasetsOf(ctx, db, p)
	if err != nil || len(datasets) == 0 {
		return change, err
	}
	tags, err := catalog.TagsByDataset(ctx, db, datasets)
	if err != nil || len(tags) == 0 {
		return change, err
	}
	known, err := catalog.FieldsByDataset(ctx, db, datasets)
	for _, dataset := range datasets {
		paths := map[uuid.UUID]string{}
		for _, f := range known[dataset] {
			paths[f.ID] = f.Path
		}
		told(&change, tags[dataset], paths)
	}
	return change, err
}

// told adds what people decided about a dataset's fields. What is said to hold
// from a later day on is decided today.
func told(change *gate.Change, tags []catalog.Tag, paths map[uuid.UUID]string) {
	denied := map[string]map[string]bool{}
	for _, t := range tags {
		if t.FieldID == nil {
			continue
		}
		path := paths[*t.FieldID]
		if t.State == "REJECTED" || t.State == "CONFIRMED" && t.Polarity == "-" {
			change.Rejected[path] = append(change.Rejected[path], gate.Rejection{Category: t.Term})
			if denied[path] == nil {
				denied[path] = map[string]bool{}
			}
			denied[path][t.Term] = t.Polarity == "-"
		}
	}
	for _, t := range tags {
		if t.FieldID == nil || t.State != "CONFIRMED" || t.Polarity != "+" {
			continue
		}
		path := paths[*t.FieldID]
		if _, err := taxonomy.Find("", t.Term, taxonomy.Category); err == nil && !denied[path][t.Term] {
			change.Confirmed[path] = append(change.Confirmed[path], t.Term)
		}
	}
}
