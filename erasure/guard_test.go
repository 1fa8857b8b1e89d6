package erasure_test

import (
	"testing"
	"time"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/subject"
)

// blocked checks why a request waits for a person.
func (s *shop) blocked(r erasure.Request, why erasure.Block) erasure.Request {
	s.t.Helper()
	r = s.want(r, erasure.Blocked)
	if *r.Block != why {
		s.t.Fatalf("blocked by %s, want %s", *r.Block, why)
	}
	return r
}

// counts answers what is due for a service with a number.
func (s *shop) counts(service string, n int64) {
	s.t.Helper()
	for _, d := range s.take(service) {
		s.says(service, s.answer(d, "PRESENT", n))
	}
	s.work()
}

func (s *shop) lifts(r erasure.Request) {
	s.t.Helper()
	_, err := s.requests.ResolveBlock(s.ctx, s.approver, r.ID)
	s.must(err)
	s.work()
}

// resolves lets the directory answer that the identifiers are of some people.
func (s *shop) resolves(people int) {
	s.t.Helper()
	for _, d := range s.take("customers") {
		a := s.answer(d, "", 0)
		a.Resolved = &answer.Resolution{People: people}
		s.says("customers", a)
	}
	s.work()
}

// Each guard is lifted by itself (design: wrong-person guard). Looking at two
// people says nothing about a count, and a count nothing about the ceiling.
func TestEachGuardIsLiftedByItself(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	s.setCeiling(1)
	other := s.open(erasure.Erasure, subject.Identifier{Type: "customer_id", Value: "c-99"})
	s.resolves(1)
	s.obey(everybody...)
	s.want(other, erasure.Planned) // it uses today's ceiling up

	r := s.open(erasure.Erasure, lena)
	s.resolves(2)
	s.lifts(s.blocked(r, erasure.TwoPeople))
	s.counts("customers", 1)
	s.counts("orders", 101) // one more than usual
	s.counts("payments", 5)
	s.counts("reviews", 5)
	s.lifts(s.blocked(r, erasure.CountUnusual))
	s.lifts(s.blocked(r, erasure.DailyCeiling))
	s.want(r, erasure.Planned)

	// Planned anew, its counts are judged anew; the ceiling was looked at.
	_, err := s.requests.Replan(s.ctx, s.handler, r.ID)
	s.must(err)
	s.resolves(1)
	s.counts("customers", 1)
	s.counts("orders", 4000)
	s.counts("payments", 5)
	s.counts("reviews", 5)
	s.blocked(r, erasure.CountUnusual)
}

func (s *shop) setCeiling(n int) {
	s.t.Helper()
	c, err := catalog.ControllerByRef(s.ctx, s.db, "flowmart-de")
	s.must(err)
	c.DailyCeiling = n
	_, err = s.catalog.DeclareController(s.ctx, s.admin, c)
	s.must(err)
}

// A service that is silent does not get a dataset past the guard that its count
// would not have passed. Once it counts, nobody needs to decide.
func TestUnknownCountWaitsForAPerson(t *testing.T) {
	t.Parallel()
	s := furnish(t, erasure.Config{LocatePatience: time.Minute})
	r := s.open(erasure.Erasure, lena)
	s.obey("customers")
	s.obey("customers", "payments", "reviews")
	silent := s.take("orders") // took it, and says nothing
	s.pass(2 * time.Minute)
	r = s.blocked(r, erasure.CountUnknown)
	if r.PlanNo != 0 {
		t.Error("it was planned without the count")
	}
	for _, d := range silent {
		s.says("orders", s.answer(d, "PRESENT", 3))
	}
	s.work()
	r = s.want(r, erasure.Planned)
	if len(r.Accepted) != 0 {
		t.Errorf("accepted %v by nobody", r.Accepted)
	}
}

// Or an approver looks, and the plan says that the count is not known.
func TestUnknownCountIsAccepted(t *testing.T) {
	t.Parallel()
	s := furnish(t, erasure.Config{LocatePatience: time.Minute})
	r := s.open(erasure.Erasure, lena)
	s.obey("customers")
	s.obey("customers", "payments", "reviews")
	s.pass(2 * time.Minute)
	s.lifts(s.blocked(r, erasure.CountUnknown))
	r = s.want(r, erasure.Planned)
	if len(r.Accepted) != 1 || r.Accepted[0] != erasure.CountUnknown {
		t.Errorf("accepted %v", r.Accepted)
	}
}

// Of a dataset without a usual count silence is only a blank in the plan, and
// an access request erases nothing.
func TestUnknownCountWithoutAUsualOneIsABlank(t *testing.T) {
	t.Parallel()
	s := furnish(t, erasure.Config{LocatePatience: time.Minute})
	r := s.open(erasure.Erasure, lena)
	s.obey("customers")
	s.obey("customers", "orders") // payments and reviews have no usual count
	s.pass(2 * time.Minute)
	s.want(r, erasure.Planned)

	a := s.open(erasure.Access, subject.Identifier{Type: "customer_id", Value: "c-5"})
	s.obey("customers")
	s.pass(2 * time.Minute)
	s.want(a, erasure.Planned)
}

// A directory whose endpoint was changed has to prove its key again. Until then
// nothing goes on with fewer identifiers; what a person disabled is left out.
func TestDirectoryThatCannotBeAskedBlocks(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	svc := s.services["customers"]
	svc.Endpoint = ptr("https://customers-new.flowmart.example")
	svc, err := s.catalog.UpdateService(s.ctx, s.admin, svc)
	s.must(err)
	if svc.State != catalog.Declared {
		t.Fatalf("with another endpoint it is %s", svc.State)
	}
	r := s.blocked(s.open(erasure.Erasure, lena), erasure.ResolveFailed)
	if n := s.count(`SELECT count(*) FROM erasure_task WHERE request_id = $1 AND action <> 'RESOLVE'`, r.ID); n != 0 {
		t.Errorf("%d services were asked with fewer identifiers", n)
	}
	s.lifts(r)
	s.blocked(r, erasure.ResolveFailed) // looking does not help
	s.services["customers"] = s.activate(svc)
	s.lifts(r)
	s.obey("customers")
	s.obey(everybody...)
	s.want(r, erasure.Planned)
}

func TestDirectoryThatWasDisabledIsLeftOut(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	_, err := s.catalog.DisableService(s.ctx, s.admin, s.services["customers"].ID, s.services["customers"].Rev)
	s.must(err)
	r := s.open(erasure.Erasure, lena)
	s.obey("orders", "payments", "reviews")
	s.want(r, erasure.Planned)
}

// Planning anew asks everybody again (docs of replan), under new tasks: a
// service answers the same task from its memory.
func TestReplanAsksAgain(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.planned(erasure.Erasure)
	for n := range 3 {
		_, err := s.requests.Replan(s.ctx, s.handler, r.ID)
		s.must(err)
		s.want(r, erasure.Verified)
		s.obey("customers")
		s.counts("customers", 1)
		s.counts("orders", int64(40+n))
		s.counts("payments", 5)
		s.counts("reviews", 5)
		now := s.want(r, erasure.Planned)
		if now.PlanNo != n+2 {
			t.Fatalf("plan %d", now.PlanNo)
		}
		nodes, err := erasure.NodesOf(s.ctx, s.db, ids(r))
		s.must(err)
		for _, node := range nodes[r.ID] {
			if node.DatasetID == s.datasets["orders/public.order"].ID && (node.Count == nil || *node.Count != int64(40+n)) {
				t.Errorf("plan %d counts %v, want %d", now.PlanNo, node.Count, 40+n)
			}
		}
	}
}
