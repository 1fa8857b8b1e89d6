package erasure_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/notice"
	"github.com/flowmart/lethe/erasure/subject"
)

var (
	lena  = subject.Identifier{Type: "customer_id", Value: "c-1"}
	guest = subject.Identifier{Type: "customer_id", Value: "guest-7q2m"} // the directory does not know it
	mail  = subject.Identifier{Type: "email", Value: "lena@example.org"} // of c-1, as the directory says
)

// knows is what is sealed of the person of a request.
func (s *shop) knows(r erasure.Request) (values []string) {
	s.t.Helper()
	found, err := subject.Of(s.ctx, s.db, s.vault, []uuid.UUID{r.ID})
	s.must(err)
	for _, id := range found[r.ID] {
		values = append(values, id.Value)
	}
	return values
}

// second opens another erasure of the same person that knows one identifier
// more, and lets the directory answer.
func (s *shop) second(receivedAt time.Time) erasure.Request {
	s.t.Helper()
	r, err := s.requests.Open(s.ctx, s.handler, erasure.Opening{Kind: erasure.Erasure, Controller: "flowmart-de", Ground: ptr("17(1)(b)"),
		Identifiers: []subject.Identifier{guest, mail}, Identity: ptr(erasure.KnownAddress), ReceivedAt: receivedAt})
	s.must(err)
	s.work()
	s.obey("customers")
	return s.get(r.ID)
}

// Scenario 14 of the acceptance list: both requests are one from then on, with
// everything that either knows, and each keeps its day of receipt.
func TestMergeKeepsWhatEitherKnows(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	first := s.planned(erasure.Erasure)
	s.pass(time.Hour)
	second := s.want(s.second(s.now().AddDate(0, 0, -10)), erasure.Merged)
	if *second.MergedInto != first.ID {
		t.Fatalf("merged into %s", second.MergedInto)
	}
	now := s.want(first, erasure.Verified) // planned anew: everybody must be asked about the guest
	if !now.DueOn.Equal(second.DueOn) || !now.ReceivedOn.Equal(first.ReceivedOn) {
		t.Errorf("due %s, want %s", now.DueOn, second.DueOn)
	}
	if !now.EraseBefore.Equal(second.EraseBefore) {
		t.Errorf("erases what came before %s, want the later of both, %s", now.EraseBefore, second.EraseBefore)
	}
	s.obey("customers")
	s.obey(everybody...)
	now = s.want(first, erasure.Planned)
	if got := s.knows(now); !slices.Contains(got, guest.Value) || !slices.Contains(got, lena.Value) {
		t.Errorf("the survivor knows %v", got)
	}
	if _, err := s.requests.Approve(s.ctx, s.approver, first.ID, first.PlanDigest); err == nil {
		t.Error("the plan that was read before the merge could be approved")
	}
	r, err := s.requests.Approve(s.ctx, s.approver, now.ID, now.PlanDigest)
	s.must(err)
	for range 3 {
		s.obey(everybody...)
	}
	s.pass(time.Minute)
	s.obey(everybody...)
	s.want(r, erasure.Closed)
	told, err := notice.Of(s.ctx, s.db, ids(first, second))
	s.must(err)
	for _, about := range []erasure.Request{first, second} {
		if !slices.ContainsFunc(told[about.ID], func(n notice.Notice) bool {
			return n.Kind == notice.Outcome && n.DueOn.Equal(s.get(about.ID).DueOn)
		}) {
			t.Errorf("%s is not told the outcome: %+v", about.CaseNumber, told[about.ID])
		}
	}
}

// A later computation of the dates does not forget the second request
// (Art. 12(3) GDPR: a month from each receipt; the notice of an extension
// reaches the person once and counts for both).
func TestMergedDueDateOutlivesOtherChanges(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	first := s.planned(erasure.Erasure)
	second := s.want(s.second(s.now().AddDate(0, 0, -10)), erasure.Merged)
	s.obey("customers")
	s.obey(everybody...)
	s.want(first, erasure.Planned)
	_, err := s.requests.PauseClock(s.ctx, s.handler, first.ID, erasure.Clarification)
	s.must(err)
	s.pass(72 * time.Hour)
	r, err := s.requests.ResumeClock(s.ctx, s.handler, first.ID)
	s.must(err)
	if !r.DueOn.Equal(second.DueOn) {
		t.Errorf("after a pause it is due %s, want %s", r.DueOn, second.DueOn)
	}
	r, err = s.requests.ExtendDeadline(s.ctx, s.handler, first.ID, erasure.Complexity, second.ReceivedOn.AddDate(0, 0, 11), "EMAIL")
	s.must(err)
	both := s.get(second.ID)
	if both.ExtensionReason == nil || !both.DueOn.After(second.DueOn) || !r.DueOn.Equal(both.DueOn) {
		t.Errorf("after the extension it is due %s, the second %s", r.DueOn, both.DueOn)
	}
	told, err := notice.Of(s.ctx, s.db, ids(second))
	s.must(err)
	if !slices.ContainsFunc(told[second.ID], func(n notice.Notice) bool { return n.Kind == notice.Extension }) {
		t.Errorf("the second is not told of the extension: %+v", told[second.ID])
	}
}

// What is being carried out was approved as it was read, and reaches up to its
// own receipt: a second request is worked beside it.
func TestSecondRequestRunsBesideOneThatIsCarriedOut(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	first := s.approved(erasure.Erasure)
	s.pass(time.Hour)
	second := s.second(s.now())
	s.obey(everybody...)
	s.want(second, erasure.Planned)
	if got := s.want(first, erasure.Executing); !got.EraseBefore.Equal(first.EraseBefore) || !got.DueOn.Equal(first.DueOn) {
		t.Errorf("the first was changed: %+v", got)
	}
}

// Two that are prepared at the same time become one, whoever comes first, and
// nobody waits for the other for ever.
func TestTwoAtOnceBecomeOne(t *testing.T) {
	t.Parallel()
	for n := range 4 {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			twoAtOnce(t)
		})
	}
}

func twoAtOnce(t *testing.T) {
	t.Helper()
	s := furnish(t, confNow)
	a := s.open(erasure.Erasure, lena)
	b := s.open(erasure.Erasure, guest, mail)
	for _, d := range s.take("customers") { // both are resolved, and nobody has taken them on yet
		a := s.answer(d, "", 0)
		a.Resolved = &answer.Resolution{People: 1, Identifiers: []subject.Identifier{mail, lena}}
		s.says("customers", a)
	}
	var all sync.WaitGroup
	for range 4 {
		for _, r := range []erasure.Request{a, b} {
			all.Go(func() {
				if err := s.requests.Advance(s.ctx, r.ID); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	s.work()
	for range 3 {
		s.obey(everybody...)
	}
	one, other := s.get(a.ID), s.get(b.ID)
	if (one.State == erasure.Merged) == (other.State == erasure.Merged) {
		t.Fatalf("%s and %s", one.State, other.State)
	}
	if one.State == erasure.Merged {
		one = other
	}
	if got := s.knows(s.want(one, erasure.Planned)); !slices.Contains(got, guest.Value) || !slices.Contains(got, lena.Value) {
		t.Errorf("it knows %v", got)
	}
}
