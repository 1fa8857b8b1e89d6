package server_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/flowmart/lethe/server"
	"github.com/flowmart/lethe/server/servertest"
)

// production is how a server is told that it is no longer in development; the
// test's issuer has no certificate, so it is told after the settings were read.
func production(c *server.Config) { c.Dev = false }

// Over https people sign in by the code flow with cookies that hold to this
// host, this path and https (RFC 6265bis §4.1.3.2, OWASP's session rules).
func TestPeopleSignInOverHTTPS(t *testing.T) {
	t.Parallel()
	s := servertest.New(t, servertest.HTTPS(), servertest.Change(production))
	if !strings.HasPrefix(s.URL, "https://") {
		t.Fatal(s.URL)
	}
	b := newBrowser(t, s)
	out := b.do("GET", s.URL+"/auth/login", "")
	to, err := url.Parse(out.Header.Get("Location"))
	if err != nil || to.Query().Get("redirect_uri") != s.URL+"/auth/callback" || out.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("login leads to %s, %v", to, err)
	}
	in := b.signIn(ada)
	held := map[string]bool{}
	for _, c := range append(out.Cookies(), in.Cookies()...) {
		if !strings.HasPrefix(c.Name, "__Host-lethe") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %s: %+v", c.Name, c)
		}
		held[c.Name] = true
	}
	if len(held) != 3 || !held["__Host-lethe"] || !held["__Host-lethe-key"] || !held["__Host-lethe-login"] {
		t.Errorf("cookies %v", held)
	}
	b.expect("signed in", 200, "HANDLER")
	b.exec(due)
	b.expect("confirmed by the issuer", 200, "HANDLER")
	if n := s.Issuer.Refreshes.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times", n)
	}

	u, _ := url.Parse(s.URL)
	for _, c := range b.jar.Cookies(u) {
		if c.Name == "__Host-lethe" && b.known(c.Value) {
			t.Error("a cookie without the prefix is taken, which another site of the domain could have set")
		}
	}
	if resp := b.do("POST", s.URL+"/auth/logout", ""); resp.StatusCode != http.StatusNoContent || b.signedIn() || len(b.jar.Cookies(u)) != 0 {
		t.Errorf("logout: %d, cookies left: %v", resp.StatusCode, b.jar.Cookies(u))
	}
}

// A public URL of https that is reached by plain http gives cookies that no
// browser sends back over it: nobody signs in in the clear.
func TestNobodySignsInOverPlainHTTP(t *testing.T) {
	t.Parallel()
	const name = "lethe.example.com" // not loopback, which browsers trust without TLS
	s := servertest.New(t, servertest.Change(production), servertest.Change(func(c *server.Config) { c.PublicURL = "https://" + name }))
	at := strings.TrimPrefix(s.URL, "http://")
	s.URL, s.Client.Transport = "http://"+name, &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(address, name) {
			address = at
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	b := newBrowser(t, s)
	s.Issuer.SignsIn(ada)
	out := b.do("GET", s.URL+"/auth/login", "")
	for _, c := range out.Cookies() {
		if !c.Secure {
			t.Errorf("cookie %+v", c)
		}
	}
	back := b.do("GET", out.Header.Get("Location"), "").Header.Get("Location")
	if !strings.HasPrefix(back, "https://"+name) {
		t.Errorf("the issuer sends people back to %s", back)
	}
	if resp := b.do("GET", strings.Replace(back, "https://", "http://", 1), ""); resp.StatusCode != http.StatusUnauthorized || b.signedIn() {
		t.Errorf("signed in over plain http: %d", resp.StatusCode)
	}
}
