package schemas

import (
	"context"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/taxonomy"
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

// change is a content on its way to a subject, with what the catalog says of
// the subject's fields.
func (r *Registry) change(ctx context.Context, db postgres.DB, p place, before []gate.Field, c *content) (gate.Change, error) {
	change := gate.Change{Old: before, New: gateFields(c.schema.Places(), p), Confirmed: map[string][]string{}, Rejected: map[string][]gate.Rejection{}}
	datasets, err := r.datasetsOf(ctx, db, p)
	if err != nil || len(datasets) == 0 {
		return change, err
	}
	tags, err := catalog.TagsByDataset(ctx, db, datasets)
	if err != nil || len(tags) == 0 {
		return change, err
	}
	fields, err := catalog.FieldsByDataset(ctx, db, datasets)
	for _, dataset := range datasets {
		paths := map[uuid.UUID]string{}
		for _, f := range fields[dataset] {
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
