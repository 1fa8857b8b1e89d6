package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// Record is an entry as it is read back.
type Record struct {
	tree.Entry
	Index *int64 // its place in the sealed log, from 0; nil for the second before it is sealed
}

// Filter narrows a list of entries. Fields left empty do not narrow.
type Filter struct {
	Actor   uuid.UUID // the principal who acted
	Entity  uuid.UUID // what it was done to
	Request uuid.UUID // the data subject's request it belongs to
	Act     string    // what was done, "request.opened"
	Since   time.Time // no earlier than
	Until   time.Time // before
}

// drift is how far the clock that made an entry's id may be from the
// database's, which dated it.
const drift = time.Hour

// Entries lists the log, the newest first. It needs the role auditor or dpo.
func (l *Log) Entries(ctx context.Context, by access.Principal, f Filter, p page.Args) (page.Page[Record], error) {
	if err := by.Require(access.Auditor, access.DPO); err != nil {
		return page.Page[Record]{}, err
	}
	if err := p.Check(); err != nil {
		return page.Page[Record]{}, err
	}
	list, before := fmt.Sprintf("audit %v", f), uuid.Max
	if p.After != "" {
		if err := page.Decode(p.After, list, &before); err != nil {
			return page.Page[Record]{}, err
		}
	}
	// Ids begin with the time they were made at, so a span of time is a span of
	// the primary key, give or take the drift.
	const q = `
		SELECT e.id, e.at, e.actor_id, e.act, e.entity_id, e.request_id, e.code, e.digest, e.day, e.amounts, l.index
		  FROM audit_entry e LEFT JOIN audit_leaf l ON l.entry_id = e.id
		 WHERE e.id < $1 AND e.id >= $2 AND e.id < $3
		   AND ($4::uuid IS NULL OR e.actor_id = $4)
		   AND ($5::uuid IS NULL OR e.entity_id = $5)
		   AND ($6::uuid IS NULL OR e.request_id = $6)
		   AND ($7 = '' OR e.act = $7)
		   AND ($8::timestamptz IS NULL OR e.at >= $8)
		   AND ($9::timestamptz IS NULL OR e.at < $9)
		 ORDER BY e.id DESC LIMIT $10`
	since, from := bound(f.Since, -drift, uuid.Nil)
	until, to := bound(f.Until, drift, uuid.Max)
	rows, err := postgres.Many[Record](ctx, l.db, q, before, from, to,
		orNull(f.Actor), orNull(f.Entity), orNull(f.Request), f.Act, since, until, p.First+1)
	if err != nil {
		return page.Page[Record]{}, err
	}
	return page.Cut(rows, p.First, func(r Record) string { return page.Encode(list, r.ID) }), nil
}

// bound turns a bound of time into one of time and one of ids.
func bound(at time.Time, slack time.Duration, open uuid.UUID) (*time.Time, uuid.UUID) {
	if at.IsZero() {
		return nil, open
	}
	var id uuid.UUID // the first id of its millisecond, RFC 9562 §5.7
	ms := at.Add(slack).UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	return &at, id
}

// EntriesOf lists what was done for a data subject's request, in the order it
// was done. It needs a role that follows requests or supervises.
func (l *Log) EntriesOf(ctx context.Context, by access.Principal, request uuid.UUID) ([]Record, error) {
	if err := by.Require(access.Auditor, access.DPO, access.Handler, access.Approver); err != nil {
		return nil, err
	}
	return recordsOf(ctx, l.db, request)
}

// LatestOfEach finds, for each of several requests of data subjects, the latest
// entry that records an act. A request without one is not in it.
func LatestOfEach(ctx context.Context, db postgres.DB, requests []uuid.UUID, act string) (map[uuid.UUID]Record, error) {
	const q = `
		SELECT DISTINCT ON (e.request_id) e.id, e.at, e.actor_id, e.act, e.entity_id, e.request_id, e.code, e.digest, e.day, e.amounts, l.index
		  FROM audit_entry e LEFT JOIN audit_leaf l ON l.entry_id = e.id
		 WHERE e.request_id = ANY ($1) AND e.act = $2
		 ORDER BY e.request_id, e.id DESC`
	rows, err := postgres.Many[Record](ctx, db, q, requests, act)
	found := make(map[uuid.UUID]Record, len(rows))
	for _, r := range rows {
		found[*r.RequestID] = r
	}
	return found, err
}

// recordsOf reads what was done for a data subject's request, in the order it
// was done. The caller has seen to it that this may be known.
func recordsOf(ctx context.Context, db postgres.DB, request uuid.UUID) ([]Record, error) {
	const q = `
		SELECT e.id, e.at, e.actor_id, e.act, e.entity_id, e.request_id, e.code, e.digest, e.day, e.amounts, l.index
		  FROM audit_entry e LEFT JOIN audit_leaf l ON l.entry_id = e.id
		 WHERE e.request_id = $1
		 ORDER BY e.id`
	return postgres.Many[Record](ctx, db, q, request)
}

// Checkpoint returns the last signed checkpoint and the note it is signed in;
// zero and empty before the first. It needs the role auditor or dpo.
func (l *Log) Checkpoint(ctx context.Context, by access.Principal) (tree.Checkpoint, string, error) {
	if err := by.Require(access.Auditor, access.DPO); err != nil {
		return tree.Checkpoint{}, "", err
	}
	c, err := l.checkpoint(ctx)
	return c.Checkpoint, c.note, err
}

func (l *Log) checkpoint(ctx context.Context) (checkpoint, error) {
	if l.signer == nil {
		return checkpoint{}, fault.New(fault.Invalid, "AUDIT_KEY_MISSING", "checkpoints cannot be read without the checkpoint keys")
	}
	return lastCheckpoint(ctx, l.db, l.signer.Keys)
}
