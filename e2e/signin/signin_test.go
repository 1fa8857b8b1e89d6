package signin

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

const (
	secret   = "a secret of clients that is long enough"
	audience = "https://lethe.flowmart.example" // resource indicators are URIs (RFC 8707)
)

// open starts Lethe with the provider as its issuer.
func open(t *testing.T) (*servertest.Server, *provider) {
	t.Helper()
	p := start(t)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	app, _, _ := pgtest.URLs(t)
	keys, _, _ := pgtest.KeystoreURLs(t)
	s := servertest.On(t, issuertest.New(t), app, keys, servertest.Files(t),
		servertest.With("oidc_issuer", p.issuer), servertest.With("oidc_client_id", "lethe-portal"), servertest.With("oidc_client_secret_file", file),
		servertest.With("oidc_audience", audience), servertest.With("oidc_machines", "orders-client=service:orders"))
	p.configure(t, settings{
		Redirect: s.URL + "/auth/callback", Audience: audience, Secret: secret,
		People: map[string]map[string]any{
			"hannah": {"name": "Hannah Handler", "groups": []string{"lethe:handler", "team:support", "everyone"}},
			"guest":  {"name": "A Guest", "groups": []string{"everyone"}},
		},
	})
	return s, p
}

// browser keeps cookies and follows redirects, as browsers do, but stops at the
// addresses that the test wants to see.
type browser struct {
	t *testing.T
	http.Client
	stop string // of a redirect: do not follow it
}

func newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t}
	b.Jar = jar
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if b.stop != "" && strings.HasPrefix(r.URL.String(), b.stop) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return b
}

func (b *browser) do(method, to, contentType, body string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, to, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(text)
}

var action = regexp.MustCompile(`action="([^"]+)"`)

// signIn fills in the provider's forms and returns where it sends the browser
// back to, without going there.
func (b *browser) signIn(s *servertest.Server, who string) string {
	b.t.Helper()
	b.stop = s.URL + "/auth/callback"
	resp, page := b.do(http.MethodGet, s.URL+"/auth/login?return_to=%2Frequests", "", "")
	for _, form := range []url.Values{{"prompt": {"login"}, "login": {who}, "password": {"any"}}, {"prompt": {"consent"}}} {
		if resp.Header.Get("Location") != "" {
			break
		}
		to := action.FindStringSubmatch(page)
		if to == nil {
			b.t.Fatalf("%s has no form: %d %s", resp.Request.URL.Path, resp.StatusCode, page)
		}
		at, err := resp.Request.URL.Parse(to[1])
		if err != nil {
			b.t.Fatal(err)
		}
		resp, page = b.do(http.MethodPost, at.String(), "application/x-www-form-urlencoded", form.Encode())
	}
	back := resp.Header.Get("Location")
	if !strings.HasPrefix(back, b.stop) {
		b.t.Fatalf("the provider did not send the browser back: %d %s", resp.StatusCode, page)
	}
	b.stop = s.URL + "/requests"
	return back
}

const viewer = `{"query":"{ viewer { name roles teams service } }"}`

type who struct {
	Data struct {
		Viewer struct {
			Name    string
			Roles   []string
			Teams   []string
			Service *string
		}
	}
}

func (b *browser) viewer(s *servertest.Server) (int, who) {
	b.t.Helper()
	resp, body := b.do(http.MethodPost, s.URL+"/graphql", "application/json", viewer)
	var w who
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal([]byte(body), &w); err != nil {
			b.t.Fatalf("%v: %s", err, body)
		}
	}
	return resp.StatusCode, w
}

// A person signs in with the code flow, is known by name, role and team, and
// signs out.
func TestPeople(t *testing.T) {
	t.Parallel()
	s, p := open(t)
	b := newBrowser(t)
	if status, _ := b.viewer(s); status != http.StatusUnauthorized {
		t.Errorf("before: %d", status)
	}
	back := b.signIn(s, "hannah")
	if resp, body := b.do(http.MethodGet, back, "", ""); resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/requests" {
		t.Fatalf("callback: %d %s", resp.StatusCode, body)
	}
	status, w := b.viewer(s)
	if v := w.Data.Viewer; status != http.StatusOK || v.Name != "Hannah Handler" || len(v.Roles) != 1 || v.Roles[0] != "HANDLER" || len(v.Teams) != 1 || v.Teams[0] != "support" || v.Service != nil {
		t.Errorf("viewer: %d %+v", status, v)
	}
	// The provider confirms her roles, twice: with the refresh token that came
	// with the sign-in, and with the one that took its place.
	for range 2 {
		if _, err := s.DB.Exec(t.Context(), `UPDATE server_session SET confirmed_at = now() - interval '6 minutes'`); err != nil {
			t.Fatal(err)
		}
		if status, w := b.viewer(s); status != http.StatusOK || len(w.Data.Viewer.Roles) != 1 {
			t.Errorf("viewer, to be confirmed: %d %+v", status, w)
		}
		var fresh bool
		if err := s.DB.QueryRow(t.Context(), `SELECT confirmed_at > now() - interval '1 minute' FROM server_session`).Scan(&fresh); err != nil || !fresh {
			t.Errorf("confirmed: %v %v", fresh, err)
		}
	}
	// The code was used, and the attempt too.
	if resp, _ := b.do(http.MethodGet, back, "", ""); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the callback again: %d", resp.StatusCode)
	}
	if resp, _ := b.do(http.MethodPost, s.URL+"/auth/logout", "application/json", "{}"); resp.StatusCode != http.StatusNoContent {
		t.Errorf("logout: %d", resp.StatusCode)
	}
	if status, _ := b.viewer(s); status != http.StatusUnauthorized {
		t.Errorf("after: %d", status)
	}
	if log := s.Log.String(); strings.Contains(log, "Hannah") || strings.Contains(log, "code=") {
		t.Errorf("the log tells who signed in:\n%s", log)
	}
	// The provider insists on PKCE, so what went well above used it.
	bare := p.issuer + "/auth?" + url.Values{"client_id": {"lethe-portal"}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {s.URL + "/auth/callback"}}.Encode()
	b.stop = s.URL
	resp, _ := b.do(http.MethodGet, bare, "", "")
	if to := resp.Header.Get("Location"); !strings.Contains(to, "error=invalid_request") {
		t.Errorf("without PKCE: %d %s", resp.StatusCode, to)
	}
}

// Who is known to the provider and holds no role may sign in, and may do
// nothing.
func TestPeopleWithoutARole(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	b := newBrowser(t)
	resp, _ := b.do(http.MethodGet, b.signIn(s, "guest"), "", "")
	if resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("callback: %d", resp.StatusCode)
	}
	if status, w := b.viewer(s); status != http.StatusOK || len(w.Data.Viewer.Roles) != 0 {
		t.Errorf("viewer: %d %+v", status, w)
	}
	_, body := b.do(http.MethodPost, s.URL+"/graphql", "application/json", `{"query":"{ requests(first: 1) { nodes { id } } }"}`)
	if !strings.Contains(body, "ROLE_REQUIRED") && !strings.Contains(body, "FORBIDDEN") {
		t.Errorf("a guest reads requests: %s", body)
	}
}

// token asks the provider for a machine's token.
func token(t *testing.T, p *provider, client, resource string) (status int, access string) {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}}
	if resource != "" {
		form.Set("resource", resource)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(client), url.QueryEscape(secret))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var a struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, a.AccessToken
}

// Machines bring tokens of their own (at+jwt) that are meant for Lethe, and are
// bound to a service by the settings or by a claim.
func TestMachines(t *testing.T) {
	t.Parallel()
	s, p := open(t)
	for name, c := range map[string]struct {
		client, resource string
		status           int
		role, code       string
	}{
		"bound by the settings":          {"orders-client", audience, 200, "SERVICE", ""},
		"bound by a claim":               {"orders-ci", audience, 200, "CI", ""},
		"meant for somebody else":        {"orders-client", "https://other.example", 401, "", "TOKEN_WRONG_AUDIENCE"},
		"opaque, because of no resource": {"orders-client", "", 401, "", "TOKEN_INVALID"},
	} {
		status, access := token(t, p, c.client, c.resource)
		if status != http.StatusOK || access == "" {
			t.Fatalf("%s: the provider answered %d", name, status)
		}
		a := s.Ask(t, access, `{ viewer { name roles service } }`, nil)
		var w who
		_ = json.Unmarshal([]byte(a.Body), &w) // a refusal has another form
		if a.Status != c.status || !strings.Contains(a.Body, c.code) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		if v := w.Data.Viewer; c.role != "" && (len(v.Roles) != 1 || v.Roles[0] != c.role || v.Service == nil || *v.Service != "orders") {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
	_, access := token(t, p, "stranger", audience)
	if a := s.Ask(t, access, `{ requests(first: 1) { nodes { id } } }`, nil); a.Status == http.StatusOK && len(a.Errors) == 0 {
		t.Errorf("a client that nobody bound: %d %s", a.Status, a.Body)
	}
}
