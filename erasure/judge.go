package erasure

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Answer is a service's result for one task, as its door has read and checked
// it. It is never personal, but for Resolved.
type Answer struct {
	Task       uuid.UUID
	Seq        int
	PlanDigest string // hex; "" where no plan exists yet
	State      string // WORKING, DONE, REFUSED, FAILED
	Code       string
	Retryable  bool
	Outcomes   []DatasetAnswer
	Resolved   *Resolution
	Parts      []Part

	refused string // why its parts were refused; "" if they are as declared
}

// DatasetAnswer is what a service says became of one dataset.
type DatasetAnswer struct {
	Dataset     uuid.UUID
	Outcome     string
	Count       int64
	Method      *string
	Ground      *string
	Until       *time.Time
	EffectiveBy *time.Time
}

// Resolution is the answer of an identity service.
type Resolution struct {
	People      int
	Identifiers []Identifier
}

// Part is one part of an export as a service declares it.
type Part struct {
	Dataset uuid.UUID
	N       int
	Bytes   int64
	Records int64
	SHA256  []byte
	Format  string
}

// Disposition is what became of an answer.
type Disposition string

// The dispositions.
const (
	Recorded  Disposition = "recorded"
	Duplicate Disposition = "duplicate" // we knew; nothing changes
	Late      Disposition = "late"      // an older word, or one after the end; kept, and changes nothing
	Conflict  Disposition = "conflict"  // contradicts what the service said before
	Rejected  Disposition = "rejected"
)

// Verdict is what an answer does to its task.
type Verdict struct {
	Task        uuid.UUID
	Disposition Disposition
	Code        string

	state     TaskState // "" leaves it
	again     bool      // ask once more, in a new round
	outcomes  []DatasetAnswer
	unplanned []uuid.UUID // datasets it speaks of and was not asked about
	conflict  bool
	merge     []Identifier
}

const (
	codeConflict   = "CONFLICT"
	codeIncomplete = "INCOMPLETE"
	codeUnplanned  = "UNPLANNED_DATASET"
)

// answersTo is which outcomes may answer which action.
var answersTo = map[Action][]string{
	EraseAction: {"ERASED", "ANONYMISED", "PARTIALLY_ERASED", "CRYPTO_SHREDDED", "PENDING_EXPIRY", "NOT_FOUND", "RETAINED", "NOT_APPLICABLE"},
	Locate:      {"PRESENT", "ABSENT"},
	Probe:       {"PRESENT", "ABSENT"},
	Export:      {"EXPORTED", "NOT_FOUND", "NOT_APPLICABLE"},
	Resolve:     {},
}

// judge decides what an answer does. It is pure: the state of the task, what
// was asked and what was said before go in, a verdict comes out. A later word
// never undoes an earlier final one.
func judge(t Task, planDigest string, scope []uuid.UUID, said []TaskOutcome, a Answer) Verdict {
	v := Verdict{Task: a.Task, Disposition: Recorded}
	known := current(said)
	switch {
	case a.PlanDigest != "" && a.PlanDigest != planDigest:
		v.Disposition, v.Code = Rejected, "PLAN_MISMATCH"
		return v
	case a.refused != "":
		v.Disposition, v.Code = Rejected, a.refused
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
			v.unplanned = append(v.unplanned, o.Dataset)
			continue
		}
		v.outcomes = append(v.outcomes, o)
	}
	return progress(t, scope, known, a, v)
}

// progress is what an answer in time means for its task.
func progress(t Task, scope []uuid.UUID, known map[uuid.UUID]TaskOutcome, a Answer, v Verdict) Verdict {
	switch a.State {
	case "WORKING":
		if t.State != TaskWorking {
			v.state = TaskWorking
		}
	case "REFUSED":
		v.state, v.Code = TaskRefused, a.Code
	case "FAILED":
		if v.Code = a.Code; a.Retryable {
			v.again = true
			return v
		}
		v.state = TaskRefused
	case "DONE":
		if t.Action == Resolve {
			return resolved(a, v)
		}
		if !covers(scope, known, v.outcomes) {
			v.again, v.Code = true, codeIncomplete // done, but not about everything it was asked
			return v
		}
		v.state = TaskDone
	}
	return v
}

// pollAfterWord is how long after a sign of life a service is asked.
const pollAfterWord = 10 * time.Minute

// nextWord is when a task is looked at again after an answer. One that is to be
// sent again waits longer with each round, as one that cannot be delivered
// waits with each attempt: a service that fails for days is not called every
// few seconds.
func nextWord(t Task, r Request, now time.Time) time.Time {
	if t.State == TaskReady {
		return now.Add(backOff(Delivery{Attempt: t.Round, DueOn: r.DueOn}, now))
	}
	return now.Add(pollAfterWord)
}

// resolved takes the answer of an identity service. Two people are a reason to
// stop, and their identifiers are not mixed.
func resolved(a Answer, v Verdict) Verdict {
	v.state = TaskDone
	switch {
	case a.Resolved == nil:
		v.state, v.again, v.Code = "", true, codeIncomplete
	case a.Resolved.People > 1:
		v.Code = codeTwoPeople
	default:
		v.merge = a.Resolved.Identifiers
	}
	return v
}

// covers reports whether every dataset of a task has an outcome.
func covers(scope []uuid.UUID, known map[uuid.UUID]TaskOutcome, more []DatasetAnswer) bool {
	for _, d := range scope {
		_, ok := known[d]
		if !ok && !slices.ContainsFunc(more, func(o DatasetAnswer) bool { return o.Dataset == d }) {
			return false
		}
	}
	return true
}

// afterTheEnd takes a word about a task that has ended. The same word again is
// a duplicate. Another is kept: it may mean that the first was untrue, and that
// is for a person.
func afterTheEnd(t Task, known map[uuid.UUID]TaskOutcome, a Answer, v Verdict) Verdict {
	v.Disposition = Late
	if a.State != "DONE" {
		return v
	}
	same := true
	for _, o := range a.Outcomes {
		before, ok := known[o.Dataset]
		switch {
		case !ok && t.State == TaskCancelled && slices.Contains(answersTo[t.Action], o.Outcome):
			v.outcomes = append(v.outcomes, o) // it was done before the cancelling arrived
			same = false
		case !ok || before.Outcome != o.Outcome && !repeats(before.Outcome, o.Outcome):
			same = false
			if t.State == TaskDone && slices.Contains(answersTo[t.Action], o.Outcome) && ok {
				v.Disposition, v.Code, v.conflict = Conflict, codeConflict, true
				v.outcomes = append(v.outcomes, o)
			}
		}
	}
	if same && t.State == TaskDone {
		v.Disposition = Duplicate
	}
	return v
}

// repeats reports whether a second word is what a service that did the work
// before honestly says when it is asked again: there is nothing left.
func repeats(before, now string) bool {
	return slices.Contains(erased, before) && now == "NOT_FOUND"
}
