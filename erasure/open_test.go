package erasure_test

import (
	"errors"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/internal/fault"
)

// The same id and the same content give the request that was opened first; the
// same id with anything else is refused, and nothing is opened. What counts as
// the same is every member of the opening, by docs/graphql.md.
func TestAnOpeningIsRepeatedWhole(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	first := erasure.Opening{Kind: erasure.Erasure, Controller: "flowmart-de", Ground: ptr("17(1)(b)"), ReceivedAt: s.now().Add(-48 * time.Hour),
		Identity: ptr(erasure.AccountLogin), Identifiers: []subject.Identifier{{Type: "customer_id", Value: "c-1"}}, ClientRequestID: "ticket-1"}
	open := func(change func(o *erasure.Opening)) (erasure.Request, error) {
		o := first
		change(&o)
		return s.requests.Open(s.ctx, s.handler, o)
	}
	same := func(*erasure.Opening) {}
	r, err := open(same)
	s.must(err)
	for what, change := range map[string]func(o *erasure.Opening){
		"the same":             same,
		"in another time zone": func(o *erasure.Opening) { o.ReceivedAt = o.ReceivedAt.In(time.FixedZone("", 3600)) },
	} {
		if again, err := open(change); err != nil || again.ID != r.ID {
			t.Errorf("%s: %s, %v", what, again.ID, err)
		}
	}
	for what, change := range map[string]func(o *erasure.Opening){
		"another ground": func(o *erasure.Opening) { o.Ground = ptr("17(1)(a)") },
		"another date":   func(o *erasure.Opening) { o.ReceivedAt = o.ReceivedAt.Add(24 * time.Hour) },
		"no date":        func(o *erasure.Opening) { o.ReceivedAt = time.Time{} },
		"another proof":  func(o *erasure.Opening) { o.Identity = ptr(erasure.Document) },
		"no proof":       func(o *erasure.Opening) { o.Identity = nil },
		"another kind":   func(o *erasure.Opening) { o.Kind, o.Ground = erasure.Access, nil },
		"another person": func(o *erasure.Opening) { o.Identifiers = []subject.Identifier{{Type: "customer_id", Value: "c-2"}} },
		"one identifier more": func(o *erasure.Opening) {
			o.Identifiers = append(o.Identifiers, subject.Identifier{Type: "email", Value: "a@example.org"})
		},
		"the other's as a mix": func(o *erasure.Opening) { o.Identifiers = []subject.Identifier{{Type: "email", Value: "c-1"}} },
	} {
		_, err := open(change)
		if f, ok := errors.AsType[*fault.Fault](err); !ok || f.Code != "IDEMPOTENCY_KEY_REUSED" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if n := s.count(`SELECT count(*) FROM erasure_request`); n != 1 {
		t.Errorf("%d requests, want one", n)
	}

	// Who leaves the receipt out means the moment of the call, and repeats the
	// call later than that.
	first.ClientRequestID, first.ReceivedAt = "ticket-2", time.Time{}
	r, err = open(same)
	s.must(err)
	s.pass(time.Hour)
	if again, err := open(same); err != nil || again.ID != r.ID {
		t.Errorf("without a date, an hour later: %s, %v", again.ID, err)
	}
}
