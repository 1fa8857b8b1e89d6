package devstack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const callback = "http://127.0.0.1:9/auth/callback"

func issuer(t *testing.T) (*Issuer, *oidc.Provider, oauth2.Config) {
	t.Helper()
	i, err := StartIssuer(t.Context(), IssuerOptions{ClientSecret: "portal secret", Redirects: []string{callback},
		Machines: []Machine{{"service:orders", "s3cret", "service", "orders"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Stop)
	provider, err := oidc.NewProvider(t.Context(), i.URL())
	if err != nil {
		t.Fatal(err)
	}
	return i, provider, oauth2.Config{ClientID: "lethe-portal", ClientSecret: "portal secret", RedirectURL: callback,
		Endpoint: provider.Endpoint(), Scopes: []string{"openid", "profile", "groups"}}
}

// follow asks for a page and does not follow where it leads.
func follow(t *testing.T, to string) (status int, location *url.URL, body string) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, _ := io.ReadAll(res.Body)
	location, _ = res.Location()
	return res.StatusCode, location, string(page)
}

// The whole of a sign-in, seen by a client library that is not ours.
func TestSignIn(t *testing.T) {
	t.Parallel()
	i, provider, conf := issuer(t)
	verifier := oauth2.GenerateVerifier()
	ask := conf.AuthCodeURL("the state", oauth2.S256ChallengeOption(verifier), oidc.Nonce("the nonce"))
	status, _, page := follow(t, ask)
	if status != http.StatusOK {
		t.Fatalf("the page answers %d", status)
	}
	for _, p := range FlowMartPeople {
		if !strings.Contains(page, p.Name) {
			t.Errorf("%s has no button", p.Name)
		}
	}
	_, back, _ := follow(t, ask+"&as=approver")
	if back == nil || back.Query().Get("state") != "the state" || back.Query().Get("iss") != i.URL() {
		t.Fatalf("sent back to %v", back)
	}
	code := back.Query().Get("code")
	tokens, err := conf.Exchange(t.Context(), code, oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: "lethe-portal"}).Verify(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Name     string
		Groups   []string
		AuthTime int64 `json:"auth_time"`
	}
	if err := id.Claims(&said); err != nil {
		t.Fatal(err)
	}
	if id.Subject != "slee" || id.Nonce != "the nonce" || said.Name != "Sora Lee" || !slices.Equal(said.Groups, []string{"lethe:approver"}) || time.Since(time.Unix(said.AuthTime, 0)) > time.Minute {
		t.Errorf("the ID token says %q %q %+v", id.Subject, id.Nonce, said)
	}
	access, err := provider.Verifier(&oidc.Config{ClientID: "lethe"}).Verify(t.Context(), tokens.AccessToken)
	if err != nil || access.Subject != "slee" {
		t.Errorf("access token: %v, %v", access, err)
	}
	if _, err := conf.Exchange(t.Context(), code, oauth2.VerifierOption(verifier)); oauthCode(err) != "invalid_grant" {
		t.Errorf("a code used twice: %v", err)
	}

	// OpenID Connect Core §12.2: the same person, the same audience, no nonce.
	old := &oauth2.Token{RefreshToken: tokens.RefreshToken}
	renewed, err := conf.TokenSource(t.Context(), old).Token()
	if err != nil {
		t.Fatal(err)
	}
	raw, _ = renewed.Extra("id_token").(string)
	again, err := provider.Verifier(&oidc.Config{ClientID: conf.ClientID}).Verify(t.Context(), raw)
	if err != nil || again.Subject != "slee" || again.Nonce != "" || renewed.RefreshToken == tokens.RefreshToken {
		t.Errorf("a renewed ID token: %+v, %v", again, err)
	}
	if _, err := conf.TokenSource(t.Context(), old).Token(); oauthCode(err) != "invalid_grant" {
		t.Errorf("a refresh token used twice: %v", err)
	}
}

func oauthCode(err error) string {
	var e *oauth2.RetrieveError
	if !errors.As(err, &e) {
		return ""
	}
	return e.ErrorCode
}

func TestSignInRefuses(t *testing.T) {
	t.Parallel()
	_, _, conf := issuer(t)
	verifier := oauth2.GenerateVerifier()
	good, _ := url.Parse(conf.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier)))
	with := func(key, value string) string {
		q := good.Query()
		q.Set(key, value)
		u := *good
		u.RawQuery = q.Encode()
		return u.String()
	}
	for _, c := range []struct{ key, value, code string }{
		{"response_type", "token", "unsupported_response_type"},
		{"code_challenge", "", "invalid_request"},
		{"code_challenge_method", "plain", "invalid_request"},
		{"scope", "profile", "invalid_scope"},
		{"prompt", "none", "login_required"},
	} {
		_, back, _ := follow(t, with(c.key, c.value))
		if back == nil || back.Query().Get("error") != c.code || back.Query().Get("state") != "s" {
			t.Errorf("%s=%s: sent to %v, want %s", c.key, c.value, back, c.code)
		}
	}
	for key, value := range map[string]string{"redirect_uri": "http://127.0.0.1:9/elsewhere", "client_id": "another"} {
		if status, back, _ := follow(t, with(key, value)); status != http.StatusBadRequest || back != nil {
			t.Errorf("%s=%s: %d to %v, want 400 and no redirect", key, value, status, back)
		}
	}
	code := func() string {
		_, back, _ := follow(t, with("as", "viewer"))
		return back.Query().Get("code")
	}
	if _, err := conf.Exchange(t.Context(), code(), oauth2.VerifierOption(oauth2.GenerateVerifier())); oauthCode(err) != "invalid_grant" {
		t.Errorf("another verifier: %v", err)
	}
	stranger := conf
	stranger.ClientSecret = "guess"
	if _, err := stranger.Exchange(t.Context(), code(), oauth2.VerifierOption(verifier)); oauthCode(err) != "invalid_client" {
		t.Errorf("a wrong secret: %v", err)
	}
}

func TestMachines(t *testing.T) {
	t.Parallel()
	i, provider, conf := issuer(t)
	verify := provider.Verifier(&oidc.Config{ClientID: "lethe"})
	says := func(token string) map[string]any {
		t.Helper()
		read, err := verify.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		var c map[string]any
		if err := read.Claims(&c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	machine := clientcredentials.Config{ClientID: "service:orders", ClientSecret: "s3cret", TokenURL: conf.Endpoint.TokenURL}
	token, err := machine.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c := says(token.AccessToken); c["sub"] != "service:orders" || c["lethe_service"] != "orders" || c["client_id"] != "service:orders" {
		t.Errorf("claims %v", c)
	}
	machine.ClientSecret = "guess"
	if _, err := machine.Token(t.Context()); oauthCode(err) != "invalid_client" {
		t.Errorf("a wrong secret: %v", err)
	}
	demo := clientcredentials.Config{ClientID: "demo", TokenURL: conf.Endpoint.TokenURL, AuthStyle: oauth2.AuthStyleInParams}
	for as, sub := range map[string]string{"handler": "nshah", "jchen": "jchen", "ci:payments": "ci:payments"} {
		demo.EndpointParams = url.Values{"as": {as}}
		token, err := demo.Token(t.Context())
		if err != nil {
			t.Errorf("as %s: %v", as, err)
		} else if c := says(token.AccessToken); c["sub"] != sub {
			t.Errorf("as %s: %v", as, c)
		}
	}
	demo.EndpointParams = url.Values{"as": {"king"}}
	if _, err := demo.Token(t.Context()); oauthCode(err) != "invalid_request" || !strings.Contains(err.Error(), "approver") {
		t.Errorf("as nobody: %v", err)
	}
	if _, err := i.Mint("ci:"); err == nil {
		t.Error("a machine without a service was minted")
	}
}

// The knobs: keys rotate with an overlap of one, an outage shows, the key set
// counts who asks.
func TestIssuerMisbehaves(t *testing.T) {
	t.Parallel()
	i, _, _ := issuer(t)
	first, err := i.Mint("viewer")
	if err != nil {
		t.Fatal(err)
	}
	keys := oidc.NewRemoteKeySet(t.Context(), i.URL()+"/keys")
	check := func(keys *oidc.RemoteKeySet, token string) error {
		_, err := keys.VerifySignature(context.Background(), token)
		return err
	}
	before := i.Fetches.Load()
	for range 3 {
		if err := check(keys, first); err != nil {
			t.Fatal(err)
		}
	}
	if got := i.Fetches.Load() - before; got != 1 {
		t.Errorf("%d fetches of the key set, want 1", got)
	}
	for n, known := range []bool{true, false} { // after one rotation, after two
		i.Rotate()
		if err := check(oidc.NewRemoteKeySet(t.Context(), i.URL()+"/keys"), first); (err == nil) != known {
			t.Errorf("rotation %d: %v", n+1, err)
		}
	}
	i.Down.Store(true)
	if status, _, _ := follow(t, i.URL()+"/keys"); status != http.StatusServiceUnavailable {
		t.Errorf("down answers %d", status)
	}
	i.Down.Store(false)
	i.Stuck.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, i.URL()+"/keys", nil)
	if _, err := http.DefaultClient.Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stuck: %v", err)
	}
}

func TestIssuerTrustsNoOtherHost(t *testing.T) {
	t.Parallel()
	i, _, _ := issuer(t)
	req, _ := http.NewRequest(http.MethodGet, i.URL()+"/.well-known/openid-configuration", nil)
	req.Host = "rebound.example"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another host name answers %d", res.StatusCode)
	}
	for to, want := range map[string]string{callback: callback, "http://127.0.0.1:9/": "http://127.0.0.1:9/", "http://evil.example/": "", "": ""} {
		_, back, _ := follow(t, i.URL()+"/logout?post_logout_redirect_uri="+url.QueryEscape(to))
		got := ""
		if back != nil {
			got = back.String()
		}
		if got != want {
			t.Errorf("logout to %q leads to %q, want %q", to, got, want)
		}
	}
	var meta map[string]any
	_, _, body := follow(t, i.URL()+"/.well-known/openid-configuration")
	if err := json.Unmarshal([]byte(body), &meta); err != nil || meta["issuer"] != i.URL() {
		t.Errorf("discovery %v, %v", meta["issuer"], err)
	}
}
