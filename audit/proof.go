package audit

import (
	"context"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Proof returns entries with the proof that they stand in the log, all led to
// the last checkpoint, in the order of ids. tree.Bundle.Verify checks it
// without a database. It needs the role auditor or dpo, or Lethe itself, which
// puts it into certificates.
//
// An entry that is not sealed yet is a Conflict, ENTRY_UNSEALED: ask again
// after a second.
func (l *Log) Proof(ctx context.Context, by access.Principal, ids ...uuid.UUID) (tree.Bundle, error) {
	if err := by.Require(access.Auditor, access.DPO); err != nil {
		return tree.Bundle{}, err
	}
	// The checkpoint is read first: it covers whatever was sealed by then, and
	// what is covered never changes.
	c, err := l.checkpoint(ctx)
	if err != nil {
		return tree.Bundle{}, err
	}
	found, err := recordsByID(ctx, l.db, ids)
	if err != nil {
		return tree.Bundle{}, err
	}
	b := tree.Bundle{Checkpoint: c.note, Entries: make([]tree.Inclusion, len(ids))}
	for _, k := range l.signer.Keys {
		b.Keys = append(b.Keys, k.String())
	}
	for i, id := range ids {
		r, ok := found[id]
		switch {
		case !ok:
			return tree.Bundle{}, fault.Missing("entry", "no entry of the audit log has this id")
		case r.Index == nil || *r.Index >= c.Size:
			return tree.Bundle{}, fault.New(fault.Conflict, "ENTRY_UNSEALED", "the entry is not sealed yet; ask again after a second")
		}
		b.Entries[i] = tree.Inclusion{Entry: r.Entry, Index: *r.Index}
	}
	return b, l.prove(ctx, c.Size, b.Entries)
}

// Proofs is Proof with a bundle for each entry, in the order of ids.
func (l *Log) Proofs(ctx context.Context, by access.Principal, ids ...uuid.UUID) ([]tree.Bundle, error) {
	all, err := l.Proof(ctx, by, ids...)
	if err != nil {
		return nil, err
	}
	out := make([]tree.Bundle, len(ids))
	for i := range ids {
		out[i] = all
		out[i].Entries = all.Entries[i : i+1 : i+1]
	}
	return out, nil
}

// prove fills in the paths of entries. It walks the tree twice: first to learn
// which hashes all the paths need, so that one query reads them.
func (l *Log) prove(ctx context.Context, size int64, entries []tree.Inclusion) error {
	var need []int64
	note := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		need = append(need, indexes...)
		return make([]tlog.Hash, len(indexes)), nil
	})
	for _, e := range entries {
		if _, err := tlog.ProveRecord(size, e.Index, note); err != nil {
			return err
		}
	}
	known := hashes{}
	if err := known.load(ctx, l.db, need); err != nil {
		return err
	}
	for i := range entries {
		path, err := tlog.ProveRecord(size, entries[i].Index, known)
		if err != nil {
			return err
		}
		entries[i].Path = path
	}
	return nil
}

// Consistency returns the proof that the log of the last checkpoint begins
// with the whole log of size older, for whoever kept that checkpoint:
// tree.VerifyConsistency checks it. It needs the role auditor or dpo.
func (l *Log) Consistency(ctx context.Context, by access.Principal, older int64) (newer tree.Checkpoint, note string, path []tlog.Hash, err error) {
	if err := by.Require(access.Auditor, access.DPO); err != nil {
		return tree.Checkpoint{}, "", nil, err
	}
	c, err := l.checkpoint(ctx)
	if err != nil {
		return tree.Checkpoint{}, "", nil, err
	}
	if older < 1 || older > c.Size {
		return tree.Checkpoint{}, "", nil, fault.Bad("older", "OUT_OF_RANGE", "the log holds %d sealed entries; give a size from 1 to that", c.Size)
	}
	path, err = tlog.ProveTree(c.Size, older, hashes{}.over(ctx, l.db))
	return c.Checkpoint, c.note, path, err
}

func recordsByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Record, error) {
	const q = `
		SELECT e.id, e.at, e.actor_id, e.act, e.entity_id, e.request_id, e.code, e.digest, e.day, e.amounts, l.index
		  FROM audit_entry e LEFT JOIN audit_leaf l ON l.entry_id = e.id
		 WHERE e.id = ANY ($1) ORDER BY e.id`
	rows, err := postgres.Many[Record](ctx, db, q, ids)
	found := make(map[uuid.UUID]Record, len(rows))
	for _, r := range rows {
		found[r.ID] = r
	}
	return found, err
}
