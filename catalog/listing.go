package catalog

import (
	"context"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// DatasetFilter says which datasets are wanted; the zero value wants all.
type DatasetFilter struct {
	ServiceID *uuid.UUID // only of this service, its stores' datasets included
	StoreID   *uuid.UUID // only in this store
	Term      *string    // only with this tag in force, or one below it
}

// Datasets lists datasets by environment, namespace and name. A term that the
// vocabulary lacks is refused, with the nearest one it has: an empty list would
// read as if there were no such data.
func (c *Catalog) Datasets(ctx context.Context, by access.Principal, f DatasetFilter, p page.Args) (page.Page[Dataset], error) {
	if err := by.Require(Readers...); err != nil {
		return page.Page[Dataset]{}, err
	}
	if err := p.Check(); err != nil {
		return page.Page[Dataset]{}, err
	}
	list := "datasets:" + idText(f.ServiceID) + ":" + idText(f.StoreID)
	if f.Term != nil {
		if _, err := taxonomy.Find("filter.term", *f.Term, taxonomy.Category, taxonomy.Subject, taxonomy.Sensitivity); err != nil {
			return page.Page[Dataset]{}, err
		}
		list += ":" + *f.Term
	}
	var environment, namespace, name string
	if p.After != "" {
		if err := page.Decode(p.After, list, &environment, &namespace, &name); err != nil {
			return page.Page[Dataset]{}, err
		}
	}
	const q = `
		SELECT d.id, d.environment, d.namespace, d.name, d.kind, d.doc, d.store_id, d.service_id, d.owner_id, d.derived, d.lifecycle,
		       d.erase_by, d.usual_max, d.retention_policy_id, d.rev,
		       ARRAY (SELECT source_id FROM catalog_dataset_source s WHERE s.dataset_id = d.id ORDER BY source_id) AS derived_from
		  FROM catalog_dataset d
		  LEFT JOIN catalog_store st ON st.id = d.store_id
		 WHERE (d.environment, d.namespace, d.name) > ($1, $2, $3)
		   AND ($4::uuid IS NULL OR coalesce(d.service_id, st.service_id) = $4)
		   AND ($5::uuid IS NULL OR d.store_id = $5)
		   AND ($6::text IS NULL OR EXISTS (
		       SELECT FROM catalog_effective_tag e WHERE e.dataset_id = d.id AND (e.key = $6 OR starts_with(e.key, $6 || '.'))))
		 ORDER BY d.environment, d.namespace, d.name
		 LIMIT $7`
	rows, err := postgres.Many[Dataset](ctx, c.db, q, environment, namespace, name, f.ServiceID, f.StoreID, f.Term, p.First+1)
	if err != nil {
		return page.Page[Dataset]{}, err
	}
	return page.Cut(rows, p.First, func(d Dataset) string { return page.Encode(list, d.Environment, d.Namespace, d.Name) }), nil
}

func idText(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}

// Fields lists the fields of a dataset by path.
func (c *Catalog) Fields(ctx context.Context, by access.Principal, dataset uuid.UUID, p page.Args) (page.Page[Field], error) {
	const q = `
		SELECT id, dataset_id, path, data_type, nullable, doc, opaque, source, first_version, last_version
		  FROM catalog_field
		 WHERE dataset_id = $1 AND path > $2
		 ORDER BY path
		 LIMIT $3`
	return byRef(by, p, "fields:"+dataset.String(), func(after string, limit int) ([]Field, error) {
		return postgres.Many[Field](ctx, c.db, q, dataset, after, limit)
	}, func(f Field) string { return f.Path })
}
