package schemas

import (
	"context"
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/dossier"
	"github.com/flowmart/lethe/schemas/gate"
)

// around gathers what the catalog says of the data in the subject's topics, of
// each topic that it knows. Where several clusters have a topic, it is that of
// the first.
func (s *scene) around(ctx context.Context) ([]gate.Around, error) {
	datasets, err := s.topics(ctx)
	if err != nil || s.said != nil {
		return s.said, err
	}
	out := []gate.Around{}
	seen := map[string]bool{}
	for _, d := range datasets {
		if seen[d.topic] {
			continue
		}
		seen[d.topic] = true
		a, err := s.aroundOne(ctx, d.Dataset)
		if err != nil {
			return nil, err
		}
		if len(s.of.Topics) > 1 {
			a.Topic = d.topic
		}
		out = append(out, a)
	}
	s.said = out
	return out, nil
}

// aroundOne gathers what the catalog says of the data in one topic.
func (s *scene) aroundOne(ctx context.Context, d dossier.Dataset) (gate.Around, error) {
	a := gate.Around{Shreds: d.EraseBy == "CRYPTO_SHRED", Owned: d.Owned, RetentionDays: d.RetentionDays}
	file, err := s.file(ctx, d.ID)
	for _, u := range file.Uses {
		a.Uses = append(a.Uses, gate.Use{Purpose: u.Purpose, Basis: u.Basis, Path: u.Path})
	}
	for _, n := range file.Consumers { // of the part of a record that the subject describes
		c := gate.Consumer{Service: n.Service, Told: n.Fields != nil, Purposes: n.Purposes}
		c.Fields = slices.DeleteFunc(slices.Clone(n.Fields), func(f string) bool { return !s.of.Has(f) })
		a.Consumers = append(a.Consumers, c)
	}
	retained(d, &a)
	return a, err
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
