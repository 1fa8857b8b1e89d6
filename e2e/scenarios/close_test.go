package scenarios_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/internal/vault"
)

func TestScenario38_NothingIsLeftAfterThePeriod(t *testing.T) {
	t.Parallel()
	c := found(t, []member{directory(1), {ref: "orders", types: sixTypes}, {ref: "loyalty", types: "loyalty_no, phone"}})
	r := c.approved(known(six[:4]...))
	c.closes(r.CaseNumber, "FULFILLED")
	r = c.when(r.CaseNumber, "a certificate", func(r request) bool { return r.Certificate != nil })

	// A dump of the main database as it is now, kept for later, opens now.
	dump := c.sealed()
	if len(dump) == 0 {
		t.Fatal("nothing sealed before the period is over")
	}
	for request, sealed := range dump {
		if plain, err := c.vault().Unseal(t.Context(), request, "subject", sealed); err != nil || !strings.Contains(string(plain), six[5].Value) {
			t.Fatalf("before its period is over the dump does not open: %v", err)
		}
	}
	closed, err := time.Parse(time.RFC3339, *r.ClosedAt)
	if err != nil {
		t.Fatal(err)
	}
	if want := closed.In(berlin(t, "2026-01-01 00:00").Location()).AddDate(0, 0, 90).Format(time.DateOnly); *r.KeyDestroyOn != want {
		t.Fatalf("the key is kept until %s, want %s", *r.KeyDestroyOn, want)
	}
	c.clock.advance(91 * 24 * time.Hour)
	c.when(r.CaseNumber, "its key destroyed", func(r request) bool { return r.KeyDestroyedAt != nil })

	for request, sealed := range dump {
		if _, err := c.vault().Unseal(t.Context(), request, "subject", sealed); !errors.Is(err, vault.ErrDestroyed) {
			t.Errorf("the old dump opens still: %v", err)
		}
	}
	values := make([]string, len(six))
	for i, id := range six {
		values[i] = id.Value
	}
	all := needlesOf(values...)
	if hits := all.database(t); len(hits) > 0 {
		t.Errorf("found in the main database: %v", hits)
	}
	_, _, keystore := pgtest.KeystoreURLs(t)
	if hits := all.dump(t, keystore); len(hits) > 0 {
		t.Errorf("found in the key store: %v", hits)
	}
	if hits := all.directory(t, c.files); len(hits) > 0 {
		t.Errorf("found in files: %v", hits)
	}
	if all.in(c.Log.String()) {
		t.Error("found in the log")
	}
	if needlesOf("flowmart-de").database(t) == nil {
		t.Error("the search finds nothing at all, not even the controller")
	}
	if got := c.certified(c.look(r.CaseNumber)); got.Outcome != "FULFILLED" {
		t.Errorf("the certificate says %s", got.Outcome)
	}
	c.auditHolds()
	// It cannot be opened again: nobody could say about whom.
	c.refused("KEY_DESTROYED", access.Approver, "reopenRequest", "RequestInput", map[string]any{"requestId": r.ID})
}

// sealed reads what is sealed of people, as a backup would.
func (c *company) sealed() map[uuid.UUID][]byte {
	c.t.Helper()
	rows, err := c.DB.Query(c.t.Context(), `SELECT request_id, sealed FROM erasure_subject WHERE sealed IS NOT NULL`)
	if err != nil {
		c.t.Fatal(err)
	}
	defer rows.Close()
	out := map[uuid.UUID][]byte{}
	for rows.Next() {
		var id uuid.UUID
		var sealed []byte
		if err := rows.Scan(&id, &sealed); err != nil {
			c.t.Fatal(err)
		}
		out[id] = sealed
	}
	return out
}

// vault opens the key store beside the server, with its own file of keys.
func (c *company) vault() *vault.Vault {
	c.t.Helper()
	keks, err := vault.ReadKEKs(c.files + "/kek")
	if err != nil {
		c.t.Fatal(err)
	}
	return vault.New(pgtest.NewKeystore(c.t), keks)
}

// auditHolds verifies the audit log against the checkpoints outside.
func (c *company) auditHolds() {
	c.t.Helper()
	keys, err := audit.LoadKeys(c.files + "/checkpoint.key.pub")
	if err != nil {
		c.t.Fatal(err)
	}
	anchor, err := audit.OpenAnchor(c.files+"/anchors", keys)
	if err != nil {
		c.t.Fatal(err)
	}
	report, err := audit.Verify(c.t.Context(), c.DB, anchor)
	if err != nil || !report.OK() || report.Size == 0 {
		c.t.Errorf("the audit log does not verify: %v %+v", err, report)
	}
}

func TestScenario48_NoticeFails(t *testing.T) {
	t.Parallel()
	c := found(t, []member{{ref: "orders"}})
	r := c.approved(person(1))
	r = c.closes(r.CaseNumber, "FULFILLED")
	about := r.notice("OUTCOME")
	if about.ID == "" || about.SentOn != nil {
		t.Fatalf("the outcome is to be told: %+v", r.Notices)
	}
	for range 2 {
		c.do(access.Handler, "recordNoticeFailure", "RecordNoticeFailureInput", map[string]any{"noticeId": about.ID})
	}
	r = c.closes(r.CaseNumber, "FULFILLED")
	if got := r.notice("OUTCOME"); got.Attempt != 2 || got.SentOn != nil {
		t.Fatalf("two failures leave it open: %+v", got)
	}
	today := c.clock.now().Format(time.DateOnly)
	sent := map[string]any{"noticeId": about.ID, "sentOn": today, "channel": "LETTER"}
	c.do(access.Handler, "recordNotice", "RecordNoticeInput", sent)
	c.refused("NOTICE_NOT_FOUND", access.Handler, "recordNotice", "RecordNoticeInput", sent)
	r = c.closes(r.CaseNumber, "FULFILLED")
	if got := r.notice("OUTCOME"); got.SentOn == nil || *got.SentOn != today {
		t.Errorf("told by letter: %+v", got)
	}
	if n := c.effects("orders", protocol.Erase); n != 1 {
		t.Errorf("orders erased %d times", n)
	}
}

func (r request) notice(kind string) notice {
	for _, n := range r.Notices {
		if n.Kind == kind {
			return n
		}
	}
	return notice{}
}

func TestFollowUpProbeOpensAgain(t *testing.T) {
	t.Parallel()
	c := found(t, shop(mute(), nil))
	number := c.open(erasureOf(person(1)))
	c.counts("orders")
	c.approve(c.reach(number, "PLANNED"))
	c.expect(c.says("orders", result(c.awaits("orders", protocol.Erase), 1, protocol.Done)), "recorded")
	c.clean("orders")
	c.closes(number, "FULFILLED")
	c.when(number, "its first certificate", func(r request) bool { return r.Certificate != nil && c.certified(r).Number == 1 })
	c.clock.advance(25 * time.Hour)
	probe := c.awaitsNth("orders", protocol.Probe, 2)
	there := result(probe, 1, protocol.Done, func(r *protocol.Result) {
		r.Outcomes[0] = protocol.DatasetOutcome{Dataset: r.Outcomes[0].Dataset, Outcome: protocol.Present, Count: 2}
	})
	c.expect(c.says("orders", there), "recorded")
	r := c.reach(number, "PLANNED")
	if r.Reopened != 1 || r.Outcome != nil || r.KeyDestroyOn != nil {
		t.Fatalf("opened again %d times, %s", r.Reopened, r)
	}
	c.approve(r)
	c.expect(c.says("orders", result(c.awaitsNth("orders", protocol.Erase, 2), 1, protocol.Done)), "recorded")
	c.expect(c.says("orders", result(c.awaitsNth("orders", protocol.Probe, 3), 1, protocol.Done)), "recorded")
	c.closes(number, "FULFILLED")
	r = c.when(number, "its second certificate", func(r request) bool { return r.Certificate != nil && c.certified(r).Number == 2 })
	// loyalty, which had counted rows once and now finds none, is looked into too.
	if got := c.certified(r); len(got.Probes) != 2 || !got.Probes[0].Clean || !got.Probes[1].Clean {
		t.Errorf("the second certificate: %+v", got.Probes)
	}
}

// A service that says erased and keeps the rows is found out by the first
// probe, asked again, found out again, and then a person must look.
func TestLiarIsFoundOut(t *testing.T) {
	t.Parallel()
	c := found(t, shop(lies(), nil))
	r := c.approved(person(1))
	r = c.blocks(r.CaseNumber, "RESIDUE")
	if n := c.effects("orders", protocol.Erase); n != 2 || len(r.of("orders", "PROBE")) != 2 {
		t.Errorf("orders was asked to erase %d times and probed %d times", n, len(r.of("orders", "PROBE")))
	}
	c.refused("BLOCK_STAYS", access.Approver, "resolveBlock", "RequestInput", map[string]any{"requestId": r.ID})
	c.act(access.Approver, "closePartially", r)
	c.closes(r.CaseNumber, "PARTIALLY_FULFILLED")
}

// Something wrote the rows back twice. A person mends it and has them erased
// again: a new task, because the service's record of the old one is worthless,
// a new probe, and a request that is fulfilled.
func TestResidueIsErasedAgainByAPerson(t *testing.T) {
	t.Parallel()
	c := found(t, shop(mute(), nil))
	number := c.open(erasureOf(person(1)))
	c.counts("orders")
	c.approve(c.reach(number, "PLANNED"))
	keys := map[string]bool{}
	erases := func(nth int) {
		erase := c.awaitsNth("orders", protocol.Erase, nth)
		keys[erase.Task.String()] = true
		c.expect(c.says("orders", result(erase, 1, protocol.Done)), "recorded")
	}
	for nth := 1; nth <= 2; nth++ {
		erases(nth)
		c.expect(c.says("orders", result(c.awaitsNth("orders", protocol.Probe, nth), 1, protocol.Done, func(r *protocol.Result) {
			r.Outcomes[0] = protocol.DatasetOutcome{Dataset: r.Outcomes[0].Dataset, Outcome: protocol.Present, Count: 2}
		})), "recorded")
	}
	r := c.blocks(number, "RESIDUE")
	probes := r.of("orders", "PROBE")
	c.refused("NOTHING_TO_RETRY", access.Handler, "retryTask", "RetryTaskInput", map[string]any{"taskId": probes[0].ID})
	c.do(access.Handler, "retryTask", "RetryTaskInput", map[string]any{"taskId": probes[1].ID})
	erases(3)
	c.expect(c.says("orders", result(c.awaitsNth("orders", protocol.Probe, 3), 1, protocol.Done)), "recorded")
	c.closes(number, "FULFILLED")
	if len(keys) != 3 {
		t.Errorf("three erasures under %d ids of tasks", len(keys))
	}
}
