package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/server"
	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

const exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"

// pipelines has a server take the tokens of two providers.
func pipelines(t *testing.T, opts ...servertest.Option) (s *servertest.Server, github, gitlab *issuertest.Pipeline) {
	t.Helper()
	github, gitlab = issuertest.NewPipeline(t), issuertest.NewPipeline(t)
	return servertest.New(t, append(opts, servertest.With("ci_issuers", "github="+github.URL+",gitlab="+gitlab.URL))...), github, gitlab
}

// trusted declares a trust as an admin does, and returns its id.
func trusted(t *testing.T, s *servertest.Server, change map[string]any) string {
	t.Helper()
	all := map[string]any{"repository": 74, "owner": 65, "workflow": ".github/workflows/schemas.yml", "service": "orders", "verbs": []string{"register", "delete", "declare", "push"}, "subjects": []string{"orders.*"}, "label": "acme/orders"}
	for k, v := range change {
		all[k] = v
	}
	body, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	status, said := knock(t, s, "POST /api/v1/trusts", "/api/v1/trusts", string(body), s.Token(access.Admin))
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(said), &made); status != http.StatusOK || err != nil {
		t.Fatalf("declaring a trust: %d %s", status, said)
	}
	return made.ID
}

// exchanged is the answer to a job.
type exchanged struct {
	Status      int
	Token       string `json:"access_token"`
	Type        string `json:"token_type"`
	Issued      string `json:"issued_token_type"`
	Expires     int    `json:"expires_in"`
	Scope       string `json:"scope"`
	Held        string `json:"held"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Code        string `json:"code"`
	RequestID   string `json:"request_id"`
}

func post(t *testing.T, s *servertest.Server, form url.Values) (e exchanged) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/auth/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || json.Unmarshal(raw, &e) != nil || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s %v", resp.StatusCode, raw, err)
	}
	e.Status = resp.StatusCode
	return e
}

func show(token string) url.Values {
	return url.Values{"grant_type": {exchangeGrant}, "subject_token": {token}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}}
}

// catalogOf declares two teams' services.
func catalogOf(t *testing.T, s *servertest.Server) {
	t.Helper()
	if status, said := knock(t, s, "POST /api/v1/catalog", "/api/v1/catalog", twoTeams, s.Token(access.Admin)); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
}

// A job is let in, does what it is trusted with, and nothing else; one that runs
// for a pull request may only check, and is told why.
func TestAJobSignsIn(t *testing.T) {
	t.Parallel()
	s, github, gitlab := pipelines(t)
	catalogOf(t, s)
	trusted(t, s, map[string]any{"issuer": github.URL})
	trusted(t, s, map[string]any{"issuer": gitlab.URL, "repository": 20, "owner": 72, "workflow": ".gitlab-ci.yml"})

	e := post(t, s, show(github.GitHub(s.URL, nil)))
	if e.Status != 200 || e.Type != "Bearer" || e.Issued != "urn:ietf:params:oauth:token-type:access_token" || e.Expires < 890 || e.Expires > 900 || e.Scope != "check register delete declare push" || e.Held != "" {
		t.Fatalf("%+v", e)
	}
	request := post(t, s, show(github.GitHub(s.URL, issuertest.PullRequest())))
	if request.Status != 200 || request.Scope != "check" || request.Held != "it runs for a pull request" {
		t.Fatalf("%+v", request)
	}
	branch := post(t, s, show(gitlab.GitLab(s.URL, issuertest.Claims{"ref_protected": "false"})))
	if branch.Status != 200 || branch.Scope != "check" {
		t.Fatalf("%+v", branch)
	}
	if e := post(t, s, show(gitlab.GitLab(s.URL, nil))); e.Status != 200 || e.Scope != "check register delete declare push" {
		t.Fatalf("%+v", e)
	}
	for _, c := range []struct {
		pattern, path, body, token string
		status                     int
		says                       string
	}{
		{"POST /registry/subjects/*/versions", "/registry/subjects/orders.v1-value/versions", anOrder, e.Token, 200, `"id":`},
		{"POST /registry/subjects/*/versions", "/registry/subjects/payments.x-value/versions", anOrder, e.Token, 403, "trusted with the subjects orders.*"},
		{"POST /registry/subjects/*/versions", "/registry/subjects/orders.v1-value/versions", anOrder, request.Token, 403, "may only check: it runs for a pull request"},
		{"POST /registry/subjects/*/versions", "/registry/subjects/orders.v1-value/versions", anOrder, branch.Token, 403, "may only check: the branch or tag it runs on is not protected"},
		{"POST /registry/compatibility", "/registry/compatibility/subjects/orders.v1-value/versions/1", anOrder, request.Token, 200, "true"},
		{"POST /api/v1/schemas/check", "/api/v1/schemas/check", `{"schemas":[{"subject":"orders.v1-value","schema":"\"string\""}]}`, request.Token, 200, "verdict"},
		{"DELETE /registry/subjects/*", "/registry/subjects/orders.v1-value", "", request.Token, 403, "may only check"},
		{"DELETE /registry/subjects/*", "/registry/subjects/orders.v1-value", "", e.Token, 200, "[1]"},
		{"PUT /registry/config/*", "/registry/config/orders.v1-value", level, e.Token, 403, "steward"},
		{"POST /graphql", "/graphql", `{"query":"{viewer{name}}"}`, e.Token, 403, "JOB_TOKEN_SCOPE"},
		{"POST /api/v1/trusts", "/api/v1/trusts", `{}`, e.Token, 403, "JOB_TOKEN_SCOPE"},
		{"GET /registry/subjects", "/registry/subjects", "", e.Token + "x", 401, "not known"},
	} {
		if status, said := knock(t, s, c.pattern, c.path, c.body, c.token); status != c.status || !strings.Contains(said, c.says) {
			t.Errorf("%s: %d %s, want %d %s", c.path, status, said, c.status, c.says)
		}
	}
	if log := s.Log.String(); strings.Contains(log, "octocat") || strings.Contains(log, e.Token) {
		t.Error("the log tells who started a job, or its token")
	}
}

// Every token that lets nobody in has one answer; the log has the reason, and
// nothing of what the token says.
func TestAForgerLearnsNothing(t *testing.T) {
	t.Parallel()
	s, github, gitlab := pipelines(t)
	catalogOf(t, s)
	trusted(t, s, map[string]any{"issuer": github.URL})
	eve := issuertest.NewPipeline(t)
	now := time.Now()
	secret := issuertest.NewKey(jose.RS256)
	for name, c := range map[string]struct {
		token  string
		reason string
	}{
		"no token":               {"x", "no token, or its issuer is not among LETHE_CI_ISSUERS"},
		"an issuer nobody named": {eve.GitHub(s.URL, nil), "no token, or its issuer is not among LETHE_CI_ISSUERS"},
		"named with a slash":     {github.GitHub(s.URL, issuertest.Claims{"iss": github.URL + "/"}), "no token, or its issuer is not among LETHE_CI_ISSUERS"},
		"somebody else's key":    {issuertest.Sign(secret, "JWT", issuertest.Claims{"iss": github.URL, "aud": s.URL, "exp": now.Add(time.Minute).Unix(), "repository_id": "74"}), "signature, algorithm or issuer"},
		"another's signature":    {eve.GitHub(s.URL, issuertest.Claims{"iss": github.URL}), "signature, algorithm or issuer"},
		"RS512":                  {issuertest.Sign(issuertest.NewKey(jose.RS512), "JWT", issuertest.Claims{"iss": github.URL, "aud": s.URL}), "signature, algorithm or issuer"},
		"another audience":       {github.GitHub("https://elsewhere.example", nil), "the token is not meant for LETHE_PUBLIC_URL alone"},
		"two audiences":          {github.GitHub("", issuertest.Claims{"aud": []string{s.URL, "https://elsewhere.example"}}), "the token is not meant for LETHE_PUBLIC_URL alone"},
		"no audience":            {github.GitHub("", issuertest.Claims{"aud": nil}), "the token is not meant for LETHE_PUBLIC_URL alone"},
		"no expiry":              {github.GitHub(s.URL, issuertest.Claims{"exp": nil}), "no expiry"},
		"expired":                {github.GitHub(s.URL, issuertest.Claims{"exp": now.Add(-time.Second).Unix()}), "the token has expired"},
		"from the future":        {github.GitHub(s.URL, issuertest.Claims{"iat": now.Add(4 * time.Minute).Unix()}), "from the future"},
		"not valid yet":          {github.GitHub(s.URL, issuertest.Claims{"nbf": now.Add(4 * time.Minute).Unix()}), "from the future"},
		"another repository":     {github.GitHub(s.URL, issuertest.Claims{"repository_id": "75"}), "no trust names the repository"},
		"no jti":                 {github.GitHub(s.URL, issuertest.Claims{"jti": nil}), "the token has no id, so that it could serve twice"},
		"the other provider":     {gitlab.GitLab(s.URL, issuertest.Claims{"project_id": "74", "namespace_id": "65"}), "no trust names the repository"},
	} {
		e := post(t, s, show(c.token))
		if e.Status != 400 || e.Error != "invalid_request" || e.Code != "IDENTITY_REFUSED" || e.Token != "" || e.Description != "no trust lets this identity token in, or it was used before; Lethe's log has the reason under the request id, docs/ci.md the rules" {
			t.Errorf("%s: %+v", name, e)
		}
		if !strings.Contains(s.Log.String(), `"request_id":"`+e.RequestID+`","code":"IDENTITY_REFUSED","err":"`+c.reason+`"`) {
			t.Errorf("%s: the log does not say %q for %s", name, c.reason, e.RequestID)
		}
	}
	if eve.Fetches.Load() != 0 {
		t.Error("an issuer that nobody named was asked")
	}
	// A clock that is a little ahead is no forger's.
	if e := post(t, s, show(github.GitHub(s.URL, issuertest.Claims{"iat": now.Add(30 * time.Second).Unix(), "nbf": now.Add(30 * time.Second).Unix()}))); e.Status != 200 {
		t.Errorf("half a minute ahead: %+v", e)
	}
	for name, form := range map[string]url.Values{
		"nothing":           {},
		"another grant":     {"grant_type": {"client_credentials"}},
		"no token":          {"grant_type": {exchangeGrant}},
		"two":               {"grant_type": {exchangeGrant}, "subject_token": {"a", "b"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}},
		"another type":      {"grant_type": {exchangeGrant}, "subject_token": {"a"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:saml2"}},
		"for somebody":      {"grant_type": {exchangeGrant}, "subject_token": {"a"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}, "actor_token": {"b"}},
		"for another token": {"grant_type": {exchangeGrant}, "subject_token": {"a"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}, "requested_token_type": {"urn:ietf:params:oauth:token-type:refresh_token"}},
		"a strange scope":   {"grant_type": {exchangeGrant}, "subject_token": {"a"}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}, "scope": {"everything"}},
	} {
		want := "invalid_request"
		if form.Get("grant_type") != exchangeGrant {
			want = "unsupported_grant_type"
		}
		if e := post(t, s, form); e.Status != 400 || e.Error != want || e.Code == "IDENTITY_REFUSED" || e.Description == "" {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// The provider's keys change and are found; while it is away what is known goes
// on, and where nothing is known nobody is let in, nor told that the token is bad.
func TestTheProvidersKeys(t *testing.T) {
	t.Parallel()
	s, github, gitlab := pipelines(t)
	catalogOf(t, s)
	trusted(t, s, map[string]any{"issuer": github.URL})
	if e := post(t, s, show(github.GitHub(s.URL, nil))); e.Status != 200 {
		t.Fatalf("%+v", e)
	}
	github.Down.Store(true)
	if e := post(t, s, show(github.GitHub(s.URL, nil))); e.Status != 200 {
		t.Errorf("away, with a key that is known: %+v", e)
	}
	gitlab.Down.Store(true)
	if e := post(t, s, show(gitlab.GitLab(s.URL, nil))); e.Status != 503 || e.Code != "ISSUER_UNAVAILABLE" || e.Error != "temporarily_unavailable" {
		t.Errorf("away, and never seen: %+v", e)
	}

	at := &later{}
	s, github, _ = pipelines(t, servertest.Clock(at.now))
	catalogOf(t, s)
	trusted(t, s, map[string]any{"issuer": github.URL})
	if e := post(t, s, show(github.GitHub(s.URL, nil))); e.Status != 200 {
		t.Fatalf("%+v", e)
	}
	github.Rotate(jose.RS256)
	at.pass(11 * time.Second) // the provider is asked once in ten
	if e := post(t, s, show(github.GitHub(s.URL, nil))); e.Status != 200 {
		t.Errorf("with a new key: %+v", e)
	}
	if n := github.Fetches.Load(); n != 2 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

// later is a clock that a test puts forward.
type later struct {
	mu sync.Mutex
	by time.Duration
}

func (l *later) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Add(l.by)
}

func (l *later) pass(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.by += d
}

// Where trusts of two services let a job in, it says for which it comes.
func TestAJobSaysWhomItActsFor(t *testing.T) {
	t.Parallel()
	s, github, _ := pipelines(t)
	catalogOf(t, s)
	trusted(t, s, map[string]any{"issuer": github.URL})
	trusted(t, s, map[string]any{"issuer": github.URL, "service": "payments", "subjects": []string{"payments.*"}})
	if e := post(t, s, show(github.GitHub(s.URL, nil))); e.Status != 400 || e.Code != "TRUST_AMBIGUOUS" || !strings.Contains(e.Description, "LETHE_JOB_SERVICE") {
		t.Errorf("%+v", e)
	}
	for service, want := range map[string]int{"orders": 403, "payments": 200} {
		form := show(github.GitHub(s.URL, nil))
		form.Set("scope", "service:"+service)
		e := post(t, s, form)
		if status, said := knock(t, s, "POST /registry/subjects/*/versions", "/registry/subjects/payments.v1-value/versions", anOrder, e.Token); e.Status != 200 || status != want {
			t.Errorf("as %s: %+v, then %d %s", service, e, status, said)
		}
	}
}

// The tokens of jobs are forgotten once they have ended, by whichever process
// keeps the catalog.
func TestTokensOfJobsAreForgotten(t *testing.T) {
	t.Parallel()
	github, issuer, files := issuertest.NewPipeline(t), issuertest.New(t), servertest.Files(t)
	app, _, _ := pgtest.URLs(t)
	keys, _, _ := pgtest.KeystoreURLs(t)
	at := &later{}
	start := func() *servertest.Server {
		return servertest.On(t, issuer, app, keys, files, servertest.With("ci_issuers", "github="+github.URL), servertest.Clock(at.now))
	}
	s := start()
	catalogOf(t, s)
	trusted(t, s, map[string]any{"issuer": github.URL})
	if e := post(t, s, show(github.GitHub(s.URL, nil))); e.Status != 200 {
		t.Fatalf("%+v", e)
	}
	count := func() int {
		n, err := postgres.Scalar[int](t.Context(), s.DB, `SELECT count(*)::int FROM catalog_trust_token`)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if count() != 1 {
		t.Fatal("no token is kept")
	}
	at.pass(20 * time.Minute)
	start() // which looks at once
	for deadline := time.Now().Add(time.Minute); count() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a token is kept after its end")
		}
	}
}

// Two replicas are shown one token at the same time: one of them lets the job in.
// What it is given opens both, until the trust ends.
func TestReplicasLetAJobInOnce(t *testing.T) {
	t.Parallel()
	github, issuer, files := issuertest.NewPipeline(t), issuertest.New(t), servertest.Files(t)
	app, _, _ := pgtest.URLs(t)
	keys, _, _ := pgtest.KeystoreURLs(t)
	at := &later{}
	const public = "http://lethe.flowmart.example"
	start := func() *servertest.Server {
		return servertest.On(t, issuer, app, keys, files, servertest.With("ci_issuers", "github="+github.URL), servertest.Clock(at.now),
			servertest.Change(func(c *server.Config) { c.PublicURL = public }))
	}
	a, b := start(), start()
	catalogOf(t, a)
	id := trusted(t, a, map[string]any{"issuer": github.URL})
	for range 20 {
		token := github.GitHub(public, nil)
		var wg sync.WaitGroup
		answers := make([]exchanged, 2)
		for i, s := range []*servertest.Server{a, b} {
			wg.Go(func() { answers[i] = post(t, s, show(token)) })
		}
		wg.Wait()
		won := answers[0]
		if won.Status != 200 {
			won = answers[1]
		}
		if answers[0].Status+answers[1].Status != 200+400 {
			t.Fatalf("%+v", answers)
		}
		for _, s := range []*servertest.Server{a, b} {
			if status, said := knock(t, s, "GET /registry/subjects", "/registry/subjects", "", won.Token); status != 200 {
				t.Errorf("%d %s", status, said)
			}
		}
	}
	e := post(t, a, show(github.GitHub(public, nil)))
	subjects := func(s *servertest.Server) int {
		status, _ := knock(t, s, "GET /registry/subjects", "/registry/subjects", "", e.Token)
		return status
	}
	if subjects(a) != 200 || subjects(b) != 200 {
		t.Fatalf("%+v", e)
	}
	if status, said := knock(t, a, "DELETE /api/v1/trusts/{id}", "/api/v1/trusts/"+id, "", a.Token(access.Admin)); status != 200 {
		t.Fatalf("%d %s", status, said)
	}
	at.pass(31 * time.Second) // a token is believed for half a minute
	if subjects(a) != 401 || subjects(b) != 401 {
		t.Error("a token outlives its trust")
	}
}
