package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Principal is whoever acted: a person, a service, Lethe itself. Erasing it
// leaves the id, so the log stays whole and names nobody.
type Principal struct {
	ID        uuid.UUID
	Issuer    *string // of the token; nil once erased
	Subject   *string // the token's sub claim; nil once erased
	Name      *string // for screens; nil once erased
	CreatedAt time.Time
	ErasedAt  *time.Time
}

// EnsurePrincipal finds the principal of a token's issuer and subject, or makes
// it, and keeps its name current. It costs one read when nothing changed. A
// person who was erased and comes back is a new principal.
func EnsurePrincipal(ctx context.Context, db postgres.DB, issuer, subject, name string) (uuid.UUID, error) {
	if issuer == "" || subject == "" {
		return uuid.Nil, fault.Bad("", "PRINCIPAL_INCOMPLETE", "a principal needs the issuer and the subject of its token")
	}
	const q = `SELECT id FROM audit_principal WHERE issuer = $1 AND subject = $2 AND name = $3`
	id, err := postgres.Scalar[uuid.UUID](ctx, db, q, issuer, subject, name)
	if errors.Is(err, postgres.ErrNotFound) {
		return keepPrincipal(ctx, db, issuer, subject, name)
	}
	return id, err
}

func keepPrincipal(ctx context.Context, db postgres.DB, issuer, subject, name string) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, fmt.Errorf("audit: %w", err)
	}
	const q = `
		INSERT INTO audit_principal (id, issuer, subject, name) VALUES ($1, $2, $3, $4)
		    ON CONFLICT ON CONSTRAINT audit_principal_taken DO UPDATE SET name = excluded.name
		RETURNING id`
	return postgres.Scalar[uuid.UUID](ctx, db, q, id, issuer, subject, name)
}

// PrincipalsOf lists the principals of an issuer that are not erased, the newest,
// at most so many.
func PrincipalsOf(ctx context.Context, db postgres.DB, issuer string, most int) ([]Principal, error) {
	const q = `
		SELECT id, issuer, subject, name, created_at, erased_at
		  FROM audit_principal WHERE issuer = $1 ORDER BY id DESC LIMIT $2`
	return postgres.Many[Principal](ctx, db, q, issuer, most)
}

// PrincipalsByID finds principals, erased ones too. Unknown ids are absent.
func PrincipalsByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Principal, error) {
	const q = `
		SELECT id, issuer, subject, name, created_at, erased_at
		  FROM audit_principal WHERE id = ANY ($1) ORDER BY id`
	rows, err := postgres.Many[Principal](ctx, db, q, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]Principal, len(rows))
	for _, p := range rows {
		found[p.ID] = p
	}
	return found, nil
}

// ErasePrincipal takes name, issuer and subject from a principal for ever. What
// they did stays in the log, by nobody in particular. Erasing twice is no
// error and is recorded once.
func (l *Log) ErasePrincipal(ctx context.Context, by access.Principal, id uuid.UUID) error {
	if err := by.Require(access.Admin); err != nil {
		return err
	}
	if id == access.System.ID {
		return fault.Bad("id", "PRINCIPAL_IS_SYSTEM", "Lethe itself is nobody and cannot be erased")
	}
	return postgres.Work(ctx, l.db, func(tx pgx.Tx) error {
		fresh, err := blankPrincipal(ctx, tx, id)
		if err != nil || !fresh {
			return err
		}
		return Append(ctx, tx, Entry{Actor: by.ID, Act: "principal.erased", Entity: id})
	})
}

// blankPrincipal reports whether there was still something to erase.
func blankPrincipal(ctx context.Context, db postgres.DB, id uuid.UUID) (bool, error) {
	const q = `
		UPDATE audit_principal SET issuer = NULL, subject = NULL, name = NULL, erased_at = now()
		 WHERE id = $1 AND erased_at IS NULL`
	tag, err := db.Exec(ctx, q, id)
	if err != nil || tag.RowsAffected() == 1 {
		return err == nil, err
	}
	known, err := PrincipalsByID(ctx, db, []uuid.UUID{id})
	if err == nil && len(known) == 0 {
		err = fault.Missing("principal", "no principal has this id")
	}
	return false, err
}
