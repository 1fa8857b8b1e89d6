// Package servertest runs a whole server on a database of the test's own, with
// an issuer in the test that mints tokens for anybody. One call starts it; it
// stops with the test, and stopping badly fails the test.
package servertest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/internal/vault"
	"github.com/flowmart/lethe/server"
	"github.com/flowmart/lethe/server/issuertest"
)

// Server is a running server.
type Server struct {
	URL    string
	OpsURL string
	Issuer *issuertest.Issuer
	DB     *pgxpool.Pool // the server's main database, as lethe_app
	Config server.Config
	Log    *Log
	Client *http.Client

	stop func() error
	once sync.Once
}

// Option changes a server before it starts.
type Option func(*settings)

type settings struct {
	values map[string]string
	opts   []server.Option
	change []func(*server.Config)
	https  bool
}

// With sets a setting by its key.
func With(key, value string) Option { return func(s *settings) { s.values[key] = value } }

// Change changes the configuration once it is read.
func Change(fn func(*server.Config)) Option {
	return func(s *settings) { s.change = append(s.change, fn) }
}

// Clock gives the server a time of its own.
func Clock(now func() time.Time) Option {
	return func(s *settings) { s.opts = append(s.opts, server.Clock(now)) }
}

// HTTPS has the server reached by https, as behind a proxy that speaks TLS for
// it, with a certificate that Client knows.
func HTTPS() Option { return func(s *settings) { s.https = true } }

// New starts a server.
func New(t testing.TB, opts ...Option) *Server {
	t.Helper()
	app, _, _ := pgtest.URLs(t)
	keys, _, _ := pgtest.KeystoreURLs(t)
	return On(t, issuertest.New(t), app, keys, Files(t), opts...)
}

// On starts a server on databases, an issuer and key files that others share:
// a replica.
func On(t testing.TB, issuer *issuertest.Issuer, database, keystore, files string, opts ...Option) *Server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + ln.Addr().String()
	set := settings{values: map[string]string{
		"ops_listen": "127.0.0.1:0", "public_url": url, "database_url": database, "keystore_url": keystore,
		"kek_file": filepath.Join(files, "kek"), "signing_key_file": filepath.Join(files, "signing.key"), "checkpoint_key_file": filepath.Join(files, "checkpoint.key"),
		"anchor_dir": filepath.Join(files, "anchors"), "storage_dir": filepath.Join(files, "storage"),
		"oidc_issuer": issuer.URL, "oidc_client_id": issuertest.Client, "oidc_audience": issuertest.Audience,
		"country": "DE", "timezone": "Europe/Berlin", "dev": "true", "drain_delay": "0s", "log_level": "debug",
		"answer_within": "1m", // whatever else the machine does meanwhile
	}}
	for _, o := range opts {
		o(&set)
	}
	client := &http.Client{Timeout: 2 * time.Minute}
	if set.https {
		url = "https://" + ln.Addr().String()
		set.values["public_url"] = url
		ln, client.Transport = secure(ln)
	}
	conf, err := server.Load(server.Sources{Flags: set.values})
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range set.change {
		change(&conf)
	}
	s := &Server{URL: url, Issuer: issuer, Config: conf, Log: &Log{}, Client: client}
	s.start(t, ln, set.opts)
	if s.DB, err = pgxpool.New(t.Context(), database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.DB.Close)
	return s
}

// secure speaks TLS on a listener, with the certificate of httptest, and to it.
func secure(ln net.Listener) (net.Listener, http.RoundTripper) {
	lent := httptest.NewTLSServer(nil)
	defer lent.Close()
	return tls.NewListener(ln, &tls.Config{Certificates: lent.TLS.Certificates, MinVersion: tls.VersionTLS12}), lent.Client().Transport
}

func (s *Server) start(t testing.TB, ln net.Listener, opts []server.Option) {
	t.Helper()
	srv, err := server.New(t.Context(), s.Config, append(opts, server.On(ln), server.LogTo(s.Log))...)
	if err != nil {
		t.Fatalf("servertest: %v", err)
	}
	s.OpsURL = "http://" + srv.OpsAddr()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	s.stop = func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(45 * time.Second):
			return fmt.Errorf("the server did not stop within 45 s")
		}
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("servertest: %v", err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.Log)
		}
	})
}

// Stop stops the server in order, as SIGTERM does. Later calls do nothing.
func (s *Server) Stop() (err error) {
	s.once.Do(func() { err = s.stop() })
	return err
}

// Files makes the files that a server needs: keys and directories.
func Files(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(dir, "anchors"), 0o700))
	must(os.Mkdir(filepath.Join(dir, "storage"), 0o700))
	must(vault.NewKEK().WriteFile(filepath.Join(dir, "kek")))
	_, err := audit.GenerateKey(filepath.Join(dir, "checkpoint.key"), "lethe.test/audit")
	must(err)
	_, err = server.NewSigningKey(filepath.Join(dir, "signing.key"))
	must(err)
	return dir
}

// Token mints an access token for somebody of a role. Claims given change it:
// the subject, teams as groups, lethe_service of a machine.
func (s *Server) Token(role access.Role, claims ...issuertest.Claims) string {
	all := issuertest.Claims{"sub": "the-" + string(role), "name": "The " + string(role), "groups": []string{"lethe:" + string(role)}}
	for _, c := range claims {
		maps.Copy(all, c)
	}
	return s.Issuer.Access(all)
}

// Person mints an access token for a person with roles and teams.
func (s *Server) Person(subject string, roles []access.Role, teams ...string) string {
	groups := []string{}
	for _, r := range roles {
		groups = append(groups, "lethe:"+string(r))
	}
	for _, team := range teams {
		groups = append(groups, "team:"+team)
	}
	return s.Issuer.Access(issuertest.Claims{"sub": subject, "name": subject, "groups": groups})
}

// Query runs a GraphQL document as somebody of a role and reads its data into
// out. Any error fails the test.
func (s *Server) Query(t testing.TB, as access.Role, document string, variables map[string]any, out any) {
	t.Helper()
	s.QueryAs(t, s.Token(as), document, variables, out)
}

// QueryAs is Query with a token.
func (s *Server) QueryAs(t testing.TB, token, document string, variables map[string]any, out any) {
	t.Helper()
	a := s.Ask(t, token, document, variables)
	if a.Status != http.StatusOK || len(a.Errors) > 0 {
		t.Fatalf("GraphQL answered %d: %s", a.Status, a.Body)
	}
	if out != nil {
		if err := json.Unmarshal(a.Data, out); err != nil {
			t.Fatalf("reading %s: %v", a.Data, err)
		}
	}
}

// Answer is what GraphQL answered, well or not.
type Answer struct {
	Status int
	Body   string
	Data   json.RawMessage
	Errors []struct {
		Message    string
		Path       []any
		Extensions map[string]any
	}
}

// Ask runs a GraphQL document and returns the answer as it is.
func (s *Server) Ask(t testing.TB, token, document string, variables map[string]any) Answer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	resp := s.Do(t, http.MethodPost, "/graphql", token, bytes.NewReader(body))
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := Answer{Status: resp.StatusCode, Body: string(raw)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/") {
		_ = json.Unmarshal(raw, &a) // a problem is no GraphQL answer; Body has it
	}
	return a
}

// Do sends a request with a JSON body to a path, with a token if it is not
// empty. The caller closes the answer's body.
func (s *Server) Do(t testing.TB, method, path, token string, body io.Reader) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// Log collects what a server logs.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// String is everything logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
