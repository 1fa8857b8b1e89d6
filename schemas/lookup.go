package schemas

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Lookup finds the version of a subject that has a schema. It writes nothing.
func (r *Registry) Lookup(ctx context.Context, by access.Principal, s Submission, which Which) (Version, error) {
	if err := signedIn(by); err != nil {
		return Version{}, err
	}
	p, err := placeToRead(s.Subject)
	if err != nil {
		return Version{}, err
	}
	st, err := r.aliased(ctx, p)
	if err != nil {
		return Version{}, err
	}
	if st != nil {
		p = st.place
	}
	c, err := r.read(ctx, r.db, p.context, s)
	if err != nil {
		return Version{}, err
	}
	if s.Normalize {
		c = c.normal()
	}
	v, found, err := r.known(ctx, r.db, st, s, c, which)
	if err == nil && !found {
		v, found, err = r.knownAsSet(ctx, st, s, c, which)
	}
	if err != nil || found {
		return v, err
	}
	if err := r.reachable(); err != nil { // it may have been registered right before, elsewhere
		return Version{}, err
	}
	if len(st.numbers(which)) == 0 {
		return Version{}, st.absent(p, Latest, which)
	}
	return Version{}, fault.Missing("schema", "Schema not found. Subject '%s' has no version with it: register it first, or compare it with the latest version", p)
}

// knownAsSet is knownAsKept by what memory has of what is set.
func (r *Registry) knownAsSet(ctx context.Context, st *state, s Submission, c *content, which Which) (Version, bool, error) {
	if st == nil {
		return Version{}, false, nil
	}
	layers, err := r.subjects.layers(ctx, st.place)
	if err != nil {
		return Version{}, false, err
	}
	return r.knownAsKept(ctx, r.db, st, s, c, holding(layers), which)
}

// knownAsKept finds a content as its subject would keep it: normalized, and
// with the subject's metadata and rules under and over those that are named.
func (r *Registry) knownAsKept(ctx context.Context, db postgres.DB, st *state, s Submission, c *content, config Config, which Which) (Version, bool, error) {
	normal := config.normalizes() && !s.Normalize
	if !normal && s.Metadata == nil && s.RuleSet == nil {
		return Version{}, false, nil
	}
	if normal {
		c = c.normal()
	}
	if s.Metadata != nil {
		s.Metadata = config.OverrideMetadata.over(s.Metadata.over(config.DefaultMetadata))
	}
	if s.RuleSet != nil {
		s.RuleSet = config.OverrideRuleSet.over(s.RuleSet.over(config.DefaultRuleSet))
	}
	return r.known(ctx, db, st, s, c, which)
}

// known finds a content among the versions of a subject, a live one first and
// the newest first: by its text or, where none has that, one that says the
// same. Metadata and rules that the submission does not name do not count.
func (r *Registry) known(ctx context.Context, db postgres.DB, st *state, s Submission, c *content, which Which) (Version, bool, error) {
	named, err := c.named(s)
	if err != nil {
		return Version{}, false, err
	}
	for _, n := range st.having(which, func(v numbered) bool { return v.body == c.body }) {
		v, err := r.numbered(ctx, db, st.place, n)
		if err != nil {
			return v, false, err
		}
		same, err := named.dressedAs(s, v.Schema)
		if err != nil || same {
			return v, same, err
		}
	}
	if s.ID > 0 { // an import is of just this content
		return Version{}, false, nil
	}
	shape := named.shape()
	for _, n := range st.having(which, func(v numbered) bool { return v.shape == shape }) {
		v, err := r.numbered(ctx, db, st.place, n)
		if err != nil {
			return v, false, err
		}
		same, err := named.dressedAs(s, v.Schema)
		if err != nil || same && named.stands(v.Schema) {
			return v, same, err
		}
	}
	return Version{}, false, nil
}

// named is a content with the metadata and the rules that a submission names.
func (c *content) named(s Submission) (*content, error) {
	if s.Metadata == c.Metadata && s.RuleSet == c.RuleSet || s.Metadata == nil && s.RuleSet == nil {
		return c, nil
	}
	return c.with(s.Metadata, s.RuleSet)
}

// dressedAs reports whether a schema has the metadata and the rules that a
// submission names.
func (c *content) dressedAs(s Submission, stored Schema) (bool, error) {
	if s.Metadata == nil && s.RuleSet == nil {
		return true, nil
	}
	metadata, err := spelled(stored.Metadata)
	if err != nil {
		return false, err
	}
	ruleSet, err := spelled(stored.RuleSet)
	return (s.Metadata == nil || equal(metadata, c.metadata)) && (s.RuleSet == nil || equal(ruleSet, c.ruleSet)), err
}

func equal(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// as tells a content as a version of a subject.
func (c *content) as(p place, version, id int, at time.Time) Version {
	v := Version{p.String(), version, at, false, Schema{Context: p.context, ID: id, Type: c.kind, Text: c.text, Metadata: c.Metadata, RuleSet: c.RuleSet, GUID: uuid.UUID(c.hash[:16])}, nil}
	for _, t := range c.references {
		v.References = append(v.References, t.Reference)
	}
	return v
}
