package catalog

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// Change is one entry of the catalog's own history: what an act found and what
// it left. It is ordinary data, beside the audit log, and may be erased.
type Change struct {
	Seq        int64 // grows; gaps mean nothing
	At         time.Time
	Actor      uuid.UUID // row of the audit log's principals
	Act        string
	EntityKind string // CONTROLLER, OWNER, SERVICE, STORE, DATASET, TAG, …
	EntityID   uuid.UUID
	Before     json.RawMessage // null for something new
	After      json.RawMessage // null for something ended
}

func writeHistory(b *postgres.Batch, by access.Principal, changes []change) error {
	acts, kinds := make([]string, len(changes)), make([]string, len(changes))
	ids := make([]uuid.UUID, len(changes))
	befores, afters := make([]*string, len(changes)), make([]*string, len(changes))
	for i, c := range changes {
		acts[i], kinds[i], ids[i] = c.Act, c.Kind, c.ID
		var err error
		if befores[i], err = document(c.Before); err != nil {
			return err
		}
		if afters[i], err = document(c.After); err != nil {
			return err
		}
	}
	const q = `
		INSERT INTO catalog_change (actor, act, entity_kind, entity_id, before, after)
		SELECT $1, act, kind, id, before::jsonb, after::jsonb
		  FROM unnest($2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[]) WITH ORDINALITY
		       AS c (act, kind, id, before, after, nth)
		 ORDER BY nth`
	b.Do(q, by.ID, acts, kinds, ids, befores, afters)
	return nil
}

// document writes v as JSON; nil, also as a nil pointer, is NULL.
func document(v any) (*string, error) {
	b, err := json.Marshal(v)
	if err != nil || string(b) == "null" {
		return nil, err
	}
	s := string(b)
	return &s, nil
}

// Changes lists the history of one entity, the latest first.
func (c *Catalog) Changes(ctx context.Context, by access.Principal, entity uuid.UUID, p page.Args) (page.Page[Change], error) {
	if err := by.Require(Readers...); err != nil {
		return page.Page[Change]{}, err
	}
	if err := p.Check(); err != nil {
		return page.Page[Change]{}, err
	}
	list := "changes:" + entity.String()
	before := int64(1<<63 - 1)
	if p.After != "" {
		if err := page.Decode(p.After, list, &before); err != nil {
			return page.Page[Change]{}, err
		}
	}
	const q = `
		SELECT seq, at, actor, act, entity_kind, entity_id, before, after
		  FROM catalog_change
		 WHERE entity_id = $1 AND seq < $2
		 ORDER BY seq DESC
		 LIMIT $3`
	rows, err := postgres.Many[Change](ctx, c.db, q, entity, before, p.First+1)
	if err != nil {
		return page.Page[Change]{}, err
	}
	return page.Cut(rows, p.First, func(c Change) string { return page.Encode(list, c.Seq) }), nil
}
