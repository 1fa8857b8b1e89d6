package erasure

import (
	"testing"

	"github.com/google/uuid"
)

// The expected values follow docs/rights-protocol.md ("Results") and the rules
// of the lattice in docs/states.md; the scenario numbers are those of
// docs/scenarios.md.
func TestJudge(t *testing.T) {
	t.Parallel()
	orders, items, elsewhere := uuid.New(), uuid.New(), uuid.New()
	scope := []uuid.UUID{orders, items}
	plan := "aa"
	done := func(seq int, outcomes ...DatasetAnswer) Answer {
		return Answer{Seq: seq, PlanDigest: plan, State: "DONE", Outcomes: outcomes}
	}
	o := func(d uuid.UUID, word string) DatasetAnswer { return DatasetAnswer{Dataset: d, Outcome: word} }
	sent := Task{State: TaskSent, Action: EraseAction, Round: 1}
	ended := Task{State: TaskDone, Action: EraseAction, Round: 1, SeqSeen: 3}
	cancelled := Task{State: TaskCancelled, Action: EraseAction, Round: 1}
	was := []TaskOutcome{{DatasetID: orders, Outcome: "ERASED"}, {DatasetID: items, Outcome: "ERASED"}}

	for name, c := range map[string]struct {
		task     Task
		said     []TaskOutcome
		answer   Answer
		want     Disposition
		code     string
		state    TaskState
		again    bool
		outcomes int
	}{
		"done":                                      {sent, nil, done(1, o(orders, "ERASED"), o(items, "NOT_FOUND")), Recorded, "", TaskDone, false, 2},
		"done before it was sent (5)":               {Task{State: TaskReady, Action: EraseAction, Round: 1}, nil, done(1, o(orders, "ERASED"), o(items, "ERASED")), Recorded, "", TaskDone, false, 2},
		"working":                                   {sent, nil, Answer{Seq: 1, PlanDigest: plan, State: "WORKING"}, Recorded, "", TaskWorking, false, 0},
		"refused":                                   {sent, nil, Answer{Seq: 1, PlanDigest: plan, State: "REFUSED", Code: "LEGAL_HOLD"}, Recorded, "LEGAL_HOLD", TaskRefused, false, 0},
		"failed for good":                           {sent, nil, Answer{Seq: 1, PlanDigest: plan, State: "FAILED", Code: "STORAGE_UNAVAILABLE"}, Recorded, "STORAGE_UNAVAILABLE", TaskRefused, false, 0},
		"failed for now, a part done (6)":           {sent, nil, Answer{Seq: 1, PlanDigest: plan, State: "FAILED", Code: "STORAGE_UNAVAILABLE", Retryable: true, Outcomes: []DatasetAnswer{o(orders, "ERASED")}}, Recorded, "STORAGE_UNAVAILABLE", "", true, 1},
		"done, but not about everything":            {sent, nil, done(1, o(orders, "ERASED")), Recorded, codeIncomplete, "", true, 1},
		"done, the rest was told before":            {sent, was[:1], done(2, o(items, "ERASED")), Recorded, "", TaskDone, false, 1},
		"a place the catalog does not know":         {sent, nil, done(1, o(orders, "ERASED"), o(items, "ERASED"), o(elsewhere, "ERASED")), Recorded, "UNPLANNED_DATASET", TaskDone, false, 2},
		"another plan":                              {sent, nil, Answer{Seq: 1, PlanDigest: "bb", State: "DONE"}, Rejected, "PLAN_MISMATCH", "", false, 0},
		"an outcome of another action":              {sent, nil, done(1, o(orders, "PRESENT")), Rejected, "OUTCOME_NOT_POSSIBLE", "", false, 0},
		"an older word (4)":                         {Task{State: TaskWorking, Action: EraseAction, Round: 1, SeqSeen: 5}, nil, Answer{Seq: 4, PlanDigest: plan, State: "REFUSED", Code: "LEGAL_HOLD"}, Late, "", "", false, 0},
		"the same again (3)":                        {ended, was, done(3, o(orders, "ERASED"), o(items, "ERASED")), Duplicate, "", "", false, 0},
		"working, after the end (4)":                {ended, was, Answer{Seq: 2, PlanDigest: plan, State: "WORKING"}, Late, "", "", false, 0},
		"refused, after the end":                    {ended, was, Answer{Seq: 4, PlanDigest: plan, State: "REFUSED", Code: "LEGAL_HOLD"}, Late, "", "", false, 0},
		"nothing left, after erasing":               {ended, was, done(4, o(orders, "NOT_FOUND"), o(items, "NOT_FOUND")), Duplicate, "", "", false, 0},
		"a contradiction":                           {ended, was, done(4, o(orders, "RETAINED"), o(items, "ERASED")), Conflict, codeConflict, "", false, 1},
		"erased before the cancelling arrived (44)": {cancelled, nil, done(1, o(orders, "ERASED"), o(items, "ERASED")), Late, "", "", false, 2},
		"parts that are not as declared":            {Task{State: TaskSent, Action: Export, Round: 1}, nil, Answer{Seq: 1, PlanDigest: plan, State: "DONE", refused: "PART_DIGEST_MISMATCH"}, Rejected, "PART_DIGEST_MISMATCH", "", false, 0},
		"two people":                                {Task{State: TaskSent, Action: Resolve, Round: 1}, nil, Answer{Seq: 1, State: "DONE", Resolved: &Resolution{People: 2, Identifiers: []Identifier{{"email", "x"}}}}, Recorded, codeTwoPeople, TaskDone, false, 0},
		"resolved without saying what":              {Task{State: TaskSent, Action: Resolve, Round: 1}, nil, Answer{Seq: 1, State: "DONE"}, Recorded, codeIncomplete, "", true, 0},
	} {
		v := judge(c.task, plan, scope, c.said, c.answer)
		if v.Disposition != c.want || v.Code != c.code || v.state != c.state || v.again != c.again || len(v.outcomes) != c.outcomes {
			t.Errorf("%s: %+v", name, v)
		}
		if len(v.merge) > 0 && v.Code == codeTwoPeople {
			t.Errorf("%s: identifiers of two people were mixed", name)
		}
	}
}

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
					final := map[uuid.UUID]TaskOutcome{}
					if x != "" {
						final[a] = TaskOutcome{Outcome: x}
					}
					if y != "" {
						final[b] = TaskOutcome{Outcome: y}
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
	nothing := map[uuid.UUID]TaskOutcome{a: {Outcome: "NOT_FOUND"}, b: {Outcome: "NOT_FOUND"}}
	if got := conclude(Request{}, []Node{{Kind: Ask, DatasetID: a}, {Kind: Ask, DatasetID: b}}, nothing, false); got != NoDataHeld {
		t.Errorf("nothing anywhere: %s", got)
	}
	if got := conclude(Request{Outcome: ptr(Cancelled)}, nil, map[uuid.UUID]TaskOutcome{a: {Outcome: "ERASED"}}, true); got != CancelledAfterPartial {
		t.Errorf("cancelled after a part: %s", got)
	}
	if got := conclude(Request{Refusal: ptr(Excessive)}, nil, nil, false); got != Refused {
		t.Errorf("refused: %s", got)
	}
}
