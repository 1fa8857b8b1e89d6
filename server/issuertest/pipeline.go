package issuertest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// Pipeline is a provider of pipelines: an issuer that signs nobody in, and gives
// each job a token that says which job it is.
type Pipeline struct {
	*Issuer
	RequestURL string // where a job of GitHub asks for its token
	RequestKey string // by which it does
	job        Claims // of the next token that is asked for
}

// NewPipeline starts a provider that ends with the test. Its discovery document
// has what GitHub's has: no endpoints but that of the keys.
func NewPipeline(t testing.TB) *Pipeline {
	t.Helper()
	p := &Pipeline{Issuer: New(t), RequestKey: uuid.NewString(), job: Claims{}}
	p.Rotate(jose.RS256)
	p.bare.Store(true)
	jobs := httptest.NewServer(http.HandlerFunc(p.give))
	t.Cleanup(jobs.Close)
	p.RequestURL = jobs.URL + "/token?api-version=2.0"
	return p
}

// Runs says which job asks next: claims that differ from the usual.
func (p *Pipeline) Runs(job Claims) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.job = job
}

// give answers a job as GitHub does.
// https://docs.github.com/actions/reference/security/oidc#methods-for-requesting-the-oidc-token
func (p *Pipeline) give(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+p.RequestKey || r.URL.Query().Get("api-version") != "2.0" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	p.mu.Lock()
	job := p.job
	p.mu.Unlock()
	reply(w, map[string]string{"value": p.GitHub(r.URL.Query().Get("audience"), job)})
}

// GitHub mints a token as GitHub gives to a job that runs for a push to main, in
// its five minutes. Claims given replace the usual.
func (p *Pipeline) GitHub(audience string, c Claims) string {
	return p.mint(audience, Claims{
		"sub": "repo:acme/orders:ref:refs/heads/main", "repository": "acme/orders", "repository_owner": "acme", "repository_id": "74", "repository_owner_id": "65",
		"run_id": "1345678901", "actor": "octocat", "actor_id": "12", "job_workflow_ref": "acme/orders/.github/workflows/schemas.yml@refs/heads/main",
		"ref": "refs/heads/main", "ref_type": "branch", "ref_protected": "true", "event_name": "push",
	}, c)
}

// PullRequest is what differs in the job of a pull request.
func PullRequest() Claims {
	return Claims{"event_name": "pull_request", "ref": "refs/pull/7/merge", "ref_protected": "false", "job_workflow_ref": "acme/orders/.github/workflows/schemas.yml@refs/pull/7/merge"}
}

// GitLab mints a token as GitLab puts into a variable of a job.
func (p *Pipeline) GitLab(audience string, c Claims) string {
	return p.mint(audience, Claims{
		"sub": "project_path:acme/orders:ref_type:branch:ref:main", "project_path": "acme/orders", "namespace_path": "acme", "project_id": "20", "namespace_id": "72",
		"pipeline_id": "574", "job_id": "302", "user_login": "octocat", "ci_config_ref_uri": "gitlab.example.com/acme/orders//.gitlab-ci.yml@refs/heads/main",
		"ref": "main", "ref_type": "branch", "ref_protected": "true", "pipeline_source": "push",
	}, c)
}

func (p *Pipeline) mint(audience string, usual, c Claims) string {
	now := time.Now()
	usual["iat"], usual["nbf"], usual["exp"] = now.Unix(), now.Add(-5*time.Second).Unix(), now.Add(5*time.Minute).Unix()
	maps.Copy(usual, c)
	return Sign(p.Key(), "JWT", p.usual(audience, usual))
}
