package schemas

import (
	"context"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/contract"
)

// longestApproval bounds how long an approval stands: what is agreed to is done
// soon, or looked at again.
const longestApproval = 30 * 24 * time.Hour

// Approve agrees to a change that breaks consumers, for each of them that is
// the caller's to speak for: a steward of its team, or an admin where nobody
// owns it. The change is what the submission would be as the next version; the
// approval is of that content, of what it follows and of whom it breaks, as
// they are now, and of nothing else, until it ends. Whoever approves does not
// register.
func (r *Registry) Approve(ctx context.Context, by access.Principal, s Submission, reason string, until time.Time) (given []contract.Approval, err error) {
	if err := by.Require(access.Steward, access.Admin); err != nil {
		return nil, err
	}
	if !sayable(reason, 1000) {
		return nil, fault.Bad("reason", "REQUIRED", "say in 1 to 1000 printable characters why the change may break this consumer; whoever registers and an auditor will ask")
	}
	p, err := placeToRead(s.Subject)
	if err == nil {
		p, err = r.meant(ctx, p, s)
	}
	if err != nil {
		return nil, err
	}
	err = postgres.Work(ctx, r.db, func(tx pgx.Tx) error {
		given, err = r.approve(ctx, tx, by, p, s, reason, until)
		return err
	})
	return given, err
}

func (r *Registry) approve(ctx context.Context, tx pgx.Tx, by access.Principal, p place, s Submission, reason string, until time.Time) ([]contract.Approval, error) {
	subject, err := lockKnown(ctx, tx, p)
	if err != nil {
		return nil, err
	}
	if err := endsSoon(ctx, tx, until); err != nil {
		return nil, err
	}
	a, _, err := r.check(ctx, tx, by, s)
	if err != nil {
		return nil, err
	}
	if a.Fingerprint == nil {
		return nil, fault.New(fault.Conflict, "NOTHING_TO_APPROVE", "this change breaks nobody who would have to agree; check it: lethe schema check")
	}
	var out []contract.Approval
	for _, n := range a.Needs {
		if !speaks(by, n) {
			continue
		}
		one := contract.Approval{SubjectID: subject.ID, Fingerprint: a.Fingerprint, Reason: reason, ApprovedBy: by.ID, ExpiresAt: until}
		if n.ServiceID != uuid.Nil {
			one.ServiceID = &n.ServiceID
		}
		if one, err = contract.Approve(ctx, tx, one); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Denied, "NOT_OWNER", "none of the services that this change affects is your team's; ask a steward of the team that the check names")
	}
	return out, audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "schema.change_approved", Entity: subject.ID, Digest: a.Fingerprint,
		Amounts: map[string]int64{"services": int64(len(out)), "version": int64(a.Version)}})
}

// speaks reports whether somebody may agree for a consumer. An admin does so
// only where nobody owns it: to configure is not to answer for a service.
func speaks(by access.Principal, n contract.Need) bool {
	if n.Owner == "" {
		return by.Has(access.Admin)
	}
	return by.Has(access.Steward) && slices.Contains(by.Teams, n.Owner)
}

func endsSoon(ctx context.Context, db postgres.DB, until time.Time) error {
	const q = `SELECT now()`
	now, err := postgres.Scalar[time.Time](ctx, db, q)
	if err == nil && (!until.After(now) || until.After(now.Add(longestApproval))) {
		err = fault.Bad("expiresAt", "OUT_OF_RANGE", "an approval ends in the future, and within 30 days")
	}
	return err
}

// sayable reports whether a text is there, printable, and not too long.
func sayable(text string, most int) bool {
	if text == "" || len(text) > most || !utf8.ValidString(text) {
		return false
	}
	for _, c := range text {
		if unicode.IsControl(c) {
			return false
		}
	}
	return true
}

// DeclareReader says with which schema a service reads a subject's data: the
// text of the submission, or where that has none, its version of the subject.
// What the same reader declared before ends. It needs a pipeline or an instance
// of the service, a steward of its team, or an admin.
func (r *Registry) DeclareReader(ctx context.Context, by access.Principal, service, name string, s Submission) (n contract.Reader, err error) {
	if err := by.Require(access.CI, access.Service, access.Steward, access.Admin); err != nil {
		return n, err
	}
	if name != "" && !sayable(name, 200) {
		return n, fault.Bad("name", "BAD_NAME", "the name of a reader has at most 200 printable characters")
	}
	p, err := placeToRead(s.Subject)
	if err == nil {
		p, err = r.readAs(ctx, p)
	}
	if err == nil {
		err = by.May(access.Declare, p.String())
	}
	if err != nil {
		return n, err
	}
	n = contract.Reader{Name: name, DeclaredBy: by.ID}
	if s.Text == "" {
		v, err := r.Version(ctx, by, s.Subject, s.Version, Live)
		if err != nil {
			return n, err
		}
		s.Type, s.Text, s.References, n.Version = v.Type, v.Text, v.References, &v.Version
	}
	c, err := r.read(ctx, r.db, p.context, s)
	if err != nil {
		return n, err
	}
	n.Type, n.Text = c.kind, c.text
	for _, t := range c.references {
		n.References = append(n.References, contract.Reference(t.Reference))
	}
	err = postgres.Work(ctx, r.db, func(tx pgx.Tx) error {
		n, err = r.declareReader(ctx, tx, by, p, service, n)
		return err
	})
	return n, err
}

func (r *Registry) declareReader(ctx context.Context, tx pgx.Tx, by access.Principal, p place, service string, n contract.Reader) (contract.Reader, error) {
	s, err := catalog.ServiceByRef(ctx, tx, service)
	if err != nil {
		return n, err
	}
	if err := actsFor(ctx, tx, by, s); err != nil {
		return n, err
	}
	subject, err := lockKnown(ctx, tx, p)
	if err != nil {
		return n, err
	}
	if err := fewReaders(ctx, tx, p, s.ID, n.Name); err != nil {
		return n, err
	}
	n.SubjectID, n.Subject, n.ServiceID = subject.ID, p.String(), s.ID
	if n, err = contract.Declare(ctx, tx, n); err != nil {
		return n, err
	}
	return n, audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "schema.reader_declared", Entity: subject.ID})
}

// mostReaders is how many schemas one service reads a subject with. Every version
// that is registered is held against each of them, under the subject's lock.
const mostReaders = 100

func fewReaders(ctx context.Context, tx pgx.Tx, p place, service uuid.UUID, name string) error {
	known, err := contract.Readers(ctx, tx, p.context, p.name)
	others := 0
	for _, n := range known {
		if n.ServiceID == service && n.Name != name {
			others++
		}
	}
	if err == nil && others >= mostReaders {
		err = fault.Bad("name", "OUT_OF_RANGE", "a service reads a subject under at most %d names; end what it reads no more", mostReaders)
	}
	return err
}

// EndReader says that a service reads no more as it declared. It needs who may
// declare.
func (r *Registry) EndReader(ctx context.Context, by access.Principal, id uuid.UUID) error {
	if err := by.Require(access.CI, access.Service, access.Steward, access.Admin); err != nil {
		return err
	}
	return postgres.Work(ctx, r.db, func(tx pgx.Tx) error {
		known, err := contract.ReadersByID(ctx, tx, []uuid.UUID{id})
		if err != nil {
			return err
		}
		n, ok := known[id]
		if !ok {
			return fault.Missing("reader", "no reader of this id declares a schema now")
		}
		found, err := catalog.ServicesByID(ctx, tx, []uuid.UUID{n.ServiceID})
		if err != nil {
			return err
		}
		if err := actsFor(ctx, tx, by, found[n.ServiceID]); err != nil {
			return err
		}
		if err := by.May(access.Declare, n.Subject); err != nil {
			return err
		}
		if err := contract.End(ctx, tx, id); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "schema.reader_ended", Entity: n.SubjectID})
	})
}

// Readers lists what consumers of a subject declare to read with.
func (r *Registry) Readers(ctx context.Context, by access.Principal, subject string) ([]contract.Reader, error) {
	if err := signedIn(by); err != nil {
		return nil, err
	}
	p, err := placeToRead(subject)
	if err == nil {
		p, err = r.readAs(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	return contract.Readers(ctx, r.db, p.context, p.name)
}

// actsFor lets a machine of a service pass, a steward of its team, and an admin.
func actsFor(ctx context.Context, db postgres.DB, by access.Principal, s catalog.Service) error {
	if by.Has(access.Admin) || isMachine(by) && by.Service == s.Ref {
		return nil
	}
	if isMachine(by) {
		return fault.New(fault.Denied, "NOT_OWNER", "you are bound to the service %q; declare what that one reads", by.Service)
	}
	owners, err := services(ctx, db, []uuid.UUID{s.ID})
	if err != nil {
		return err
	}
	return steward(by, owners)
}
