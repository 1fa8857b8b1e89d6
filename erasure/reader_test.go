package erasure_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure"
)

// topic declares a topic of personal data that expires by itself.
func (s *shop) topic(name string) catalog.Dataset {
	s.t.Helper()
	orders := s.services["orders"].ID
	d, err := s.catalog.DeclareDataset(s.ctx, s.admin, catalog.Dataset{Namespace: "kafka://default", Name: name, Kind: "TOPIC", ServiceID: &orders})
	s.must(err)
	_, err = s.catalog.AssertTags(s.ctx, s.admin, []catalog.Tag{{DatasetID: d.ID, Term: "user.contact.email"}})
	s.must(err)
	s.must(catalog.RecordTopic(s.ctx, s.db, "", catalog.Topic{Cluster: "default", Topic: name, Partitions: ptr(1), CleanupPolicy: ptr("delete"),
		RetentionMs: ptr(int64(604800000)), ObservedAt: ptr(s.now())}))
	return d
}

// seen is what the observer writes down of a group.
func (s *shop) seen(group string, d catalog.Dataset, at time.Time) {
	s.t.Helper()
	s.must(catalog.RecordObservedReads(s.ctx, s.db, []catalog.ObservedRead{{Cluster: "default", Group: group, DatasetID: d.ID, LastSeen: at}}))
}

// readers lists how the current plan accounts for readers.
func (s *shop) readers(r erasure.Request) (out []erasure.Node) {
	s.t.Helper()
	nodes, err := erasure.NodesOf(s.ctx, s.db, []uuid.UUID{r.ID})
	s.must(err)
	for _, n := range nodes[r.ID] {
		if n.Reader != nil {
			out = append(out, n)
		}
	}
	return out
}

// A reader that was explained stands in the plan with its explanation, and is
// no gap. The plan is overtaken when it is explained, when the explanation is
// taken back, and when the reader is seen after it; an approver reads each.
func TestAnExplainedReaderStandsInThePlan(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	topic := s.topic("orders.v1")
	now := time.Now()
	s.seen("console-17", topic, now)
	r := s.planned(erasure.Erasure)
	gap := s.readers(r)
	if len(gap) != 1 || gap[0].Kind != erasure.Gap || gap[0].Reason != "UNKNOWN_READER" || gap[0].DismissalID != nil {
		t.Fatalf("unexplained: %+v", gap)
	}
	stale := func(what string) {
		t.Helper()
		_, err := s.requests.Approve(s.ctx, s.approver, r.ID, r.PlanDigest)
		if !errors.Is(err, erasure.ErrPlanStale) {
			t.Errorf("%s: %v, want a plan that was overtaken", what, err)
		}
		r = s.get(r.ID)
	}
	explain := func() catalog.Dismissal {
		t.Helper()
		d, err := s.catalog.DismissReader(s.ctx, s.admin, catalog.Dismissal{Group: "console-17", DatasetID: topic.ID, Reason: "looked once", ValidTo: now.Add(time.Hour)})
		s.must(err)
		return d
	}
	explained := func(what string, d catalog.Dismissal) {
		t.Helper()
		got := s.readers(r)
		if len(got) != 1 || got[0].Kind != erasure.Excluded || got[0].Reason != "READER_EXPLAINED" || got[0].DismissalID == nil || *got[0].DismissalID != d.ID || *got[0].Reader != "console-17" {
			t.Errorf("%s: %+v", what, got)
		}
	}
	first := explain()
	stale("explained")
	explained("explained", first)
	s.must(s.catalog.EndDismissal(s.ctx, s.admin, first.ID))
	stale("taken back")
	if got := s.readers(r); got[0].Kind != erasure.Gap {
		t.Errorf("taken back: %+v", got)
	}
	second := explain()
	stale("explained again")
	explained("explained again", second)
	s.seen("console-17", topic, now.Add(30*time.Minute)) // covered: nothing to read anew
	if err := s.requests.Advance(s.ctx, r.ID); err != nil {
		t.Fatal(err)
	}
	s.seen("console-17", topic, now.Add(time.Hour))
	stale("seen when it was over")
	if got := s.readers(r); got[0].Kind != erasure.Gap || got[0].DismissalID != nil {
		t.Errorf("seen when it was over: %+v", got)
	}
	third, err := s.catalog.DismissReader(s.ctx, s.admin, catalog.Dismissal{Group: "console-17", DatasetID: topic.ID, Reason: "looked once more", ValidTo: now.Add(2 * time.Hour)})
	s.must(err)
	stale("explained anew")
	explained("explained anew", third)
	_, err = s.requests.Approve(s.ctx, s.approver, r.ID, r.PlanDigest)
	s.must(err)
	for range 6 {
		s.obey(everybody...)
		s.pass(2 * time.Second)
	}
	if r = s.want(r, erasure.Closed); *r.Outcome != erasure.FulfilledWithRetention {
		t.Errorf("outcome %s: an explained reader is no gap", *r.Outcome)
	}
}

// A plan is overtaken by a tag that began, or ended, by itself since.
func TestAPlanIsOvertakenByTime(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	attic := s.dataset("orders", "public.attic", catalog.Dataset{})
	s.untag(attic)
	r := s.planned(erasure.Erasure)
	asks := func() bool {
		nodes, err := erasure.NodesOf(s.ctx, s.db, []uuid.UUID{r.ID})
		s.must(err)
		return slices.ContainsFunc(nodes[r.ID], func(n erasure.Node) bool { return n.DatasetID == attic.ID })
	}
	for _, want := range []bool{true, false} {
		tag, soon := catalog.Tag{DatasetID: attic.ID, Term: "user.contact.email"}, time.Now().Add(time.Second)
		if want {
			tag.ValidFrom = soon
		} else {
			tag.ValidTo = &soon
		}
		_, err := s.catalog.AssertTags(s.ctx, s.admin, []catalog.Tag{tag})
		s.must(err)
		s.until("the tag has changed by itself", func() bool {
			return (s.count(`SELECT count(*) FROM catalog_personal WHERE dataset_id = $1`, attic.ID) > 0) == want
		})
		if _, err = s.requests.Approve(s.ctx, s.approver, r.ID, r.PlanDigest); !errors.Is(err, erasure.ErrPlanStale) {
			t.Fatalf("asked about it: %v, want a plan that was overtaken, got %v", want, err)
		}
		if r = s.get(r.ID); r.State == erasure.Blocked {
			t.Fatalf("blocked: %s", *r.Block)
		}
		if asks() != want {
			t.Errorf("the new plan asks about it: %v, want %v", !want, want)
		}
	}
}

// Kafka takes any text for the name of a group, and none of them may keep a
// plan from being made, or bring into a certificate what is no plain name.
func TestAnyNameOfAGroupStandsInAPlan(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	topic := s.topic("orders.v1")
	for _, group := range []string{"team/exporter 1", "erika@example.org", "größe", strings.Repeat("long-", 52)} {
		s.seen(group, topic, time.Now())
	}
	var got []string
	for _, n := range s.readers(s.planned(erasure.Erasure)) {
		got = append(got, *n.Reader)
	}
	want := []string{"erika_example.org", "gr__e", strings.Repeat("long-", 40), "team_exporter_1"}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %q, want %q", got, want)
	}
}
