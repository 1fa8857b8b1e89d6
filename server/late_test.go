package server_test

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/server"
	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

// gate is on the way to a database: closed, it hangs up.
type gate struct {
	at   string
	open atomic.Bool
}

// before puts a closed gate before a database, and returns its URL through it.
func before(t *testing.T, database string) (*gate, string) {
	t.Helper()
	to, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	g := &gate{at: ln.Addr().String()}
	host := to.Host
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			go g.pass(in, host)
		}
	}()
	to.Host = g.at
	return g, to.String()
}

func (g *gate) pass(in net.Conn, host string) {
	defer in.Close()
	if !g.open.Load() {
		return
	}
	out, err := net.Dial("tcp", host)
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.Close()
	}()
	_, _ = io.Copy(in, out)
}

// A registry that starts while its database is away says 503 to everybody, in
// the form of its API, and 404 to nobody; it serves once the database is there.
func TestTheRegistryAloneWaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	app, _, _ := pgtest.URLs(t)
	keys, _, _ := pgtest.KeystoreURLs(t)
	g, through := before(t, app)
	s := servertest.On(t, issuertest.New(t), through, keys, servertest.Files(t), servertest.With("only", "registry"))
	ask := func(path string) (int, string) {
		resp := s.Do(t, http.MethodGet, path, s.Token(access.Viewer), nil)
		defer resp.Body.Close()
		said, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(said)
	}
	for _, path := range []string{"/registry/subjects", "/registry/subjects/a/versions/latest", "/registry/schemas/ids/1", "/registry/config"} {
		if status, said := ask(path); status != http.StatusServiceUnavailable || !strings.Contains(said, `"error_code":50001`) {
			t.Errorf("%s: %d %s", path, status, said)
		}
	}
	if status, _ := ask("/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", status)
	}
	if status, _ := ask("/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	const asked = 50
	for range asked {
		ask("/registry/subjects")
	}
	if lines := strings.Count(s.Log.String(), `"status":503`); lines == 0 || lines >= asked {
		t.Errorf("the log has %d lines of %d refusals", lines, asked)
	}
	ops, err := http.Get(s.OpsURL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(ops.Body)
	_ = ops.Body.Close()
	for line := range strings.Lines(string(said)) {
		value, is := strings.CutPrefix(strings.TrimSpace(line), "lethe_registry_behind_seconds ")
		if n, err := strconv.ParseFloat(value, 64); is && (err != nil || n <= 0 || n > 3600) {
			t.Errorf("behind by %s", value)
		}
	}
	g.open.Store(true)
	for status := 0; status != http.StatusOK; time.Sleep(20 * time.Millisecond) {
		if status, _ = ask("/readyz"); t.Context().Err() != nil {
			t.Fatalf("/readyz: %d", status)
		}
	}
	if status, said := ask("/registry/subjects"); status != http.StatusOK || strings.TrimSpace(said) != "[]" {
		t.Errorf("/registry/subjects: %d %s", status, said)
	}
	if status, _ := ask("/registry/subjects/a/versions/latest"); status != http.StatusNotFound {
		t.Errorf("what is not there: %d", status)
	}
}

// A registry that started without its database ends where it finds one that
// lacks steps, as it would have had it been there.
func TestTheRegistryAloneEndsAtAnOlderDatabase(t *testing.T) {
	t.Parallel()
	app, _, _ := pgtest.URLs(t)
	keys, _, _ := pgtest.KeystoreURLs(t)
	conf := servertest.On(t, issuertest.New(t), app, keys, servertest.Files(t)).Config
	g, through := before(t, strings.Replace(app, "/"+database(app), "/postgres", 1))
	conf.Listen, conf.OpsListen, conf.DatabaseURL, conf.Only = "127.0.0.1:0", "127.0.0.1:0", through, []server.Part{server.Registry}
	late, err := server.New(t.Context(), conf, server.LogTo(&servertest.Log{}))
	if err != nil {
		t.Fatal(err)
	}
	g.open.Store(true)
	if err := late.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "LETHE_DATABASE_URL cannot be used") {
		t.Errorf("it ended with %v", err)
	}
}
