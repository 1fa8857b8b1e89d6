package erasure_test

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/task"
)

// sender is the process that leases tasks in these tests.
var sender = uuid.MustParse("0193b5a0-0000-7000-8000-000000000001")

// The tasks of a sender that has ended need not wait for its leases. If it
// lives after all, what it does with its older fence changes nothing.
func TestLeasesOfAnEndedProcess(t *testing.T) {
	t.Parallel()
	s := furnish(t, erasure.Config{})
	s.approved(erasure.Erasure)
	first, err := s.queue.Due(s.ctx, s.services["orders"].ID, 100)
	s.must(err)
	if len(first) != 1 {
		t.Fatalf("%d tasks are due, want 1", len(first))
	}
	again := func() []queue.Delivery {
		t.Helper()
		due, err := s.queue.Due(s.ctx, s.services["orders"].ID, 100)
		s.must(err)
		return due
	}
	if n, err := queue.Abandoned(s.ctx, s.db, uuid.New()); err != nil || n != 0 || len(again()) != 0 {
		t.Errorf("the end of another process gave back %d leases, %v", n, err)
	}
	if n, err := queue.Abandoned(s.ctx, s.db, sender); err != nil || n != 1 {
		t.Errorf("%d leases were given back, %v; want 1", n, err)
	}
	second := again()
	if len(second) != 1 || second[0].Fence <= first[0].Fence {
		t.Fatalf("leased anew: %+v, before %+v", second, first)
	}
	sum := sha256.Sum256([]byte("late"))
	s.must(s.queue.Delivered(s.ctx, first, sum[:]))
	if n := s.count(`SELECT count(*) FROM erasure_task WHERE id = $1 AND state = 'READY' AND lease_until > now()`, first[0].ID); n != 1 {
		t.Error("the older fence changed the task")
	}
	s.must(s.queue.Undelivered(s.ctx, first, "UNREACHABLE", 0))
	if len(again()) != 0 {
		t.Error("the older fence gave back the newer lease")
	}
}

// A service may answer before its 202 is noted. If it asks to be sent the task
// once more, the 202 is about a round that is over: the task stays due.
func TestTakenInARoundThatIsOver(t *testing.T) {
	t.Parallel()
	s := furnish(t, erasure.Config{})
	r := s.approved(erasure.Erasure)
	first, err := s.queue.Due(s.ctx, s.services["orders"].ID, 100)
	s.must(err)
	a := s.answer(first[0], "", 0)
	a.State, a.Code, a.Retryable, a.Outcomes = "FAILED", "STORAGE_UNAVAILABLE", true, nil
	s.says("orders", a)
	sum := sha256.Sum256([]byte("late"))
	s.must(s.queue.Delivered(s.ctx, first, sum[:]))
	if got := s.taskOf(r, "orders", task.Erase); got.State != task.Ready || got.Round != 2 {
		t.Errorf("the task is %s in round %d", got.State, got.Round)
	}
	s.must(s.requests.GiveUp(s.ctx, first[0], task.Refused, "TOO_LARGE"))
	if got := s.taskOf(r, "orders", task.Erase); got.State != task.Ready {
		t.Errorf("the task is %s", got.State)
	}
	s.pass(time.Hour)
	if again := s.take("orders"); len(again) != 1 {
		t.Errorf("%d tasks are sent again", len(again))
	}
}

// Whoever takes an answer looks at what else is under way without holding the
// request. Of two tasks that end at once, one by an answer and one given up,
// the later must see the other, so giving up waits for nobody who holds it.
func TestGivingUpWaitsForNobody(t *testing.T) {
	t.Parallel()
	s := furnish(t, erasure.Config{})
	r := s.approved(erasure.Erasure)
	due, err := s.queue.Due(s.ctx, s.services["orders"].ID, 100)
	s.must(err)
	s.obey("payments", "customers", "reviews")
	holder, err := s.db.Begin(s.ctx)
	s.must(err)
	_, err = holder.Exec(s.ctx, `SELECT id FROM erasure_request WHERE id = $1 FOR UPDATE`, r.ID)
	s.must(err)
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	if err := s.requests.GiveUp(ctx, due[0], task.Refused, "TOO_MANY_IDENTIFIERS"); err != nil {
		t.Error(err)
	}
	if got := s.taskOf(r, "orders", task.Erase).State; got != task.Refused {
		t.Errorf("the task is %s while somebody holds the request", got)
	}
	s.must(holder.Rollback(s.ctx))
	for range 3 {
		s.work()
		s.obey("reviews", "customers")
	}
	if r = s.want(r, erasure.Blocked); *r.Block != erasure.TaskStopped {
		t.Errorf("blocked by %s", *r.Block)
	}
}
