package answer

import (
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/task"
)

// CodeTwoPeople is the code of a task to resolve whose service knows several
// people by the identifiers.
const CodeTwoPeople = "TWO_PEOPLE"

// codeIncomplete is the code of an answer that says less than it was asked.
const codeIncomplete = "INCOMPLETE"

// codeUnplanned is the code of an answer about a dataset that was not asked about.
const codeUnplanned = "UNPLANNED_DATASET"

// answersTo is which outcomes may answer which action.
var answersTo = map[task.Action][]string{
	task.Erase:   {"ERASED", "ANONYMISED", "PARTIALLY_ERASED", "CRYPTO_SHREDDED", "PENDING_EXPIRY", "NOT_FOUND", "RETAINED", "NOT_APPLICABLE"},
	task.Locate:  {"PRESENT", "ABSENT"},
	task.Probe:   {"PRESENT", "ABSENT"},
	task.Export:  {"EXPORTED", "NOT_FOUND", "NOT_APPLICABLE"},
	task.Resolve: {},
}

// Judge decides what an answer does. It is pure: the state of the task, what
// was asked and what was said before go in, a verdict comes out. A later word
// never undoes an earlier final one.
func Judge(t task.Task, planDigest string, scope []uuid.UUID, said []task.Outcome, a Answer) Verdict {
	v := Verdict{Task: a.Task, Disposition: Recorded}
	known := task.Current(said)
	switch {
	case a.PlanDigest != "" && a.PlanDigest != planDigest:
		v.Disposition, v.Code = Rejected, "PLAN_MISMATCH"
		return v
	case a.Refused != "":
		v.Disposition, v.Code = Rejected, a.Refused
		return v
	case t.State.Terminal():
		return afterTheEnd(t, known, a, v)
	case a.Seq <= t.SeqSeen:
		v.Disposition = Late
		return v
	}
	for _, o := range a.Outcomes {
		if !slices.Contains(answersTo[t.Action], o.Outcome) {
			v.Disposition, v.Code = Rejected, "OUTCOME_NOT_POSSIBLE"
			return v
		}
		if !slices.Contains(scope, o.Dataset) {
			v.Code = codeUnplanned // the service knows a place that the catalog does not
			v.Unplanned = append(v.Unplanned, o.Dataset)
			continue
		}
		v.Outcomes = append(v.Outcomes, o)
	}
	return progress(t, scope, known, a, v)
}

// progress is what an answer in time means for its task.
func progress(t task.Task, scope []uuid.UUID, known map[uuid.UUID]task.Outcome, a Answer, v Verdict) Verdict {
	switch a.State {
	case "WORKING":
		if t.State != task.Working {
			v.State = task.Working
		}
	case "REFUSED":
		v.State, v.Code = task.Refused, a.Code
	case "FAILED":
		if v.Code = a.Code; a.Retryable {
			v.Again = true
			return v
		}
		v.State = task.Refused
	case "DONE":
		if t.Action == task.Resolve {
			return resolved(a, v)
		}
		if !covers(scope, known, v.Outcomes) {
			v.Again, v.Code = true, codeIncomplete // done, but not about everything it was asked
			return v
		}
		v.State = task.Done
	}
	return v
}

// resolved takes the answer of an identity service. Two people are a reason to
// stop, and their identifiers are not mixed.
func resolved(a Answer, v Verdict) Verdict {
	v.State = task.Done
	switch {
	case a.Resolved == nil:
		v.State, v.Again, v.Code = "", true, codeIncomplete
	case a.Resolved.People > 1:
		v.Code = CodeTwoPeople
	default:
		v.Learned = a.Resolved.Identifiers
	}
	return v
}

// covers reports whether every dataset of a task has an outcome.
func covers(scope []uuid.UUID, known map[uuid.UUID]task.Outcome, more []Dataset) bool {
	for _, d := range scope {
		_, ok := known[d]
		if !ok && !slices.ContainsFunc(more, func(o Dataset) bool { return o.Dataset == d }) {
			return false
		}
	}
	return true
}

// afterTheEnd takes a word about a task that has ended. The same word again is
// a duplicate. Another is kept: it may mean that the first was untrue, and that
// is for a person.
func afterTheEnd(t task.Task, known map[uuid.UUID]task.Outcome, a Answer, v Verdict) Verdict {
	v.Disposition = Late
	if a.State != "DONE" {
		return v
	}
	same := true
	for _, o := range a.Outcomes {
		before, ok := known[o.Dataset]
		switch {
		case !ok && t.State == task.Cancelled && slices.Contains(answersTo[t.Action], o.Outcome):
			v.Outcomes = append(v.Outcomes, o) // it was done before the cancelling arrived
			same = false
		case !ok || before.Outcome != o.Outcome && !repeats(before, o.Outcome):
			same = false
			if t.State == task.Done && slices.Contains(answersTo[t.Action], o.Outcome) && ok {
				v.Disposition, v.Code, v.Conflict = Conflict, task.CodeConflict, true
				v.Outcomes = append(v.Outcomes, o)
			}
		}
	}
	if same && t.State == task.Done {
		v.Disposition = Duplicate
	}
	return v
}

// repeats reports whether a second word is what a service that did the work
// before honestly says when it is asked again: there is nothing left.
func repeats(before task.Outcome, now string) bool {
	return before.Gone() && now == "NOT_FOUND"
}

// Apply is the task as it is after the verdict.
func (v Verdict) Apply(t task.Task, a Answer) task.Task {
	if v.Disposition != Recorded {
		if v.Conflict {
			t.Code = new(task.CodeConflict)
		}
		return t
	}
	t.SeqSeen = a.Seq
	if v.Code != "" {
		t.Code = &v.Code
	}
	if v.State != "" {
		t.State = v.State
	}
	if v.Again {
		t.State, t.Round = task.Ready, t.Round+1
	}
	return t
}

// Said is what goes on record of o after the verdict.
func (o Dataset) Said(t task.Task, a Answer, v Verdict) task.Outcome {
	return task.Outcome{TaskID: t.ID, DatasetID: o.Dataset, Round: t.Round, Seq: a.Seq, Outcome: o.Outcome, Count: &o.Count, Method: o.Method,
		Ground: o.Ground, Until: o.Until, EffectiveBy: o.EffectiveBy, Conflict: v.Conflict}
}
