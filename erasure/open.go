package erasure

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/personal"
	"github.com/flowmart/lethe/erasure/duedate"
	"github.com/flowmart/lethe/erasure/notice"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Opening is what a handler states about a new request.
type Opening struct {
	Kind        Kind
	Controller  string  // ref of the legal entity that was asked
	Ground      *string // of an erasure, Art. 17(1) GDPR: "17(1)(a)" to "17(1)(f)"
	Identifiers []subject.Identifier
	ReceivedAt  time.Time       // when it reached the controller, by whatever channel; zero: now
	Identity    *IdentityMethod // how the identity was proved; nil: not yet
	// ClientRequestID makes opening idempotent for its caller: the same id and
	// the same content, to the last date, give the request that was opened first.
	ClientRequestID string
}

var grounds = []string{"17(1)(a)", "17(1)(b)", "17(1)(c)", "17(1)(d)", "17(1)(e)", "17(1)(f)"}

// Open files a request, seals its identifiers and posts its planning. All of it
// happens, or none. A second opening under the same ClientRequestID returns the
// first request.
func (s *Requests) Open(ctx context.Context, by access.Principal, o Opening) (r Request, err error) {
	if err := by.Require(access.Handler); err != nil {
		return r, err
	}
	now := s.now()
	stated := o
	if o.ReceivedAt.IsZero() {
		o.ReceivedAt = now
	}
	controller, err := s.checkOpening(ctx, s.db, o, now)
	if err != nil {
		return r, err
	}
	if before, found, err := s.openedBefore(ctx, s.db, by, stated); err != nil || found {
		return before, err
	}
	id := uuid.Must(uuid.NewV7())
	if err := s.vault.Create(ctx, id); err != nil {
		return r, fmt.Errorf("key store: %w", err)
	}
	open := func(tx pgx.Tx) error {
		before, found, err := s.openedBefore(ctx, tx, by, stated) // by another call, at the same moment
		if err != nil || found {
			r = before
			return err
		}
		if r, err = newRequest(id, by, o, controller, now); err != nil {
			return err
		}
		if err := s.file(ctx, tx, by, &r, o); err != nil {
			return err
		}
		return s.rememberOpening(ctx, tx, r, by, stated)
	}
	if err = postgres.Work(ctx, s.db, open); postgres.Violates(err, "erasure_opening_repeated") {
		err = postgres.Work(ctx, s.db, open) // the same opening came twice at once; now the first is found
	}
	return r, err
}

// file writes a new request with everything that belongs to it.
func (s *Requests) file(ctx context.Context, tx pgx.Tx, by access.Principal, r *Request, o Opening) error {
	var err error
	if r.CaseNumber, err = nextCaseNumber(ctx, tx, r.ReceivedOn); err != nil {
		return err
	}
	if err := insertRequest(ctx, tx, *r); err != nil {
		return err
	}
	if err := subject.Save(ctx, tx, s.vault, r.ID, o.Identifiers); err != nil {
		return err
	}
	if err := owe(ctx, tx, r.ID, notice.Receipt, r.DueOn); err != nil {
		return err
	}
	if r.State == Verified {
		if err := s.wake(ctx, tx, r.ID); err != nil {
			return err
		}
	}
	return audit.Append(ctx, tx, audit.Entry{
		Actor: by.ID, Act: "request.opened", Entity: r.ID, Request: r.ID, Code: string(r.Kind), Day: &r.DueOn,
		Amounts: map[string]int64{"identifiers": int64(len(o.Identifiers))},
	})
}

func (s *Requests) checkOpening(ctx context.Context, db postgres.DB, o Opening, now time.Time) (catalog.Controller, error) {
	var mistakes []error
	bad := func(path, code, format string, args ...any) {
		mistakes = append(mistakes, fault.Bad(path, code, format, args...))
	}
	if o.Kind != Erasure && o.Kind != Access && o.Kind != Portability {
		bad("type", "UNKNOWN_TYPE", "the type is ERASURE, ACCESS or PORTABILITY")
	}
	switch {
	case o.Kind == Erasure && o.Ground == nil:
		bad("ground", "REQUIRED", "an erasure names its ground, one of %s (Art. 17(1) GDPR)", strings.Join(grounds, ", "))
	case o.Kind == Erasure && !slices.Contains(grounds, *o.Ground):
		bad("ground", "UNKNOWN_GROUND", "the ground is one of %s", strings.Join(grounds, ", "))
	case o.Kind != Erasure && o.Ground != nil:
		bad("ground", "NOT_EXPECTED", "only an erasure has a ground")
	}
	if o.ReceivedAt.After(now.Add(5 * time.Minute)) {
		bad("receivedAt", "IN_THE_FUTURE", "a request cannot have been received in the future")
	}
	if o.ReceivedAt.Before(now.AddDate(-1, 0, 0)) {
		bad("receivedAt", "TOO_LONG_AGO", "the receipt is more than a year ago; its due date has long passed, so talk to your DPO first")
	}
	if len(o.ClientRequestID) > 200 {
		bad("clientRequestId", "TOO_LONG", "the id has at most 200 bytes")
	}
	if o.Identity != nil && !slices.Contains(identityMethods, *o.Identity) {
		bad("identity", "UNKNOWN_METHOD", "the method is one of %s", identityMethods)
	}
	known, err := personal.IdentifierTypes(ctx, db)
	if err != nil {
		return catalog.Controller{}, err
	}
	if err := subject.Check(o.Identifiers, known); err != nil {
		mistakes = append(mistakes, err)
	}
	controller, err := catalog.ControllerByRef(ctx, db, o.Controller)
	if err != nil {
		if fault.KindOf(err) == fault.Internal {
			return controller, err
		}
		for _, f := range fault.All(err) {
			mistakes = append(mistakes, f.At("controller"))
		}
	}
	return controller, join(mistakes)
}

var identityMethods = []IdentityMethod{AccountLogin, KnownAddress, Document, InPerson, Representative}

func newRequest(id uuid.UUID, by access.Principal, o Opening, c catalog.Controller, now time.Time) (Request, error) {
	r := Request{
		ID: id, Kind: o.Kind, Ground: o.Ground, ControllerID: c.ID, State: Received, ReceivedAt: o.ReceivedAt,
		IdentityMethod: o.Identity, OpenedBy: by.ID, OpenedAt: now, EraseBefore: now, Rev: 1,
	}
	if o.Identity != nil {
		r.State = Verified
	}
	return r, schedule(&r, c)
}

// noCalendar refuses a request of a controller that was declared before its
// country and region were judged.
var noCalendar = fault.Bad("controller", "NO_CALENDAR", "no public holidays are known for the country and region of this controller, so there is no due date; an admin corrects the controller")

// schedule computes the dates of a request from its receipt: one month, or
// three once it was extended, counted from the receipt and never from the
// first due date (Art. 12(3) GDPR, Reg. 1182/71).
func schedule(r *Request, c catalog.Controller) error {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return fmt.Errorf("controller %s: %w", c.Ref, err)
	}
	region := ""
	if c.Region != nil {
		region = *c.Region
	}
	calendar, err := duedate.For(c.Country, region)
	if err != nil {
		return noCalendar.With(err)
	}
	months := 1
	if r.ExtensionReason != nil {
		months = 3
	}
	due := calendar.Due(r.ReceivedAt, zone, months, r.PausedDays)
	r.ReceivedOn, r.DueOn, r.DueUnpausedOn, r.Calendar = due.ReceivedOn, due.On, due.UnpausedOn, calendar.Version()
	if months == 3 {
		r.ExtendedOn = &due.On
	}
	return nil
}

func nextCaseNumber(ctx context.Context, db postgres.DB, receivedOn time.Time) (string, error) {
	const q = `SELECT nextval('erasure_case_number')`
	n, err := postgres.Scalar[int64](ctx, db, q)
	return fmt.Sprintf("R-%d-%06d", receivedOn.Year(), n), err
}

// openedBefore finds the request that the same caller opened under the same
// id. Another content under that id is refused.
func (s *Requests) openedBefore(ctx context.Context, db postgres.DB, by access.Principal, o Opening) (Request, bool, error) {
	const q = `SELECT id, opening_body FROM erasure_request WHERE opened_by = $1 AND opening_key = $2`
	type row struct {
		ID          uuid.UUID
		OpeningBody []byte
	}
	if o.ClientRequestID == "" {
		return Request{}, false, nil
	}
	found, err := postgres.One[row](ctx, db, q, by.ID, openingKey(o))
	if errors.Is(err, postgres.ErrNotFound) {
		return Request{}, false, nil
	}
	if err != nil {
		return Request{}, false, err
	}
	body, err := s.openingBody(ctx, o)
	if err != nil {
		return Request{}, false, err
	}
	if string(body) != string(found.OpeningBody) {
		return Request{}, false, fault.Bad("clientRequestId", "IDEMPOTENCY_KEY_REUSED", "this id was used for another request; choose a new one")
	}
	r, err := RequestByID(ctx, db, found.ID)
	return r, true, err
}

func (s *Requests) rememberOpening(ctx context.Context, db postgres.DB, r Request, by access.Principal, o Opening) error {
	const q = `UPDATE erasure_request SET opening_key = $2, opening_body = $3 WHERE id = $1`
	if o.ClientRequestID == "" {
		return nil
	}
	body, err := s.openingBody(ctx, o)
	if err != nil {
		return err
	}
	_, err = db.Exec(ctx, q, r.ID, openingKey(o), body)
	return err
}

func openingKey(o Opening) []byte {
	sum := sha256.Sum256([]byte(o.ClientRequestID))
	return sum[:]
}

// openingBody is a keyed mark of everything that was stated: a plain digest of
// an identifier could be guessed. A receipt that was left out means now, which
// is another moment each time, and is marked as left out.
func (s *Requests) openingBody(ctx context.Context, o Opening) ([]byte, error) {
	var b strings.Builder
	received := ""
	if !o.ReceivedAt.IsZero() {
		received = o.ReceivedAt.UTC().Format(time.RFC3339Nano)
	}
	fmt.Fprintf(&b, "%s|%s|%s|%s|%s|", o.Kind, o.Controller, value(o.Ground), received, value(o.Identity))
	for _, id := range o.Identifiers {
		fmt.Fprintf(&b, "%d:%s%d:%s", len(id.Type), id.Type, len(id.Value), id.Value)
	}
	return s.vault.Mark(ctx, "opening", b.String())
}

// VerifyIdentity records how the identity of the data subject was proved; the
// request is planned from then on. A clock that stood still for it goes on.
func (s *Requests) VerifyIdentity(ctx context.Context, by access.Principal, request uuid.UUID, method IdentityMethod) (Request, error) {
	if err := by.Require(access.Handler); err != nil {
		return Request{}, err
	}
	if !slices.Contains(identityMethods, method) {
		return Request{}, fault.Bad("method", "UNKNOWN_METHOD", "the method is one of %s", identityMethods)
	}
	return s.act(ctx, request, func(tx pgx.Tx, r *Request) error {
		if err := r.in(Received, IdentityPending); err != nil {
			return err
		}
		r.IdentityMethod = &method
		if err := s.unpause(ctx, tx, r); err != nil {
			return err
		}
		if err := s.move(ctx, tx, by, r, Verified, string(method)); err != nil {
			return err
		}
		return s.wake(ctx, tx, r.ID)
	})
}
