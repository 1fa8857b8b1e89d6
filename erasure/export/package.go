package export

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// PackageState is where a package stands; docs/states.md draws the machine.
type PackageState string

// The states of a package.
const (
	Assembling PackageState = "ASSEMBLING"
	Sealed     PackageState = "SEALED"    // it can be fetched
	Delivered  PackageState = "DELIVERED" // it was fetched whole at least once
	Expired    PackageState = "EXPIRED"   // its file was deleted
)

// Lock is what opens a package.
type Lock string

// The locks.
const (
	LockRecipient Lock = "RECIPIENT" // the data subject's own age key
	LockChosen    Lock = "CHOSEN"    // a passphrase somebody chose; Lethe has forgotten it
	LockGenerated Lock = "GENERATED" // a passphrase that Lethe made; see Exports.Passphrase
)

// Package is everything that was handed over for a request, in one encrypted
// file. A later package of the same request holds everything again.
type Package struct {
	ID          uuid.UUID
	RequestID   uuid.UUID
	No          int
	State       PackageState
	Fence       int
	Content     []byte      // digest of what it was built from
	Bytes       *int64      // of the encrypted file
	SHA256      []byte      `db:"sha256"` // of the encrypted file
	Complete    *bool       // nothing of the plan is missing
	LateParts   int         // parts that came after the package before was sealed
	Missing     []uuid.UUID // services of which something was missing
	Lock        *Lock
	Passphrase  []byte // sealed in the vault
	StartedAt   time.Time
	SealedAt    *time.Time
	DeliveredAt *time.Time
	ExpiresAt   *time.Time
}

// Ready reports whether the package can be fetched.
func (p Package) Ready() bool { return p.State == Sealed || p.State == Delivered }

var errNoPackage = fault.Missing("package", "no such package, or it is not yours to fetch")

// PackagesOf lists the packages of several requests, oldest first.
func PackagesOf(ctx context.Context, db postgres.DB, requests []uuid.UUID) (map[uuid.UUID][]Package, error) {
	const q = `
		SELECT id, request_id, no, state, fence, content, bytes, sha256, complete, late_parts, missing, lock, passphrase,
		       started_at, sealed_at, delivered_at, expires_at
		  FROM erasure_package
		 WHERE request_id = ANY($1)
		 ORDER BY request_id, no`
	rows, err := postgres.Many[Package](ctx, db, q, requests)
	found := map[uuid.UUID][]Package{}
	for _, p := range rows {
		found[p.RequestID] = append(found[p.RequestID], p)
	}
	return found, err
}

// PackagesByID finds packages; unknown ids are absent.
func PackagesByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Package, error) {
	const q = `
		SELECT id, request_id, no, state, fence, content, bytes, sha256, complete, late_parts, missing, lock, passphrase,
		       started_at, sealed_at, delivered_at, expires_at
		  FROM erasure_package
		 WHERE id = ANY($1)
		 ORDER BY id`
	rows, err := postgres.Many[Package](ctx, db, q, ids)
	found := make(map[uuid.UUID]Package, len(rows))
	for _, p := range rows {
		found[p.ID] = p
	}
	return found, err
}

// PackageByID finds a package.
func PackageByID(ctx context.Context, db postgres.DB, id uuid.UUID) (Package, error) {
	const q = `
		SELECT id, request_id, no, state, fence, content, bytes, sha256, complete, late_parts, missing, lock, passphrase,
		       started_at, sealed_at, delivered_at, expires_at
		  FROM erasure_package
		 WHERE id = $1`
	p, err := postgres.One[Package](ctx, db, q, id)
	if errors.Is(err, postgres.ErrNotFound) {
		err = errNoPackage
	}
	return p, err
}

// beginPackage starts a package of a request, or takes over one whose builder
// went away: the fence says who may seal it.
func beginPackage(ctx context.Context, db postgres.DB, request uuid.UUID, no int) (Package, error) {
	const q = `
		INSERT INTO erasure_package (id, request_id, no) VALUES ($1, $2, $3)
		ON CONFLICT (request_id) WHERE state = 'ASSEMBLING' DO UPDATE SET fence = erasure_package.fence + 1, started_at = now()
		RETURNING id, request_id, no, state, fence, content, bytes, sha256, complete, late_parts, missing, lock, passphrase,
		          started_at, sealed_at, delivered_at, expires_at`
	return postgres.One[Package](ctx, db, q, uuid.Must(uuid.NewV7()), request, no)
}

// sealPackage notes that a package lies ready. It reports false when another
// builder has taken it over.
func sealPackage(ctx context.Context, db postgres.DB, p Package, keep time.Duration) (bool, error) {
	const q = `
		UPDATE erasure_package
		   SET state = 'SEALED', content = $3, bytes = $4, sha256 = $5, complete = $6, late_parts = $7, missing = $8, lock = $9,
		       passphrase = $10, sealed_at = now(), expires_at = now() + make_interval(secs => $11)
		 WHERE id = $1 AND fence = $2 AND state = 'ASSEMBLING'`
	tag, err := db.Exec(ctx, q, p.ID, p.Fence, p.Content, p.Bytes, p.SHA256, p.Complete, p.LateParts, p.Missing, p.Lock, p.Passphrase, keep.Seconds())
	return tag.RowsAffected() == 1, err
}

// insertContents notes which parts a package holds.
func insertContents(ctx context.Context, db postgres.DB, id uuid.UUID, parts []uuid.UUID, late []bool) error {
	const q = `
		INSERT INTO erasure_package_part (package_id, part_id, late)
		SELECT $1, p.part_id, p.late FROM unnest($2::uuid[], $3::boolean[]) AS p (part_id, late)`
	_, err := db.Exec(ctx, q, id, parts, late)
	return err
}

// packedParts lists the parts that a package holds.
func packedParts(ctx context.Context, db postgres.DB, id uuid.UUID) ([]uuid.UUID, error) {
	const q = `SELECT part_id FROM erasure_package_part WHERE package_id = $1 ORDER BY part_id`
	return postgres.Scalars[uuid.UUID](ctx, db, q, id)
}

// deliver notes that a package was fetched whole.
func deliver(ctx context.Context, db postgres.DB, id uuid.UUID) error {
	const q = `
		UPDATE erasure_package SET state = 'DELIVERED', delivered_at = coalesce(delivered_at, now())
		 WHERE id = $1 AND state IN ('SEALED', 'DELIVERED')`
	_, err := db.Exec(ctx, q, id)
	return err
}

// expire lists packages whose time is over, or that a later one replaces, and
// takes them out of reach. Their files are the caller's to delete.
func expire(ctx context.Context, db postgres.DB) ([]Package, error) {
	const q = `
		UPDATE erasure_package p SET state = 'EXPIRED', passphrase = NULL
		 WHERE p.state IN ('SEALED', 'DELIVERED')
		   AND (p.expires_at <= now() OR EXISTS (
		        SELECT FROM erasure_package n WHERE n.request_id = p.request_id AND n.no > p.no AND n.state IN ('SEALED', 'DELIVERED')))
		RETURNING id, request_id, no, state, fence, content, bytes, sha256, complete, late_parts, missing, lock, passphrase,
		          started_at, sealed_at, delivered_at, expires_at`
	return postgres.Many[Package](ctx, db, q) // any order
}

// spentParts takes the parts of requests that are over out of storage: they
// have been packed, or nobody will ever pack them.
func spentParts(ctx context.Context, db postgres.DB) ([]uuid.UUID, error) {
	const q = `
		UPDATE erasure_part p SET removed_at = now()
		  FROM erasure_request r
		 WHERE r.id = p.request_id AND p.removed_at IS NULL
		   AND (r.state = 'MERGED' OR r.state = 'CLOSED' AND r.closed_at < now() - interval '1 day')
		   AND NOT EXISTS (SELECT FROM erasure_package k WHERE k.request_id = p.request_id AND k.state = 'ASSEMBLING')
		RETURNING p.id`
	return postgres.Scalars[uuid.UUID](ctx, db, q) // any order
}
