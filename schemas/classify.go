package schemas

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog/dossier"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/assertion"
	"github.com/flowmart/lethe/schemas/detect"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/topic"
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
	policy := c.policy().Stricter(intended.policyOr(c.policy()))
	c.Gate = &policy
	return c
}

// fieldsOf are the places of a content, as places of a record.
func fieldsOf(c *content, of topic.Part) []format.Field {
	fields := c.schema.Places()
	out := make([]format.Field, len(fields))
	for i, f := range fields {
		f.Path = of.At(f.Path)
		out[i] = f
	}
	return out
}

// described is a schema as the gate judges it: its fields, with what its text
// and its metadata say of each, and the names in the metadata that none has.
type described struct {
	schema   format.Schema
	places   []format.Field // as the schema has them
	fields   []gate.Field   // likewise, as places of a record
	dangling []string
}

// describe takes a schema's fields for the gate.
func describe(kind string, schema format.Schema, m *Metadata, of topic.Part) (described, error) {
	fields := schema.Places()
	assigned, dangling, err := m.assigned(kind, fields)
	out := make([]gate.Field, 0, len(fields))
	for i, f := range fields {
		one := gate.Field{
			Field: detect.Field{Record: f.Record, Path: of.At(f.Path), Type: f.Type, Logical: f.Logical, Doc: f.Doc, Opaque: f.Opaque},
			Tags:  f.Tags, Aliases: f.Aliases,
		}
		if assigned != nil {
			one.Assigned = assigned[i]
		}
		if one.Path != "" {
			out = append(out, one)
		}
	}
	return described{schema, fields, out, dangling}, err
}

// describe is a content as the gate judges it.
func (c *content) describe(of topic.Part) (described, error) {
	return describe(c.kind, c.schema, c.Metadata, of)
}

// described is a registered schema of the subject as the gate judges it.
func (s *scene) described(ctx context.Context, id contentID) (described, error) {
	stored, err := s.r.load(ctx, s.db, id)
	if err != nil {
		return described{}, err
	}
	schema, err := s.r.schemaOf(ctx, s.db, id)
	if err != nil {
		return described{}, err
	}
	return describe(stored.Type, schema, stored.Metadata, s.of.Part)
}

// part is a schema that was read, as one part of a topic's records.
type part struct {
	schema format.Schema
	of     topic.Part
}

// guesses is what the detector suggests of a schema's fields. A version is judged
// when it comes and again when the next one does.
func (s *scene) guesses(of described) []detect.Suggestion {
	key := part{of.schema, s.of.Part}
	known, ok := s.r.guesses.get(key)
	if !ok {
		m := s.r.looks.Get().(*detect.Memory)
		known = gate.Guess(m, of.fields)
		s.r.looks.Put(m)
		const each = 1 << 10 // bytes, with the schema, which is kept as long
		s.r.guesses.put(key, known, each*(1+len(of.fields)))
	}
	return known
}

// gated is what the gate says of a content that would follow the versions
// given, newest first.
func (s *scene) gated(ctx context.Context, live []earlier, config Config, c *content) (gate.Result, error) {
	now, err := c.describe(s.of.Part)
	if err != nil {
		return gate.Result{}, err
	}
	change, err := s.change(ctx, now)
	if err != nil {
		return gate.Result{}, err
	}
	if len(live) > 0 {
		old, err := s.described(ctx, contentID{live[0].Context, live[0].SchemaID})
		if err != nil {
			return gate.Result{}, err
		}
		change.Old, change.GuessedOld = old.fields, s.guesses(old)
	}
	change.GuessedNew = s.guesses(now)
	if change.Policy = config.policy(); change.Policy != gate.Off {
		if change.Around, err = s.around(ctx); err != nil {
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
	around, err := r.sceneNow(ctx, r.db, split(old.Subject))
	if err != nil {
		return nil, err
	}
	was, err := around.described(ctx, contentID{old.Context, old.ID})
	if err != nil {
		return nil, err
	}
	is, err := around.described(ctx, contentID{next.Context, next.ID})
	if err != nil {
		return nil, err
	}
	change, err := around.change(ctx, is)
	if err != nil {
		return nil, err
	}
	change.Old, change.Policy = was.fields, gate.Off
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

// change is a schema on its way to a subject, with what the catalog says of the
// subject's fields.
func (s *scene) change(ctx context.Context, now described) (gate.Change, error) {
	k, err := s.tagged(ctx)
	return k.change(now), err
}

// known is what the catalog says of the fields of the datasets behind a
// subject's topics.
type known struct {
	datasets []uuid.UUID
	tags     [][]dossier.Tag // of each
}

// tagged asks the catalog what is said of the fields. Who registers asks once
// the subject is locked: another version may say something.
func (s *scene) tagged(ctx context.Context) (k known, err error) {
	if s.known != nil {
		return *s.known, nil
	}
	if _, err := s.topics(ctx); err != nil {
		return k, err
	}
	var b postgres.Batch
	s.askTags(&b)
	err = b.Send(ctx, s.db)
	return *s.known, err
}

// askTags is tagged with what else a batch asks, of the topics that were found.
func (s *scene) askTags(b *postgres.Batch) {
	k := &known{tags: make([][]dossier.Tag, len(*s.datasets))}
	for i, d := range *s.datasets {
		k.datasets = append(k.datasets, d.ID)
		dossier.AskTags(b, &k.tags[i], d.ID)
	}
	s.known = k
}

// change is a schema with what is known of its fields.
func (k known) change(now described) gate.Change {
	change := gate.Change{New: now.fields, Dangling: now.dangling,
		Confirmed: map[string][]string{}, Earlier: map[string][]string{}, Rejected: map[string][]gate.Rejection{}}
	for _, tags := range k.tags {
		assertion.Tell(&change, tags)
	}
	return change
}
