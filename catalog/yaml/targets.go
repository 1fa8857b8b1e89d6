package yaml

import (
	"bytes"
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/yaml/strict"
)

// targets plans the tags and permitted uses of a dataset and its fields.
type targets struct {
	*planner
	dataset uuid.UUID
	label   string
	tags    map[tagSlot][]catalog.Tag
	permits map[permitSlot]catalog.PermittedUse
}

type tagSlot struct {
	field uuid.UUID // uuid.Nil: the whole dataset
	term  string
}

type permitSlot struct{ field, purpose uuid.UUID }

func fieldKey(field *uuid.UUID) uuid.UUID { return or(field, uuid.Nil) }

func (p *planner) openTags(dataset uuid.UUID) map[tagSlot][]catalog.Tag {
	out := map[tagSlot][]catalog.Tag{}
	for _, t := range p.tagsOf(dataset) {
		slot := tagSlot{fieldKey(t.FieldID), t.Term}
		out[slot] = append(out[slot], t)
	}
	return out
}

// tagsOf finds the open tags of a dataset; Everything lists them together.
func (p *planner) tagsOf(dataset uuid.UUID) []catalog.Tag {
	return between(p.now.Tags, dataset, func(t catalog.Tag) uuid.UUID { return t.DatasetID })
}

func (p *planner) openPermits(dataset uuid.UUID) map[permitSlot]catalog.PermittedUse {
	out := map[permitSlot]catalog.PermittedUse{}
	for _, u := range between(p.now.PermittedUses, dataset, func(u catalog.PermittedUse) uuid.UUID { return u.DatasetID }) {
		out[permitSlot{fieldKey(u.FieldID), u.PurposeID}] = u
	}
	return out
}

func (t targets) plan(field *uuid.UUID, suffix string, tags []tagEntry, permits []strict.Name) {
	for _, e := range tags {
		t.planTag(field, suffix, e)
	}
	for _, n := range permits {
		purpose := t.find("purpose", n)
		if purpose == nil {
			continue
		}
		slot := permitSlot{fieldKey(field), *purpose}
		if _, ok := t.permits[slot]; ok {
			delete(t.permits, slot)
			t.out.Unchanged++
			continue
		}
		next := catalog.PermittedUse{DatasetID: t.dataset, FieldID: field, PurposeID: *purpose}
		put(t.planner, &t.out.changes.Put.PermittedUses, "permitted_uses", "PERMITTED_USE", t.label+suffix+" "+n.Value, strict.Place{At: n.At}, nil, next)
	}
}

// planTag compares a tag of the file with what is open: whoever said the same
// before, it stands; what an import said otherwise is said anew.
func (t targets) planTag(field *uuid.UUID, suffix string, e tagEntry) {
	slot := tagSlot{fieldKey(field), e.term}
	next := catalog.Tag{DatasetID: t.dataset, FieldID: field, Term: e.term, Polarity: "+", Source: "IMPORT", State: "CONFIRMED", Reason: e.reason, ValidTo: e.until}
	if e.denied {
		next.Polarity = "-"
	}
	action := Create
	for _, was := range t.tags[slot] {
		if was.Source == "IMPORT" {
			action = Update
		}
		if was.State == next.State && was.Polarity == next.Polarity && (was.Source != "IMPORT" || sameWords(was, next)) {
			delete(t.tags, slot)
			t.out.Unchanged++
			return
		}
	}
	delete(t.tags, slot)
	put(t.planner, &t.out.changes.Put.Tags, "tags", "TAG", t.label+suffix+" "+e.term, e.Place, nil, next)
	t.out.Steps[len(t.out.Steps)-1].Action = action
}

func sameWords(a, b catalog.Tag) bool {
	if a.Reason != b.Reason || (a.ValidTo == nil) != (b.ValidTo == nil) {
		return false
	}
	return a.ValidTo == nil || a.ValidTo.Equal(*b.ValidTo)
}

// endRest ends what an import said of this dataset and the file no longer says.
func (t targets) endRest() {
	for _, was := range t.tagsOf(t.dataset) {
		if _, left := t.tags[tagSlot{fieldKey(was.FieldID), was.Term}]; left && was.Source == "IMPORT" {
			t.end(&t.out.changes.EndTags, "TAG", t.label+" "+was.Term, was.ID)
		}
	}
	for _, u := range between(t.now.PermittedUses, t.dataset, func(u catalog.PermittedUse) uuid.UUID { return u.DatasetID }) {
		if _, left := t.permits[permitSlot{fieldKey(u.FieldID), u.PurposeID}]; left {
			t.end(&t.out.changes.EndPermittedUses, "PERMITTED_USE", t.label, u.ID)
		}
	}
}

// between cuts the rows of one dataset out of rows in order of dataset.
func between[T any](rows []T, dataset uuid.UUID, of func(T) uuid.UUID) []T {
	compare := func(row T, id uuid.UUID) int {
		a := of(row)
		return bytes.Compare(a[:], id[:])
	}
	first, _ := slices.BinarySearchFunc(rows, dataset, compare)
	last := first
	for last < len(rows) && of(rows[last]) == dataset {
		last++
	}
	return rows[first:last]
}
