package scenarios_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/internal/access"
)

func TestScenario01_ServiceIsDownForThreeDays(t *testing.T) {
	t.Parallel()
	c := found(t, shop(nil, nil))
	r := c.planned(person(1))
	c.services["orders"].Down()
	c.approve(r)
	r = c.when(r.CaseNumber, "loyalty done, orders unreachable", func(r request) bool {
		return r.erases("loyalty").State == "DONE" && r.erases("orders").code() == "UNREACHABLE"
	})
	for day := range 3 {
		tried := c.look(r.CaseNumber).erases("orders").Attempt
		if day == 0 {
			c.clock.advance(23 * time.Hour)
			r = c.when(r.CaseNumber, "another attempt", func(r request) bool { return r.erases("orders").Attempt > tried })
			if tried = r.erases("orders").Attempt; len(r.Alerts) > 0 {
				t.Fatalf("alerted after 23 hours: %+v", r.Alerts)
			}
			c.clock.advance(time.Hour)
		} else {
			c.clock.advance(24 * time.Hour)
		}
		r = c.when(r.CaseNumber, "another attempt, and its alert", func(r request) bool {
			return r.erases("orders").Attempt > tried && len(r.Alerts) == 1 && r.Alerts[0].Times == day+1
		})
	}
	c.alerted(r, "orders", 3)
	if got := r.erases("orders").State; got != "READY" || r.State != "EXECUTING" {
		t.Fatalf("after three days: %s", r)
	}
	c.services["orders"].Up()
	c.clock.advance(24 * time.Hour)
	c.closes(r.CaseNumber, "FULFILLED")
	if n := c.effects("orders", protocol.Erase); n != 1 {
		t.Errorf("orders erased %d times", n)
	}
	c.when(r.CaseNumber, "the end of the alert", func(r request) bool { return r.Alerts[0].OverAt != nil })
	if held := c.alerts(); len(held) > 0 {
		t.Errorf("these are still held up: %+v", held)
	}
}

// alerted checks that everybody who must know has been told, on so many days,
// of the one task that a service left undone.
func (c *company) alerted(r request, service string, days int) {
	c.t.Helper()
	undone, told := r.erases(service), c.alerts()
	if len(told) != 1 {
		c.t.Fatalf("people are told %+v", told)
	}
	for _, a := range []alert{r.Alerts[0], told[0]} {
		if a.Reason != "TASK_UNDONE" || a.Action != "ERASE" || a.TaskID != undone.ID || a.Service.Ref != service ||
			a.Request.CaseNumber != r.CaseNumber || a.OverAt != nil || a.Times != days || *a.Code != "UNREACHABLE" {
			c.t.Errorf("people are told %+v", a)
		}
	}
	if n := len(c.trail(r, "task.undone")); n != days {
		c.t.Errorf("the audit log has it %d times, want %d", n, days)
	}
	c.until("the last line of the log", func() bool {
		return strings.Count(c.Log.String(), `"level":"ERROR","msg":"a service has left a task undone for 24 hours"`) == days
	})
	c.until("the gauge", func() bool { return strings.Contains(c.metrics(), `lethe_tasks_undone{service="`+service+`"} 1`+"\n") })
	for line := range strings.Lines(c.Log.String()) {
		if strings.Contains(line, "undone for 24 hours") && (!strings.Contains(line, undone.Key) || strings.Contains(line, "[redacted]")) {
			c.t.Errorf("the log does not say which task: %s", line)
		}
	}
}

// alerts are the alerts that hold, as a handler reads them.
func (c *company) alerts() []alert {
	c.t.Helper()
	var out struct{ Alerts struct{ Nodes []alert } }
	c.ask(access.Handler, `{ alerts(first: 100) { nodes { `+alertFields+` } } }`, nil, &out)
	return out.Alerts.Nodes
}

func TestScenario02_ResultIsDroppedOnTheWay(t *testing.T) {
	t.Parallel()
	c := found(t, shop(nil, nil))
	c.enlist(member{ref: "support", how: mute()})
	number := c.open(erasureOf(person(1)))
	for _, action := range []string{"LOCATE", "ERASE", "PROBE"} {
		if action == "ERASE" {
			c.approve(c.reach(number, "PLANNED"))
		}
		c.when(number, "support took the "+action, func(r request) bool {
			return len(r.of("support", action)) == 1 && r.of("support", action)[0].State == "SENT"
		})
		c.clock.advance(11 * time.Minute) // a service may be silent for ten
	}
	r := c.closes(number, "FULFILLED")
	locate := c.awaits("support", protocol.Locate)
	if len(c.services["support"].Sent()) != 0 || c.services["support"].Deliveries(locate.Task) != 1 {
		t.Errorf("support posted results, or was asked more than once")
	}
	polled := 0
	for _, e := range c.trail(r, "task.answered") {
		if slices.ContainsFunc(e.Amounts, func(a amount) bool { return a.Name == "polled" && a.Value == 1 }) {
			polled++
		}
	}
	if polled != 3 {
		t.Errorf("the audit log has %d polled answers, want 3: locate, erase, probe", polled)
	}
}

func TestScenario03_SameResultFiveTimesAtOnce(t *testing.T) {
	t.Parallel()
	c := found(t, shop(mute(), nil))
	number := c.open(erasureOf(person(1)))
	c.counts("orders")
	r := c.reach(number, "PLANNED")
	c.approve(r)
	message := c.message("orders", result(c.awaits("orders", protocol.Erase), 1, protocol.Done))
	said := make([]string, 5)
	var all sync.WaitGroup
	for i := range said {
		all.Go(func() { said[i] = c.post(message) })
	}
	all.Wait()
	slices.Sort(said)
	if want := []string{"duplicate", "duplicate", "duplicate", "duplicate", "recorded"}; !slices.Equal(said, want) {
		t.Fatalf("Lethe answered %v", said)
	}
	c.judged("duplicate", 4)
	if n := c.remembered(message); n != 1 {
		t.Errorf("the message is remembered %d times", n)
	}
	task := c.look(number).erases("orders")
	if task.State != "DONE" || len(task.Outcomes) != 1 {
		t.Errorf("the task is %s with %d outcomes", task.State, len(task.Outcomes))
	}
	c.clean("orders")
	c.closes(number, "FULFILLED")
	// Of orders: locate, erase, probe. Of loyalty the same.
	if n := len(c.trail(r, "task.answered")); n != 6 {
		t.Errorf("the audit log has %d answers, want 6", n)
	}
}

func TestScenario04_DoneBeforeWorking(t *testing.T) {
	t.Parallel()
	c := found(t, shop(nil, mute()))
	number := c.open(erasureOf(person(1)))
	c.counts("loyalty")
	r := c.reach(number, "PLANNED")
	c.approve(r)
	erase := c.awaits("loyalty", protocol.Erase)
	c.expect(c.says("loyalty", result(erase, 3, protocol.Done)), "recorded")
	late := c.message("loyalty", result(erase, 2, protocol.Working))
	c.expect(c.post(late), "late")
	c.judged("late", 1)
	if n := c.remembered(late); n != 1 {
		t.Errorf("the late message is remembered %d times", n)
	}
	if got := c.look(number).erases("loyalty").State; got != "DONE" {
		t.Fatalf("the task fell back to %s", got)
	}
	probe := c.awaits("loyalty", protocol.Probe)
	c.expect(c.says("loyalty", result(probe, 3, protocol.Working)), "recorded")
	c.expect(c.says("loyalty", result(probe, 2, protocol.Done)), "late") // an older word decides nothing
	c.expect(c.says("loyalty", result(probe, 4, protocol.Done)), "recorded")
	c.closes(number, "FULFILLED")
}

func TestScenario05_ResultBefore202(t *testing.T) {
	t.Parallel()
	c := found(t, shop(nil, []erasuretest.Option{erasuretest.AnswersBeforeAsked()}))
	r := c.approved(person(1))
	r = c.closes(r.CaseNumber, "FULFILLED")
	task := r.erases("loyalty")
	if task.State != "DONE" || task.SentAt != nil {
		t.Errorf("the later 202 changed the task: %+v", task)
	}
	if n := c.effects("loyalty", protocol.Erase); n != 1 {
		t.Errorf("loyalty erased %d times", n)
	}
	for _, sent := range c.services["loyalty"].Tasks() {
		if d := c.services["loyalty"].Disposition(sent.Task); d != protocol.Recorded {
			t.Errorf("%s was %s, want recorded", sent.Action, d)
		}
	}
}

func TestScenario06_PartlyFailedPartlyKept(t *testing.T) {
	t.Parallel()
	c := found(t, []member{{ref: "orders"}, {ref: "invoices", datasets: []string{"drafts", "sent", "paid", "archive"}, how: mute()}})
	number := c.open(erasureOf(person(1)))
	c.counts("invoices")
	c.approve(c.reach(number, "PLANNED"))
	erase := c.awaits("invoices", protocol.Erase)
	partly := result(erase, 1, protocol.Done, func(r *protocol.Result) {
		r.State, r.Code = protocol.Failed, protocol.StorageUnavailable
		r.Outcomes[2] = protocol.DatasetOutcome{Dataset: r.Outcomes[2].Dataset, Outcome: protocol.Retained, Count: 3, Ground: "17(3)(b)", Until: "2036-12-31"}
		r.Outcomes = r.Outcomes[:3]
	})
	c.expect(c.says("invoices", partly), "recorded STORAGE_UNAVAILABLE")
	r := c.blocks(number, "TASK_STOPPED")
	task := r.erases("invoices")
	if got := words(task); !slices.Equal(got, []string{"ERASED", "ERASED", "RETAINED"}) || task.Outcomes[2].Ground == nil || *task.Outcomes[2].Until != "2036-12-31" {
		t.Fatalf("outcomes are kept by dataset: %+v", task.Outcomes)
	}
	c.do(access.Handler, "retryTask", "RetryTaskInput", map[string]any{"taskId": task.ID})
	c.services["invoices"].Until("asked again", func() bool { return c.services["invoices"].Deliveries(erase.Task) == 2 })
	rest := result(erase, 2, protocol.Done, func(r *protocol.Result) { r.Outcomes = r.Outcomes[3:] })
	c.expect(c.says("invoices", rest), "recorded")
	c.clean("invoices")
	r = c.closes(number, "FULFILLED_WITH_RETENTION")
	if n := c.effects("orders", protocol.Erase); n != 1 || r.erases("orders").Round != 1 {
		t.Errorf("only what failed is tried again, and orders erased %d times", n)
	}
}

// words are the outcomes of a task, sorted.
func words(t task) (all []string) {
	for _, o := range t.Outcomes {
		all = append(all, o.Outcome)
	}
	slices.Sort(all)
	return all
}

// judged waits until the server's figures say how many results were judged so.
func (c *company) judged(disposition string, n int) {
	c.t.Helper()
	line := fmt.Sprintf("lethe_results_total{disposition=%q} %d\n", disposition, n)
	c.until(line, func() bool { return strings.Contains(c.metrics(), line) })
}

// remembered counts how often a service's message is kept by its id.
func (c *company) remembered(m erasuretest.Message) (n int) {
	c.t.Helper()
	const q = `SELECT count(*)::int FROM erasure_inbox WHERE message = $1`
	if err := c.DB.QueryRow(c.t.Context(), q, m.Header.Get(signature.HeaderID)).Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// metrics are what the server shows to whoever watches it.
func (c *company) metrics() string {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.OpsURL+"/metrics", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := c.Client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(body)
}
