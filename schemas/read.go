package schemas

import (
	"context"
	"errors"
	"time"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

var (
	errNoSubject = fault.Missing("subject", "no version is registered under this subject")
	errNoVersion = fault.Missing("version", "the subject has no such version")
	errNoSchema  = fault.Missing("schema", "no such schema is registered")
)

// ByID finds the content that an id stands for.
func (r *Registry) ByID(ctx context.Context, by access.Principal, id int) (Schema, error) {
	if err := signedIn(by); err != nil {
		return Schema{}, err
	}
	return r.load(ctx, r.db, id)
}

// load reads the content behind an id, or remembers it. What is not remembered
// is always asked of the database, so that no replica denies what another just
// registered.
func (r *Registry) load(ctx context.Context, db postgres.DB, id int) (Schema, error) {
	if s, ok := r.byID.get(id); ok {
		return s, nil
	}
	const q = `SELECT id, type, text FROM schemas_schema WHERE context = '.' AND id = $1`
	s, err := postgres.One[Schema](ctx, db, q, id)
	if errors.Is(err, postgres.ErrNotFound) {
		return s, errNoSchema
	}
	if err != nil {
		return s, err
	}
	if s.References, err = referencesOf(ctx, db, id); err != nil {
		return s, err
	}
	r.byID.put(id, s, 200+len(s.Text)+100*len(s.References))
	return s, nil
}

func referencesOf(ctx context.Context, db postgres.DB, id int) ([]Reference, error) {
	const q = `
		SELECT r.name, s.name AS subject, r.target_version AS version
		  FROM schemas_reference r
		  JOIN schemas_subject s ON s.id = r.target_subject_id
		 WHERE r.context = '.' AND r.schema_id = $1
		 ORDER BY r.position`
	return postgres.Many[Reference](ctx, db, q, id)
}

// UsesOf lists the versions that have the content of an id, by subject.
func (r *Registry) UsesOf(ctx context.Context, by access.Principal, id int) ([]SubjectVersion, error) {
	if _, err := r.ByID(ctx, by, id); err != nil {
		return nil, err
	}
	const q = `
		SELECT s.name AS subject, v.version
		  FROM schemas_version v
		  JOIN schemas_subject s ON s.id = v.subject_id
		 WHERE v.context = '.' AND v.schema_id = $1 AND v.deleted_at IS NULL
		 ORDER BY s.name, v.version`
	return postgres.Many[SubjectVersion](ctx, r.db, q, id)
}

// Version finds a version of a subject, or its Latest.
func (r *Registry) Version(ctx context.Context, by access.Principal, subject string, version int) (Version, error) {
	if err := signedIn(by); err != nil {
		return Version{}, err
	}
	if err := checkVersion(version); err != nil {
		return Version{}, err
	}
	return r.version(ctx, r.db, subject, version)
}

func checkVersion(version int) error {
	if version < 1 && version != Latest || version > 1<<31-1 {
		return fault.Bad("version", "INVALID_VERSION", "a version is a whole number from 1 to 2147483647, or latest")
	}
	return nil
}

func (r *Registry) version(ctx context.Context, db postgres.DB, subject string, version int) (Version, error) {
	const q = `
		SELECT v.version, v.schema_id, v.registered_at
		  FROM schemas_subject s
		  JOIN schemas_version v ON v.subject_id = s.id
		 WHERE s.context = '.' AND s.name = $1 AND v.deleted_at IS NULL AND ($2 = -1 OR v.version = $2)
		 ORDER BY v.version DESC
		 LIMIT 1`
	type found struct {
		Version      int
		SchemaID     int
		RegisteredAt time.Time
	}
	f, err := postgres.One[found](ctx, db, q, subject, version)
	if errors.Is(err, postgres.ErrNotFound) {
		return Version{}, absent(ctx, db, subject)
	}
	if err != nil {
		return Version{}, err
	}
	s, err := r.load(ctx, db, f.SchemaID)
	return Version{subject, f.Version, f.RegisteredAt, s}, err
}

// absent says what is missing: the version, or the whole subject.
func absent(ctx context.Context, db postgres.DB, subject string) error {
	numbers, err := versionsOf(ctx, db, subject)
	if err == nil && len(numbers) == 0 {
		return errNoSubject
	}
	return errors.Join(err, errNoVersion)
}

// Versions lists the version numbers of a subject, rising.
func (r *Registry) Versions(ctx context.Context, by access.Principal, subject string) ([]int, error) {
	if err := signedIn(by); err != nil {
		return nil, err
	}
	numbers, err := versionsOf(ctx, r.db, subject)
	if err == nil && len(numbers) == 0 {
		err = errNoSubject
	}
	return numbers, err
}

func versionsOf(ctx context.Context, db postgres.DB, subject string) ([]int, error) {
	const q = `
		SELECT v.version
		  FROM schemas_subject s
		  JOIN schemas_version v ON v.subject_id = s.id
		 WHERE s.context = '.' AND s.name = $1 AND v.deleted_at IS NULL
		 ORDER BY v.version`
	return postgres.Scalars[int](ctx, db, q, subject)
}

// Subjects lists the names of the subjects that have versions and start with
// prefix, sorted byte by byte.
func (r *Registry) Subjects(ctx context.Context, by access.Principal, prefix string) ([]string, error) {
	if err := signedIn(by); err != nil {
		return nil, err
	}
	const q = `
		SELECT s.name
		  FROM schemas_subject s
		 WHERE s.context = '.' AND starts_with(s.name, $1)
		   AND EXISTS (SELECT FROM schemas_version v WHERE v.subject_id = s.id AND v.deleted_at IS NULL)
		 ORDER BY s.name COLLATE "C"`
	return postgres.Scalars[string](ctx, r.db, q, prefix)
}

// Lookup finds the version of a subject that has a schema. It writes nothing.
func (r *Registry) Lookup(ctx context.Context, by access.Principal, s Submission) (Version, error) {
	if err := signedIn(by); err != nil {
		return Version{}, err
	}
	c, err := r.read(ctx, r.db, s)
	if err != nil {
		return Version{}, err
	}
	v, found, err := lookup(ctx, r.db, s.Subject, c)
	if err != nil || found {
		return v, err
	}
	if err := absent(ctx, r.db, s.Subject); !errors.Is(err, errNoVersion) {
		return Version{}, err
	}
	return Version{}, errNoSchema
}

// lookup finds a content among the live versions of a subject.
func lookup(ctx context.Context, db postgres.DB, subject string, c *content) (Version, bool, error) {
	const q = `
		SELECT v.version, c.id, v.registered_at
		  FROM schemas_schema c
		  JOIN schemas_subject s ON s.context = c.context AND s.name = $1
		  JOIN schemas_version v ON v.subject_id = s.id AND v.schema_id = c.id AND v.deleted_at IS NULL
		 WHERE c.context = '.' AND c.hash = $2
		 ORDER BY v.version DESC
		 LIMIT 1`
	type found struct {
		Version      int
		ID           int
		RegisteredAt time.Time
	}
	f, err := postgres.One[found](ctx, db, q, subject, c.hash[:])
	if errors.Is(err, postgres.ErrNotFound) {
		return Version{}, false, nil
	}
	return c.as(subject, f.Version, f.ID, f.RegisteredAt), err == nil, err
}

// as tells a content as a version of a subject.
func (c *content) as(subject string, version, id int, at time.Time) Version {
	v := Version{subject, version, at, Schema{ID: id, Type: c.kind, Text: c.text}}
	for _, t := range c.references {
		v.References = append(v.References, t.Reference)
	}
	return v
}
