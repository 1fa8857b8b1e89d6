package running

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
)

// terminal is somebody of a role at a terminal.
type terminal struct {
	h    *house
	role string
}

// ran is how a command ended.
type ran struct {
	code     int
	out, err string
}

// runs runs the program with standard input.
func (w terminal) runs(in string, args ...string) ran {
	w.h.t.Helper()
	cmd := exec.CommandContext(w.h.t.Context(), binary, args...)
	cmd.Env = []string{"LETHE_URL=" + w.h.public, "LETHE_TOKEN=" + w.h.token(w.role)}
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() < 0) {
		w.h.t.Fatalf("lethe %v: %v", args, err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// does runs a command line that must end well, and returns what it printed.
func (w terminal) does(line string) string {
	w.h.t.Helper()
	r := w.runs("", strings.Fields(line)...)
	if r.code != 0 || r.err != "" {
		w.h.t.Fatalf("%s: lethe %s ended with %d: %s%s", w.role, line, r.code, r.out, r.err)
	}
	return r.out
}

// fails runs a command line that must end with a code, and say why in words.
func (w terminal) fails(code int, words, line string) {
	w.h.t.Helper()
	r := w.runs("", strings.Fields(line)...)
	if r.code != code || !strings.Contains(r.err, words) || r.out != "" {
		w.h.t.Errorf("%s: lethe %s ended with %d and said %q%s, want %d and %q", w.role, line, r.code, r.out, r.err, code, words)
	}
}

// shown is a request as the program shows it to other programs.
type shown struct {
	CaseNumber, State, DueOn string
	Outcome, BlockedReason   *string
	Plan                     *struct {
		Digest string
		Number int
	}
}

func (w terminal) shows(caseNumber string) (s shown) {
	w.h.t.Helper()
	if err := json.Unmarshal([]byte(w.does("request show -o json "+caseNumber)), &s); err != nil {
		w.h.t.Fatal(err)
	}
	return s
}

// opens files an erasure, its identifier on standard input.
func (w terminal) opens(customer string, more ...string) string {
	w.h.t.Helper()
	args := append([]string{"request", "open", "--type", "erasure", "--controller", "flowmart-de", "--ground", "17(1)(b)", "--identifier", "-", "-o", "json"}, more...)
	r := w.runs("customer_id="+customer+"\n", args...)
	var s shown
	if err := json.Unmarshal([]byte(r.out), &s); err != nil || r.code != 0 || s.CaseNumber == "" {
		w.h.t.Fatalf("lethe %v ended with %d: %s%s", args, r.code, r.out, r.err)
	}
	if strings.Contains(r.out+r.err, customer) {
		w.h.t.Errorf("the program repeats an identifier: %s%s", r.out, r.err)
	}
	return s.CaseNumber
}

// until waits until a request is in a state, as a script would.
func (w terminal) until(caseNumber, state string) shown {
	w.h.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		s := w.shows(caseNumber)
		if s.State == state {
			return s
		}
		if time.Now().After(deadline) {
			w.h.t.Fatalf("%s is %s, want %s", caseNumber, s.State, state)
		}
	}
}

// planned waits until a request has a plan of a number.
func (w terminal) planned(caseNumber string, plan int) shown {
	w.h.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		s := w.until(caseNumber, "PLANNED")
		if s.Plan.Number == plan {
			return s
		}
		if time.Now().After(deadline) {
			w.h.t.Fatalf("the plan of %s is number %d, want %d", caseNumber, s.Plan.Number, plan)
		}
	}
}

// fickle makes a house whose service loyalty says, while gone holds, that its
// endpoint is gone for good.
func fickle(t *testing.T, gone *atomic.Bool) *house {
	t.Helper()
	h := found(t, "", "LETHE_LOG_LEVEL=info")
	h.before = func(s *erasuretest.Service) string {
		at, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		next := httputil.NewSingleHostReverseProxy(at)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.Ref == "loyalty" && gone.Load() {
				w.WriteHeader(http.StatusGone)
				return
			}
			next.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	return h
}

// The life of requests from a terminal, by the program alone: what an operator
// does on the worst day there is no portal.
func TestCommandsCarryRequestsThrough(t *testing.T) {
	t.Parallel()
	var gone atomic.Bool
	h := fickle(t, &gone)
	h.replica(address(h.public))
	services := h.enlist("orders", "loyalty")
	handler, approver := terminal{h, "handler"}, terminal{h, "approver"}

	number := handler.opens("C-000001", "--identity", "account_login", "--client-request-id", "mail-1")
	if again := handler.opens("C-000001", "--identity", "account_login", "--client-request-id", "mail-1"); again != number {
		t.Errorf("the same letter made another request: %s", again)
	}
	first := handler.planned(number, 1)
	if list := handler.does("request list --state planned"); !strings.Contains(list, number) {
		t.Errorf("the list lacks %s: %s", number, list)
	}
	if plan := handler.does("request plan " + number); !strings.Contains(plan, "public.people") || !strings.Contains(plan, first.Plan.Digest) {
		t.Errorf("the plan: %s", plan)
	}
	handler.does("request replan " + number)
	second := handler.planned(number, 2)
	approver.fails(1, "digest", "request approve "+number+" --digest "+strings.Repeat("0", 64))
	handler.fails(1, "approver", "request approve "+number+" --digest "+second.Plan.Digest)
	today := time.Now().In(berlin(t)).Format(time.DateOnly)
	handler.does("request extend " + number + " --reason complexity --told-on " + today + " --channel email")
	if s := handler.shows(number); s.DueOn <= second.DueOn {
		t.Errorf("extended from %s to %s", second.DueOn, s.DueOn)
	}
	handler.fails(1, "extended before", "request extend "+number+" --reason complexity --told-on "+today+" --channel email")

	// The last byte of a backup goes later now: that is another plan.
	approver.fails(1, "read the new plan", "request approve "+number+" --digest "+second.Plan.Digest)
	third := handler.planned(number, 3)

	gone.Store(true)
	approver.does("request stop --service orders")
	approver.does("request approve " + number + " --digest " + third.Plan.Digest)
	waits := h.waitsBy(number, "ENDPOINT_GONE")
	if n := effects(services[0], protocol.Erase); waits == "" || n != 0 {
		t.Errorf("under the stop orders erased %d times", n)
	}
	approver.does("request resume --service orders")
	if s := handler.until(number, "BLOCKED"); *s.BlockedReason != "TASK_STOPPED" {
		t.Errorf("blocked by %s", *s.BlockedReason)
	}
	handler.fails(1, "no task of "+number+" has stopped", "request retry "+number+" --service orders")
	gone.Store(false)
	if out := handler.does("request retry " + number + " --service loyalty"); !strings.Contains(out, "loyalty is asked again to erase") {
		t.Errorf("retry: %s", out)
	}
	if out := handler.does("request follow " + number + " --every 100ms"); !strings.Contains(out, "closed, fulfilled") {
		t.Errorf("follow: %s", out)
	}
	h.proved(number)

	// Of another person nothing is done but to refuse her.
	number = handler.opens("C-000002")
	handler.does("request pause-clock " + number + " --reason identity-doubt")
	handler.fails(1, "stands still already", "request pause-clock "+number+" --reason clarification")
	handler.does("request resume-clock " + number)
	handler.fails(1, "running", "request resume-clock "+number)
	approver.does("request refuse " + number + " --ground manifestly-unfounded")
	if s := handler.shows(number); s.State != "CLOSED" || *s.Outcome != "REFUSED" {
		t.Errorf("refused: %+v", s)
	}
	// Another takes it back before anything is done.
	number = handler.opens("C-000003", "--identity", "document")
	handler.until(number, "PLANNED")
	handler.does("request cancel " + number)
	handler.fails(1, "CLOSED already", "request cancel "+number)
	if s := handler.shows(number); *s.Outcome != "CANCELLED" {
		t.Errorf("cancelled: %+v", s)
	}
	h.blockIsLifted(&gone)
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// proved verifies the certificate of a request offline, by fingerprints that
// the key files give.
func (h *house) proved(number string) {
	h.t.Helper()
	t, somebody := h.t, terminal{h, "dpo"}
	h.certificate(number) // it is issued a few seconds after the closing
	file := h.file(number + ".json")
	if err := os.WriteFile(file, []byte(somebody.does("request certificate "+number)), 0o600); err != nil {
		t.Fatal(err)
	}
	fingerprint := func(line string) string {
		var shown struct {
			Keys []struct{ Fingerprint string }
		}
		if err := json.Unmarshal([]byte(somebody.does(line+" -o json")), &shown); err != nil || len(shown.Keys) != 1 {
			t.Fatalf("%s: %v", line, err)
		}
		return shown.Keys[0].Fingerprint
	}
	signing, checkpoint := fingerprint("key show "+h.file("signing.key")), fingerprint("audit key show "+h.file("checkpoint.key.pub"))
	if out := somebody.does("certificate verify " + file + " --signing-key " + signing + " --audit-key " + checkpoint); !strings.Contains(out, "The certificate holds.") || !strings.Contains(out, number) {
		t.Errorf("verify: %s", out)
	}
	somebody.fails(1, "key", "certificate verify "+file+" --signing-key "+checkpoint+" --audit-key "+checkpoint)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	somebody.fails(1, "", "certificate verify "+file+" --signing-key "+signing+" --audit-key "+checkpoint)
}

// blockIsLifted has a request blocked by a count nobody usually has, let go on
// by an approver, left in part by a service that is gone, and closed so.
func (h *house) blockIsLifted(gone *atomic.Bool) {
	h.t.Helper()
	t, handler, approver, admin := h.t, terminal{h, "handler"}, terminal{h, "approver"}, terminal{h, "admin"}
	file := h.file("catalog.yaml")
	admin.does("catalog export --file " + file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// What was exported says what is there, and nothing else.
	for _, line := range []string{"catalog import " + file + " --dry-run", "catalog import " + file, "catalog import " + file + " --dry-run"} {
		if out := admin.does(line); strings.TrimSpace(out) != "Nothing new: the catalog already says this." {
			t.Errorf("lethe %s: %s", line, out)
		}
	}
	before := admin.does("catalog export")
	changed := strings.Replace(string(text), "name: public.people", "name: public.people\n        usual_max: 2", 1)
	if changed == string(text) {
		t.Fatalf("the export has another form:\n%s", text)
	}
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := admin.does("catalog import " + file + " --dry-run"); !strings.Contains(out, "update DATASET") || !strings.Contains(out, "1 changes would be made. Nothing was changed.") {
		t.Errorf("dry run: %s", out)
	}
	if now := admin.does("catalog export"); now != before {
		t.Error("a dry run has changed the catalog")
	}
	handler.fails(1, "", "catalog import "+file) // a handler opens requests and declares nothing
	admin.does("catalog import " + file)

	number := handler.opens("C-000004", "--identity", "account-login")
	if s := handler.until(number, "BLOCKED"); *s.BlockedReason != "COUNT_UNUSUAL" {
		t.Errorf("blocked by %s", *s.BlockedReason)
	}
	approver.fails(1, "nothing has been done yet", "request close-partially "+number)
	approver.does("request resolve-block " + number)
	s := handler.until(number, "PLANNED")
	gone.Store(true)
	approver.does("request approve " + number + " --digest " + s.Plan.Digest)
	handler.until(number, "BLOCKED")
	handler.fails(1, "approver", "request close-partially "+number)
	approver.does("request close-partially " + number)
	if s := handler.shows(number); s.State != "CLOSED" || *s.Outcome != "PARTIALLY_FULFILLED" {
		t.Errorf("closed in part: %+v", s)
	}
	approver.fails(1, "", "request resolve-block "+number)
}

// Wrong command lines end with the code of their kind and say what to write
// instead; none reaches the server.
func TestWrongCommandLines(t *testing.T) {
	t.Parallel()
	h := found(t, "")
	handler := terminal{h, "handler"} // and no server
	for line, words := range map[string]string{
		"request extend R-2026-000001 --reason complexity":                 `required flag(s) "channel", "told-on"`,
		"request refuse R-2026-000001":                                     `required flag(s) "ground"`,
		"request pause-clock R-2026-000001":                                `required flag(s) "reason"`,
		"request approve R-2026-000001":                                    `required flag(s) "digest"`,
		"request retry":                                                    "accepts 1 arg(s), received 0",
		"request replan R-2026-000001 R-2026-000002":                       "accepts 1 arg(s), received 2",
		"request resolve-blok R-2026-000001":                               `did you mean "resolve-block"?`,
		"request follow R-2026-000001 --every 1ms":                         "--every is at least 100ms",
		"request stop --service orders --all":                              "give --service REF, or --all",
		"request open --type erasure --identifier x":                       `required flag(s) "controller"`,
		"request list --first many":                                        "invalid argument",
		"catalog import /nowhere/catalog.yaml --dry-run":                   "there is no file /nowhere/catalog.yaml",
		"catalog exprot":                                                   `did you mean "export"?`,
		"certificate verify /nowhere/c.json":                               "--signing-key and --audit-key are needed",
		"certificate verify /nowhere/c.json --signing-key a --audit-key b": "there is no file /nowhere/c.json",
		"request show R-2026-000001 --output yaml":                         "write text or json",
	} {
		handler.fails(2, words, line)
	}
	for _, line := range []string{"request show R-2026-000001", "request list", "catalog export", "request stop --all"} {
		handler.fails(3, "cannot be reached", line)
	}
	r := handler.runs("anna@example.com\n", "request", "open", "--type", "access", "--controller", "x", "--identifier", "-")
	if r.code != 2 || strings.Contains(r.err, "anna") || !strings.Contains(r.err, "identifier 1 is not TYPE=VALUE") {
		t.Errorf("an identifier without a type: %d %s", r.code, r.err)
	}
}

// Words that only the server can judge are refused by it: the answer is no.
func TestWrongWordsOfCommands(t *testing.T) {
	t.Parallel()
	h := found(t, "", "LETHE_LOG_LEVEL=info")
	h.replica(address(h.public))
	h.importCatalog(plainCatalog)
	handler := terminal{h, "handler"}
	number := handler.opens("C-000001", "--identity", "account_login")
	for line, words := range map[string]string{
		"request show R-2026-999999":                          "there is no request R-2026-999999",
		"request certificate " + number:                       "there is no certificate of " + number,
		"request plan R-2026-999999":                          "there is no request R-2026-999999",
		"request pause-clock " + number + " --reason holiday": "",
		"request extend " + number + " --reason complexity --told-on 2020-01-01 --channel email":              "",
		"request extend " + number + " --reason complexity --told-on yesterday --channel email":               "",
		"request refuse " + number + " --ground lazy":                                                         "",
		"request stop --service ordres":                                                                       `there is no service "ordres"`,
		"request open --type erasure --controller flowmart-ed --ground 17(1)(b) --identifier customer_id=C-1": `did you mean "flowmart-de"?`,
	} {
		handler.fails(1, words, line)
		r := handler.runs("", append(strings.Fields(line), "-o", "json")...)
		var told struct{ Errors []struct{ Message string } }
		if err := json.Unmarshal([]byte(r.err), &told); err != nil || len(told.Errors) == 0 || slices.ContainsFunc(told.Errors, func(e struct{ Message string }) bool { return e.Message == "" }) {
			t.Errorf("lethe %s as JSON: %v %s", line, err, r.err)
		}
	}
}
