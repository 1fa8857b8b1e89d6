package erasure_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/certificate"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// answers answers what is due for a service with one word, whatever is good.
func (s *shop) answers(service, word string, count int64) []answer.Answer {
	s.t.Helper()
	var out []answer.Answer
	for _, d := range s.take(service) {
		a := s.answer(d, word, count)
		s.says(service, a)
		out = append(out, a)
	}
	s.work()
	return out
}

// erased has everybody erase, the sources first, but for one service.
func (s *shop) erased(but string) {
	s.t.Helper()
	for range 3 {
		for _, service := range everybody {
			if service != but {
				s.obey(service)
			}
		}
	}
}

// certified issues the certificate of a request and verifies it as a stranger
// would.
func (s *shop) certified(r erasure.Request) certificate.Statement {
	s.t.Helper()
	_, err := s.log.Seal(s.ctx)
	s.must(err)
	_, err = s.requests.Certify(s.ctx)
	s.must(err)
	if _, err = s.log.Seal(s.ctx); err == nil {
		_, err = s.requests.Certify(s.ctx)
	}
	s.must(err)
	found, err := erasure.CertificatesOf(s.ctx, s.db, ids(r))
	s.must(err)
	st, err := certificate.Verify([]byte(found[r.ID].Body), s.trusted())
	s.must(err)
	return st
}

// docs/states.md: a request is closed in part by an approver and by nobody
// else.
func TestWhatWasLeftWaitsForAnApprover(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.approved(erasure.Erasure)
	s.answers("orders", "PARTIALLY_ERASED", 2)
	s.erased("orders")
	s.pass(time.Minute)
	s.obey(everybody...) // clean probes
	r = s.want(r, erasure.Blocked)
	if *r.Block != erasure.Gaps {
		t.Fatalf("blocked by %s, want GAPS", *r.Block)
	}
	// The service is asked again for what it left.
	left := s.taskOf(r, "orders", task.Erase)
	_, err := s.requests.RetryTask(s.ctx, s.handler, left.Key)
	s.must(err)
	s.want(r, erasure.Verifying)
	s.obey("orders")
	if r = s.want(r, erasure.Closed); *r.Outcome != erasure.FulfilledWithRetention {
		t.Errorf("outcome %s", *r.Outcome)
	}
}

func (s *shop) taskOf(r erasure.Request, service string, action task.Action) task.Task {
	s.t.Helper()
	all, err := task.Of(s.ctx, s.db, ids(r))
	s.must(err)
	for _, task := range all[r.ID] {
		if task.ServiceID == s.services[service].ID && task.Action == action {
			return task
		}
	}
	s.t.Fatalf("%s has no task to %s", service, action)
	return task.Task{}
}

// A service that contradicts itself while the probes are out is asked again by
// a person; nothing closes over its head.
func TestContradictionIsAskedAbout(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.approved(erasure.Erasure)
	said := s.answers("orders", "ERASED", 3)
	s.erased("orders")
	r = s.want(r, erasure.Verifying)
	other := said[0]
	other.Seq++
	other.Outcomes = append([]answer.Dataset(nil), other.Outcomes...)
	other.Outcomes[0].Outcome, other.Outcomes[0].Ground = "RETAINED", ptr("17(3)(b)")
	if v := s.says("orders", other); v[0].Disposition != answer.Conflict {
		t.Fatalf("%+v", v)
	}
	s.pass(time.Minute)
	s.obey(everybody...)
	r = s.want(r, erasure.Blocked)
	if *r.Block != erasure.TaskStopped {
		t.Fatalf("blocked by %s, want TASK_STOPPED", *r.Block)
	}
	s.seq[said[0].Task] = other.Seq
	_, err := s.requests.RetryTask(s.ctx, s.handler, said[0].Task)
	s.must(err)
	s.obey("orders")
	if r = s.want(r, erasure.Closed); *r.Outcome != erasure.FulfilledWithRetention {
		t.Errorf("outcome %s", *r.Outcome)
	}
	if _, err := s.requests.RetryTask(s.ctx, s.handler, said[0].Task); err == nil {
		t.Error("a task of a closed request was asked again")
	}
}

// A contradiction that comes after the closing makes its certificate untrue:
// the request is opened again for a person.
func TestContradictionAfterClosingOpensAgain(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.approved(erasure.Erasure)
	said := s.answers("orders", "ERASED", 3)
	s.erased("orders")
	s.pass(time.Minute)
	s.obey(everybody...)
	r = s.want(r, erasure.Closed)
	other := said[0]
	other.Seq++
	other.Outcomes = append([]answer.Dataset(nil), other.Outcomes...)
	other.Outcomes[0].Outcome = "PARTIALLY_ERASED"
	s.says("orders", other)
	if r = s.want(r, erasure.Planned); r.Reopened != 1 {
		t.Errorf("opened again %d times", r.Reopened)
	}
}

// A service located rows and says that it finds none: that is looked into.
func TestWhoDeniesWhatItCountedIsProbed(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.approved(erasure.Erasure)
	s.answers("orders", "NOT_FOUND", 0)
	s.erased("orders")
	for range 2 {
		s.want(r, erasure.Verifying)
		s.pass(time.Minute)
		s.answers("orders", "PRESENT", 12)
		s.obey("customers", "reviews")
		s.answers("orders", "NOT_FOUND", 0) // asked to erase again, it denies again
	}
	if r = s.want(r, erasure.Blocked); *r.Block != erasure.Residue {
		t.Errorf("blocked by %s, want RESIDUE", *r.Block)
	}
}

// A package that a handler had built before everybody answered closes nothing.
func TestPackageAloneClosesNothing(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.approved(erasure.Access)
	s.answers("orders", "EXPORTED", 3)
	packaged := func() {
		s.must(postgres.Work(s.ctx, s.db, func(tx pgx.Tx) error { return s.requests.Packaged(s.ctx, tx, r.ID) }))
	}
	packaged()
	s.want(r, erasure.Executing)
	s.obey(everybody...)
	packaged()
	if r = s.want(r, erasure.Closed); *r.Outcome != erasure.Fulfilled {
		t.Errorf("outcome %s", *r.Outcome)
	}
}

// What did come is handed over although something was refused.
func TestAccessClosedInPartIsHandedOver(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.approved(erasure.Access)
	for _, d := range s.take("orders") {
		a := s.answer(d, "EXPORTED", 3)
		a.State, a.Code, a.Outcomes = "REFUSED", "LEGAL_HOLD", nil
		s.says("orders", a)
	}
	s.erased("orders")
	s.want(r, erasure.Blocked)
	if n := s.count(`SELECT count(*) FROM river_job WHERE kind = 'erasure.pack'`); n != 0 {
		t.Fatalf("%d packages were ordered before a person decided", n)
	}
	_, err := s.requests.CloseInPart(s.ctx, s.approver, r.ID)
	s.must(err)
	if r = s.want(r, erasure.Closed); *r.Outcome != erasure.PartiallyFulfilled {
		t.Errorf("outcome %s", *r.Outcome)
	}
	if n := s.count(`SELECT count(*) FROM river_job WHERE kind = 'erasure.pack'`); n != 1 {
		t.Errorf("%d packages were ordered, want 1", n)
	}
}

// A service may say long after the cancelling that it had erased. Each time
// what is certified is what is known then.
func TestLateWordAfterCancellingIsCertified(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.approved(erasure.Erasure)
	orders, payments := s.take("orders"), s.take("payments")
	_, err := s.requests.Cancel(s.ctx, s.handler, r.ID)
	s.must(err)
	if st := s.certified(r); st.Outcome != "CANCELLED" || st.Number != 1 {
		t.Fatalf("%s %d", st.Outcome, st.Number)
	}
	s.says("orders", s.answer(orders[0], "ERASED", 3))
	if st := s.certified(r); st.Outcome != "CANCELLED_AFTER_PARTIAL" || st.Number != 2 || outcomes(st)["ERASED"] != 2 {
		t.Errorf("%s %d %v", st.Outcome, st.Number, outcomes(st))
	}
	s.says("payments", s.answer(payments[0], "RETAINED", 3)) // the outcome stays, a node changes
	if st := s.certified(r); st.Outcome != "CANCELLED_AFTER_PARTIAL" || st.Number != 3 || outcomes(st)["RETAINED"] != 1 {
		t.Errorf("%s %d %v", st.Outcome, st.Number, outcomes(st))
	}
}

func outcomes(st certificate.Statement) map[string]int {
	n := map[string]int{}
	for _, node := range st.Nodes {
		n[node.Outcome]++
	}
	return n
}

// Between the closing and its certificate a service may get another name in
// the catalog. What is issued verifies all the same.
func TestCertificateHoldsAfterARename(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.approved(erasure.Erasure)
	s.erased("")
	s.pass(time.Minute)
	s.obey(everybody...)
	r = s.want(r, erasure.Closed)
	if _, err := s.db.Exec(s.ctx, `UPDATE catalog_service SET ref = 'sales' WHERE ref = 'orders'`); err != nil {
		t.Fatal(err)
	}
	if st := s.certified(r); st.Outcome != "FULFILLED_WITH_RETENTION" {
		t.Errorf("%s", st.Outcome)
	}
}

// A service that fails for ten days is called less and less, until once in two
// hours; the pauses are those of docs/flows.md.
func TestFailuresOfDaysAreAskedAboutLessAndLess(t *testing.T) {
	t.Parallel()
	s := furnish(t, erasure.Config{WavePatience: 1000 * time.Hour})
	r := s.approved(erasure.Erasure)
	begun, calls, atOnce := s.now(), 0, 0
	for s.now().Sub(begun) < 10*24*time.Hour {
		for _, d := range s.take("orders") {
			a := s.answer(d, "ERASED", 0)
			a.State, a.Code, a.Retryable, a.Outcomes = "FAILED", "STORAGE_UNAVAILABLE", true, nil
			s.says("orders", a)
			if calls++; s.now().Sub(begun) < time.Hour {
				atOnce++
			}
		}
		next := s.taskOf(r, "orders", task.Erase).NextAt
		s.mu.Lock()
		s.at = next.Add(time.Millisecond)
		s.mu.Unlock()
	}
	// At most 15 minutes for the first 100 rounds, then 1 to 2 hours.
	if most := 105 + 10*24; calls > most || calls < 150 || atOnce < 8 {
		t.Errorf("called %d times in ten days, %d of them in the first hour; want 150 to %d", calls, atOnce, most)
	}
	s.obey("orders")
	if got := s.taskOf(r, "orders", task.Erase).State; got != task.Done {
		t.Errorf("the task is %s", got)
	}
}

// The number of a round has no end that a service could reach.
func TestRoundsGoOnBeyondASmallint(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.approved(erasure.Erasure)
	if _, err := s.db.Exec(s.ctx, `UPDATE erasure_task SET round = $1 WHERE action = 'ERASE' AND state = 'READY'`, math.MaxInt16); err != nil {
		t.Fatal(err)
	}
	for _, d := range s.take("orders") {
		a := s.answer(d, "ERASED", 3)
		partly := a
		partly.Outcomes = a.Outcomes[:1] // and the rest is asked for again
		s.says("orders", partly)
	}
	if got := s.taskOf(r, "orders", task.Erase); got.Round != math.MaxInt16+1 || got.State != task.Ready {
		t.Fatalf("round %d, %s", got.Round, got.State)
	}
	s.pass(3 * time.Hour)
	s.obey("orders")
	if got := s.taskOf(r, "orders", task.Erase).State; got != task.Done {
		t.Errorf("the task is %s", got)
	}
}

// Scenario 47: whoever's lease ran out has no say any more about the task, when
// another holds it.
func TestStaleFenceChangesNothing(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.approved(erasure.Erasure)
	due := func() []queue.Delivery {
		leased, err := s.queue.Due(s.ctx, s.services["orders"].ID, 10)
		s.must(err)
		return leased
	}
	stale := due()
	if len(stale) != 1 || len(due()) != 0 {
		t.Fatal("a leased task was leased again")
	}
	if _, err := s.db.Exec(s.ctx, `UPDATE erasure_task SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL`); err != nil {
		t.Fatal(err)
	}
	fresh := due()
	if len(fresh) != 1 || fresh[0].Fence <= stale[0].Fence {
		t.Fatalf("leased again: %+v", fresh)
	}
	before := s.row(fresh[0].ID)
	s.must(s.queue.Delivered(s.ctx, stale, make([]byte, 32)))
	s.must(s.queue.Undelivered(s.ctx, stale, "UNREACHABLE", time.Hour))
	s.must(s.queue.Release(s.ctx, stale))
	s.must(s.queue.Lost(s.ctx, stale[0]))
	s.must(s.requests.GiveUp(s.ctx, stale[0], task.Refused, "ENDPOINT_GONE"))
	if after := s.row(fresh[0].ID); after != before {
		t.Errorf("a sender without a lease changed the task:\n%s\n%s", before, after)
	}
	s.want(r, erasure.Executing)
	s.must(s.queue.Delivered(s.ctx, fresh, make([]byte, 32)))
	if got := s.taskOf(r, "orders", task.Erase).State; got != task.Sent {
		t.Errorf("the task is %s", got)
	}
}

// row is a task as the database holds it.
func (s *shop) row(task int64) (text string) {
	s.t.Helper()
	s.must(s.db.QueryRow(s.ctx, `SELECT t::text FROM erasure_task t WHERE id = $1`, task).Scan(&text))
	return text
}

// A stop that was meant for a service and stands for nobody would be taken for
// one that holds.
func TestStopForNobody(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	nobody := uuid.New()
	_, err := s.queue.Stop(s.ctx, s.approver, &nobody)
	if f := fault.All(err); len(f) != 1 || f[0].Code != "SERVICE_NOT_FOUND" {
		t.Errorf("%v", err)
	}
	if stops, err := queue.Stops(s.ctx, s.db); err != nil || len(stops) != 0 {
		t.Errorf("%v %v", stops, err)
	}
}

// A service that took a task, or may have, is to be told of its cancelling;
// one that was told, or was never sent it, is not.
func TestWhoIsToldOfACancelling(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.approved(erasure.Erasure)
	sent := s.take("orders")
	working := s.answer(sent[0], "ERASED", 0)
	working.State, working.Outcomes = "WORKING", nil
	s.says("orders", working)
	lost, err := s.queue.Due(s.ctx, s.services["payments"].ID, 10) // and its 202 is lost
	s.must(err)
	_, err = s.requests.Cancel(s.ctx, s.handler, r.ID)
	s.must(err)
	recalled, err := queue.Recalled(s.ctx, s.db, r.ID)
	s.must(err)
	var keys []uuid.UUID
	for _, t := range recalled {
		keys = append(keys, t.Key)
	}
	if len(keys) != 2 || !slices.Contains(keys, sent[0].Key) || !slices.Contains(keys, lost[0].Key) {
		t.Fatalf("%d are to be told, want those that have or may have their task", len(keys))
	}
	for _, t := range recalled {
		s.must(s.queue.Told(s.ctx, t, "", make([]byte, 32)))
	}
	if recalled, err = queue.Recalled(s.ctx, s.db, r.ID); err != nil || len(recalled) != 0 {
		t.Errorf("told, and to be told again: %v %v", recalled, err)
	}
	if n := s.count(`SELECT count(*) FROM audit_entry WHERE act = 'task.recalled' AND request_id = $1`, r.ID); n != 2 {
		t.Errorf("the audit log has %d of 2 messages", n)
	}
}
