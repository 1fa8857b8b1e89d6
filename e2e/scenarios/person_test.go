package scenarios_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/server/servertest"
)

// six are the identifiers of S in dsr.md §11.
var six = []protocol.Identifier{
	{Type: "customer_id", Value: "C-001042"}, {Type: "email", Value: gretasMail}, {Type: "email_alias", Value: "greta.v@alias.example"},
	{Type: "phone", Value: "+49 30 5550 1042"}, {Type: "loyalty_no", Value: "LOY-88231-X"}, {Type: "guest_order_ref", Value: "GUEST-7Q2M-19"},
}

const sixTypes = "customer_id, email, email_alias, phone, loyalty_no, guest_order_ref"

// known turns identifiers into what opens a request.
func known(ids ...protocol.Identifier) (all []map[string]any) {
	for _, id := range ids {
		all = append(all, map[string]any{"type": id.Type, "value": id.Value})
	}
	return all
}

// directory is the service that knows who is who.
func directory(people int, how ...erasuretest.Option) member {
	return member{ref: "customers", types: sixTypes, resolves: sixTypes, how: append(how, erasuretest.Resolves(people, six...))}
}

func TestScenario11_EachServiceItsOwnIdentifiers(t *testing.T) {
	t.Parallel()
	toSupport, toInvoices := &wire{}, &wire{}
	c := found(t, []member{
		directory(1), {ref: "orders", types: "customer_id, guest_order_ref"}, {ref: "loyalty", types: "loyalty_no"},
		{ref: "support", types: "email, email_alias, phone", front: toSupport.front},
		{ref: "invoices", types: "customer_id, email", sealed: true, front: toInvoices.front},
	})
	r := c.approved(known(six[:4]...)) // two are found by the directory alone
	c.closes(r.CaseNumber, "FULFILLED")
	for ref, want := range map[string][]string{
		"customers": {"customer_id", "email", "email_alias", "guest_order_ref", "loyalty_no", "phone"},
		"orders":    {"customer_id", "guest_order_ref"}, "loyalty": {"loyalty_no"},
		"support": {"email", "email_alias", "phone"}, "invoices": {"customer_id", "email"},
	} {
		var got []string
		for _, id := range c.awaits(ref, protocol.Erase).Identifiers {
			got = append(got, id.Type)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s got %v, want %v", ref, got, want)
		}
	}
	for _, id := range []protocol.Identifier{six[0], six[4], six[5]} {
		if bytes.Contains(toSupport.all(), []byte(id.Value)) {
			t.Errorf("support, which does not know people by %s, was told it", id.Type)
		}
	}
	if needlesOf(six[0].Value, six[1].Value).in(string(toInvoices.all())) {
		t.Error("what goes to invoices is not sealed")
	}
	first := c.services["customers"].Tasks()[0]
	if first.Action != protocol.Resolve {
		t.Errorf("the directory was first asked to %s", first.Action)
	}
}

func TestScenario12_DirectoryDoesNotAnswer(t *testing.T) {
	t.Parallel()
	c := found(t, []member{directory(1), {ref: "orders"}}, servertest.With("locate_patience", "2000h"))
	c.services["customers"].Down()
	number := c.open(erasureOf(known(six[0])))
	c.when(number, "the directory unreachable", func(r request) bool {
		return len(r.of("customers", "RESOLVE")) == 1 && r.of("customers", "RESOLVE")[0].code() == "UNREACHABLE"
	})
	c.clock.advance(40 * 24 * time.Hour)
	ticks := c.ticks()
	c.until("the clock to look again", func() bool { return c.ticks() > ticks+3 })
	if r := c.look(number); r.State != "VERIFIED" || r.Plan != nil || len(c.services["orders"].Tasks()) != 0 {
		t.Fatalf("it went on with fewer identifiers: %s", r)
	}
	c.services["customers"].Up()
	c.clock.advance(24 * time.Hour)
	c.approve(c.reach(number, "PLANNED"))
	c.closes(number, "FULFILLED")
}

func TestScenario12_DirectoryRefuses(t *testing.T) {
	t.Parallel()
	c := found(t, []member{directory(1, erasuretest.Refuses(protocol.NeedsPerson)), {ref: "orders"}})
	r := c.blocks(c.open(erasureOf(known(six[0]))), "RESOLVE_FAILED")
	if r.Plan != nil || len(c.services["orders"].Tasks()) != 0 {
		t.Errorf("it went on although the directory refused: %s", r)
	}
}

func TestScenario13_IdentifiersOutliveTheDirectory(t *testing.T) {
	t.Parallel()
	c := found(t, []member{directory(1), {ref: "loyalty", types: "loyalty_no", how: mute()}})
	number := c.open(erasureOf(known(six[0])))
	c.counts("loyalty")
	c.approve(c.reach(number, "PLANNED"))
	erase := c.awaits("loyalty", protocol.Erase)
	c.expect(c.says("loyalty", result(erase, 1, protocol.Failed, func(r *protocol.Result) { r.Code = protocol.StorageUnavailable })), "recorded STORAGE_UNAVAILABLE")
	r := c.blocks(number, "TASK_STOPPED")
	if r.erases("customers").State != "DONE" {
		t.Fatalf("the directory has not erased: %s", r)
	}
	c.clock.advance(5 * 24 * time.Hour)
	c.do(access.Handler, "retryTask", "RetryTaskInput", map[string]any{"taskId": r.erases("loyalty").ID})
	c.services["loyalty"].Until("asked again", func() bool { return c.services["loyalty"].Deliveries(erase.Task) == 2 })
	again := c.awaits("loyalty", protocol.Erase)
	if len(again.Identifiers) != 1 || again.Identifiers[0] != six[4] {
		t.Fatalf("after the directory forgot, loyalty was asked about %v", again.Identifiers)
	}
	c.expect(c.says("loyalty", result(erase, 2, protocol.Done)), "recorded")
	c.clean("loyalty")
	c.closes(number, "FULFILLED")
}

func TestScenario14_SecondRequestOfTheSamePerson(t *testing.T) {
	t.Parallel()
	c := found(t, []member{directory(1), {ref: "orders", types: "customer_id, guest_order_ref"}, {ref: "invoices"}})
	first := c.planned(known(six[0]))
	// Another name of the same person, with an order as a guest that the
	// directory knows nothing of, by a letter that came before.
	guest := protocol.Identifier{Type: "guest_order_ref", Value: "GUEST-0000-77"}
	letter := erasureOf(known(six[2], guest))
	letter["receivedAt"] = c.clock.now().AddDate(0, 0, -10).Format(time.RFC3339)
	second := c.reach(c.open(letter), "MERGED")
	if second.MergedInto == nil || second.MergedInto.CaseNumber != first.CaseNumber {
		t.Fatalf("merged into %v, want %s", second.MergedInto, first.CaseNumber)
	}
	if second.ReceivedOn >= first.ReceivedOn || second.DueOn >= first.DueOn {
		t.Errorf("the second keeps its own day of receipt: %s, due %s", second.ReceivedOn, second.DueOn)
	}
	// Everybody is asked again, with what both know.
	after := c.when(first.CaseNumber, "its new plan", func(r request) bool { return r.State == "PLANNED" && r.Plan.Number > first.Plan.Number })
	if after.DueOn != second.DueOn || after.ReceivedOn != first.ReceivedOn {
		t.Errorf("the earliest due date governs: %s, want %s", after.DueOn, second.DueOn)
	}
	if !second.told("MERGED") {
		t.Errorf("the second is told that it goes on together: %+v", second.Notices)
	}
	// What was read before is stale.
	c.refused("PLAN_STALE", access.Approver, "approvePlan", "ApprovePlanInput", map[string]any{"requestId": first.ID, "digest": first.Plan.Digest})
	c.approve(after)
	done := c.closes(first.CaseNumber, "FULFILLED")
	if !done.told("OUTCOME") {
		t.Errorf("the first is told what was done: %+v", done.Notices)
	}
	if second = c.look(second.CaseNumber); !second.told("OUTCOME") {
		t.Errorf("the second is told what was done: %+v", second.Notices)
	}
	if n := c.effects("orders", protocol.Erase); n != 1 {
		t.Errorf("orders erased %d times", n)
	}
	for _, action := range []protocol.Action{protocol.Erase, protocol.Probe} {
		if asked := c.awaits("orders", action); !slices.Contains(asked.Identifiers, guest) || !slices.Contains(asked.Identifiers, six[0]) {
			t.Errorf("orders was asked to %s %v, want what the second request alone knew, too", action, asked.Identifiers)
		}
	}
}

func TestScenario14_SecondRequestDuringTheWork(t *testing.T) {
	t.Parallel()
	c := found(t, shop(nil, nil))
	first := c.planned(person(1))
	c.services["orders"].Down()
	c.approve(first)
	c.when(first.CaseNumber, "loyalty done", func(r request) bool { return r.erases("loyalty").State == "DONE" })
	c.services["orders"].Up()
	second := c.planned(person(1)) // what was collected since is asked about, too
	if now := c.look(first.CaseNumber); second.CaseNumber == first.CaseNumber || now.State != "EXECUTING" || now.Outcome != nil {
		t.Errorf("%s was planned while %s; each goes its own way", second.CaseNumber, now)
	}
	if second.EraseBefore <= first.EraseBefore {
		t.Errorf("the second erases what came before %s, the first before %s", second.EraseBefore, first.EraseBefore)
	}
	c.approve(second)
	c.clock.advance(24 * time.Hour) // orders is tried again
	for _, r := range []request{first, second} {
		if done := c.reach(r.CaseNumber, "CLOSED"); !done.told("OUTCOME") {
			t.Errorf("%s is not told the outcome: %+v", r.CaseNumber, done.Notices)
		}
	}
	if n := c.effects("loyalty", protocol.Erase); n != 2 {
		t.Errorf("loyalty was asked %d times to erase, want once for each request", n)
	}
}

// told reports whether something is noted to be told to the data subject.
func (r request) told(kind string) bool {
	return slices.ContainsFunc(r.Notices, func(n notice) bool { return n.Kind == kind })
}

func TestScenario15_SomebodyElseFilesFirst(t *testing.T) {
	t.Parallel()
	c := found(t, []member{{ref: "orders"}})
	attack := erasureOf(person(1))
	delete(attack, "identity")
	theirs := c.open(attack)
	r := c.approved(person(1))
	c.closes(r.CaseNumber, "FULFILLED")
	if got := c.look(theirs); got.State != "RECEIVED" || got.Plan != nil || len(got.Tasks.Nodes) != 0 {
		t.Errorf("the request without an identity learned something: %s", got)
	}
}

func TestScenario16_AccessBeforeErasure(t *testing.T) {
	t.Parallel()
	c := found(t, shop(nil, nil))
	accessing := c.reach(c.open(accessOf(person(1))), "PLANNED")
	erasing := c.approved(person(1))
	ticks := c.ticks()
	c.until("the clock to look again", func() bool { return c.ticks() > ticks+3 })
	if got := c.look(erasing.CaseNumber); got.State != "EXECUTING" || got.erases("orders").State != "WAITING" || c.effects("orders", protocol.Erase) != 0 {
		t.Fatalf("what must still be handed over is being erased: %s", got)
	}
	c.approve(accessing)
	c.closes(accessing.CaseNumber, "FULFILLED")
	c.closes(erasing.CaseNumber, "FULFILLED")
	var order []protocol.Action
	for _, e := range c.services["orders"].Effects() {
		if e.Action == protocol.Export || e.Action == protocol.Erase {
			order = append(order, e.Action)
		}
	}
	if !slices.Equal(order, []protocol.Action{protocol.Export, protocol.Erase}) {
		t.Errorf("orders did %v", order)
	}
}

func TestGuardTwoPeople(t *testing.T) {
	t.Parallel()
	c := found(t, []member{directory(2), {ref: "orders"}})
	number := c.open(erasureOf(known(six[0])))
	r := c.blocks(number, "TWO_PEOPLE")
	if len(c.services["orders"].Tasks()) != 0 {
		t.Error("somebody was asked about two people")
	}
	c.resolvesBlock(r)
	r = c.reach(number, "PLANNED")
	c.approve(r)
	c.closes(number, "FULFILLED")
	for _, asked := range c.services["orders"].Tasks() {
		if len(asked.Identifiers) != 1 || asked.Identifiers[0] != six[0] {
			t.Errorf("the identifiers of two people were mixed: %v", asked.Identifiers)
		}
	}
}

// resolvesBlock has an approver let a request go on, after everybody who may
// not has tried.
func (c *company) resolvesBlock(r request) {
	c.t.Helper()
	c.refused("ROLE_REQUIRED", access.Handler, "resolveBlock", "RequestInput", map[string]any{"requestId": r.ID})
	c.act(access.Approver, "resolveBlock", r)
}

func TestGuardCountFarAboveUsual(t *testing.T) {
	t.Parallel()
	c := found(t, []member{{ref: "orders", extra: "        usual_max: 5\n", how: []erasuretest.Option{erasuretest.Holds(6)}}, {ref: "loyalty", extra: "        usual_max: 3\n"}})
	number := c.open(erasureOf(person(1)))
	r := c.blocks(number, "COUNT_UNUSUAL")
	if r.Plan != nil || c.effects("orders", protocol.Erase) != 0 {
		t.Errorf("it has gone on: %s", r)
	}
	c.resolvesBlock(r)
	c.approve(c.reach(number, "PLANNED"))
	c.closes(number, "FULFILLED")
}

func TestGuardDailyCeiling(t *testing.T) {
	t.Parallel()
	c := found(t, []member{{ref: "orders"}})
	c.ceiling = 2
	c.importCatalog()
	for n := range 2 {
		c.planned(person(n))
	}
	third := c.blocks(c.open(erasureOf(person(3))), "DAILY_CEILING")
	c.resolvesBlock(third)
	c.reach(third.CaseNumber, "PLANNED")
	c.clock.advance(24 * time.Hour) // tomorrow has a ceiling of its own
	c.planned(person(4))
}
