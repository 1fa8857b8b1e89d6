package catalog_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/personal"
	"github.com/flowmart/lethe/internal/access"
)

// A decision takes the place of the suggestion: it says what was suggested,
// by whom and why it was decided, and both stay readable.
func TestSuggestionsAreDecided(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	for state, want := range map[string]int{"CONFIRMED": 1, "REJECTED": 0} {
		was := must(b.AssertTags(ctx, b.admin, []catalog.Tag{{DatasetID: b.dataset.ID, FieldID: &b.email.ID, Term: "user.contact.email", Source: "DETECTOR", Reason: state}}))(t)[0]
		before := generation(t, b)
		now := must(b.DecideTags(ctx, b.steward, []uuid.UUID{was.ID}, state, "looked at the rows"))(t)[0]
		both := must(catalog.TagsByID(ctx, b.db, []uuid.UUID{was.ID, now.ID}))(t)
		old, decided := both[was.ID], both[now.ID]
		if old.ValidTo == nil || old.State != "SUGGESTED" || !old.ValidTo.Equal(decided.ValidFrom) {
			t.Errorf("the suggestion: %+v", old)
		}
		if decided.State != state || decided.Source != "DETECTOR" || *decided.FieldID != b.email.ID || decided.Reason != "looked at the rows" ||
			decided.CreatedBy != b.steward.ID || decided.ValidTo != nil {
			t.Errorf("the decision: %+v", decided)
		}
		if n := len(must(personal.Datasets(ctx, b.db, b.controller.ID))(t)); n != want || generation(t, b) <= before {
			t.Errorf("%s: %d personal datasets, want %d", state, n, want)
		}
		if _, err := b.DecideTags(ctx, b.steward, []uuid.UUID{now.ID}, "CONFIRMED", ""); told(err) != ":NOT_SUGGESTED" {
			t.Errorf("decided again: %v", err)
		}
		var entries int
		if err := b.db.QueryRow(ctx, `SELECT count(*) FROM audit_entry WHERE entity_id = $1 AND actor_id = $2 AND act = 'tag.' || lower($3)`, now.ID, b.steward.ID, state).Scan(&entries); err != nil || entries != 1 {
			t.Errorf("%d audit entries (%v)", entries, err)
		}
		if err := b.EndTags(ctx, b.steward, []uuid.UUID{now.ID}); err != nil { // a decision would stand against the next suggestion
			t.Fatal(err)
		}
	}
}

// What was decided stands: a detector that suggests the same again, for another
// reason or the other way round, changes nothing and records nothing.
func TestNoSuggestionReplacesADecision(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	for state, term := range map[string]string{"CONFIRMED": "user.contact.email", "REJECTED": "user.name"} {
		hint := catalog.Tag{DatasetID: b.dataset.ID, Term: term, Source: "DETECTOR", Reason: "three of a hundred values"}
		suggested := must(b.AssertTags(ctx, b.admin, []catalog.Tag{hint}))(t)[0]
		decided := must(b.DecideTags(ctx, b.steward, []uuid.UUID{suggested.ID}, state, "looked at the rows"))(t)[0]
		before, history := generation(t, b), b.count(t, "catalog_change")
		tomorrow := time.Now().Add(24 * time.Hour)
		for what, change := range map[string]func(tag *catalog.Tag){
			"again":          func(*catalog.Tag) {},
			"better founded": func(tag *catalog.Tag) { tag.Reason = "ninety of a hundred values" },
			"the other way":  func(tag *catalog.Tag) { tag.Polarity = "-" },
			"from tomorrow":  func(tag *catalog.Tag) { tag.ValidFrom = tomorrow },
			"until tomorrow": func(tag *catalog.Tag) { tag.ValidTo = &tomorrow },
		} {
			next := hint
			change(&next)
			if got := must(b.AssertTags(ctx, b.admin, []catalog.Tag{next}))(t)[0]; got.ID != decided.ID || got.State != state {
				t.Errorf("%s, suggested %s: %+v", state, what, got)
			}
		}
		if generation(t, b) != before || b.count(t, "catalog_change") != history {
			t.Errorf("%s: a suggestion changed something", state)
		}
		open := must(catalog.TagsByDataset(ctx, b.db, []uuid.UUID{b.dataset.ID}))(t)[b.dataset.ID]
		if i := slices.IndexFunc(open, func(tag catalog.Tag) bool { return tag.Term == term }); i < 0 || open[i].ID != decided.ID {
			t.Errorf("%s: open is %+v", state, open)
		}
		// A person may think again.
		if got := must(b.AssertTags(ctx, b.steward, []catalog.Tag{{DatasetID: b.dataset.ID, Term: term, Source: "DETECTOR", State: "CONFIRMED"}}))(t)[0]; got.ID == decided.ID {
			t.Errorf("%s: a person could not decide anew", state)
		}
	}
}

// People who found a schema's tag wrong are not overruled by the next build.
func TestNoSchemaReplacesARejection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	pipeline := machine(t, b, access.CI, b.service.Ref)
	said := catalog.Tag{DatasetID: b.dataset.ID, Term: "user.name", Source: "SCHEMA", State: "SUGGESTED"}
	suggested := must(b.AssertTags(ctx, pipeline, []catalog.Tag{said}))(t)[0]
	rejected := must(b.DecideTags(ctx, b.steward, []uuid.UUID{suggested.ID}, "REJECTED", "a name of products"))(t)[0]
	said.State = "CONFIRMED"
	for _, who := range []access.Principal{pipeline, b.steward, b.admin} {
		if got := must(b.AssertTags(ctx, who, []catalog.Tag{said}))(t)[0]; got.ID != rejected.ID {
			t.Errorf("a schema took a rejection back: %+v", got)
		}
	}
	said.Source = "MANUAL"
	if got := must(b.AssertTags(ctx, b.steward, []catalog.Tag{said}))(t)[0]; got.ID == rejected.ID || got.State != "CONFIRMED" {
		t.Errorf("a person could not think again: %+v", got)
	}
	if err := b.EndTags(ctx, b.steward, []uuid.UUID{rejected.ID}); err != nil {
		t.Fatal(err)
	}
	said.Source = "SCHEMA"
	if got := must(b.AssertTags(ctx, pipeline, []catalog.Tag{said}))(t)[0]; got.State != "CONFIRMED" {
		t.Errorf("the rejection was ended, and the schema is not heard: %+v", got)
	}
}

// An assertion that begins later leaves what holds until then, and there is
// one at a time, whatever else is said meanwhile.
func TestTagsTakeOverWithoutAGap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	assert := func(tag catalog.Tag) catalog.Tag {
		t.Helper()
		tag.DatasetID, tag.Term = b.dataset.ID, "user.name"
		return must(b.AssertTags(ctx, b.steward, []catalog.Tag{tag}))(t)[0]
	}
	tomorrow := time.Now().Add(24 * time.Hour).Truncate(time.Second)
	first := assert(catalog.Tag{})
	denial := catalog.Tag{Polarity: "-", Reason: "the column goes away", ValidFrom: tomorrow}
	second := assert(denial)
	if n := len(must(personal.Datasets(ctx, b.db, b.controller.ID))(t)); n != 1 {
		t.Errorf("%d personal datasets until tomorrow, want 1", n)
	}
	rows := must(catalog.TagsByID(ctx, b.db, []uuid.UUID{first.ID, second.ID}))(t)
	if end := rows[first.ID].ValidTo; end == nil || !end.Equal(tomorrow) || !rows[second.ID].ValidFrom.Equal(tomorrow) {
		t.Errorf("no half-open change: %+v", rows)
	}
	third := assert(catalog.Tag{Reason: "it stays"})
	rows = must(catalog.TagsByID(ctx, b.db, []uuid.UUID{first.ID, second.ID, third.ID}))(t)
	if !rows[first.ID].ValidTo.Equal(third.ValidFrom) || !rows[second.ID].ValidTo.Equal(tomorrow) || rows[third.ID].ValidTo != nil {
		t.Errorf("another word before tomorrow: %+v", rows)
	}
	if again := assert(catalog.Tag{Reason: "it stays"}); again.ID != third.ID {
		t.Error("the same again is a new one")
	}
	later := assert(catalog.Tag{Reason: "it stays longer", ValidFrom: tomorrow})
	if again := assert(catalog.Tag{Reason: "it stays longer"}); again.ID == later.ID {
		t.Error("what begins tomorrow was taken for what holds now")
	}
}
