package schemas

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
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
	if !errors.Is(err, errNoSchema) && !errors.Is(err, errAway) || p.name == "" || p.context != home {
		return s, err
	}
	if _, bad := placeToRead(subject); bad != nil {
		return s, err
	}
	context, err := r.contextOf(ctx, p, id)
	if err != nil {
		return Schema{}, err
	}
	return r.load(ctx, r.db, contentID{context, id})
}

// contextOf finds a context in which a subject of a name has an id.
func (r *Registry) contextOf(ctx context.Context, p place, id int) (string, error) {
	const q = `
		SELECT s.context
		  FROM schemas_subject s
		  JOIN schemas_version v ON v.subject_id = s.id
		 WHERE s.name = $1 AND v.schema_id = $2
		 ORDER BY s.context COLLATE "C"
		 LIMIT 1`
	context, err := either(ctx, r, func() (string, error) {
		return postgres.Scalar[string](ctx, r.db, q, p.name, id)
	}, func() (string, error) {
		return r.recallContext(p.name, id)
	})
	if errors.Is(err, postgres.ErrNotFound) {
		err = fault.Missing("schema", "Schema %d not found. Subject '%s' has no such id in any context: ask the registry that the data were written with", id, p)
	}
	return context, err
}

// load reads the content behind an id, or remembers it.
func (r *Registry) load(ctx context.Context, db postgres.DB, id contentID) (Schema, error) {
	if s, ok, err := r.at(id); ok || err != nil {
		return s, err
	}
	found, err := r.loadAll(ctx, db, []contentID{id})
	if err != nil {
		return Schema{}, err
	}
	s, ok := found[id]
	if !ok {
		return s, noContent(id)
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
		s, ok, err := r.at(id)
		if err != nil {
			return nil, err
		}
		if ok {
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
	mark := r.byID.mark()
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
		r.remember(mark, s)
	}
	return out, nil
}

// remember keeps a content in memory that was read after a mark.
func (r *Registry) remember(mark int, s Schema) {
	p := pack(s)
	r.byID.putSince(mark, contentID{intern(s.Context), s.ID}, p, p.weight())
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
		 ORDER BY s.name COLLATE "C", v.version`
	return either(ctx, r, func() ([]SubjectVersion, error) {
		return postgres.Many[SubjectVersion](ctx, r.db, q, content.Context, id, which.deleted())
	}, func() ([]SubjectVersion, error) {
		return r.recallUses(contentID{content.Context, id}, which)
	})
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
	v, ok := st.pick(version, which)
	if !ok {
		return Version{}, r.denied(st, version, st.absent(p, version, which))
	}
	return r.numbered(ctx, r.db, st.place, v)
}

// numbered is a version with its content.
func (r *Registry) numbered(ctx context.Context, db postgres.DB, p place, v numbered) (Version, error) {
	s, err := r.load(ctx, db, contentID{p.context, int(v.schema)})
	return Version{p.String(), int(v.version), v.time(), v.deleted, s, nil}, err
}

// subjectAt is a subject as it is now; nil where there is none.
func (r *Registry) subjectAt(ctx context.Context, p place) (*state, error) {
	if err := r.subjects.exact(ctx); err != nil {
		return nil, err
	}
	return r.subjectIn(ctx, r.db, p)
}

// readAs is the place that a name is read as: another, where the subject has an
// alias.
func (r *Registry) readAs(ctx context.Context, p place) (place, error) {
	st, err := r.subjectAt(ctx, p)
	if err != nil || st == nil || st.alias == nil {
		return p, err
	}
	return *st.alias, nil
}

// aliased is the subject that a name is read as.
func (r *Registry) aliased(ctx context.Context, p place) (*state, error) {
	st, err := r.subjectAt(ctx, p)
	if err != nil || st == nil || st.alias == nil {
		return st, err
	}
	return r.subjectIn(ctx, r.db, *st.alias)
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
	return Version{place{v.Context, v.Name}.String(), v.Version, v.RegisteredAt, v.Deleted, s, nil}
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
		err = r.denied(st, Latest, st.absent(p, Latest, which))
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
	return either(ctx, r, func() ([]string, error) {
		return postgres.Scalars[string](ctx, r.db, q, p.context, p.name, every, which.live(), which.deleted())
	}, func() ([]string, error) {
		return r.recallSubjects(p, every, which)
	})
}

// readPrefix reads the prefix of names of subjects: in which context, or in
// every one. It reports false for one that no name can have.
func readPrefix(prefix string) (p place, every, ok bool) {
	rest, every := strings.CutPrefix(prefix, ":*:")
	ok = !strings.ContainsRune(prefix, 0) && utf8.ValidString(prefix)
	return split(rest), every || prefix == "", ok
}
