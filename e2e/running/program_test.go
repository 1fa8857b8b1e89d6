package running

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/internal/devstack"
	"github.com/flowmart/lethe/server/issuertest"
)

var (
	binary string // of lethe
	pg     *devstack.Postgres
	houses atomic.Int64
)

func TestMain(m *testing.M) {
	code, err := whole(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func whole(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "lethe-running-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	binary = filepath.Join(dir, "lethe")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/flowmart/lethe/cmd/lethe").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	if pg, err = devstack.StartPostgres(ctx, devstack.PostgresOptions{NoSync: true}); err != nil {
		return 1, err
	}
	defer pg.Stop()
	// These tests wait more than they work.
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// house is one installation of Lethe: databases, keys, an issuer.
type house struct {
	t      *testing.T
	dir    string
	name   string // of its main database
	public string // URL that everybody knows
	issuer *issuertest.Issuer
	env    []string
	before func(*erasuretest.Service) string // where a service is registered, if not at its own address
}

// found makes an installation that everybody reaches at public, or at its only
// replica if public is empty.
func found(t *testing.T, public string, env ...string) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), name: fmt.Sprintf("house%d", houses.Add(1)), public: public, issuer: issuertest.New(t)}
	if h.public == "" {
		h.public = "http://" + freeAddress(t)
	}
	for _, db := range []string{h.name, h.name + "_keys"} {
		if err := pg.CreateDatabase(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"anchors", "storage"} {
		if err := os.Mkdir(h.file(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h.env = append([]string{
		"LETHE_PUBLIC_URL=" + h.public, "LETHE_DEV=true", "LETHE_LOG_LEVEL=debug",
		"LETHE_DATABASE_URL=" + pg.AppURL(h.name), "LETHE_MIGRATE_URL=" + pg.OwnerURL(h.name),
		"LETHE_KEYSTORE_URL=" + pg.AppURL(h.name+"_keys"), "LETHE_KEYSTORE_MIGRATE_URL=" + pg.OwnerURL(h.name+"_keys"),
		"LETHE_KEK_FILE=" + h.file("kek"), "LETHE_SIGNING_KEY_FILE=" + h.file("signing.key"), "LETHE_CHECKPOINT_KEY_FILE=" + h.file("checkpoint.key"),
		"LETHE_ANCHOR_DIR=" + h.file("anchors"), "LETHE_STORAGE_DIR=" + h.file("storage"),
		"LETHE_OIDC_ISSUER=" + h.issuer.URL, "LETHE_OIDC_CLIENT_ID=" + issuertest.Client, "LETHE_OIDC_AUDIENCE=" + issuertest.Audience,
		"LETHE_COUNTRY=DE", "LETHE_TIMEZONE=Europe/Berlin", "LETHE_PROBE_DELAY=1s", "LETHE_CLOCK_INTERVAL=500ms",
	}, env...)
	for _, args := range [][]string{{"key", "kek", h.file("kek")}, {"key", "signing", h.file("signing.key")},
		{"audit", "key", "generate", h.file("checkpoint.key"), "--name", "lethe.test/audit"}, {"migrate"}} {
		cmd := exec.CommandContext(t.Context(), binary, args...)
		cmd.Env = append(os.Environ(), h.env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("lethe %v: %v\n%s", args, err, out)
		}
	}
	return h
}

func (h *house) file(name string) string { return filepath.Join(h.dir, name) }

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// replica is a process of an installation.
type replica struct {
	t       *testing.T
	h       *house
	at, ops string
	log     string // file of its log
	cmd     *exec.Cmd
	ended   chan struct{}
}

// replica starts a process that listens at an address, and waits until it is
// ready.
func (h *house) replica(at string) *replica {
	h.t.Helper()
	r := &replica{t: h.t, h: h, at: at, ops: freeAddress(h.t), log: h.file("log-" + at)}
	h.t.Cleanup(func() {
		r.kill()
		if h.t.Failed() {
			text, _ := os.ReadFile(r.log)
			h.t.Logf("the end of the log of %s:\n%s", at, text[max(0, len(text)-4000):])
		}
	})
	r.start()
	return r
}

func (r *replica) start() {
	r.t.Helper()
	log, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	r.cmd = exec.Command(binary, "serve")
	r.cmd.Env = append(append(os.Environ(), r.h.env...), "LETHE_LISTEN="+r.at, "LETHE_OPS_LISTEN="+r.ops)
	r.cmd.Stdout, r.cmd.Stderr = log, log
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended, cmd := make(chan struct{}), r.cmd
	r.ended = ended
	go func() { _ = cmd.Wait(); close(ended) }()
	for deadline := time.Now().Add(60 * time.Second); !ready(r.at); time.Sleep(50 * time.Millisecond) {
		select {
		case <-ended:
			text, _ := os.ReadFile(r.log)
			r.t.Fatalf("the server ended: %s", text)
		default:
		}
		if time.Now().After(deadline) {
			r.t.Fatal("the server is not ready after 60 s")
		}
	}
}

// ready asks a process whether it wants traffic, on a connection of its own.
func ready(at string) bool {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + at + "/readyz")
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// terminate sends SIGTERM.
func (r *replica) terminate() { _ = r.cmd.Process.Signal(syscall.SIGTERM) }

// wait waits for the end and returns how long that took.
func (r *replica) wait(patience time.Duration) time.Duration {
	r.t.Helper()
	started := time.Now()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.t.Fatalf("the process has not ended after %s", patience)
	}
	return time.Since(started)
}

// kill ends the process as a crash would.
func (r *replica) kill() {
	if r.cmd != nil && r.cmd.Process != nil {
		_ = r.cmd.Process.Kill()
		<-r.ended
	}
}

// token is for a person of a role.
func (h *house) token(role string) string {
	return h.issuer.Access(issuertest.Claims{"sub": "the-" + role, "name": "The " + role, "groups": []string{"lethe:" + role}})
}

// answer is what came back.
type answer struct {
	status int
	body   string
	header http.Header
}

var patient = &http.Client{Timeout: 30 * time.Second}

// send sends a request with a body and headers, name and value in turn.
func send(ctx context.Context, client *http.Client, method, url, body string, headers ...string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, string(text), resp.Header}, err
}

// ask runs a GraphQL document as somebody of a role and reads its data.
func (h *house) ask(role, document string, variables map[string]any, into any) {
	h.t.Helper()
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		h.t.Fatal(err)
	}
	a, err := send(h.t.Context(), patient, http.MethodPost, h.public+"/graphql", string(body), "Content-Type", "application/json", "Authorization", "Bearer "+h.token(role))
	if err != nil {
		h.t.Fatal(err)
	}
	var out struct {
		Data   json.RawMessage
		Errors []any
	}
	if err := json.NewDecoder(bytes.NewReader([]byte(a.body))).Decode(&out); err != nil || a.status != http.StatusOK || len(out.Errors) > 0 {
		h.t.Fatalf("GraphQL: %d %s", a.status, a.body)
	}
	if err := json.Unmarshal(out.Data, into); err != nil {
		h.t.Fatal(err)
	}
}
