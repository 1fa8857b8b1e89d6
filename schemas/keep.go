package schemas

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// outcome is what came of a version that was written.
type outcome struct {
	ID    int  // of the content
	Fresh bool // nobody had brought the content before
	Head  int64
}

// writesVersion writes a version of a content, as changed does.
const writesVersion = `
		version AS (
		    INSERT INTO schemas_version (subject_id, version, context, schema_id, registered_by, registered_at)
		    SELECT $2, $3, $1, content.id, $4, $5 FROM content),
		change AS (
		    INSERT INTO schemas_change (kind, context, subject_id, version, schema_id, at)
		    SELECT 'REGISTERED', $1, $2, $3, content.id, $5 FROM content
		    RETURNING seq),
		head AS (UPDATE schemas_subject s SET head = change.seq FROM change WHERE s.id = $2)
		SELECT content.id, content.fresh, change.seq AS head FROM content, change`

// importVersion writes a version of a content under the id that is asked for.
func (r *Registry) importVersion(ctx context.Context, l *locked, by access.Principal, to successor, at time.Time) (n outcome, err error) {
	if n.Fresh, err = r.keepAs(ctx, l.tx, l.Context, to.id, to.c); err != nil {
		return n, err
	}
	const q = `WITH content AS (SELECT $6::int AS id, $7::boolean AS fresh), ` + writesVersion
	return postgres.One[outcome](ctx, l.tx, q, l.Context, l.ID, to.number, by.ID, at, to.id, n.Fresh)
}

// keepAs gives a content the id that an import asks for, unless it has that.
func (r *Registry) keepAs(ctx context.Context, tx pgx.Tx, in string, asked int, c *content) (fresh bool, err error) {
	const qCounter = `
		INSERT INTO schemas_context AS c (name, next_id) VALUES ($1, $2)
		    ON CONFLICT (name) DO UPDATE SET next_id = greatest(c.next_id, excluded.next_id)`
	if _, err := tx.Exec(ctx, qCounter, in, asked+1); err != nil {
		return false, err
	}
	const q = `
		INSERT INTO schemas_schema (context, id, type, text, hash, created_at, metadata, rule_set, body_hash, shape_hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		    ON CONFLICT DO NOTHING`
	tag, err := tx.Exec(ctx, q, in, asked, c.kind, c.text, c.hash[:], r.now(), c.metadata, c.ruleSet, c.bodyHash(), c.shapeHash())
	if err != nil {
		return false, err
	}
	if tag.RowsAffected() == 1 {
		return true, neverAnother(ctx, tx, in, asked, c)
	}
	const qSame = `SELECT id FROM schemas_schema WHERE context = $1 AND hash = $2 AND id = $3 FOR KEY SHARE`
	_, err = postgres.Scalar[int](ctx, tx, qSame, in, c.hash[:], asked)
	if errors.Is(err, postgres.ErrNotFound) {
		err = fault.Bad("id", "ID_TAKEN", "the id %d stands for another schema, or this schema has another id; an id is one schema's for ever: bring it into a context of its own", asked)
	}
	return false, err
}

// neverAnother refuses an id that stood for another content before that was
// deleted for good: messages written with it are still about. The caller has
// taken the id, so a deletion that was under way has ended.
func neverAnother(ctx context.Context, tx pgx.Tx, in string, id int, c *content) error {
	const q = `SELECT EXISTS (SELECT FROM schemas_ended WHERE context = $1 AND id = $2 AND hash <> $3)`
	other, err := postgres.Scalar[bool](ctx, tx, q, in, id, c.hash[:])
	if err == nil && other {
		err = fault.Bad("id", "ID_TAKEN", "the id %d stood for another schema that was deleted for good; an id is one schema's for ever: bring it into a context of its own", id)
	}
	return err
}

// writeVersion writes a version of a content, which has its id in the context already, or
// gets the next one. What is there is held, so that it is not deleted for good
// meanwhile; if it just was, it is new. The counter's row is locked until the
// end, so this is done late. What is in the batch goes before.
func (r *Registry) writeVersion(ctx context.Context, l *locked, b *postgres.Batch, by access.Principal, to successor, at time.Time) (outcome, error) {
	const q = `
		WITH known AS (
		    SELECT id FROM schemas_schema WHERE context = $1 AND hash = $6 FOR KEY SHARE),
		next AS (
		    INSERT INTO schemas_context AS c (name, next_id)
		    SELECT $1, 2 WHERE NOT EXISTS (SELECT FROM known)
		        ON CONFLICT (name) DO UPDATE SET next_id = c.next_id + 1
		    RETURNING c.next_id - 1 AS id),
		new AS (
		    INSERT INTO schemas_schema (context, id, type, text, hash, created_at, metadata, rule_set, body_hash, shape_hash)
		    SELECT $1, next.id, $7, $8, $6, $5, $9::jsonb, $10::jsonb, $11, $12 FROM next
		        ON CONFLICT ON CONSTRAINT schemas_content_has_one_id DO NOTHING
		    RETURNING id),
		content AS (SELECT id, false AS fresh FROM known UNION ALL SELECT id, true FROM new), ` + writesVersion
	if to.id > 0 {
		if err := b.Send(ctx, l.tx); err != nil {
			return outcome{}, err
		}
		return r.importVersion(ctx, l, by, to, at)
	}
	c := to.c
	for {
		var done []outcome
		postgres.Ask(b, &done, q, l.Context, l.ID, to.number, by.ID, at, c.hash[:],
			c.kind, c.text, c.metadata, c.ruleSet, c.bodyHash(), c.shapeHash())
		if err := b.Send(ctx, l.tx); err != nil {
			return outcome{}, err
		}
		if len(done) == 1 {
			return done[0], nil
		}
		b = &postgres.Batch{} // another subject brought the same content meanwhile
	}
}

// bodyHash is the hash without metadata and rules, where it is another.
func (c *content) bodyHash() []byte {
	if c.body == c.hash {
		return nil
	}
	return c.body[:]
}

// lockTargets holds what a schema refers to, so that none of it is deleted
// meanwhile.
func lockTargets(ctx context.Context, tx pgx.Tx, targets []target) error {
	for _, t := range targets {
		const q = `
			SELECT v.version
			  FROM schemas_version v
			 WHERE v.subject_id = $1 AND v.version = $2 AND v.schema_id = $3 AND v.deleted_at IS NULL
			   FOR KEY SHARE`
		_, err := postgres.Scalar[int](ctx, tx, q, t.subjectID, t.Version, t.schemaID.id)
		if errors.Is(err, postgres.ErrNotFound) {
			return fault.Bad("references."+t.Name, "INVALID_SCHEMA", "the version it refers to was deleted just now; refer to another")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func keepReferences(ctx context.Context, tx pgx.Tx, id contentID, targets []target) error {
	for i, t := range targets {
		const q = `
			INSERT INTO schemas_reference (context, schema_id, name, position, target_subject_id, target_version)
			VALUES ($1, $2, $3, $4, $5, $6)`
		if _, err := tx.Exec(ctx, q, id.context, id.id, t.Name, i, t.subjectID, t.Version); err != nil {
			return err
		}
	}
	return nil
}
