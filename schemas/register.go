package schemas

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Register makes a schema the newest version of a subject. One that the
// subject has already is only found: that asks no more than being signed in as
// someone who registers, takes no lock, and is what every producer does when
// it starts.
//
// A new one must fit what the level asks, and needs a pipeline or a service
// that the subject belongs to, a steward of its owner, or an admin. It becomes
// a version, and fields of the topic's dataset, or nothing happens.
func (r *Registry) Register(ctx context.Context, by access.Principal, s Submission) (v Version, err error) {
	if err := by.Require(access.CI, access.Service, access.Steward, access.Admin); err != nil {
		return v, err
	}
	if err := checkSubject(s.Subject); err != nil {
		return v, err
	}
	c, err := r.read(ctx, r.db, s)
	if err != nil {
		return v, err
	}
	v, found, err := lookup(ctx, r.db, s.Subject, c)
	if err != nil || found {
		return v, asked(v, s.Version, err)
	}
	err = postgres.Work(ctx, r.db, func(tx pgx.Tx) error {
		v, err = r.register(ctx, tx, by, s, c)
		return err
	})
	return v, err
}

// asked checks that a version found is the one that was asked for.
func asked(v Version, number int, err error) error {
	if err == nil && number > 0 && number != v.Version {
		return fault.Bad("version", "INVALID_SCHEMA", "the schema is version %d of the subject already; leave the version out", v.Version)
	}
	return err
}

// register is Register under the subject's lock. What was read before the lock
// is read again: the last holder may have changed it.
func (r *Registry) register(ctx context.Context, tx pgx.Tx, by access.Principal, s Submission, c *content) (Version, error) {
	subject, err := r.lockSubject(ctx, tx, s.Subject)
	if err != nil {
		return Version{}, err
	}
	if v, found, err := lookup(ctx, tx, s.Subject, c); err != nil || found {
		return v, asked(v, s.Version, err)
	}
	if err := r.authorise(ctx, tx, by, s.Subject, subject); err != nil {
		return Version{}, err
	}
	live, err := earlierOf(ctx, tx, subject.ID)
	if err != nil {
		return Version{}, err
	}
	level, err := levelOf(ctx, tx, s.Subject)
	if err != nil {
		return Version{}, err
	}
	verdict, err := r.judge(ctx, tx, c, level, live)
	if err != nil {
		return Version{}, err
	}
	if !verdict.Compatible() {
		return Version{}, refuse(verdict)
	}
	next, err := nextVersion(ctx, tx, subject.ID)
	if err != nil {
		return Version{}, err
	}
	if s.Version > 0 && s.Version != next {
		return Version{}, fault.Bad("version", "INVALID_SCHEMA", "the next version of the subject is %d; ask for that, or leave the version out", next)
	}
	return r.keep(ctx, tx, by, s.Subject, subject.ID, next, c)
}

// keep writes what a registration brings: content, version, fields, and the
// records of it.
func (r *Registry) keep(ctx context.Context, tx pgx.Tx, by access.Principal, name string, subject uuid.UUID, version int, c *content) (Version, error) {
	if err := r.tellCatalog(ctx, tx, name, version, c.schema.Fields); err != nil {
		return Version{}, err
	}
	id, err := r.keepContent(ctx, tx, c)
	if err != nil {
		return Version{}, err
	}
	v := c.as(name, version, id, r.now())
	const q = `
		INSERT INTO schemas_version (subject_id, version, context, schema_id, registered_by, registered_at)
		VALUES ($1, $2, '.', $3, $4, $5)`
	if _, err := tx.Exec(ctx, q, subject, version, id, by.ID, v.RegisteredAt); err != nil {
		return v, err
	}
	if err := r.changed(ctx, tx, "REGISTERED", &subject, &version); err != nil {
		return v, err
	}
	return v, audit.Append(ctx, tx, audit.Entry{
		Actor: by.ID, Act: "schema.registered", Entity: subject, Digest: c.hash[:],
		Amounts: map[string]int64{"version": int64(version), "schema": int64(id)},
	})
}

// keepContent finds the id of a content, or gives it the next one. The
// counter's row is locked until the end, so it is taken late.
func (r *Registry) keepContent(ctx context.Context, tx pgx.Tx, c *content) (int, error) {
	const qKnown = `SELECT id FROM schemas_schema WHERE context = '.' AND hash = $1`
	id, err := postgres.Scalar[int](ctx, tx, qKnown, c.hash[:])
	if !errors.Is(err, postgres.ErrNotFound) {
		return id, err
	}
	const qNext = `
		INSERT INTO schemas_context AS c (name, next_id) VALUES ('.', 2)
		    ON CONFLICT (name) DO UPDATE SET next_id = c.next_id + 1
		RETURNING c.next_id - 1`
	fresh, err := postgres.Scalar[int](ctx, tx, qNext)
	if err != nil {
		return 0, err
	}
	const q = `
		INSERT INTO schemas_schema (context, id, type, text, hash, created_at)
		VALUES ('.', $1, $2, $3, $4, $5)
		    ON CONFLICT ON CONSTRAINT schemas_content_has_one_id DO NOTHING`
	tag, err := tx.Exec(ctx, q, fresh, c.kind, c.text, c.hash[:], r.now())
	if err != nil {
		return 0, err
	}
	if tag.RowsAffected() == 0 { // another subject brought the same content meanwhile
		return postgres.Scalar[int](ctx, tx, qKnown, c.hash[:])
	}
	return fresh, keepReferences(ctx, tx, fresh, c.references)
}

// keepReferences locks the targets, so that none is deleted meanwhile.
func keepReferences(ctx context.Context, tx pgx.Tx, id int, targets []target) error {
	for i, t := range targets {
		const q = `
			INSERT INTO schemas_reference (context, schema_id, name, position, target_subject_id, target_version)
			SELECT '.', $1, $2, $3, v.subject_id, v.version
			  FROM schemas_version v
			 WHERE v.subject_id = $4 AND v.version = $5 AND v.deleted_at IS NULL
			   FOR KEY SHARE`
		tag, err := tx.Exec(ctx, q, id, t.Name, i, t.subjectID, t.Version)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fault.Bad("references."+t.Name, "INVALID_SCHEMA", "the version it refers to was deleted just now; refer to another")
		}
	}
	return nil
}

// subject is the row of a subject, under its lock.
type subject struct {
	ID        uuid.UUID
	ServiceID *uuid.UUID
}

// lockSubject holds a subject until the unit of work ends, and makes it if
// there is none.
func (r *Registry) lockSubject(ctx context.Context, tx pgx.Tx, name string) (subject, error) {
	const qLock = `SELECT id, service_id FROM schemas_subject WHERE context = '.' AND name = $1 FOR UPDATE`
	s, err := postgres.One[subject](ctx, tx, qLock, name)
	if !errors.Is(err, postgres.ErrNotFound) {
		return s, err
	}
	const q = `
		INSERT INTO schemas_subject (id, context, name, created_at) VALUES ($1, '.', $2, $3)
		    ON CONFLICT ON CONSTRAINT schemas_subject_name_taken DO NOTHING`
	if _, err := tx.Exec(ctx, q, uuid.Must(uuid.NewV7()), name, r.now()); err != nil {
		return s, err
	}
	return postgres.One[subject](ctx, tx, qLock, name)
}

// nextVersion counts deleted versions too: a number is not used again.
func nextVersion(ctx context.Context, tx pgx.Tx, subject uuid.UUID) (int, error) {
	const q = `SELECT coalesce(max(version), 0) + 1 FROM schemas_version WHERE subject_id = $1`
	return postgres.Scalar[int](ctx, tx, q, subject)
}

// changed notes a change for whoever follows the registry, and on the subject.
func (r *Registry) changed(ctx context.Context, db postgres.DB, kind string, subject *uuid.UUID, version *int) error {
	const q = `
		WITH change AS (
		    INSERT INTO schemas_change (kind, context, subject_id, version, at)
		    VALUES ($1, '.', $2, $3, $4)
		    RETURNING seq)
		UPDATE schemas_subject s SET head = change.seq FROM change WHERE s.id = $2`
	_, err := db.Exec(ctx, q, kind, subject, version, r.now())
	return err
}

// bound reports whether a principal is a machine that registers schemas.
func bound(by access.Principal) bool {
	return by.Service != "" && slices.ContainsFunc(by.Roles, func(role access.Role) bool { return role == access.CI || role == access.Service })
}
