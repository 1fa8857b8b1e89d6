// Package lineage knows where data go: who reads a dataset, said and seen, and
// which datasets are fed by it at any remove.
//
// It looks for too much rather than too little. A service that reads a topic
// is taken to bring what it reads into every dataset it holds, because an
// erasure that asks one service too many costs a message, and one that asks
// one too few leaves a person's data behind.
package lineage

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Lineage commits what people state about the ways of data.
type Lineage struct {
	db  *pgxpool.Pool
	now func() time.Time
}

// New returns a lineage kept in db.
func New(db *pgxpool.Pool, now func() time.Time) *Lineage { return &Lineage{db, now} }

// Edge says that one dataset is made from another.
type Edge struct {
	ID           uuid.UUID
	UpstreamID   uuid.UUID
	DownstreamID uuid.UUID
	ServiceID    *uuid.UUID // who carries the data; nil if nobody in particular
	StatedBy     uuid.UUID  // row of the audit log's principals; set by State
	ValidFrom    time.Time  // set by State
	ValidTo      *time.Time // nil while it holds
}

// State enters an edge. It needs a steward of the team that owns the dataset
// downstream, or an admin. Stating what holds already changes nothing.
func (l *Lineage) State(ctx context.Context, by access.Principal, e Edge) (Edge, error) {
	err := postgres.Work(ctx, l.db, func(tx pgx.Tx) error {
		if err := requireOwner(ctx, tx, by, e.DownstreamID); err != nil {
			return err
		}
		if e.UpstreamID == e.DownstreamID {
			return fault.Bad("downstreamId", "EDGE_TO_ITSELF", "an edge leads from one dataset to another")
		}
		e.ID, e.StatedBy, e.ValidFrom, e.ValidTo = uuid.Must(uuid.NewV7()), by.ID, l.now().UTC().Truncate(time.Microsecond), nil
		const q = `
			INSERT INTO lineage_edge (id, upstream_id, downstream_id, service_id, source, stated_by, valid_from)
			VALUES ($1, $2, $3, $4, 'DECLARED', $5, $6)
			    ON CONFLICT DO NOTHING`
		tag, err := tx.Exec(ctx, q, e.ID, e.UpstreamID, e.DownstreamID, e.ServiceID, by.ID, e.ValidFrom)
		if err != nil {
			return named(err)
		}
		if tag.RowsAffected() == 0 {
			e, err = standing(ctx, tx, e)
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "lineage.edge_stated", Entity: e.ID})
	})
	return e, err
}

// standing finds the edge that says already what e says.
func standing(ctx context.Context, db postgres.DB, e Edge) (Edge, error) {
	const q = `
		SELECT id, upstream_id, downstream_id, service_id, stated_by, valid_from, valid_to
		  FROM lineage_edge
		 WHERE upstream_id = $1 AND downstream_id = $2 AND service_id IS NOT DISTINCT FROM $3 AND source = 'DECLARED' AND valid_to IS NULL`
	return postgres.One[Edge](ctx, db, q, e.UpstreamID, e.DownstreamID, e.ServiceID)
}

// Withdraw closes an edge: from now on it does not hold, and that it held can
// still be told. It needs the same as State.
func (l *Lineage) Withdraw(ctx context.Context, by access.Principal, edge uuid.UUID) error {
	return postgres.Work(ctx, l.db, func(tx pgx.Tx) error {
		const qFind = `
			SELECT id, upstream_id, downstream_id, service_id, stated_by, valid_from, valid_to
			  FROM lineage_edge
			 WHERE id = $1 AND valid_to IS NULL
			   FOR UPDATE`
		e, err := postgres.One[Edge](ctx, tx, qFind, edge)
		if errors.Is(err, postgres.ErrNotFound) {
			return fault.Missing("edge", "no such edge holds now")
		}
		if err != nil {
			return err
		}
		if err := requireOwner(ctx, tx, by, e.DownstreamID); err != nil {
			return err
		}
		const q = `UPDATE lineage_edge SET valid_to = greatest($2, valid_from) WHERE id = $1`
		if _, err := tx.Exec(ctx, q, edge, l.now()); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "lineage.edge_withdrawn", Entity: edge})
	})
}

// EdgesByDataset finds the edges that hold now and lead to or from each dataset.
func EdgesByDataset(ctx context.Context, db postgres.DB, datasets []uuid.UUID) (map[uuid.UUID][]Edge, error) {
	const q = `
		SELECT id, upstream_id, downstream_id, service_id, stated_by, valid_from, valid_to
		  FROM lineage_edge
		 WHERE valid_to IS NULL AND (upstream_id = ANY ($1) OR downstream_id = ANY ($1))
		 ORDER BY valid_from, id`
	rows, err := postgres.Many[Edge](ctx, db, q, datasets)
	of := map[uuid.UUID][]Edge{}
	for _, e := range rows {
		of[e.UpstreamID] = append(of[e.UpstreamID], e)
		of[e.DownstreamID] = append(of[e.DownstreamID], e)
	}
	return of, err
}

// EdgesByID finds edges, those that hold no more too; unknown ids are absent.
func EdgesByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Edge, error) {
	const q = `
		SELECT id, upstream_id, downstream_id, service_id, stated_by, valid_from, valid_to
		  FROM lineage_edge
		 WHERE id = ANY ($1)
		 ORDER BY id`
	rows, err := postgres.Many[Edge](ctx, db, q, ids)
	found := make(map[uuid.UUID]Edge, len(rows))
	for _, e := range rows {
		found[e.ID] = e
	}
	return found, err
}

// requireOwner refuses unless by may speak for a dataset. One that nobody owns
// is an admin's to speak for.
func requireOwner(ctx context.Context, db postgres.DB, by access.Principal, dataset uuid.UUID) error {
	if err := by.Require(access.Steward, access.Admin); err != nil {
		return err
	}
	datasets, err := catalog.DatasetsByID(ctx, db, []uuid.UUID{dataset})
	if err != nil {
		return err
	}
	d, known := datasets[dataset]
	if !known {
		return fault.Missing("dataset", "there is no such dataset")
	}
	team, err := teamOf(ctx, db, d)
	if err != nil {
		return err
	}
	if team == "" {
		return by.Require(access.Admin)
	}
	return by.RequireOwner(team)
}

// teamOf names the team that owns a dataset: its own, or that of its service.
func teamOf(ctx context.Context, db postgres.DB, d catalog.Dataset) (string, error) {
	owner := d.OwnerID
	if owner == nil {
		of, err := servicesOf(ctx, db, map[uuid.UUID]catalog.Dataset{d.ID: d})
		if err != nil || of[d.ID] == nil {
			return "", err
		}
		services, err := catalog.ServicesByID(ctx, db, []uuid.UUID{*of[d.ID]})
		if err != nil {
			return "", err
		}
		owner = services[*of[d.ID]].OwnerID
	}
	if owner == nil {
		return "", nil
	}
	owners, err := catalog.OwnersByID(ctx, db, []uuid.UUID{*owner})
	return owners[*owner].Ref, err
}

// named turns breaches of constraints into faults.
func named(err error) error {
	switch {
	case postgres.Violates(err, "lineage_edge_upstream_known"), postgres.Violates(err, "lineage_edge_downstream_known"):
		return fault.Missing("dataset", "there is no such dataset")
	case postgres.Violates(err, "lineage_edge_service_known"):
		return fault.Missing("service", "there is no such service")
	}
	return err
}
