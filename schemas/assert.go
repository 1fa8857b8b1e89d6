package schemas

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/assertion"
)

// classify has the catalog say of a topic's fields what its latest version says
// (source SCHEMA), and what was said of them under their former names. Whoever
// may register for a subject may say so. Version 0 is none: nothing is said any
// more. What it writes goes into the last batch of the unit of work, and what the
// audit log is to have of it is done.
func (s *scene) classify(ctx context.Context, last *postgres.Batch, by access.Principal, fields entered, now described, version int) (done []audit.Entry, err error) {
	terms, err := s.news(ctx, now, version)
	if err != nil {
		return nil, err
	}
	datasets, err := s.ids(ctx)
	if err != nil {
		return nil, err
	}
	var b postgres.Batch
	say, err := askToSay(&b, by, datasets, terms)
	if err == nil {
		err = b.Send(ctx, s.db)
	}
	if err != nil {
		return nil, err
	}
	return s.say(ctx, last, say, fields, now, version)
}

// news are the terms of which the catalog has something new to hear from a
// version.
func (s *scene) news(ctx context.Context, now described, version int) (terms []string, err error) {
	k, err := s.tagged(ctx)
	if err != nil {
		return nil, err
	}
	change := k.change(now)
	for i, d := range k.datasets {
		v := assertion.Version{Dataset: d, Number: version, Has: s.of.Has}
		terms = append(terms, v.News(change, k.tags[i])...)
	}
	slices.Sort(terms)
	return slices.Compact(terms), nil
}

// sayer asserts tags in a unit of work, and tells what the audit log is to have.
type sayer func(ctx context.Context, db postgres.DB, last *postgres.Batch, tags []catalog.Tag) ([]audit.Entry, error)

// askToSay waits for the turn to say something of datasets with what else a batch
// does; nil where there is nothing to say.
func askToSay(b *postgres.Batch, by access.Principal, datasets []uuid.UUID, terms []string) (sayer, error) {
	if len(terms) == 0 {
		return nil, nil
	}
	by.Roles = []access.Role{access.Admin}
	return catalog.AssertTags(b, by, datasets, terms)
}

// say is classify, once the turn has come.
func (s *scene) say(ctx context.Context, last *postgres.Batch, say sayer, fields entered, now described, version int) (done []audit.Entry, err error) {
	if say == nil {
		return nil, nil
	}
	k, err := s.tagged(ctx)
	if err != nil {
		return nil, err
	}
	change := k.change(now)
	for i, d := range k.datasets {
		v := assertion.Version{Dataset: d, Number: version, Fields: fields[d], Has: s.of.Has}
		const atOnce = 5000 // the catalog takes no more in one call
		for some := range slices.Chunk(v.Revised(change, k.tags[i]), atOnce) {
			s.known = nil // what the catalog says is another from here on
			entries, err := say(ctx, s.db, last, some)
			if err != nil {
				return nil, err
			}
			done = append(done, entries...)
		}
	}
	return done, nil
}

// entered are the ids of fields in each dataset of a topic, by path.
type entered map[uuid.UUID]map[string]uuid.UUID

// reclassify has the catalog say what the latest version says that is left, once
// some were deleted softly.
func (r *Registry) reclassify(ctx context.Context, db postgres.DB, by access.Principal, p place, all []kept, gone []int) error {
	var latest, left kept
	for _, k := range all {
		if !k.live() {
			continue
		}
		latest = k
		if !slices.Contains(gone, k.Version) {
			left = k
		}
	}
	if latest == left {
		return nil
	}
	around, err := r.sceneNow(ctx, db, p)
	if err != nil {
		return err
	}
	datasets, err := around.ids(ctx)
	if err != nil || len(datasets) == 0 {
		return err
	}
	there, err := catalog.FieldsByDataset(ctx, db, datasets)
	if err != nil {
		return err
	}
	fields := entered{}
	for _, d := range datasets {
		fields[d] = map[string]uuid.UUID{}
		for _, f := range there[d] {
			fields[d][f.Path] = f.ID
		}
	}
	var now described
	if left.Version > 0 {
		if now, err = around.described(ctx, contentID{p.context, left.SchemaID}); err != nil {
			return err
		}
	}
	var b postgres.Batch
	done, err := around.classify(ctx, &b, by, fields, now, left.Version)
	if err == nil {
		err = audit.Queue(&b, done...)
	}
	if err != nil {
		return err
	}
	return b.Send(ctx, db)
}
