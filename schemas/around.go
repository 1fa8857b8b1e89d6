package schemas

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/gate"
)

// around gathers what the catalog says of the data in a subject's topic. Where
// several clusters have the topic, it is that of the first.
func (r *Registry) around(ctx context.Context, db postgres.DB, p place) (*gate.Around, error) {
	ids, err := r.datasetsOf(ctx, db, p)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	id := ids[0]
	found, err := catalog.DatasetsByID(ctx, db, []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	d := found[id]
	a := &gate.Around{Shreds: d.EraseBy == "CRYPTO_SHRED"}
	for _, fill := range []func(context.Context, postgres.DB, place, catalog.Dataset, *gate.Around) error{ownedBy, permitted, consumed, retained} {
		if err := fill(ctx, db, p, d, a); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// ownedBy tells whether an active team answers for a dataset: its own owner, or
// its service's.
func ownedBy(ctx context.Context, db postgres.DB, _ place, d catalog.Dataset, a *gate.Around) error {
	owner := d.OwnerID
	if owner == nil {
		services, err := servicesOf(ctx, db, []uuid.UUID{d.ID}, map[uuid.UUID]catalog.Dataset{d.ID: d})
		if err != nil || len(services) == 0 {
			return err
		}
		found, err := catalog.ServicesByID(ctx, db, services)
		if err != nil {
			return err
		}
		owner = found[services[0]].OwnerID
	}
	if owner == nil {
		return nil
	}
	owners, err := catalog.OwnersByID(ctx, db, []uuid.UUID{*owner})
	a.Owned = owners[*owner].Active
	return err
}

func permitted(ctx context.Context, db postgres.DB, _ place, d catalog.Dataset, a *gate.Around) error {
	uses, err := catalog.PermittedUsesByDataset(ctx, db, []uuid.UUID{d.ID})
	if err != nil {
		return err
	}
	var purposes, fields []uuid.UUID
	for _, u := range uses[d.ID] {
		purposes = append(purposes, u.PurposeID)
		if u.FieldID != nil {
			fields = append(fields, *u.FieldID)
		}
	}
	known, err := catalog.PurposesByID(ctx, db, purposes)
	if err != nil {
		return err
	}
	at, err := catalog.FieldsByID(ctx, db, fields)
	for _, u := range uses[d.ID] {
		use := gate.Use{Purpose: known[u.PurposeID].Ref, Basis: known[u.PurposeID].LegalBasis}
		if u.FieldID != nil {
			use.Path = at[*u.FieldID].Path
		}
		a.Uses = append(a.Uses, use)
	}
	return err
}

// consumed lists who declared to read the part of a record that a subject
// describes.
func consumed(ctx context.Context, db postgres.DB, p place, d catalog.Dataset, a *gate.Around) error {
	declared, err := catalog.ConsumptionByDataset(ctx, db, []uuid.UUID{d.ID})
	if err != nil {
		return err
	}
	var services, purposes []uuid.UUID
	for _, n := range declared[d.ID] {
		services, purposes = append(services, n.ServiceID), append(purposes, n.PurposeIDs...)
	}
	named, err := catalog.ServicesByID(ctx, db, services)
	if err != nil {
		return err
	}
	known, err := catalog.PurposesByID(ctx, db, purposes)
	_, value := topicOf(p.name)
	for _, n := range declared[d.ID] {
		c := gate.Consumer{Service: named[n.ServiceID].Ref, Told: n.Fields != nil}
		for _, id := range n.PurposeIDs {
			c.Purposes = append(c.Purposes, known[id].Ref)
		}
		c.Fields = slices.DeleteFunc(slices.Clone(n.Fields), func(f string) bool {
			return strings.HasPrefix(f, "#header.") || (f == "#key" || strings.HasPrefix(f, "#key.")) == value
		})
		a.Consumers = append(a.Consumers, c)
	}
	return err
}

func retained(ctx context.Context, db postgres.DB, _ place, d catalog.Dataset, a *gate.Around) error {
	if d.RetentionPolicyID != nil {
		policies, err := catalog.RetentionPoliciesByID(ctx, db, []uuid.UUID{*d.RetentionPolicyID})
		if err != nil {
			return err
		}
		days := policies[*d.RetentionPolicyID].Days
		a.RetentionDays = &days
	}
	topics, err := catalog.TopicsByDataset(ctx, db, []uuid.UUID{d.ID})
	if t := topics[d.ID]; t.RetentionMs != nil {
		const day = 24 * 60 * 60 * 1000
		days := -1
		if *t.RetentionMs >= 0 {
			days = int((*t.RetentionMs + day - 1) / day)
		}
		a.TopicDays = &days
	}
	if t := topics[d.ID]; t.CleanupPolicy != nil {
		a.Compacted = strings.Contains(*t.CleanupPolicy, "compact")
	}
	return err
}
