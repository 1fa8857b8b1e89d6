package trust_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/trust"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

const (
	github = "https://token.actions.githubusercontent.com"
	gitlab = "https://gitlab.example.com"
)

var issuers = map[string]trust.Provider{github: trust.GitHub, gitlab: trust.GitLab}

// clock is a time that a test moves on.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// company has the services orders of the team shop, and billing of nobody.
func company(t *testing.T) (*trust.Trusts, *pgxpool.Pool, *clock) {
	t.Helper()
	db := pgtest.New(t)
	c := &clock{time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	rooms := catalog.New(db, c.now, catalog.Dev)
	ctx, by := t.Context(), access.System
	home, err := rooms.DeclareController(ctx, by, catalog.Controller{Ref: "de", Name: "FlowMart DE", Country: "DE", TimeZone: "Europe/Berlin"})
	if err != nil {
		t.Fatal(err)
	}
	team, err := rooms.DeclareOwner(ctx, by, catalog.Owner{Kind: "TEAM", Ref: "shop", Name: "Shop", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []catalog.Service{{Ref: "orders", Name: "Orders", OwnerID: &team.ID}, {Ref: "billing", Name: "Billing"}} {
		s.ControllerID = home.ID
		if _, err := rooms.RegisterService(ctx, by, s); err != nil {
			t.Fatal(err)
		}
	}
	return trust.New(db, c.now, issuers), db, c
}

func someone(t *testing.T, db *pgxpool.Pool, role access.Role, teams ...string) access.Principal {
	t.Helper()
	id, err := audit.EnsurePrincipal(t.Context(), db, "test", uuid.NewString(), "x")
	if err != nil {
		t.Fatal(err)
	}
	return access.Principal{ID: id, Roles: []access.Role{role}, Teams: teams}
}

// code is the first code of an error, or what it says.
func code(err error) string {
	if all := fault.All(err); len(all) > 0 {
		return all[0].Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// ours is a trust of a repository of GitHub, after the example of
// https://docs.github.com/actions/reference/security/oidc.
func ours(change ...func(*trust.Trust)) trust.Trust {
	t := trust.Trust{Issuer: github, Repository: 74, Owner: 65, Workflow: ".github/workflows/schemas.yml", Ref: "refs/heads/main", Environment: "production",
		Events: []string{"push", "release"}, Service: "orders", Verbs: []access.Verb{access.Register, access.Push}, Subjects: []string{"orders.*"}, Label: "octo-org/octo-repo"}
	for _, c := range change {
		c(&t)
	}
	return t
}

// onGitLab is one of a project of GitLab, after the example of
// https://docs.gitlab.com/ci/secrets/id_token_authentication.
func onGitLab(t *trust.Trust) {
	t.Issuer, t.Repository, t.Owner, t.Workflow, t.Events = gitlab, 20, 72, ".gitlab-ci.yml", []string{"push"}
}

type claims map[string]any

// job is what GitHub says of a job that the trust means, with claims changed or,
// where they are nil, left out.
func job(t *testing.T, at time.Time, change claims) []byte {
	return told(t, at, claims{
		"iss": github, "sub": "repo:octo-org/octo-repo:environment:production", "repository": "octo-org/octo-repo", "repository_owner": "octo-org",
		"repository_id": "74", "repository_owner_id": "65", "run_id": "1345678901", "run_attempt": "2", "actor": "octocat", "actor_id": "12",
		"job_workflow_ref": "octo-org/octo-repo/.github/workflows/schemas.yml@refs/heads/main", "ref": "refs/heads/main", "ref_type": "branch", "ref_protected": "true",
		"event_name": "push", "environment": "production",
	}, change)
}

// gitlabJob is the same of GitLab.
func gitlabJob(t *testing.T, at time.Time, change claims) []byte {
	return told(t, at, claims{
		"iss": gitlab, "sub": "project_path:my-group/my-project:ref_type:branch:ref:main", "project_path": "my-group/my-project", "namespace_path": "my-group",
		"project_id": "20", "namespace_id": "72", "pipeline_id": "574", "job_id": "302", "user_login": "sample-user", "user_email": "sample-user@example.com", "runner_id": 1,
		"ci_config_ref_uri": "gitlab.example.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main", "ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main", "ref_protected": "true",
		"pipeline_source": "push", "environment": "production",
	}, change)
}

func told(t *testing.T, at time.Time, usual, change claims) []byte {
	t.Helper()
	usual["jti"], usual["exp"] = uuid.NewString(), at.Add(5*time.Minute).Unix()
	maps.Copy(usual, change)
	maps.DeleteFunc(usual, func(_ string, v any) bool { return v == nil })
	raw, err := json.Marshal(usual)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// An identity serves once, whoever is shown it: of many replicas at once one lets
// it in, and it is remembered for as long as it could be shown.
func TestAnIdentityServesOnce(t *testing.T) {
	t.Parallel()
	trusts, db, at := company(t)
	if _, err := trusts.Declare(t.Context(), someone(t, db, access.Admin), ours()); err != nil {
		t.Fatal(err)
	}
	replicas := []*trust.Trusts{trusts, trust.New(db, at.now, issuers)}
	for range 20 {
		token := job(t, at.now(), claims{"exp": at.now().Add(time.Hour).Unix()})
		var wg sync.WaitGroup
		answers := make([]error, 6)
		for i := range answers {
			wg.Go(func() { _, answers[i] = replicas[i%2].Admit(t.Context(), github, token, "") })
		}
		wg.Wait()
		won := 0
		for _, err := range answers {
			if err == nil {
				won++
			} else if cause := errors.Unwrap(err); code(err) != "IDENTITY_REFUSED" || cause.Error() != "the token was used before" {
				t.Errorf("%v: %v", err, cause)
			}
		}
		if won != 1 {
			t.Fatalf("%d of %d were let in", won, len(answers))
		}
	}
	token := job(t, at.now(), claims{"exp": at.now().Add(time.Hour).Unix()})
	verdict(t, trusts, github, token, "check register push", "")
	at.at = at.at.Add(59 * time.Minute)
	if err := trusts.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	verdict(t, trusts, github, token, "", "the token was used before")
	at.at = at.at.Add(5 * time.Minute)
	if err := trusts.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	const q = `SELECT count(*)::int FROM catalog_trust_token`
	if n, err := postgres.Scalar[int](t.Context(), db, q); err != nil || n != 0 {
		t.Errorf("%d tokens are kept after their end: %v", n, err)
	}
}

// A token ends after a quarter of an hour, and at once with its trust.
func TestATokenEnds(t *testing.T) {
	t.Parallel()
	trusts, db, at := company(t)
	ctx := t.Context()
	steward := someone(t, db, access.Steward, "shop")
	declared, err := trusts.Declare(ctx, steward, ours())
	if err != nil {
		t.Fatal(err)
	}
	p, err := trusts.Admit(ctx, github, job(t, at.now(), nil), "")
	if err != nil || !trust.Is(p.Token) || len(p.Token) < 40 {
		t.Fatalf("%+v %v", p, err)
	}
	const q = `SELECT count(*)::int FROM catalog_trust_token k WHERE k::text LIKE '%' || $1 || '%'`
	if n, err := postgres.Scalar[int](ctx, db, q, strings.TrimPrefix(p.Token, "lethejob_")); err != nil || n != 0 {
		t.Errorf("the token is kept: %d %v", n, err)
	}
	at.at = at.at.Add(15*time.Minute - time.Second)
	if _, _, err := trusts.Holder(ctx, p.Token); err != nil {
		t.Errorf("a second before its end: %v", err)
	}
	at.at = at.at.Add(time.Second)
	if _, _, err := trusts.Holder(ctx, p.Token); code(err) != "JOB_TOKEN_INVALID" {
		t.Errorf("at its end: %v", err)
	}

	if p, err = trusts.Admit(ctx, github, job(t, at.now(), nil), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := trusts.End(ctx, someone(t, db, access.Steward, "billing"), declared.ID); code(err) != "NOT_OWNER" {
		t.Errorf("a stranger ends it: %v", err)
	}
	for range 2 {
		if gone, err := trusts.End(ctx, steward, declared.ID); err != nil || gone.EndedAt == nil {
			t.Errorf("%+v %v", gone, err)
		}
	}
	if _, _, err := trusts.Holder(ctx, p.Token); code(err) != "JOB_TOKEN_INVALID" {
		t.Errorf("its trust has ended: %v", err)
	}
	verdict(t, trusts, github, job(t, at.now(), nil), "", "no trust names the repository")
	if _, err := trusts.End(ctx, steward, uuid.New()); code(err) != "TRUST_NOT_FOUND" {
		t.Errorf("what is not there: %v", err)
	}
}

// The audit log knows a job that may change something by its trust, its
// repository and its run, all of them numbers; nobody's name is kept anywhere.
func TestWhatIsRecorded(t *testing.T) {
	t.Parallel()
	trusts, db, at := company(t)
	ctx := t.Context()
	admin := someone(t, db, access.Admin)
	declared, err := trusts.Declare(ctx, admin, ours())
	if err != nil {
		t.Fatal(err)
	}
	p, err := trusts.Admit(ctx, github, job(t, at.now(), nil), "")
	if err != nil {
		t.Fatal(err)
	}
	checks, err := trusts.Admit(ctx, github, job(t, at.now(), claims{"event_name": "pull_request"}), "")
	if err != nil {
		t.Fatal(err)
	}
	by, _, err := trusts.Holder(ctx, p.Token)
	if err != nil {
		t.Fatal(err)
	}
	looks, _, err := trusts.Holder(ctx, checks.Token)
	if err != nil || looks.ID == by.ID {
		t.Fatalf("%v %v", looks, err)
	}
	known, err := audit.PrincipalsByID(ctx, db, []uuid.UUID{by.ID, looks.ID})
	if err != nil || *known[by.ID].Issuer != "lethe:trust" || *known[by.ID].Subject != declared.ID.String()+"/74/1345678901" || *known[looks.ID].Subject != declared.ID.String() {
		t.Errorf("they are known as %+v: %v", known, err)
	}
	if _, err := trusts.End(ctx, admin, declared.ID); err != nil {
		t.Fatal(err)
	}
	const q = `
		SELECT string_agg(act || ' ' || code || ' ' || CASE actor_id WHEN $1 THEN 'job' WHEN $2 THEN 'admin' END || ' ' || coalesce(amounts ->> 'repository', '') || ' ' || coalesce(amounts ->> 'run', ''), ', ' ORDER BY id)
		  FROM audit_entry
		 WHERE entity_id = $3`
	want := "trust.declared GITHUB admin 74 , trust.used GITHUB job 74 1345678901, trust.ended GITHUB admin  "
	if got, err := postgres.Scalar[string](ctx, db, q, by.ID, admin.ID, declared.ID); err != nil || got != want {
		t.Errorf("recorded %q, want %q: %v", got, want, err)
	}
	for _, table := range []string{"catalog_trust_token", "audit_principal", "audit_entry"} {
		const names = `SELECT count(*)::int FROM query_to_xml('SELECT * FROM ' || $1, true, true, '') AS x WHERE x::text LIKE '%octocat%'`
		if n, err := postgres.Scalar[int](ctx, db, names, table); err != nil || n != 0 {
			t.Errorf("%s names who started the job: %v", table, err)
		}
	}
}

// Of several trusts the one counts that allows most; a job says which service it
// acts for where there are several.
func TestWhichTrustCounts(t *testing.T) {
	t.Parallel()
	trusts, db, at := company(t)
	ctx := t.Context()
	admin := someone(t, db, access.Admin)
	declare := func(change ...func(*trust.Trust)) {
		t.Helper()
		if _, err := trusts.Declare(ctx, admin, ours(change...)); err != nil {
			t.Fatal(err)
		}
		at.at = at.at.Add(time.Second)
	}
	declare(func(t *trust.Trust) { t.Owner = 66 })
	declare(func(t *trust.Trust) {
		t.Verbs, t.Ref, t.Subjects = access.Verbs, "refs/heads/release/*", []string{"orders.*"}
	})
	declare(func(t *trust.Trust) { t.Verbs = []access.Verb{access.Check} })
	declare()
	verdict(t, trusts, github, job(t, at.now(), nil), "check register push", "")
	on := func(ref string) claims {
		return claims{"ref": ref, "job_workflow_ref": "octo-org/octo-repo/.github/workflows/schemas.yml@" + ref}
	}
	verdict(t, trusts, github, job(t, at.now(), on("refs/heads/release/1")), "check register delete declare push", "")

	declare(func(t *trust.Trust) { t.Service, t.Subjects = "billing", []string{"billing.*"} })
	if _, err := trusts.Admit(ctx, github, job(t, at.now(), nil), ""); code(err) != "TRUST_AMBIGUOUS" {
		t.Errorf("for two services: %v", err)
	}
	for service, subjects := range map[string]string{"orders": "orders.*", "billing": "billing.*"} {
		p, err := trusts.Admit(ctx, github, job(t, at.now(), nil), service)
		if err != nil {
			t.Fatal(err)
		}
		if by, _, err := trusts.Holder(ctx, p.Token); err != nil || by.Service != service || !slices.Equal(by.Errand.Subjects, []string{subjects}) {
			t.Errorf("for %s: %+v %+v %v", service, by, by.Errand, err)
		}
	}
	_, err := trusts.Admit(ctx, github, job(t, at.now(), nil), "payments")
	if cause := errors.Unwrap(err); code(err) != "IDENTITY_REFUSED" || !strings.HasPrefix(cause.Error(), "no trust for the service") {
		t.Errorf("for a third: %v", err)
	}
}

func TestWhoMayDeclareAndWhat(t *testing.T) {
	t.Parallel()
	trusts, db, _ := company(t)
	admin := someone(t, db, access.Admin)
	set := func(change func(*trust.Trust)) trust.Trust { return ours(change) }
	for name, c := range map[string]struct {
		by   access.Principal
		t    trust.Trust
		code string
	}{
		"nobody":                 {access.Principal{}, ours(), "UNAUTHENTICATED"},
		"a pipeline":             {someone(t, db, access.CI), ours(), "ROLE_REQUIRED"},
		"another team":           {someone(t, db, access.Steward, "billing"), ours(), "NOT_OWNER"},
		"a service of nobody":    {someone(t, db, access.Steward, "shop"), set(func(t *trust.Trust) { t.Service = "billing" }), "NOT_OWNER"},
		"the team":               {someone(t, db, access.Steward, "shop"), ours(), ""},
		"no such service":        {admin, set(func(t *trust.Trust) { t.Service = "nothing" }), "SERVICE_NOT_FOUND"},
		"another issuer":         {admin, set(func(t *trust.Trust) { t.Issuer = "https://eve.example" }), "TRUST_ISSUER"},
		"an issuer with a slash": {admin, set(func(t *trust.Trust) { t.Issuer = github + "/" }), "TRUST_ISSUER"},
		"no repository":          {admin, set(func(t *trust.Trust) { t.Repository = 0 }), "TRUST_REPOSITORY"},
		"no owner":               {admin, set(func(t *trust.Trust) { t.Owner = -1 }), "TRUST_REPOSITORY"},
		"no workflow":            {admin, set(func(t *trust.Trust) { t.Workflow = "" }), "TRUST_WORKFLOW"},
		"a path from the root":   {admin, set(func(t *trust.Trust) { t.Workflow = "/.gitlab-ci.yml" }), "TRUST_WORKFLOW"},
		"no label":               {admin, set(func(t *trust.Trust) { t.Label = "" }), "TRUST_LABEL"},
		"an unknown verb":        {admin, set(func(t *trust.Trust) { t.Verbs = []access.Verb{"registr"} }), "TRUST_VERB"},
		"a bare branch":          {admin, set(func(t *trust.Trust) { t.Ref = "main" }), "TRUST_REF"},
		"a pull request's ref":   {admin, set(func(t *trust.Trust) { t.Ref = "refs/pull/*" }), "TRUST_REF"},
		"pull requests":          {admin, set(func(t *trust.Trust) { t.Events = []string{"push", "pull_request"} }), "TRUST_EVENT"},
		"merge requests":         {admin, ours(onGitLab, func(t *trust.Trust) { t.Events = []string{"merge_request_event"} }), "TRUST_EVENT"},
		"no subjects":            {admin, set(func(t *trust.Trust) { t.Subjects = nil }), "TRUST_SUBJECTS"},
		"a blank subject":        {admin, set(func(t *trust.Trust) { t.Subjects = []string{""} }), "TRUST_SUBJECTS"},
		"an environment's name":  {admin, set(func(t *trust.Trust) { t.Environment = "a\nb" }), "TRUST_ENVIRONMENT"},
		"tables alone":           {admin, set(func(t *trust.Trust) { t.Verbs, t.Subjects = []access.Verb{access.Push}, nil }), ""},
		"GitLab's":               {admin, ours(onGitLab), ""},
	} {
		if _, err := trusts.Declare(t.Context(), c.by, c.t); code(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	_, err := trusts.Declare(t.Context(), admin, trust.Trust{Service: "orders", Verbs: []access.Verb{access.Register}})
	if n := len(fault.All(err)); n != 5 {
		t.Errorf("%d mistakes are told at once: %v", n, err)
	}
	made, err := trusts.Declare(t.Context(), admin, ours(func(t *trust.Trust) { t.Ref, t.Events = "", nil }))
	if err != nil || made.Ref != "refs/heads/main" || !slices.Equal(made.Events, []string{"push"}) || made.Provider != trust.GitHub {
		t.Errorf("what is left out is narrow: %+v %v", made, err)
	}
	made, err = trusts.Declare(t.Context(), admin, ours(func(t *trust.Trust) { t.Verbs, t.Ref = nil, strings.Repeat("x", 1000) }))
	if err != nil || !slices.Equal(made.Verbs, []access.Verb{access.Check}) || made.Ref+made.Environment != "" || len(made.Events)+len(made.Subjects) != 0 {
		t.Errorf("to check is for everywhere: %+v %v", made, err)
	}
	none := trust.New(db, time.Now, nil)
	if _, err := none.Declare(t.Context(), admin, ours()); code(err) != "TRUST_ISSUER" || !strings.Contains(err.Error(), "LETHE_CI_ISSUERS") {
		t.Errorf("where no issuer is named: %v", err)
	}
	if listed, err := trusts.List(t.Context(), someone(t, db, access.Steward, "shop"), ""); err != nil || len(listed) == 0 || listed[0].Service != "orders" {
		t.Errorf("its steward sees %d %v", len(listed), err)
	}
	if listed, err := trusts.List(t.Context(), someone(t, db, access.Steward, "billing"), ""); err != nil || len(listed) != 0 {
		t.Errorf("a stranger sees %d %v", len(listed), err)
	}
	if _, err := trusts.List(t.Context(), someone(t, db, access.Viewer), ""); code(err) != "ROLE_REQUIRED" {
		t.Errorf("a viewer: %v", err)
	}
}
