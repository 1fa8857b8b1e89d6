// Package migrations holds the databases' histories, one numbered SQL file a
// step, and applies what a database lacks. Histories only go forward. Steps
// run as the owner of the schema (LETHE_MIGRATE_URL); the server runs as
// lethe_app and could not.
package migrations

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib" // database/sql, which goose speaks
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/flowmart/lethe/internal/fault"
)

//go:embed *.sql
var files embed.FS

//go:embed keystore/*.sql
var keystoreFiles embed.FS

// riverVersion pins the version of the job queue's own schema, so that a newer
// library does not change a database on its own.
const riverVersion = 8

// Up applies every step that the main database lacks, the job queue's included.
func Up(ctx context.Context, ownerURL string) error {
	queue := goose.NewGoMigration(2, &goose.GoFunc{RunDB: func(ctx context.Context, db *sql.DB) error {
		return upQueue(ctx, ownerURL, db)
	}}, nil)
	return up(ctx, ownerURL, files, lockPatience, goose.WithGoMigrations(queue))
}

// UpKeystore applies every step that the key store lacks.
func UpKeystore(ctx context.Context, ownerURL string) error {
	dir, err := fs.Sub(keystoreFiles, "keystore")
	if err != nil {
		return err
	}
	return up(ctx, ownerURL, dir, lockPatience)
}

// A step that waits for a lock holds up everybody who comes after it, so it
// waits no longer than lockWait, makes room, and tries again, for as long as
// lockPatience.
const (
	lockWait     = 2 * time.Second
	lockPatience = 5 * time.Minute
)

// up applies what dir has and the database lacks. The steps that were applied
// before one found its table locked stay applied.
func up(ctx context.Context, ownerURL string, dir fs.FS, patience time.Duration, opts ...goose.ProviderOption) error {
	for end := time.Now().Add(patience); ; {
		err := once(ctx, ownerURL, dir, opts...)
		pg, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || pg.Code != lockNotAvailable {
			return err
		}
		if time.Now().After(end) {
			return fault.New(fault.Unavailable, "MIGRATION_LOCKED", "%s cannot have its lock: another session holds a table and does not end; find it in pg_stat_activity, end it, and run lethe migrate again", stepOf(err)).With(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockWait/2 + rand.N(lockWait/2)): // those who waited behind us go first
		}
	}
}

// lockNotAvailable is lock_not_available, as lock_timeout gives it.
const lockNotAvailable = "55P03"

func stepOf(err error) string {
	if failed, ok := errors.AsType[*goose.PartialError](err); ok && failed.Failed != nil {
		return fmt.Sprintf("step %d", failed.Failed.Source.Version)
	}
	return "a step"
}

func once(ctx context.Context, ownerURL string, dir fs.FS, opts ...goose.ProviderOption) error {
	conf, err := pgx.ParseConfig(ownerURL)
	if err != nil {
		return fault.New(fault.Invalid, "BAD_DATABASE_URL", "the database URL cannot be read; it has the form postgres://user@host:port/name")
	}
	boundLocks(conf)
	db := stdlib.OpenDB(*conf)
	defer db.Close()
	// The lock is polled: waiting inside pg_advisory_lock deadlocks with
	// CREATE INDEX CONCURRENTLY.
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	opts = append(opts, goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	provider, err := goose.NewProvider(goose.DialectPostgres, db, dir, opts...)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return nil
}

// boundLocks bounds the wait for a lock in every session of a connection.
func boundLocks(conf *pgx.ConnConfig) {
	conf.RuntimeParams["lock_timeout"] = strconv.FormatInt(lockWait.Milliseconds(), 10)
}

// upQueue migrates River, whose migrator wants a pgx pool, and lets the server
// use what it made.
func upQueue(ctx context.Context, ownerURL string, db *sql.DB) error {
	conf, err := pgxpool.ParseConfig(ownerURL)
	if err != nil {
		return err
	}
	boundLocks(conf.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		return err
	}
	defer pool.Close()
	queue, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	if _, err := queue.Migrate(ctx, rivermigrate.DirectionUp, &rivermigrate.MigrateOpts{TargetVersion: riverVersion}); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `
		GRANT SELECT, INSERT, UPDATE, DELETE ON river_job, river_leader, river_queue, river_notification, river_migration TO lethe_app;
		GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO lethe_app`)
	return err
}

// Version is the newest step of the main database that this program knows.
func Version() int64 {
	names, _ := fs.Glob(files, "*.sql")
	newest := int64(2)
	for _, name := range names {
		if v, err := goose.NumericComponent(name); err == nil {
			newest = max(newest, v)
		}
	}
	return newest
}

// Fingerprint names this exact history, so that a test database built from it
// can be told from one built from another.
func Fingerprint() string {
	h := sha256.New()
	for _, dir := range []embed.FS{files, keystoreFiles} {
		_ = fs.WalkDir(dir, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			step, err := dir.ReadFile(path)
			fmt.Fprintf(h, "%s %d\n", path, len(step))
			h.Write(step)
			return err
		})
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}
