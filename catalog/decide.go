package catalog

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// tagDecisions are what becomes of a suggestion.
var tagDecisions = []string{"CONFIRMED", "REJECTED"}

// DecideTags accepts suggestions (CONFIRMED), or finds them wrong (REJECTED,
// with a reason). Each suggestion ends, and the decision stands in its place
// under the name of whoever decided. It needs a steward of each dataset's
// team, or an admin.
func (c *Catalog) DecideTags(ctx context.Context, by access.Principal, ids []uuid.UUID, state, reason string) (decided []Tag, err error) {
	err = c.work(ctx, by, func(a *act) (err error) {
		decided, err = a.decideTags(ctx, ids, state, reason)
		return err
	})
	return decided, err
}

func (a *act) decideTags(ctx context.Context, ids []uuid.UUID, state, reason string) ([]Tag, error) {
	was, err := a.tagsToEnd(ctx, ids)
	if err != nil {
		return nil, err
	}
	// A pipeline speaks for its schemas, and decides nothing.
	for _, d := range datasetsOf(was) {
		if err := a.mayChangeContents(ctx, d); err != nil {
			return nil, err
		}
	}
	if err := checkDecision(was, state, reason); err != nil {
		return nil, err
	}
	now := a.now
	decided, ends := make([]Tag, len(was)), make([]*time.Time, len(was))
	for i, t := range was {
		decided[i] = t.decided(a.by, state, reason, now)
		what := "tag.confirmed"
		if state == "REJECTED" {
			what = "tag.rejected"
		}
		a.did(what, "TAG", decided[i].ID, t, decided[i])
	}
	err = a.write(ctx, func(b *postgres.Batch) error {
		endTagRows(b, keysOf(was), ends)
		beginTags(b, decided)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return decided, nil
}

func checkDecision(was []Tag, state, reason string) error {
	var m mistakes
	oneOf(&m, "state", state, tagDecisions)
	m.require(len(reason) <= 1000 && printable(reason), "reason", "TOO_LONG", "a reason has at most 1000 printable characters")
	m.require(state != "REJECTED" || reason != "", "reason", "REQUIRED", "say why this does not apply; an auditor will ask")
	if err := m.err(); err != nil {
		return err
	}
	late := 0
	for _, t := range was {
		if t.State != "SUGGESTED" {
			late++
		}
	}
	if late > 0 {
		return fault.New(fault.Conflict, "NOT_SUGGESTED", "%d of these tags are no suggestions, or were decided meanwhile; read them again", late)
	}
	return nil
}

// decided is what stands in the place of a suggestion: as long as that would
// have stood, and never in the past.
func (t Tag) decided(by access.Principal, state, reason string, now time.Time) Tag {
	t.ID, t.State, t.CreatedBy = newID(uuid.Nil), state, by.ID
	if reason != "" {
		t.Reason = reason
	}
	if t.ValidFrom.Before(now) {
		t.ValidFrom = now
	}
	return t
}

func datasetsOf(tags []Tag) []uuid.UUID {
	all := make([]uuid.UUID, len(tags))
	for i, t := range tags {
		all[i] = t.DatasetID
	}
	return sorted(all)
}

func keysOf(tags []Tag) []uuid.UUID {
	all := make([]uuid.UUID, len(tags))
	for i, t := range tags {
		all[i] = t.ID
	}
	return all
}
