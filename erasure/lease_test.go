package erasure_test

import (
	"crypto/sha256"
	"testing"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/queue"
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
