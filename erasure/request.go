// Package erasure carries a data subject's request from its receipt to its
// certificate: erasure (Art. 17 GDPR), access (Art. 15) and portability
// (Art. 20). It knows who must be asked, what they were asked, what they
// answered, and by when the law wants it done.
package erasure

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Kind is the right that a request exercises.
type Kind string

// The kinds of request.
const (
	Erasure     Kind = "ERASURE"     // Art. 17 GDPR
	Access      Kind = "ACCESS"      // Art. 15 GDPR
	Portability Kind = "PORTABILITY" // Art. 20 GDPR
)

// State is where a request stands. docs/states.md draws the machine;
// erasure_transition holds it and the database refuses every other step.
type State string

// The states of a request.
const (
	Received        State = "RECEIVED"
	IdentityPending State = "IDENTITY_PENDING"
	Verified        State = "VERIFIED" // identifiers are being resolved, data located
	Blocked         State = "BLOCKED"  // a person must decide; Block says what
	Planned         State = "PLANNED"  // the plan is frozen and waits for approval
	Executing       State = "EXECUTING"
	Verifying       State = "VERIFYING" // probes are out
	Closed          State = "CLOSED"
	Merged          State = "MERGED"
)

// Outcome is what became of a closed request. It is derived from the outcomes
// of its tasks by one function, conclude, and set by nobody.
type Outcome string

// The outcomes of a closed request.
const (
	Fulfilled              Outcome = "FULFILLED"
	FulfilledWithRetention Outcome = "FULFILLED_WITH_RETENTION" // Art. 17(3) GDPR keeps a part
	PartiallyFulfilled     Outcome = "PARTIALLY_FULFILLED"
	NoDataHeld             Outcome = "NO_DATA_HELD"
	Refused                Outcome = "REFUSED"
	Cancelled              Outcome = "CANCELLED"
	CancelledAfterPartial  Outcome = "CANCELLED_AFTER_PARTIAL"
)

// Block is why a request waits for a person.
type Block string

// The reasons to wait for a person.
const (
	TwoPeople     Block = "TWO_PEOPLE"     // the identifiers match more than one person
	CountUnusual  Block = "COUNT_UNUSUAL"  // far more rows than one person usually has
	CountUnknown  Block = "COUNT_UNKNOWN"  // a service did not count what has a usual highest count
	DailyCeiling  Block = "DAILY_CEILING"  // more erasures today than the controller allows itself
	ResolveFailed Block = "RESOLVE_FAILED" // an identity service would not answer; we never go on with fewer identifiers
	Residue       Block = "RESIDUE"        // a probe found data again after it had been erased twice
	TaskStopped   Block = "TASK_STOPPED"   // a service refused or answered nonsense
	Gaps          Block = "GAPS"           // everything is done but somebody could not be asked
)

// Refusal is why a request is refused (Art. 11(2), 12(5), 17(3) GDPR).
type Refusal string

// The grounds of refusal.
const (
	CannotIdentify      Refusal = "CANNOT_IDENTIFY"
	ManifestlyUnfounded Refusal = "MANIFESTLY_UNFOUNDED"
	Excessive           Refusal = "EXCESSIVE"
	Exempt              Refusal = "EXEMPT_17_3"
	OutsideScope        Refusal = "OUTSIDE_SCOPE"
)

// Extension is why a due date is extended by two months (Art. 12(3) GDPR
// knows two reasons).
type Extension string

// The reasons to extend.
const (
	Complexity       Extension = "COMPLEXITY"
	NumberOfRequests Extension = "NUMBER_OF_REQUESTS"
)

// Pause is why the clock stands still (Art. 12(6) GDPR).
type Pause string

// The reasons to pause.
const (
	IdentityDoubt Pause = "IDENTITY_DOUBT"
	Clarification Pause = "CLARIFICATION"
)

// IdentityMethod is how the identity of the data subject was proved.
type IdentityMethod string

// The ways to prove an identity.
const (
	AccountLogin   IdentityMethod = "ACCOUNT_LOGIN"
	KnownAddress   IdentityMethod = "KNOWN_ADDRESS" // a second channel to an address already on file
	Document       IdentityMethod = "DOCUMENT"
	InPerson       IdentityMethod = "IN_PERSON"
	Representative IdentityMethod = "REPRESENTATIVE"
)

// Request is one request of one data subject. It holds no identifier.
type Request struct {
	ID               uuid.UUID
	CaseNumber       string // R-2026-000123
	Kind             Kind
	Ground           *string // of an erasure: 17(1)(a) to (f)
	ControllerID     uuid.UUID
	State            State
	Outcome          *Outcome
	Block            *Block
	BlockedFrom      *State
	Refusal          *Refusal
	ReceivedAt       time.Time
	ReceivedOn       time.Time // dates are midnight UTC of the day in the controller's time zone
	DueOn            time.Time // the day that governs: extended and paused as recorded
	DueUnpausedOn    time.Time
	ExtendedOn       *time.Time
	ExtensionReason  *Extension
	Calendar         string // version of the holiday calendar behind the dates
	PausedOn         *time.Time
	PauseReason      *Pause
	PausedDays       int
	IdentityMethod   *IdentityMethod
	OpenedBy         uuid.UUID // principals; their names are theirs to erase
	OpenedAt         time.Time
	PlanNo           int
	PlanDigest       []byte
	PlannedAt        *time.Time
	ApprovedBy       *uuid.UUID
	ApprovedAt       *time.Time
	EraseBefore      time.Time // what happened later is a new relationship
	Accepted         []Block   // what was unusual and an approver has looked at
	Replanned        int       // how often everybody was asked again before a plan was approved
	Reopened         int       // how often it was opened again after closing
	MergedInto       *uuid.UUID
	ClosedAt         *time.Time
	ClosedWithGapsBy *uuid.UUID // the approver who closed it although not everybody could be asked
	KeyDestroyOn     *time.Time
	KeyDestroyedAt   *time.Time
	Rev              int
}

// Final reports whether nothing more will happen to r on its own.
func (r Request) Final() bool { return r.State == Closed || r.State == Merged }

var errNoRequest = fault.Missing("request", "no such request, or you may not see it")

// requestColumns are those of a Request.
const requestColumns = `id, case_number, kind, ground, controller_id, state, outcome, block, blocked_from, refusal,
	received_at, received_on, due_on, due_unpaused_on, extended_on, extension_reason, calendar,
	paused_on, pause_reason, paused_days, identity_method, opened_by, opened_at, plan_no, plan_digest,
	planned_at, approved_by, approved_at, erase_before, accepted, replanned, reopened, merged_into, closed_at,
	closed_with_gaps_by, key_destroy_on, key_destroyed_at, rev`

// RequestByID finds a request.
func RequestByID(ctx context.Context, db postgres.DB, id uuid.UUID) (Request, error) {
	found, err := RequestsByID(ctx, db, []uuid.UUID{id})
	return only(found, id, err)
}

// RequestsByID finds several requests.
func RequestsByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Request, error) {
	const q = `SELECT ` + requestColumns + `
		  FROM erasure_request
		 WHERE id = ANY($1)
		 ORDER BY id`
	return requestMap(ctx, db, q, ids)
}

// lockRequest finds a request and holds it until the unit of work ends.
// Whatever counts or changes the children of a request holds it first, so that
// the last of several answers sees that it is the last.
func lockRequest(ctx context.Context, db postgres.DB, id uuid.UUID) (Request, error) {
	found, err := lockRequests(ctx, db, []uuid.UUID{id})
	return only(found, id, err)
}

// lockRequests locks several requests in the order of their ids, so that two
// units of work that meet cannot deadlock.
func lockRequests(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Request, error) {
	const q = `SELECT ` + requestColumns + `
		  FROM erasure_request
		 WHERE id = ANY($1)
		 ORDER BY id
		   FOR NO KEY UPDATE`
	return requestMap(ctx, db, q, ids)
}

func requestMap(ctx context.Context, db postgres.DB, q string, ids []uuid.UUID) (map[uuid.UUID]Request, error) {
	rows, err := postgres.Many[Request](ctx, db, q, ids)
	found := make(map[uuid.UUID]Request, len(rows))
	for _, r := range rows {
		found[r.ID] = r
	}
	return found, err
}

func only(found map[uuid.UUID]Request, id uuid.UUID, err error) (Request, error) {
	r, ok := found[id]
	if err == nil && !ok {
		err = errNoRequest
	}
	return r, err
}

func insertRequest(ctx context.Context, db postgres.DB, r Request) error {
	const q = `
		INSERT INTO erasure_request (id, case_number, kind, ground, controller_id, state, received_at, received_on,
		       due_on, due_unpaused_on, calendar, identity_method, opened_by, opened_at, erase_before)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`
	_, err := db.Exec(ctx, q, r.ID, r.CaseNumber, r.Kind, r.Ground, r.ControllerID, r.State, r.ReceivedAt, r.ReceivedOn,
		r.DueOn, r.DueUnpausedOn, r.Calendar, r.IdentityMethod, r.OpenedBy, r.OpenedAt, r.EraseBefore)
	return err
}

// saveRequest writes what may change about a request that the unit of work
// has locked. A closing is the last word about a request, so a journal keeps
// it for the end.
func saveRequest(ctx context.Context, db postgres.DB, r Request) error {
	if j, ok := db.(*journal); ok && r.State == Closed {
		j.closings = append(j.closings, r)
		return nil
	}
	return saveRequests(ctx, db, r)
}

// saveRequests is saveRequest for several, in one round trip.
func saveRequests(ctx context.Context, db postgres.DB, rs ...Request) error {
	const q = `
		UPDATE erasure_request
		   SET state = $2, outcome = $3, block = $4, blocked_from = $5, refusal = $6, due_on = $7, due_unpaused_on = $8,
		       extended_on = $9, extension_reason = $10, calendar = $11, paused_on = $12, pause_reason = $13,
		       paused_days = $14, identity_method = $15, plan_no = $16, plan_digest = $17, planned_at = $18,
		       approved_by = $19, approved_at = $20, accepted = $21, merged_into = $22, closed_at = $23,
		       closed_with_gaps_by = $24, key_destroy_on = $25, key_destroyed_at = $26, reopened = $27, replanned = $28, rev = rev + 1
		 WHERE id = $1`
	var b pgx.Batch
	for _, r := range rs {
		b.Queue(q, r.ID, r.State, r.Outcome, r.Block, r.BlockedFrom, r.Refusal, r.DueOn, r.DueUnpausedOn,
			r.ExtendedOn, r.ExtensionReason, r.Calendar, r.PausedOn, r.PauseReason, r.PausedDays, r.IdentityMethod,
			r.PlanNo, r.PlanDigest, r.PlannedAt, r.ApprovedBy, r.ApprovedAt, orEmpty(r.Accepted), r.MergedInto, r.ClosedAt,
			r.ClosedWithGapsBy, r.KeyDestroyOn, r.KeyDestroyedAt, r.Reopened, r.Replanned)
	}
	return db.SendBatch(ctx, &b).Close()
}
