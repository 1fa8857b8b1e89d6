package erasure_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/fault"
)

// leftOver brings a request to where a probe of orders has found data after two
// erasures.
func (s *shop) leftOver() erasure.Request {
	s.t.Helper()
	r := s.approved(erasure.Erasure)
	s.erased("")
	for range 2 {
		s.foundAgain(r)
	}
	r = s.want(r, erasure.Blocked)
	if *r.Block != erasure.Residue {
		s.t.Fatalf("blocked by %s, want RESIDUE", *r.Block)
	}
	return r
}

// foundAgain has the probe of orders find rows, and orders say it erased them if
// it is asked to.
func (s *shop) foundAgain(r erasure.Request) {
	s.t.Helper()
	s.want(r, erasure.Verifying)
	s.pass(time.Minute)
	s.answers("orders", "PRESENT", 12)
	s.obey("customers", "reviews", "payments")
	s.answers("orders", "ERASED", 12)
}

// last is the latest task of a service for an action.
func (s *shop) last(r erasure.Request, service string, action task.Action) (last task.Task) {
	s.t.Helper()
	all, err := task.Of(s.ctx, s.db, ids(r))
	s.must(err)
	for _, t := range all[r.ID] {
		if t.ServiceID == s.services[service].ID && t.Action == action && t.Wave >= last.Wave {
			last = t
		}
	}
	return last
}

// docs/decisions/0003: erasing again is a new task, because the service's
// record of the old one is worthless. A person who has mended what wrote the
// rows back orders it by retrying the probe.
func TestResidueIsErasedAgain(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.leftOver()
	probe, old := s.last(r, "orders", task.Probe), s.last(r, "orders", task.Erase)
	nothing := func(key uuid.UUID) {
		t.Helper()
		if _, err := s.requests.RetryTask(s.ctx, s.handler, key); fault.KindOf(err) != fault.Conflict || fault.All(err)[0].Code != "NOTHING_TO_RETRY" {
			t.Errorf("%v, want NOTHING_TO_RETRY", err)
		}
	}
	nothing(s.last(r, "customers", task.Probe).Key) // it found nothing
	nothing(s.taskOf(r, "orders", task.Probe).Key)  // the first: what it found was erased again
	nothing(old.Key)                                // what it says it did stays said
	if _, err := s.requests.RetryTask(s.ctx, s.admin, probe.Key); fault.KindOf(err) != fault.Denied {
		t.Errorf("an admin: %v", err)
	}
	s.want(r, erasure.Blocked)

	again, err := s.requests.RetryTask(s.ctx, s.handler, probe.Key)
	s.must(err)
	if again.Key == probe.Key || again.Key == old.Key || again.Action != task.Erase || again.ServiceID != probe.ServiceID || again.Wave != probe.Wave+1 || again.State != task.Ready {
		t.Fatalf("asked again: %+v", again)
	}
	scopes, err := task.ScopesOf(s.ctx, s.db, []int64{probe.ID, again.ID})
	s.must(err)
	if len(scopes[again.ID]) == 0 || len(scopes[again.ID]) != len(scopes[probe.ID]) {
		t.Errorf("it is asked about %v, and the probe had found %v", scopes[again.ID], scopes[probe.ID])
	}
	s.want(r, erasure.Executing)
	nothing(probe.Key) // it was ordered already
	if n := s.count(`SELECT count(*) FROM audit_entry WHERE act = 'task.retried' AND entity_id = $1`, probe.Key); n != 1 {
		t.Errorf("the audit log has the order %d times", n)
	}
	s.answers("orders", "ERASED", 12)
	s.want(r, erasure.Verifying)
	s.pass(time.Minute)
	s.obey(everybody...)
	if r = s.want(r, erasure.Closed); *r.Outcome != erasure.FulfilledWithRetention {
		t.Errorf("outcome %s", *r.Outcome)
	}
	if st := s.certified(r); st.Outcome != "FULFILLED_WITH_RETENTION" || !st.Probes[len(st.Probes)-1].Clean {
		t.Errorf("certified: %s %+v", st.Outcome, st.Probes)
	}
	if _, err := s.requests.RetryTask(s.ctx, s.handler, probe.Key); err == nil || fault.All(err)[0].Code != "WRONG_STATE" {
		t.Errorf("a closed request: %v", err)
	}
}

// What comes back each time is not mended by erasing: that ends, before its
// waves are those of follow-ups, and a person closes in part.
func TestResidueIsNotErasedForEver(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.leftOver()
	times := 0
	for {
		_, err := s.requests.RetryTask(s.ctx, s.approver, s.last(r, "orders", task.Probe).Key)
		if err != nil {
			if fault.All(err)[0].Code != "ERASED_TOO_OFTEN" {
				t.Fatal(err)
			}
			break
		}
		if times++; times > 20 {
			t.Fatal("it goes on for ever")
		}
		s.answers("orders", "ERASED", 12)
		s.want(r, erasure.Verifying)
		s.pass(time.Minute)
		s.answers("orders", "PRESENT", 12)
		s.obey("customers", "reviews", "payments")
		r = s.want(r, erasure.Blocked)
	}
	if last := s.last(r, "orders", task.Probe); times != 8 || last.Wave != 28 { // docs/states.md: follow-ups begin at 30
		t.Errorf("erased again %d times by a person, the last probe in wave %d; want 8 and 28", times, last.Wave)
	}
	_, err := s.requests.CloseInPart(s.ctx, s.approver, r.ID)
	s.must(err)
	if r = s.want(r, erasure.Closed); *r.Outcome != erasure.PartiallyFulfilled {
		t.Errorf("outcome %s", *r.Outcome)
	}
}
