package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Consumption is a service's own word that it reads a dataset, and what for.
type Consumption struct {
	ID         uuid.UUID
	ServiceID  uuid.UUID
	DatasetID  uuid.UUID
	PurposeIDs []uuid.UUID // in order of id
	Fields     []string    // paths it reads, in order; nil: it does not say; empty: none
	ValidFrom  time.Time   // set by the catalog
	ValidTo    *time.Time
	CreatedBy  uuid.UUID
}

func (n Consumption) key() uuid.UUID { return n.ID }
func (n Consumption) revision() int  { return 0 }

// DeclareConsumption says that a service reads a dataset; what it said before
// about that dataset ends. It needs a steward of the reading service's team,
// or an admin.
func (c *Catalog) DeclareConsumption(ctx context.Context, by access.Principal, n Consumption) (Consumption, error) {
	err := c.work(ctx, by, func(a *act) (err error) {
		n, err = a.putConsumption(ctx, n)
		return err
	})
	return n, err
}

func (a *act) putConsumption(ctx context.Context, n Consumption) (Consumption, error) {
	if err := a.mayActAs(ctx, n.ServiceID); err != nil {
		return n, err
	}
	n.PurposeIDs = sorted(n.PurposeIDs)
	if n.Fields != nil {
		n.Fields = slices.Compact(slices.Sorted(slices.Values(n.Fields)))
		n.Fields = listed(n.Fields)
	}
	if err := n.check(); err != nil {
		return n, err
	}
	old, err := a.openConsumption(ctx, n.ServiceID, n.DatasetID)
	if err != nil {
		return n, err
	}
	if old != nil && slices.Equal(old.PurposeIDs, n.PurposeIDs) && same(old.Fields, n.Fields) {
		return *old, nil
	}
	if old != nil {
		if err := endConsumptionRow(ctx, a.db, old.ID); err != nil {
			return n, err
		}
	}
	n.ID, n.CreatedBy = newID(uuid.Nil), a.by.ID
	if n.ValidFrom, err = beginConsumption(ctx, a.db, n); err != nil {
		return n, err
	}
	a.did("service.consumption_declared", "CONSUMPTION", n.ID, old, n)
	return n, nil
}

// mayActAs asks the owner of a service, which must exist.
func (a *act) mayActAs(ctx context.Context, service uuid.UUID) error {
	_, err := a.serviceToChange(ctx, service)
	if fault.KindOf(err) == fault.NotFound {
		return unknown("serviceId", "service")
	}
	return err
}

func (n Consumption) check() error {
	var m mistakes
	m.require(len(n.PurposeIDs) <= 50, "purposeIds", "TOO_MANY", "name at most 50 purposes")
	m.require(len(n.Fields) <= maxFields, "fields", "TOO_MANY", "name at most %d fields", maxFields)
	for i, f := range n.Fields {
		if _, err := fieldpath.Parse(f); err != nil {
			m.add(at(err, "fields", fmt.Sprint(i)))
		}
	}
	return m.err()
}

func (a *act) openConsumption(ctx context.Context, service, dataset uuid.UUID) (*Consumption, error) {
	const q = `
		SELECT id, service_id, dataset_id, fields, valid_from, valid_to, created_by,
		       ARRAY (SELECT purpose_id FROM catalog_consumption_purpose p WHERE p.consumption_id = c.id ORDER BY purpose_id) AS purpose_ids
		  FROM catalog_consumption c
		 WHERE service_id = $1 AND dataset_id = $2 AND valid_to IS NULL`
	n, err := postgres.One[Consumption](ctx, a.db, q, service, dataset)
	if errors.Is(err, postgres.ErrNotFound) {
		return nil, nil
	}
	return &n, err
}

func beginConsumption(ctx context.Context, db postgres.DB, n Consumption) (time.Time, error) {
	const q = `
		WITH consumption AS (
		    INSERT INTO catalog_consumption (id, service_id, dataset_id, fields, created_by)
		    VALUES ($1, $2, $3, $4, $5)
		    RETURNING id, valid_from),
		purposes AS (
		    INSERT INTO catalog_consumption_purpose (consumption_id, purpose_id)
		    SELECT c.id, p.id FROM consumption c, unnest($6::uuid[]) AS p (id))
		SELECT valid_from FROM consumption`
	return postgres.Scalar[time.Time](ctx, db, q, n.ID, n.ServiceID, n.DatasetID, n.Fields, n.CreatedBy, n.PurposeIDs)
}

func endConsumptionRow(ctx context.Context, db postgres.DB, id uuid.UUID) error {
	const q = `UPDATE catalog_consumption SET valid_to = now() WHERE id = $1`
	_, err := db.Exec(ctx, q, id)
	return err
}

// EndConsumption says that a service no longer reads a dataset. It needs a
// steward of the reading service's team, or an admin.
func (c *Catalog) EndConsumption(ctx context.Context, by access.Principal, id uuid.UUID) error {
	return c.work(ctx, by, func(a *act) error { return a.endConsumption(ctx, id) })
}

func (a *act) endConsumption(ctx context.Context, id uuid.UUID) error {
	const q = `
		SELECT id, service_id, dataset_id, fields, valid_from, valid_to, created_by,
		       ARRAY (SELECT purpose_id FROM catalog_consumption_purpose p WHERE p.consumption_id = c.id ORDER BY purpose_id) AS purpose_ids
		  FROM catalog_consumption c
		 WHERE id = $1 AND valid_to IS NULL`
	n, err := postgres.One[Consumption](ctx, a.db, q, id)
	if errors.Is(err, postgres.ErrNotFound) {
		return missing("consumption")
	}
	if err != nil {
		return err
	}
	if err := a.mayActAs(ctx, n.ServiceID); err != nil {
		return err
	}
	a.did("service.consumption_ended", "CONSUMPTION", id, n, nil)
	return endConsumptionRow(ctx, a.db, id)
}

// ConsumptionByDataset finds who says now that it reads each dataset.
func ConsumptionByDataset(ctx context.Context, db postgres.DB, datasets []uuid.UUID) (map[uuid.UUID][]Consumption, error) {
	const q = `
		SELECT id, service_id, dataset_id, fields, valid_from, valid_to, created_by,
		       ARRAY (SELECT purpose_id FROM catalog_consumption_purpose p WHERE p.consumption_id = c.id ORDER BY purpose_id) AS purpose_ids
		  FROM catalog_consumption c
		 WHERE dataset_id = ANY ($1) AND valid_to IS NULL
		 ORDER BY dataset_id, service_id`
	rows, err := postgres.Many[Consumption](ctx, db, q, datasets)
	return grouped(rows, err, func(n Consumption) uuid.UUID { return n.DatasetID })
}

// ConsumptionByID finds declarations, ended ones too; unknown ids are absent.
func ConsumptionByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Consumption, error) {
	const q = `
		SELECT id, service_id, dataset_id, fields, valid_from, valid_to, created_by,
		       ARRAY (SELECT purpose_id FROM catalog_consumption_purpose p WHERE p.consumption_id = c.id ORDER BY purpose_id) AS purpose_ids
		  FROM catalog_consumption c
		 WHERE id = ANY ($1)
		 ORDER BY id`
	return indexed(postgres.Many[Consumption](ctx, db, q, ids))
}
