package duedate

import (
	"strings"
	"testing"
	"time"
)

// TestEaster: the Western dates are of the ecclesiastical tables, the Orthodox
// ones of the churches' paschalia, in the Gregorian calendar.
func TestEaster(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		year              int
		western, orthodox string
	}{
		{1961, "1961-04-02", "1961-04-09"}, {2000, "2000-04-23", "2000-04-30"}, {2011, "2011-04-24", "2011-04-24"},
		{2024, "2024-03-31", "2024-05-05"}, {2025, "2025-04-20", "2025-04-20"}, {2026, "2026-04-05", "2026-04-12"},
		{2027, "2027-03-28", "2027-05-02"}, {2028, "2028-04-16", "2028-04-16"}, {2029, "2029-04-01", "2029-04-08"},
		{2030, "2030-04-21", "2030-04-28"}, {2031, "2031-04-13", "2031-04-13"}, {2038, "2038-04-25", "2038-04-25"},
	} {
		if got := western(v.year).Format(time.DateOnly); got != v.western {
			t.Errorf("Easter %d = %s, want %s", v.year, got, v.western)
		}
		if got := orthodox(v.year).Format(time.DateOnly); got != v.orthodox {
			t.Errorf("Orthodox Easter %d = %s, want %s", v.year, got, v.orthodox)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for line, says := range map[string]string{
		"13-01 | | | | Nowhere":              "not a day",
		"easter+x | | | | Nowhere":           "number of days",
		"tue@01-01 | | | | Nowhere":          "not a weekday",
		"mon@02-01/xyz | | | | Nowhere":      "not a weekday",
		"01-01 | soon | | | Nowhere":         "years",
		"01-01 | 2020-soon | | | Nowhere":    "years",
		"01-01 | | BY | | Nowhere":           "unknown region",
		"01-01 | | | whenever | Nowhere":     "on a weekend",
		"01-01 | Nowhere":                    "2 fields",
		"01-01 | | | | Nowhere | law | more": "7 fields",
	} {
		if _, err := parse("country | XX | Nowhere\nlaw | none\n" + line); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "line 3") {
			t.Errorf("%q: %v; want line 3 and %q", line, err, says)
		}
	}
}
