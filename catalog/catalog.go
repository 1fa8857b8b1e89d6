// Package catalog knows what the organisation holds: who owns which service,
// which stores and datasets a service keeps, what kinds of personal data are
// in them, what they may be used for and who reads them.
//
// A method of Catalog commits; a function joins its caller's unit of work.
// Every change names who makes it, is checked against role and ownership,
// is recorded in the audit log and in the catalog's own change history, and
// moves the generation on, all in one transaction.
//
// A declaration with Rev 0 is new; any other Rev must be the one last read,
// or the change is refused as a CONFLICT. Declaring what is already so changes
// nothing and records nothing.
package catalog

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog/findings"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Catalog commits what its callers declare.
type Catalog struct {
	db  *pgxpool.Pool
	now func() time.Time
	dev bool
	// calendar judges where due dates are counted; see Calendars.
	calendar func(country, region string) error
	home     place
}

// place is where a controller is when it does not say.
type place struct{ country, zone string }

// Option changes how a Catalog judges what it is told.
type Option func(*Catalog)

// Dev allows service endpoints on this machine's loopback, by plain http, as
// `lethe dev` and `lethe demo` need.
func Dev(c *Catalog) { c.dev = true }

// Calendars has the country and the region of each controller judged by
// known, which knows where public holidays are kept: a controller without them
// could take no request. Its faults point at country or region.
func Calendars(known func(country, region string) error) Option {
	return func(c *Catalog) { c.calendar = known }
}

// Home is the country and the time zone of a new controller that names none.
// Either may be empty: then each controller has to name its own.
func Home(country, zone string) Option {
	return func(c *Catalog) { c.home = place{country, zone} }
}

// New returns the catalog kept in db. Days, such as the age of a backup's
// evidence, are counted by now; validity and keys by the database's clock.
func New(db *pgxpool.Pool, now func() time.Time, options ...Option) *Catalog {
	c := &Catalog{db: db, now: now}
	for _, o := range options {
		o(c)
	}
	return c
}

// Generation moves on with every change of the catalog that can change a plan,
// and with each moment at which a tag begins or ends by itself. It is 0 for an
// empty catalog. It is for somebody who may read the catalog.
func (c *Catalog) Generation(ctx context.Context, by access.Principal) (int64, error) {
	if err := by.Require(Readers...); err != nil {
		return 0, err
	}
	const q = `
		SELECT coalesce((SELECT generation FROM catalog_generation), 0)
		       + coalesce((SELECT sum(generation) FROM catalog_generation_part), 0)::bigint
		       + count(*) FILTER (WHERE valid_from > created_at AND valid_from <= now())
		       + count(*) FILTER (WHERE valid_to <= now())
		  FROM catalog_tag_assertion`
	return postgres.Scalar[int64](ctx, c.db, q)
}

// bump counts the generation on, in the part of its connection: nobody waits for
// nobody. Whoever sees the change sees the sum with it.
func bump(b *postgres.Batch) {
	const q = `
		INSERT INTO catalog_generation_part AS p (part, generation) VALUES (pg_backend_pid() % 256, 1)
		    ON CONFLICT (part) DO UPDATE SET generation = p.generation + 1`
	b.Do(q)
}

// bumped is bump by itself.
func bumped(ctx context.Context, db postgres.DB) error {
	var b postgres.Batch
	bump(&b)
	return b.Send(ctx, db)
}

// act is one unit of work on the catalog: who does it, and what will be
// recorded of it when it ends well.
type act struct {
	db       postgres.DB
	last     *postgres.Batch // for what it writes, where its caller sends that, and appends the entries
	by       access.Principal
	dev      bool
	calendar func(country, region string) error // nil: nobody knows
	home     place
	now      time.Time // when it is written down, by the database's clock, as every row that says "now" has it
	reached  time.Time // when its turn came: what others wrote meanwhile says a later "now", and holds
	entries  []audit.Entry
	changes  []change
}

// act begins one act of the catalog in its caller's unit of work.
func (c *Catalog) act(db postgres.DB, by access.Principal) *act {
	return &act{db: db, by: by, dev: c.dev, calendar: c.calendar, home: c.home}
}

// change is a row of the catalog's own history.
type change struct {
	Act    string
	Kind   string
	ID     uuid.UUID
	Before any
	After  any
}

// work runs fn as one act and commits it. The catalog is changed by one such act
// at a time, so that what an act reads and counts still holds when it commits.
func (c *Catalog) work(ctx context.Context, by access.Principal, fn func(a *act) error) error {
	err := postgres.Work(ctx, c.db, func(tx pgx.Tx) error {
		a := c.act(tx, by)
		if err := a.do(ctx, fn); err != nil {
			return err
		}
		if len(a.changes) == 0 {
			return nil
		}
		return findings.Refresh(ctx, tx, c.now())
	})
	return named(err)
}

func (a *act) do(ctx context.Context, fn func(a *act) error) error {
	const q = `SELECT now() AS written, clock_timestamp() AS reached FROM pg_advisory_xact_lock(hashtext('lethe.catalog'))`
	at, err := postgres.One[turn](ctx, a.db, q)
	if err != nil {
		return err
	}
	return a.inTurn(ctx, at, fn)
}

// turn is when an act was begun, and when its turn came.
type turn struct{ Written, Reached time.Time }

// qBeside waits for the turn of an act about datasets and nothing else of the
// catalog. Such acts about other datasets may be under way with it: what schemas
// say of their fields is most of what changes. What do runs waits for them, and
// they for it.
const qBeside = `
	SELECT now() AS written, clock_timestamp() AS reached
	  FROM pg_advisory_xact_lock_shared(hashtext('lethe.catalog')),
	       LATERAL (SELECT count(pg_advisory_xact_lock(hashtext('lethe.catalog'), hashtext(d.id::text)))
	                  FROM (SELECT id FROM unnest($1::uuid[]) AS id ORDER BY id) AS d) AS locked`

// inTurn runs fn once the turn of an act has come, and records what it did.
func (a *act) inTurn(ctx context.Context, at turn, fn func(a *act) error) error {
	a.now, a.reached = at.Written, at.Reached
	if err := fn(a); err != nil {
		return err
	}
	return a.write(ctx, a.finish)
}

// write puts statements into the last batch of the caller, or sends them itself.
func (a *act) write(ctx context.Context, put func(b *postgres.Batch) error) error {
	if a.last != nil {
		return put(a.last)
	}
	var b postgres.Batch
	if err := put(&b); err != nil {
		return err
	}
	return b.Send(ctx, a.db)
}

// did notes a change, to be written when the act ends.
func (a *act) did(what, kind string, id uuid.UUID, before, after any) {
	a.entries = append(a.entries, audit.Entry{Actor: a.by.ID, Act: what, Entity: id})
	a.changes = append(a.changes, change{what, kind, id, before, after})
}

// finish puts the records of an act into a batch.
func (a *act) finish(b *postgres.Batch) error {
	if len(a.changes) == 0 {
		return nil
	}
	if a.last == nil {
		if err := audit.Queue(b, a.entries...); err != nil {
			return err
		}
	}
	if err := writeHistory(b, a.by, a.changes); err != nil {
		return err
	}
	bump(b)
	return nil
}

// keyed is anything with a key and a revision.
type keyed interface {
	key() uuid.UUID
	revision() int
}

// batch is a query for many rows by id, the shape loaders want.
type batch[T any] func(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]T, error)

// previous reads what v is about to replace: nil if v is new.
func previous[T keyed](ctx context.Context, a *act, noun string, v T, byID batch[T]) (*T, error) {
	if v.revision() == 0 {
		return nil, nil
	}
	rows, err := byID(ctx, a.db, []uuid.UUID{v.key()})
	if err != nil {
		return nil, err
	}
	old, ok := rows[v.key()]
	if !ok {
		return nil, missing(noun)
	}
	if old.revision() != v.revision() {
		return nil, conflict(noun, old.revision())
	}
	return &old, nil
}

// revisionNeeded refuses a change of what exists that does not say of which
// revision.
var revisionNeeded = fault.Bad("rev", "REQUIRED", "give the revision you read, so that no one's change is lost")

// previousOf reads what v is about to replace, which must exist.
func previousOf[T keyed](ctx context.Context, a *act, noun string, v T, byID batch[T]) (*T, error) {
	if v.revision() < 1 {
		return nil, revisionNeeded
	}
	return previous(ctx, a, noun, v, byID)
}

// indexed turns rows into the map a loader wants.
func indexed[T keyed](rows []T, err error) (map[uuid.UUID]T, error) {
	byID := make(map[uuid.UUID]T, len(rows))
	for _, r := range rows {
		byID[r.key()] = r
	}
	return byID, err
}

// grouped turns rows into lists by a key.
func grouped[T any](rows []T, err error, of func(T) uuid.UUID) (map[uuid.UUID][]T, error) {
	byID := make(map[uuid.UUID][]T)
	for _, r := range rows {
		byID[of(r)] = append(byID[of(r)], r)
	}
	return byID, err
}

// newID gives a row its public key.
func newID(id uuid.UUID) uuid.UUID {
	if id == uuid.Nil {
		return uuid.Must(uuid.NewV7())
	}
	return id
}
