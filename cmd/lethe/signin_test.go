package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

// The next token is asked for a little before one ends, at most a minute; if there
// is none, the one at hand goes on until its end.
func TestTokensAreRenewed(t *testing.T) {
	t.Parallel()
	at := time.Now()
	asked := 0
	var away error
	tk := &tokens{now: func() time.Time { return at }, ask: func(context.Context) (string, time.Duration, error) {
		if away != nil {
			return "", 0, away
		}
		asked++
		return fmt.Sprint("t", asked), 15 * time.Minute, nil
	}}
	for _, c := range []struct {
		passes time.Duration
		away   error
		token  string
		err    bool
	}{
		{0, nil, "t1", false},
		{13*time.Minute + 59*time.Second, nil, "t1", false},
		{time.Second, nil, "t2", false},
		{14 * time.Minute, errors.New("away"), "t2", false},
		{59 * time.Second, errors.New("away"), "t2", false},
		{time.Second, errors.New("away"), "", true},
		{time.Hour, nil, "t3", false},
	} {
		at, away = at.Add(c.passes), c.away
		if token, err := tk.get(t.Context()); token != c.token || (err != nil) != c.err {
			t.Errorf("after %s: %q %v, want %q", c.passes, token, err, c.token)
		}
	}
	tk = &tokens{now: time.Now, ask: func(context.Context) (string, time.Duration, error) { return "for ever", 0, nil }}
	if token, err := tk.get(t.Context()); token != "for ever" || err != nil || !tk.again.IsZero() {
		t.Errorf("%q %v", token, err)
	}
}

// A token goes to the server it is for, and to nobody whom that one sends us to.
func TestATokenStaysWithItsServer(t *testing.T) {
	t.Parallel()
	var seen []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(`{"verdict":"PASS","schemas":[]}`))
	}))
	t.Cleanup(elsewhere.Close)
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	lethe(t, env{environ: []string{"LETHE_URL=" + server.URL, "LETHE_TOKEN=secret"}}, "schema", "check", "schema_test.go", "--subject", "x")
	if !slices.Equal(seen, []string{""}) {
		t.Errorf("another server was sent %q", seen)
	}
}

// A mirror goes on when the token that it began with has ended, and waits for an
// issuer that is away.
func TestAMirrorOutlivesItsTokens(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	given, away, used := 0, false, map[string]bool{}
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	tell := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		tell(w, map[string]any{"issuer": s.URL, "token_endpoint": s.URL + "/token", "jwks_uri": s.URL + "/keys", "authorization_endpoint": s.URL + "/a"})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if away {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		given++
		tell(w, map[string]any{"access_token": fmt.Sprint("t", given), "token_type": "Bearer", "expires_in": 1})
	})
	registry := func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		used[r.Header.Get("Authorization")] = true
		mu.Unlock()
		switch {
		case strings.HasSuffix(r.URL.Path, "/subjects"):
			tell(w, []string{})
		case strings.HasSuffix(r.URL.Path, "/mode"):
			tell(w, map[string]string{"mode": "IMPORT"})
		default:
			tell(w, map[string]string{"compatibilityLevel": "BACKWARD"})
		}
	}
	mux.HandleFunc("/registry/", registry)
	mux.HandleFunc("/there/", registry)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, ended := &servertest.Log{}, make(chan int)
	go func() {
		ended <- run(ctx, []string{"schema", "mirror", "--from", s.URL + "/there", "--follow", "--every", "20ms"}, env{in: strings.NewReader(""), out: out, err: out, environ: []string{
			"LETHE_URL=" + s.URL, "LETHE_OIDC_ISSUER=" + s.URL, "LETHE_OIDC_CLIENT_ID=mirror", "LETHE_OIDC_CLIENT_SECRET=x"}})
	}()
	until := func(what string, there func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			mu.Lock()
			ok := there()
			mu.Unlock()
			if ok {
				return
			}
			select {
			case code := <-ended:
				t.Fatalf("it ended with %d before %s: %s", code, what, out)
			default:
			}
			if time.Now().After(deadline) {
				t.Fatalf("waited for %s: %s", what, out)
			}
		}
	}
	until("a second token", func() bool { return used["Bearer t2"] })
	mu.Lock()
	away = true
	mu.Unlock()
	until("it said that the issuer is away", func() bool { return strings.Contains(out.String(), "gives the client mirror no token") })
	mu.Lock()
	away = false
	next := fmt.Sprint("Bearer t", given+1)
	mu.Unlock()
	until("it went on", func() bool { return used[next] })
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("it ended with %d: %s", code, out)
	}
}

// A job of GitHub signs in by itself, and registers; for a pull request it checks,
// and is told why it may not register.
func TestAJobSignsInAtLethe(t *testing.T) {
	t.Parallel()
	github, gitlab := issuertest.NewPipeline(t), issuertest.NewPipeline(t)
	d := &desk{servertest.New(t, servertest.With("ci_issuers", "github="+github.URL+",gitlab="+gitlab.URL)), t.TempDir()}
	m := d.shop(t)
	d.call(t, "POST", "/api/v1/catalog", `{"lethe":"catalog/1","controllers":[{"ref":"de","name":"DE","country":"DE","time_zone":"Europe/Berlin"}],"services":[{"ref":"orders","name":"Orders","controller":"de"},{"ref":"billing","name":"Billing","controller":"de"}]}`)
	declare := func(more ...string) result {
		return d.as(t, access.Admin, append([]string{"trust", "declare", "--service", "orders", "--label", "acme/orders", "--verbs", "register", "--subjects", "shop.*"}, more...)...)
	}
	r := declare("--issuer", github.URL, "--repository", "74", "--owner", "65", "--workflow", ".github/workflows/schemas.yml")
	if r.code != exitOK || !strings.Contains(r.out, "acme/orders (74 of 65 at "+github.URL+") .github/workflows/schemas.yml: check, register for orders; push on refs/heads/main; subjects shop.*; end it with: lethe trust end ") {
		t.Fatalf("%d %s%s", r.code, r.out, r.err)
	}
	if r := declare("--issuer", gitlab.URL, "--repository", "20", "--owner", "72", "--workflow", ".gitlab-ci.yml"); r.code != exitOK {
		t.Fatalf("%d %s%s", r.code, r.out, r.err)
	}
	if r := declare("--repository", "74", "--owner", "65", "--workflow", "x.yml"); r.code != exitNo || !strings.Contains(r.err, "LETHE_CI_ISSUERS") {
		t.Errorf("an issuer that the server does not know: %d %s%s", r.code, r.out, r.err)
	}
	onGitHub := env{environ: []string{"LETHE_URL=" + d.URL, "ACTIONS_ID_TOKEN_REQUEST_URL=" + github.RequestURL, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + github.RequestKey}}
	does := func(e env, code int, says string, args ...string) string {
		t.Helper()
		r := lethe(t, e, args...)
		if r.code != code || !strings.Contains(r.out+r.err, says) {
			t.Errorf("%q: %d, want %d and %q\n%s%s", args, r.code, code, says, r.out, r.err)
		}
		return r.out
	}
	github.Runs(issuertest.PullRequest())
	does(onGitHub, exitOK, "would be version 1", "schema", "check", "-m", m)
	does(onGitHub, exitOK, "2 new", "schema", "plan", "-m", m)
	does(onGitHub, exitNo, "this job may only check: it runs for a pull request", "schema", "register", "-m", m)
	github.Runs(nil)
	does(onGitHub, exitOK, "version 1 done", "schema", "register", "-m", m)
	does(onGitHub, exitNo, "JOB_TOKEN_SCOPE", "-o", "json", "trust", "list")
	github.Runs(issuertest.Claims{"repository_id": "75"})
	does(onGitHub, exitNo, "no trust lets this identity token in", "schema", "check", "-m", m)

	if r := declare("--issuer", github.URL, "--repository", "74", "--owner", "65", "--workflow", ".github/workflows/schemas.yml", "--service", "billing"); r.code != exitOK {
		t.Fatalf("%d %s%s", r.code, r.out, r.err)
	}
	github.Runs(nil)
	does(onGitHub, exitNo, "LETHE_JOB_SERVICE", "schema", "plan", "-m", m)
	onGitHub.environ = append(onGitHub.environ, "LETHE_JOB_SERVICE=orders")
	does(onGitHub, exitOK, "2 unchanged", "schema", "plan", "-m", m)

	// GitLab gives a job one token, which serves once.
	token := gitlab.GitLab(d.URL, nil)
	onGitLab := env{environ: []string{"LETHE_URL=" + d.URL, "LETHE_ID_TOKEN=" + token}}
	signedIn := env{environ: []string{"LETHE_URL=" + d.URL, "LETHE_ID_TOKEN=" + token, "LETHE_TOKEN=" + strings.TrimSpace(does(onGitLab, exitOK, "lethejob_", "token", "--job"))}}
	does(onGitLab, exitNo, "export LETHE_TOKEN=$(lethe token --job)", "schema", "check", "-m", m)
	does(signedIn, exitOK, "PASS", "schema", "check", "-m", m)
	does(signedIn, exitOK, "2 unchanged", "schema", "register", "-m", m)

	var found struct{ Trusts []trusted }
	if out := d.as(t, access.Auditor, "trust", "list", "-o", "json").out; json.Unmarshal([]byte(out), &found) != nil || len(found.Trusts) != 3 {
		t.Fatal(out)
	}
	for _, one := range found.Trusts {
		if r := d.as(t, access.Admin, "trust", "end", one.ID); r.code != exitOK || !strings.HasPrefix(r.out, "acme/orders is trusted no longer for ") {
			t.Errorf("%d %s%s", r.code, r.out, r.err)
		}
	}
	if r := d.as(t, access.Admin, "trust", "list", "--service", "orders"); strings.Count(r.out, "ended") != 2 {
		t.Errorf("%s%s", r.out, r.err)
	}
	github.Runs(nil)
	does(onGitHub, exitNo, "no trust lets this identity token in", "schema", "check", "-m", m)

	github.RequestKey = "another"
	does(onGitHub, exitAway, "GitHub answered 401", "schema", "check", "-m", m)
	does(env{environ: []string{"LETHE_URL=" + github.URL, "LETHE_ID_TOKEN=x"}}, exitAway, "does not take the identities of jobs", "schema", "check", "-m", m)
	does(env{environ: []string{"LETHE_URL=http://127.0.0.1:1", "LETHE_ID_TOKEN=x"}}, exitAway, "cannot be reached", "schema", "check", "-m", m)
	does(env{environ: []string{"LETHE_URL=" + d.URL}}, exitUsage, "id-token: write", "schema", "check", "-m", m)
	does(env{environ: []string{"LETHE_URL=" + d.URL, "ACTIONS_ID_TOKEN_REQUEST_URL=x"}}, exitUsage, "id-token: write", "schema", "check", "-m", m)
}
