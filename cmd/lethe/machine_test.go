package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/devstack"
)

// A machine signs in with its secret at an issuer as it is run in development.
func TestMachineSignsInWithItsSecret(t *testing.T) {
	t.Parallel()
	issuer, err := devstack.StartIssuer(t.Context(), devstack.IssuerOptions{Machines: []devstack.Machine{{ID: "ci:orders", Secret: "s3cret", Role: "ci", Service: "orders"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(issuer.Stop)
	f := answering(t, 200, `{"verdict":"PASS","schemas":[{"subject":"x","verdict":"PASS"}]}`)
	with := func(more ...string) env {
		return env{environ: append([]string{"LETHE_URL=" + f.URL, "LETHE_OIDC_CLIENT_ID=ci:orders"}, more...)}
	}
	check := []string{"schema", "check", "schema_test.go", "--subject", "x"}
	if r := lethe(t, with("LETHE_OIDC_ISSUER="+issuer.URL(), "LETHE_OIDC_CLIENT_SECRET=s3cret"), check...); r.code != exitOK || len(strings.Split(f.asked[0].token, ".")) != 3 {
		t.Errorf("%d %s%s", r.code, r.out, r.err)
	}
	for _, c := range []struct {
		e    env
		code int
		says string
	}{
		{with("LETHE_OIDC_ISSUER="+issuer.URL(), "LETHE_OIDC_CLIENT_SECRET=guess-me"), exitNo, "gives the client ci:orders no token: invalid_client"},
		{with("LETHE_OIDC_ISSUER="+f.URL, "LETHE_OIDC_CLIENT_SECRET=guess-me"), exitAway, "cannot be asked"},
		{with("LETHE_OIDC_CLIENT_SECRET=guess-me"), exitUsage, "LETHE_OIDC_ISSUER is not"},
		{with("LETHE_OIDC_ISSUER=nonsense", "LETHE_OIDC_CLIENT_SECRET=guess-me"), exitUsage, "LETHE_OIDC_ISSUER is no URL"},
		{with("LETHE_OIDC_ISSUER=" + issuer.URL()), exitUsage, "id-token: write"},
	} {
		if r := lethe(t, c.e, check...); r.code != c.code || !strings.Contains(r.err, c.says) || strings.Contains(r.err, "guess-me") {
			t.Errorf("%d %s, want %d %s", r.code, r.err, c.code, c.says)
		}
	}
}

// A pipeline signs in by the identity that its provider gives it, in the forms
// that the providers document; the issuer gets it as RFC 7523 says.
func TestPipelineSignsInByItsIdentity(t *testing.T) {
	t.Parallel()
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
	mux.HandleFunc("GET /identity", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer job-key" || r.URL.Query().Get("audience") != s.URL || r.URL.Query().Get("api-version") != "2.0" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		tell(w, map[string]string{"value": "github-identity"})
	})
	asked := 0
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		asked++
		ok := r.FormValue("grant_type") == "client_credentials" && r.FormValue("client_id") == "ci:orders" && r.FormValue("resource") == "https://lethe.flowmart.example" &&
			r.FormValue("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
		if who := r.FormValue("client_assertion"); ok && (who == "github-identity" || who == "gitlab-identity") {
			tell(w, map[string]any{"access_token": "from-" + who, "token_type": "Bearer", "expires_in": 600})
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		tell(w, map[string]string{"error": "invalid_client", "error_description": "unknown identity"})
	})
	f := answering(t, 200, `{"verdict":"PASS","schemas":[{"subject":"x","verdict":"PASS"}]}`)
	base := []string{"LETHE_URL=" + f.URL, "LETHE_OIDC_ISSUER=" + s.URL, "LETHE_OIDC_CLIENT_ID=ci:orders", "LETHE_OIDC_AUDIENCE=https://lethe.flowmart.example"}
	for _, c := range []struct {
		environ []string
		code    int
		token   string
		says    string
	}{
		{[]string{"LETHE_ID_TOKEN=gitlab-identity"}, exitOK, "Bearer from-gitlab-identity", ""},
		{[]string{"ACTIONS_ID_TOKEN_REQUEST_URL=" + s.URL + "/identity?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=job-key"}, exitOK, "Bearer from-github-identity", ""},
		{[]string{"LETHE_ID_TOKEN=another"}, exitNo, "", "no token: invalid_client unknown identity"},
		{[]string{"ACTIONS_ID_TOKEN_REQUEST_URL=" + s.URL + "/identity", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=wrong"}, exitAway, "", "GitHub answered 403"},
	} {
		f.asked = nil
		r := lethe(t, env{environ: append(c.environ, base...)}, "schema", "check", "schema_test.go", "--subject", "x")
		if r.code != c.code || !strings.Contains(r.err, c.says) {
			t.Errorf("%q: %d %s", c.environ, r.code, r.err)
		}
		if c.token != "" && (len(f.asked) != 1 || f.asked[0].token != c.token) {
			t.Errorf("%q: %+v", c.environ, f.asked)
		}
	}
	if asked != 3 {
		t.Errorf("the issuer was asked %d times", asked)
	}
}
