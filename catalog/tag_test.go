package catalog_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/personal"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
)

// What counts as personal: confirmed, valid now, not denied for the same
// target, in a dataset in use, of this controller or of nobody.
func TestWhatIsPersonal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	assert := func(tag catalog.Tag) {
		t.Helper()
		tag.DatasetID = b.dataset.ID
		must(b.AssertTags(ctx, b.steward, []catalog.Tag{tag}))(t)
	}
	expect := func(what string, categories ...string) {
		t.Helper()
		var got []string
		for _, d := range must(personal.Datasets(ctx, b.db, b.controller.ID))(t) {
			got = append(got, d.Categories...)
		}
		if !slices.Equal(got, categories) {
			t.Errorf("%s: %v, want %v", what, got, categories)
		}
	}
	later := time.Now().Add(time.Hour)
	assert(catalog.Tag{Term: "system.operations"})
	assert(catalog.Tag{Term: "customer"})
	assert(catalog.Tag{Term: "regulated"})
	expect("nothing of a person")
	assert(catalog.Tag{Term: "user.name", Source: "DETECTOR"})
	expect("only suggested")
	assert(catalog.Tag{Term: "user.name", Source: "DETECTOR", State: "REJECTED"})
	expect("rejected")
	assert(catalog.Tag{Term: "user.social", ValidFrom: later})
	expect("not yet")
	assert(catalog.Tag{Term: "user.name", ValidTo: &later})
	expect("for an hour", "user.name")
	assert(catalog.Tag{Term: "user.contact.email", FieldID: &b.email.ID, Source: "SCHEMA"})
	expect("and a field", "user.contact.email", "user.name")
	assert(catalog.Tag{Term: "user.contact.email", FieldID: &b.email.ID, Polarity: "-", Reason: "it is the shop's own address"})
	expect("the field denied by a person", "user.name")
	assert(catalog.Tag{Term: "user.contact.email", FieldID: &b.email.ID})
	expect("the person thought again", "user.contact.email", "user.name")
	assert(catalog.Tag{Term: "user.name", Polarity: "-", Reason: "a name of a shop", Source: "IMPORT"})
	expect("denied for the dataset", "user.contact.email")
	for lifecycle, want := range map[string][]string{"DRAFT": nil, "RETIRED": nil, "DEPRECATED": {"user.contact.email"}, "ACTIVE": {"user.contact.email"}} {
		d := must(catalog.DatasetsByID(ctx, b.db, []uuid.UUID{b.dataset.ID}))(t)[b.dataset.ID]
		d.Lifecycle = lifecycle
		must(b.DeclareDataset(ctx, b.steward, d))(t)
		expect(lifecycle, want...)
	}
	elsewhere := must(b.DeclareController(ctx, b.admin, catalog.Controller{Ref: "flowmart-fr", Name: "F", Country: "FR", TimeZone: "Europe/Paris"}))(t)
	if n := len(must(personal.Datasets(ctx, b.db, elsewhere.ID))(t)); n != 0 {
		t.Errorf("another controller has %d of ours", n)
	}
	orphan := must(b.DeclareDataset(ctx, b.admin, catalog.Dataset{Namespace: "s3://attic", Name: "old", Kind: "OBJECTS"}))(t)
	must(b.AssertTags(ctx, b.admin, []catalog.Tag{{DatasetID: orphan.ID, Term: "user"}}))(t)
	for _, c := range []catalog.Controller{b.controller, elsewhere} {
		rows := must(personal.Datasets(ctx, b.db, c.ID))(t)
		if !slices.ContainsFunc(rows, func(d personal.Dataset) bool { return d.ID == orphan.ID && d.ServiceID == uuid.Nil }) {
			t.Errorf("%s does not account for a dataset that nobody owns", c.Ref)
		}
	}
}

// Saying the same again changes nothing; another word ends the first and
// begins a second, and both stay readable.
func TestTagsKeepTheirHistory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	first := b.tag(t, "user.contact.email")
	before := generation(t, b)
	if again := b.tag(t, "user.contact.email"); again.ID != first.ID || generation(t, b) != before {
		t.Error("the same tag again is a new one")
	}
	second := must(b.AssertTags(ctx, b.steward, []catalog.Tag{{DatasetID: b.dataset.ID, FieldID: &b.email.ID, Term: "user.contact.email", Reason: "seen in the data"}}))(t)[0]
	both := must(catalog.TagsByID(ctx, b.db, []uuid.UUID{first.ID, second.ID}))(t)
	if both[first.ID].ValidTo == nil || both[second.ID].ValidTo != nil || !both[first.ID].ValidTo.Equal(both[second.ID].ValidFrom) {
		t.Errorf("half-open validity: %+v", both)
	}
	open := must(catalog.TagsByDataset(ctx, b.db, []uuid.UUID{b.dataset.ID}))(t)[b.dataset.ID]
	if len(open) != 1 || open[0].ID != second.ID || open[0].CreatedBy != b.steward.ID {
		t.Errorf("open: %+v", open)
	}
}

// A tag that begins or ends by itself changes plans as one does that somebody
// asserts or ends, so the generation moves on.
func TestTimeMovesTheGenerationOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	for _, want := range []int{1, 0} {
		tag, soon := catalog.Tag{DatasetID: b.dataset.ID, Term: "user.name"}, time.Now().Add(time.Second)
		if want > 0 {
			tag.ValidFrom = soon
		} else {
			tag.ValidTo = &soon
		}
		must(b.AssertTags(ctx, b.steward, []catalog.Tag{tag}))(t)
		before := generation(t, b)
		for until := time.Now().Add(20 * time.Second); len(must(personal.Datasets(ctx, b.db, b.controller.ID))(t)) != want; {
			if time.Now().After(until) {
				t.Fatalf("never %d personal datasets", want)
			}
		}
		if now := generation(t, b); now <= before {
			t.Errorf("%d personal datasets, generation %d after %d", want, now, before)
		}
	}
}

// Every change leaves a row of history with before and after, and a row of the
// audit log with who did it; a change that changes nothing leaves neither.
func TestChangesAreRecorded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	s := b.store
	s.Residency = ptr("eu-west-1")
	s = must(b.DeclareStore(ctx, b.steward, s))(t)
	must(b.DeclareStore(ctx, b.steward, s))(t)
	changes := must(b.Changes(ctx, b.steward, s.ID, page.Args{First: 10}))(t)
	if len(changes.Items) != 2 {
		t.Fatalf("%d changes, want 2", len(changes.Items))
	}
	last, first := changes.Items[0], changes.Items[1]
	var before, after catalog.Store
	if json.Unmarshal(last.Before, &before) != nil || json.Unmarshal(last.After, &after) != nil || before.Residency != nil || *after.Residency != "eu-west-1" {
		t.Errorf("last change: %s → %s", last.Before, last.After)
	}
	if first.Before != nil || first.Act != "store.declared" || first.Actor != b.steward.ID {
		t.Errorf("first change: %+v", first)
	}
	var n int
	if err := b.db.QueryRow(ctx, `SELECT count(*) FROM audit_entry WHERE entity_id = $1 AND actor_id = $2 AND act = 'store.declared'`, s.ID, b.steward.ID).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d audit entries, want 2 (%v)", n, err)
	}
	next := must(b.Changes(ctx, b.steward, s.ID, page.Args{First: 1, After: changes.Cursors[0]}))(t)
	if len(next.Items) != 1 || next.Items[0].Seq != first.Seq || next.HasNext {
		t.Errorf("second page: %+v", next)
	}
	if _, err := b.Changes(ctx, b.steward, b.service.ID, page.Args{First: 1, After: changes.Cursors[0]}); told(err) != "after:BAD_CURSOR" {
		t.Errorf("another entity's cursor: %v", err)
	}
}

// A rehearsal tells what applying would, and changes nothing.
func TestRehearse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before, n := generation(t, b), b.count(t, "catalog_dataset")
	good := catalog.Changes{Put: catalog.Contents{Datasets: []catalog.Dataset{{Namespace: "s3://x", Name: "y", Kind: "OBJECTS", StoreID: &b.store.ID}}}}
	if err := b.Rehearse(t.Context(), b.steward, good); err != nil {
		t.Errorf("a good change: %v", err)
	}
	bad := catalog.Changes{Put: catalog.Contents{Datasets: []catalog.Dataset{{Namespace: "s3://x", Name: "y", Kind: "OBJECTS", StoreID: &b.store.ID, DerivedFrom: []uuid.UUID{nobody}}}}}
	if err := b.Rehearse(t.Context(), b.steward, bad); told(err) != "derivedFrom:UNKNOWN_REFERENCE" {
		t.Errorf("a change that only the commit would refuse: %v", err)
	}
	if generation(t, b) != before || b.count(t, "catalog_dataset") != n {
		t.Error("a rehearsal changed something")
	}
}

// Who may not tag is told that, and nothing about what was sent; who may is
// told of a hundred mistakes at a time.
func TestTagsAreJudgedAfterTheirCaller(t *testing.T) {
	t.Parallel()
	b := setup(t)
	many := make([]catalog.Tag, 5000)
	for i := range many {
		many[i] = catalog.Tag{DatasetID: b.dataset.ID, Term: fmt.Sprintf("user.contact.emial_%d", i)}
	}
	if _, err := b.AssertTags(t.Context(), b.other, many); fault.KindOf(err) != fault.Denied {
		t.Errorf("another team's steward: %.200v", err)
	}
	if _, err := b.AssertTags(t.Context(), b.steward, many); len(fault.All(err)) != 100 || !strings.Contains(err.Error(), "user.contact.email") {
		t.Errorf("%d mistakes told", len(fault.All(err)))
	}
	if _, err := b.AssertTags(t.Context(), b.steward, slices.Concat(many, many[:1])); told(err) != "tags:OUT_OF_RANGE" {
		t.Errorf("5,001 tags: %.200v", err)
	}
}
