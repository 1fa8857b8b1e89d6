package catalog

import (
	"context"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// RetentionPolicy says how long data are kept, from when, what happens then,
// and on which ground they outlast an erasure, if any.
type RetentionPolicy struct {
	ID             uuid.UUID
	Ref            string
	Name           string
	Duration       string  // ISO 8601, such as P10Y
	Days           int     // of Duration, rounded up; set by the catalog
	Trigger        string  // EVENT_TIME, CREATION, LAST_ACTIVITY, ACCOUNT_CLOSURE, CONTRACT_END, END_OF_FISCAL_YEAR
	Action         string  // DELETE, ANONYMISE, ARCHIVE
	Ground         *string // of Art. 17(3) GDPR, such as 17(3)(b): the data may outlast an erasure; nil: they may not
	LegalReference *string // the law the ground rests on
	Rev            int
}

func (p RetentionPolicy) key() uuid.UUID { return p.ID }
func (p RetentionPolicy) revision() int  { return p.Rev }

var (
	retentionTriggers = []string{"EVENT_TIME", "CREATION", "LAST_ACTIVITY", "ACCOUNT_CLOSURE", "CONTRACT_END", "END_OF_FISCAL_YEAR"}
	retentionActions  = []string{"DELETE", "ANONYMISE", "ARCHIVE"}
	retentionGrounds  = []string{"17(3)(a)", "17(3)(b)", "17(3)(c)", "17(3)(d)", "17(3)(e)"}
)

// DeclareRetentionPolicy enters a retention policy, or changes it. It needs an
// admin: a policy binds every team.
func (c *Catalog) DeclareRetentionPolicy(ctx context.Context, by access.Principal, p RetentionPolicy) (RetentionPolicy, error) {
	err := c.work(ctx, by, func(a *act) (err error) {
		p, err = a.putRetentionPolicy(ctx, p)
		return err
	})
	return p, err
}

func (a *act) putRetentionPolicy(ctx context.Context, p RetentionPolicy) (RetentionPolicy, error) {
	if err := a.by.Require(access.Admin); err != nil {
		return p, err
	}
	if err := p.check(); err != nil {
		return p, err
	}
	p.Days, _ = durationDays(p.Duration)
	old, err := previous(ctx, a, "retention_policy", p, RetentionPoliciesByID)
	if err != nil || old != nil && same(*old, p) {
		return p, err
	}
	p.ID = newID(p.ID)
	if p.Rev, err = saveRetentionPolicy(ctx, a.db, p); err != nil {
		return p, err
	}
	a.did("retention.declared", "RETENTION_POLICY", p.ID, old, p)
	return p, nil
}

func (p RetentionPolicy) check() error {
	var m mistakes
	checkRef(&m, p.Ref)
	checkName(&m, p.Name)
	oneOf(&m, "trigger", p.Trigger, retentionTriggers)
	oneOf(&m, "action", p.Action, retentionActions)
	if _, ok := durationDays(p.Duration); !ok {
		m.add(fault.Bad("duration", "BAD_DURATION", "give an ISO 8601 duration such as P30D, P18M or P10Y, of at most 100 years"))
	}
	if p.Ground != nil {
		oneOf(&m, "ground", *p.Ground, retentionGrounds)
		m.require(p.LegalReference != nil && *p.LegalReference != "", "legalReference", "REQUIRED", "a ground to keep data needs the law it rests on")
	}
	if p.LegalReference != nil {
		m.require(len(*p.LegalReference) <= 500 && printable(*p.LegalReference), "legalReference", "TOO_LONG", "a legal reference has at most 500 printable characters")
	}
	return m.err()
}

var durationForm = regexp.MustCompile(`^P(?:(\d{1,5})W|(?:(\d{1,5})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,5})M)?(?:(\d{1,5})S)?)?)$`)

// durationDays counts the days of an ISO 8601 duration from a fixed day, the
// first of January 2001, so that P1Y is 365 and P10Y is 3652. Parts of a day
// count as a day.
func durationDays(d string) (int, bool) {
	parts := durationForm.FindStringSubmatch(d)
	if parts == nil || d[len(d)-1] == 'P' || d[len(d)-1] == 'T' {
		return 0, false
	}
	n := make([]int, len(parts))
	for i, p := range parts[1:] {
		n[i+1], _ = strconv.Atoi(p)
	}
	start := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	end := start.AddDate(n[2], n[3], n[4]+7*n[1]).Add(time.Duration(n[5])*time.Hour + time.Duration(n[6])*time.Minute + time.Duration(n[7])*time.Second)
	if end.After(start.AddDate(100, 0, 0)) {
		return 0, false
	}
	return int((end.Sub(start) + 24*time.Hour - 1) / (24 * time.Hour)), true
}

func saveRetentionPolicy(ctx context.Context, db postgres.DB, p RetentionPolicy) (int, error) {
	const q = `
		INSERT INTO catalog_retention_policy (id, ref, name, duration, days, trigger, action, ground, legal_reference)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		    ON CONFLICT (id) DO UPDATE
		   SET ref = excluded.ref, name = excluded.name, duration = excluded.duration, days = excluded.days,
		       trigger = excluded.trigger, action = excluded.action, ground = excluded.ground,
		       legal_reference = excluded.legal_reference, rev = catalog_retention_policy.rev + 1, updated_at = now()
		 WHERE catalog_retention_policy.rev = $10
		RETURNING rev`
	rev, err := postgres.Scalar[int](ctx, db, q, p.ID, p.Ref, p.Name, p.Duration, p.Days, p.Trigger, p.Action, p.Ground, p.LegalReference, p.Rev)
	return rev, lost(err)
}

// RetentionPoliciesByID finds retention policies; unknown ids are absent.
func RetentionPoliciesByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]RetentionPolicy, error) {
	const q = `
		SELECT id, ref, name, duration, days, trigger, action, ground, legal_reference, rev
		  FROM catalog_retention_policy
		 WHERE id = ANY ($1)
		 ORDER BY id`
	return indexed(postgres.Many[RetentionPolicy](ctx, db, q, ids))
}

// RetentionPolicies lists the retention policies by ref.
func (c *Catalog) RetentionPolicies(ctx context.Context, by access.Principal, p page.Args) (page.Page[RetentionPolicy], error) {
	const q = `
		SELECT id, ref, name, duration, days, trigger, action, ground, legal_reference, rev
		  FROM catalog_retention_policy
		 WHERE ref > $1
		 ORDER BY ref
		 LIMIT $2`
	return byRef(by, p, "retention_policies", func(after string, limit int) ([]RetentionPolicy, error) {
		return postgres.Many[RetentionPolicy](ctx, c.db, q, after, limit)
	}, func(p RetentionPolicy) string { return p.Ref })
}
