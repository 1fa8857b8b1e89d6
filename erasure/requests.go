package erasure

import (
	"context"
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/alert"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/jobs"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/vault"
)

// Config of the requests. The zero value is fit for production.
type Config struct {
	// ProbeDelay is how long after the last erasure the first probe asks
	// whether anything is left. Default 1 h.
	ProbeDelay time.Duration
	// FollowUps are later probes, counted from the closing; the first three
	// by default are after 1, 7 and 35 days.
	FollowUps []time.Duration
	// NoProbes closes a request without asking anybody whether the data is
	// gone. Only benchmarks want this.
	NoProbes bool
	// LocatePatience is how long planning waits for services to say what they
	// hold before it goes on without their counts. Default 15 min.
	LocatePatience time.Duration
	// WavePatience is how long a service that does not answer may hold up the
	// next wave. The last wave, the directory, waits for all without end,
	// because others resolve people through it. Default 1 h.
	WavePatience time.Duration
	// NudgeEvery is how often an open request is looked at for what time alone
	// may have made possible. Default 1 min.
	NudgeEvery time.Duration
	// KeyPeriod is how long after closing the key of a request is kept.
	// Default 90 days.
	KeyPeriod time.Duration
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.ProbeDelay, time.Hour)
	set(&c.LocatePatience, 15*time.Minute)
	set(&c.WavePatience, time.Hour)
	set(&c.NudgeEvery, time.Minute)
	set(&c.KeyPeriod, 90*24*time.Hour)
	if c.FollowUps == nil {
		c.FollowUps = []time.Duration{24 * time.Hour, 7 * 24 * time.Hour, 35 * 24 * time.Hour}
	}
	return c
}

// Requests opens requests, plans them, takes decisions about them and takes
// the answers of services.
type Requests struct {
	db      *pgxpool.Pool
	jobs    *river.Client[pgx.Tx]
	vault   *vault.Vault
	log     *audit.Log
	now     func() time.Time
	conf    Config
	issuer  string
	keys    []ed25519.PrivateKey
	parts   PartsCheck
	alerted func(ctx context.Context, a alert.Alert)
	inbox   intake
}

// PartsCheck checks that the parts which a result declares have arrived whole,
// and, of a result that says done, that they add up to what is said to be
// exported of each dataset; see erasure/export.
type PartsCheck func(ctx context.Context, db postgres.DB, task uuid.UUID, declared []answer.Part, exported map[uuid.UUID]int64) error

// Setup is what requests stand on.
type Setup struct {
	DB     *pgxpool.Pool
	Jobs   *river.Client[pgx.Tx] // jobs are posted in the transaction that causes them
	Vault  *vault.Vault          // seals identifiers
	Log    *audit.Log            // proves what certificates say
	Now    func() time.Time
	Issuer string               // Lethe's public URL, in certificates
	Keys   []ed25519.PrivateKey // sign certificates; the newest first
	Parts  PartsCheck           // nil where nothing is exported
	Config Config
	// Alerted is told of each alert about a task, once it is recorded; nil where
	// nobody listens.
	Alerted func(ctx context.Context, a alert.Alert)
}

// New returns requests kept in a database.
func New(s Setup) *Requests {
	return &Requests{db: s.DB, jobs: s.Jobs, vault: s.Vault, log: s.Log, now: s.Now, conf: s.Config.withDefaults(),
		issuer: s.Issuer, keys: s.Keys, parts: s.Parts, alerted: s.Alerted}
}

// progress is the job of taking a request as far as it can go.
type progress struct {
	Request uuid.UUID `json:"request"`
}

// Kind names the job.
func (progress) Kind() string { return "erasure.progress" }

// certify is the job of issuing the certificates that are wanted, once the
// closings have been sealed in the audit log. Losing one loses nothing: the
// clock posts another.
type certify struct{}

// Kind names the job.
func (certify) Kind() string { return "erasure.certify" }

// Pack is the job of packaging what services exported.
type Pack struct {
	Request uuid.UUID `json:"request" river:"unique"`
}

// Kind names the job.
func (Pack) Kind() string { return "erasure.pack" }

// pump posts at most one wake-up a service.
func (s *Requests) pump(ctx context.Context, tx pgx.Tx, services ...uuid.UUID) error {
	if len(services) == 0 {
		return nil
	}
	return s.insertJobs(ctx, tx, queue.Pumps(services...)...)
}

// wake has a request taken further. It is posted also while one like it runs:
// that one may have looked already, and to look once more costs little.
func (s *Requests) wake(ctx context.Context, tx pgx.Tx, request uuid.UUID) error {
	return s.insertJobs(ctx, tx, river.InsertManyParams{Args: progress{request}})
}

// post posts a job of which one at a time is enough.
func (s *Requests) post(ctx context.Context, tx pgx.Tx, job river.JobArgs) error {
	return s.insertJobs(ctx, tx, river.InsertManyParams{Args: job, InsertOpts: jobs.Once()})
}

// lowest is the last of the four priorities of jobs: whatever moves a request
// on goes before its certificate.
const lowest = 4

// sealedAfter is when an entry of the audit log has been sealed for sure, if
// nothing is wrong.
const sealedAfter = 2 * time.Second

func (s *Requests) postAt(ctx context.Context, tx pgx.Tx, job river.JobArgs, at time.Time) error {
	_, err := s.jobs.InsertTx(ctx, tx, job, &river.InsertOpts{ScheduledAt: at})
	return err
}

// act runs fn on a locked request and commits.
func (s *Requests) act(ctx context.Context, id uuid.UUID, fn func(tx pgx.Tx, r *Request) error) (r Request, err error) {
	err = postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		if r, err = lockRequest(ctx, tx, id); err != nil {
			return err
		}
		return fn(tx, &r)
	})
	return r, err
}

// move takes a locked request to another state, and records it. What else the
// caller changed about r is saved with it.
func (s *Requests) move(ctx context.Context, db postgres.DB, by access.Principal, r *Request, to State, code string) error {
	from := r.State
	r.State = to
	if to != Blocked {
		r.Block, r.BlockedFrom = nil, nil
	}
	if err := saveRequest(ctx, db, *r); err != nil {
		return err
	}
	return record(ctx, db, audit.Entry{
		Actor: by.ID, Act: "request." + acts[to], Entity: r.ID, Request: r.ID, Code: code,
		Digest: r.PlanDigest, Day: &r.DueOn, Amounts: map[string]int64{"plan": int64(r.PlanNo), "from": int64(rankOf(from))},
	})
}

// block makes a request wait for a person.
func (s *Requests) block(ctx context.Context, db postgres.DB, r *Request, why Block) error {
	from := r.State
	r.Block, r.BlockedFrom = &why, &from
	return s.move(ctx, db, access.System, r, Blocked, string(why))
}

// acts are the words of the audit log for reaching a state.
var acts = map[State]string{
	Received: "received", IdentityPending: "identity_asked", Verified: "verified", Blocked: "blocked", Planned: "planned",
	Executing: "executing", Verifying: "verifying", Closed: "closed", Merged: "merged",
}

func rankOf(s State) int {
	for n, state := range []State{Received, IdentityPending, Verified, Planned, Executing, Verifying, Closed, Merged, Blocked} {
		if s == state {
			return n
		}
	}
	return -1
}

// in refuses unless the request is in one of the states.
func (r Request) in(states ...State) error {
	for _, s := range states {
		if r.State == s {
			return nil
		}
	}
	return fault.New(fault.Conflict, "WRONG_STATE", "the request is %s; this needs it to be %s", r.State, states)
}

func ptr[T any](v T) *T { return &v }

// join reports every mistake at once; nil if there is none.
func join(mistakes []error) error { return errors.Join(mistakes...) }
