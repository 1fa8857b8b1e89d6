// Package pages reads of many things of the catalog at once what a screen shows
// of them, and no row beyond it.
package pages

import (
	"context"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/postgres"
)

// After names a page of what a dataset holds, by path.
type After struct {
	DatasetID uuid.UUID
	Path      string // of the row before the page; "" for the first
	Limit     int    // so many at most
}

// Fields reads a page of each dataset's fields.
func Fields(ctx context.Context, db postgres.DB, pages []After) (map[After][]catalog.Field, error) {
	const q = `
		SELECT p.no, f.id, f.dataset_id, f.path, f.data_type, f.nullable, f.doc, f.opaque, f.source, f.first_version, f.last_version
		  FROM unnest($1::uuid[], $2::text[], $3::int[]) WITH ORDINALITY AS p (dataset_id, path, most, no)
		 CROSS JOIN LATERAL (
		       SELECT id, dataset_id, path, data_type, nullable, doc, opaque, source, first_version, last_version
		         FROM catalog_field
		        WHERE dataset_id = p.dataset_id AND path > p.path
		        ORDER BY path
		        LIMIT p.most) AS f
		 ORDER BY p.no, f.path`
	var ids []uuid.UUID
	var paths []string
	var limits []int
	for _, p := range pages {
		ids, paths, limits = append(ids, p.DatasetID), append(paths, p.Path), append(limits, p.Limit)
	}
	type row struct {
		No int
		catalog.Field
	}
	rows, err := postgres.Many[row](ctx, db, q, ids, paths, limits)
	found := map[After][]catalog.Field{}
	for _, r := range rows {
		found[pages[r.No-1]] = append(found[pages[r.No-1]], r.Field)
	}
	return found, err
}

// ReaderNames finds names of readers that are in use; unknown ids are absent.
func ReaderNames(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]catalog.ActorAlias, error) {
	const q = `
		SELECT id, cluster, kind, name, service_id, rev
		  FROM catalog_actor_alias
		 WHERE id = ANY ($1) AND valid_to IS NULL
		 ORDER BY id`
	rows, err := postgres.Many[catalog.ActorAlias](ctx, db, q, ids)
	found := make(map[uuid.UUID]catalog.ActorAlias, len(rows))
	for _, n := range rows {
		found[n.ID] = n
	}
	return found, err
}
