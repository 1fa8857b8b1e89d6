package trust

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Pass is what a job that was let in is given.
type Pass struct {
	Token     string // shown once
	ExpiresAt time.Time
	Verbs     []access.Verb
	Held      string // what keeps the job to checking, though its trust says more; else ""
}

const (
	// prefix begins every token, so that people and scanners for secrets know one.
	prefix = "lethejob_"
	// issuer is whom the principals of jobs are known by.
	issuer = "lethe:trust"
	// lasts is how long a token serves.
	lasts = 15 * time.Minute
	// slack is how far the clocks of two replicas may be apart.
	slack = 2 * time.Minute
)

var (
	// errRefused is the same for whoever is not let in: a forger learns nothing.
	errRefused = fault.New(fault.Unknown, "IDENTITY_REFUSED", "no trust lets this identity token in, or it was used before; Lethe's log has the reason under the request id, docs/ci.md the rules")
	errSeveral = fault.New(fault.Invalid, "TRUST_AMBIGUOUS", "trusts for several services let this job in; say which one it acts for: LETHE_JOB_SERVICE, or scope=service:REF")
	errUnknown = fault.New(fault.Unknown, "JOB_TOKEN_INVALID", "this job's token is not known, has ended, or its trust has; let the job sign in anew")
)

// Refused is the answer to an identity token that lets nobody in. Why is for the
// log, and holds nothing that the token says.
func Refused(why error) error { return errRefused.With(why) }

// Is reports whether a secret has the form of a job's token.
func Is(secret string) bool { return strings.HasPrefix(secret, prefix) }

// Admit lets a job in by the claims of its identity token, whose signature,
// issuer, audience and times the caller has verified. It serves once. Of several
// trusts that let the job in, the one counts that allows it most, and of those
// the oldest; if they are for several services, the caller names one.
func (ts *Trusts) Admit(ctx context.Context, issuer string, claims []byte, service string) (Pass, error) {
	of, known := ts.of[issuer]
	if !known {
		return Pass{}, Refused(errors.New("the issuer is not among LETHE_CI_ISSUERS"))
	}
	j, err := read(of, claims, ts.now())
	if err != nil {
		return Pass{}, Refused(err)
	}
	named, err := ts.naming(ctx, issuer, j)
	if err != nil {
		return Pass{}, err
	}
	t, err := choose(named, j, service)
	if err != nil {
		return Pass{}, err
	}
	return ts.give(ctx, t, j)
}

// naming finds the trusts that name a job's repository, the oldest first.
func (ts *Trusts) naming(ctx context.Context, issuer string, j job) ([]Trust, error) {
	const q = `
		SELECT t.id, t.provider, t.issuer, t.repository, t.owner, t.workflow, t.ref, t.environment, t.events, s.ref AS service, t.verbs, t.subjects, t.label, t.created_at, t.ended_at
		  FROM catalog_trust t
		  JOIN catalog_service s ON s.id = t.service_id
		 WHERE t.issuer = $1 AND t.repository = $2 AND t.ended_at IS NULL
		 ORDER BY t.created_at, t.id
		 LIMIT $3`
	return postgres.Many[Trust](ctx, ts.db, q, issuer, int64(j.repository), mostListed)
}

// choose picks the trust that counts.
func choose(named []Trust, j job, service string) (best Trust, err error) {
	if len(named) == 0 {
		return best, Refused(errNobody)
	}
	if service != "" {
		if named = slices.DeleteFunc(named, func(t Trust) bool { return t.Service != service }); len(named) == 0 {
			return best, Refused(errService)
		}
	}
	most := 0
	for _, t := range named {
		why := t.admits(j)
		switch {
		case why != nil:
			err = why
		case most > 0 && t.Service != best.Service:
			return best, errSeveral
		case len(t.allows(j)) > most:
			best, most = t, len(t.allows(j))
		}
	}
	if most == 0 {
		return best, Refused(err)
	}
	return best, nil
}

// allows is what a job that is let in may do.
func (t Trust) allows(j job) []access.Verb {
	if t.held(j) != "" {
		return []access.Verb{access.Check}
	}
	return t.Verbs
}

// give makes a token, unless the identity was used before. Of two replicas that
// are shown the same one at once, the database lets one through.
func (ts *Trusts) give(ctx context.Context, t Trust, j job) (p Pass, err error) {
	random := make([]byte, 25)
	rand.Read(random)
	now := ts.now()
	p = Pass{prefix + strings.ToLower(base32.StdEncoding.EncodeToString(random)), now.Add(lasts), t.allows(j), t.held(j)}
	err = postgres.Work(ctx, ts.db, func(tx pgx.Tx) error { return keepPass(ctx, tx, t, j, p) })
	if postgres.Violates(err, "catalog_trust_token_identity_used") {
		err = Refused(errUsed)
	}
	return p, err
}

func keepPass(ctx context.Context, tx pgx.Tx, t Trust, j job, p Pass) error {
	principal, err := audit.EnsurePrincipal(ctx, tx, issuer, actor(t, j, p), string(access.CI)+" of "+t.Service)
	if err != nil {
		return err
	}
	keptUntil := j.expires.Add(slack)
	if keptUntil.Before(p.ExpiresAt) {
		keptUntil = p.ExpiresAt
	}
	hash, identity := sha256.Sum256([]byte(p.Token)), sha256.Sum256([]byte(t.Issuer+"\x00"+j.id))
	const q = `
		INSERT INTO catalog_trust_token (hash, identity, trust_id, principal_id, verbs, held, expires_at, kept_until)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	if _, err := tx.Exec(ctx, q, hash[:], identity[:], t.ID, principal, p.Verbs, p.Held, p.ExpiresAt, keptUntil); err != nil || len(p.Verbs) == 1 {
		return err // to be let in to check is no act that anybody has to answer for
	}
	return audit.Append(ctx, tx, audit.Entry{Actor: principal, Act: "trust.used", Entity: t.ID, Code: strings.ToUpper(string(t.Provider)),
		Amounts: map[string]int64{"repository": int64(j.repository), "run": int64(j.run)}})
}

// actor is whom the audit log knows a job by: its trust, and where it may change
// something the repository and the run, as numbers.
func actor(t Trust, j job, p Pass) string {
	if len(p.Verbs) == 1 {
		return t.ID.String()
	}
	return fmt.Sprintf("%s/%d/%d", t.ID, j.repository, j.run)
}

// Holder is whom a token stands for, and until when. One that is not known, has
// ended, or whose trust has, stands for nobody: the fault JOB_TOKEN_INVALID.
func (ts *Trusts) Holder(ctx context.Context, secret string) (access.Principal, time.Time, error) {
	hash := sha256.Sum256([]byte(secret))
	const q = `
		SELECT k.principal_id, s.ref AS service, k.verbs, t.subjects, k.held, k.expires_at
		  FROM catalog_trust_token k
		  JOIN catalog_trust t ON t.id = k.trust_id
		  JOIN catalog_service s ON s.id = t.service_id
		 WHERE k.hash = $1 AND k.expires_at > $2 AND t.ended_at IS NULL`
	h, err := postgres.One[struct {
		PrincipalID uuid.UUID
		Service     string
		Verbs       []access.Verb
		Subjects    []string
		Held        string
		ExpiresAt   time.Time
	}](ctx, ts.db, q, hash[:], ts.now())
	if errors.Is(err, postgres.ErrNotFound) {
		return access.Principal{}, time.Time{}, errUnknown
	}
	if err != nil {
		return access.Principal{}, time.Time{}, err
	}
	return access.Principal{ID: h.PrincipalID, Name: string(access.CI) + " of " + h.Service, Roles: []access.Role{access.CI}, Service: h.Service,
		Errand: &access.Errand{Verbs: h.Verbs, Subjects: h.Subjects, Held: h.Held}}, h.ExpiresAt, nil
}

// Sweep deletes the tokens that have ended, once the identity they were given for
// has, too.
func (ts *Trusts) Sweep(ctx context.Context) error {
	const q = `DELETE FROM catalog_trust_token WHERE kept_until < $1`
	_, err := ts.db.Exec(ctx, q, ts.now())
	return err
}
