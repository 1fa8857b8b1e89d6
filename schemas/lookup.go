package schemas

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
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
	v, found, err := r.known(ctx, st, s, c, which)
	if err == nil && !found {
		v, found, err = r.knownAsKept(ctx, st, s, c, which)
	}
	if err != nil || found {
		return v, err
	}
	if err := st.absent(which); err == errNoSubject {
		return Version{}, err
	}
	return Version{}, errNoSchema
}

// knownAsKept finds a content as its subject would keep it: normalized, and
// with the subject's metadata and rules under and over those that are named.
func (r *Registry) knownAsKept(ctx context.Context, st *state, s Submission, c *content, which Which) (Version, bool, error) {
	if st == nil {
		return Version{}, false, nil
	}
	layers, err := r.subjects.layers(ctx, st.place)
	if err != nil {
		return Version{}, false, err
	}
	config := holding(layers)
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
	return r.known(ctx, st, s, c, which)
}

// known is lookup in memory, as far as it goes by the text.
func (r *Registry) known(ctx context.Context, st *state, s Submission, c *content, which Which) (Version, bool, error) {
	named, err := c.named(s)
	if err != nil {
		return Version{}, false, err
	}
	for _, n := range st.having(c.body, which) {
		v, err := r.numbered(ctx, st.place, n)
		if err != nil {
			return v, false, err
		}
		same, err := named.dressedAs(s, v.Schema)
		if err != nil || same {
			return v, same, err
		}
	}
	if st == nil || s.ID > 0 { // an import is of just this content
		return Version{}, false, nil
	}
	if err := r.reachable(); err != nil {
		return Version{}, false, err
	}
	return r.lookupAlike(ctx, r.db, st.place, s, named, which)
}

// named is a content with the metadata and the rules that a submission names.
func (c *content) named(s Submission) (*content, error) {
	if s.Metadata == nil && s.RuleSet == nil {
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

// lookup finds a content among the versions of a subject, a live one first and
// the newest first: by its text or, where none has that, one that says the
// same. Metadata and rules that the submission does not name do not count.
func (r *Registry) lookup(ctx context.Context, db postgres.DB, p place, s Submission, c *content, which Which) (Version, bool, error) {
	named, err := c.with(s.Metadata, s.RuleSet)
	if err != nil {
		return Version{}, false, err
	}
	const q = `
		SELECT s.context, s.name, v.version, c.id AS schema_id, v.registered_at, v.deleted_at IS NOT NULL AS deleted
		  FROM schemas_schema c
		  JOIN schemas_subject s ON s.context = c.context AND s.name = $2
		  JOIN schemas_version v ON v.subject_id = s.id AND v.schema_id = c.id AND (v.deleted_at IS NULL OR $4)
		 WHERE c.context = $1 AND coalesce(c.body_hash, c.hash) = $3
		   AND (NOT $5 OR c.metadata IS NOT DISTINCT FROM $6::jsonb) AND (NOT $7 OR c.rule_set IS NOT DISTINCT FROM $8::jsonb)
		 ORDER BY v.deleted_at IS NULL DESC, v.version DESC
		 LIMIT 1`
	f, err := postgres.One[stored](ctx, db, q, p.context, p.name, c.body[:], which.deleted(), s.Metadata != nil, named.metadata, s.RuleSet != nil, named.ruleSet)
	if errors.Is(err, postgres.ErrNotFound) && s.ID <= 0 { // an import is of just this content
		return r.lookupAlike(ctx, db, p, s, named, which)
	}
	if errors.Is(err, postgres.ErrNotFound) {
		return Version{}, false, nil
	}
	if err != nil {
		return Version{}, false, err
	}
	content, err := r.load(ctx, db, f.content())
	return f.of(content), err == nil, err
}

// lookupAlike is lookup by what a text says.
func (r *Registry) lookupAlike(ctx context.Context, db postgres.DB, p place, s Submission, named *content, which Which) (Version, bool, error) {
	const q = `
		SELECT s.context, s.name, v.version, c.id AS schema_id, v.registered_at, v.deleted_at IS NOT NULL AS deleted
		  FROM schemas_schema c
		  JOIN schemas_subject s ON s.context = c.context AND s.name = $2
		  JOIN schemas_version v ON v.subject_id = s.id AND v.schema_id = c.id AND (v.deleted_at IS NULL OR $4)
		 WHERE c.context = $1 AND coalesce(c.shape_hash, c.body_hash, c.hash) = $3
		   AND (NOT $5 OR c.metadata IS NOT DISTINCT FROM $6::jsonb) AND (NOT $7 OR c.rule_set IS NOT DISTINCT FROM $8::jsonb)
		 ORDER BY v.deleted_at IS NULL DESC, v.version DESC`
	shape := named.shape()
	alike, err := postgres.Many[stored](ctx, db, q, p.context, p.name, shape[:], which.deleted(), s.Metadata != nil, named.metadata, s.RuleSet != nil, named.ruleSet)
	if err != nil {
		return Version{}, false, err
	}
	for _, f := range alike {
		content, err := r.load(ctx, db, f.content())
		if err != nil {
			return Version{}, false, err
		}
		if named.stands(content) {
			return f.of(content), true, nil
		}
	}
	return Version{}, false, nil
}

// as tells a content as a version of a subject.
func (c *content) as(p place, version, id int, at time.Time) Version {
	v := Version{p.String(), version, at, false, Schema{Context: p.context, ID: id, Type: c.kind, Text: c.text, Metadata: c.Metadata, RuleSet: c.RuleSet, GUID: uuid.UUID(c.hash[:16])}}
	for _, t := range c.references {
		v.References = append(v.References, t.Reference)
	}
	return v
}
