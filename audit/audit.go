// Package audit is the append-only record of who did what to which thing. An
// entry is written in the transaction of the act it records, so neither can
// exist without the other. Within a second a sealer takes new entries into a
// Merkle tree, signs its root and writes it outside the database, where
// whoever can change rows cannot reach.
//
// Nothing personal is in it: actors are ids of principals, whose names can be
// erased, and there is no column for prose.
package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/postgres"
)

// Entry is one act.
type Entry struct {
	Actor   uuid.UUID        // the principal who acted: by.ID
	Act     string           // what was done, "request.opened": words of a to z and _ with a dot between, 64 at most
	Entity  uuid.UUID        // what it was done to; uuid.Nil for nothing
	Request uuid.UUID        // the data subject's request it belongs to; uuid.Nil for none
	Code    string           // outcome, reason or role, in capitals, 64 at most; "" for none
	Digest  []byte           // SHA-256 of what was decided on, sent or received; nil for none
	Day     *time.Time       // a date the act is about; its time of day is not kept
	Amounts map[string]int64 // counts, 32 at most; names of a to z and _, 40 at most
}

// Append writes entries within the caller's unit of work, in one round trip.
// Their time is the database's clock. An entry that breaks a rule of its
// fields fails the unit of work: it is a mistake of the program.
func Append(ctx context.Context, db postgres.DB, entries ...Entry) error {
	var b postgres.Batch
	err := Queue(&b, entries...)
	if err == nil {
		err = b.Send(ctx, db)
	}
	return err
}

// Queue is Append with what else a batch does.
func Queue(b *postgres.Batch, entries ...Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var c columns
	for _, e := range entries {
		if err := c.add(e); err != nil {
			return err
		}
	}
	const q = `
		INSERT INTO audit_entry (id, actor_id, act, entity_id, request_id, code, digest, day, amounts)
		SELECT id, actor_id, act, entity_id, request_id, code, digest, day, amounts
		  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::bytea[], $8::date[], $9::jsonb[])
		       WITH ORDINALITY AS e (id, actor_id, act, entity_id, request_id, code, digest, day, amounts, nth)
		 ORDER BY nth`
	b.Do(q, c.ids, c.actors, c.acts, c.entities, c.requests, c.codes, c.digests, c.days, c.amounts)
	return nil
}

// columns are entries turned on their side, as unnest wants them.
type columns struct {
	ids, actors        []uuid.UUID
	acts, codes        []string
	entities, requests []uuid.NullUUID
	digests            [][]byte
	days               []*time.Time
	amounts            []map[string]int64
}

func (c *columns) add(e Entry) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if e.Amounts == nil {
		e.Amounts = map[string]int64{}
	}
	c.ids = append(c.ids, id)
	c.actors = append(c.actors, e.Actor)
	c.acts = append(c.acts, e.Act)
	c.entities = append(c.entities, orNull(e.Entity))
	c.requests = append(c.requests, orNull(e.Request))
	c.codes = append(c.codes, e.Code)
	c.digests = append(c.digests, e.Digest)
	c.days = append(c.days, e.Day)
	c.amounts = append(c.amounts, e.Amounts)
	return nil
}

func orNull(id uuid.UUID) uuid.NullUUID {
	return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil}
}
