package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowmart/lethe/internal/fault"
)

// tokens are what a command signs in with: one token, or one after another where
// each ends before the command does.
type tokens struct {
	ask func(ctx context.Context) (token string, lasts time.Duration, err error)
	now func() time.Time

	mu           sync.Mutex
	token        string
	again, until time.Time // when the next is asked for, and when this one ends; zero: never
}

// fixed is a token that somebody gave.
func fixed(token string) *tokens { return &tokens{token: token, now: time.Now} }

// get is a token that serves now. The next is asked for a little before this one
// ends, and if there is none yet, this one goes on.
func (t *tokens) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if t.token != "" && (t.again.IsZero() || now.Before(t.again)) {
		return t.token, nil
	}
	token, lasts, err := t.ask(ctx)
	switch {
	case err != nil && now.Before(t.until):
		return t.token, nil
	case err != nil:
		return "", err
	}
	t.token, t.until, t.again = token, time.Time{}, time.Time{}
	if lasts > 0 {
		t.until = now.Add(lasts)
		t.again = t.until.Add(-min(time.Minute, lasts/5))
	}
	return token, nil
}

// signing gives every call to a server its token, and none to whomever else the
// server sends us to.
type signing struct {
	tokens *tokens
	host   string
}

// RoundTrip signs one call.
func (s signing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == s.host {
		token, err := s.tokens.get(r.Context())
		if err != nil {
			if r.Body != nil {
				_ = r.Body.Close() // as RoundTripper asks
			}
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return lines.RoundTrip(r)
}

// lines are the connections of a command: as many stay open as are in use at once,
// or else each call of a mirror of many subjects has one of its own.
var lines = func() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 16
	return t
}()

// signIn finds out how a command is to sign in at a server: by the token it is
// given, as a machine at an OpenID issuer, or as the job of a pipeline that it
// runs in.
func signIn(cmd *cobra.Command, e *env, server string) (*tokens, error) {
	token := e.get("LETHE_TOKEN")
	if path, _ := cmd.Flags().GetString("token-file"); path != "" {
		raw, err := readInput(e, path)
		if err != nil {
			return nil, usage(err)
		}
		token = string(raw)
	}
	if token = strings.TrimSpace(token); token != "" {
		return fixed(token), nil
	}
	if e.machine == nil {
		ask, err := signsInBy(e, server)
		if err != nil {
			return nil, err
		}
		e.machine = &tokens{ask: ask, now: time.Now}
	}
	_, err := e.machine.get(cmd.Context()) // why there is none is told at once, and as it is
	return e.machine, err
}

func signsInBy(e *env, server string) (func(context.Context) (string, time.Duration, error), error) {
	visits := &http.Client{Timeout: time.Minute}
	switch {
	case e.get("LETHE_OIDC_CLIENT_ID") != "":
		return func(ctx context.Context) (string, time.Duration, error) { return machineToken(ctx, e, visits) }, nil
	case e.get("LETHE_ID_TOKEN") != "" || e.get("ACTIONS_ID_TOKEN_REQUEST_URL") != "":
		return func(ctx context.Context) (string, time.Duration, error) { return jobToken(ctx, e, visits, server) }, nil
	}
	return nil, usage(errors.New("no token: set LETHE_TOKEN, or give --token-file; a machine sets LETHE_OIDC_ISSUER and LETHE_OIDC_CLIENT_ID; a job gets an identity with `permissions: {id-token: write}` in GitHub, or `id_tokens: {LETHE_ID_TOKEN: {aud: …}}` in GitLab; with the demo running: export LETHE_TOKEN=$(lethe token --as handler)"))
}

// jobToken exchanges the identity that the provider of a pipeline gives to its job
// for a token of Lethe (RFC 8693). Lethe's URL is whom the identity is for.
func jobToken(ctx context.Context, e *env, visits *http.Client, server string) (string, time.Duration, error) {
	identity, err := pipelineIdentity(ctx, e, visits, server)
	if err != nil {
		return "", 0, err
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {identity}, "subject_token_type": {"urn:ietf:params:oauth:token-type:jwt"}}
	if service := e.get("LETHE_JOB_SERVICE"); service != "" {
		form.Set("scope", "service:"+service)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server+"/auth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, usage(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := visits.Do(r)
	if err != nil {
		return "", 0, away(errors.New("the server at " + server + " cannot be reached"))
	}
	defer resp.Body.Close()
	var answer struct {
		Token   string `json:"access_token"`
		Expires int    `json:"expires_in"`
		Code    string `json:"code"`
		Why     string `json:"error_description"`
		Detail  string `json:"detail"` // of a problem, RFC 9457
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil || answer.Token == "" && answer.Code == "" {
		return "", 0, away(errors.New("the server at " + server + " does not take the identities of jobs; is this Lethe's URL, and of this version?"))
	}
	if answer.Token != "" {
		return answer.Token, time.Duration(answer.Expires) * time.Second, nil
	}
	why := cmp.Or(answer.Why, answer.Detail)
	if answer.Code == "IDENTITY_REFUSED" {
		why += ". The identity must be for " + server + ", as LETHE_PUBLIC_URL says it"
		if e.get("LETHE_ID_TOKEN") != "" {
			why += "; GitLab gives a job one that serves once: sign in once a job, export LETHE_TOKEN=$(lethe token --job)"
		}
	}
	return "", 0, refused(resp.StatusCode, fault.New(fault.Denied, answer.Code, "%s", why))
}
