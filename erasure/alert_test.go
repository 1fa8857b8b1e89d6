package erasure_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/alert"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/internal/page"
)

// What counts as left undone, and since when, is by scenario 1 of the
// acceptance list: 24 hours without the service's doing it, told once a day.
func TestTasksLeftUndoneAreTold(t *testing.T) {
	t.Parallel()
	s := furnish(t, erasure.Config{ProbeDelay: time.Second, NudgeEvery: 100 * 24 * time.Hour})
	r := s.approved(erasure.Erasure)
	s.work()
	alerts := func() []alert.Alert {
		t.Helper()
		found, err := alert.Of(s.ctx, s.db, ids(r))
		s.must(err)
		return found[r.ID]
	}
	day := 24 * time.Hour

	// Nothing was tried: Lethe was held up, and not the service.
	s.pass(2 * day)
	if got := alerts(); len(got) > 0 {
		t.Fatalf("a task that was never sent is alerted: %+v", got)
	}
	due, err := s.queue.Due(s.ctx, s.services["orders"].ID, 100)
	s.must(err)
	s.must(s.queue.Undelivered(s.ctx, due, "UNREACHABLE", 0))
	s.pass(time.Second)
	s.pass(time.Second) // not twice on one day
	got := alerts()
	if len(got) != 1 || got[0].TaskKey != due[0].Key || got[0].Times != 1 || *got[0].Code != "UNREACHABLE" || got[0].OverAt != nil {
		t.Fatalf("alerts %+v, want one of %s", got, due[0].Key)
	}
	s.pass(day)
	if again := alerts(); len(again) != 1 || again[0].Times != 2 || !again[0].RaisedAt.Equal(got[0].RaisedAt) || !again[0].ToldAt.After(got[0].ToldAt) {
		t.Errorf("on the next day: %+v", again)
	}

	// The service takes it and says nothing: it is as undone as before. It says
	// that it works: it is not.
	sent := s.take("orders")
	s.pass(day)
	if got := alerts(); got[0].Times != 3 || got[0].OverAt != nil {
		t.Errorf("of a silent service: %+v", got)
	}
	working := s.answer(sent[0], "ERASED", 3)
	working.State, working.Outcomes = "WORKING", nil
	s.says("orders", working)
	s.pass(time.Second)
	if got := alerts(); got[0].OverAt == nil {
		t.Errorf("of a service at work: %+v", got)
	}
	s.pass(day)
	if got := alerts(); len(got) != 1 || got[0].OverAt != nil || got[0].Times != 1 {
		t.Errorf("of a service that fell silent again: %+v", got)
	}
	s.says("orders", s.answer(sent[0], "ERASED", 3))
	s.pass(time.Second)
	if got := alerts(); got[0].OverAt == nil {
		t.Errorf("of a task that is done: %+v", got)
	}
	if n := s.count(`SELECT count(*) FROM audit_entry WHERE act = 'task.undone' AND entity_id = $1`, due[0].Key); n != 4 {
		t.Errorf("the audit log has it %d times, want 4", n)
	}
	if len(s.told) != 4 || s.told[3].TaskKey != due[0].Key {
		t.Errorf("%d were told to who logs, want 4", len(s.told))
	}
}

// docs/rights-protocol.md: an answer about a place that the plan did not know
// is recorded, and a person looks. So people are told once, however often the
// service says it, until a plan asks about that place.
func TestPlacesThatNobodyPlannedAreTold(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	attic := s.dataset("orders", "public.attic", catalog.Dataset{})
	s.untag(attic)
	r := s.approved(erasure.Erasure)
	s.work()
	sent := s.take("orders")
	a := s.answer(sent[0], "ERASED", 3)
	mine := a.Outcomes
	for _, stranger := range []uuid.UUID{uuid.New(), attic.ID} {
		a.Outcomes = append(a.Outcomes, answer.Dataset{Dataset: stranger, Outcome: "ERASED", Count: 1})
	}
	a.State = "WORKING"
	for range 2 {
		if v := s.says("orders", a); v[0].Disposition != answer.Recorded || v[0].Code != "UNPLANNED_DATASET" {
			t.Fatalf("verdict %+v", v)
		}
		a.Seq++
	}
	alerts := func() []alert.Alert {
		t.Helper()
		found, err := alert.Of(s.ctx, s.db, ids(r))
		s.must(err)
		return found[r.ID]
	}
	got := alerts()
	if len(got) != 1 || got[0].Reason != alert.UnplannedDataset || got[0].TaskKey != sent[0].Key || *got[0].DatasetID != attic.ID || got[0].Times != 1 || got[0].OverAt != nil {
		t.Fatalf("alerts %+v, want one of %s", got, attic.ID)
	}
	if len(s.told) != 1 || s.told[0].Reason != alert.UnplannedDataset || *s.told[0].DatasetID != attic.ID {
		t.Errorf("told to who logs: %+v", s.told)
	}
	if n := s.count(`SELECT count(*) FROM audit_entry WHERE act = 'task.unplanned_dataset' AND entity_id = $1`, sent[0].Key); n != 1 {
		t.Errorf("the audit log has it %d times, want once", n)
	}
	open, err := s.requests.Alerts(s.ctx, s.handler, page.Args{First: 10})
	s.must(err)
	if len(open.Items) != 1 || open.Items[0].ID != got[0].ID {
		t.Errorf("the list of alerts: %+v", open.Items)
	}

	// It is no longer true when the place is in a plan: the catalog has learnt
	// of it, and the request was opened again.
	a.State, a.Outcomes = "DONE", mine
	s.says("orders", a)
	for range 6 {
		s.obey(everybody...)
		s.pass(2 * time.Second)
	}
	s.want(r, erasure.Closed)
	if got := alerts(); got[0].OverAt != nil {
		t.Errorf("over with the request, and nobody was asked about the place: %+v", got)
	}
	_, err = s.catalog.AssertTags(s.ctx, s.admin, []catalog.Tag{{DatasetID: attic.ID, Term: "user.contact.email"}})
	s.must(err)
	_, err = s.requests.Reopen(s.ctx, s.other, r.ID)
	s.must(err)
	s.pass(time.Second)
	if got := alerts(); len(got) != 1 || got[0].OverAt == nil {
		t.Errorf("of a place that is in the plan now: %+v", got)
	}
}

// untag takes every tag of a dataset away.
func (s *shop) untag(d catalog.Dataset) {
	s.t.Helper()
	tags, err := catalog.TagsByDataset(s.ctx, s.db, []uuid.UUID{d.ID})
	s.must(err)
	var ids []uuid.UUID
	for _, t := range tags[d.ID] {
		ids = append(ids, t.ID)
	}
	s.must(s.catalog.EndTags(s.ctx, s.admin, ids))
}

// tells keeps what is told of tasks.
func (s *shop) tells(_ context.Context, a alert.Alert) { s.told = append(s.told, a) }
