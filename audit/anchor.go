package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/internal/fault"
)

// Anchor is the directory outside the database that checkpoints are written
// to (LETHE_ANCHOR_DIR). It should be storage that whoever administers the
// database cannot change: another team's share, a bucket that keeps versions.
//
//	latest                  the newest checkpoint
//	2026-11-23.checkpoint   the last checkpoint of a day, UTC; never touched again
//	leaves                  the leaf hashes, 32 bytes each, in order
//
// The hashes let a verifier name the very entry that was changed, even after a
// forger has recomputed the whole tree in the database.
type Anchor struct {
	dir  string
	keys tree.Keys
}

const (
	latestFile = "latest"
	leavesFile = "leaves"
	lockFile   = ".lock"
	daySuffix  = ".checkpoint"
)

// OpenAnchor opens an anchor directory, which must exist: a share that is not
// mounted must not be mistaken for an empty one. Checkpoints in it must be
// signed by one of the keys.
func OpenAnchor(dir string, keys tree.Keys) (*Anchor, error) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return nil, fault.New(fault.Invalid, "ANCHOR_MISSING", "the anchor directory %s does not exist; make it, or mount the share it stands for", dir).With(err)
	}
	return &Anchor{dir, keys}, nil
}

// Latest returns the newest checkpoint in the anchor; the zero Checkpoint when
// there is none yet.
func (a *Anchor) Latest() (tree.Checkpoint, error) { return a.read(latestFile) }

// Days returns the last checkpoint of every day, oldest first.
func (a *Anchor) Days() ([]tree.Checkpoint, error) {
	names, err := filepath.Glob(filepath.Join(a.dir, "*"+daySuffix))
	if err != nil {
		return nil, fmt.Errorf("audit: anchor: %w", err)
	}
	days := make([]tree.Checkpoint, len(names)) // Glob sorts
	for i, name := range names {
		if days[i], err = a.read(filepath.Base(name)); err != nil {
			return nil, err
		}
	}
	return days, nil
}

func (a *Anchor) read(name string) (tree.Checkpoint, error) {
	signed, err := os.ReadFile(filepath.Join(a.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return tree.Checkpoint{}, nil
	}
	if err != nil {
		return tree.Checkpoint{}, fmt.Errorf("audit: anchor: %w", err)
	}
	c, err := tree.OpenCheckpoint(signed, a.keys)
	if err != nil {
		return tree.Checkpoint{}, fault.New(fault.Conflict, "ANCHOR_MALFORMED", "the anchored checkpoint %s is not one signed by a known key: %v", filepath.Join(a.dir, name), err)
	}
	return c, nil
}

// publish writes a checkpoint to the anchor, unless it holds a larger one.
// leaves yields the log's leaf hashes of a range.
func (a *Anchor) publish(c tree.Checkpoint, signed string, leaves func(from, to int64) ([]tlog.Hash, error)) error {
	unlock, err := a.lock()
	if err != nil {
		return err
	}
	defer unlock()
	old, err := a.Latest()
	if err != nil || old.Size > c.Size {
		return err
	}
	if old.Size == c.Size && old.Root != c.Root {
		return forked(old)
	}
	if err := a.extend(old.Size, c.Size, leaves); err != nil {
		return fmt.Errorf("audit: anchor: %w", err)
	}
	day := c.SealedAt.UTC().Format(time.DateOnly) + daySuffix
	for _, name := range []string{day, latestFile} {
		if err := replaceFile(filepath.Join(a.dir, name), []byte(signed), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// extend brings the file of leaf hashes from one size to another. Hashes
// beyond the old size were left by a writer that died before its checkpoint.
func (a *Anchor) extend(from, to int64, leaves func(from, to int64) ([]tlog.Hash, error)) error {
	f, err := os.OpenFile(filepath.Join(a.dir, leavesFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	from = min(from, info.Size()/tlog.HashSize)
	if info.Size() == to*tlog.HashSize && from == to {
		return nil
	}
	if err := f.Truncate(from * tlog.HashSize); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	for from < to {
		hashes, err := leaves(from, to)
		if err != nil {
			return err
		}
		if len(hashes) == 0 {
			return fmt.Errorf("leaf %d is missing", from)
		}
		buf := make([]byte, 0, len(hashes)*tlog.HashSize)
		for _, h := range hashes {
			buf = append(buf, h[:]...)
		}
		if _, err := f.Write(buf); err != nil {
			return err
		}
		from += int64(len(hashes))
	}
	return f.Sync()
}

// lock keeps other replicas that write to the same directory out. It ends with
// the process.
func (a *Anchor) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(a.dir, lockFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("audit: anchor: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("audit: anchor: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil // closing gives the lock back
}

// errLeavesDamaged reports anchored leaf hashes that do not lead to the
// anchored root.
var errLeavesDamaged = errors.New("audit: the anchored leaf hashes are damaged")

// leaves opens the anchored leaf hashes, once they are seen to lead to a
// checkpoint's root.
func (a *Anchor) leaves(c tree.Checkpoint) (io.ReadCloser, error) {
	f, err := os.Open(filepath.Join(a.dir, leavesFile))
	if errors.Is(err, fs.ErrNotExist) && c.Size == 0 {
		return io.NopCloser(strings.NewReader("")), nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errLeavesDamaged
	}
	if err != nil {
		return nil, fmt.Errorf("audit: anchor: %w", err)
	}
	var t tree.Frontier
	var h tlog.Hash
	for r := bufio.NewReaderSize(f, 1<<16); t.Size < c.Size; t.Push(h) {
		if _, err := io.ReadFull(r, h[:]); err != nil {
			return nil, errors.Join(errLeavesDamaged, f.Close())
		}
	}
	if c.Size > 0 && t.Root() != c.Root {
		return nil, errors.Join(errLeavesDamaged, f.Close())
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(fmt.Errorf("audit: anchor: %w", err), f.Close())
	}
	return f, nil
}

func forked(c tree.Checkpoint) error {
	return fault.New(fault.Conflict, "AUDIT_LOG_FORKED", "the log in the database is not the one anchored at size %d: entries were changed; run: lethe audit verify", c.Size)
}

func rolledBack(have int64, c tree.Checkpoint) error {
	return fault.New(fault.Conflict, "AUDIT_LOG_ROLLED_BACK", "the database holds %d sealed entries, the anchor proves %d: the database was taken back to an older state; run: lethe audit verify", have, c.Size)
}
