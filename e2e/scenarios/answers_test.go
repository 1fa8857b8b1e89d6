package scenarios_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/internal/access"
)

const gretasMail = "greta.vogel@example.org"

func greta() []map[string]any {
	return []map[string]any{{"type": "customer_id", "value": "C-001042"}, {"type": "email", "value": gretasMail}}
}

// huge answers with 50 MB and counts what it could write of them.
func huge(written *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		block := strings.Repeat(" ", 1<<20)
		for range 50 {
			n, err := io.WriteString(w, block)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	}
}

// serve answers with a body, as if it were what was asked for.
func serve(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusAccepted)
		}
		io.WriteString(w, body)
	}
}

func TestScenario09_PoisonedAnswers(t *testing.T) {
	t.Parallel()
	var written atomic.Int64 // of the 50 MB
	poisons := map[string]http.HandlerFunc{
		"huge": huge(&written), "broken": serve(`{"accepted":["`), "nul": serve("{\"accepted\":[\"\x00\"]}"),
		"deep": serve(strings.Repeat(`{"accepted":`, 1_000_000)), "deep-enough": serve(strings.Repeat(`[`, 60_000)),
		"html": serve("<html><body>We could not delete <b>" + gretasMail + "</b></body></html>"),
	}
	members := []member{{ref: "orders"}}
	for name, poison := range poisons {
		members = append(members, member{ref: name, types: "customer_id, email", front: at(protocol.Erase, poison)})
	}
	c := found(t, members)
	r := c.approved(greta())
	r = c.blocks(r.CaseNumber, "TASK_STOPPED")
	for name := range poisons {
		if task := r.erases(name); task.State != "POISONED" || task.code() != "UNREADABLE_ANSWER" {
			t.Errorf("%s: %s %s", name, task.State, task.code())
		}
	}
	if got := r.erases("orders").State; got != "DONE" {
		t.Errorf("orders, which did nothing wrong, is %s", got)
	}
	if n := written.Load(); n > 16<<20 { // what lies in buffers of the network, and no more
		t.Errorf("%d MB of 50 were read", n>>20)
	}
	if found := needlesOf(gretasMail).database(t); len(found) > 0 {
		t.Errorf("the address in the answer was kept: %v", found)
	}
	if needlesOf(gretasMail).in(c.Log.String()) {
		t.Error("the address in the answer was logged")
	}
}

// polls answers whoever asks after the erasing of this person with a front.
func polls(now *atomic.Bool, f http.HandlerFunc) front {
	return func(w http.ResponseWriter, r *http.Request, _ []byte, next http.Handler) {
		if r.Method == http.MethodGet && now.Load() {
			f(w, r)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// The same poisons as answers to polls. What is signed, or too long to be
// judged, is the service's word and stops the task; what anybody may have
// written there in its place does not, and is asked for again.
func TestScenario09_PoisonedPolls(t *testing.T) {
	t.Parallel()
	var poisoned atomic.Bool
	var written atomic.Int64
	var c *company
	nonsense := func(w http.ResponseWriter, _ *http.Request) {
		m := c.services["signed"].Signed("", []byte(`{"spec":"lethe-rights/1","note":"`+gretasMail+`"}`))
		for name, values := range m.Header {
			w.Header()[name] = values
		}
		w.Write(m.Body)
	}
	bodies := map[string]string{"broken": `{"results":[`, "nul": "{\"results\":[\"\x00\"]}", "deep": strings.Repeat(`[`, 60_000),
		"html": "<html><body>We could not delete <b>" + gretasMail + "</b></body></html>"}
	members := []member{{ref: "orders"}, {ref: "huge", types: "customer_id, email", front: polls(&poisoned, huge(&written)), how: mute()},
		{ref: "signed", types: "customer_id, email", front: polls(&poisoned, nonsense), how: mute()}}
	for name, body := range bodies {
		members = append(members, member{ref: name, types: "customer_id, email", front: polls(&poisoned, serve(body)), how: mute()})
	}
	c = found(t, members)
	number := c.open(erasureOf(greta()))
	for _, m := range members[1:] {
		c.counts(m.ref)
	}
	c.approve(c.reach(number, "PLANNED"))
	for _, m := range members[1:] {
		c.awaits(m.ref, protocol.Erase)
	}
	c.when(number, "all sent", func(r request) bool {
		return !slices.ContainsFunc(members[1:], func(m member) bool { return r.erases(m.ref).State != "SENT" })
	})
	poisoned.Store(true)
	c.clock.advance(11 * time.Minute) // a service may be silent for ten
	r := c.when(number, "every poison taken", func(r request) bool {
		return !slices.ContainsFunc(members[1:], func(m member) bool { return r.erases(m.ref).code() == "" })
	})
	for _, m := range members[1:] {
		want := "SENT SIGNATURE_INVALID"
		if m.ref == "huge" || m.ref == "signed" {
			want = "POISONED UNREADABLE_ANSWER"
		}
		if task := r.erases(m.ref); task.State+" "+task.code() != want {
			t.Errorf("%s: %s %s, want %s", m.ref, task.State, task.code(), want)
		}
	}
	if n := written.Load(); n > 16<<20 {
		t.Errorf("%d MB of 50 were read", n>>20)
	}
	if found := needlesOf(gretasMail).database(t); len(found) > 0 {
		t.Errorf("the address in the answer was kept: %v", found)
	}
	if needlesOf(gretasMail).in(c.Log.String()) {
		t.Error("the address in the answer was logged")
	}
	if got := r.erases("orders").State; got != "DONE" {
		t.Errorf("orders, which did nothing wrong, is %s", got)
	}
	// Those who are themselves again are heard, at once if a person asks.
	poisoned.Store(false)
	for name := range bodies {
		c.do(access.Handler, "retryTask", "RetryTaskInput", map[string]any{"taskId": r.erases(name).ID})
	}
	c.when(number, "the others done", func(r request) bool {
		for name := range bodies {
			if r.erases(name).State != "DONE" {
				return false
			}
		}
		return true
	})
}

func TestScenario19_RedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	var inner atomic.Int64
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inner.Add(1) }))
	t.Cleanup(secret.Close)
	to := func(url string) front {
		return at(protocol.Erase, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, http.StatusTemporaryRedirect) })
	}
	c := found(t, []member{{ref: "orders", front: to(secret.URL)}, {ref: "loyalty", front: to("http://169.254.169.254/latest/meta-data")}})
	r := c.approved(person(1))
	r = c.blocks(r.CaseNumber, "TASK_STOPPED")
	for _, ref := range []string{"orders", "loyalty"} {
		if task := r.erases(ref); task.State != "REFUSED" || task.code() != "ENDPOINT_REJECTED" {
			t.Errorf("%s: %s %s", ref, task.State, task.code())
		}
	}
	if inner.Load() != 0 {
		t.Error("the redirect was followed: identifiers reached another address")
	}
	if !strings.Contains(c.Log.String(), "security: the service redirects") {
		t.Error("nobody was told of the redirects")
	}
}

func TestScenario43_StatusesThatNoRepetitionMends(t *testing.T) {
	t.Parallel()
	codes := map[string]struct {
		status int
		code   string
	}{"gone": {410, "ENDPOINT_GONE"}, "unsupported": {422, "UNSUPPORTED"}, "conflict": {409, "TASK_CONFLICT"},
		"large": {413, "TOO_LARGE"}, "missing": {404, "ENDPOINT_NOT_FOUND"}, "puzzled": {400, "NOT_UNDERSTOOD"}}
	var members []member
	calls := map[string]*atomic.Int64{}
	for name, want := range codes {
		n := &atomic.Int64{}
		calls[name] = n
		members = append(members, member{ref: name, front: at(protocol.Erase, func(w http.ResponseWriter, _ *http.Request) {
			n.Add(1)
			w.WriteHeader(want.status)
		})})
	}
	members = append(members, member{ref: "rejecting", front: rejecting})
	c := found(t, members)
	r := c.approved(person(1))
	r = c.blocks(r.CaseNumber, "TASK_STOPPED")
	for name, want := range codes {
		if task := r.erases(name); task.State != "REFUSED" || task.code() != want.code {
			t.Errorf("%s: %s %s, want %s", name, task.State, task.code(), want.code)
		}
	}
	if task := r.erases("rejecting"); task.State != "REFUSED" || task.code() != "UNSUPPORTED_IDENTIFIER" {
		t.Errorf("rejecting: %s %s", task.State, task.code())
	}
	c.clock.advance(48 * time.Hour)
	ticks := c.ticks()
	c.until("the clock to look again", func() bool { return c.ticks() > ticks+3 })
	for name, n := range calls {
		if n.Load() != 1 {
			t.Errorf("%s was sent its task %d times", name, n.Load())
		}
	}
	// Each waits for a person, who can ask again.
	c.do(access.Handler, "retryTask", "RetryTaskInput", map[string]any{"taskId": r.erases("gone").ID})
	c.until("asked again", func() bool { return calls["gone"].Load() == 2 })
}

// rejecting names the task of an erasure as one it will never do.
func rejecting(w http.ResponseWriter, r *http.Request, body []byte, next http.Handler) {
	if !asks(r, body, protocol.Erase) {
		next.ServeHTTP(w, r)
		return
	}
	m, err := protocol.DecodeRequests(body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, `{"accepted":[],"rejected":[{"task":"`+m.Tasks[0].Task.String()+`","code":"UNSUPPORTED_IDENTIFIER"}]}`)
}

// ticks counts how often the clock has looked what time made due.
func (c *company) ticks() (n int) {
	c.t.Helper()
	const q = `SELECT coalesce(sum(taken), 0)::int FROM server_turn WHERE name = 'clock'`
	if err := c.DB.QueryRow(c.t.Context(), q).Scan(&n); err != nil {
		c.t.Fatal(err)
	}
	return n
}

func TestScenario44_CancelledWhenHalfIsDone(t *testing.T) {
	t.Parallel()
	pace := &clock{}
	slow := []erasuretest.Option{erasuretest.Dawdles(time.Hour, pace.now)}
	c := found(t, []member{{ref: "orders"}, {ref: "loyalty"}, {ref: "search"}, {ref: "support", how: slow}, {ref: "marketing", how: slow},
		{ref: "copies", extra: "        derived: true\n"}})
	number := c.open(erasureOf(person(1)))
	c.awaits("support", protocol.Locate)
	c.awaits("marketing", protocol.Locate)
	pace.advance(2 * time.Hour)
	c.approve(c.reach(number, "PLANNED"))
	r := c.when(number, "three done, two sent", func(r request) bool {
		return r.erases("orders").State == "DONE" && r.erases("loyalty").State == "DONE" && r.erases("search").State == "DONE" &&
			r.erases("support").State == "SENT" && r.erases("marketing").State == "SENT"
	})
	c.act(access.Handler, "cancelRequest", r)
	r = c.closes(number, "CANCELLED_AFTER_PARTIAL")
	for _, ref := range []string{"support", "marketing"} {
		cancel := c.awaits(ref, protocol.Cancel)
		if cancel.Cancels.String() != r.erases(ref).Key {
			t.Errorf("%s was told to cancel another task", ref)
		}
	}
	pace.advance(2 * time.Hour)
	for _, ref := range []string{"support", "marketing", "copies"} {
		if got := r.erases(ref).State; got != "CANCELLED" {
			t.Errorf("%s is %s", ref, got)
		}
		if n := c.effects(ref, protocol.Erase); n != 0 {
			t.Errorf("%s erased after the cancelling", ref)
		}
	}
	if n := len(c.services["copies"].Tasks()); n != 1 { // it was asked how much it holds
		t.Errorf("copies, whose turn had not come, got %d tasks", n)
	}
	r = c.when(number, "a certificate", func(r request) bool { return r.Certificate != nil })
	if n := c.certified(r).count("ERASED"); n != 3 {
		t.Errorf("the certificate lists %d datasets as erased, want 3", n)
	}
}

// A service that says it works at a task is told of the cancelling like one
// that was silent; an emergency stop delays the message and does not swallow
// it; the audit log says that it was sent.
func TestScenario44_CancelledWhileItWorks(t *testing.T) {
	t.Parallel()
	c := found(t, []member{{ref: "orders", how: mute()}, {ref: "loyalty", how: mute()}})
	number := c.open(erasureOf(person(1)))
	c.counts("orders")
	c.counts("loyalty")
	c.approve(c.reach(number, "PLANNED"))
	erase := c.awaits("orders", protocol.Erase)
	c.awaits("loyalty", protocol.Erase)
	c.expect(c.says("orders", result(erase, 1, protocol.Working)), "recorded")
	r := c.when(number, "orders at work", func(r request) bool {
		return r.erases("orders").State == "WORKING" && r.erases("loyalty").State == "SENT"
	})
	c.do(access.Approver, "emergencyStop", "EmergencyStopInput", map[string]any{"serviceId": c.ids["orders"]})
	c.services["loyalty"].Down()
	c.act(access.Handler, "cancelRequest", r)
	c.closes(number, "CANCELLED")
	ticks := c.ticks()
	c.until("the clock to look again", func() bool { return c.ticks() > ticks+3 })
	if n := len(c.services["orders"].Tasks()); n != 2 {
		t.Fatalf("orders got %d tasks under the stop, want the two from before", n)
	}
	c.do(access.Approver, "resume", "EmergencyStopInput", map[string]any{"serviceId": c.ids["orders"]})
	if cancel := c.awaits("orders", protocol.Cancel); cancel.Cancels != erase.Task {
		t.Error("orders was told to cancel another task")
	}
	c.services["loyalty"].Up()
	c.awaits("loyalty", protocol.Cancel)
	c.until("both in the audit log", func() bool { return len(c.trail(r, "task.recalled")) == 2 })
}
