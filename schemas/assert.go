package schemas

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/topic"
)

// classify has the catalog say of a topic's fields what its latest version says
// (source SCHEMA), and what was said of them under their former names. Whoever
// may register for a subject may say so. What an earlier version said and this
// one does not is not taken back, as records that were written before are still
// there: it is marked as said by an earlier version, for a person to end. What
// people rejected stays rejected. Version 0 is none: nothing is said any more.
func (s *scene) classify(ctx context.Context, by access.Principal, fields entered, now described, version int) error {
	k, err := s.tagged(ctx)
	if err != nil {
		return err
	}
	change := k.change(now)
	said := gate.Tags(change)
	if len(said) == 0 && len(change.Earlier) == 0 {
		return nil
	}
	by.Roles = []access.Role{access.Admin}
	for _, d := range k.datasets {
		a := assertions{known: k, dataset: d, of: s.of.Part, ids: fields[d], standing: map[statement]catalog.Tag{}}
		const atOnce = 5000 // the catalog takes no more in one call
		for some := range slices.Chunk(a.revised(said, change, version), atOnce) {
			if _, err := catalog.AssertTags(ctx, s.db, by, some); err != nil {
				return err
			}
		}
	}
	return nil
}

// entered are the ids of fields in each dataset of a topic, by path.
type entered map[uuid.UUID]map[string]uuid.UUID

// statement is that a field has a category.
type statement struct {
	field uuid.UUID
	term  string
}

// assertions are what schemas say of the fields of one dataset.
type assertions struct {
	known
	dataset  uuid.UUID
	of       topic.Part
	ids      map[string]uuid.UUID // of the fields that the version has
	standing map[statement]catalog.Tag
}

// revised are the assertions to make so that the catalog says what the latest
// version does. What stands as it should is left out: to assert it again would
// wait for every other change of the catalog.
func (a assertions) revised(said []gate.Tag, change gate.Change, version int) []catalog.Tag {
	for _, t := range a.tags[a.dataset] {
		if t.Source == "SCHEMA" {
			a.standing[statement{*t.FieldID, t.Term}] = t.Tag
		}
	}
	var out []catalog.Tag
	say := func(s statement, reason string) {
		old, stands := a.standing[s]
		if !stands || old.State == "CONFIRMED" && old.Reason != reason {
			out = append(out, catalog.Tag{DatasetID: a.dataset, FieldID: &s.field, Term: s.term, Source: "SCHEMA", Reason: reason})
		}
		delete(a.standing, s)
	}
	for _, t := range said {
		id, ok := a.ids[t.Path]
		if !ok || t.Source == gate.Inherited || t.Source == gate.Confirmed && t.From == t.Path {
			continue
		}
		reason := ""
		if t.From != t.Path {
			reason = "the field was called " + t.From
		}
		say(statement{id, t.Category}, reason)
	}
	return append(out, a.superseded(change, version)...)
}

// another begins the reason of what another version than the latest says.
const another = "another version said so; "

// superseded marks what is left standing and the latest version does not say of
// the fields that it has. What somebody rejected is left as it is.
func (a assertions) superseded(change gate.Change, version int) []catalog.Tag {
	reason := another + "none is live for this topic"
	if version > 0 {
		reason = fmt.Sprintf(another+"version %d does not", version)
	}
	has := map[string]bool{}
	for _, f := range change.New {
		has[f.Path] = true
	}
	var out []catalog.Tag
	for _, t := range a.tags[a.dataset] { // in their order
		_, left := a.standing[statement{*t.FieldID, t.Term}]
		rejected := slices.ContainsFunc(change.Rejected[t.Path], func(r gate.Rejection) bool { return r.Category == t.Term })
		switch {
		case t.Source != "SCHEMA" || !left || rejected || strings.HasPrefix(t.Reason, another):
		case has[t.Path] || version == 0 && a.of.Has(t.Path):
			out = append(out, catalog.Tag{DatasetID: a.dataset, FieldID: t.FieldID, Term: t.Term, Source: "SCHEMA", Reason: reason})
		}
	}
	return out
}

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
	return around.classify(ctx, by, fields, now, left.Version)
}
