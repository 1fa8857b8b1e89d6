package answer

import (
	"testing"

	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/erasure/task"
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
	done := func(seq int, outcomes ...Dataset) Answer {
		return Answer{Seq: seq, PlanDigest: plan, State: "DONE", Outcomes: outcomes}
	}
	o := func(d uuid.UUID, word string) Dataset { return Dataset{Dataset: d, Outcome: word} }
	sent := task.Task{State: task.Sent, Action: task.Erase, Round: 1}
	ended := task.Task{State: task.Done, Action: task.Erase, Round: 1, SeqSeen: 3}
	cancelled := task.Task{State: task.Cancelled, Action: task.Erase, Round: 1}
	was := []task.Outcome{{DatasetID: orders, Outcome: "ERASED"}, {DatasetID: items, Outcome: "ERASED"}}

	for name, c := range map[string]struct {
		task     task.Task
		said     []task.Outcome
		answer   Answer
		want     Disposition
		code     string
		state    task.State
		again    bool
		outcomes int
	}{
		"done":                                      {sent, nil, done(1, o(orders, "ERASED"), o(items, "NOT_FOUND")), Recorded, "", task.Done, false, 2},
		"done before it was sent (5)":               {task.Task{State: task.Ready, Action: task.Erase, Round: 1}, nil, done(1, o(orders, "ERASED"), o(items, "ERASED")), Recorded, "", task.Done, false, 2},
		"working":                                   {sent, nil, Answer{Seq: 1, PlanDigest: plan, State: "WORKING"}, Recorded, "", task.Working, false, 0},
		"refused":                                   {sent, nil, Answer{Seq: 1, PlanDigest: plan, State: "REFUSED", Code: "LEGAL_HOLD"}, Recorded, "LEGAL_HOLD", task.Refused, false, 0},
		"failed for good":                           {sent, nil, Answer{Seq: 1, PlanDigest: plan, State: "FAILED", Code: "STORAGE_UNAVAILABLE"}, Recorded, "STORAGE_UNAVAILABLE", task.Refused, false, 0},
		"failed for now, a part done (6)":           {sent, nil, Answer{Seq: 1, PlanDigest: plan, State: "FAILED", Code: "STORAGE_UNAVAILABLE", Retryable: true, Outcomes: []Dataset{o(orders, "ERASED")}}, Recorded, "STORAGE_UNAVAILABLE", "", true, 1},
		"done, but not about everything":            {sent, nil, done(1, o(orders, "ERASED")), Recorded, codeIncomplete, "", true, 1},
		"done, the rest was told before":            {sent, was[:1], done(2, o(items, "ERASED")), Recorded, "", task.Done, false, 1},
		"a place the catalog does not know":         {sent, nil, done(1, o(orders, "ERASED"), o(items, "ERASED"), o(elsewhere, "ERASED")), Recorded, "UNPLANNED_DATASET", task.Done, false, 2},
		"another plan":                              {sent, nil, Answer{Seq: 1, PlanDigest: "bb", State: "DONE"}, Rejected, "PLAN_MISMATCH", "", false, 0},
		"an outcome of another action":              {sent, nil, done(1, o(orders, "PRESENT")), Rejected, "OUTCOME_NOT_POSSIBLE", "", false, 0},
		"an older word (4)":                         {task.Task{State: task.Working, Action: task.Erase, Round: 1, SeqSeen: 5}, nil, Answer{Seq: 4, PlanDigest: plan, State: "REFUSED", Code: "LEGAL_HOLD"}, Late, "", "", false, 0},
		"the same again (3)":                        {ended, was, done(3, o(orders, "ERASED"), o(items, "ERASED")), Duplicate, "", "", false, 0},
		"working, after the end (4)":                {ended, was, Answer{Seq: 2, PlanDigest: plan, State: "WORKING"}, Late, "", "", false, 0},
		"refused, after the end":                    {ended, was, Answer{Seq: 4, PlanDigest: plan, State: "REFUSED", Code: "LEGAL_HOLD"}, Late, "", "", false, 0},
		"nothing left, after erasing":               {ended, was, done(4, o(orders, "NOT_FOUND"), o(items, "NOT_FOUND")), Duplicate, "", "", false, 0},
		"a contradiction":                           {ended, was, done(4, o(orders, "RETAINED"), o(items, "ERASED")), Conflict, task.CodeConflict, "", false, 1},
		"erased before the cancelling arrived (44)": {cancelled, nil, done(1, o(orders, "ERASED"), o(items, "ERASED")), Late, "", "", false, 2},
		"parts that are not as declared":            {task.Task{State: task.Sent, Action: task.Export, Round: 1}, nil, Answer{Seq: 1, PlanDigest: plan, State: "DONE", Refused: "PART_DIGEST_MISMATCH"}, Rejected, "PART_DIGEST_MISMATCH", "", false, 0},
		"two people":                                {task.Task{State: task.Sent, Action: task.Resolve, Round: 1}, nil, Answer{Seq: 1, State: "DONE", Resolved: &Resolution{People: 2, Identifiers: []subject.Identifier{{Type: "email", Value: "x"}}}}, Recorded, CodeTwoPeople, task.Done, false, 0},
		"resolved without saying what":              {task.Task{State: task.Sent, Action: task.Resolve, Round: 1}, nil, Answer{Seq: 1, State: "DONE"}, Recorded, codeIncomplete, "", true, 0},
	} {
		v := Judge(c.task, plan, scope, c.said, c.answer)
		if v.Disposition != c.want || v.Code != c.code || v.State != c.state || v.Again != c.again || len(v.Outcomes) != c.outcomes {
			t.Errorf("%s: %+v", name, v)
		}
		if len(v.Learned) > 0 && v.Code == CodeTwoPeople {
			t.Errorf("%s: identifiers of two people were mixed", name)
		}
	}
}
