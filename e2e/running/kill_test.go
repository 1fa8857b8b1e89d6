package running

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/protocol"
)

// One of two replicas is killed while erasures go on: the other ends them, and
// no service does anything twice.
func TestKilledReplica(t *testing.T) {
	t.Parallel()
	at := []string{freeAddress(t), freeAddress(t)}
	b := balance(t, at...)
	h := found(t, b.URL, "LETHE_LOG_LEVEL=info")
	replicas := []*replica{h.replica(at[0]), h.replica(at[1])}
	b.await(t, 2)
	services := h.enlist("orders", "reviews", "payments")
	var cases []string
	for n := range 12 {
		cases = append(cases, h.open("customer_id", fmt.Sprintf("C-%06d", n)).CaseNumber)
	}
	for i, number := range cases {
		h.approve(h.reach(number, "PLANNED", time.Minute))
		if i == len(cases)/2 {
			replicas[0].Kill() // erasures of the first half are under way
			b.awaitDown(t, 0)
		}
	}
	killed := time.Now()
	asked := map[uuid.UUID]bool{}
	for _, number := range cases {
		r := h.reach(number, "CLOSED", 3*time.Minute)
		if r.Outcome == nil || *r.Outcome != "FULFILLED" {
			t.Errorf("%s: %+v", number, r)
		}
		for _, task := range r.Tasks.Nodes {
			if task.State != "DONE" {
				t.Errorf("%s: a task is %s", number, task.State)
			}
			asked[uuid.MustParse(task.Key)] = true
		}
	}
	t.Logf("all %d requests closed %s after the kill", len(cases), time.Since(killed).Round(time.Millisecond))
	erased := 0
	for _, s := range services {
		done := map[uuid.UUID]bool{}
		for _, e := range s.Effects() {
			if done[e.Task] {
				t.Errorf("%s did task %s twice", s.Ref, e.Task)
			}
			done[e.Task] = true
			if !asked[e.Task] {
				t.Errorf("%s did %s, which nobody asked", s.Ref, e.Task)
			}
			if e.Action == protocol.Erase {
				erased++
			}
		}
	}
	if want := len(cases) * len(services); erased != want {
		t.Errorf("%d erasures were done, want %d", erased, want)
	}
}
