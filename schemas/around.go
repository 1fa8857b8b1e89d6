package schemas

import (
	"context"
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/dossier"
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
	a := &gate.Around{Shreds: d.EraseBy == "CRYPTO_SHRED", Owned: d.Owned, RetentionDays: d.RetentionDays}
	for _, fill := range []func(context.Context, dossier.Dataset, *gate.Around) error{s.permitted, s.consumed} {
		if err := fill(ctx, d, a); err != nil {
			return nil, err
		}
	}
	retained(d, a)
	s.said = a
	return a, nil
}

func (s *scene) permitted(ctx context.Context, d dossier.Dataset, a *gate.Around) error {
	uses, err := dossier.Uses(ctx, s.db, d.ID)
	for _, u := range uses {
		a.Uses = append(a.Uses, gate.Use{Purpose: u.Purpose, Basis: u.Basis, Path: u.Path})
	}
	return err
}

// consumed lists who declared to read the part of a record that a subject
// describes.
func (s *scene) consumed(ctx context.Context, d dossier.Dataset, a *gate.Around) error {
	declared, err := s.readBy(ctx, d.ID)
	of, _ := named(s.place.name)
	for _, n := range declared {
		c := gate.Consumer{Service: n.Service, Told: n.Fields != nil, Purposes: n.Purposes}
		c.Fields = slices.DeleteFunc(slices.Clone(n.Fields), func(f string) bool { return !of.has(f) })
		a.Consumers = append(a.Consumers, c)
	}
	return err
}

// retained tells how long the topic itself keeps records.
func retained(d dossier.Dataset, a *gate.Around) {
	if d.RetentionMs != nil {
		const day = 24 * 60 * 60 * 1000
		days := -1
		if *d.RetentionMs >= 0 {
			days = int((*d.RetentionMs + day - 1) / day)
		}
		a.TopicDays = &days
	}
	if d.CleanupPolicy != nil {
		a.Compacted = strings.Contains(*d.CleanupPolicy, "compact")
	}
}
