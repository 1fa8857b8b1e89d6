package erasuretest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/flowmart/lethe/internal/postgres/pgtest.startKeeper.func1"), // lent databases outlive the tests
		goleak.IgnoreAnyFunction("github.com/jackc/pgx/v5/pgxpool.(*Pool).backgroundHealthCheck"), goleak.Cleanup(func(code int) {
			if bin, err := flowmartBinary(); err == nil {
				os.RemoveAll(filepath.Dir(bin))
			}
			os.Exit(code)
		}))
}

var (
	person = []protocol.Identifier{{Type: "customer_id", Value: "C-001042"}}
	set    = protocol.Dataset{ID: uuid.MustParse("0197a0b2-0000-7000-8000-0000000000d1"), Namespace: "postgres://orders", Name: "public.orders"}
)

func pair(t *testing.T, opts ...erasuretest.Option) (*lethe, *erasuretest.Service) {
	t.Helper()
	l := newLethe(t)
	s := erasuretest.New(t, append(opts, erasuretest.Trusts(l.url, l.key.Public()))...)
	l.register(s.Key.Public())
	return l, s
}

func only(t *testing.T, r protocol.Result) protocol.DatasetOutcome {
	t.Helper()
	if len(r.Outcomes) != 1 {
		t.Fatalf("%+v", r)
	}
	return r.Outcomes[0]
}

func TestObeys(t *testing.T) {
	t.Parallel()
	l, s := pair(t, erasuretest.Obeys(), erasuretest.Holds(12))
	locate, erase, probe := l.task(protocol.Locate, person, set), l.task(protocol.Erase, person, set), l.task(protocol.Probe, person, set)
	for _, step := range []struct {
		task protocol.Task
		want protocol.Outcome
		n    int64
	}{{locate, protocol.Present, 12}, {erase, protocol.Erased, 12}, {probe, protocol.Absent, 0}} {
		if status, a := l.ask(s.URL, s.Ref, step.task); status != http.StatusAccepted || len(a.Accepted) != 1 {
			t.Fatalf("%d %v", status, a)
		}
		if o := only(t, l.final(step.task.Task)); o.Outcome != step.want || o.Count != step.n {
			t.Errorf("%s: %+v", step.task.Action, o)
		}
	}
	if e := s.Effects(); len(e) != 3 || e[1] != (erasuretest.Effect{Task: erase.Task, Action: protocol.Erase, Case: "R-2026-000123", Wave: 1}) {
		t.Errorf("%v", e)
	}
}

func TestSameTaskHasOneEffect(t *testing.T) {
	t.Parallel()
	l, s := pair(t)
	erase := l.task(protocol.Erase, person, set)
	for range 5 {
		l.ask(s.URL, s.Ref, erase)
		l.final(erase.Task)
	}
	if n := len(s.Effects()); n != 1 || s.Deliveries(erase.Task) != 5 {
		t.Errorf("%d effects of %d deliveries", n, s.Deliveries(erase.Task))
	}
	erase.PlanDigest = strings.Repeat("cd", 32)
	if _, a := l.ask(s.URL, s.Ref, erase); len(a.Rejected) != 1 || a.Rejected[0].Code != protocol.TaskConflict {
		t.Errorf("%+v", a)
	}
}

func TestVerifiesAsARealServiceMust(t *testing.T) {
	t.Parallel()
	l, s := pair(t)
	if status, _ := l.ask(s.URL, "payments", l.task(protocol.Erase, person, set)); status != http.StatusUnauthorized {
		t.Errorf("other audience: %d", status)
	}
	stranger := newLethe(t)
	stranger.url = l.url
	if status, _ := stranger.ask(s.URL, s.Ref, l.task(protocol.Erase, person, set)); status != http.StatusUnauthorized {
		t.Errorf("other key: %d", status)
	}
	if resp, _, err := l.send("POST", s.URL+"/lethe/v1/tasks", uuid.NewString(), []byte("{}")); err != nil || resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("no message: %v %v", resp, err)
	}
	if len(s.Tasks()) != 0 {
		t.Errorf("%v", s.Tasks())
	}
}

func TestSealedIdentifiersAreOpened(t *testing.T) {
	t.Parallel()
	l, s := pair(t)
	task := l.task(protocol.Erase, nil, set)
	var err error
	if task.Sealed, err = protocol.SealIdentifiers(s.Recipient, person); err != nil {
		t.Fatal(err)
	}
	l.ask(s.URL, s.Ref, task)
	if got := s.Await(1)[0].Identifiers; len(got) != 1 || got[0].Value != person[0].Value {
		t.Errorf("%v", got)
	}
}

func TestWaysToAnswer(t *testing.T) {
	t.Parallel()
	states := func(l *lethe, task uuid.UUID) (all []string) {
		for _, r := range l.results(task) {
			o := ""
			if len(r.Outcomes) > 0 {
				o = string(r.Outcomes[0].Outcome)
			}
			all = append(all, string(r.State)+" "+string(r.Code)+o)
		}
		return all
	}
	cases := map[string]struct {
		option erasuretest.Option
		want   string
	}{
		"refuses":       {erasuretest.Refuses(protocol.LegalHold), "refused LEGAL_HOLD"},
		"fails":         {erasuretest.FailsFirst(1, protocol.StorageUnavailable), "failed STORAGE_UNAVAILABLE"},
		"twice":         {erasuretest.AnswersTwice(), "done erased,done erased,done erased,done erased,done erased"},
		"out of order":  {erasuretest.AnswersOutOfOrder(), "done erased,working "},
		"contradicts":   {erasuretest.Contradicts(), "done erased,done retained"},
		"retains":       {erasuretest.Retains("17(3)(b)", "2036-12-31"), "done retained"},
		"holds nothing": {erasuretest.Holds(0), "done not_found"},
		"before asked":  {erasuretest.AnswersBeforeAsked(), "done erased"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, s := pair(t, c.option)
			task := l.task(protocol.Erase, person, set)
			l.ask(s.URL, s.Ref, task)
			if name == "before asked" && len(l.results(task.Task)) != 1 {
				t.Error("the result came after the 202")
			}
			s.Until("all results", func() bool { return len(l.results(task.Task)) == strings.Count(c.want, ",")+1 })
			if got := strings.Join(states(l, task.Task), ","); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestRetryAfterFailureGoesOn(t *testing.T) {
	t.Parallel()
	l, s := pair(t, erasuretest.FailsFirst(1, protocol.StorageUnavailable))
	task := l.task(protocol.Erase, person, set)
	l.ask(s.URL, s.Ref, task)
	if r := l.final(task.Task); r.State != protocol.Failed || !r.Retryable || r.Seq != 1 {
		t.Fatalf("%+v", r)
	}
	task.Seq = 2
	l.ask(s.URL, s.Ref, task)
	s.Until("the second result", func() bool { return len(l.results(task.Task)) == 2 })
	if r := l.results(task.Task)[1]; r.State != protocol.Done || r.Seq != 2 {
		t.Errorf("%+v", r)
	}
}

func TestLiesAreShownByProbes(t *testing.T) {
	t.Parallel()
	l, s := pair(t, erasuretest.Lies())
	erase, probe := l.task(protocol.Erase, person, set), l.task(protocol.Probe, person, set)
	l.ask(s.URL, s.Ref, erase)
	said := only(t, l.final(erase.Task))
	l.ask(s.URL, s.Ref, probe)
	if o := only(t, l.final(probe.Task)); said.Outcome != protocol.Erased || o.Outcome != protocol.Present {
		t.Errorf("said %v, is %v", said, o)
	}
}

func TestDawdlesForDaysAndCanBeCancelled(t *testing.T) {
	t.Parallel()
	var days atomic.Int64
	clock := func() time.Time { return time.Unix(days.Load()*86400, 0) }
	l, s := pair(t, erasuretest.Dawdles(48*time.Hour, clock))
	slow, stopped := l.task(protocol.Erase, person, set), l.task(protocol.Erase, person, set)
	l.ask(s.URL, s.Ref, slow)
	l.ask(s.URL, s.Ref, stopped)
	days.Add(1)
	if status, r := l.poll(s.URL, slow.Task); status != http.StatusOK || r.State != protocol.Working {
		t.Errorf("%d %+v", status, r)
	}
	cancel := l.task(protocol.Cancel, nil)
	cancel.Cancels = stopped.Task
	l.ask(s.URL, s.Ref, cancel)
	if r := l.final(cancel.Task); r.Code != protocol.Cancelled {
		t.Errorf("%+v", r)
	}
	if r := l.final(stopped.Task); r.State != protocol.Refused || r.Code != protocol.Cancelled {
		t.Errorf("%+v", r)
	}
	days.Add(1)
	if r := l.final(slow.Task); r.State != protocol.Done || r.Seq != 2 { // the poll was 1
		t.Errorf("%+v", r)
	}
}

func TestDropsResultsAndTellsWhenAsked(t *testing.T) {
	t.Parallel()
	l, s := pair(t, erasuretest.DropsResults())
	task := l.task(protocol.Erase, person, set)
	l.ask(s.URL, s.Ref, task)
	s.Until("the poll to show it", func() bool { _, r := l.poll(s.URL, task.Task); return r.State == protocol.Done })
	if len(l.results(task.Task)) != 0 {
		t.Error("a result came")
	}
	if status, _ := l.poll(s.URL, uuid.New()); status != http.StatusNotFound {
		t.Errorf("unknown task: %d", status)
	}
}

func TestPoisonIsRefusedByTheProtocol(t *testing.T) {
	t.Parallel()
	for _, p := range []erasuretest.Poison{erasuretest.Huge, erasuretest.Broken, erasuretest.NUL, erasuretest.Deep, erasuretest.HTML} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			l, s := pair(t, erasuretest.Poisons(p))
			body, err := protocol.Encode(protocol.Requests{Spec: protocol.Spec, Type: protocol.TypeRequests, Issuer: l.url, Audience: s.Ref, IssuedAt: time.Now().UTC(), Tasks: []protocol.Task{l.task(protocol.Erase, person, set)}})
			if err != nil {
				t.Fatal(err)
			}
			resp, answer, err := l.send("POST", s.URL+"/lethe/v1/tasks", uuid.NewString(), body)
			if err == nil {
				_, err = protocol.DecodeAcceptance(answer)
			}
			if err == nil || strings.Contains(err.Error(), "greta") {
				t.Errorf("%v: %v", resp, err)
			}
		})
	}
}

func TestStatusesRedirectsAndDowntime(t *testing.T) {
	t.Parallel()
	l, s := pair(t, erasuretest.AnswersStatus(http.StatusTooManyRequests, 2, "3"))
	task := l.task(protocol.Erase, person, set)
	for _, want := range []int{429, 429, 202} {
		if status, _ := l.ask(s.URL, s.Ref, task); status != want {
			t.Errorf("%d, want %d", status, want)
		}
	}
	s.Down()
	if _, _, err := l.send("GET", s.URL+"/lethe/v1/tasks/"+task.Task.String(), task.Task.String(), nil); err == nil {
		t.Error("answered while down")
	}
	s.Up()
	if status, _ := l.poll(s.URL, task.Task); status != http.StatusOK {
		t.Errorf("after: %d", status)
	}
	_, r := pair(t, erasuretest.RedirectsTo("http://169.254.169.254/latest"))
	resp, _, err := l.send("POST", r.URL+"/lethe/v1/tasks", uuid.NewString(), nil)
	if err != nil || resp.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("%v %v", resp, err)
	}
}

func TestSignaturesThatMustBeRefused(t *testing.T) {
	t.Parallel()
	_, other := pair(t)
	for name, option := range map[string]erasuretest.Option{"spoiled": erasuretest.SignsWrongly(), "another's key": erasuretest.SignsWith(signature.Key{ID: "x", Private: other.Key.Private})} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLethe(t)
			s := erasuretest.New(t, option, erasuretest.Trusts(l.url, l.key.Public()))
			if name == "spoiled" {
				l.register(s.Key.Public())
			}
			l.ask(s.URL, s.Ref, l.task(protocol.Erase, person, set))
			s.Until("the refusal", func() bool { return len(l.refused()) > 0 })
		})
	}
}

func TestCapturedMessagesCanBeReplayed(t *testing.T) {
	t.Parallel()
	l, s := pair(t)
	task := l.task(protocol.Erase, person, set)
	l.ask(s.URL, s.Ref, task)
	l.final(task.Task)
	status, answer := s.Send(s.Sent()[0])
	if m, err := protocol.DecodeDispositions(answer); status != http.StatusOK || err != nil || m.Results[0].Disposition != protocol.Duplicate {
		t.Errorf("%d %v", status, err)
	}
	if status, _ := s.Send(s.Signed(task.ReplyTo, []byte(`{"spec":"x"}`))); status != http.StatusUnprocessableEntity {
		t.Errorf("%d", status)
	}
}

func TestExportsInOnePieceAndInTwo(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("{\"order\":1}\n", 300_000)
	for name, option := range map[string]erasuretest.Option{"whole": erasuretest.Obeys(), "broken at 60 %": erasuretest.BreaksUploads(0.6), "wrong": erasuretest.DeclaresWrongParts()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, s := pair(t, option, erasuretest.Exports([]byte(content)))
			task := l.task(protocol.Export, person, set)
			l.ask(s.URL, s.Ref, task)
			r := l.final(task.Task)
			if len(r.Parts) != 1 || r.Parts[0].Records != 300_000 || r.State != protocol.Done {
				t.Fatalf("%+v", r)
			}
			if got := l.part(task.Task, set.ID); got != content {
				t.Errorf("%d bytes came, %d were sent", len(got), len(content))
			}
			if right := r.Parts[0].Bytes == int64(len(content)); right == (name == "wrong") {
				t.Errorf("declared %d bytes", r.Parts[0].Bytes)
			}
		})
	}
}

func TestChallengeIsAnswered(t *testing.T) {
	t.Parallel()
	l, s := pair(t)
	body, err := protocol.Encode(protocol.Ping{Spec: protocol.Spec, Type: protocol.TypePing, Issuer: l.url, Audience: s.Ref, Nonce: "0123456789abcdef", IssuedAt: time.Now().UTC()})
	if err != nil {
		t.Fatal(err)
	}
	resp, answer, err := l.send("POST", s.URL+"/lethe/v1/ping", uuid.NewString(), body)
	if err != nil {
		t.Fatal(err)
	}
	pong, err := protocol.DecodePong(answer)
	if err != nil || pong.Nonce != "0123456789abcdef" || pong.Issuer != s.Ref {
		t.Fatalf("%+v %v", pong, err)
	}
	key := signature.PublicKey{ID: pong.Keys[0].ID, Public: pong.Keys[0].Public}
	if _, err := signature.Verify([]signature.PublicKey{key}, resp.Header, answer, time.Now(), signature.Tolerance); err != nil {
		t.Error(err)
	}
}
