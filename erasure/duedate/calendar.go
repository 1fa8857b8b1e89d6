package duedate

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flowmart/lethe/internal/fault"
)

// FirstReviewed and LastReviewed bound the years whose public holidays were
// compared with the law of each member state. Other years follow the rules as
// they stood then.
const (
	FirstReviewed = 2023
	LastReviewed  = 2031
)

//go:embed calendars/*.txt
var files embed.FS

// Calendar is the working days of a member state or of a region in it. The
// zero value knows weekends only; For makes a real one. It is safe for
// concurrent use.
type Calendar struct {
	id    string // "DE", "DE-BY"
	place string // "Germany", "Bayern (Germany)"
	sum   string // of the data it stands on
	rules []rule
	years *sync.Map // int → map[time.Time]Holiday
}

// Holiday is a day that the law of a member state takes out of the working
// days.
type Holiday struct {
	Day    time.Time // civil
	Name   string    // in the language of the country
	Source string    // the act that makes it one
}

// For returns the calendar of a member state by its ISO 3166-1 code ("DE";
// "EL" is understood as Greece), and of a region in it by its ISO 3166-2 code,
// with or without the country's ("DE-BY", "BY"). An empty region stands for
// the days that hold in the whole country. An unknown country or region is a
// fault that names the nearest known one.
func For(country, region string) (Calendar, error) {
	all := states()
	code := strings.ToUpper(strings.TrimSpace(country))
	if code == "EL" {
		code = "GR"
	}
	s, ok := all[code]
	if !ok {
		return Calendar{}, fault.Bad("country", "UNKNOWN_COUNTRY", "%s",
			fault.Suggest(fmt.Sprintf("no holiday calendar for country %q; give the two letters of a member state", country), code, Countries()))
	}
	part := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(region)), code+"-")
	if part == "" {
		return s.calendar(""), nil
	}
	if _, ok := s.regions[part]; !ok {
		return Calendar{}, fault.Bad("region", "UNKNOWN_REGION", "%s", s.suggest(region, part))
	}
	return s.calendar(part), nil
}

// Countries lists the codes of the member states, sorted.
func Countries() []string { return slices.Sorted(maps.Keys(states())) }

// Regions lists the codes of the regions of a country that have days of their
// own here, sorted; nil if there are none.
func Regions(country string) []string {
	s, ok := states()[strings.ToUpper(country)]
	if !ok {
		return nil
	}
	return s.regionCodes()
}

// ID is the code of the calendar: "DE", "DE-BY".
func (c Calendar) ID() string { return c.id }

// Version names the calendar and the data it stands on, for evidence: the code
// and the first half of a digest of the data.
func (c Calendar) Version() string { return c.id + "@" + c.sum }

// Reviewed reports whether the public holidays of day's year were reviewed.
func (c Calendar) Reviewed(day time.Time) bool {
	return day.Year() >= FirstReviewed && day.Year() <= LastReviewed
}

// WorkingDay reports whether a civil date is neither a weekend nor a public
// holiday (Regulation 1182/71, Art. 2(2)).
func (c Calendar) WorkingDay(day time.Time) bool { return c.idle(day) == "" }

// Holiday returns the public holiday of a civil date, if it is one.
func (c Calendar) Holiday(day time.Time) (Holiday, bool) {
	h, ok := c.year(day.Year())[day]
	return h, ok
}

// Holidays lists the public holidays of a year, in order.
func (c Calendar) Holidays(year int) []Holiday {
	return slices.SortedFunc(maps.Values(c.year(year)), func(a, b Holiday) int { return a.Day.Compare(b.Day) })
}

// year works a year's holidays out once.
func (c Calendar) year(year int) map[time.Time]Holiday {
	if c.years == nil {
		return nil
	}
	if known, ok := c.years.Load(year); ok {
		return known.(map[time.Time]Holiday)
	}
	days := holidays(c.rules, year)
	c.years.Store(year, days)
	return days
}

// holidays applies every rule to a year, then gives a working day to those
// holidays of the year that the weekend has swallowed, where the law does.
func holidays(rules []rule, year int) map[time.Time]Holiday {
	days := map[time.Time]Holiday{}
	var swallowed []Holiday
	for _, r := range rules {
		day, ok := r.in(year)
		if !ok {
			continue
		}
		h := Holiday{Day: day, Name: r.name, Source: r.source}
		if _, taken := days[day]; !taken {
			days[day] = h
		}
		if r.next && weekend(day) {
			swallowed = append(swallowed, h)
		}
	}
	slices.SortFunc(swallowed, func(a, b Holiday) int { return a.Day.Compare(b.Day) })
	for _, h := range swallowed {
		h.Name += ", in place of " + h.Day.Format("Monday 2 January")
		for h.Day = h.Day.AddDate(0, 0, 1); weekend(h.Day) || taken(days, h.Day); {
			h.Day = h.Day.AddDate(0, 0, 1)
		}
		days[h.Day] = h
	}
	return days
}

func taken(days map[time.Time]Holiday, day time.Time) bool { _, ok := days[day]; return ok }

// states reads the embedded data once. The data is part of the program and a
// test reads all of it, so a mistake in it is the program's own.
var states = sync.OnceValue(func() map[string]state {
	all := map[string]state{}
	entries, _ := files.ReadDir("calendars")
	for _, e := range entries {
		text, err := files.ReadFile("calendars/" + e.Name())
		if err != nil {
			panic(err)
		}
		s, err := parse(string(text))
		if err != nil {
			panic(fmt.Sprintf("duedate: calendars/%s: %v", e.Name(), err))
		}
		s.build(fmt.Sprintf("%x", sha256.Sum256(text))[:32])
		all[s.code] = s
	}
	return all
})
