package catalog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Tag is an assertion that a term applies to a dataset or a field, or (with
// polarity -) that it does not. It holds from ValidFrom until, not including,
// ValidTo; a change of mind ends one assertion and begins another.
type Tag struct {
	ID        uuid.UUID
	DatasetID uuid.UUID
	FieldID   *uuid.UUID // nil: the whole dataset
	Term      string     // key of a CATEGORY, SUBJECT or SENSITIVITY term
	Polarity  string     // "+" or "-"; "" means "+"; a "-" needs a reason
	Source    string     // MANUAL, SCHEMA, DETECTOR, IMPORT, RULE; "" means MANUAL
	State     string     // SUGGESTED, CONFIRMED, REJECTED; "" means CONFIRMED, of a DETECTOR SUGGESTED
	Reason    string
	ValidFrom time.Time  // zero means now
	ValidTo   *time.Time // nil: until further notice
	CreatedBy uuid.UUID  // row of the audit log's principals; set by the catalog
}

func (t Tag) key() uuid.UUID { return t.ID }
func (t Tag) revision() int  { return 0 }

var (
	tagPolarities = []string{"+", "-"}
	tagSources    = []string{"MANUAL", "SCHEMA", "DETECTOR", "IMPORT", "RULE"}
	tagStates     = []string{"SUGGESTED", "CONFIRMED", "REJECTED"}
)

// maxTags bounds what one call may assert.
const maxTags = 5000

// AssertTags asserts terms of datasets and fields, or denies them. Per target,
// term and source one assertion holds at a time; another one replaces it from
// its own beginning on, and what was to begin later with it. A suggestion
// replaces no decision: what was confirmed or rejected stands, and is returned
// in its place. It needs a steward of each dataset's team, or an admin.
func (c *Catalog) AssertTags(ctx context.Context, by access.Principal, tags []Tag) (open []Tag, err error) {
	err = c.work(ctx, by, func(a *act) (err error) {
		open, err = a.putTags(ctx, tags, nil)
		return err
	})
	return open, err
}

// EndTags ends assertions that are open. It needs a steward of each dataset's
// team, or an admin.
func (c *Catalog) EndTags(ctx context.Context, by access.Principal, ids []uuid.UUID) error {
	return c.work(ctx, by, func(a *act) error { return a.endTags(ctx, ids) })
}

// putTags asserts tags. What is open was asked before, or is asked now.
func (a *act) putTags(ctx context.Context, tags []Tag, asked takeTags) ([]Tag, error) {
	for i := range tags {
		tags[i] = tags[i].completed(a.by)
	}
	// Who may not tag is told so before the rest is looked at: to judge five
	// thousand tags takes its time, and the catalog waits for this act.
	if len(tags) < 1 || len(tags) > maxTags {
		return nil, fault.Bad("tags", "OUT_OF_RANGE", "give 1 to %d tags at a time", maxTags)
	}
	datasets, err := a.mayTag(ctx, tags)
	if err != nil {
		return nil, err
	}
	terms, err := checkTags(tags)
	if err != nil {
		return nil, err
	}
	now := a.now
	if err := checkBeginnings(tags, now); err != nil {
		return nil, err
	}
	if asked == nil {
		var b postgres.Batch
		asked = askOpenTags(&b, datasets, terms)
		if err := b.Send(ctx, a.db); err != nil {
			return nil, err
		}
	}
	open, err := asked(ctx, a.db)
	if err != nil {
		return nil, err
	}
	var ended []uuid.UUID
	var ends []*time.Time
	var begun []Tag
	out := make([]Tag, len(tags))
	for i, t := range tags {
		old := open[t.slot()]
		if len(old) == 1 && old[0].says(t, a.reached) {
			out[i] = old[0]
			continue
		}
		if stands := decision(old); stands != nil && !t.replaces(*stands) {
			out[i] = *stands
			continue
		}
		if t.ValidFrom.IsZero() {
			t.ValidFrom = now
		}
		for _, o := range old {
			ended, ends = append(ended, o.ID), append(ends, &t.ValidFrom)
		}
		t.ID = newID(uuid.Nil)
		a.didTag(t, old)
		begun = append(begun, t)
		out[i] = t
	}
	return out, a.write(ctx, func(b *postgres.Batch) error {
		endTagRows(b, ended, ends)
		beginTags(b, begun)
		return nil
	})
}

// replaces reports whether next may take the place of what was decided. A
// suggestion may not; nor does a schema, however often it is registered, take
// back that people rejected what it says.
func (t Tag) replaces(stands Tag) bool {
	return t.State != "SUGGESTED" && (t.Source != "SCHEMA" || stands.State != "REJECTED")
}

// decision is what was decided of a place, if anything was: the first of the
// open assertions that is no mere suggestion.
func decision(open []Tag) *Tag {
	for _, t := range open {
		if t.State != "SUGGESTED" {
			return &t
		}
	}
	return nil
}

func (t Tag) completed(by access.Principal) Tag {
	if t.Polarity == "" {
		t.Polarity = "+"
	}
	if t.Source == "" {
		t.Source = "MANUAL"
	}
	if t.State == "" {
		t.State = "CONFIRMED"
		if t.Source == "DETECTOR" {
			t.State = "SUGGESTED"
		}
	}
	t.CreatedBy = by.ID
	return t
}

// slot is the place of which only one assertion holds at a time.
type slot struct {
	dataset, field uuid.UUID
	term, source   string
}

func (t Tag) slot() slot {
	s := slot{dataset: t.DatasetID, term: t.Term, source: t.Source}
	if t.FieldID != nil {
		s.field = *t.FieldID
	}
	return s
}

// says reports whether an open assertion already says what next would.
func (t Tag) says(next Tag, now time.Time) bool {
	begins := t.ValidFrom.Equal(next.ValidFrom) || next.ValidFrom.IsZero() && !t.ValidFrom.After(now)
	return begins && t.Polarity == next.Polarity && t.State == next.State && t.Reason == next.Reason && sameTime(t.ValidTo, next.ValidTo)
}

// checkBeginnings refuses assertions about the past: what held on the day of
// a request stays as it was then.
func checkBeginnings(tags []Tag, now time.Time) error {
	var m mistakes
	for i, t := range tags {
		m.require(t.ValidFrom.IsZero() || !t.ValidFrom.Before(now), fmt.Sprintf("tags.%d.validFrom", i), "OUT_OF_RANGE",
			"validity begins now or later; leave it out for now")
	}
	return m.err()
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

func (a *act) didTag(t Tag, old []Tag) {
	what := "tag.asserted"
	switch {
	case t.State == "SUGGESTED":
		what = "tag.suggested"
	case t.State == "REJECTED":
		what = "tag.rejected"
	case t.Polarity == "-":
		what = "tag.denied"
	}
	var before any
	if len(old) > 0 {
		before = old[0]
	}
	a.did(what, "TAG", t.ID, before, t)
}

// maxMistakes bounds how many mistakes of one list are told at once.
const maxMistakes = 100

func checkTags(tags []Tag) ([]taxonomy.Term, error) {
	var m mistakes
	seen := make(map[slot]bool, len(tags))
	terms := make([]taxonomy.Term, 0, len(tags))
	for i, t := range tags {
		if len(m) >= maxMistakes {
			break
		}
		at := fmt.Sprintf("tags.%d.", i)
		term, err := taxonomy.Find(at+"term", t.Term, taxonomy.Category, taxonomy.Subject, taxonomy.Sensitivity)
		m.add(err)
		terms = append(terms, term)
		oneOf(&m, at+"polarity", t.Polarity, tagPolarities)
		oneOf(&m, at+"source", t.Source, tagSources)
		oneOf(&m, at+"state", t.State, tagStates)
		m.require(len(t.Reason) <= 1000 && printable(t.Reason), at+"reason", "TOO_LONG", "a reason has at most 1000 printable characters")
		m.require(t.Polarity != "-" || t.Reason != "", at+"reason", "REQUIRED", "say why this does not apply; an auditor will ask")
		m.require(t.ValidTo == nil || t.ValidTo.After(t.ValidFrom), at+"validTo", "OUT_OF_RANGE", "validity ends after it begins")
		m.require(!seen[t.slot()], at+"term", "TWICE", "assert each term of a target once")
		seen[t.slot()] = true
	}
	return terms, m.err()
}

// mayTag asks the owner of each dataset; a pipeline speaks for the schemas of
// its own service.
func (a *act) mayTag(ctx context.Context, tags []Tag) ([]uuid.UUID, error) {
	all := datasetsOf(tags)
	if a.by.IsSystem() || a.by.Has(access.Admin) {
		return all, nil // a dataset that is not there is told of when its tag is written
	}
	onlySchema := !slices.ContainsFunc(tags, func(t Tag) bool { return t.Source != "SCHEMA" })
	for _, d := range all {
		if onlySchema && a.by.Has(access.CI) {
			if own, err := a.ownsBySchema(ctx, d); own || err != nil {
				if err != nil {
					return nil, err
				}
				continue
			}
		}
		if err := a.mayChangeContents(ctx, d); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ownsBySchema reports whether a dataset belongs to the service the actor is
// bound to.
func (a *act) ownsBySchema(ctx context.Context, dataset uuid.UUID) (bool, error) {
	const q = `
		SELECT EXISTS (
		    SELECT FROM catalog_dataset d
		      LEFT JOIN catalog_store st ON st.id = d.store_id
		      JOIN catalog_service s ON s.id = coalesce(d.service_id, st.service_id)
		     WHERE d.id = $1 AND s.ref = $2)`
	return postgres.Scalar[bool](ctx, a.db, q, dataset, a.by.Service)
}

// TagsByDataset finds the assertions on each dataset and its fields that are
// open now, whatever their state and polarity.
func TagsByDataset(ctx context.Context, db postgres.DB, datasets []uuid.UUID) (map[uuid.UUID][]Tag, error) {
	const q = `
		SELECT a.id, a.dataset_id, a.field_id, t.key AS term, a.polarity, a.source, a.state, a.reason, a.valid_from, a.valid_to, a.created_by
		  FROM catalog_tag_assertion a
		  JOIN catalog_term t ON t.id = a.term_id
		 WHERE a.dataset_id = ANY ($1) AND (a.valid_to IS NULL OR a.valid_to > greatest(a.valid_from, now()))
		 ORDER BY a.dataset_id, a.field_id NULLS FIRST, t.key, a.source, a.valid_from, a.id`
	rows, err := postgres.Many[Tag](ctx, db, q, datasets)
	return grouped(rows, err, func(t Tag) uuid.UUID { return t.DatasetID })
}

// TagsByID finds assertions, ended ones too; unknown ids are absent.
func TagsByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Tag, error) {
	const q = `
		SELECT a.id, a.dataset_id, a.field_id, t.key AS term, a.polarity, a.source, a.state, a.reason, a.valid_from, a.valid_to, a.created_by
		  FROM catalog_tag_assertion a
		  JOIN catalog_term t ON t.id = a.term_id
		 WHERE a.id = ANY ($1)
		 ORDER BY a.id`
	return indexed(postgres.Many[Tag](ctx, db, q, ids))
}

func beginTags(b *postgres.Batch, tags []Tag) {
	if len(tags) == 0 {
		return
	}
	n := len(tags)
	ids, datasets, fields := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]*uuid.UUID, n)
	terms, polarities, sources := make([]string, n), make([]string, n), make([]string, n)
	states, reasons := make([]string, n), make([]string, n)
	froms, tos := make([]*time.Time, n), make([]*time.Time, n)
	for i, t := range tags {
		ids[i], datasets[i], fields[i] = t.ID, t.DatasetID, t.FieldID
		terms[i], polarities[i], sources[i], states[i], reasons[i] = t.Term, t.Polarity, t.Source, t.State, t.Reason
		if !t.ValidFrom.IsZero() {
			froms[i] = &t.ValidFrom
		}
		tos[i] = t.ValidTo
	}
	const q = `
		INSERT INTO catalog_tag_assertion (id, dataset_id, field_id, term_id, polarity, source, state, reason, valid_from, valid_to, created_by)
		SELECT n.id, n.dataset_id, n.field_id, t.id, n.polarity, n.source, n.state, n.reason, coalesce(n.valid_from, now()), n.valid_to, $11
		  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[])
		       AS n (id, dataset_id, field_id, term, polarity, source, state, reason, valid_from, valid_to)
		  JOIN catalog_term t ON t.key = n.term AND t.kind <> 'USE'`
	b.Do(q, ids, datasets, fields, terms, polarities, sources, states, reasons, froms, tos, tags[0].CreatedBy)
}

// endTagRows ends each assertion at its time, nil for now, and none later than
// it would have ended, so that one which begins later leaves no gap before it.
func endTagRows(b *postgres.Batch, ids []uuid.UUID, ends []*time.Time) {
	if len(ids) == 0 {
		return
	}
	const q = `
		UPDATE catalog_tag_assertion a
		   SET valid_to = greatest(a.valid_from, least(a.valid_to, coalesce(n.at, now())))
		  FROM unnest($1::uuid[], $2::timestamptz[]) AS n (id, at)
		 WHERE a.id = n.id`
	b.Do(q, ids, ends)
}

// tagsToEnd finds assertions that are open, all of them or none.
func (a *act) tagsToEnd(ctx context.Context, ids []uuid.UUID) ([]Tag, error) {
	ids = sorted(ids)
	if len(ids) == 0 || len(ids) > maxTags {
		return nil, fault.Bad("ids", "OUT_OF_RANGE", "give 1 to %d tags at a time", maxTags)
	}
	const q = `
		SELECT a.id, a.dataset_id, a.field_id, t.key AS term, a.polarity, a.source, a.state, a.reason, a.valid_from, a.valid_to, a.created_by
		  FROM catalog_tag_assertion a
		  JOIN catalog_term t ON t.id = a.term_id
		 WHERE a.id = ANY ($1) AND (a.valid_to IS NULL OR a.valid_to > greatest(a.valid_from, now()))
		 ORDER BY a.id`
	tags, err := postgres.Many[Tag](ctx, a.db, q, ids)
	if err == nil && len(tags) != len(ids) {
		err = fault.Missing("tag", "%d of these tags are not open, or do not exist", len(ids)-len(tags))
	}
	return tags, err
}

func (a *act) endTags(ctx context.Context, ids []uuid.UUID) error {
	tags, err := a.tagsToEnd(ctx, ids)
	if err != nil {
		return err
	}
	if _, err := a.mayTag(ctx, tags); err != nil {
		return err
	}
	for _, t := range tags {
		a.did("tag.ended", "TAG", t.ID, t, nil)
	}
	return a.write(ctx, func(b *postgres.Batch) error {
		endTagRows(b, keysOf(tags), make([]*time.Time, len(tags)))
		return nil
	})
}
