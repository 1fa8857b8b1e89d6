// Package notice holds what data subjects must be told of their requests, and
// when they were. Lethe sends nothing itself.
package notice

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Kind is what the data subject must be told.
type Kind string

// The notices.
const (
	Receipt         Kind = "RECEIPT"
	IdentityRequest Kind = "IDENTITY_REQUEST" // Art. 12(6) GDPR
	Extension       Kind = "EXTENSION"        // Art. 12(3) GDPR, within the first month
	Refusal         Kind = "REFUSAL"          // Art. 12(4) GDPR: reasons, complaint, remedy
	Outcome         Kind = "OUTCOME"
	Merged          Kind = "MERGED"
)

// Channel is how a notice reached the data subject.
type Channel string

// Channels lists the ways to reach a data subject.
var Channels = []Channel{"EMAIL", "LETTER", "PORTAL", "IN_PERSON"}

// Notice is something the data subject must be told, and when they were. The
// text lives in the controller's correspondence, not here.
type Notice struct {
	ID         uuid.UUID
	RequestID  uuid.UUID
	Kind       Kind
	DueOn      time.Time
	SentOn     *time.Time
	Channel    *Channel
	RecordedBy *uuid.UUID
	Attempt    int // how often sending failed
}

// columns are those of a Notice.
const columns = `id, request_id, kind, due_on, sent_on, channel, recorded_by, attempt`

// Of lists the notices of several requests.
func Of(ctx context.Context, db postgres.DB, requests []uuid.UUID) (map[uuid.UUID][]Notice, error) {
	const q = `
		SELECT ` + columns + `
		  FROM erasure_notice
		 WHERE request_id = ANY($1)
		 ORDER BY id`
	rows, err := postgres.Many[Notice](ctx, db, q, requests)
	return postgres.GroupBy(rows, func(n Notice) uuid.UUID { return n.RequestID }), err
}

// ByID finds notices; unknown ids are absent.
func ByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Notice, error) {
	const q = `
		SELECT ` + columns + `
		  FROM erasure_notice
		 WHERE id = ANY($1)
		 ORDER BY id`
	rows, err := postgres.Many[Notice](ctx, db, q, ids)
	found := make(map[uuid.UUID]Notice, len(rows))
	for _, n := range rows {
		found[n.ID] = n
	}
	return found, err
}

// Sent records that a notice was sent.
func Sent(ctx context.Context, db postgres.DB, by access.Principal, id uuid.UUID, on time.Time, channel Channel) (Notice, error) {
	const q = `
		UPDATE erasure_notice SET sent_on = $2, channel = $3, recorded_by = $4
		 WHERE id = $1 AND sent_on IS NULL
		RETURNING ` + columns
	n, err := postgres.One[Notice](ctx, db, q, id, on, channel, by.ID)
	if err != nil {
		return n, notOpen(err)
	}
	return n, audit.Append(ctx, db, audit.Entry{Actor: by.ID, Act: "notice.sent", Entity: n.ID, Request: n.RequestID, Code: string(n.Kind), Day: n.SentOn})
}

// Failed counts an attempt to send a notice that failed.
func Failed(ctx context.Context, db postgres.DB, by access.Principal, id uuid.UUID) (Notice, error) {
	const q = `
		UPDATE erasure_notice SET attempt = attempt + 1
		 WHERE id = $1 AND sent_on IS NULL
		RETURNING ` + columns
	n, err := postgres.One[Notice](ctx, db, q, id)
	if err != nil {
		return n, notOpen(err)
	}
	return n, audit.Append(ctx, db, audit.Entry{Actor: by.ID, Act: "notice.failed", Entity: n.ID, Request: n.RequestID, Code: string(n.Kind), Amounts: map[string]int64{"attempt": int64(n.Attempt)}})
}

// notOpen is the fault of a notice that is not there to be sent.
func notOpen(err error) error {
	if errors.Is(err, postgres.ErrNotFound) {
		return fault.Missing("notice", "no such notice, or it was sent before")
	}
	return err
}

// Duty is something that a data subject must be told.
type Duty struct {
	Request uuid.UUID
	Kind    Kind
	On      time.Time // at the latest
}

// Insert notes what data subjects must be told.
func Insert(ctx context.Context, db postgres.DB, duties []Duty) error {
	const q = `
		INSERT INTO erasure_notice (id, request_id, kind, due_on)
		SELECT n.id, n.request_id, n.kind, n.due_on FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::date[]) AS n (id, request_id, kind, due_on)`
	ids, requests, kinds, dues := make([]uuid.UUID, len(duties)), make([]uuid.UUID, len(duties)), make([]string, len(duties)), make([]time.Time, len(duties))
	for i, n := range duties {
		ids[i], requests[i], kinds[i], dues[i] = uuid.Must(uuid.NewV7()), n.Request, string(n.Kind), n.On
	}
	_, err := db.Exec(ctx, q, ids, requests, kinds, dues)
	return err
}

// InsertSent notes what a data subject has been told already.
func InsertSent(ctx context.Context, db postgres.DB, by access.Principal, request uuid.UUID, kind Kind, sentOn time.Time, channel Channel) error {
	const q = `
		INSERT INTO erasure_notice (id, request_id, kind, due_on, sent_on, channel, recorded_by)
		VALUES ($1, $2, $3, $4, $4, $5, $6)`
	_, err := db.Exec(ctx, q, uuid.Must(uuid.NewV7()), request, kind, sentOn, channel, by.ID)
	return err
}
