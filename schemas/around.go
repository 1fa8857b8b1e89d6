package schemas

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/schemas/gate"
)

// around gathers what the catalog says of the data in the subject's topic, nil
// where it knows none. Where several clusters have the topic, it is that of the
// first.
func (s *scene) around(ctx context.Context) (*gate.Around, error) {
	datasets, err := s.topic(ctx)
	if err != nil || len(datasets) == 0 || s.said != nil {
		return s.said, err
	}
	d := datasets[0]
	a := &gate.Around{Shreds: d.EraseBy == "CRYPTO_SHRED"}
	for _, fill := range []func(context.Context, catalog.Dataset, *gate.Around) error{s.ownedBy, s.permitted, s.consumed, s.retained} {
		if err := fill(ctx, d, a); err != nil {
			return nil, err
		}
	}
	s.said = a
	return a, nil
}

// ownedBy tells whether an active team answers for a dataset: its own owner, or
// its service's.
func (s *scene) ownedBy(ctx context.Context, d catalog.Dataset, a *gate.Around) error {
	owner := d.OwnerID
	if owner == nil {
		services, err := s.servicesOf(ctx, []catalog.Dataset{d})
		if err != nil || len(services) == 0 {
			return err
		}
		owner = services[0].OwnerID
	}
	if owner == nil {
		return nil
	}
	owners, err := s.teams.of(ctx, s.db, []uuid.UUID{*owner})
	a.Owned = owners[*owner].Active
	return err
}

func (s *scene) permitted(ctx context.Context, d catalog.Dataset, a *gate.Around) error {
	uses, err := catalog.PermittedUsesByDataset(ctx, s.db, []uuid.UUID{d.ID})
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
	known, err := s.purposes.of(ctx, s.db, purposes)
	if err != nil {
		return err
	}
	at := map[uuid.UUID]catalog.Field{}
	if len(fields) > 0 {
		at, err = catalog.FieldsByID(ctx, s.db, fields)
	}
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
func (s *scene) consumed(ctx context.Context, d catalog.Dataset, a *gate.Around) error {
	declared, err := s.declared.of(ctx, s.db, []uuid.UUID{d.ID})
	if err != nil {
		return err
	}
	var services, purposes []uuid.UUID
	for _, n := range declared[d.ID] {
		services, purposes = append(services, n.ServiceID), append(purposes, n.PurposeIDs...)
	}
	named, err := s.services.of(ctx, s.db, services)
	if err != nil {
		return err
	}
	known, err := s.purposes.of(ctx, s.db, purposes)
	_, value := topicOf(s.place.name)
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

func (s *scene) retained(ctx context.Context, d catalog.Dataset, a *gate.Around) error {
	if d.RetentionPolicyID != nil {
		policies, err := catalog.RetentionPoliciesByID(ctx, s.db, []uuid.UUID{*d.RetentionPolicyID})
		if err != nil {
			return err
		}
		days := policies[*d.RetentionPolicyID].Days
		a.RetentionDays = &days
	}
	topics, err := catalog.TopicsByDataset(ctx, s.db, []uuid.UUID{d.ID})
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
