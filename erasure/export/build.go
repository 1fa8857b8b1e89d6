package export

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// Packer works the jobs that build packages.
type Packer struct {
	river.WorkerDefaults[erasure.Pack]

	Exports *Exports
}

// Work builds the package of a request.
func (w *Packer) Work(ctx context.Context, job *river.Job[erasure.Pack]) error {
	return w.Exports.Build(ctx, job.Args.Request)
}

// Timeout is long: a package may hold many gigabytes.
func (w *Packer) Timeout(*river.Job[erasure.Pack]) time.Duration { return 4 * time.Hour }

// errOvertaken reports that another builder has taken the package over.
var errOvertaken = errors.New("export: another builder has taken this package over")

// badPart is a part that cannot be packed.
type badPart struct {
	part Part
	code string
	err  error
}

func (b *badPart) Error() string { return fmt.Sprintf("part %s: %v", b.part.ID, b.err) }
func (b *badPart) Unwrap() error { return b.err }

// Build makes the package of a request from what was accepted, and says what
// is missing. If it was built from the same already, nothing is built. A part
// that cannot be read is put in quarantine, and the package made without it,
// which its manifest says.
func (e *Exports) Build(ctx context.Context, request uuid.UUID) error {
	for {
		err := e.build(ctx, request)
		bad, ok := errors.AsType[*badPart](err)
		if !ok {
			return err
		}
		e.conf.Log.WarnContext(ctx, "export: part in quarantine", "part", bad.part.ID, "code", bad.code, "err", bad.err)
		if err := e.isolate(ctx, bad); err != nil {
			return err
		}
	}
}

func (e *Exports) isolate(ctx context.Context, bad *badPart) error {
	return postgres.Work(ctx, e.db, func(tx pgx.Tx) error {
		if err := quarantine(ctx, tx, bad.part.ID, bad.code); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Actor: access.System.ID, Act: "part.quarantined", Entity: bad.part.ID, Request: bad.part.RequestID, Code: bad.code, Digest: bad.part.SHA256})
	})
}

func (e *Exports) build(ctx context.Context, request uuid.UUID) (err error) {
	var c contents
	var about account
	var p Package
	done := false
	err = postgres.Work(ctx, e.db, func(tx pgx.Tx) error {
		if c, err = gather(ctx, tx, request); err != nil {
			return err
		}
		if b := c.before; b != nil && b.Ready() && string(b.Content) == string(c.digest()) {
			done = true
			return e.packaged(ctx, tx, request)
		}
		if about, err = describe(ctx, tx, c); err != nil {
			return err
		}
		p, err = beginPackage(ctx, tx, request, c.next)
		return err
	})
	if err != nil || done {
		return err
	}
	defer func() {
		if err != nil {
			_ = e.remove(packageFile(p)) // the sweep of a later attempt has its own file
		}
	}()
	if err := e.write(ctx, &p, c, about); err != nil {
		return err
	}
	return e.seal(ctx, p, c)
}

// write makes the file of a package: a ZIP within age, streamed.
func (e *Exports) write(ctx context.Context, p *Package, c contents, about account) error {
	to, lock, passphrase, err := e.lockFor(ctx, *p, c.handover)
	if err != nil {
		return err
	}
	file, err := e.root.OpenFile(packageFile(*p), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	defer file.Close()
	out := &counted{w: file, digest: sha256.New()}
	locked, err := age.Encrypt(out, to)
	if err != nil {
		return err
	}
	m := c.manifest(about, p.No)
	m.CreatedOn = civil(e.now())
	z := newArchive(locked)
	if err := e.fill(ctx, z, &m, c, about); err != nil {
		return err
	}
	if err := errors.Join(z.close(), locked.Close(), file.Sync()); err != nil {
		return err
	}
	p.Content, p.Bytes, p.SHA256, p.Complete = c.digest(), &out.n, out.digest.Sum(nil), &m.Complete
	p.LateParts, p.Missing, p.Lock, p.Passphrase = len(m.Late), c.missing(), &lock, passphrase
	return nil
}

// seal makes a package that is written fit to be fetched.
func (e *Exports) seal(ctx context.Context, p Package, c contents) error {
	return postgres.Work(ctx, e.db, func(tx pgx.Tx) error {
		// This locks the request, which comes before all that belongs to it.
		if err := e.packaged(ctx, tx, p.RequestID); err != nil {
			return err
		}
		ours, err := sealPackage(ctx, tx, p, e.conf.Keep)
		if err != nil {
			return err
		}
		if !ours {
			return errOvertaken
		}
		var ids []uuid.UUID
		var late []bool
		for dataset := range c.parts {
			for _, part := range c.accepted(dataset) {
				ids, late = append(ids, part.ID), append(late, c.late(part))
			}
		}
		if err := insertContents(ctx, tx, p.ID, ids, late); err != nil {
			return err
		}
		if err := forgetPassphrase(ctx, tx, c.handover); err != nil {
			return err
		}
		code := "COMPLETE"
		if !*p.Complete {
			code = "INCOMPLETE"
		}
		return audit.Append(ctx, tx, audit.Entry{
			Actor: access.System.ID, Act: "package.sealed", Entity: p.ID, Request: p.RequestID, Code: code, Digest: p.SHA256,
			Amounts: map[string]int64{"bytes": *p.Bytes, "parts": int64(len(ids)), "late": int64(p.LateParts), "missing": int64(len(p.Missing))},
		})
	})
}

// counted passes bytes on, and counts and digests them.
type counted struct {
	w      io.Writer
	digest hash.Hash
	n      int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.digest.Write(p[:n])
	c.n += int64(n)
	return n, err
}
