package queue

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// Recall is the job of telling services that a task they have taken is
// cancelled. Services may have acted already; it is a courtesy, not a promise.
type Recall struct {
	Request uuid.UUID `json:"request" river:"unique"`
}

// Kind names the job.
func (Recall) Kind() string { return "erasure.recall" }

// RecalledTask is a cancelled task that its service has, or may have, taken.
type RecalledTask struct {
	ID          int64
	Key         uuid.UUID
	RequestID   uuid.UUID
	ServiceID   uuid.UUID
	CaseNumber  string
	Controller  string
	ReceivedOn  time.Time
	DueOn       time.Time
	EraseBefore time.Time
}

// Recalled lists the tasks of a cancelled request that services have, or may
// have, and were not told of. With the key of the request the duty ends.
func Recalled(ctx context.Context, db postgres.DB, request uuid.UUID) ([]RecalledTask, error) {
	const q = `
		SELECT t.id, t.key, t.request_id, t.service_id, r.case_number, c.ref AS controller, r.received_on, r.due_on, r.erase_before
		  FROM erasure_task t
		  JOIN erasure_request r ON r.id = t.request_id
		  JOIN catalog_controller c ON c.id = r.controller_id
		 WHERE t.request_id = $1 AND t.state = 'CANCELLED' AND t.recall_due AND r.key_destroyed_at IS NULL
		 ORDER BY t.id`
	return postgres.Many[RecalledTask](ctx, db, q, request)
}

// Told records that a service was sent the message that cancels a task; code
// says why not, where it will never take one.
func (u *Queue) Told(ctx context.Context, t RecalledTask, code string, message []byte) error {
	const q = `UPDATE erasure_task SET recall_due = false WHERE id = $1 AND recall_due`
	return postgres.Work(ctx, u.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, q, t.ID); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: access.System.ID, Act: "task.recalled", Entity: t.Key, Request: t.RequestID, Code: code, Digest: message})
	})
}
