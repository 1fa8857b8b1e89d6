package erasure

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/erasure/notice"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// RecordNotice records that a notice was sent. A failed attempt is recorded by
// RecordNoticeFailure; neither changes the state of the request.
func (s *Requests) RecordNotice(ctx context.Context, by access.Principal, id uuid.UUID, sentOn time.Time, channel notice.Channel) (n notice.Notice, err error) {
	if err := by.Require(access.Handler); err != nil {
		return n, err
	}
	if !slices.Contains(notice.Channels, channel) {
		return n, fault.Bad("channel", "UNKNOWN_CHANNEL", "the channel is one of %s", notice.Channels)
	}
	err = postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		if n, err = notice.Sent(ctx, tx, by, id, sentOn, channel); err != nil {
			return err
		}
		return s.notLater(ctx, tx, n)
	})
	return n, err
}

// notLater refuses a day that has not come where the controller is.
func (s *Requests) notLater(ctx context.Context, db postgres.DB, n notice.Notice) error {
	r, err := RequestByID(ctx, db, n.RequestID)
	if err != nil {
		return err
	}
	today, _, err := s.today(ctx, db, r)
	if err == nil && n.SentOn.After(today) {
		err = fault.Bad("sentOn", "IN_THE_FUTURE", "record the notice when it has been sent")
	}
	return err
}

// RecordNoticeFailure counts an attempt to send a notice that failed. What was
// erased stays erased and what is closed stays closed; only the notice is open.
func (s *Requests) RecordNoticeFailure(ctx context.Context, by access.Principal, id uuid.UUID) (n notice.Notice, err error) {
	if err := by.Require(access.Handler); err != nil {
		return n, err
	}
	err = postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		n, err = notice.Failed(ctx, tx, by, id)
		return err
	})
	return n, err
}

// owe notes what the data subject must be told, now or with the journal.
func owe(ctx context.Context, db postgres.DB, request uuid.UUID, kind notice.Kind, dueOn time.Time) error {
	n := notice.Duty{Request: request, Kind: kind, On: dueOn}
	if j, ok := db.(*journal); ok {
		j.notices = append(j.notices, n)
		return nil
	}
	return notice.Insert(ctx, db, []notice.Duty{n})
}
