package export

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// PartState is where a part stands; docs/states.md draws the machine, and the
// database refuses every other step.
type PartState string

// The states of a part.
const (
	Requested   PartState = "REQUESTED" // nothing of it is here, or it was discarded
	Uploading   PartState = "UPLOADING"
	Uploaded    PartState = "UPLOADED"    // whole, and of the digest that was declared
	Accepted    PartState = "ACCEPTED"    // and the signed result of its task declares the same
	Quarantined PartState = "QUARANTINED" // it could not be read when it was packed; Code says why
)

// Part describes a piece of one dataset that a service handed over.
type Part struct {
	ID         uuid.UUID
	TaskID     int64
	RequestID  uuid.UUID
	DatasetID  uuid.UUID
	N          int
	State      PartState
	Bytes      int64  // declared
	SHA256     []byte `db:"sha256"` // declared
	Received   int64  // bytes that are safe in storage
	Progress   []byte // sealed; see progress
	Shape      *shape
	Records    *int64 // counted; once accepted, as declared, -1 where nobody can count
	Longest    *int64 // the longest record, bytes
	Format     *string
	Code       *string
	Holder     *uuid.UUID
	LeaseUntil *time.Time
	UploadedAt *time.Time
	AcceptedAt *time.Time
	RemovedAt  *time.Time
}

var errNoPart = fault.Missing("part", "nothing of this part has arrived")

// PartsOf lists the parts of several requests, by dataset and number.
func PartsOf(ctx context.Context, db postgres.DB, requests []uuid.UUID) (map[uuid.UUID][]Part, error) {
	const q = `
		SELECT id, task_id, request_id, dataset_id, n, state, bytes, sha256, received, progress, shape, records, longest,
		       format, code, holder, lease_until, uploaded_at, accepted_at, removed_at
		  FROM erasure_part
		 WHERE request_id = ANY($1)
		 ORDER BY request_id, dataset_id, n, id`
	rows, err := postgres.Many[Part](ctx, db, q, requests)
	found := map[uuid.UUID][]Part{}
	for _, p := range rows {
		found[p.RequestID] = append(found[p.RequestID], p)
	}
	return found, err
}

// findPart finds a part by its place in a task.
func findPart(ctx context.Context, db postgres.DB, task int64, dataset uuid.UUID, n int) (Part, error) {
	const q = `
		SELECT id, task_id, request_id, dataset_id, n, state, bytes, sha256, received, progress, shape, records, longest,
		       format, code, holder, lease_until, uploaded_at, accepted_at, removed_at
		  FROM erasure_part
		 WHERE task_id = $1 AND dataset_id = $2 AND n = $3`
	p, err := postgres.One[Part](ctx, db, q, task, dataset, n)
	if errors.Is(err, postgres.ErrNotFound) {
		err = errNoPart
	}
	return p, err
}

// ensurePart makes the row of a part that is announced for the first time, and
// holds it until the unit of work ends.
func ensurePart(ctx context.Context, db postgres.DB, t target, u upload) (Part, error) {
	const q = `
		WITH made AS (
			INSERT INTO erasure_part (id, task_id, request_id, dataset_id, n, bytes, sha256)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT ON CONSTRAINT erasure_part_taken DO UPDATE SET n = excluded.n
			RETURNING id, task_id, request_id, dataset_id, n, state, bytes, sha256, received, progress, shape, records, longest,
			          format, code, holder, lease_until, uploaded_at, accepted_at, removed_at
		)
		SELECT id, task_id, request_id, dataset_id, n, state, bytes, sha256, received, progress, shape, records, longest,
		       format, code, holder, lease_until, uploaded_at, accepted_at, removed_at
		  FROM made`
	return postgres.One[Part](ctx, db, q, uuid.Must(uuid.NewV7()), t.ID, t.RequestID, u.dataset, u.n, u.total, u.sha256)
}

// leased reports whether somebody else is uploading the part just now, by the
// database's clock.
func leased(ctx context.Context, db postgres.DB, id uuid.UUID) (bool, error) {
	const q = `SELECT holder IS NOT NULL AND lease_until > now() FROM erasure_part WHERE id = $1`
	return postgres.Scalar[bool](ctx, db, q, id)
}

// restart declares a part anew: what was received of it does not count.
func restart(ctx context.Context, db postgres.DB, id uuid.UUID, u upload) error {
	const q = `
		UPDATE erasure_part
		   SET state = 'REQUESTED', bytes = $2, sha256 = $3, received = 0, progress = NULL, shape = NULL, records = NULL, longest = NULL,
		       format = NULL, code = NULL, uploaded_at = NULL, accepted_at = NULL, removed_at = NULL
		 WHERE id = $1`
	_, err := db.Exec(ctx, q, id, u.total, u.sha256)
	return err
}

// hold gives a part to one upload until its lease runs out.
func hold(ctx context.Context, db postgres.DB, id, holder uuid.UUID) error {
	const q = `UPDATE erasure_part SET holder = $2, lease_until = now() + make_interval(secs => $3) WHERE id = $1`
	_, err := db.Exec(ctx, q, id, holder, lease.Seconds())
	return err
}

// saveProgress notes how much is safe, and renews the lease. It reports false
// when the lease was lost to another upload.
func saveProgress(ctx context.Context, db postgres.DB, id, holder uuid.UUID, received int64, sealed []byte) (bool, error) {
	const q = `
		UPDATE erasure_part
		   SET state = 'UPLOADING', received = $3, progress = $4, lease_until = now() + make_interval(secs => $5)
		 WHERE id = $1 AND holder = $2`
	tag, err := db.Exec(ctx, q, id, holder, received, sealed, lease.Seconds())
	return tag.RowsAffected() == 1, err
}

// release gives a part back before its lease runs out.
func release(ctx context.Context, db postgres.DB, id, holder uuid.UUID) error {
	const q = `UPDATE erasure_part SET holder = NULL, lease_until = NULL WHERE id = $1 AND holder = $2`
	_, err := db.Exec(ctx, q, id, holder)
	return err
}

// finishPart notes that a part is whole.
func finishPart(ctx context.Context, db postgres.DB, id, holder uuid.UUID, t tally) (bool, error) {
	const q = `
		UPDATE erasure_part
		   SET state = 'UPLOADED', received = bytes, progress = NULL, shape = $3, records = $4, longest = $5,
		       holder = NULL, lease_until = NULL, uploaded_at = now()
		 WHERE id = $1 AND holder = $2`
	tag, err := db.Exec(ctx, q, id, holder, t.Shape, t.Records, t.Longest)
	return tag.RowsAffected() == 1, err
}

// discard forgets what was received of a part.
func discard(ctx context.Context, db postgres.DB, id, holder uuid.UUID) error {
	const q = `
		UPDATE erasure_part
		   SET state = 'REQUESTED', received = 0, progress = NULL, shape = NULL, records = NULL, longest = NULL,
		       holder = NULL, lease_until = NULL
		 WHERE id = $1 AND holder = $2`
	_, err := db.Exec(ctx, q, id, holder)
	return err
}

// quarantine takes a part out of every package to come.
func quarantine(ctx context.Context, db postgres.DB, id uuid.UUID, code string) error {
	const q = `UPDATE erasure_part SET state = 'QUARANTINED', code = $2 WHERE id = $1 AND state IN ('UPLOADED', 'ACCEPTED')`
	_, err := db.Exec(ctx, q, id, code)
	return err
}

// target is what a part may be uploaded for.
type target struct {
	ID        int64
	Key       uuid.UUID
	RequestID uuid.UUID
	ServiceID uuid.UUID
	Action    string
	Open      bool
}

// findTask finds a task by its outside name; ErrNotFound if there is none.
func findTask(ctx context.Context, db postgres.DB, key uuid.UUID) (target, error) {
	const q = `
		SELECT t.id, t.key, t.request_id, t.service_id, t.action,
		       t.state NOT IN ('DONE', 'REFUSED', 'POISONED', 'CANCELLED') AND r.state NOT IN ('CLOSED', 'MERGED') AS open
		  FROM erasure_task t
		  JOIN erasure_request r ON r.id = t.request_id
		 WHERE t.key = $1`
	return postgres.One[target](ctx, db, q, key)
}

// inScope reports whether a task asks for a dataset.
func inScope(ctx context.Context, db postgres.DB, task int64, dataset uuid.UUID) (bool, error) {
	const q = `SELECT EXISTS (SELECT FROM erasure_scope WHERE task_id = $1 AND dataset_id = $2)`
	return postgres.Scalar[bool](ctx, db, q, task, dataset)
}
