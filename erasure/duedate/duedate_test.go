package duedate_test

import (
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"
	_ "time/tzdata"

	"github.com/flowmart/lethe/erasure/duedate"
	"github.com/flowmart/lethe/internal/fault"
)

// TestVectors are nine receipts counted by hand after Regulation 1182/71 with
// the holidays of the whole of Germany.
func TestVectors(t *testing.T) {
	t.Parallel()
	de := open(t, "DE")
	for _, v := range []struct{ received, raw1, due1, raw3, due3, why string }{
		{"2026-01-05", "2026-02-05", "2026-02-05", "2026-04-05", "2026-04-07", "Easter Sunday and Monday"},
		{"2026-01-31", "2026-02-28", "2026-03-02", "2026-04-30", "2026-04-30", "clamped to February, a Saturday; three months run from receipt, not from 28 February"},
		{"2024-01-31", "2024-02-29", "2024-02-29", "2024-04-30", "2024-04-30", "a leap year"},
		{"2026-03-05", "2026-04-05", "2026-04-07", "2026-06-05", "2026-06-05", "Easter"},
		{"2026-04-01", "2026-05-01", "2026-05-04", "2026-07-01", "2026-07-01", "the first of May and a weekend"},
		{"2026-08-31", "2026-09-30", "2026-09-30", "2026-11-30", "2026-11-30", "clamped to the last day, twice"},
		{"2026-11-25", "2026-12-25", "2026-12-28", "2027-02-25", "2027-02-25", "Christmas, then a weekend"},
		{"2026-11-30", "2026-12-30", "2026-12-30", "2027-02-28", "2027-03-01", "clamped to February, a Sunday"},
		{"2026-12-01", "2027-01-01", "2027-01-04", "2027-03-01", "2027-03-01", "New Year's Day and a weekend"},
	} {
		one, three := de.Due(noon(v.received), time.UTC, duedate.OneMonth, 0), de.Due(noon(v.received), time.UTC, duedate.ThreeMonths, 0)
		got := []string{iso(one.RawOn), iso(one.On), iso(three.RawOn), iso(three.On)}
		if want := []string{v.raw1, v.due1, v.raw3, v.due3}; !slices.Equal(got, want) {
			t.Errorf("received %s (%s): got %v, want %v", v.received, v.why, got, want)
		}
		if !one.UnpausedOn.Equal(one.On) || !one.Reviewed {
			t.Errorf("received %s: unpaused %s, reviewed %v", v.received, iso(one.UnpausedOn), one.Reviewed)
		}
	}
}

func TestReceiptDayIsTheControllers(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	de := open(t, "DE")
	// 23:30 UTC on 31 January is 1 February in Berlin; 1 March 2026 is a Sunday.
	d := de.Due(time.Date(2026, 1, 31, 23, 30, 0, 0, time.UTC), berlin, 1, 0)
	if iso(d.ReceivedOn) != "2026-02-01" || iso(d.RawOn) != "2026-03-01" || iso(d.On) != "2026-03-02" {
		t.Errorf("received %s, raw %s, due %s", iso(d.ReceivedOn), iso(d.RawOn), iso(d.On))
	}
	// The last moment of a due date, on the day the clocks go forward.
	if got := duedate.End(date("2026-03-29"), berlin).UTC(); !got.Equal(time.Date(2026, 3, 29, 22, 0, 0, 0, time.UTC)) {
		t.Errorf("29 March 2026 ends in Berlin at %s", got)
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	// Asked on day 2, answered on day 12: ten days. 5 April + 10 = 15 April.
	d := open(t, "DE").Due(noon("2026-03-05"), time.UTC, 1, 10)
	if iso(d.On) != "2026-04-15" || iso(d.UnpausedOn) != "2026-04-07" || iso(d.RawOn) != "2026-04-05" {
		t.Errorf("due %s, unpaused %s, raw %s", iso(d.On), iso(d.UnpausedOn), iso(d.RawOn))
	}
	if none := open(t, "DE").Due(noon("2026-03-05"), nil, 1, -3); iso(none.On) != "2026-04-07" {
		t.Errorf("a negative pause must count as none, got %s", iso(none.On))
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	got := open(t, "DE-BY").Due(noon("2026-03-05"), time.UTC, 1, 0).Steps
	want := []string{
		"Received on Thursday 5 March 2026, counted where the controller is (UTC).",
		"1 month later, the day of the same date is Sunday 5 April 2026 (Art. 3(2)(c)).",
		"Sunday 5 April 2026 is a Sunday, so the period goes on to the next day (Regulation 1182/71, Art. 3(4)).",
		"Monday 6 April 2026 is a public holiday in Bayern (Germany) (Ostermontag), so the period goes on to the next day (Regulation 1182/71, Art. 3(4)).",
		"Due until the end of Tuesday 7 April 2026.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("steps:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	clamped := strings.Join(open(t, "DE").Due(noon("2026-01-31"), time.UTC, 1, 5).Steps, "\n")
	for _, words := range []string{"there is no day 31", "stood still for 5 days", "Without the pause it would have been due on Monday 2 March 2026"} {
		if !strings.Contains(clamped, words) {
			t.Errorf("steps do not say %q:\n%s", words, clamped)
		}
	}
}

// TestChanges are holidays that came, went or moved between 2023 and 2031;
// each file under calendars names the act.
func TestChanges(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		place, day string
		free       bool
	}{
		{"DK", "2023-05-05", true}, {"DK", "2024-04-26", false}, // Store bededag
		{"PL", "2024-12-24", false}, {"PL", "2025-12-24", true}, // Wigilia
		{"RO", "2023-01-06", false}, {"RO", "2026-01-06", true}, {"RO", "2027-01-07", true}, // Boboteaza, Sfântul Ion
		{"SK", "2023-09-01", true}, {"SK", "2025-09-01", false}, // Deň Ústavy
		{"SK", "2025-05-08", true}, {"SK", "2026-05-08", false}, {"SK", "2028-05-08", true}, // one year only
		{"SK", "2023-11-17", true}, {"SK", "2025-11-17", false}, // Deň boja za slobodu
		{"IT", "2025-10-03", false}, {"IT", "2027-10-04", true}, // San Francesco
		{"IE", "2023-02-06", true}, {"IE", "2030-02-01", true}, {"IE", "2030-02-04", false}, // Saint Brigid's Day
		{"LU", "2025-05-09", true},                                                          // Journée de l'Europe
		{"GR", "2024-05-01", false}, {"GR", "2024-05-07", true}, {"GR", "2025-05-01", true}, // moved from Holy Wednesday
		{"BG", "2023-12-27", true}, {"BG", "2026-12-28", true}, {"BG", "2027-05-04", true}, {"BG", "2024-05-07", false}, // чл. 154, ал. 2
		{"BG", "2025-12-31", true}, {"BG", "2026-01-02", true}, {"BG", "2027-12-31", false}, // the euro
		{"LV", "2023-05-29", true}, {"LV", "2024-05-06", true}, {"LV", "2028-07-10", true}, {"LV", "2028-11-20", true},
		{"SI", "2023-08-14", true}, {"SI", "2024-08-14", false}, // dan solidarnosti
		{"SE", "2026-06-19", true}, {"FI", "2026-06-19", true}, {"FI", "2026-12-24", true}, // eves of the north
		{"NL", "2026-05-05", true}, {"NL", "2026-04-03", true},
		{"DE", "2026-06-04", false}, {"DE-BY", "2026-06-04", true}, // Fronleichnam
		{"DE-BE", "2025-05-08", true}, {"DE-BE", "2026-05-08", false}, {"DE", "2025-05-08", false},
		{"DE-SN", "2026-11-18", true}, {"DE-MV", "2023-03-08", true},
		{"FR", "2026-04-03", false}, {"FR-57", "2026-04-03", true},
		{"GR", "2026-04-10", true}, {"CY", "2026-04-13", true}, {"RO", "2026-06-01", true}, // Orthodox Easter is 12 April 2026
		{"GR", "2026-04-03", false}, {"CY", "2026-04-06", false},
	} {
		if got := open(t, v.place).WorkingDay(date(v.day)); got == v.free {
			t.Errorf("%s %s: working day = %v", v.place, v.day, got)
		}
	}
}

// TestProperties: a due date is a working day, never before the end of the
// period, never more than ten days after it; a later receipt is never due
// earlier; a pause never shortens.
func TestProperties(t *testing.T) {
	t.Parallel()
	places := duedate.Countries()
	for _, code := range duedate.Countries() {
		for _, region := range duedate.Regions(code) {
			places = append(places, code+"-"+region)
		}
	}
	holds := func(place, day, minute uint16, long bool, pause uint8) bool {
		cal := open(t, places[int(place)%len(places)])
		months := duedate.OneMonth
		if long {
			months = duedate.ThreeMonths
		}
		received := date("2023-01-01").AddDate(0, 0, int(day)%3200).Add(time.Duration(minute) * time.Minute)
		d := cal.Due(received, time.UTC, months, int(pause))
		next := cal.Due(received.AddDate(0, 0, 1), time.UTC, months, int(pause))
		return !d.UnpausedOn.Before(d.RawOn) && !d.UnpausedOn.After(d.RawOn.AddDate(0, 0, 10)) &&
			cal.WorkingDay(d.On) && cal.WorkingDay(d.UnpausedOn) &&
			!d.On.Before(d.RawOn.AddDate(0, 0, int(pause))) && !d.On.After(d.RawOn.AddDate(0, 0, int(pause)+10)) &&
			!next.On.Before(d.On) && len(d.Steps) >= 3
	}
	if err := quick.Check(holds, &quick.Config{MaxCount: 20_000}); err != nil {
		t.Error(err)
	}
}

func TestUnknownPlaces(t *testing.T) {
	t.Parallel()
	for _, v := range []struct{ country, region, code, says string }{
		{"DEE", "", "UNKNOWN_COUNTRY", `did you mean "DE"?`},
		{"", "", "UNKNOWN_COUNTRY", "two letters"},
		{"US", "", "UNKNOWN_COUNTRY", "two letters"},
		{"DE", "DE-BYY", "UNKNOWN_REGION", `did you mean "BY"?`},
		{"AT", "AT-9", "UNKNOWN_REGION", "leave the region empty"},
	} {
		_, err := duedate.For(v.country, v.region)
		if faults := fault.All(err); len(faults) != 1 || faults[0].Code != v.code || !strings.Contains(err.Error(), v.says) {
			t.Errorf("For(%q, %q) = %v; want %s, %q", v.country, v.region, err, v.code, v.says)
		}
	}
	for _, v := range []struct{ country, region, id string }{
		{"DE", "", "DE"}, {"de", "by", "DE-BY"}, {" DE ", "DE-BY", "DE-BY"}, {"EL", "", "GR"},
	} {
		cal, err := duedate.For(v.country, v.region)
		if err != nil || cal.ID() != v.id || !strings.HasPrefix(cal.Version(), v.id+"@") {
			t.Errorf("For(%q, %q) = %q, %v", v.country, v.region, cal.Version(), err)
		}
	}
}

// TestCalendars: the 27 member states, each day with a name and a source, and
// a year whose holidays nobody reviewed is marked as such.
func TestCalendars(t *testing.T) {
	t.Parallel()
	if got := len(duedate.Countries()); got != 27 {
		t.Errorf("%d member states", got)
	}
	for _, code := range duedate.Countries() {
		cal := open(t, code)
		for year := duedate.FirstReviewed; year <= duedate.LastReviewed; year++ {
			days := cal.Holidays(year)
			if len(days) < 9 {
				t.Errorf("%s has %d holidays in %d", code, len(days), year)
			}
			for _, h := range days {
				if h.Name == "" || h.Source == "" || h.Day.Year() != year {
					t.Errorf("%s: %+v", code, h)
				}
			}
		}
	}
	if d := open(t, "DE").Due(noon("2031-12-15"), time.UTC, 1, 0); d.Reviewed || !strings.Contains(strings.Join(d.Steps, " "), "reviewed for 2023 to 2031") {
		t.Errorf("a date in 2032 must say that its holidays were not reviewed: %v", d.Steps)
	}
}

func BenchmarkDue(b *testing.B) {
	cal, err := duedate.For("DE", "BY")
	if err != nil {
		b.Fatal(err)
	}
	received := noon("2026-03-05")
	b.ReportAllocs()
	for b.Loop() {
		cal.Due(received, time.UTC, duedate.OneMonth, 0)
	}
}

func date(iso string) time.Time {
	d, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		panic(err)
	}
	return d
}

func noon(iso string) time.Time { return date(iso).Add(12 * time.Hour) }

func iso(day time.Time) string { return day.Format(time.DateOnly) }
