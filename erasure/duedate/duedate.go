// Package duedate says by which day a data subject must have an answer.
//
// Art. 12(3) GDPR gives one month from receipt, and three in all where the
// period was extended. How a period in months is counted is in Regulation
// (EEC, Euratom) No 1182/71: the day of receipt does not count (Art. 3(1)); the
// period ends with the day of the same date, or with the last day of the month
// where that date does not exist (Art. 3(2)(c)); and if that day is a public
// holiday, a Saturday or a Sunday, with the following working day (Art. 3(4)).
// Public holidays are those that the law of the member state designates
// (Art. 2(1)). Where that is in doubt a day counts as a working day here, so
// that a doubt makes a date earlier and never late.
//
// A civil date is a time.Time at midnight UTC; its clock and its zone mean
// nothing.
package duedate

import (
	"fmt"
	"time"
)

// OneMonth and ThreeMonths are the periods of Art. 12(3) GDPR. Both run from
// receipt: the extension is not counted from the end of the first month.
const (
	OneMonth    = 1
	ThreeMonths = 3
)

// Due is a due date and how it was found. Every date in it is civil.
type Due struct {
	ReceivedOn time.Time // the day of receipt where the controller is
	RawOn      time.Time // the end of the period before holidays and pauses
	On         time.Time // the last day, with the days of the pause
	UnpausedOn time.Time // the last day had the clock not been paused
	Calendar   string    // Calendar.Version: what the dates were found with
	Reviewed   bool      // all holidays that mattered lie in reviewed years
	Steps      []string  // the way from receipt to On in words, one sentence a step
}

// Due counts a period of months from receipt. The day of receipt is that of
// the clock in zone, the controller's; nil stands for UTC. The days of a pause
// (Art. 12(6), as authorities apply it) are added before the end is rolled to
// a working day; a negative number stands for none.
func (c Calendar) Due(received time.Time, zone *time.Location, months, pausedDays int) Due {
	if zone == nil {
		zone = time.UTC
	}
	d := Due{ReceivedOn: Civil(received, zone), Calendar: c.Version()}
	d.RawOn = addMonths(d.ReceivedOn, months)
	d.note("Received on %s, counted where the controller is (%s).", words(d.ReceivedOn), zone)
	d.note("%s", ending(d.ReceivedOn, d.RawOn, months))
	end := d.RawOn
	d.UnpausedOn = c.roll(d.RawOn, nil)
	if pausedDays > 0 {
		end = d.RawOn.AddDate(0, 0, pausedDays)
		d.note("The clock stood still for %s, which makes it %s.", plural(pausedDays, "day"), words(end))
	}
	d.On = c.roll(end, &d)
	d.Reviewed = c.Reviewed(d.RawOn) && c.Reviewed(d.On)
	if !d.Reviewed {
		d.note("The public holidays were reviewed for %d to %d only; look at this date again when that year's are known.", FirstReviewed, LastReviewed)
	}
	d.note("Due until the end of %s.", words(d.On))
	if pausedDays > 0 {
		d.note("Without the pause it would have been due on %s.", words(d.UnpausedOn))
	}
	return d
}

// roll finds the first working day from day on, and tells d why.
func (c Calendar) roll(day time.Time, d *Due) time.Time {
	for {
		why := c.idle(day)
		if why == "" {
			return day
		}
		if d != nil {
			d.note("%s is %s, so the period goes on to the next day (Regulation 1182/71, Art. 3(4)).", words(day), why)
		}
		day = day.AddDate(0, 0, 1)
	}
}

// idle says why day is no working day, or nothing when it is one.
func (c Calendar) idle(day time.Time) string {
	if h, ok := c.Holiday(day); ok {
		return fmt.Sprintf("a public holiday in %s (%s)", c.place, h.Name)
	}
	if weekend(day) {
		return "a " + day.Weekday().String()
	}
	return ""
}

func (d *Due) note(format string, args ...any) {
	d.Steps = append(d.Steps, fmt.Sprintf(format, args...))
}

func ending(received, raw time.Time, months int) string {
	if raw.Day() != received.Day() {
		return fmt.Sprintf("%s later there is no day %d, so the period ends with the last day of that month, %s (Art. 3(2)(c)).",
			plural(months, "month"), received.Day(), words(raw))
	}
	return fmt.Sprintf("%s later, the day of the same date is %s (Art. 3(2)(c)).", plural(months, "month"), words(raw))
}

// Civil is the date of an instant in a zone, as a civil date.
func Civil(at time.Time, zone *time.Location) time.Time {
	y, m, d := at.In(zone).Date()
	return date(y, m, d)
}

// End is the instant at which a civil date is over in a zone: the first that
// is too late.
func End(day time.Time, zone *time.Location) time.Time {
	y, m, d := day.Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, zone)
}

// addMonths is the civil date of the same day so many months later, or the
// last day of that month where the date does not exist in it.
func addMonths(day time.Time, months int) time.Time {
	y, m, d := day.Date()
	last := date(y, m+time.Month(months)+1, 0)
	return date(last.Year(), last.Month(), min(d, last.Day()))
}

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func weekend(day time.Time) bool {
	w := day.Weekday()
	return w == time.Saturday || w == time.Sunday
}

func words(day time.Time) string { return day.Format("Monday 2 January 2006") }

func plural(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}
