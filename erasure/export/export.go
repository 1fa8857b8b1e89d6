// Package export is erasure's door for copies of personal data (Art. 15 and 20
// GDPR): services upload parts, Lethe checks them, packs them into one
// encrypted file with a manifest, and hands it over.
//
// A part is streamed to storage under a key of its request and is never
// unpacked. Its size and digest are declared before it comes and verified as
// it comes; an upload that breaks off goes on where it broke off. A package
// names every dataset of the plan: exported, not found, or missing. What is
// missing is never left out in silence.
package export

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/internal/vault"
)

// Config of the exports. The zero value is fit for production.
type Config struct {
	// MaxPartBytes is how large a part may be. Default 5 GiB. Task requests
	// tell services the same figure.
	MaxPartBytes int64
	// Keep is how long a package can be fetched. Default 14 days.
	Keep time.Duration
	// LinkFor is how long a link to a package can be used. Default 72 h.
	LinkFor time.Duration
	// Log takes what goes wrong at the edges. Default slog.Default().
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.MaxPartBytes == 0 {
		c.MaxPartBytes = 5 << 30
	}
	if c.Keep == 0 {
		c.Keep = 14 * 24 * time.Hour
	}
	if c.LinkFor == 0 {
		c.LinkFor = 72 * time.Hour
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// Exports takes parts, builds packages and hands them over. Replicas that
// share the database must share its storage too.
type Exports struct {
	db    *pgxpool.Pool
	jobs  *river.Client[pgx.Tx]
	vault *vault.Vault
	root  *os.Root
	now   func() time.Time
	conf  Config

	// packaged tells the request that its package lies ready.
	packaged func(ctx context.Context, tx pgx.Tx, request uuid.UUID) error
}

// New returns exports that keep files under dir (LETHE_STORAGE_DIR), which
// must exist. No name under dir comes from outside. packaged is called in the
// unit of work that seals a package (see erasure.Requests.Packaged).
func New(db *pgxpool.Pool, jobs *river.Client[pgx.Tx], v *vault.Vault, dir string, now func() time.Time, conf Config,
	packaged func(ctx context.Context, tx pgx.Tx, request uuid.UUID) error) (*Exports, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	for _, sub := range []string{"parts", "packages"} {
		if err := root.MkdirAll(sub, 0o700); err != nil {
			return nil, fmt.Errorf("storage: %w", err)
		}
	}
	return &Exports{db: db, jobs: jobs, vault: v, root: root, now: now, conf: conf.withDefaults(), packaged: packaged}, nil
}

// Close lets go of the storage.
func (e *Exports) Close() error { return e.root.Close() }

func partFile(id uuid.UUID) string { return "parts/" + id.String() }

// packageFile names the file of one attempt at a package: a builder that was
// overtaken writes to a file of its own.
func packageFile(p Package) string { return fmt.Sprintf("packages/%s.%d", p.ID, p.Fence) }

// partKey derives the key of one part from the key of its request. With the
// request's key the parts are gone too.
func (e *Exports) partKey(ctx context.Context, request, part uuid.UUID) ([]byte, error) {
	key, err := e.vault.Key(ctx, request)
	if err != nil {
		return nil, err
	}
	return hkdf.Key(sha256.New, key, nil, "lethe/export/part/"+part.String(), 32)
}
