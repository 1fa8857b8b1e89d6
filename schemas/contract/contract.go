// Package contract keeps what stands between a subject and those who read it:
// the schemas that consumers declare to read with, and who agreed to a change
// that breaks some of them. It judges nothing.
package contract

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/postgres"
)

// Reader is a schema that a consumer reads a subject's data with.
type Reader struct {
	ID         uuid.UUID
	SubjectID  uuid.UUID
	Subject    string // its full name
	ServiceID  uuid.UUID
	Name       string // of the program, where a service has several; "" for the one
	Type       string
	Text       string
	References []Reference `db:"refs"`
	Version    *int        // of the subject, where the schema was named by it
	DeclaredBy uuid.UUID
	DeclaredAt time.Time
}

// Reference is what a reader's schema takes from a version of another subject.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Declare keeps a reader's schema and ends what the same reader declared
// before. The caller holds the subject.
func Declare(ctx context.Context, db postgres.DB, n Reader) (Reader, error) {
	const qEnd = `
		UPDATE schemas_reader SET ended_at = greatest(declared_at, now())
		 WHERE subject_id = $1 AND service_id = $2 AND name = $3 AND ended_at IS NULL`
	if _, err := db.Exec(ctx, qEnd, n.SubjectID, n.ServiceID, n.Name); err != nil {
		return n, err
	}
	if n.References == nil {
		n.References = []Reference{}
	}
	n.ID = uuid.Must(uuid.NewV7())
	const q = `
		INSERT INTO schemas_reader (id, subject_id, service_id, name, type, text, refs, version, declared_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		RETURNING declared_at`
	at, err := postgres.Scalar[time.Time](ctx, db, q, n.ID, n.SubjectID, n.ServiceID, n.Name, n.Type, n.Text, n.References, n.Version, n.DeclaredBy)
	n.DeclaredAt = at
	return n, err
}

// End ends what a reader declared.
func End(ctx context.Context, db postgres.DB, id uuid.UUID) error {
	const q = `UPDATE schemas_reader SET ended_at = greatest(declared_at, now()) WHERE id = $1 AND ended_at IS NULL`
	_, err := db.Exec(ctx, q, id)
	return err
}

// EndAll ends what readers of a subject declared: it is gone for good.
func EndAll(ctx context.Context, db postgres.DB, subject uuid.UUID) error {
	const q = `UPDATE schemas_reader SET ended_at = greatest(declared_at, now()) WHERE subject_id = $1 AND ended_at IS NULL`
	_, err := db.Exec(ctx, q, subject)
	return err
}

// ReadersByID finds what readers declare now; who declares nothing any more is
// absent.
func ReadersByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Reader, error) {
	const q = `
		SELECT r.id, r.subject_id, CASE s.context WHEN '.' THEN s.name ELSE ':' || s.context || ':' || s.name END AS subject,
		       r.service_id, r.name, r.type, r.text, r.refs, r.version, r.declared_by, r.declared_at
		  FROM schemas_reader r
		  JOIN schemas_subject s ON s.id = r.subject_id
		 WHERE r.id = ANY ($1) AND r.ended_at IS NULL
		 ORDER BY r.id`
	rows, err := postgres.Many[Reader](ctx, db, q, ids)
	out := make(map[uuid.UUID]Reader, len(rows))
	for _, n := range rows {
		out[n.ID] = n
	}
	return out, err
}

// Readers lists what consumers of a subject declare now.
func Readers(ctx context.Context, db postgres.DB, inContext, subject string) (all []Reader, err error) {
	var b postgres.Batch
	AskReaders(&b, &all, inContext, subject)
	err = b.Send(ctx, db)
	return all, err
}

// AskReaders is Readers with what else a batch asks.
func AskReaders(b *postgres.Batch, into *[]Reader, inContext, subject string) {
	const q = `
		SELECT r.id, r.subject_id, CASE s.context WHEN '.' THEN s.name ELSE ':' || s.context || ':' || s.name END AS subject,
		       r.service_id, r.name, r.type, r.text, r.refs, r.version, r.declared_by, r.declared_at
		  FROM schemas_reader r
		  JOIN schemas_subject s ON s.id = r.subject_id
		 WHERE s.context = $1 AND s.name = $2 AND r.ended_at IS NULL
		 ORDER BY r.service_id, r.name`
	postgres.Ask(b, into, q, inContext, subject)
}

// Need is a consumer whose owner has to agree to a change: one that it breaks,
// or one that does not say what it reads. Where nobody reads, it is the service
// that the subject belongs to.
type Need struct {
	ServiceID uuid.UUID // uuid.Nil where the subject belongs to nobody: an admin agrees
	Service   string    // its ref
	Owner     string    // the ref of its team; "" if nobody owns it: an admin agrees
	Why       []string  // field by field
	Approved  bool
}

// Approval is that the owner of a consumer agrees to a change.
type Approval struct {
	ID          uuid.UUID
	SubjectID   uuid.UUID
	Fingerprint []byte
	ServiceID   *uuid.UUID
	Reason      string
	ApprovedBy  uuid.UUID
	ApprovedAt  time.Time
	ExpiresAt   time.Time
}

// Approve keeps an approval.
func Approve(ctx context.Context, db postgres.DB, a Approval) (Approval, error) {
	a.ID = uuid.Must(uuid.NewV7())
	const q = `
		INSERT INTO schemas_approval (id, subject_id, fingerprint, service_id, reason, approved_by, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		RETURNING approved_at`
	at, err := postgres.Scalar[time.Time](ctx, db, q, a.ID, a.SubjectID, a.Fingerprint, a.ServiceID, a.Reason, a.ApprovedBy, a.ExpiresAt)
	a.ApprovedAt = at
	return a, err
}

// Approvals lists who agreed to a change and has not come to an end.
func Approvals(ctx context.Context, db postgres.DB, inContext, subject string, fingerprint []byte) ([]Approval, error) {
	const q = `
		SELECT a.id, a.subject_id, a.fingerprint, a.service_id, a.reason, a.approved_by, a.approved_at, a.expires_at
		  FROM schemas_approval a
		  JOIN schemas_subject s ON s.id = a.subject_id
		 WHERE s.context = $1 AND s.name = $2 AND a.fingerprint = $3 AND a.expires_at > now()
		 ORDER BY a.approved_at, a.id`
	return postgres.Many[Approval](ctx, db, q, inContext, subject, fingerprint)
}

// Safety is the answer to whether something can be taken away.
type Safety string

// The answers. Unknown is never Yes: somebody may read it who does not say so.
const (
	Yes     Safety = "YES"
	No      Safety = "NO"
	Unknown Safety = "UNKNOWN"
)

// Question is what somebody would like to take away: a field of a subject, a
// version of it, or a field of a dataset (a column of a table).
type Question struct {
	Subject string
	Dataset uuid.UUID // instead of a subject
	Field   string
	Version int // instead of a field
}

// Answer is who still reads what would be taken away.
type Answer struct {
	Safety    Safety
	Witnesses []Witness // those who say no first, then those who leave it open
}

// Witness is one reason of an answer, and who it is about.
type Witness struct {
	Safety  Safety
	Service string // the ref of the service that reads; "" if it is about none
	Owner   string // the ref of its team
	Group   string // the consumer group that was seen
	Reason  string
}
