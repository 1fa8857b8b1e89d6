package schemas

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/postgres"
)

// subject is the row of a subject, under its lock.
type subject struct {
	ID        uuid.UUID
	Context   string
	Name      string
	ServiceID *uuid.UUID
}

func (s subject) place() place { return place{s.Context, s.Name} }

// lockSubject holds a subject until the unit of work ends, and makes it if
// there is none.
func (r *Registry) lockSubject(ctx context.Context, tx pgx.Tx, p place) (subject, error) {
	s, err := lockKnown(ctx, tx, p)
	if !errors.Is(err, postgres.ErrNotFound) {
		return s, err
	}
	const q = `
		INSERT INTO schemas_subject (id, context, name, created_at) VALUES ($1, $2, $3, $4)
		    ON CONFLICT ON CONSTRAINT schemas_subject_name_taken DO NOTHING`
	if _, err := tx.Exec(ctx, q, uuid.Must(uuid.NewV7()), p.context, p.name, r.now()); err != nil {
		return s, err
	}
	return lockKnown(ctx, tx, p)
}

func lockKnown(ctx context.Context, tx pgx.Tx, p place) (subject, error) {
	const q = `SELECT id, context, name, service_id FROM schemas_subject WHERE context = $1 AND name = $2 FOR UPDATE`
	return postgres.One[subject](ctx, tx, q, p.context, p.name)
}

// nextVersion counts deleted versions too: a number is not used again while
// one is kept.
func nextVersion(ctx context.Context, tx pgx.Tx, subject uuid.UUID) (int, error) {
	const q = `SELECT coalesce(max(version), 0) + 1 FROM schemas_version WHERE subject_id = $1`
	return postgres.Scalar[int](ctx, tx, q, subject)
}

// nextOf is nextVersion by a subject's name, which may be no subject's yet.
func nextOf(ctx context.Context, db postgres.DB, p place) (int, error) {
	const q = `
		SELECT coalesce(max(v.version), 0) + 1
		  FROM schemas_subject s
		  JOIN schemas_version v ON v.subject_id = s.id
		 WHERE s.context = $1 AND s.name = $2`
	return postgres.Scalar[int](ctx, db, q, p.context, p.name)
}
