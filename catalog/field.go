package catalog

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// Field is a place in a dataset that can hold a value.
type Field struct {
	ID           uuid.UUID
	DatasetID    uuid.UUID
	Path         string // see package fieldpath; unique in its dataset
	DataType     string // as its technology calls it
	Nullable     bool
	Doc          string
	Opaque       bool   // bytes, free JSON: what is in it cannot be told from its name
	Source       string // DECLARED by people, or SCHEMA: from a registered schema
	FirstVersion *int   // of the schema, first and last version that has the field
	LastVersion  *int
}

func (f Field) key() uuid.UUID { return f.ID }
func (f Field) revision() int  { return 0 }

// maxFields bounds what one call may declare.
const maxFields = 2000

// DeclareFields enters fields of a dataset, by path, or changes what is said
// of them. It needs a steward of the dataset's team, or an admin. Fields are
// never taken away: what once held data may still hold it.
func (c *Catalog) DeclareFields(ctx context.Context, by access.Principal, dataset uuid.UUID, fields []Field) (saved []Field, err error) {
	err = c.work(ctx, by, func(a *act) (err error) {
		saved, err = a.putFields(ctx, dataset, fields)
		return err
	})
	return saved, err
}

func (a *act) putFields(ctx context.Context, dataset uuid.UUID, fields []Field) ([]Field, error) {
	if err := a.mayChangeContents(ctx, dataset); err != nil {
		return nil, err
	}
	if err := checkFields(fields); err != nil {
		return nil, err
	}
	const q = `
		INSERT INTO catalog_field AS f (id, dataset_id, path, data_type, nullable, doc, opaque, words)
		SELECT n.id, $1, n.path, n.data_type, n.nullable, n.doc, n.opaque, to_tsvector('simple', catalog_words(n.path || ' ' || n.doc))
		  FROM unnest($2::uuid[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::boolean[])
		       AS n (id, path, data_type, nullable, doc, opaque)
		    ON CONFLICT (dataset_id, path) DO UPDATE
		   SET data_type = excluded.data_type, nullable = excluded.nullable, doc = excluded.doc, opaque = excluded.opaque, words = excluded.words, updated_at = now()
		 WHERE (f.data_type, f.nullable, f.doc, f.opaque) IS DISTINCT FROM (excluded.data_type, excluded.nullable, excluded.doc, excluded.opaque)
		RETURNING id, dataset_id, path, data_type, nullable, doc, opaque, source, first_version, last_version -- any order`
	n := fieldColumns(fields)
	changed, err := postgres.Many[Field](ctx, a.db, q, dataset, n.ids, n.paths, n.types, n.nullable, n.docs, n.opaque)
	if err != nil {
		return nil, err
	}
	if len(changed) > 0 {
		a.did("dataset.fields_declared", "DATASET", dataset, nil, changed)
	}
	return fieldsAt(ctx, a.db, dataset, n.paths)
}

// mayChangeContents asks the owner of a dataset, which must exist.
func (a *act) mayChangeContents(ctx context.Context, dataset uuid.UUID) error {
	const q = `SELECT EXISTS (SELECT FROM catalog_dataset WHERE id = $1)`
	there, err := postgres.Scalar[bool](ctx, a.db, q, dataset)
	if err != nil {
		return err
	}
	if !there {
		return unknown("datasetId", "dataset")
	}
	if a.by.IsSystem() || a.by.Has(access.Admin) {
		return nil
	}
	team, err := a.teamOfDataset(ctx, dataset)
	if err != nil {
		return err
	}
	return a.requireOwner(team)
}

func checkFields(fields []Field) error {
	var m mistakes
	m.require(len(fields) >= 1 && len(fields) <= maxFields, "fields", "OUT_OF_RANGE", "give 1 to %d fields at a time", maxFields)
	seen := make(map[string]bool, len(fields))
	for i, f := range fields {
		nth := fmt.Sprint(i)
		if _, err := fieldpath.Parse(f.Path); err != nil {
			m.add(at(err, "fields", nth))
		}
		m.require(!seen[f.Path], "fields."+nth+".path", "TWICE", "name each path once")
		m.require(len(f.DataType) <= 200 && printable(f.DataType), "fields."+nth+".dataType", "TOO_LONG", "a data type has at most 200 printable characters")
		m.require(len(f.Doc) <= 4000 && !bytes.ContainsRune([]byte(f.Doc), 0), "fields."+nth+".doc", "TOO_LONG", "a description has at most 4000 bytes and no NUL")
		seen[f.Path] = true
	}
	return m.err()
}

// columnsOfFields are fields turned on their side, as unnest wants them.
type columnsOfFields struct {
	ids              []uuid.UUID
	paths            []string
	types, docs      []string
	nullable, opaque []bool
}

func fieldColumns(fields []Field) (n columnsOfFields) {
	for _, f := range fields {
		n.ids = append(n.ids, newID(f.ID))
		n.paths = append(n.paths, f.Path)
		n.types, n.docs = append(n.types, f.DataType), append(n.docs, f.Doc)
		n.nullable, n.opaque = append(n.nullable, f.Nullable), append(n.opaque, f.Opaque)
	}
	return n
}

// UpsertSchemaFields enters the fields that a version of a schema gives a
// dataset, and remembers in which versions each was first and last seen. What
// people said in DeclareFields about type and description gives way only where
// the schema says something. It goes with what else a batch does; once that was
// sent the fields' ids are known, by path. Who is going to assert tags of them
// asks for that first (AssertTags): whoever declares fields waits in that order.
func UpsertSchemaFields(b *postgres.Batch, dataset uuid.UUID, version int, fields []Field) (ids func() map[string]uuid.UUID, err error) {
	if len(fields) == 0 {
		return func() map[string]uuid.UUID { return nil }, nil
	}
	if err := checkFields(fields); err != nil {
		return nil, err
	}
	// To take a description apart costs as much as to enter it, so that is done of
	// one that is new.
	const q = `
		INSERT INTO catalog_field AS f (id, dataset_id, path, data_type, nullable, doc, opaque, source, first_version, last_version, words)
		SELECT n.id, $1, n.path, n.data_type, n.nullable, n.doc, n.opaque, 'SCHEMA', $8, $8,
		       CASE WHEN n.doc IN (known.doc, '') AND known.words <> '' THEN known.words ELSE to_tsvector('simple', catalog_words(n.path || ' ' || n.doc)) END
		  FROM unnest($2::uuid[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::boolean[])
		       AS n (id, path, data_type, nullable, doc, opaque)
		  LEFT JOIN catalog_field known ON known.dataset_id = $1 AND known.path = n.path
		 ORDER BY n.path
		    ON CONFLICT (dataset_id, path) DO UPDATE
		   SET data_type = CASE WHEN excluded.data_type = '' THEN f.data_type ELSE excluded.data_type END,
		       doc = CASE WHEN excluded.doc = '' THEN f.doc ELSE excluded.doc END,
		       words = CASE WHEN excluded.doc = '' AND f.words <> '' THEN f.words ELSE excluded.words END,
		       nullable = excluded.nullable, opaque = f.opaque OR excluded.opaque,
		       first_version = least(f.first_version, excluded.first_version),
		       last_version = greatest(f.last_version, excluded.last_version), updated_at = now()
		RETURNING f.id, f.path -- any order`
	n := fieldColumns(fields)
	var rows []struct {
		ID   uuid.UUID
		Path string
	}
	postgres.Ask(b, &rows, q, dataset, n.ids, n.paths, n.types, n.nullable, n.docs, n.opaque, version)
	b.Explain(named)
	return func() map[string]uuid.UUID {
		out := make(map[string]uuid.UUID, len(rows))
		for _, f := range rows {
			out[f.Path] = f.ID
		}
		return out
	}, nil
}

// FieldsByDataset finds the fields of each dataset, by path.
func FieldsByDataset(ctx context.Context, db postgres.DB, datasets []uuid.UUID) (map[uuid.UUID][]Field, error) {
	const q = `
		SELECT id, dataset_id, path, data_type, nullable, doc, opaque, source, first_version, last_version
		  FROM catalog_field
		 WHERE dataset_id = ANY ($1)
		 ORDER BY dataset_id, path`
	rows, err := postgres.Many[Field](ctx, db, q, datasets)
	return grouped(rows, err, func(f Field) uuid.UUID { return f.DatasetID })
}

// FieldsByID finds fields; unknown ids are absent.
func FieldsByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Field, error) {
	const q = `
		SELECT id, dataset_id, path, data_type, nullable, doc, opaque, source, first_version, last_version
		  FROM catalog_field
		 WHERE id = ANY ($1)
		 ORDER BY id`
	return indexed(postgres.Many[Field](ctx, db, q, ids))
}

func fieldsAt(ctx context.Context, db postgres.DB, dataset uuid.UUID, paths []string) ([]Field, error) {
	const q = `
		SELECT id, dataset_id, path, data_type, nullable, doc, opaque, source, first_version, last_version
		  FROM catalog_field
		 WHERE dataset_id = $1 AND path = ANY ($2)
		 ORDER BY path`
	return postgres.Many[Field](ctx, db, q, dataset, paths)
}

// sorted returns ids in order, each once, leaving the given list alone.
func sorted(ids []uuid.UUID) []uuid.UUID {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}
