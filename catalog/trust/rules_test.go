package trust_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/flowmart/lethe/catalog/trust"
	"github.com/flowmart/lethe/internal/access"
)

// Who a job is decides whether it comes in, where and when it runs what it may do
// there. Each rule by itself: the answer to whoever is refused is the same, the
// log has the reason.
func TestRules(t *testing.T) {
	t.Parallel()
	trusts, db, at := company(t)
	ctx := t.Context()
	admin := someone(t, db, access.Admin)
	for _, declared := range []trust.Trust{ours(), ours(onGitLab)} {
		if _, err := trusts.Declare(ctx, admin, declared); err != nil {
			t.Fatal(err)
		}
	}
	const whole = "check register push"
	for name, c := range map[string]struct {
		change  claims
		allowed string // verbs; "" refused
		why     string // held, or in the log
	}{
		"as the trust says":       {nil, whole, ""},
		"a release, from its tag": {claims{"event_name": "release", "ref": "refs/tags/v1", "job_workflow_ref": "octo-org/octo-repo/.github/workflows/schemas.yml@refs/tags/v1"}, "check", "it runs on a branch or tag that its trust does not name"},

		// A repository that was renamed, or whose owner was, keeps its numbers.
		"a new name": {claims{"repository": "octo-corp/shop", "repository_owner": "octo-corp", "job_workflow_ref": "octo-corp/shop/.github/workflows/schemas.yml@refs/heads/main"}, whole, ""},
		// Whoever takes over a name that was given up gets other numbers.
		"a resurrected name":         {claims{"repository_id": "75", "repository_owner_id": "66"}, "", "no trust names the repository"},
		"a transferred repository":   {claims{"repository_owner_id": "66"}, "", "the repository belongs to another owner than the trust names"},
		"a fork's own run":           {claims{"repository": "eve/octo-repo", "repository_id": "99", "repository_owner_id": "98", "job_workflow_ref": "eve/octo-repo/.github/workflows/schemas.yml@refs/heads/main"}, "", "no trust names the repository"},
		"the id as a number":         {claims{"repository_id": 74}, whole, ""},
		"no id of a repository":      {claims{"repository_id": nil}, "", "a claim that its provider's tokens have"},
		"an id that is no number":    {claims{"repository_id": "octo-repo"}, "", "a claim that its provider's tokens have"},
		"the id nought":              {claims{"repository_id": "0"}, "", "a claim that its provider's tokens have"},
		"no owner":                   {claims{"repository_owner_id": nil}, "", "a claim that its provider's tokens have"},
		"no run":                     {claims{"run_id": nil}, "", "a claim that its provider's tokens have"},
		"no event":                   {claims{"event_name": nil}, "", "a claim that its provider's tokens have"},
		"no ref":                     {claims{"ref": nil}, "", "a claim that its provider's tokens have"},
		"no jti":                     {claims{"jti": nil}, "", "the token has no id"},
		"a blank jti":                {claims{"jti": " "}, "", "the token has no id"},
		"a token for years":          {claims{"exp": at.now().AddDate(5, 0, 0).Unix()}, "", "the token lasts longer than any job"},
		"a token for ever":           {claims{"exp": 1e300}, "", "the token lasts longer than any job"},
		"another workflow":           {claims{"job_workflow_ref": "octo-org/octo-repo/.github/workflows/evil.yml@refs/heads/main"}, "", "the workflow is not the one that the trust names"},
		"a workflow of elsewhere":    {claims{"job_workflow_ref": "eve/tools/.github/workflows/schemas.yml@refs/heads/main"}, "", "the workflow is not the one that the trust names"},
		"a longer name of elsewhere": {claims{"job_workflow_ref": "octo-org/octo-repo2/.github/workflows/schemas.yml@refs/heads/main"}, "", "the workflow is not the one that the trust names"},
		"no workflow":                {claims{"job_workflow_ref": nil}, "", "the workflow is not the one that the trust names"},
		"no name of the repository":  {claims{"repository": nil}, "", "the workflow is not the one that the trust names"},

		"a pull request": {claims{"event_name": "pull_request", "ref": "refs/pull/7/merge", "ref_protected": "false", "environment": nil,
			"job_workflow_ref": "octo-org/octo-repo/.github/workflows/schemas.yml@refs/pull/7/merge"}, "check", "it runs for a pull request"},
		// Runs with the base's rights, beside code of the request's.
		"a pull request's target":      {claims{"event_name": "pull_request_target"}, "check", "it runs for a pull request"},
		"a comment":                    {claims{"event_name": "issue_comment"}, "check", "it runs for an event that its trust does not name"},
		"after another workflow":       {claims{"event_name": "workflow_run"}, "check", "it runs for an event that its trust does not name"},
		"an event that is not named":   {claims{"event_name": "workflow_dispatch"}, "check", "it runs for an event that its trust does not name"},
		"an unprotected branch":        {claims{"ref_protected": "false"}, "check", "the branch or tag it runs on is not protected"},
		"nothing said of protection":   {claims{"ref_protected": nil}, "check", "the branch or tag it runs on is not protected"},
		"another branch":               {claims{"ref": "refs/heads/main2", "job_workflow_ref": "octo-org/octo-repo/.github/workflows/schemas.yml@refs/heads/main2"}, "check", "it runs on a branch or tag that its trust does not name"},
		"a tag of the branch's name":   {claims{"ref": "refs/tags/main", "job_workflow_ref": "octo-org/octo-repo/.github/workflows/schemas.yml@refs/tags/main"}, "check", "it runs on a branch or tag that its trust does not name"},
		"the workflow of a branch":     {claims{"job_workflow_ref": "octo-org/octo-repo/.github/workflows/schemas.yml@refs/heads/eve"}, "check", "its workflow is taken from another branch or tag than it runs on"},
		"the workflow of a commit":     {claims{"job_workflow_ref": "octo-org/octo-repo/.github/workflows/schemas.yml@8fe1b322"}, "check", "its workflow is taken from another branch or tag than it runs on"},
		"a file that looks like a ref": {claims{"job_workflow_ref": "octo-org/octo-repo/.github/workflows/schemas.yml@refs/heads/x.yml@refs/heads/main"}, "", "the workflow is not the one that the trust names"},
		"another environment":          {claims{"environment": "staging"}, "check", "it does not run in the environment that its trust names"},
		"no environment":               {claims{"environment": nil}, "check", "it does not run in the environment that its trust names"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			verdict(t, trusts, github, job(t, at.now(), c.change), c.allowed, c.why)
		})
	}
	for name, c := range map[string]struct {
		change  claims
		allowed string
		why     string
	}{
		"as the trust says":   {nil, whole, ""},
		"a new name":          {claims{"project_path": "other/name", "ci_config_ref_uri": "gitlab.example.com/other/name//.gitlab-ci.yml@refs/heads/main"}, whole, ""},
		"a resurrected name":  {claims{"project_id": "21"}, "", "no trust names the repository"},
		"another namespace":   {claims{"namespace_id": "73"}, "", "the repository belongs to another owner than the trust names"},
		"another pipeline":    {claims{"ci_config_ref_uri": "gitlab.example.com/my-group/my-project//ci/evil.yml@refs/heads/main"}, "", "the workflow is not the one that the trust names"},
		"one of elsewhere":    {claims{"ci_config_ref_uri": "gitlab.example.com/eve/my-group/tools//.gitlab-ci.yml@refs/heads/main"}, "", "the workflow is not the one that the trust names"},
		"one of no project":   {claims{"ci_config_ref_uri": nil}, "", "the workflow is not the one that the trust names"},
		"a merge request":     {claims{"pipeline_source": "merge_request_event", "ref": "feature", "ref_protected": "false", "environment": nil, "ci_config_ref_uri": "gitlab.example.com/my-group/my-project//.gitlab-ci.yml@refs/merge-requests/1/head"}, "check", "it runs for a merge request"},
		"one that may merge":  {claims{"pipeline_source": "merge_request_event"}, "check", "it runs for a merge request"},
		"its child":           {claims{"pipeline_source": "parent_pipeline"}, "check", "it runs for an event that its trust does not name"},
		"a fork's":            {claims{"pipeline_source": "merge_request_event", "project_id": "99", "namespace_id": "98"}, "", "no trust names the repository"},
		"a button":            {claims{"pipeline_source": "web"}, "check", "it runs for an event that its trust does not name"},
		"unprotected":         {claims{"ref_protected": "false"}, "check", "the branch or tag it runs on is not protected"},
		"a tag called main":   {claims{"ref_type": "tag"}, "check", "it runs on a branch or tag that its trust does not name"},
		"neither":             {claims{"ref_type": nil}, "", "a claim that its provider's tokens have"},
		"another environment": {claims{"environment": "staging"}, "check", "it does not run in the environment that its trust names"},
		"GitHub's claims":     {claims{"project_id": nil, "repository_id": "20"}, "", "a claim that its provider's tokens have"},
	} {
		t.Run("GitLab, "+name, func(t *testing.T) {
			t.Parallel()
			verdict(t, trusts, gitlab, gitlabJob(t, at.now(), c.change), c.allowed, c.why)
		})
	}
}

// verdict shows a token, and wants what it gives, or why nothing.
func verdict(t *testing.T, trusts *trust.Trusts, issuer string, claims []byte, allowed, why string) {
	t.Helper()
	p, err := trusts.Admit(t.Context(), issuer, claims, "")
	if allowed == "" {
		cause := errors.Unwrap(err)
		if code(err) != "IDENTITY_REFUSED" || cause == nil || !strings.HasPrefix(cause.Error(), why) || err.Error() != trust.Refused(nil).Error() {
			t.Errorf("%v because of %v, want %s", err, cause, why)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v: %v", err, errors.Unwrap(err))
	}
	words := make([]string, len(p.Verbs))
	for i, v := range p.Verbs {
		words[i] = string(v)
	}
	if strings.Join(words, " ") != allowed || p.Held != why {
		t.Errorf("it may %v, %q; want %s, %q", p.Verbs, p.Held, allowed, why)
	}
	by, until, err := trusts.Holder(t.Context(), p.Token)
	if err != nil || !until.Equal(p.ExpiresAt) || by.Service != "orders" || !slices.Equal(by.Roles, []access.Role{access.CI}) || by.Errand == nil ||
		!slices.Equal(by.Errand.Verbs, p.Verbs) || by.Errand.Held != p.Held || !slices.Equal(by.Errand.Subjects, []string{"orders.*"}) {
		t.Errorf("it stands for %+v %+v until %s: %v", by, by.Errand, until, err)
	}
}

// A workflow of another repository is known by its name alone, which somebody
// else may have by now: no trust can mean one.
func TestNoWorkflowByName(t *testing.T) {
	t.Parallel()
	trusts, db, at := company(t)
	const elsewhere = "octo-org/tools/.github/workflows/schemas.yml"
	if _, err := trusts.Declare(t.Context(), someone(t, db, access.Admin), ours(func(t *trust.Trust) { t.Workflow = elsewhere })); err != nil {
		t.Fatal(err)
	}
	verdict(t, trusts, github, job(t, at.now(), claims{"job_workflow_ref": elsewhere + "@refs/heads/main"}), "", "the workflow is not the one that the trust names")
}

// A claim that stands twice is refused: what reads it elsewhere might have taken
// the other. So is a token of an issuer that nobody named.
func TestAmbiguousTokens(t *testing.T) {
	t.Parallel()
	trusts, db, at := company(t)
	if _, err := trusts.Declare(t.Context(), someone(t, db, access.Admin), ours()); err != nil {
		t.Fatal(err)
	}
	twice := strings.Replace(string(job(t, at.now(), nil)), `"repository_id":"74"`, `"repository_id":"99","repository_id":"74"`, 1)
	verdict(t, trusts, github, []byte(twice), "", "a claim that its provider's tokens have")
	upper := strings.Replace(string(job(t, at.now(), claims{"repository_id": "99"})), `"repository_id"`, `"Repository_ID":"74","repository_id"`, 1)
	verdict(t, trusts, github, []byte(upper), "", "no trust names the repository")
	verdict(t, trusts, "https://eve.example", job(t, at.now(), nil), "", "the issuer is not among LETHE_CI_ISSUERS")
	verdict(t, trusts, gitlab, job(t, at.now(), nil), "", "a claim that its provider's tokens have")
	verdict(t, trusts, github, []byte(`[]`), "", "a claim that its provider's tokens have")
}
