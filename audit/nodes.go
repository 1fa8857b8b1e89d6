package audit

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// errTorn reports that a hash of the tree is not in the database.
var errTorn = errors.New("audit: a hash of the tree is missing in the database")

// hashes are hashes of the tree by their stored index (tlog.StoredHashIndex).
type hashes map[int64]tlog.Hash

// ReadHashes makes hashes a tlog.HashReader of what they hold.
func (k hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		h, ok := k[index]
		if !ok {
			return nil, errTorn
		}
		out[i] = h
	}
	return out, nil
}

// over returns a reader that takes from the database what is not yet known,
// and keeps it.
func (k hashes) over(ctx context.Context, db postgres.DB) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		if err := k.load(ctx, db, indexes); err != nil {
			return nil, err
		}
		return k.ReadHashes(indexes)
	})
}

// load reads the hashes at indexes from the database.
func (k hashes) load(ctx context.Context, db postgres.DB, indexes []int64) error {
	var leaves, ns []int64
	var levels []int16
	for _, index := range indexes {
		if _, ok := k[index]; ok {
			continue
		}
		level, n := tlog.SplitStoredHashIndex(index)
		if level == 0 {
			leaves = append(leaves, n)
		} else {
			levels, ns = append(levels, int16(level)), append(ns, n)
		}
	}
	if len(leaves)+len(ns) == 0 {
		return nil
	}
	const q = `
		SELECT 0::smallint AS level, index AS n, hash FROM audit_leaf WHERE index = ANY ($1)
		 UNION ALL
		SELECT level, n, hash FROM unnest($2::smallint[], $3::bigint[]) AS want (level, n) JOIN audit_node USING (level, n)
		 ORDER BY level, n`
	rows, err := postgres.Many[nodeRow](ctx, db, q, leaves, levels, ns)
	for _, r := range rows {
		if len(r.Hash) != tlog.HashSize {
			return errTorn
		}
		k[tlog.StoredHashIndex(int(r.Level), r.N)] = tlog.Hash(r.Hash)
	}
	return err
}

type nodeRow struct {
	Level int16
	N     int64
	Hash  []byte
}

// leafHashes reads the leaf hashes of [from, to), as many as a batch.
func leafHashes(ctx context.Context, db postgres.DB, from, to int64) ([]tlog.Hash, error) {
	const q = `SELECT 0::smallint AS level, index AS n, hash FROM audit_leaf WHERE index >= $1 AND index < $2 ORDER BY index LIMIT $3`
	rows, err := postgres.Many[nodeRow](ctx, db, q, from, to, batch)
	if err != nil {
		return nil, err
	}
	out := make([]tlog.Hash, len(rows))
	for i, r := range rows {
		if r.N != from+int64(i) || len(r.Hash) != tlog.HashSize {
			return nil, errTorn
		}
		out[i] = tlog.Hash(r.Hash)
	}
	return out, nil
}

// checkpoint is a signed checkpoint as it stands in the database.
type checkpoint struct {
	tree.Checkpoint
	note string
}

// lastCheckpoint reads the largest checkpoint in the database, the zero one
// when there is none. It must be signed by one of the keys.
func lastCheckpoint(ctx context.Context, db postgres.DB, keys tree.Keys) (checkpoint, error) {
	const q = `SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1`
	signed, err := postgres.Scalar[string](ctx, db, q)
	if errors.Is(err, postgres.ErrNotFound) {
		return checkpoint{}, nil
	}
	if err != nil {
		return checkpoint{}, err
	}
	c, err := tree.OpenCheckpoint([]byte(signed), keys)
	if err != nil {
		return checkpoint{}, fault.New(fault.Conflict, "AUDIT_CHECKPOINT_MALFORMED", "the last checkpoint in the database is not one signed by a known key: %v", err)
	}
	return checkpoint{c, signed}, nil
}

func insertCheckpoint(ctx context.Context, db postgres.DB, c checkpoint) error {
	const q = `INSERT INTO audit_checkpoint (size, note, sealed_at) VALUES ($1, $2, $3)`
	if _, err := db.Exec(ctx, q, c.Size, c.note, c.SealedAt); err != nil {
		return fmt.Errorf("audit: checkpoint: %w", err)
	}
	return nil
}
