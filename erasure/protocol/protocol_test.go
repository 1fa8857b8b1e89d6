package protocol_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/internal/fault"
)

var (
	taskID    = uuid.MustParse("0197a0b2-0000-7000-8000-000000000001")
	datasetID = uuid.MustParse("0197a0b2-0000-7000-8000-0000000000d1")
	digest    = strings.Repeat("ab", 32)
)

func erasure() protocol.Requests {
	at := time.Date(2026, 3, 5, 10, 11, 12, 0, time.UTC)
	return protocol.Requests{
		Spec: protocol.Spec, Type: protocol.TypeRequests, Issuer: "https://lethe.example", Audience: "orders", IssuedAt: at,
		Tasks: []protocol.Task{{
			Task: taskID, Seq: 1, Action: protocol.Erase, Case: "R-2026-000123", Controller: "flowmart-de", Wave: 2, PlanDigest: digest,
			ReceivedOn: "2026-03-05", DueOn: "2026-04-07", EraseBefore: at, ExpiresAt: at.AddDate(0, 1, 0),
			Identifiers: []protocol.Identifier{{Type: "customer_id", Value: "C-1042"}},
			Datasets:    []protocol.Dataset{{ID: datasetID, Namespace: "postgres://orders", Name: "public.orders"}},
			ReplyTo:     "https://lethe.example/rights/v1/results",
		}},
	}
}

func answer() protocol.Results {
	return protocol.Results{
		Spec: protocol.Spec, Type: protocol.TypeResults, Issuer: "orders", Audience: "https://lethe.example", IssuedAt: time.Date(2026, 3, 5, 11, 0, 0, 0, time.UTC),
		Results: []protocol.Result{{Task: taskID, Seq: 3, PlanDigest: digest, State: protocol.Done,
			Outcomes: []protocol.DatasetOutcome{{Dataset: datasetID, Outcome: protocol.Erased, Count: 12, Method: "delete"}}}},
	}
}

func encoded[M protocol.Message](t *testing.T, m M) string {
	t.Helper()
	body, err := protocol.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestMessagesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	got, err := protocol.DecodeRequests([]byte(encoded(t, erasure())))
	if err != nil || got.Tasks[0].Fingerprint(got.Tasks[0].Identifiers) != erasure().Tasks[0].Fingerprint(erasure().Tasks[0].Identifiers) {
		t.Errorf("requests: %v, %v", got, err)
	}
	back, err := protocol.DecodeResults([]byte(encoded(t, answer())))
	if err != nil || back.Results[0].Outcomes[0] != answer().Results[0].Outcomes[0] {
		t.Errorf("results: %v, %v", back, err)
	}
	if _, err := protocol.Encode(protocol.Acceptance{Accepted: []uuid.UUID{taskID}, Rejected: []protocol.Rejection{{Task: taskID, Code: protocol.UnsupportedIdentifier}}}); err != nil {
		t.Error(err)
	}
	if _, err := protocol.Encode(protocol.Dispositions{Results: []protocol.TaskDisposition{{Task: taskID, Disposition: protocol.Late}}}); err != nil {
		t.Error(err)
	}
}

func TestChallengeComesBackAsItWas(t *testing.T) {
	t.Parallel()
	ping := protocol.Ping{Spec: protocol.Spec, Type: protocol.TypePing, Issuer: "https://lethe.example", Audience: "orders", Nonce: "0123456789abcdef", IssuedAt: time.Unix(1, 0).UTC()}
	if got, err := protocol.DecodePing([]byte(encoded(t, ping))); err != nil || got != ping {
		t.Errorf("%v, %v", got, err)
	}
	public, _, _ := ed25519.GenerateKey(nil)
	key, _ := age.GenerateX25519Identity()
	pong := protocol.Pong{Spec: protocol.Spec, Type: protocol.TypePong, Issuer: "orders", Nonce: ping.Nonce, Keys: []protocol.PublicKey{{ID: "k1", Public: public}}, Recipient: key.Recipient().String()}
	if got, err := protocol.DecodePong([]byte(encoded(t, pong))); err != nil || !got.Keys[0].Public.Equal(public) {
		t.Errorf("%v, %v", got, err)
	}
	pong.Keys[0].Public = public[:31]
	if _, err := protocol.Encode(pong); !hasFault(err, "BAD_KEY", "keys.0.public_key") {
		t.Error(err)
	}
}

// The wrong forms of reliability.md §6 rows 21-25, 40-42 and dsr.md §11 no. 9,
// and of every rule of docs/rights-protocol.md.
func TestWrongResultsAreRefused(t *testing.T) {
	t.Parallel()
	good := encoded(t, answer())
	swap := func(from, to string) string {
		if !strings.Contains(good, from) {
			t.Fatalf("the example lost %s", from)
		}
		return strings.Replace(good, from, to, 1)
	}
	cases := map[string]struct{ body, code, path string }{
		"empty":              {"", "BAD_JSON", ""},
		"broken":             {good[:len(good)/2], "BAD_JSON", ""},
		"trailing data":      {good + "{}", "BAD_JSON", ""},
		"html":               {"<html>mail@example.org</html>", "BAD_JSON", ""},
		"too large":          {strings.Repeat(" ", protocol.MaxResultsBytes+1), "BODY_TOO_LARGE", ""},
		"not utf-8":          {swap(`"orders"`, "\"ord\xff\""), "BAD_ENCODING", ""},
		"nul in a word":      {swap(`"done"`, `"do\u0000ne"`), "UNKNOWN_WORD", "results.0.state"},
		"nested deep":        {strings.Repeat("[", 60_000), "BAD_JSON", ""},
		"unknown member":     {swap(`"state"`, `"status":"x","state"`), "UNKNOWN_MEMBER", "results.0.?"},
		"member twice":       {swap(`"seq":3`, `"seq":3,"seq":4`), "DUPLICATE_MEMBER", "results.0.seq"},
		"member in capitals": {swap(`"seq"`, `"Seq"`), "UNKNOWN_MEMBER", "results.0.?"},
		"string for number":  {swap(`"seq":3`, `"seq":"3"`), "WRONG_TYPE", "results.0.seq"},
		"fraction":           {swap(`"count":12`, `"count":1.5`), "WRONG_TYPE", "results.0.outcomes.0.count"},
		"seq beyond an int":  {swap(`"seq":3`, `"seq":2147483648`), "OUT_OF_RANGE", "results.0.seq"},
		"ground elsewhere":   {swap(`"method":"delete"`, `"ground":"6(1)(c)"`), "BAD_GROUND", "results.0.outcomes.0.ground"},
		"seq zero":           {swap(`"seq":3`, `"seq":0`), "OUT_OF_RANGE", "results.0.seq"},
		"phone as count":     {swap(`"count":12`, `"count":491701234567`), "OUT_OF_RANGE", "results.0.outcomes.0.count"},
		"negative count":     {swap(`"count":12`, `"count":-1`), "OUT_OF_RANGE", "results.0.outcomes.0.count"},
		"other spec":         {swap(`lethe-rights/1`, `lethe-rights/2`), "WRONG_SPEC", "spec"},
		"other type":         {swap(`task_results`, `task_requests`), "WRONG_TYPE_OF_MESSAGE", "type"},
		"no results":         {swap(good[strings.Index(good, `"results":[`):], `"results":[]}`), "WRONG_LENGTH", "results"},
		"task not an id":     {swap(taskID.String(), "7"), "WRONG_TYPE", "results.0.task"},
		"unknown outcome":    {swap(`"erased"`, `"erasd"`), "UNKNOWN_WORD", "results.0.outcomes.0.outcome"},
		"unknown code":       {swap(`"state":"done"`, `"state":"failed","code":"ANNA_SCHMIDT"`), "UNKNOWN_WORD", "results.0.code"},
		"failed without why": {swap(`"state":"done"`, `"state":"failed"`), "REQUIRED", "results.0.code"},
		"done but retryable": {swap(`"state":"done"`, `"state":"done","retryable":true`), "RETRYABLE", "results.0.retryable"},
		"retained for what":  {swap(`"erased"`, `"retained"`), "REQUIRED", "results.0.outcomes.0.ground"},
		"ground in words":    {swap(`"method":"delete"`, `"ground":"tax"`), "BAD_GROUND", "results.0.outcomes.0.ground"},
		"expiry without day": {swap(`"erased"`, `"pending_expiry"`), "REQUIRED", "results.0.outcomes.0.effective_by"},
		"no such day":        {swap(`"method":"delete"`, `"effective_by":"2026-02-30"`), "BAD_DATE", "results.0.outcomes.0.effective_by"},
		"digest too short":   {swap(digest, "ab"), "BAD_DIGEST", "results.0.plan_digest"},
		"part twice":         {swap(`"outcomes"`, `"parts":[`+part(1)+","+part(1)+`],"outcomes"`), "DUPLICATE_PART", "results.0.parts.1.dataset"},
		"part zero":          {swap(`"outcomes"`, `"parts":[`+part(0)+`],"outcomes"`), "OUT_OF_RANGE", "results.0.parts.0.n"},
		"e-mail as code":     {swap(`"state":"done"`, `"state":"failed","code":"anna@example.org"`), "PERSONAL_DATA_IN_RESULT", "results.0.code"},
		"e-mail as member":   {swap(`"state"`, `"anna@example.org":1,"state"`), "PERSONAL_DATA_IN_RESULT", "results.0.?"},
		"phone as method":    {swap(`"delete"`, `"+49 170 1234567"`), "PERSONAL_DATA_IN_RESULT", "results.0.outcomes.0.method"},
		"e-mail escaped":     {swap(`"delete"`, `"anna\u0040example.org"`), "PERSONAL_DATA_IN_RESULT", "results.0.outcomes.0.method"},
		"nul in resolved":    {swap(`"outcomes"`, `"resolved":{"people":1,"identifiers":[{"type":"email","value":"a\u0000b"}]},"outcomes"`), "BAD_IDENTIFIER", "results.0.resolved.identifiers.0.value"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := protocol.DecodeResults([]byte(c.body))
			if !hasFault(err, c.code, c.path) {
				t.Fatalf("want %s at %q, got %v", c.code, c.path, err)
			}
			for _, private := range []string{"anna", "ANNA", "170 1234567", "mail@", "tax"} {
				if strings.Contains(err.Error(), private) {
					t.Errorf("the message repeats what the sender wrote: %v", err)
				}
			}
		})
	}
}

func part(n int) string {
	return fmt.Sprintf(`{"dataset":%q,"n":%d,"bytes":1,"records":1,"sha256":%q,"format":"ndjson"}`, datasetID, n, digest)
}

func TestWrongRequestsAreRefused(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change     func(*protocol.Requests)
		code, path string
	}{
		"no task":            {func(m *protocol.Requests) { m.Tasks = nil }, "WRONG_LENGTH", "tasks"},
		"task twice":         {func(m *protocol.Requests) { m.Tasks = append(m.Tasks, m.Tasks[0]) }, "DUPLICATE_TASK", "tasks.1.task"},
		"no id":              {func(m *protocol.Requests) { m.Tasks[0].Task = uuid.Nil }, "REQUIRED", "tasks.0.task"},
		"unknown action":     {func(m *protocol.Requests) { m.Tasks[0].Action = "delete" }, "UNKNOWN_WORD", "tasks.0.action"},
		"erase without plan": {func(m *protocol.Requests) { m.Tasks[0].PlanDigest = "" }, "BAD_DIGEST", "tasks.0.plan_digest"},
		"no moment":          {func(m *protocol.Requests) { m.Tasks[0].EraseBefore = time.Time{} }, "REQUIRED", "tasks.0.erase_before"},
		"nobody":             {func(m *protocol.Requests) { m.Tasks[0].Identifiers = nil }, "IDENTIFIERS", "tasks.0.identifiers"},
		"clear and sealed":   {func(m *protocol.Requests) { m.Tasks[0].Sealed = "YWdl" }, "IDENTIFIERS", "tasks.0.identifiers"},
		"newline in value":   {func(m *protocol.Requests) { m.Tasks[0].Identifiers[0].Value = "a\nb" }, "BAD_IDENTIFIER", "tasks.0.identifiers.0.value"},
		"value too long":     {func(m *protocol.Requests) { m.Tasks[0].Identifiers[0].Value = strings.Repeat("a", 513) }, "BAD_IDENTIFIER", "tasks.0.identifiers.0.value"},
		"type with a space":  {func(m *protocol.Requests) { m.Tasks[0].Identifiers[0].Type = "e mail" }, "BAD_IDENTIFIER", "tasks.0.identifiers.0.type"},
		"dataset twice":      {func(m *protocol.Requests) { m.Tasks[0].Datasets = append(m.Tasks[0].Datasets, m.Tasks[0].Datasets[0]) }, "DUPLICATE_DATASET", "tasks.0.datasets.1.id"},
		"reply by ftp":       {func(m *protocol.Requests) { m.Tasks[0].ReplyTo = "ftp://lethe.example/" }, "BAD_URL", "tasks.0.reply_to"},
		"parts for erasure":  {func(m *protocol.Requests) { m.Tasks[0].PartsTo = "https://lethe.example/p" }, "BAD_URL", "tasks.0.parts_to"},
		"cancels nothing":    {func(m *protocol.Requests) { m.Tasks[0].Cancels = taskID }, "CANCELS", "tasks.0.cancels"},
		"bad audience":       {func(m *protocol.Requests) { m.Audience = "Orders Service" }, "BAD_REF", "audience"},
		"bad day":            {func(m *protocol.Requests) { m.Tasks[0].DueOn = "07.04.2026" }, "BAD_DATE", "tasks.0.due_on"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := erasure()
			c.change(&m)
			if _, err := protocol.Encode(m); !hasFault(err, c.code, c.path) {
				t.Errorf("want %s at %s, got %v", c.code, c.path, err)
			}
		})
	}
}

func TestEveryMistakeIsToldAtOnce(t *testing.T) {
	t.Parallel()
	m := erasure()
	m.Audience, m.Tasks[0].Seq, m.Tasks[0].Case = "", 0, "123"
	_, err := protocol.Encode(m)
	if n := len(fault.All(err)); n != 3 {
		t.Errorf("%d faults, want 3: %v", n, err)
	}
}

func TestOutcomesAnswerTheirActions(t *testing.T) {
	t.Parallel()
	// design.md §4.5: erase has eight outcomes, locate and probe two, export two
	// (and not_applicable), resolve answers in `resolved`.
	sizes := map[protocol.Action]int{protocol.Erase: 8, protocol.Locate: 2, protocol.Probe: 2, protocol.Export: 3, protocol.Resolve: 0, protocol.Cancel: 0}
	for action, n := range sizes {
		if got := len(action.Outcomes()); got != n {
			t.Errorf("%s: %d outcomes, want %d", action, got, n)
		}
	}
	r := answer().Results[0]
	if err := r.CheckFor(protocol.Erase); err != nil {
		t.Error(err)
	}
	if err := r.CheckFor(protocol.Probe); !hasFault(err, "OUTCOME_NOT_FOR_ACTION", "outcomes.0.outcome") {
		t.Error(err)
	}
	r = protocol.Result{State: protocol.Done, Resolved: &protocol.Resolved{People: 1}}
	if err := r.CheckFor(protocol.Erase); !hasFault(err, "OUTCOME_NOT_FOR_ACTION", "resolved") {
		t.Error(err)
	}
	if err := (protocol.Result{State: protocol.Done}).CheckFor(protocol.Resolve); !hasFault(err, "REQUIRED", "resolved") {
		t.Error(err)
	}
}

func TestResolvedMayHoldIdentifiers(t *testing.T) {
	t.Parallel()
	m := answer()
	m.Results[0].Outcomes = nil
	m.Results[0].Resolved = &protocol.Resolved{People: 1, Identifiers: []protocol.Identifier{{"email", "anna@example.org"}, {"phone", "+49 170 1234567"}}}
	if _, err := protocol.Encode(m); err != nil {
		t.Error(err)
	}
}

func TestPersonalDataIsRecognised(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"anna.schmidt@example.org", "x anna%40example.com", "+49 170 1234567", "+4917012345678", "0049 30 901820", "030-90182000", "0170 1234567", "(+33) 1 42 68 53 00"} {
		if !protocol.ContainsPersonalData(s) {
			t.Errorf("%q not found", s)
		}
	}
	for _, s := range []string{"", "erased", "17(3)(b)", "2036-12-31", taskID.String(), "00000000-0000-0000-0000-000000000000", digest, strings.Repeat("0123", 16), "2026-03-05T11:00:00Z", "http://127.0.0.1:18080", "R-2026-000123", "orders", "ndjson"} {
		if protocol.ContainsPersonalData(s) {
			t.Errorf("%q found", s)
		}
	}
}

func TestIdentifiersDoNotPrint(t *testing.T) {
	t.Parallel()
	id := protocol.Identifier{Type: "email", Value: "anna@example.org"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "id", id, "task", erasure().Tasks[0])
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&log, verb+verb, id, protocol.Task{Identifiers: []protocol.Identifier{id}})
	}
	if strings.Contains(log.String(), "anna") || strings.Contains(log.String(), fmt.Sprintf("%x", "anna")) || strings.Contains(log.String(), "C-1042") {
		t.Errorf("printed: %s", log.String())
	}
}

func TestSealedIdentifiersOpenForTheirServiceOnly(t *testing.T) {
	t.Parallel()
	ours, _ := age.GenerateX25519Identity()
	other, _ := age.GenerateX25519Identity()
	ids := []protocol.Identifier{{Type: "email", Value: "anna@example.org"}}
	sealed, err := protocol.SealIdentifiers(ours.Recipient().String(), ids)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := protocol.OpenIdentifiers(sealed, other.String(), ours.String()); err != nil || !slices.Equal(got, ids) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{sealed[4:], "", "%%%", "YWdl"} {
		if _, err := protocol.OpenIdentifiers(bad, ours.String()); !hasFault(err, "CANNOT_UNSEAL", "sealed_identifiers") {
			t.Errorf("%v", err)
		}
	}
	if _, err := protocol.OpenIdentifiers(sealed, other.String()); !hasFault(err, "CANNOT_UNSEAL", "sealed_identifiers") {
		t.Errorf("%v", err)
	}
	m := erasure()
	m.Tasks[0].Identifiers, m.Tasks[0].Sealed = nil, sealed
	if _, err := protocol.Encode(m); err != nil {
		t.Error(err)
	}
}

func TestFingerprintTellsTheSameFromAnother(t *testing.T) {
	t.Parallel()
	base := erasure().Tasks[0]
	want := base.Fingerprint(base.Identifiers)
	same := base
	same.Seq, same.ExpiresAt, same.DueOn = 2, base.ExpiresAt.AddDate(0, 1, 0), "2026-06-05"
	if same.Fingerprint(base.Identifiers) != want {
		t.Error("renewed dates made another task")
	}
	for name, change := range map[string]func(*protocol.Task){
		"action": func(t *protocol.Task) { t.Action = protocol.Probe },
		"plan":   func(t *protocol.Task) { t.PlanDigest = strings.Repeat("cd", 32) },
		"scope":  func(t *protocol.Task) { t.Datasets = nil },
	} {
		other := base
		change(&other)
		if other.Fingerprint(base.Identifiers) == want {
			t.Errorf("another %s, same fingerprint", name)
		}
	}
	if base.Fingerprint([]protocol.Identifier{{"customer_id", "C-1043"}}) == want {
		t.Error("another person, same fingerprint")
	}
}

func TestReadBodyStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	r := strings.NewReader(strings.Repeat("x", 1<<20))
	if _, err := protocol.ReadBody(r, 1000); !hasFault(err, "BODY_TOO_LARGE", "") {
		t.Error(err)
	}
	if read := 1<<20 - r.Len(); read > 4096 {
		t.Errorf("read %d bytes", read)
	}
	if body, err := protocol.ReadBody(strings.NewReader("abc"), 3); err != nil || string(body) != "abc" {
		t.Errorf("%q, %v", body, err)
	}
	if _, err := protocol.ReadBody(brokenReader{}, 3); !hasFault(err, "BODY_UNREADABLE", "") {
		t.Error(err)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("gone") }

// Half a million brackets must be refused at once and without a deep stack.
func TestDeepNestingIsCheap(t *testing.T) {
	t.Parallel()
	body := []byte(strings.Repeat(`{"a":`, protocol.MaxRequestsBytes/5))
	if _, err := protocol.DecodeRequests(body); !hasFault(err, "BAD_JSON", "") {
		t.Error(err)
	}
}

func hasFault(err error, code, path string) bool {
	return slices.ContainsFunc(fault.All(err), func(f *fault.Fault) bool {
		return f.Code == code && strings.Join(f.Path, ".") == path
	})
}

func FuzzDecodeResults(f *testing.F) {
	body, _ := protocol.Encode(answer())
	f.Add(body)
	f.Add([]byte(`{"spec":"lethe-rights/1","results":[{"seq":1e400}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := protocol.DecodeResults(body)
		if err != nil {
			if fault.All(err) == nil {
				t.Fatalf("not a fault: %v", err)
			}
			return
		}
		again, err := protocol.Encode(m) // what was accepted can be said, unless it grows past the limit
		if err != nil && !hasFault(err, "BODY_TOO_LARGE", "") {
			t.Fatalf("accepted but cannot be said: %v", err)
		}
		if err == nil {
			if _, err := protocol.DecodeResults(again); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzDecodeRequests(f *testing.F) {
	body, _ := protocol.Encode(erasure())
	f.Add(body)
	f.Add([]byte(`{"tasks":[{"task":"\u0000"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := protocol.DecodeRequests(body)
		if err != nil {
			if fault.All(err) == nil {
				t.Fatalf("not a fault: %v", err)
			}
			return
		}
		if len(m.Tasks) == 0 || m.Tasks[0].Task == uuid.Nil {
			t.Fatal("accepted a message without a task")
		}
		m.Tasks[0].Fingerprint(m.Tasks[0].Identifiers)
	})
}
