package duedate

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flowmart/lethe/internal/fault"
)

// state is the data of a member state, as its file under calendars says it.
type state struct {
	code, name, law string
	regions         map[string]string // code → name
	rules           []rule
	calendars       map[string]Calendar // by region; "" is the whole country
}

// rule is a line of the file: a day of each year it holds in.
type rule struct {
	day          func(year int) (time.Time, bool)
	years        []span   // none: every year
	regions      []string // none: the whole country
	next         bool     // on a weekend, the next working day is one too
	name, source string
}

// span is a run of years, both ends in it.
type span struct{ from, to int }

func (r rule) in(year int) (time.Time, bool) {
	holds := func(s span) bool { return year >= s.from && year <= s.to }
	if len(r.years) > 0 && !slices.ContainsFunc(r.years, holds) {
		return time.Time{}, false
	}
	return r.day(year)
}

// build makes the calendars of the country and of its regions; sum is the
// digest of the data.
func (s *state) build(sum string) {
	s.calendars = map[string]Calendar{}
	s.calendars[""] = Calendar{id: s.code, place: s.name, sum: sum, rules: s.of(""), years: &sync.Map{}}
	for code, name := range s.regions {
		place := fmt.Sprintf("%s (%s)", name, s.name)
		s.calendars[code] = Calendar{id: s.code + "-" + code, place: place, sum: sum, rules: s.of(code), years: &sync.Map{}}
	}
}

func (s *state) of(region string) []rule {
	return slices.DeleteFunc(slices.Clone(s.rules), func(r rule) bool {
		return len(r.regions) > 0 && !slices.Contains(r.regions, region)
	})
}

func (s state) calendar(region string) Calendar { return s.calendars[region] }

func (s state) regionCodes() []string { return slices.Sorted(maps.Keys(s.regions)) }

func (s state) suggest(given, part string) string {
	if len(s.regions) == 0 {
		return fmt.Sprintf("no regions are kept for %s; leave the region empty, and the days of the whole country count", s.name)
	}
	return fault.Suggest(fmt.Sprintf("no region %q in %s; leave it empty or give one of %s",
		given, s.name, strings.Join(s.regionCodes(), ", ")), part, s.regionCodes())
}

// parse reads the file of a member state: fields between bars, a line of law
// for the days that name no source of their own.
func parse(text string) (state, error) {
	s := state{regions: map[string]string{}}
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		f := strings.Split(line, "|")
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		if err := s.line(f); err != nil {
			return s, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return s, nil
}

func (s *state) line(f []string) error {
	switch {
	case f[0] == "country" && len(f) == 3:
		s.code, s.name = f[1], f[2]
	case f[0] == "law" && len(f) == 2:
		s.law = f[1]
	case f[0] == "region" && len(f) == 3:
		s.regions[f[1]] = f[2]
	case len(f) == 5 || len(f) == 6:
		r, err := s.rule(append(f, s.law))
		if err != nil {
			return err
		}
		s.rules = append(s.rules, r)
	default:
		return fmt.Errorf("%d fields; want: when, years, region, on a weekend, name, and the source where it has its own", len(f))
	}
	return nil
}

func (s *state) rule(f []string) (r rule, err error) {
	if r.day, err = when(f[0]); err != nil {
		return r, err
	}
	if r.years, err = spans(f[1]); err != nil {
		return r, err
	}
	r.regions, r.next, r.name, r.source = strings.Fields(f[2]), f[3] == "next", f[4], f[5]
	for _, code := range r.regions {
		if s.regions[code] == "" {
			return r, fmt.Errorf("unknown region %q", code)
		}
	}
	if f[3] != "" && !r.next {
		return r, fmt.Errorf("on a weekend: %q is not known; want next or nothing", f[3])
	}
	return r, nil
}

// spans reads "2019-", "-2023 2025-", "2024".
func spans(text string) (out []span, err error) {
	for _, word := range strings.Fields(text) {
		from, to, open := strings.Cut(word, "-")
		s := span{from: 0, to: math.MaxInt}
		if from != "" {
			if s.from, err = strconv.Atoi(from); err != nil {
				return nil, fmt.Errorf("years %q: want 2019-, -2023 or 2024", word)
			}
		}
		if !open {
			to = from
		}
		if to != "" {
			if s.to, err = strconv.Atoi(to); err != nil {
				return nil, fmt.Errorf("years %q: want 2019-, -2023 or 2024", word)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

var weekdays = map[string]time.Weekday{
	"mon": time.Monday, "wed": time.Wednesday, "fri": time.Friday, "sat": time.Saturday, "sun": time.Sunday,
}

// when reads the day of a rule:
//
//	12-25          the same date each year
//	2028-06-17     one day, once
//	easter+39      days from Easter Sunday of the Western churches
//	pascha-2       days from Easter Sunday of the Orthodox churches
//	mon@10-25      the first such weekday from that date on
//	mon@02-01/fri  the same, but the date itself where it is the other weekday
func when(text string) (func(int) (time.Time, bool), error) {
	if rest, ok := strings.CutPrefix(text, "easter"); ok {
		return feast(rest, western)
	}
	if rest, ok := strings.CutPrefix(text, "pascha"); ok {
		return feast(rest, orthodox)
	}
	if weekday, rest, ok := strings.Cut(text, "@"); ok {
		return onOrAfter(weekday, rest)
	}
	if once, err := time.Parse("2006-01-02", text); err == nil {
		return func(year int) (time.Time, bool) { return once, once.Year() == year }, nil
	}
	fixed, err := time.Parse("01-02", text)
	if err != nil {
		return nil, fmt.Errorf("when: %q is not a day", text)
	}
	return func(year int) (time.Time, bool) { return date(year, fixed.Month(), fixed.Day()), true }, nil
}

func feast(offset string, easter func(int) time.Time) (func(int) (time.Time, bool), error) {
	days := 0
	if offset != "" {
		var err error
		if days, err = strconv.Atoi(offset); err != nil {
			return nil, fmt.Errorf("when: %q is not a number of days", offset)
		}
	}
	return func(year int) (time.Time, bool) { return easter(year).AddDate(0, 0, days), true }, nil
}

func onOrAfter(weekday, rest string) (func(int) (time.Time, bool), error) {
	from, unless, _ := strings.Cut(rest, "/")
	first, err := time.Parse("01-02", from)
	want, known := weekdays[weekday]
	except, other := weekdays[unless]
	if err != nil || !known || (unless != "" && !other) {
		return nil, fmt.Errorf("when: %q is not a weekday and a date", weekday+"@"+rest)
	}
	return func(year int) (time.Time, bool) {
		day := date(year, first.Month(), first.Day())
		if other && day.Weekday() == except {
			return day, true
		}
		return day.AddDate(0, 0, int(want-day.Weekday()+7)%7), true
	}, nil
}

// western is Easter Sunday in the Gregorian calendar, by the algorithm of
// Meeus, Jones and Butcher (Meeus, Astronomical Algorithms, chapter 8).
func western(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 19*l) / 433
	month := (h + l - 7*m + 90) / 25
	return date(year, time.Month(month), (h+l-7*m+33*month+19)%32)
}

// orthodox is Easter Sunday of the Julian calendar (Meeus, the same chapter),
// told in the Gregorian one: 13 days later from 1900 to 2099.
func orthodox(year int) time.Time {
	d := (19*(year%19) + 15) % 30
	e := (2*(year%4) + 4*(year%7) - d + 34) % 7
	return date(year, time.Month((d+e+114)/31), (d+e+114)%31+1).AddDate(0, 0, 13)
}
