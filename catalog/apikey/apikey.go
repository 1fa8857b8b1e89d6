// Package apikey keeps the keys by which a machine of a service signs in where
// its client knows nothing but a user and a password: a producer that starts
// with a schema registry's URL and a secret. A key stands for one service in
// one role, ends by itself, and can be revoked; it is shown once.
package apikey

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog/steward"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// Key is what may be known of a key.
type Key struct {
	ID        uuid.UUID
	Service   string // ref
	Role      access.Role
	Label     string // what it is for, in its makers' words
	CreatedAt time.Time
	ExpiresAt time.Time
	RevokedAt *time.Time
}

// Keys makes keys, revokes them, and knows whose they are.
type Keys struct {
	db  *pgxpool.Pool
	now func() time.Time
}

// New returns the keys kept in db.
func New(db *pgxpool.Pool, now func() time.Time) *Keys { return &Keys{db, now} }

const (
	// prefix begins every key, so that people and scanners for secrets know one.
	prefix = "lethe_"
	// issuer is whom the principals of keys are known by.
	issuer = "lethe:apikey"
	// longest is how long a key may last.
	longest = 366 * 24 * time.Hour
)

var (
	errUnknown = fault.New(fault.Unknown, "API_KEY_INVALID", "this API key is not known, has ended or was revoked; ask a steward of your service for another")
	errNoKey   = fault.New(fault.NotFound, "API_KEY_NOT_FOUND", "there is no such API key")
)

// Is reports whether a secret has the form of a key.
func Is(secret string) bool { return strings.HasPrefix(secret, prefix) }

// Create makes a key for a service, by its ref, and returns it with its secret,
// which nobody can read again. It needs a steward of the service's team, or an
// admin.
func (k *Keys) Create(ctx context.Context, by access.Principal, service string, role access.Role, label string, lasts time.Duration) (key Key, secret string, err error) {
	if err := by.Require(access.Steward, access.Admin); err != nil {
		return key, "", err
	}
	if err := check(role, label, lasts); err != nil {
		return key, "", err
	}
	random := make([]byte, 25)
	rand.Read(random)
	secret = prefix + strings.ToLower(base32.StdEncoding.EncodeToString(random))
	now := k.now()
	key = Key{ID: uuid.Must(uuid.NewV7()), Service: service, Role: role, Label: label, CreatedAt: now, ExpiresAt: now.Add(lasts)}
	err = postgres.Work(ctx, k.db, func(tx pgx.Tx) error { return keep(ctx, tx, by, key, secret) })
	return key, secret, err
}

func check(role access.Role, label string, lasts time.Duration) error {
	switch {
	case role != access.CI && role != access.Service:
		return fault.Bad("role", "API_KEY_ROLE", "an API key has the role ci or service")
	case strings.TrimSpace(label) == "" || len(label) > 100 || strings.ContainsFunc(label, unicode.IsControl):
		return fault.Bad("label", "API_KEY_LABEL", "say in 1 to 100 printable characters what the key is for")
	case lasts <= 0 || lasts > longest:
		return fault.Bad("days", "API_KEY_LIFE", "a key lasts from 1 to 366 days; make another before it ends")
	}
	return nil
}

func keep(ctx context.Context, tx pgx.Tx, by access.Principal, key Key, secret string) error {
	s, err := steward.Of(ctx, tx, by, key.Service)
	if err != nil {
		return err
	}
	principal, err := audit.EnsurePrincipal(ctx, tx, issuer, key.ID.String(), string(key.Role)+" of "+key.Service)
	if err != nil {
		return err
	}
	hash := sha256.Sum256([]byte(secret))
	const q = `
		INSERT INTO catalog_api_key (id, service_id, role, label, hash, principal_id, created_by, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	if _, err := tx.Exec(ctx, q, key.ID, s.ID, key.Role, key.Label, hash[:], principal, by.ID, key.CreatedAt, key.ExpiresAt); err != nil {
		return err
	}
	return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "apikey.created", Entity: s.ID, Code: strings.ToUpper(string(key.Role))})
}

// Revoke ends a key; one that has ended stays so. It needs a steward of the
// service's team, or an admin.
func (k *Keys) Revoke(ctx context.Context, by access.Principal, id uuid.UUID) (key Key, err error) {
	if err := by.Require(access.Steward, access.Admin); err != nil {
		return key, err
	}
	err = postgres.Work(ctx, k.db, func(tx pgx.Tx) error {
		const q = `
			SELECT k.id, s.ref AS service, k.role, k.label, k.created_at, k.expires_at, k.revoked_at
			  FROM catalog_api_key k
			  JOIN catalog_service s ON s.id = k.service_id
			 WHERE k.id = $1
			   FOR UPDATE OF k`
		key, err = postgres.One[Key](ctx, tx, q, id)
		if errors.Is(err, postgres.ErrNotFound) {
			return errNoKey
		}
		if err != nil {
			return err
		}
		s, err := steward.Of(ctx, tx, by, key.Service)
		if err != nil || key.RevokedAt != nil {
			return err
		}
		now := k.now()
		key.RevokedAt = &now
		const qEnd = `UPDATE catalog_api_key SET revoked_at = $2, revoked_by = $3 WHERE id = $1`
		if _, err := tx.Exec(ctx, qEnd, id, now, by.ID); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "apikey.revoked", Entity: s.ID, Code: strings.ToUpper(string(key.Role))})
	})
	return key, err
}

// List lists the keys of a service, or of all where service is "", the newest
// first, those that have ended among them. It needs a steward, who sees those
// of their teams, or whoever sees everything.
func (k *Keys) List(ctx context.Context, by access.Principal, service string, p page.Args) (page.Page[Key], error) {
	if err := errors.Join(by.Require(access.Steward, access.Admin, access.Auditor, access.DPO), p.Check()); err != nil {
		return page.Page[Key]{}, err
	}
	list, after := "api keys "+service, uuid.Max
	if p.After != "" {
		if err := page.Decode(p.After, list, &after); err != nil {
			return page.Page[Key]{}, err
		}
	}
	everything := by.IsSystem() || by.Has(access.Admin, access.Auditor, access.DPO)
	const q = `
		SELECT k.id, s.ref AS service, k.role, k.label, k.created_at, k.expires_at, k.revoked_at
		  FROM catalog_api_key k
		  JOIN catalog_service s ON s.id = k.service_id
		  LEFT JOIN catalog_owner o ON o.id = s.owner_id
		 WHERE ($1 = '' OR s.ref = $1) AND ($2 OR o.ref = ANY ($3)) AND k.id < $4
		 ORDER BY k.id DESC -- ids rise with time
		 LIMIT $5`
	rows, err := postgres.Many[Key](ctx, k.db, q, service, everything, by.Teams, after, p.First+1)
	return page.Cut(rows, p.First, func(k Key) string { return page.Encode(list, k.ID) }), err
}

// Holder is whom a key stands for.
type Holder struct {
	Hash  [sha256.Size]byte // of the key
	By    access.Principal
	Until time.Time
}

// holder is the row of a holder.
type holder struct {
	Hash        []byte
	PrincipalID uuid.UUID
	Role        access.Role
	Service     string
	ExpiresAt   time.Time
}

func (h holder) holder() Holder {
	by := access.Principal{ID: h.PrincipalID, Name: string(h.Role) + " of " + h.Service, Roles: []access.Role{h.Role}, Service: h.Service}
	return Holder{[sha256.Size]byte(h.Hash), by, h.ExpiresAt}
}

// Holders lists whom keys stand for that open something now, the newest, at most
// so many.
func (k *Keys) Holders(ctx context.Context, most int) ([]Holder, error) {
	const q = `
		SELECT k.hash, k.principal_id, k.role, s.ref AS service, k.expires_at
		  FROM catalog_api_key k
		  JOIN catalog_service s ON s.id = k.service_id
		 WHERE k.revoked_at IS NULL AND k.expires_at > $1
		 ORDER BY k.id DESC
		 LIMIT $2`
	rows, err := postgres.Many[holder](ctx, k.db, q, k.now(), most)
	out := make([]Holder, len(rows))
	for i, h := range rows {
		out[i] = h.holder()
	}
	return out, err
}

// Holder is whom a key stands for, and until when. A key that is not known, has
// ended or was revoked stands for nobody: the fault API_KEY_INVALID. The state of
// its service does not count, as it does not for a token: it says whether the
// service is asked about people, and its producers go on while it is not.
func (k *Keys) Holder(ctx context.Context, secret string) (access.Principal, time.Time, error) {
	hash := sha256.Sum256([]byte(secret))
	const q = `
		SELECT k.hash, k.principal_id, k.role, s.ref AS service, k.expires_at
		  FROM catalog_api_key k
		  JOIN catalog_service s ON s.id = k.service_id
		 WHERE k.hash = $1 AND k.revoked_at IS NULL AND k.expires_at > $2`
	h, err := postgres.One[holder](ctx, k.db, q, hash[:], k.now())
	if errors.Is(err, postgres.ErrNotFound) {
		return access.Principal{}, time.Time{}, errUnknown
	}
	if err != nil {
		return access.Principal{}, time.Time{}, err
	}
	return h.holder().By, h.ExpiresAt, nil
}
