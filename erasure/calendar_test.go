package erasure_test

import (
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/internal/fault"
)

// A controller may be older than the rule that its country's holidays must be
// known. Its requests are refused, not given a date that nobody has computed
// (Reg. 1182/71 counts by the holidays of a member state).
func TestControllerWithoutACalendar(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	open := s.planned(erasure.Erasure)
	rows := func() int { return s.count(`SELECT count(*) FROM erasure_request`) }
	before := rows()
	if _, err := s.db.Exec(s.ctx, `UPDATE catalog_controller SET country = 'US' WHERE ref = 'flowmart-de'`); err != nil {
		t.Fatal(err)
	}
	_, err := s.requests.Open(s.ctx, s.handler, erasure.Opening{Kind: erasure.Access, Controller: "flowmart-de", Identity: ptr(erasure.AccountLogin),
		Identifiers: []subject.Identifier{{Type: "email", Value: "nobody@example.org"}}})
	refused(t, err, "NO_CALENDAR", "controller")
	if after := rows(); after != before {
		t.Errorf("%d requests, want %d", after, before)
	}
	// Nor is a date that stands replaced by one.
	_, err = s.requests.ExtendDeadline(s.ctx, s.handler, open.ID, erasure.Complexity, day(s.now()), "EMAIL")
	refused(t, err, "NO_CALENDAR", "controller")
	if now := s.get(open.ID); !now.DueOn.Equal(open.DueOn) || now.ExtendedOn != nil {
		t.Errorf("due on %s, extended %v; want %s as before", now.DueOn, now.ExtendedOn, open.DueOn)
	}
}

// day is the date of a moment where the controller is, which counts its days: late
// in the evening of UTC it is the next one.
func day(t time.Time) time.Time {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	y, m, d := t.In(berlin).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// refused checks that an act was refused by one fault.
func refused(t *testing.T, err error, code, path string) {
	t.Helper()
	all := fault.All(err)
	if len(all) != 1 || all[0].Code != code || len(all[0].Path) != 1 || all[0].Path[0] != path {
		t.Errorf("%v, want %s at %s", err, code, path)
	}
}
