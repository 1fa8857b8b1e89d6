package duedate_test

import (
	"bufio"
	"compress/gzip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure/duedate"
)

// disagreement is a day on which the oracle and the law differ. Each was
// looked into; the reason says why the calendar here is right, or why the
// earlier date is the safe one.
type disagreement struct {
	country string
	day     string
	reason  string
}

const (
	hungary     = "the oracle counts days of rest that a yearly decree swaps against a Saturday; they are pihenőnap, not munkaszüneti nap (Mt. 102. § (1)), and Saturdays stay out either way (Regulation 1182/71, Art. 2(2))"
	latvia      = "the oracle counts working days that a Cabinet order moves to a Saturday; the law on holidays does not name them"
	netherlands = "Algemene termijnenwet, art. 3 lid 1, names the fifth of May in every year; the oracle has it every five years, when employees are usually given the day off"
	sweden      = "lag (1930:173) om beräkning av lagstadgad tid, 2 §, puts these eves on a level with holidays for periods set by law; the oracle keeps them as customs"
	greece      = "the first of May 2027 is Holy Saturday and a minister may move it; the oracle expects that, no decision has been published, and without one the earlier date is the safe one"
	song        = "the law makes the working day after the closing Sunday of the Song and Dance Celebration a holiday; the oracle does not know the dates of 2028 yet"
)

var disagreements = []disagreement{
	{"HU", "2024-08-19", hungary}, {"HU", "2024-12-24", hungary}, {"HU", "2024-12-27", hungary},
	{"HU", "2025-05-02", hungary}, {"HU", "2025-10-24", hungary}, {"HU", "2025-12-24", hungary},
	{"HU", "2026-01-02", hungary}, {"HU", "2026-08-21", hungary}, {"HU", "2026-12-24", hungary},
	{"LV", "2024-12-23", latvia}, {"LV", "2024-12-30", latvia}, {"LV", "2025-05-02", latvia},
	{"LV", "2025-11-17", latvia}, {"LV", "2026-01-02", latvia}, {"LV", "2026-06-22", latvia},
	{"LV", "2028-07-10", song},
	{"GR", "2027-05-04", greece},
	{"NL", "2026-05-05", netherlands}, {"NL", "2027-05-05", netherlands}, {"NL", "2028-05-05", netherlands},
	{"SE", "2024-06-21", sweden}, {"SE", "2025-06-20", sweden}, {"SE", "2026-06-19", sweden},
	{"SE", "2027-06-25", sweden}, {"SE", "2028-06-23", sweden}, {"SE", "2029-06-22", sweden}, {"SE", "2030-06-21", sweden},
	{"SE", "2024-12-24", sweden}, {"SE", "2025-12-24", sweden}, {"SE", "2026-12-24", sweden},
	{"SE", "2027-12-24", sweden}, {"SE", "2029-12-24", sweden}, {"SE", "2030-12-24", sweden},
	{"SE", "2029-12-31", sweden}, // no period ends on 31 December by itself (November and September have 30 days); only Sunday 30 December rolls onto it
}

// TestOracle compares every receipt day of 2024 to 2030, for every member
// state and region, one month and three, with the dates of oracle/oracle.py,
// which shares no code and no data with this package. Where they differ, the
// difference must be one of the disagreements above: the days that only one of
// the two counts as free must all be listed, and every listed day must make a
// difference.
func TestOracle(t *testing.T) {
	t.Parallel()
	used := map[disagreement]bool{}
	compared := 0
	for _, row := range golden(t) {
		cal := open(t, row.place)
		for i := range row.due {
			day := time.Date(row.year, 1, 1+i, 0, 0, 0, 0, time.UTC)
			got := cal.Due(day, time.UTC, row.months, 0)
			compared++
			if want := row.at(i); !got.On.Equal(want) {
				explain(t, row, cal, got, want, used)
			}
		}
	}
	for _, d := range disagreements {
		if !used[d] {
			t.Errorf("%s %s is listed as a disagreement, but no due date differs by it", d.country, d.day)
		}
	}
	if want := 2557 * 2 * (27 + 16 + 2); compared != want {
		t.Errorf("compared %d due dates, want %d (2,557 days × 2 periods × 45 places)", compared, want)
	}
}

// explain accepts a difference if a listed day lies on the way from the end of
// the period to the later of the two dates.
func explain(t *testing.T, row row, cal duedate.Calendar, got duedate.Due, want time.Time, used map[disagreement]bool) {
	t.Helper()
	country, _, _ := strings.Cut(row.place, "-")
	first, last := got.On, want
	if last.Before(first) {
		first, last = last, first
	}
	explained := false
	for _, d := range disagreements {
		day, _ := time.Parse(time.DateOnly, d.day)
		if d.country == country && !day.Before(first) && day.Before(last) {
			used[d], explained = true, true
		}
	}
	if !explained {
		t.Errorf("%s, %d month(s) from %s: due %s, the oracle says %s; calendar %s", row.place, row.months,
			got.ReceivedOn.Format(time.DateOnly), got.On.Format("Mon "+time.DateOnly), want.Format("Mon "+time.DateOnly), cal.Version())
	}
}

// row is a line of the oracle's file.
type row struct {
	place  string
	months int
	year   int
	due    string
}

// at is the due date of the receipt day with that index in the year; see
// oracle.py for the notation.
func (r row) at(i int) time.Time {
	days := map[int]int{1: 28, 3: 89}[r.months]
	return time.Date(r.year, 1, 1+i+days+strings.IndexByte("0123456789abcdefghijklmnopqrstuvwxyz", r.due[i]), 0, 0, 0, 0, time.UTC)
}

func golden(t *testing.T) (rows []row) {
	t.Helper()
	f, err := os.Open("oracle/due.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(z); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if f[0] == "#" {
			continue
		}
		months, _ := strconv.Atoi(f[1])
		year, _ := strconv.Atoi(f[2])
		rows = append(rows, row{f[0], months, year, f[3]})
	}
	return rows
}

func open(t *testing.T, place string) duedate.Calendar {
	t.Helper()
	country, region, _ := strings.Cut(place, "-")
	cal, err := duedate.For(country, region)
	if err != nil {
		t.Fatal(err)
	}
	return cal
}
