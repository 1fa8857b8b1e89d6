package scenarios_test

import (
	"crypto/ed25519"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/server/servertest"
)

// trait is a way in which a service behaves, and what must come of it. What
// must come is docs/states.md's and docs/rights-protocol.md's.
type trait struct {
	option   string // as erasuretest calls it
	which    string // of several rows with one option
	does     []erasuretest.Option
	impostor bool     // it registers and counts as it should, and is so only afterwards
	export   bool     // it is asked to export, not to erase
	asked    bool     // shows when Lethe asks for the answer, after ten minutes
	task     string   // state of its task, and the code
	said     []string // outcomes that are kept
	end      string   // state of the request, and why
	also     func(p *play)
}

// traits are all of them but those that a scenario of its own plays.
var traits = []trait{
	{option: "Obeys", does: []erasuretest.Option{erasuretest.Obeys()}, task: "DONE", said: []string{"ERASED"}, end: "CLOSED FULFILLED", also: (*play).didOnce},
	{option: "Holds", which: "nothing", does: []erasuretest.Option{erasuretest.Holds(0)}, task: "DONE", said: []string{"NOT_FOUND"}, end: "CLOSED NO_DATA_HELD"},
	{option: "Retains", does: []erasuretest.Option{erasuretest.Retains("17(3)(b)", "2036-12-31")}, task: "DONE", said: []string{"RETAINED"}, end: "CLOSED FULFILLED_WITH_RETENTION",
		also: func(p *play) {
			if o := p.work().Outcomes[0]; o.Ground == nil || *o.Ground != "17(3)(b)" || o.Until == nil || *o.Until != "2036-12-31" {
				p.t.Errorf("kept: %+v", o)
			}
		}},
	{option: "Refuses", does: []erasuretest.Option{erasuretest.Refuses(protocol.LegalHold)}, task: "REFUSED LEGAL_HOLD", end: "BLOCKED TASK_STOPPED", also: (*play).didNothing},
	{option: "Rejects", does: []erasuretest.Option{erasuretest.Rejects(protocol.UnsupportedIdentifier)}, task: "REFUSED UNSUPPORTED_IDENTIFIER", end: "BLOCKED TASK_STOPPED", also: (*play).didNothing},
	{option: "FailsFirst", does: []erasuretest.Option{erasuretest.FailsFirst(1, protocol.StorageUnavailable)}, task: "DONE STORAGE_UNAVAILABLE", said: []string{"ERASED"}, end: "CLOSED FULFILLED",
		also: func(p *play) {
			p.didOnce()
			if got := p.work(); got.Round != 2 || p.deliveries() != 2 {
				p.t.Errorf("asked in round %d after %d deliveries, want the second of each", got.Round, p.deliveries())
			}
		}},
	{option: "AnswersTwice", does: []erasuretest.Option{erasuretest.AnswersTwice()}, task: "DONE", said: []string{"ERASED"}, end: "CLOSED FULFILLED",
		also: func(p *play) {
			p.didOnce()
			if n := len(p.trail(p.r, "task.answered")); n != 3 {
				p.t.Errorf("the audit log has %d answers, want 3: locate, erase, probe", n)
			}
		}},
	{option: "AnswersOutOfOrder", does: []erasuretest.Option{erasuretest.AnswersOutOfOrder()}, task: "DONE", said: []string{"ERASED"}, end: "CLOSED FULFILLED",
		also: func(p *play) { p.didOnce(); p.disposed(protocol.Late) }},
	{option: "Contradicts", does: []erasuretest.Option{erasuretest.Contradicts()}, task: "DONE CONFLICT", said: []string{"ERASED", "RETAINED"}, end: "BLOCKED TASK_STOPPED",
		also: func(p *play) {
			p.disposed(protocol.Conflict)
			for _, o := range p.work().Outcomes {
				if o.Conflict != (o.Outcome == "RETAINED") {
					p.t.Errorf("which word counts: %+v", o)
				}
			}
		}},
	{option: "Poisons", which: "50 MB", does: []erasuretest.Option{erasuretest.Poisons(erasuretest.Huge)}, impostor: true, task: "POISONED UNREADABLE_ANSWER", end: "BLOCKED TASK_STOPPED"},
	{option: "Poisons", which: "broken", does: []erasuretest.Option{erasuretest.Poisons(erasuretest.Broken)}, impostor: true, task: "POISONED UNREADABLE_ANSWER", end: "BLOCKED TASK_STOPPED"},
	{option: "Poisons", which: "NUL", does: []erasuretest.Option{erasuretest.Poisons(erasuretest.NUL)}, impostor: true, task: "POISONED UNREADABLE_ANSWER", end: "BLOCKED TASK_STOPPED"},
	{option: "Poisons", which: "deep", does: []erasuretest.Option{erasuretest.Poisons(erasuretest.Deep)}, impostor: true, task: "POISONED UNREADABLE_ANSWER", end: "BLOCKED TASK_STOPPED"},
	{option: "Poisons", which: "HTML", does: []erasuretest.Option{erasuretest.Poisons(erasuretest.HTML)}, impostor: true, task: "POISONED UNREADABLE_ANSWER", end: "BLOCKED TASK_STOPPED"},
	{option: "RedirectsTo", does: []erasuretest.Option{erasuretest.RedirectsTo("http://169.254.169.254/latest")}, impostor: true, task: "REFUSED ENDPOINT_REJECTED", end: "BLOCKED TASK_STOPPED", also: (*play).didNothing},
	{option: "AnswersStatus", which: "429 once", does: []erasuretest.Option{erasuretest.AnswersStatus(http.StatusTooManyRequests, 1, "2")}, impostor: true,
		task: "DONE THROTTLED", said: []string{"ERASED"}, end: "CLOSED FULFILLED",
		also: func(p *play) {
			p.didOnce()
			if at := p.askedAt(); len(at) != 2 || at[1].Sub(at[0]) < 2*time.Second {
				p.t.Errorf("asked at %v, want twice and two seconds apart", at)
			}
		}},
	{option: "AnswersStatus", which: "429 for ever", does: []erasuretest.Option{erasuretest.AnswersStatus(http.StatusTooManyRequests, 0, "3600")}, impostor: true,
		task: "READY THROTTLED", end: "EXECUTING", asked: true,
		also: func(p *play) {
			p.didNothing()
			if at := p.askedAt(); len(at) != 1 {
				p.t.Errorf("asked %d times within the hour that it wants to rest", len(at))
			}
		}},
	{option: "SignsWrongly", does: []erasuretest.Option{erasuretest.SignsWrongly()}, impostor: true, asked: true, task: "SENT SIGNATURE_INVALID", end: "EXECUTING", also: (*play).unheard},
	{option: "SignsWith", does: []erasuretest.Option{erasuretest.SignsWith(stranger())}, impostor: true, asked: true, task: "SENT SIGNATURE_INVALID", end: "EXECUTING", also: (*play).unheard},
	{option: "Exports", does: []erasuretest.Option{erasuretest.Exports([]byte("{\"order\":1}\n{\"order\":2}\n"))}, export: true, task: "DONE", said: []string{"EXPORTED"}, end: "CLOSED FULFILLED",
		also: func(p *play) {
			if n := p.work().Outcomes[0].Count; n == nil || *n != 2 {
				p.t.Errorf("the two orders became %v records", n)
			}
		}},
	{option: "DeclaresWrongParts", does: []erasuretest.Option{erasuretest.DeclaresWrongParts()}, export: true, asked: true, task: "SENT NO_NEWS", end: "EXECUTING",
		also: func(p *play) {
			p.disposed(protocol.Rejected)
			if !strings.Contains(p.Log.String(), "PART_DIGEST_MISMATCH") {
				p.t.Error("the log does not say what was wrong with the part")
			}
		}},
}

// playedElsewhere are traits that a scenario plays, and those that say who a
// service is and not how it behaves.
var playedElsewhere = map[string]string{
	"Named": "", "Trusts": "", "Dawdles": "TestScenario44_CancelledWhenHalfIsDone", "Resolves": "TestScenario11_EachServiceItsOwnIdentifiers",
	"AnswersBeforeAsked": "TestScenario05_ResultBefore202", "Lies": "TestLiarIsFoundOut", "DropsResults": "TestScenario02_ResultIsDroppedOnTheWay",
	"BreaksUploads": "TestScenario10_PartBreaksOff",
}

// stranger is a key that nobody registered.
func stranger() signature.Key {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	return signature.Key{Private: private}
}

// play is one trait before Lethe: a controller of its own with one service, and
// one request.
type play struct {
	*company
	trait
	ref    string
	number string
	r      request // as it was last looked at
	turned atomic.Bool
	mu     sync.Mutex
	at     []time.Time // when the work was asked for
}

func (p *play) name() string { return strings.TrimSpace(p.option + " " + p.which) }

func (p *play) action() protocol.Action {
	if p.export {
		return protocol.Export
	}
	return protocol.Erase
}

// work is the task that the trait is about.
func (p *play) work() (last task) {
	for _, t := range p.r.of(p.ref, strings.ToUpper(string(p.action()))) {
		last = t
	}
	return last
}

// member is the service. An impostor has an honest twin with the same key, who
// proves the key and counts.
func (p *play) member() member {
	how := p.does
	var twin http.Handler
	if p.impostor {
		honest := erasuretest.New(p.t, erasuretest.Named(p.ref), erasuretest.Trusts(p.URL, p.keys...))
		honest.Recipient = ""
		how = append([]erasuretest.Option{erasuretest.SignsWith(honest.Key)}, how...)
		at, err := url.Parse(honest.URL)
		if err != nil {
			p.t.Fatal(err)
		}
		twin = httputil.NewSingleHostReverseProxy(at)
	}
	front := func(w http.ResponseWriter, r *http.Request, body []byte, next http.Handler) {
		if asks(r, body, p.action()) {
			p.mu.Lock()
			p.at = append(p.at, time.Now())
			p.mu.Unlock()
		}
		if p.impostor && (asks(r, body, protocol.Locate) || strings.HasSuffix(r.URL.Path, "/ping") && !p.turned.Load()) {
			next = twin
		}
		next.ServeHTTP(w, r)
	}
	return member{ref: p.ref, controller: p.ref + "-co", front: front, how: how}
}

// askedAt is when the work was asked for.
func (p *play) askedAt() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.at)
}

// opens files the request.
func (p *play) opens(person []map[string]any) {
	in := erasureOf(person)
	if p.export {
		in = accessOf(person)
	}
	in["controller"] = p.ref + "-co"
	p.number = p.open(in)
}

// shows waits until what must come of the trait has come.
func (p *play) shows(t *testing.T) {
	whole, mine := p.company, *p.company
	mine.t, p.company = t, &mine
	defer func() { p.company = whole }()
	p.when(p.number, p.task+", "+p.end, func(r request) bool {
		p.r = r
		return strings.TrimSpace(p.work().State+" "+p.work().code()) == p.task && r.ends() == p.end
	})
	if got := words(p.work()); !slices.Equal(got, p.said) {
		t.Errorf("it said %v, want %v", got, p.said)
	}
	if p.also != nil {
		p.also(p)
	}
}

// ends is a request's state, and why.
func (r request) ends() string {
	out := r.State
	for _, why := range []*string{r.Outcome, r.BlockedReason} {
		if why != nil {
			out += " " + *why
		}
	}
	return out
}

func (p *play) didOnce() {
	p.t.Helper()
	if n := p.effects(p.ref, p.action()); n != 1 {
		p.t.Errorf("it was done %d times", n)
	}
}

func (p *play) didNothing() {
	p.t.Helper()
	if n := p.effects(p.ref, p.action()); n != 0 {
		p.t.Errorf("it was done %d times, and refused", n)
	}
}

// key is the task as the service knows it.
func (p *play) key() uuid.UUID {
	p.t.Helper()
	key, err := uuid.Parse(p.work().Key)
	if err != nil {
		p.t.Fatal(err)
	}
	return key
}

func (p *play) deliveries() int { return p.services[p.ref].Deliveries(p.key()) }

// disposed checks what Lethe said last of the service's result.
func (p *play) disposed(want protocol.Disposition) {
	p.t.Helper()
	var got protocol.Disposition
	p.until(string(want), func() bool { got = p.services[p.ref].Disposition(p.key()); return got == want })
}

// unheard checks that a service did its work and said so to deaf ears.
func (p *play) unheard() {
	p.t.Helper()
	p.didOnce()
	if len(p.services[p.ref].Sent()) == 0 {
		p.t.Error("it never said that it was done")
	}
	if n := len(p.trail(p.r, "task.answered")); n != 1 {
		p.t.Errorf("the audit log has %d answers, want the locating alone", n)
	}
}

// provesNothing checks that nobody who behaves so is given a new key: by what
// cannot be read or is not signed by the keys it names, nor by a key of its own
// under an id that is another's.
func (p *play) provesNothing() {
	p.t.Helper()
	p.turned.Store(true)
	want := "CHALLENGE_FAILED"
	switch {
	case !p.impostor || p.option == "AnswersStatus": // which proves its key as it should
		return
	case p.option == "SignsWith":
		want = "KEY_ID_TAKEN"
	}
	p.refused(want, access.Admin, "rotateKey", "ServiceActInput", map[string]any{"serviceId": p.ids[p.ref]})
}

// Every trait that erasuretest lends plays once before a whole server.
func TestTraits(t *testing.T) {
	t.Parallel()
	t.Run("every one of them", everyTraitIsPlayed)
	c := found(t, nil, servertest.With("probe_delay", "1s")) // time to contradict oneself
	var plays []*play
	var members []member
	for i, tr := range traits {
		p := &play{company: c, trait: tr, ref: fmt.Sprintf("%s-%d", strings.ToLower(tr.option), i)}
		plays, members = append(plays, p), append(members, p.member())
	}
	c.enlist(members...)
	for i, p := range plays {
		p.opens(person(i))
	}
	for _, p := range plays {
		c.approve(c.reach(p.number, "PLANNED"))
	}
	for _, late := range []bool{false, true} {
		for _, p := range plays {
			if p.asked == late {
				t.Run(p.name(), p.shows)
			}
		}
		c.clock.advance(11 * time.Minute) // a service may be silent for ten
	}
	for _, p := range plays {
		p.provesNothing()
	}
}

// A trait that no scenario plays proves nothing, and a scenario cannot play one
// that is not there.
func everyTraitIsPlayed(t *testing.T) {
	dir := "../../erasure/erasuretest"
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "options.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Type.Results == nil || len(f.Type.Results.List) != 1 {
			continue
		}
		if of, ok := f.Type.Results.List[0].Type.(*ast.Ident); ok && of.Name == "Option" {
			there[f.Name.Name] = true
		}
	}
	played := map[string]bool{}
	for _, tr := range traits {
		played[tr.option] = true
	}
	others := scenarioText(t)
	for option, test := range playedElsewhere {
		played[option] = true
		if !strings.Contains(others, "erasuretest."+option+"(") || !strings.Contains(others, "func "+test) {
			t.Errorf("no scenario plays %s in %s", option, test)
		}
	}
	if len(there) < 20 {
		t.Fatalf("erasuretest has only the traits %v", there)
	}
	for option := range there {
		if !played[option] {
			t.Errorf("no scenario plays erasuretest.%s: give it a row", option)
		}
	}
	for option := range played {
		if !there[option] {
			t.Errorf("a row plays erasuretest.%s, which does not exist", option)
		}
	}
}

// scenarioText is the text of the other scenarios.
func scenarioText(t *testing.T) (all string) {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if name != "traits_test.go" {
			all += string(text)
		}
	}
	return all
}
