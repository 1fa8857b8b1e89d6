package erasure

import (
	"testing"

	"github.com/flowmart/lethe/erasure/task"
	"github.com/google/uuid"
)

// conclude is held to every combination of what can become of two datasets, a
// gap, and a stopped task. The oracle is the wording of the design: skipped is
// never done, and a gap never closes as fulfilled.
func TestConclude(t *testing.T) {
	t.Parallel()
	a, b := uuid.New(), uuid.New()
	words := []string{"", "ERASED", "ANONYMISED", "PARTIALLY_ERASED", "PENDING_EXPIRY", "NOT_FOUND", "RETAINED", "NOT_APPLICABLE", "EXPORTED"}
	for _, x := range words {
		for _, y := range words {
			for _, gap := range []bool{false, true} {
				for _, stopped := range []bool{false, true} {
					nodes := []Node{{Kind: Ask, DatasetID: a}, {Kind: Keep, DatasetID: b}}
					if gap {
						nodes = append(nodes, Node{Kind: Gap, DatasetID: uuid.New()})
					}
					final := map[uuid.UUID]task.Outcome{}
					if x != "" {
						final[a] = task.Outcome{Outcome: x}
					}
					if y != "" {
						final[b] = task.Outcome{Outcome: y}
					}
					got := conclude(Request{}, nodes, final, stopped)
					whole := !gap && !stopped && x != "" && y != "" && x != "PARTIALLY_ERASED" && y != "PARTIALLY_ERASED"
					if (got == PartiallyFulfilled) == whole {
						t.Errorf("%q %q gap=%v stopped=%v: %s", x, y, gap, stopped, got)
					}
					if whole && (x == "RETAINED" || y == "RETAINED") != (got == FulfilledWithRetention) {
						t.Errorf("%q %q: %s", x, y, got)
					}
				}
			}
		}
	}
	nothing := map[uuid.UUID]task.Outcome{a: {Outcome: "NOT_FOUND"}, b: {Outcome: "NOT_FOUND"}}
	if got := conclude(Request{}, []Node{{Kind: Ask, DatasetID: a}, {Kind: Ask, DatasetID: b}}, nothing, false); got != NoDataHeld {
		t.Errorf("nothing anywhere: %s", got)
	}
	if got := conclude(Request{Outcome: ptr(Cancelled)}, nil, map[uuid.UUID]task.Outcome{a: {Outcome: "ERASED"}}, true); got != CancelledAfterPartial {
		t.Errorf("cancelled after a part: %s", got)
	}
	if got := conclude(Request{Refusal: ptr(Excessive)}, nil, nil, false); got != Refused {
		t.Errorf("refused: %s", got)
	}
}
