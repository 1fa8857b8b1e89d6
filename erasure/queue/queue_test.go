package queue

import (
	"slices"
	"testing"
	"time"
)

// Expected values: reliability reference §3, "back-off with jitter until the
// due date and then daily". The pauses double from two seconds, are capped at
// a quarter of an hour, later at two hours, and each is drawn from the upper
// half of its ceiling, so that what failed together does not return together.
func TestBackOffGrowsToACapWithJitter(t *testing.T) {
	t.Parallel()
	due := time.Date(2026, 4, 7, 0, 0, 0, 0, time.UTC)
	before, lastMoment, after := due.AddDate(0, 0, -20), due.AddDate(0, 0, 1), due.AddDate(0, 0, 1).Add(time.Second)
	for _, c := range []struct {
		what    string
		attempt int
		now     time.Time
		ceiling time.Duration
		jitter  bool
	}{
		{"first", 1, before, 2 * time.Second, true},
		{"second", 2, before, 4 * time.Second, true},
		{"fifth", 5, before, 32 * time.Second, true},
		{"ninth", 9, before, 512 * time.Second, true},
		{"tenth would be 17 minutes", 10, before, 15 * time.Minute, true},
		{"twelfth", 12, before, 15 * time.Minute, true},
		{"a day of attempts", 100, before, 15 * time.Minute, true},
		{"after a day", 101, before, 2 * time.Hour, true},
		{"attempts that would overflow a shift", 100000, before, 2 * time.Hour, true},
		{"on the due date", 500, lastMoment, 2 * time.Hour, true},
		{"after the due date", 500, after, 24 * time.Hour, false},
		{"after the due date, first", 1, after, 24 * time.Hour, false},
	} {
		var drawn []time.Duration
		for range 2000 {
			drawn = append(drawn, BackOff(c.attempt, due, c.now))
		}
		low, high := slices.Min(drawn), slices.Max(drawn)
		if !c.jitter {
			if low != c.ceiling || high != c.ceiling {
				t.Errorf("%s: %s to %s, want %s", c.what, low, high, c.ceiling)
			}
			continue
		}
		if low < c.ceiling/2 || high > c.ceiling {
			t.Errorf("%s: %s to %s, want within %s and %s", c.what, low, high, c.ceiling/2, c.ceiling)
		}
		// Of 2000 draws some lie in the lowest and some in the highest tenth of the range.
		if low > c.ceiling*55/100 || high < c.ceiling*95/100 {
			t.Errorf("%s: only %s to %s of %s to %s is used", c.what, low, high, c.ceiling/2, c.ceiling)
		}
	}
}
