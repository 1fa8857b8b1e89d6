package scenarios_test

import (
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/access"
)

func berlin(t *testing.T, text string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// The dates are those of dsr.md §8.2, computed by hand from Regulation 1182/71.
func TestScenario33_DueDateAndItsExtension(t *testing.T) {
	t.Parallel()
	clock := clockAt(berlin(t, "2026-03-05 10:00"))
	c := foundAt(t, clock, []member{{ref: "orders"}})
	intime, late := c.look(c.open(erasureOf(person(1)))), c.look(c.open(erasureOf(person(2))))
	if intime.ReceivedOn != "2026-03-05" || intime.DueOn != "2026-04-07" { // 5 April is Easter Sunday, 6 April Easter Monday
		t.Fatalf("received %s, due %s", intime.ReceivedOn, intime.DueOn)
	}
	extend := func(r request, sent string) []userError {
		return c.try(access.Handler, "extendDeadline", "ExtendDeadlineInput",
			map[string]any{"requestId": r.ID, "reason": "COMPLEXITY", "noticeSentOn": sent, "channel": "EMAIL"})
	}
	clock.set(berlin(t, "2026-04-07 23:59").Add(-30 * time.Second))
	if errs := extend(intime, "2026-04-07"); len(errs) > 0 {
		t.Fatalf("on the last day: %+v", errs)
	}
	if got := c.look(intime.CaseNumber); got.DueOn != "2026-06-05" || !got.told("EXTENSION") {
		t.Errorf("extended to %s, notices %+v", got.DueOn, got.Notices)
	}
	clock.set(berlin(t, "2026-04-08 00:01"))
	if errs := extend(late, "2026-04-08"); len(errs) != 1 || errs[0].Code != "TOO_LATE" {
		t.Errorf("a minute past the last day: %+v", errs)
	}
	if got := c.look(late.CaseNumber); got.DueOn != "2026-04-07" || got.told("EXTENSION") {
		t.Errorf("refused, and yet due %s", got.DueOn)
	}
}

func TestScenario34_ReceiptBeforeMidnightElsewhere(t *testing.T) {
	t.Parallel()
	c := foundAt(t, clockAt(time.Date(2026, 1, 31, 23, 40, 0, 0, time.UTC)), []member{{ref: "orders"}})
	input := erasureOf(person(1))
	input["receivedAt"] = "2026-01-31T23:30:00Z"
	r := c.look(c.open(input))
	if r.ReceivedOn != "2026-02-01" || r.DueOn != "2026-03-02" { // 1 March is a Sunday
		t.Errorf("received %s, due %s", r.ReceivedOn, r.DueOn)
	}
}

func TestScenario35_ClockStandsStill(t *testing.T) {
	t.Parallel()
	clock := clockAt(berlin(t, "2026-03-05 10:00"))
	c := foundAt(t, clock, []member{{ref: "orders"}})
	input := erasureOf(person(1))
	delete(input, "identity")
	r := c.look(c.open(input))
	clock.set(berlin(t, "2026-03-07 10:00"))
	if a := c.Ask(t, c.token(access.Handler), `mutation($i: PauseClockInput!) { pauseClock(input: $i) { userErrors { code } } }`,
		map[string]any{"i": map[string]any{"requestId": r.ID}}); len(a.Errors) == 0 {
		t.Fatalf("a pause without a reason: %s", a.Body)
	}
	c.do(access.Handler, "pauseClock", "PauseClockInput", map[string]any{"requestId": r.ID, "reason": "IDENTITY_DOUBT"})
	if got := c.look(r.CaseNumber); got.State != "IDENTITY_PENDING" || !got.told("IDENTITY_REQUEST") {
		t.Fatalf("asked for an identity: %s", got)
	}
	clock.set(berlin(t, "2026-03-17 10:00"))
	c.do(access.Handler, "verifyIdentity", "VerifyIdentityInput", map[string]any{"requestId": r.ID, "method": "DOCUMENT"})
	// 5 April and ten days is Wednesday, 15 April.
	if got := c.look(r.CaseNumber); got.PausedDays != 10 || got.DueOn != "2026-04-15" || got.DueUnpausedOn != "2026-04-07" {
		t.Errorf("paused %d days, due %s, without the pause %s", got.PausedDays, got.DueOn, got.DueUnpausedOn)
	}
}

func TestScenario36_OpenerDecidesNothing(t *testing.T) {
	t.Parallel()
	c := found(t, []member{{ref: "orders", how: mute()}})
	both := c.tokenOf("both", access.Handler, access.Approver)
	var out struct {
		OpenRequest struct{ Request struct{ CaseNumber string } }
	}
	c.QueryAs(t, both, `mutation($i: OpenRequestInput!) { openRequest(input: $i) { request { caseNumber } } }`, map[string]any{"i": erasureOf(person(1))}, &out)
	number := out.OpenRequest.Request.CaseNumber
	c.counts("orders")
	r := c.reach(number, "PLANNED")
	self := func(mutation, input string, with map[string]any) {
		t.Helper()
		with["requestId"] = r.ID
		if errs := c.tryAs(both, mutation, input, with); len(errs) != 1 || errs[0].Code != "APPROVER_IS_REQUESTER" {
			t.Errorf("%s by its opener: %+v", mutation, errs)
		}
	}
	self("approvePlan", "ApprovePlanInput", map[string]any{"digest": r.Plan.Digest})
	self("refuseRequest", "RefuseRequestInput", map[string]any{"ground": "EXCESSIVE"})
	c.approve(r)
	failed := result(c.awaits("orders", "erase"), 1, "failed", needsPerson)
	c.expect(c.says("orders", failed), "recorded NEEDS_PERSON")
	r = c.blocks(number, "TASK_STOPPED")
	self("closePartially", "RequestInput", map[string]any{})
	self("resolveBlock", "RequestInput", map[string]any{})
	if got := c.look(number); got.State != "BLOCKED" {
		t.Fatalf("refused, and yet %s", got)
	}
	tried := c.trail(r, "request.approval_refused")
	if len(tried) != 4 || tried[0].Actor.Name != "The both" || tried[0].Code != "APPROVER_IS_REQUESTER" {
		t.Errorf("the audit log has %+v, want four refusals", tried)
	}
	c.act(access.Approver, "closePartially", r)
	c.closes(number, "PARTIALLY_FULFILLED")
}

func TestScenario37_CatalogChangedSincePreview(t *testing.T) {
	t.Parallel()
	c := found(t, []member{{ref: "orders"}})
	r := c.planned(person(1))
	c.enlist(member{ref: "newsletter"})
	with := map[string]any{"requestId": r.ID, "digest": r.Plan.Digest}
	c.refused("PLAN_STALE", access.Approver, "approvePlan", "ApprovePlanInput", with)
	fresh := c.look(r.CaseNumber)
	if fresh.State != "PLANNED" || fresh.Plan.Number != 2 || fresh.Plan.Digest == r.Plan.Digest || len(fresh.Plan.Nodes.Nodes) != 2 {
		t.Fatalf("the new plan: %+v", fresh.Plan)
	}
	if n := c.effects("orders", "erase"); n != 0 || len(fresh.of("orders", "ERASE")) != 0 {
		t.Error("the old plan was carried out")
	}
	c.refused("PLAN_STALE", access.Approver, "approvePlan", "ApprovePlanInput", with)
	c.approve(fresh)
	c.closes(r.CaseNumber, "FULFILLED")
	if n := c.effects("newsletter", "erase"); n != 1 {
		t.Errorf("newsletter erased %d times", n)
	}
}
