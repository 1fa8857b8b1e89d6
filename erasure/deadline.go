package erasure

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure/notice"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// day is the civil day of t in a zone, as midnight UTC.
func day(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// today is the civil day of the controller of r.
func (s *Requests) today(ctx context.Context, db postgres.DB, r Request) (time.Time, catalog.Controller, error) {
	found, err := catalog.ControllersByID(ctx, db, []uuid.UUID{r.ControllerID})
	if err != nil {
		return time.Time{}, catalog.Controller{}, err
	}
	c := found[r.ControllerID]
	today, err := s.todayAt(c)
	return today, c, err
}

// todayAt is the day it is where a controller is.
func (s *Requests) todayAt(c catalog.Controller) (time.Time, error) {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return time.Time{}, err
	}
	return day(s.now(), zone), nil
}

// ExtendDeadline extends the due date to three months from the receipt. The law
// wants the data subject told within the first month, with the reason (Art.
// 12(3) GDPR): sentOn is the day that notice left, by the given channel.
func (s *Requests) ExtendDeadline(ctx context.Context, by access.Principal, request uuid.UUID, why Extension, sentOn time.Time, channel notice.Channel) (Request, error) {
	if err := by.Require(access.Handler, access.Approver); err != nil {
		return Request{}, err
	}
	if why != Complexity && why != NumberOfRequests {
		return Request{}, fault.Bad("reason", "UNKNOWN_REASON", "the law knows two reasons: COMPLEXITY and NUMBER_OF_REQUESTS (Art. 12(3) GDPR)")
	}
	if !slices.Contains(notice.Channels, channel) {
		return Request{}, fault.Bad("channel", "UNKNOWN_CHANNEL", "the channel is one of %s", notice.Channels)
	}
	return s.act(ctx, request, func(tx pgx.Tx, r *Request) error {
		if r.Final() {
			return fault.New(fault.Conflict, "WRONG_STATE", "the request is %s; there is nothing to extend", r.State)
		}
		if r.ExtensionReason != nil {
			return fault.New(fault.Conflict, "ALREADY_EXTENDED", "the due date was extended before; the law allows it once")
		}
		today, controller, err := s.today(ctx, tx, *r)
		if err != nil {
			return err
		}
		switch {
		case today.After(r.DueOn):
			return fault.New(fault.Conflict, "TOO_LATE", "the due date has passed; it can only be extended before")
		case sentOn.After(today):
			return fault.Bad("noticeSentOn", "IN_THE_FUTURE", "record the notice when it has been sent")
		case sentOn.After(r.DueOn), sentOn.Before(r.ReceivedOn):
			return fault.Bad("noticeSentOn", "OUT_OF_RANGE", "the data subject must be told between the receipt and the due date")
		}
		if err := s.extend(ctx, tx, by, r, controller, notified{why, sentOn, channel}); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "request.extended", Entity: r.ID, Request: r.ID, Code: string(why), Day: &r.DueOn})
	})
}

// notified is the reason that the data subject was told, when and how.
type notified struct {
	why     Extension
	sentOn  time.Time
	channel notice.Channel
}

// extend extends r and every request that it carries on: the notice went to the
// same person. One that came after the notice had left is not extended by it.
func (s *Requests) extend(ctx context.Context, tx pgx.Tx, by access.Principal, r *Request, c catalog.Controller, n notified) error {
	ids, err := carried(ctx, tx, *r)
	if err != nil {
		return err
	}
	others, err := lockRequests(ctx, tx, ids)
	if err != nil {
		return err
	}
	for _, o := range inOrder(ids, others) {
		if o.ExtensionReason != nil || n.sentOn.Before(o.ReceivedOn) {
			continue
		}
		if err := s.extendOne(ctx, tx, by, &o, c, n); err != nil {
			return err
		}
	}
	return s.extendOne(ctx, tx, by, r, c, n) // last, for it looks at the others' dates
}

func (s *Requests) extendOne(ctx context.Context, tx pgx.Tx, by access.Principal, r *Request, c catalog.Controller, n notified) error {
	r.ExtensionReason = &n.why
	if err := reschedule(ctx, tx, r, c); err != nil {
		return err
	}
	if err := saveRequest(ctx, tx, *r); err != nil {
		return err
	}
	return notice.InsertSent(ctx, tx, by, r.ID, notice.Extension, n.sentOn, n.channel)
}

// PauseClock stops the clock while the data subject is asked to prove who they
// are (Art. 12(6) GDPR) or what they mean. A reason is always needed.
func (s *Requests) PauseClock(ctx context.Context, by access.Principal, request uuid.UUID, why Pause) (Request, error) {
	if err := by.Require(access.Handler); err != nil {
		return Request{}, err
	}
	if why != IdentityDoubt && why != Clarification {
		return Request{}, fault.Bad("reason", "UNKNOWN_REASON", "the reason is IDENTITY_DOUBT or CLARIFICATION")
	}
	return s.act(ctx, request, func(tx pgx.Tx, r *Request) error {
		if err := r.in(Received, IdentityPending, Verified, Planned, Blocked); err != nil {
			return err
		}
		if r.PausedOn != nil {
			return fault.New(fault.Conflict, "ALREADY_PAUSED", "the clock stands still already")
		}
		today, _, err := s.today(ctx, tx, *r)
		if err != nil {
			return err
		}
		r.PausedOn, r.PauseReason = &today, &why
		if r.State == Received {
			if err := owe(ctx, tx, r.ID, notice.IdentityRequest, r.DueOn); err != nil {
				return err
			}
			return s.move(ctx, tx, by, r, IdentityPending, string(why))
		}
		if err := saveRequest(ctx, tx, *r); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "request.paused", Entity: r.ID, Request: r.ID, Code: string(why)})
	})
}

// ResumeClock lets the clock go on; the days it stood still are added to the
// due date, and the date without them is kept beside it.
func (s *Requests) ResumeClock(ctx context.Context, by access.Principal, request uuid.UUID) (Request, error) {
	if err := by.Require(access.Handler); err != nil {
		return Request{}, err
	}
	return s.act(ctx, request, func(tx pgx.Tx, r *Request) error {
		if r.PausedOn == nil {
			return fault.New(fault.Conflict, "NOT_PAUSED", "the clock is running")
		}
		if err := s.unpause(ctx, tx, r); err != nil {
			return err
		}
		if err := saveRequest(ctx, tx, *r); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "request.resumed", Entity: r.ID, Request: r.ID, Day: &r.DueOn})
	})
}

// unpause ends a pause of r, if there is one, without saving it.
func (s *Requests) unpause(ctx context.Context, db postgres.DB, r *Request) error {
	if r.PausedOn == nil {
		return nil
	}
	today, controller, err := s.today(ctx, db, *r)
	if err != nil {
		return err
	}
	r.PausedDays += int(today.Sub(*r.PausedOn).Hours() / 24)
	r.PausedOn, r.PauseReason = nil, nil
	return reschedule(ctx, db, r, controller)
}
