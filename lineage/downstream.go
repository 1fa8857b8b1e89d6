package lineage

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// Evidence is how we know that data flow from one dataset to another.
type Evidence string

// The kinds of evidence, the plainest first.
const (
	Derived  Evidence = "DERIVED"  // the catalog says it is made from the other
	Stated   Evidence = "STATED"   // somebody stated the edge
	Consumed Evidence = "CONSUMED" // its service declared to read the other
	Observed Evidence = "OBSERVED" // its service was seen reading the other
	Shared   Evidence = "SHARED"   // its service reads the store the other lies in
)

// Reach is a dataset that data get to.
type Reach struct {
	DatasetID uuid.UUID
	Distance  int        // steps from the nearest dataset asked about, 1 or more
	FromID    uuid.UUID  // the dataset one step before
	ServiceID *uuid.UUID // who carries the data over that step; nil if nobody in particular
	Evidence  Evidence   // of that step
}

// Downstream lists the datasets that are fed by any of those given, at any
// remove, nearest first and each once, by its shortest way. Circles are walked
// once. The given datasets themselves are left out.
// It is for somebody who may read the catalog.
func Downstream(ctx context.Context, db postgres.DB, by access.Principal, datasets []uuid.UUID) ([]Reach, error) {
	if err := by.Require(catalog.Readers...); err != nil {
		return nil, err
	}
	steps, err := flows(ctx, db, datasets)
	if err != nil {
		return nil, err
	}
	from := map[uuid.UUID][]step{}
	for _, s := range steps {
		from[s.UpstreamID] = append(from[s.UpstreamID], s)
	}
	reached := map[uuid.UUID]bool{}
	for _, id := range datasets {
		reached[id] = true
	}
	var out []Reach
	for edge, distance := datasets, 1; len(edge) > 0; distance++ {
		found := nearest(edge, from, reached, distance)
		out = append(out, found...)
		edge = nil
		for _, r := range found {
			edge = append(edge, r.DatasetID)
		}
	}
	return out, nil
}

// nearest takes one step from every dataset of the edge to those not reached
// yet, and of several ways to one takes the plainest.
func nearest(edge []uuid.UUID, from map[uuid.UUID][]step, reached map[uuid.UUID]bool, distance int) []Reach {
	best := map[uuid.UUID]step{}
	for _, id := range edge {
		for _, s := range from[id] {
			old, met := best[s.DownstreamID]
			if !reached[s.DownstreamID] && (!met || s.rank() < old.rank()) {
				best[s.DownstreamID] = s
			}
		}
	}
	var out []Reach
	for id, s := range best {
		reached[id] = true
		out = append(out, Reach{id, distance, s.UpstreamID, s.ServiceID, s.Evidence})
	}
	slices.SortFunc(out, func(a, b Reach) int { return cmp.Compare(a.DatasetID.String(), b.DatasetID.String()) })
	return out
}

// step is one flow between two datasets.
type step struct {
	UpstreamID   uuid.UUID
	DownstreamID uuid.UUID
	ServiceID    *uuid.UUID
	Evidence     Evidence
}

func (s step) rank() int {
	return slices.Index([]Evidence{Derived, Stated, Consumed, Observed, Shared}, s.Evidence)
}

// flows lists every step that can be taken from the datasets given and from
// those reached. It is one statement, so that it sees one instant: what one
// room learns while we walk through another cannot open a gap. It reads the
// catalog's tables for that reason, and writes to none. A reading that somebody
// has explained is a way that data took all the same.
func flows(ctx context.Context, db postgres.DB, datasets []uuid.UUID) ([]step, error) {
	const q = `
		WITH RECURSIVE holding AS (
			SELECT d.id, d.store_id, coalesce(d.service_id, s.service_id) AS service_id
			  FROM catalog_dataset d
			  LEFT JOIN catalog_store s ON s.id = d.store_id
			 WHERE d.lifecycle <> 'RETIRED'
		),
		reading AS (
			SELECT c.dataset_id, c.service_id, 'CONSUMED' AS evidence
			  FROM catalog_consumption c
			 WHERE c.valid_to IS NULL
			UNION ALL
			SELECT r.dataset_id, r.service_id, 'OBSERVED'
			  FROM catalog_reader r
			UNION ALL
			SELECT d.id, r.service_id, 'SHARED'
			  FROM catalog_store_reader r
			  JOIN catalog_dataset d ON d.store_id = r.store_id
			 WHERE r.valid_to IS NULL
		),
		flow AS (
			SELECT f.source_id AS upstream_id, f.dataset_id AS downstream_id, NULL::uuid AS service_id, 'DERIVED' AS evidence
			  FROM catalog_dataset_source f
			UNION ALL
			SELECT e.upstream_id, e.downstream_id, e.service_id, 'STATED'
			  FROM lineage_edge e
			 WHERE e.valid_to IS NULL
			UNION ALL
			SELECT r.dataset_id, h.id, r.service_id, r.evidence
			  FROM reading r
			  JOIN holding h ON h.service_id = r.service_id
		),
		reached (dataset_id) AS (
			SELECT unnest($1::uuid[])
			UNION
			SELECT f.downstream_id
			  FROM reached w
			  JOIN flow f ON f.upstream_id = w.dataset_id
		)
		SELECT f.upstream_id, f.downstream_id, f.service_id, f.evidence
		  FROM reached w
		  JOIN flow f ON f.upstream_id = w.dataset_id
		 WHERE f.upstream_id <> f.downstream_id
		 ORDER BY f.upstream_id, f.downstream_id, f.evidence, f.service_id`
	return postgres.Many[step](ctx, db, q, datasets)
}
