package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Log is the audit log of one deployment.
type Log struct {
	db     *pgxpool.Pool
	signer *Signer
	anchor *Anchor
}

// New returns the log kept in db, sealed with the signer's key and anchored.
// A process that only reads may leave signer and anchor nil.
func New(db *pgxpool.Pool, signer *Signer, anchor *Anchor) *Log {
	return &Log{db, signer, anchor}
}

const (
	// batch bounds what one sealing takes, and so how long its transaction is.
	batch = 5000
	// pause is how long Run rests when nothing waits: half of the second
	// within which an entry is sealed.
	pause = 500 * time.Millisecond
	// sealer is the advisory lock of whoever seals.
	sealer int64 = 0x6c65746865736561 // "lethesea"
)

// Run seals entries at most a second after they appear, until ctx ends. Any
// number of replicas may run it; one at a time seals. Errors go to failed, and
// sealing is tried again: entries wait, none is lost.
func (l *Log) Run(ctx context.Context, failed func(error)) {
	due := true // once at the start: the anchor may have missed the last one
	for ctx.Err() == nil {
		n, err := 0, error(nil)
		if due {
			n, err = l.Seal(ctx)
		}
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
		if n == batch {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		due = err != nil
		if !due {
			due, err = waiting(ctx, l.db)
			due = due || err != nil
		}
	}
}

// Seal takes entries that wait into the tree, at most 5,000, signs the new
// checkpoint and anchors it. It returns how many it took: none when another
// replica is at it. It refuses to go on from a log that is shorter than, or
// differs from, what is anchored.
func (l *Log) Seal(ctx context.Context) (int, error) {
	if l.signer == nil || l.anchor == nil {
		return 0, fault.New(fault.Invalid, "AUDIT_CANNOT_SEAL", "sealing needs a checkpoint key and an anchor directory")
	}
	var taken int
	var last *checkpoint
	err := postgres.Work(ctx, l.db, func(tx pgx.Tx) (err error) {
		taken, last, err = l.seal(ctx, tx)
		return err
	})
	if err != nil || last == nil {
		return 0, err
	}
	// The anchor follows the commit: a checkpoint outside of a tree that never
	// came to be would stop the log for good.
	return taken, l.anchor.publish(last.Checkpoint, last.note, func(from, to int64) ([]tlog.Hash, error) {
		return leafHashes(ctx, l.db, from, to)
	})
}

// seal returns the log's last checkpoint, new or not; nil when there is none
// or another replica is sealing.
func (l *Log) seal(ctx context.Context, tx pgx.Tx) (int, *checkpoint, error) {
	leads, now, err := tryLead(ctx, tx)
	if err != nil || !leads {
		return 0, nil, err
	}
	last, err := lastCheckpoint(ctx, tx, l.signer.Keys)
	if err != nil {
		return 0, nil, err
	}
	known := hashes{}
	if err := l.checkHead(ctx, tx, last, known); err != nil {
		return 0, nil, err
	}
	entries, err := unsealed(ctx, tx)
	if err != nil {
		return 0, nil, err
	}
	if len(entries) > 0 {
		last, err = l.extend(ctx, tx, last.Size, entries, known, now)
	}
	if err != nil || last.Size == 0 {
		return 0, nil, err
	}
	return len(entries), &last, nil
}

// checkHead makes sure that the tree in the database is the one signed last,
// and no other than the one anchored. It fills known with the hashes that the
// next leaf builds upon.
func (l *Log) checkHead(ctx context.Context, db postgres.DB, last checkpoint, known hashes) error {
	anchored, err := l.anchor.Latest()
	if err != nil {
		return err
	}
	if anchored.Size > last.Size {
		return rolledBack(last.Size, anchored)
	}
	reader := known.over(ctx, db)
	for _, c := range []tree.Checkpoint{last.Checkpoint, anchored} {
		if c.Size == 0 {
			continue
		}
		root, err := tlog.TreeHash(c.Size, reader)
		if err != nil && !errors.Is(err, errTorn) {
			return err
		}
		if err != nil || root != c.Root {
			return forked(c)
		}
	}
	return nil
}

// extend writes the leaves of entries, the inner nodes they complete and the
// checkpoint over them.
func (l *Log) extend(ctx context.Context, tx pgx.Tx, size int64, entries []tree.Entry, known hashes, now time.Time) (checkpoint, error) {
	var leaves, nodes [][]any
	ids := make([]uuid.UUID, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
		made, err := tlog.StoredHashesForRecordHash(size, e.Hash(), known)
		if err != nil {
			return checkpoint{}, err
		}
		for level, h := range made { // the leaf, then the subtrees it completes
			n := size >> level
			known[tlog.StoredHashIndex(level, n)] = h
			if level == 0 {
				leaves = append(leaves, []any{n, e.ID, h[:]})
			} else {
				nodes = append(nodes, []any{int16(level), n, h[:]})
			}
		}
		size++
	}
	root, err := tlog.TreeHash(size, known)
	if err != nil {
		return checkpoint{}, err
	}
	c := checkpoint{Checkpoint: tree.Checkpoint{Origin: l.signer.Name(), Size: size, Root: root, SealedAt: now.Truncate(time.Second)}}
	signed, err := c.Sign(l.signer)
	if err != nil {
		return checkpoint{}, err
	}
	c.note = string(signed)
	if err := copyRows(ctx, tx, "audit_leaf", []string{"index", "entry_id", "hash"}, leaves); err != nil {
		return checkpoint{}, err
	}
	if err := copyRows(ctx, tx, "audit_node", []string{"level", "n", "hash"}, nodes); err != nil {
		return checkpoint{}, err
	}
	if err := insertCheckpoint(ctx, tx, c); err != nil {
		return checkpoint{}, err
	}
	return c, dequeue(ctx, tx, ids)
}

// tryLead reports whether this transaction is the one that seals, and what the
// database's clock says. The lock is not waited for and ends with the
// transaction, so a replica that dies holds up nobody.
func tryLead(ctx context.Context, db postgres.DB) (leads bool, now time.Time, err error) {
	const q = `SELECT pg_try_advisory_xact_lock($1) AS leads, clock_timestamp() AS now`
	row, err := postgres.One[struct {
		Leads bool
		Now   time.Time
	}](ctx, db, q, sealer)
	return row.Leads, row.Now, err
}

// unsealed reads the entries that wait, in the order of their ids. That an
// entry waits is a row of its own transaction, so one that commits late is
// found however many later ids are sealed already.
func unsealed(ctx context.Context, db postgres.DB) ([]tree.Entry, error) {
	const q = `
		SELECT e.id, e.at, e.actor_id, e.act, e.entity_id, e.request_id, e.code, e.digest, e.day, e.amounts
		  FROM (SELECT entry_id FROM audit_unsealed ORDER BY entry_id LIMIT $1) u
		  JOIN audit_entry e ON e.id = u.entry_id
		 ORDER BY e.id`
	return postgres.Many[tree.Entry](ctx, db, q, batch)
}

func waiting(ctx context.Context, db postgres.DB) (bool, error) {
	const q = `SELECT EXISTS (SELECT FROM audit_unsealed)`
	return postgres.Scalar[bool](ctx, db, q)
}

func dequeue(ctx context.Context, db postgres.DB, ids []uuid.UUID) error {
	const q = `DELETE FROM audit_unsealed WHERE entry_id = ANY ($1)`
	_, err := db.Exec(ctx, q, ids)
	return err
}

func copyRows(ctx context.Context, tx pgx.Tx, table string, columns []string, rows [][]any) error {
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows)); err != nil {
		return fmt.Errorf("audit: seal: %w", err)
	}
	return nil
}

// Stats says how the sealer keeps up. Alarm when OldestUnsealed passes five
// seconds.
type Stats struct {
	Size           int64         // sealed entries
	Unsealed       int64         // entries that wait
	OldestUnsealed time.Duration // since the oldest of them was written
}

// Stats reads the log's figures for metrics.
func (l *Log) Stats(ctx context.Context) (Stats, error) {
	const q = `
		SELECT (SELECT coalesce(max(size), 0) FROM audit_checkpoint) AS size, count(*) AS unsealed,
		       coalesce(extract(epoch FROM clock_timestamp() - min(e.at)), 0)::float8 AS oldest
		  FROM audit_unsealed u JOIN audit_entry e ON e.id = u.entry_id`
	row, err := postgres.One[struct {
		Size, Unsealed int64
		Oldest         float64
	}](ctx, l.db, q)
	return Stats{row.Size, row.Unsealed, time.Duration(row.Oldest * float64(time.Second))}, err
}
