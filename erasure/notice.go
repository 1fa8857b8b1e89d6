package erasure

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// NoticeKind is what the data subject must be told.
type NoticeKind string

// The notices.
const (
	NoticeReceipt         NoticeKind = "RECEIPT"
	NoticeIdentityRequest NoticeKind = "IDENTITY_REQUEST" // Art. 12(6) GDPR
	NoticeExtension       NoticeKind = "EXTENSION"        // Art. 12(3) GDPR, within the first month
	NoticeRefusal         NoticeKind = "REFUSAL"          // Art. 12(4) GDPR: reasons, complaint, remedy
	NoticeOutcome         NoticeKind = "OUTCOME"
	NoticeMerged          NoticeKind = "MERGED"
)

// Channel is how a notice reached the data subject.
type Channel string

var channels = []Channel{"EMAIL", "LETTER", "PORTAL", "IN_PERSON"}

// Notice is something the data subject must be told, and when they were. The
// text lives in the controller's correspondence, not here.
type Notice struct {
	ID         uuid.UUID
	RequestID  uuid.UUID
	Kind       NoticeKind
	DueOn      time.Time
	SentOn     *time.Time
	Channel    *Channel
	RecordedBy *uuid.UUID
	Attempt    int // how often sending failed
}

// NoticesOf lists the notices of several requests.
func NoticesOf(ctx context.Context, db postgres.DB, requests []uuid.UUID) (map[uuid.UUID][]Notice, error) {
	const q = `
		SELECT id, request_id, kind, due_on, sent_on, channel, recorded_by, attempt
		  FROM erasure_notice
		 WHERE request_id = ANY($1)
		 ORDER BY id`
	rows, err := postgres.Many[Notice](ctx, db, q, requests)
	return postgres.GroupBy(rows, func(n Notice) uuid.UUID { return n.RequestID }), err
}

// RecordNotice records that a notice was sent. A failed attempt is recorded by
// RecordNoticeFailure; neither changes the state of the request.
func (s *Requests) RecordNotice(ctx context.Context, by access.Principal, notice uuid.UUID, sentOn time.Time, channel Channel) (n Notice, err error) {
	const q = `
		UPDATE erasure_notice SET sent_on = $2, channel = $3, recorded_by = $4
		 WHERE id = $1 AND sent_on IS NULL
		RETURNING id, request_id, kind, due_on, sent_on, channel, recorded_by, attempt`
	if err := by.Require(access.Handler); err != nil {
		return n, err
	}
	if !slices.Contains(channels, channel) {
		return n, fault.Bad("channel", "UNKNOWN_CHANNEL", "the channel is one of %s", channels)
	}
	err = postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		if n, err = postgres.One[Notice](ctx, tx, q, notice, sentOn, channel, by.ID); err != nil {
			return noOpenNotice(err)
		}
		if err := s.notLater(ctx, tx, n); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "notice.sent", Entity: n.ID, Request: n.RequestID, Code: string(n.Kind), Day: n.SentOn})
	})
	return n, err
}

// notLater refuses a day that has not come where the controller is.
func (s *Requests) notLater(ctx context.Context, db postgres.DB, n Notice) error {
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
func (s *Requests) RecordNoticeFailure(ctx context.Context, by access.Principal, notice uuid.UUID) (n Notice, err error) {
	const q = `
		UPDATE erasure_notice SET attempt = attempt + 1
		 WHERE id = $1 AND sent_on IS NULL
		RETURNING id, request_id, kind, due_on, sent_on, channel, recorded_by, attempt`
	if err := by.Require(access.Handler); err != nil {
		return n, err
	}
	err = postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		if n, err = postgres.One[Notice](ctx, tx, q, notice); err != nil {
			return noOpenNotice(err)
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "notice.failed", Entity: n.ID, Request: n.RequestID, Code: string(n.Kind), Amounts: map[string]int64{"attempt": int64(n.Attempt)}})
	})
	return n, err
}

func noOpenNotice(err error) error {
	if errors.Is(err, postgres.ErrNotFound) {
		return fault.Missing("notice", "no such notice, or it was sent before")
	}
	return err
}

func insertNotice(ctx context.Context, db postgres.DB, request uuid.UUID, kind NoticeKind, dueOn time.Time) error {
	n := notice{request, kind, dueOn}
	if j, ok := db.(*journal); ok {
		j.notices = append(j.notices, n)
		return nil
	}
	return insertNotices(ctx, db, []notice{n})
}

func insertSentNotice(ctx context.Context, db postgres.DB, by access.Principal, request uuid.UUID, kind NoticeKind, sentOn time.Time, channel Channel) error {
	const q = `
		INSERT INTO erasure_notice (id, request_id, kind, due_on, sent_on, channel, recorded_by)
		VALUES ($1, $2, $3, $4, $4, $5, $6)`
	_, err := db.Exec(ctx, q, uuid.Must(uuid.NewV7()), request, kind, sentOn, channel, by.ID)
	return err
}
