package schemas

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

var (
	errNoSubject = fault.Missing("subject", "no version is registered under this subject")
	errNoVersion = fault.Missing("version", "the subject has no such version")
	errNoSchema  = fault.Missing("schema", "no such schema is registered")
)

// ByID finds the content that an id stands for. Each context gives ids of its
// own: a subject says which is meant, one that names a context exactly that,
// another the context "." and then any in which the subject has the id. Without
// a subject it is the context ".".
func (r *Registry) ByID(ctx context.Context, by access.Principal, id int, subject string) (Schema, error) {
	if err := signedIn(by); err != nil {
		return Schema{}, err
	}
	p := split(subject)
	s, err := r.load(ctx, r.db, contentID{p.context, id})
	if !errors.Is(err, errNoSchema) || p.name == "" || p.context != home {
		return s, err
	}
	const q = `
		SELECT s.context
		  FROM schemas_subject s
		  JOIN schemas_version v ON v.subject_id = s.id
		 WHERE s.name = $1 AND v.schema_id = $2
		 ORDER BY s.context
		 LIMIT 1`
	if _, bad := placeToRead(subject); bad != nil {
		return s, err
	}
	context, found := postgres.Scalar[string](ctx, r.db, q, p.name, id)
	if errors.Is(found, postgres.ErrNotFound) {
		return s, err
	}
	if found != nil {
		return s, found
	}
	return r.load(ctx, r.db, contentID{context, id})
}

// load reads the content behind an id, or remembers it.
func (r *Registry) load(ctx context.Context, db postgres.DB, id contentID) (Schema, error) {
	found, err := r.loadAll(ctx, db, []contentID{id})
	if err != nil {
		return Schema{}, err
	}
	s, ok := found[id]
	if !ok {
		return s, errNoSchema
	}
	return s, nil
}

// loadAll reads the contents behind ids, or remembers them; unknown ids are
// absent. What is not remembered is always asked of the database, so that no
// replica denies what another just registered.
func (r *Registry) loadAll(ctx context.Context, db postgres.DB, ids []contentID) (map[contentID]Schema, error) {
	out := make(map[contentID]Schema, len(ids))
	var contexts []string
	var numbers []int
	for _, id := range ids {
		if p, ok := r.byID.get(id); ok {
			s, err := p.unpack()
			if err != nil {
				return nil, err
			}
			out[id] = s
		} else if checkContext(id.context) == nil {
			contexts, numbers = append(contexts, id.context), append(numbers, id.id)
		}
	}
	if len(numbers) == 0 {
		return out, nil
	}
	if r.subjects.away.Load() {
		return nil, errAway
	}
	const q = `
		SELECT c.context, c.id, c.type, c.text, c.metadata, c.rule_set, encode(substring(c.hash FROM 1 FOR 16), 'hex')::uuid AS guid
		  FROM schemas_schema c
		 WHERE (c.context, c.id) IN (SELECT w.context, w.id FROM unnest($1::text[], $2::int[]) AS w (context, id)) -- any order`
	rows, err := postgres.Many[Schema](ctx, db, q, contexts, numbers)
	if err != nil {
		return nil, err
	}
	references, err := referencesOf(ctx, db, contexts, numbers)
	if err != nil {
		return nil, err
	}
	for _, s := range rows {
		id := contentID{s.Context, s.ID}
		s.References = references[id]
		out[id] = s
		p := pack(s)
		r.byID.put(id, p, p.weight())
	}
	return out, nil
}

// referencesOf lists what schemas refer to, in their order.
func referencesOf(ctx context.Context, db postgres.DB, contexts []string, ids []int) (map[contentID][]Reference, error) {
	const q = `
		SELECT r.context, r.schema_id, r.name, r.target_version AS version,
		       CASE s.context WHEN r.context THEN s.name ELSE ':' || s.context || ':' || s.name END AS subject
		  FROM schemas_reference r
		  JOIN schemas_subject s ON s.id = r.target_subject_id
		 WHERE (r.context, r.schema_id) IN (SELECT w.context, w.id FROM unnest($1::text[], $2::int[]) AS w (context, id))
		 ORDER BY r.context, r.schema_id, r.position`
	type row struct {
		Context  string
		SchemaID int
		Reference
	}
	rows, err := postgres.Many[row](ctx, db, q, contexts, ids)
	out := map[contentID][]Reference{}
	for _, one := range rows {
		id := contentID{one.Context, one.SchemaID}
		out[id] = append(out[id], one.Reference)
	}
	return out, err
}

// UsesOf lists the versions that have the content of an id, by subject. The id
// is looked for as ByID does.
func (r *Registry) UsesOf(ctx context.Context, by access.Principal, id int, subject string, which Which) ([]SubjectVersion, error) {
	content, err := r.ByID(ctx, by, id, subject)
	if err != nil {
		return nil, err
	}
	const q = `
		SELECT CASE s.context WHEN '.' THEN s.name ELSE ':' || s.context || ':' || s.name END AS subject, v.version
		  FROM schemas_version v
		  JOIN schemas_subject s ON s.id = v.subject_id
		 WHERE v.context = $1 AND v.schema_id = $2 AND (v.deleted_at IS NULL OR $3)
		 ORDER BY s.name, v.version`
	return postgres.Many[SubjectVersion](ctx, r.db, q, content.Context, id, which.deleted())
}

// Version finds a version of a subject, or its Latest. The latest is never a
// deleted one. A subject with an alias is read as that subject, here and
// wherever versions are read.
func (r *Registry) Version(ctx context.Context, by access.Principal, subject string, version int, which Which) (Version, error) {
	if err := signedIn(by); err != nil {
		return Version{}, err
	}
	if err := checkVersion(version); err != nil {
		return Version{}, err
	}
	p, err := placeToRead(subject)
	if err != nil {
		return Version{}, err
	}
	return r.version(ctx, p, version, which)
}

func checkVersion(version int) error {
	if version < 1 && version != Latest || version > 1<<31-1 {
		return fault.Bad("version", "INVALID_VERSION", "a version is a whole number from 1 to 2147483647, or latest")
	}
	return nil
}

func (r *Registry) version(ctx context.Context, p place, version int, which Which) (Version, error) {
	st, err := r.aliased(ctx, p)
	if err != nil {
		return Version{}, err
	}
	v, err := st.pick(version, which)
	if err != nil {
		return Version{}, err
	}
	return r.numbered(ctx, st.place, v)
}

// numbered is a version with its content.
func (r *Registry) numbered(ctx context.Context, p place, v numbered) (Version, error) {
	s, err := r.load(ctx, r.db, contentID{p.context, int(v.schema)})
	return Version{p.String(), int(v.version), v.time(), v.deleted, s}, err
}

// subjectAt is a subject as it is now; nil where there is none.
func (r *Registry) subjectAt(ctx context.Context, p place) (*state, error) {
	if err := r.subjects.exact(ctx); err != nil {
		return nil, err
	}
	return r.subjects.subject(ctx, p)
}

// aliased is the subject that a name is read as: another, where it has an
// alias.
func (r *Registry) aliased(ctx context.Context, p place) (*state, error) {
	st, err := r.subjectAt(ctx, p)
	if err != nil || st == nil || st.alias == nil {
		return st, err
	}
	return r.subjects.subject(ctx, *st.alias)
}

// stored is the row of a version.
type stored struct {
	Context, Name string // of its subject
	Version       int
	SchemaID      int
	RegisteredAt  time.Time
	Deleted       bool
}

func (v stored) content() contentID { return contentID{v.Context, v.SchemaID} }

// of is the version with its content.
func (v stored) of(s Schema) Version {
	return Version{place{v.Context, v.Name}.String(), v.Version, v.RegisteredAt, v.Deleted, s}
}

// Versions lists the version numbers of a subject, rising.
func (r *Registry) Versions(ctx context.Context, by access.Principal, subject string, which Which) ([]int, error) {
	if err := signedIn(by); err != nil {
		return nil, err
	}
	p, err := placeToRead(subject)
	if err != nil {
		return nil, err
	}
	st, err := r.aliased(ctx, p)
	numbers := st.numbers(which)
	if err == nil && len(numbers) == 0 {
		err = errNoSubject
	}
	return numbers, err
}

// Subjects lists the names of the subjects that have versions and start with
// prefix, sorted byte by byte. A prefix that names no context means the context
// "."; ":*:" before it, or no prefix, means every context. Deleted is a subject
// whose every version is.
func (r *Registry) Subjects(ctx context.Context, by access.Principal, prefix string, which Which) ([]string, error) {
	if err := signedIn(by); err != nil {
		return nil, err
	}
	p, every, ok := readPrefix(prefix)
	if !ok {
		return nil, nil
	}
	const q = `
		SELECT CASE s.context WHEN '.' THEN s.name ELSE ':' || s.context || ':' || s.name END AS full_name
		  FROM schemas_subject s
		  JOIN LATERAL (SELECT bool_and(v.deleted_at IS NOT NULL) AS deleted FROM schemas_version v WHERE v.subject_id = s.id) d ON true
		 WHERE (s.context = $1 OR $3) AND starts_with(s.name, $2) AND ($4 AND NOT d.deleted OR $5 AND d.deleted)
		 ORDER BY (CASE s.context WHEN '.' THEN s.name ELSE ':' || s.context || ':' || s.name END) COLLATE "C"`
	return postgres.Scalars[string](ctx, r.db, q, p.context, p.name, every, which.live(), which.deleted())
}

// readPrefix reads the prefix of names of subjects: in which context, or in
// every one. It reports false for one that no name can have.
func readPrefix(prefix string) (p place, every, ok bool) {
	rest, every := strings.CutPrefix(prefix, ":*:")
	ok = !strings.ContainsRune(prefix, 0) && utf8.ValidString(prefix)
	return split(rest), every || prefix == "", ok
}

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
