package schemas

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// idFor is the id of a content: that which it has, the next one, or in an
// import the one that was asked for.
func (r *Registry) idFor(ctx context.Context, tx pgx.Tx, in string, asked int, c *content) (int, error) {
	if asked <= 0 {
		return r.keepContent(ctx, tx, in, c)
	}
	const qCounter = `
		INSERT INTO schemas_context AS c (name, next_id) VALUES ($1, $2)
		    ON CONFLICT (name) DO UPDATE SET next_id = greatest(c.next_id, excluded.next_id)`
	if _, err := tx.Exec(ctx, qCounter, in, asked+1); err != nil {
		return 0, err
	}
	const q = `
		INSERT INTO schemas_schema (context, id, type, text, hash, created_at, metadata, rule_set, body_hash, shape_hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		    ON CONFLICT DO NOTHING`
	tag, err := tx.Exec(ctx, q, in, asked, c.kind, c.text, c.hash[:], r.now(), c.metadata, c.ruleSet, c.bodyHash(), c.shapeHash())
	if err != nil {
		return 0, err
	}
	if tag.RowsAffected() == 1 {
		if err := neverAnother(ctx, tx, in, asked, c); err != nil {
			return 0, err
		}
		return asked, keepReferences(ctx, tx, contentID{in, asked}, c.references)
	}
	const qSame = `SELECT id FROM schemas_schema WHERE context = $1 AND hash = $2 AND id = $3 FOR KEY SHARE`
	id, err := postgres.Scalar[int](ctx, tx, qSame, in, c.hash[:], asked)
	if errors.Is(err, postgres.ErrNotFound) {
		err = fault.Bad("id", "ID_TAKEN", "the id %d stands for another schema, or this schema has another id; an id is one schema's for ever: bring it into a context of its own", asked)
	}
	return id, err
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

// keepContent finds the id of a content in a context, or gives it the next
// one. What is there is held, so that it is not deleted for good meanwhile; if
// it just was, it is new. The counter's row is locked until the end, so it is
// taken late.
func (r *Registry) keepContent(ctx context.Context, tx pgx.Tx, in string, c *content) (int, error) {
	const q = `
		WITH known AS (
		    SELECT id FROM schemas_schema WHERE context = $1 AND hash = $4 FOR KEY SHARE),
		next AS (
		    INSERT INTO schemas_context AS c (name, next_id)
		    SELECT $1, 2 WHERE NOT EXISTS (SELECT FROM known)
		        ON CONFLICT (name) DO UPDATE SET next_id = c.next_id + 1
		    RETURNING c.next_id - 1 AS id),
		fresh AS (
		    INSERT INTO schemas_schema (context, id, type, text, hash, created_at, metadata, rule_set, body_hash, shape_hash)
		    SELECT $1, next.id, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8, $9 FROM next
		        ON CONFLICT ON CONSTRAINT schemas_content_has_one_id DO NOTHING
		    RETURNING id)
		SELECT id, false AS fresh FROM known UNION ALL SELECT id, true FROM fresh`
	type kept struct {
		ID    int
		Fresh bool
	}
	for {
		k, err := postgres.One[kept](ctx, tx, q, in, c.kind, c.text, c.hash[:], r.now(), c.metadata, c.ruleSet, c.bodyHash(), c.shapeHash())
		switch {
		case errors.Is(err, postgres.ErrNotFound): // another subject brought the same content meanwhile
		case err != nil || !k.Fresh:
			return k.ID, err
		default:
			return k.ID, keepReferences(ctx, tx, contentID{in, k.ID}, c.references)
		}
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
