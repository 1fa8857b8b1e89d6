package catalog

import (
	"context"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog/findings"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
)

// Readers are the roles that may read the catalog (design §4.4): everybody who
// works with it, and pipelines. A service knows its own data and needs no map
// of everybody else's.
var Readers = []access.Role{access.Viewer, access.Steward, access.Handler, access.Approver, access.DPO, access.Auditor, access.Admin, access.CI}

// Find finds a service by its ref, for somebody who may read the catalog.
func (c *Catalog) Find(ctx context.Context, by access.Principal, ref string) (Service, error) {
	if err := by.Require(Readers...); err != nil {
		return Service{}, err
	}
	return ServiceByRef(ctx, c.db, ref)
}

// FindDataset finds a dataset by its name, for somebody who may read the
// catalog.
func (c *Catalog) FindDataset(ctx context.Context, by access.Principal, environment, namespace, name string) (Dataset, error) {
	if err := by.Require(Readers...); err != nil {
		return Dataset{}, err
	}
	return datasetByName(ctx, c.db, environment, namespace, name)
}

// Keys lists the keys of a service, for somebody who may read the catalog.
func (c *Catalog) Keys(ctx context.Context, by access.Principal, service uuid.UUID) ([]ServiceKey, error) {
	if err := by.Require(Readers...); err != nil {
		return nil, err
	}
	return ServiceKeys(ctx, c.db, service)
}

// Findings pages through what is amiss, for somebody who may read the catalog;
// see findings.List.
func (c *Catalog) Findings(ctx context.Context, by access.Principal, states []string, p page.Args) (page.Page[findings.Finding], error) {
	if err := by.Require(Readers...); err != nil {
		return page.Page[findings.Finding]{}, err
	}
	return findings.List(ctx, c.db, states, p)
}
