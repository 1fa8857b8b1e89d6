package scenarios_test

import (
	"slices"
	"strings"
	"time"

	"github.com/flowmart/lethe/internal/access"
)

// request is what anybody who may can read of a request.
type request struct {
	ID, CaseNumber, State  string
	Outcome, BlockedReason *string
	ReceivedOn, DueOn      string
	DueUnpausedOn          string
	EraseBefore            string
	PausedDays, Reopened   int
	KeyDestroyOn, ClosedAt *string
	KeyDestroyedAt         *string
	MergedInto             *struct{ CaseNumber string }
	Plan                   *plan
	Tasks                  struct{ Nodes []task }
	Notices                []notice
	Alerts                 []alert
	Certificate            *struct{ JSON string }
	Package                *struct {
		State, ID, Lock string
		DownloadURL     *string
	}
}

type plan struct {
	Digest string
	Number int
	Nodes  struct{ Nodes []node }
}

type node struct {
	Kind, Reason string
	Count        *int64
	Dataset      struct{ Namespace, Name string }
	Service      *struct{ Ref string }
}

type task struct {
	ID, Key, Action, State string
	Wave, Round, Attempt   int
	Code, SentAt           *string
	Service                struct{ Ref string }
	Outcomes               []outcome
}

type outcome struct {
	Outcome       string
	Dataset       struct{ Name string }
	Count         *int64
	Round         int
	Ground, Until *string
	Conflict      bool
}

type notice struct {
	ID, Kind, DueOn string
	SentOn          *string
	Attempt         int
}

type alert struct {
	Reason, Action, TaskID string
	Code, OverAt           *string
	Times                  int
	Service                struct{ Ref string }
	Request                struct{ CaseNumber string }
}

const requestFields = `id caseNumber state outcome blockedReason receivedOn dueOn dueUnpausedOn eraseBefore pausedDays reopened keyDestroyOn closedAt keyDestroyedAt
	mergedInto { caseNumber }
	plan { digest number nodes(first: 100) { nodes { kind reason count dataset { namespace name } service { ref } } } }
	tasks(first: 100) { nodes { id key action state wave round attempt code sentAt service { ref }
		outcomes { outcome dataset { name } count round ground until conflict } } }
	notices { id kind dueOn sentOn attempt }
	alerts { ` + alertFields + ` }
	certificate { json }
	package { id state lock downloadUrl }`

const alertFields = `reason action taskId code overAt times service { ref } request { caseNumber }`

// look reads a request.
func (c *company) look(caseNumber string) request {
	c.t.Helper()
	var out struct{ Request *request }
	c.ask(access.DPO, `query($n: String!) { request(caseNumber: $n) {`+requestFields+`} }`, map[string]any{"n": caseNumber}, &out)
	if out.Request == nil {
		c.t.Fatalf("no request %s", caseNumber)
	}
	return *out.Request
}

// patience is how long a test waits for what must come. It is long, because
// machines that build are busy; a test that passes never needs it. Who expects
// a failure shortens it.
var patience = 60 * time.Second

// until looks again and again until ok, and fails the test after a while.
func (c *company) until(what string, ok func() bool) {
	c.t.Helper()
	deadline := time.After(c.patience)
	for !ok() {
		select {
		case <-deadline:
			c.t.Fatalf("waited %s for %s", c.patience, what)
		case <-time.After(60 * time.Millisecond):
		}
	}
}

// when waits until something holds of a request.
func (c *company) when(caseNumber, what string, ok func(r request) bool) (r request) {
	c.t.Helper()
	deadline := time.After(c.patience)
	for {
		if r = c.look(caseNumber); ok(r) {
			return r
		}
		select {
		case <-deadline:
			c.t.Fatalf("%s: waited %s for %s; it is %s", caseNumber, c.patience, what, r)
		case <-time.After(60 * time.Millisecond):
		}
	}
}

// reach waits until a request is in a state.
func (c *company) reach(caseNumber, state string) request {
	c.t.Helper()
	return c.when(caseNumber, state, func(r request) bool { return r.State == state })
}

// closes waits until a request is closed, and tells with which outcome.
func (c *company) closes(caseNumber, outcome string) request {
	c.t.Helper()
	r := c.reach(caseNumber, "CLOSED")
	if *r.Outcome != outcome {
		c.t.Fatalf("%s closed as %s, want %s: %s", caseNumber, *r.Outcome, outcome, r)
	}
	return r
}

// blocks waits until a request waits for a person, and checks why.
func (c *company) blocks(caseNumber, reason string) request {
	c.t.Helper()
	r := c.reach(caseNumber, "BLOCKED")
	if *r.BlockedReason != reason {
		c.t.Fatalf("%s is blocked by %s, want %s: %s", caseNumber, *r.BlockedReason, reason, r)
	}
	return r
}

// String tells where a request and its tasks stand.
func (r request) String() string {
	var b strings.Builder
	b.WriteString(r.State)
	for _, why := range []*string{r.Outcome, r.BlockedReason} {
		if why != nil {
			b.WriteString(" " + *why)
		}
	}
	for _, t := range r.Tasks.Nodes {
		b.WriteString("; " + t.Service.Ref + " " + t.Action + " " + t.State)
		if t.Code != nil {
			b.WriteString(" " + *t.Code)
		}
	}
	return b.String()
}

// of finds the tasks of a service for an action, in the order of their waves.
func (r request) of(service, action string) []task {
	return slices.DeleteFunc(slices.Clone(r.Tasks.Nodes), func(t task) bool { return t.Service.Ref != service || t.Action != action })
}

// erases finds the erasing task of a service; a zero one if there is none.
func (r request) erases(service string) task {
	if all := r.of(service, "ERASE"); len(all) > 0 {
		return all[0]
	}
	return task{}
}

func (t task) code() string {
	if t.Code == nil {
		return ""
	}
	return *t.Code
}

// entry is one line of the audit log.
type amount struct {
	Name  string
	Value int64
}

type entry struct {
	Act, Code string
	Actor     *struct{ Name string }
	Amounts   []amount
}

// trail reads what the audit log says about a request.
func (c *company) trail(r request, acts ...string) []entry {
	c.t.Helper()
	var out struct{ AuditTrail struct{ Nodes []entry } }
	c.ask(access.Auditor, `query($id: ID!) { auditTrail(requestId: $id, first: 100) { nodes { act code actor { name } amounts { name value } } } }`,
		map[string]any{"id": r.ID}, &out)
	return slices.DeleteFunc(out.AuditTrail.Nodes, func(e entry) bool { return len(acts) > 0 && !slices.Contains(acts, e.Act) })
}
