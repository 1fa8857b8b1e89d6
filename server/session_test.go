package server_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

// browser is a person's browser: it keeps cookies and does not follow
// redirects by itself.
type browser struct {
	t   *testing.T
	s   *servertest.Server
	jar http.CookieJar
}

func newBrowser(t *testing.T, s *servertest.Server) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, s, jar}
}

func (b *browser) do(method, to, contentType string, headers ...string) *http.Response {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, to, strings.NewReader(`{"query":"{__typename}"}`))
	if err != nil {
		b.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	c := http.Client{Jar: b.jar, Transport: b.s.Client.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// callback goes to the issuer and returns the address it sends the browser back
// to.
func (b *browser) callback(returnTo string) string {
	b.t.Helper()
	out := b.do("GET", b.s.URL+"/auth/login?return_to="+url.QueryEscape(returnTo), "")
	if out.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("login: %d", out.StatusCode)
	}
	back := b.do("GET", out.Header.Get("Location"), "")
	if back.StatusCode != http.StatusFound {
		b.t.Fatalf("issuer: %d", back.StatusCode)
	}
	return back.Header.Get("Location")
}

func (b *browser) signIn(who issuertest.Claims) *http.Response {
	b.t.Helper()
	b.s.Issuer.SignsIn(who)
	resp := b.do("GET", b.callback("/requests"), "")
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/requests" {
		body, _ := io.ReadAll(resp.Body)
		b.t.Fatalf("callback: %d %s", resp.StatusCode, body)
	}
	return resp
}

// signedIn reports whether the server knows the browser.
func (b *browser) signedIn() bool {
	b.t.Helper()
	return b.do("POST", b.s.URL+"/graphql", "application/json").StatusCode != http.StatusUnauthorized
}

func (b *browser) cookie() string {
	u, _ := url.Parse(b.s.URL)
	for _, c := range b.jar.Cookies(u) {
		if c.Name == "lethe" {
			return c.Value
		}
	}
	return ""
}

func (b *browser) exec(q string) {
	b.t.Helper()
	if _, err := b.s.DB.Exec(b.t.Context(), q); err != nil {
		b.t.Fatal(err)
	}
}

var ada = issuertest.Claims{"sub": "ada", "name": "Ada", "groups": []string{"lethe:handler", "team:care"}}

func TestPeopleSignInAndOut(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, servertest.New(t))
	if b.signedIn() {
		t.Error("signed in before")
	}
	resp := b.signIn(ada)
	for _, c := range resp.Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %s: %+v", c.Name, c)
		}
	}
	if !b.signedIn() {
		t.Error("not signed in after")
	}
	if resp := b.do("POST", b.s.URL+"/graphql", "text/plain"); resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a form of another site: %d", resp.StatusCode)
	}
	if resp := b.do("POST", b.s.URL+"/auth/logout", "", "Sec-Fetch-Site", "cross-site"); resp.StatusCode != http.StatusForbidden || !b.signedIn() {
		t.Errorf("signed out by another site: %d", resp.StatusCode)
	}
	if resp := b.do("GET", b.s.URL+"/auth/logout", ""); resp.StatusCode != http.StatusMethodNotAllowed || !b.signedIn() {
		t.Errorf("signed out by a link: %d", resp.StatusCode)
	}
	old := b.cookie()
	if resp := b.do("POST", b.s.URL+"/auth/logout", ""); resp.StatusCode != http.StatusNoContent {
		t.Errorf("logout: %d", resp.StatusCode)
	}
	if b.signedIn() || b.cookie() != "" {
		t.Error("still signed in")
	}
	if resp := b.do("POST", b.s.URL+"/graphql", "application/json", "Cookie", "lethe="+old); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the cookie kept aside: %d", resp.StatusCode)
	}
}

func TestTheDatabaseHoldsNoCookieAndNoToken(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, servertest.New(t))
	b.callback("/") // one sign-in is left under way
	b.signIn(ada)
	var dump string
	if err := b.s.DB.QueryRow(t.Context(), `SELECT (SELECT json_agg(s)::text FROM server_session s) || coalesce((SELECT json_agg(l)::text FROM server_login l), '')`).Scan(&dump); err != nil {
		t.Fatal(err)
	}
	id, err := base64.RawURLEncoding.DecodeString(b.cookie())
	if err != nil || len(id) != 32 {
		t.Fatalf("the cookie has %d bytes: %v", len(id), err)
	}
	sum := sha256.Sum256(id)
	if strings.Contains(dump, b.cookie()) || strings.Contains(dump, hex(id)) || strings.Contains(dump, "eyJ") {
		t.Error("the database holds a cookie or a token")
	}
	if !strings.Contains(dump, hex(sum[:])) {
		t.Error("the database does not hold the hash of the cookie")
	}
}

func hex(b []byte) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for _, c := range b {
		out.WriteByte(digits[c>>4])
		out.WriteByte(digits[c&15])
	}
	return out.String()
}

// RFC 9700 §2.1, §4.4, §4.5, §4.7; RFC 9207; OpenID Connect Core §3.1.3.7.
func TestSignInRefusesWrongAnswers(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	for name, c := range map[string]struct {
		who    issuertest.Claims
		bend   func(url.Values)
		change func(b *browser, to string) string
		code   string
	}{
		"another state":      {bend: func(v url.Values) { v.Set("state", "x") }, code: "SIGN_IN_EXPIRED"},
		"no state":           {bend: func(v url.Values) { v.Del("state") }, code: "SIGN_IN_EXPIRED"},
		"another issuer":     {bend: func(v url.Values) { v.Set("iss", "https://evil.example") }, code: "SIGN_IN_FAILED"},
		"no issuer":          {bend: func(v url.Values) { v.Del("iss") }, code: "SIGN_IN_FAILED"},
		"another code":       {bend: func(v url.Values) { v.Set("code", "x") }, code: "SIGN_IN_FAILED"},
		"no code":            {bend: func(v url.Values) { v.Del("code") }, code: "SIGN_IN_FAILED"},
		"the issuer refuses": {bend: func(v url.Values) { v.Set("error", "access_denied") }, code: "SIGN_IN_FAILED"},
		"another nonce":      {who: issuertest.Claims{"sub": "x", "nonce": "y"}, code: "TOKEN_INVALID"},
		"no nonce":           {who: issuertest.Claims{"sub": "x", "nonce": nil}, code: "TOKEN_INVALID"},
		"another client":     {who: issuertest.Claims{"sub": "x", "aud": "billing"}, code: "TOKEN_INVALID"},
		"two audiences":      {who: issuertest.Claims{"sub": "x", "aud": []string{"lethe-portal", "billing"}, "azp": "billing"}, code: "TOKEN_INVALID"},
		"expired":            {who: issuertest.Claims{"sub": "x", "exp": 1}, code: "TOKEN_EXPIRED"},
		"a machine":          {who: issuertest.Claims{"sub": "x", "groups": "lethe:service"}, code: "MACHINE_NOT_BOUND"},
		"another browser": {change: func(b *browser, to string) string {
			b.jar, _ = cookiejar.New(nil)
			return to
		}, code: "SIGN_IN_EXPIRED"},
		"used before": {change: func(b *browser, to string) string {
			u, _ := url.Parse(b.s.URL)
			before := b.jar.Cookies(u)
			b.do("GET", to, "")
			b.jar, _ = cookiejar.New(nil)
			b.jar.SetCookies(u, before)
			return to
		}, code: "SIGN_IN_EXPIRED"},
		"too late": {change: func(b *browser, to string) string {
			b.exec(`UPDATE server_login SET expires_at = now() - interval '1 second'`)
			return to
		}, code: "SIGN_IN_EXPIRED"},
	} {
		b := newBrowser(t, s)
		who := ada
		if c.who != nil {
			who = c.who
		}
		s.Issuer.SignsIn(who)
		s.Issuer.Bend(c.bend)
		to := b.callback("/")
		if c.change != nil {
			to = c.change(b, to)
		}
		resp := b.do("GET", to, "")
		var d struct{ Code string }
		_ = json.NewDecoder(resp.Body).Decode(&d)
		if resp.StatusCode < 400 || resp.StatusCode >= 500 || d.Code != c.code || b.signedIn() {
			t.Errorf("%s: %d %s, signed in %v", name, resp.StatusCode, d.Code, b.signedIn())
		}
		s.Issuer.Bend(nil)
	}
	b := newBrowser(t, s)
	resp := b.do("GET", s.URL+"/auth/callback?code=x&state=y", "", "Accept", "text/html")
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || to != "/?sign_in=SIGN_IN_EXPIRED" {
		t.Errorf("a person is told by the portal: %d %s", resp.StatusCode, to)
	}
}

func TestSignInReturnsToOurPathsAlone(t *testing.T) {
	t.Parallel()
	s := servertest.New(t)
	s.Issuer.SignsIn(ada)
	for to, want := range map[string]string{
		"/requests?state=open": "/requests?state=open", "": "/", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/",
		"/a\r\nSet-Cookie: x=y": "/", "/auth/logout": "/", "javascript:alert(1)": "/", "/" + strings.Repeat("a", 3000): "/",
	} {
		b := newBrowser(t, s)
		if got := b.do("GET", b.callback(to), "").Header.Get("Location"); got != want {
			t.Errorf("return_to %.40q leads to %q, want %q", to, got, want)
		}
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]string{
		"30 minutes without a request": `UPDATE server_session SET seen_at = now() - interval '31 minutes'`,
		"after 12 hours":               `UPDATE server_session SET signed_in_at = now() - interval '12 hours 1 minute'`,
	} {
		b := newBrowser(t, servertest.New(t))
		b.signIn(ada)
		b.exec(q)
		if b.signedIn() {
			t.Errorf("%s: still signed in", name)
		}
	}
}

// A session's id is new at each sign-in, and moves on in between without losing
// a browser whose answer was lost.
func TestSessionIDMovesOn(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, servertest.New(t))
	u, _ := url.Parse(b.s.URL)
	planted := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	b.jar.SetCookies(u, []*http.Cookie{{Name: "lethe", Value: planted, Path: "/"}})
	b.signIn(ada)
	first := b.cookie()
	if first == planted {
		t.Fatal("a planted id was adopted")
	}
	b.signIn(ada)
	second := b.cookie()
	if second == first || b.known(first) {
		t.Error("the session before a new sign-in lives on")
	}

	const due = `UPDATE server_session SET rotated_at = now() - interval '16 minutes'`
	b.exec(due)
	if !b.known(second) {
		t.Fatal("not known while the id is due")
	}
	// That answer, with a new id, was lost on its way: the old id still serves.
	if !b.known(second) {
		t.Fatal("the old id stopped before the new one arrived")
	}
	b.exec(due)
	if !b.signedIn() || b.cookie() == second {
		t.Fatal("no new id")
	}
	third := b.cookie()
	if !b.known(third) || !b.known(second) {
		t.Error("both ids serve for a moment")
	}
	b.exec(`UPDATE server_session SET previous_until = now() - interval '1 second'`)
	if b.known(second) || !b.known(third) {
		t.Error("the old id outlived its moment")
	}
}

// known asks with an id, beside the browser's own.
func (b *browser) known(id string) bool {
	b.t.Helper()
	fresh := newBrowser(b.t, b.s)
	return fresh.do("POST", b.s.URL+"/graphql", "application/json", "Cookie", "lethe="+id).StatusCode != http.StatusUnauthorized
}

// A table that is locked stands for a database that hangs: nobody waits until it
// no longer does.
func TestSessionsDoNotHangWithTheDatabase(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, servertest.New(t))
	b.signIn(ada)
	tx, err := b.s.DB.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), `LOCK TABLE server_session IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	resp := b.do("POST", b.s.URL+"/graphql", "application/json")
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("answered with %d", resp.StatusCode)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !b.signedIn() {
		t.Error("not known once the database is back")
	}
}
