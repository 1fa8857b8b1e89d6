// Package trust lets jobs of pipelines in by the identity token that their
// provider gives them. A trust names a repository by its numbers, its workflow,
// and where and when that may do more than check; a job that is as a trust says
// is given a token of ours for a quarter of an hour. Who a job is decides whether
// it comes in; where and when it runs, what it may do there.
package trust

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog/steward"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Provider is whose jobs they are, and so what their tokens say.
type Provider string

// The providers.
const (
	GitHub Provider = "github"
	GitLab Provider = "gitlab"
)

// Trust is what a job must be, and what it may do then.
type Trust struct {
	ID         uuid.UUID
	Provider   Provider
	Issuer     string // of its identity tokens, as they spell it
	Repository int64  // repository_id; of GitLab, project_id
	Owner      int64  // repository_owner_id; of GitLab, namespace_id
	Workflow   string // the file that says what the job does, within the repository

	// Where and when it may do more than check.
	Ref         string   // pattern: refs/heads/main, refs/tags/v*
	Environment string   // "" for any, or none
	Events      []string // event_name; of GitLab, pipeline_source

	Service  string        // ref of the service it acts for
	Verbs    []access.Verb // what it may do
	Subjects []string      // patterns of the subjects that it may change
	Label    string        // for people: what they call the repository

	CreatedAt time.Time
	EndedAt   *time.Time
}

// Trusts declares trusts, ends them, and lets jobs in.
type Trusts struct {
	db  *pgxpool.Pool
	now func() time.Time
	of  map[string]Provider // by issuer: whose tokens are taken at all
}

// New returns the trusts kept in db. It takes the tokens of the issuers named,
// and of no other.
func New(db *pgxpool.Pool, now func() time.Time, issuers map[string]Provider) *Trusts {
	return &Trusts{db, now, issuers}
}

// writing are the events for which a job may be trusted with more than to check.
// What runs because of somebody's request, or beside another's code, is not
// among them: pull_request, pull_request_target, workflow_run, issue_comment;
// merge_request_event, external_pull_request_event, and parent_pipeline, which
// may be the child of a merge request's.
// https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows
// https://docs.gitlab.com/ci/jobs/job_rules/#ci_pipeline_source-predefined-variable
var writing = map[Provider][]string{
	GitHub: {"push", "workflow_dispatch", "release"},
	GitLab: {"push", "web", "schedule", "api", "trigger", "pipeline"},
}

// Bounds of a trust.
const (
	longestText  = 500
	mostSubjects = 50
)

// Declare keeps a trust. It needs a steward of the service's team, or an admin,
// who could as well give its pipeline an API key.
func (ts *Trusts) Declare(ctx context.Context, by access.Principal, t Trust) (Trust, error) {
	if err := by.Require(access.Steward, access.Admin); err != nil {
		return t, err
	}
	t, err := ts.complete(t)
	if err != nil {
		return t, err
	}
	t.ID, t.CreatedAt, t.EndedAt = uuid.Must(uuid.NewV7()), ts.now(), nil
	return t, postgres.Work(ctx, ts.db, func(tx pgx.Tx) error { return keep(ctx, tx, by, t) })
}

// complete checks what was declared, and adds what goes without saying. All
// mistakes are told at once.
func (ts *Trusts) complete(t Trust) (Trust, error) {
	var faults []error
	bad := func(path, code, words string) { faults = append(faults, fault.Bad(path, code, "%s", words)) }
	switch of, known := ts.of[t.Issuer]; {
	case !known && len(ts.of) == 0:
		bad("issuer", "TRUST_ISSUER", "no issuer of identity tokens is named to this server; an operator sets LETHE_CI_ISSUERS")
	case !known:
		bad("issuer", "TRUST_ISSUER", "the tokens of this issuer are not taken; name one of LETHE_CI_ISSUERS, as its tokens spell it")
	default:
		t.Provider = of
	}
	if t.Repository <= 0 || t.Owner <= 0 {
		bad("repository", "TRUST_REPOSITORY", "name repository and owner by their numeric ids; names can be taken over by others")
	}
	if !plain(t.Workflow) || strings.HasPrefix(t.Workflow, "/") {
		bad("workflow", "TRUST_WORKFLOW", "name the file that defines the job within its repository, such as .github/workflows/schemas.yml or .gitlab-ci.yml")
	}
	if !plain(t.Label) || len(t.Label) > 100 {
		bad("label", "TRUST_LABEL", "say in 1 to 100 printable characters what people call the repository")
	}
	verbs, err := verbsOf(t.Verbs)
	if err != nil {
		faults = append(faults, err)
	}
	if t.Verbs = verbs; len(verbs) > 1 {
		faults = append(faults, t.writes()...)
	} else {
		t.Ref, t.Environment, t.Events, t.Subjects = "", "", nil, nil // whoever only checks may do so anywhere
	}
	return t, errors.Join(faults...)
}

// writes checks what stands for jobs that may do more than check. What is left
// out is as narrow as can be.
func (t *Trust) writes() (faults []error) {
	if t.Ref == "" {
		t.Ref = "refs/heads/main"
	}
	if !plain(t.Ref) || !strings.HasPrefix(t.Ref, "refs/heads/") && !strings.HasPrefix(t.Ref, "refs/tags/") {
		faults = append(faults, fault.Bad("ref", "TRUST_REF", "name the branches or tags in full, such as refs/heads/main or refs/tags/v*"))
	}
	if t.Environment != "" && (!plain(t.Environment) || len(t.Environment) > 255) {
		faults = append(faults, fault.Bad("environment", "TRUST_ENVIRONMENT", "an environment has a name of 1 to 255 printable characters"))
	}
	if len(t.Events) == 0 {
		t.Events = []string{"push"}
	}
	known := writing[t.Provider]
	for _, e := range t.Events {
		if known != nil && !slices.Contains(known, e) {
			faults = append(faults, fault.Bad("events", "TRUST_EVENT", "more than to check is for the events %s; every other may check without being named", strings.Join(known, ", ")))
			break
		}
	}
	needs := slices.ContainsFunc(t.Verbs, func(v access.Verb) bool { return v != access.Check && v != access.Push })
	if needs && len(t.Subjects) == 0 || len(t.Subjects) > mostSubjects || slices.ContainsFunc(t.Subjects, func(s string) bool { return !plain(s) }) {
		faults = append(faults, fault.Bad("subjects", "TRUST_SUBJECTS", "name the subjects that jobs may change in 1 to %d patterns, such as orders.*", mostSubjects))
	}
	slices.Sort(t.Events)
	slices.Sort(t.Subjects)
	t.Events, t.Subjects = slices.Compact(t.Events), slices.Compact(t.Subjects)
	return faults
}

// verbsOf puts verbs into their order, checking among them.
func verbsOf(given []access.Verb) (out []access.Verb, err error) {
	names := make([]string, len(access.Verbs))
	for i, v := range access.Verbs {
		names[i] = string(v)
		if v == access.Check || slices.Contains(given, v) {
			out = append(out, v)
		}
	}
	for _, v := range given {
		if !slices.Contains(access.Verbs, v) {
			return out, fault.Bad("verbs", "TRUST_VERB", "%s", fault.Suggest("a job is trusted to "+strings.Join(names, ", "), string(v), names))
		}
	}
	return out, nil
}

// plain reports whether a text is there, printable, and not too long.
func plain(s string) bool {
	return strings.TrimSpace(s) != "" && len(s) <= longestText && !strings.ContainsFunc(s, unicode.IsControl)
}

func keep(ctx context.Context, tx pgx.Tx, by access.Principal, t Trust) error {
	s, err := steward.Of(ctx, tx, by, t.Service)
	if err != nil {
		return err
	}
	const q = `
		INSERT INTO catalog_trust (id, provider, issuer, repository, owner, workflow, ref, environment, events, service_id, verbs, subjects, label, created_by, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`
	_, err = tx.Exec(ctx, q, t.ID, t.Provider, t.Issuer, t.Repository, t.Owner, t.Workflow, t.Ref, t.Environment, list(t.Events), s.ID, t.Verbs, list(t.Subjects), t.Label, by.ID, t.CreatedAt)
	if err != nil {
		return err
	}
	return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "trust.declared", Entity: t.ID, Code: strings.ToUpper(string(t.Provider)),
		Amounts: map[string]int64{"repository": t.Repository, "owner": t.Owner, "verbs": int64(len(t.Verbs)), "subjects": int64(len(t.Subjects))}})
}

// list is a list that is there, if only to be empty.
func list(all []string) []string { return append([]string{}, all...) }

// End ends a trust, and with it the tokens that were given for it; one that has
// ended stays so. It needs who may declare it.
func (ts *Trusts) End(ctx context.Context, by access.Principal, id uuid.UUID) (t Trust, err error) {
	if err := by.Require(access.Steward, access.Admin); err != nil {
		return t, err
	}
	err = postgres.Work(ctx, ts.db, func(tx pgx.Tx) error {
		t, err = ts.end(ctx, tx, by, id)
		return err
	})
	return t, err
}

var errNoTrust = fault.New(fault.NotFound, "TRUST_NOT_FOUND", "there is no such trust; lethe trust list shows them")

func (ts *Trusts) end(ctx context.Context, tx pgx.Tx, by access.Principal, id uuid.UUID) (Trust, error) {
	const q = `
		SELECT t.id, t.provider, t.issuer, t.repository, t.owner, t.workflow, t.ref, t.environment, t.events, s.ref AS service, t.verbs, t.subjects, t.label, t.created_at, t.ended_at
		  FROM catalog_trust t
		  JOIN catalog_service s ON s.id = t.service_id
		 WHERE t.id = $1
		   FOR UPDATE OF t`
	t, err := postgres.One[Trust](ctx, tx, q, id)
	if errors.Is(err, postgres.ErrNotFound) {
		return t, errNoTrust
	}
	if err != nil {
		return t, err
	}
	if _, err := steward.Of(ctx, tx, by, t.Service); err != nil || t.EndedAt != nil {
		return t, err
	}
	now := ts.now()
	t.EndedAt = &now
	const qEnd = `UPDATE catalog_trust SET ended_at = $2, ended_by = $3 WHERE id = $1`
	if _, err := tx.Exec(ctx, qEnd, id, now, by.ID); err != nil {
		return t, err
	}
	return t, audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "trust.ended", Entity: t.ID, Code: strings.ToUpper(string(t.Provider))})
}

// mostListed is how many trusts one call of List returns; nobody has so many.
const mostListed = 1000

// List lists the trusts for a service, or all where service is "", the newest
// first, those that have ended among them. It needs a steward, who sees those
// of their teams, or whoever sees everything.
func (ts *Trusts) List(ctx context.Context, by access.Principal, service string) ([]Trust, error) {
	if err := by.Require(access.Steward, access.Admin, access.Auditor, access.DPO); err != nil {
		return nil, err
	}
	everything := by.IsSystem() || by.Has(access.Admin, access.Auditor, access.DPO)
	const q = `
		SELECT t.id, t.provider, t.issuer, t.repository, t.owner, t.workflow, t.ref, t.environment, t.events, s.ref AS service, t.verbs, t.subjects, t.label, t.created_at, t.ended_at
		  FROM catalog_trust t
		  JOIN catalog_service s ON s.id = t.service_id
		  LEFT JOIN catalog_owner o ON o.id = s.owner_id
		 WHERE ($1 = '' OR s.ref = $1) AND ($2 OR o.ref = ANY ($3))
		 ORDER BY t.created_at DESC, t.id
		 LIMIT $4`
	return postgres.Many[Trust](ctx, ts.db, q, service, everything, by.Teams, mostListed)
}
