package catalog

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// AssertTags is the method of that name within the caller's unit of work, for
// the classification that a registered schema brings with it (source SCHEMA).
// What people rejected of a schema stays rejected; who thinks again says so in
// their own name, with the source MANUAL, or ends the rejection.
//
// It waits for the turn at datasets, and asks what is open there, with what else
// a batch does. Once that was sent, the function it returns asserts tags of those
// datasets and terms: what it writes goes into a later batch of the caller's, and
// what the audit log is to have of it is the caller's to append, with their own
// entries.
func AssertTags(b *postgres.Batch, by access.Principal, datasets []uuid.UUID, terms []string) (func(ctx context.Context, db postgres.DB, last *postgres.Batch, tags []Tag) ([]audit.Entry, error), error) {
	datasets = sorted(datasets)
	known, err := findTerms(terms)
	if err != nil {
		return nil, err
	}
	var turns []turn
	postgres.Ask(b, &turns, qBeside, datasets)
	take := askOpenTags(b, datasets, known)
	return func(ctx context.Context, db postgres.DB, last *postgres.Batch, tags []Tag) ([]audit.Entry, error) {
		last.Explain(named)
		a := &act{db: db, last: last, by: by}
		err := a.inTurn(ctx, turns[0], func(a *act) error {
			_, err := a.putTags(ctx, tags, take)
			return err
		})
		return a.entries, named(err)
	}, nil
}

// findTerms finds terms that tags may have, each once.
func findTerms(keys []string) (out []taxonomy.Term, err error) {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		term, err := taxonomy.Find("term", key, taxonomy.Category, taxonomy.Subject, taxonomy.Sensitivity)
		if err != nil {
			return nil, err
		}
		out = append(out, term)
	}
	return out, nil
}

// takeTags takes the assertions that were asked for.
type takeTags func(ctx context.Context, db postgres.DB) (map[slot][]Tag, error)

// askOpenTags asks for the assertions on datasets and their fields that are open
// now, and for the rows of terms, with what else a batch does. Once that was sent,
// take has the assertions, and makes sure that the terms have rows. A dataset is
// asked for by itself: for a list PostgreSQL plans anew each time, which takes it
// longer than to answer.
func askOpenTags(b *postgres.Batch, datasets []uuid.UUID, terms []taxonomy.Term) (take takeTags) {
	const q = `
		SELECT a.id, a.dataset_id, a.field_id, t.key AS term, a.polarity, a.source, a.state, a.reason, a.valid_from, a.valid_to, a.created_by
		  FROM catalog_tag_assertion a
		  JOIN catalog_term t ON t.id = a.term_id
		 WHERE a.dataset_id = $1 AND (a.valid_to IS NULL OR a.valid_to > greatest(a.valid_from, now()))
		 ORDER BY a.field_id NULLS FIRST, t.key, a.source, a.valid_from, a.id`
	ensure := taxonomy.Ask(b, terms)
	found := make([][]Tag, len(datasets))
	for i, d := range datasets {
		postgres.Ask(b, &found[i], q, d)
	}
	return func(ctx context.Context, db postgres.DB) (map[slot][]Tag, error) {
		open := make(map[slot][]Tag)
		for _, t := range slices.Concat(found...) {
			open[t.slot()] = append(open[t.slot()], t)
		}
		return open, ensure(ctx, db)
	}
}
