package stores

import (
	"context"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/schemas/gate"
)

// around fills in what the catalog says of the data in tables that it knows:
// who answers for it, what it may be used for, who reads it, how long it stays.
// It takes the same few statements for any number of tables.
func (v *work) around(ctx context.Context, all []*judged, ids []uuid.UUID) error {
	datasets, err := catalog.DatasetsByID(ctx, v.db, ids)
	if err != nil {
		return err
	}
	owned, err := v.owned(ctx, datasets)
	if err != nil {
		return err
	}
	uses, err := v.uses(ctx, ids)
	if err != nil {
		return err
	}
	consumers, err := v.consumers(ctx, ids)
	if err != nil {
		return err
	}
	var policies []uuid.UUID
	for _, d := range datasets {
		if d.RetentionPolicyID != nil {
			policies = append(policies, *d.RetentionPolicyID)
		}
	}
	retained, err := catalog.RetentionPoliciesByID(ctx, v.db, policies)
	if err != nil {
		return err
	}
	for _, j := range all {
		d, known := datasets[j.dataset]
		if !known {
			j.change.Around = []gate.Around{{New: true}}
			continue
		}
		j.known = d
		a := gate.Around{Owned: owned[d.ID], Uses: uses[d.ID], Consumers: consumers[d.ID], Shreds: d.EraseBy == "CRYPTO_SHRED"}
		if d.RetentionPolicyID != nil {
			days := retained[*d.RetentionPolicyID].Days
			a.RetentionDays = &days
		}
		j.change.Around = []gate.Around{a}
	}
	return nil
}

// owned tells for which datasets an active team answers: their own owner, or
// their service's.
func (v *work) owned(ctx context.Context, datasets map[uuid.UUID]catalog.Dataset) (map[uuid.UUID]bool, error) {
	serviceOf := func(d catalog.Dataset) *uuid.UUID {
		if d.ServiceID != nil {
			return d.ServiceID
		}
		return v.store.ServiceID
	}
	var services, owners []uuid.UUID
	for _, d := range datasets {
		if id := serviceOf(d); id != nil {
			services = append(services, *id)
		}
	}
	found, err := catalog.ServicesByID(ctx, v.db, services)
	if err != nil {
		return nil, err
	}
	ownerOf := map[uuid.UUID]uuid.UUID{}
	for _, d := range datasets {
		owner := d.OwnerID
		if id := serviceOf(d); owner == nil && id != nil {
			owner = found[*id].OwnerID
		}
		if owner != nil {
			ownerOf[d.ID] = *owner
			owners = append(owners, *owner)
		}
	}
	teams, err := catalog.OwnersByID(ctx, v.db, owners)
	out := map[uuid.UUID]bool{}
	for dataset, owner := range ownerOf {
		out[dataset] = teams[owner].Active
	}
	return out, err
}

// uses are what datasets and their fields may be used for.
func (v *work) uses(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][]gate.Use, error) {
	declared, err := catalog.PermittedUsesByDataset(ctx, v.db, ids)
	if err != nil {
		return nil, err
	}
	var purposes, fields []uuid.UUID
	for _, all := range declared {
		for _, u := range all {
			purposes = append(purposes, u.PurposeID)
			if u.FieldID != nil {
				fields = append(fields, *u.FieldID)
			}
		}
	}
	known, err := catalog.PurposesByID(ctx, v.db, purposes)
	if err != nil {
		return nil, err
	}
	at, err := catalog.FieldsByID(ctx, v.db, fields)
	out := map[uuid.UUID][]gate.Use{}
	for dataset, all := range declared {
		for _, u := range all {
			use := gate.Use{Purpose: known[u.PurposeID].Ref, Basis: known[u.PurposeID].LegalBasis}
			if u.FieldID != nil {
				use.Path = at[*u.FieldID].Path
			}
			out[dataset] = append(out[dataset], use)
		}
	}
	return out, err
}

// consumers are the services that declared to read datasets.
func (v *work) consumers(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][]gate.Consumer, error) {
	declared, err := catalog.ConsumptionByDataset(ctx, v.db, ids)
	if err != nil {
		return nil, err
	}
	var services, purposes []uuid.UUID
	for _, all := range declared {
		for _, n := range all {
			services, purposes = append(services, n.ServiceID), append(purposes, n.PurposeIDs...)
		}
	}
	named, err := catalog.ServicesByID(ctx, v.db, services)
	if err != nil {
		return nil, err
	}
	known, err := catalog.PurposesByID(ctx, v.db, purposes)
	out := map[uuid.UUID][]gate.Consumer{}
	for dataset, all := range declared {
		for _, n := range all {
			c := gate.Consumer{Service: named[n.ServiceID].Ref, Told: n.Fields != nil, Fields: n.Fields}
			for _, id := range n.PurposeIDs {
				c.Purposes = append(c.Purposes, known[id].Ref)
			}
			out[dataset] = append(out[dataset], c)
		}
	}
	return out, err
}
