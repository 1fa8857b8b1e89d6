package erasure_test

import (
	"context"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure"
)

// What counts as left undone, and since when, is by scenario 1 of the
// acceptance list: 24 hours without the service's doing it, told once a day.
func TestTasksLeftUndoneAreTold(t *testing.T) {
	t.Parallel()
	s := furnish(t, erasure.Config{ProbeDelay: time.Second, NudgeEvery: 100 * 24 * time.Hour})
	r := s.approved(erasure.Erasure)
	s.work()
	alerts := func() []erasure.Alert {
		t.Helper()
		found, err := erasure.AlertsOf(s.ctx, s.db, ids(r))
		s.must(err)
		return found[r.ID]
	}
	day := 24 * time.Hour

	// Nothing was tried: Lethe was held up, and not the service.
	s.pass(2 * day)
	if got := alerts(); len(got) > 0 {
		t.Fatalf("a task that was never sent is alerted: %+v", got)
	}
	due, err := s.requests.Due(s.ctx, s.services["orders"].ID, 100)
	s.must(err)
	s.must(s.requests.Undelivered(s.ctx, due, "UNREACHABLE", 0))
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

// tells keeps what is told of tasks.
func (s *shop) tells(_ context.Context, a erasure.Alert) { s.told = append(s.told, a) }
