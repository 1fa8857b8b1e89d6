package audit

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/internal/postgres"
)

// leafRow is a leaf and the entry it stands for, as far as there is one. What
// the constraints promise is not relied upon: whoever tampers with rows may
// have dropped them.
type leafRow struct {
	Index     int64
	EntryID   uuid.UUID
	Hash      []byte
	ID        *uuid.UUID
	At        *time.Time
	ActorID   *uuid.UUID
	Act       *string
	EntityID  *uuid.UUID
	RequestID *uuid.UUID
	Code      *string
	Digest    []byte
	Day       *time.Time
	Amounts   *string
}

// entry returns the entry; nil when there is none or it holds what no entry
// can.
func (r leafRow) entry() *tree.Entry {
	if r.ID == nil || r.At == nil || r.ActorID == nil || r.Act == nil || r.Code == nil || r.Amounts == nil {
		return nil
	}
	e := &tree.Entry{
		ID: *r.ID, At: *r.At, ActorID: *r.ActorID, Act: *r.Act, EntityID: r.EntityID,
		RequestID: r.RequestID, Code: *r.Code, Digest: r.Digest, Day: r.Day,
	}
	if json.Unmarshal([]byte(*r.Amounts), &e.Amounts) != nil {
		return nil
	}
	return e
}

func leavesAfter(ctx context.Context, db postgres.DB, after int64) ([]leafRow, error) {
	const q = `
		SELECT l.index, l.entry_id, l.hash, e.id, e.at, e.actor_id, e.act, e.entity_id, e.request_id,
		       e.code, e.digest, e.day, e.amounts::text AS amounts
		  FROM audit_leaf l LEFT JOIN audit_entry e ON e.id = l.entry_id
		 WHERE l.index > $1 ORDER BY l.index LIMIT $2`
	return postgres.Many[leafRow](ctx, db, q, after, batch)
}

type checkpointRow struct {
	Size int64
	Note string
}

// checkpointsIn reads the checkpoints of sizes in (from, to].
func checkpointsIn(ctx context.Context, db postgres.DB, from, to int64) ([]checkpointRow, error) {
	const q = `SELECT size, note FROM audit_checkpoint WHERE size > $1 AND size <= $2 ORDER BY size`
	return postgres.Many[checkpointRow](ctx, db, q, from, to)
}

// unsealedRow is an entry that is no leaf; At is nil when it waits in the
// queue and is not there.
type unsealedRow struct {
	ID     uuid.UUID
	At     *time.Time
	Queued bool
}

func unsealedAfter(ctx context.Context, db postgres.DB, after uuid.UUID) ([]unsealedRow, error) {
	const q = `
		SELECT coalesce(e.id, u.entry_id) AS id, e.at, u.entry_id IS NOT NULL AS queued
		  FROM audit_entry e FULL JOIN audit_unsealed u ON u.entry_id = e.id
		 WHERE coalesce(e.id, u.entry_id) > $1
		   AND NOT EXISTS (SELECT FROM audit_leaf l WHERE l.entry_id = coalesce(e.id, u.entry_id))
		 ORDER BY 1 LIMIT $2`
	return postgres.Many[unsealedRow](ctx, db, q, after, batch)
}
