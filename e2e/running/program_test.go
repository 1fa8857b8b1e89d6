package running

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
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
	if binary, err = devstack.BuildLethe(ctx, dir); err != nil {
		return 1, err
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
	lethe  devstack.Lethe
	name   string // of its main database
	public string // URL that everybody knows
	issuer *issuertest.Issuer
	before func(*erasuretest.Service) string // where a service is registered, if not at its own address
}

// found makes an installation that everybody reaches at public, or at its only
// replica if public is empty.
func found(t *testing.T, public string, env ...string) *house {
	t.Helper()
	if public == "" {
		public = "http://" + freeAddress(t)
	}
	h := &house{t: t, name: fmt.Sprintf("house%d", houses.Add(1)), public: public, issuer: issuertest.New(t)}
	h.lethe = devstack.Lethe{Binary: binary, Dir: t.TempDir(), URL: public, Issuer: h.issuer.URL, Client: issuertest.Client, Audience: issuertest.Audience,
		Env: append([]string{"LETHE_LOG_LEVEL=debug", "LETHE_PROBE_DELAY=1s", "LETHE_CLOCK_INTERVAL=500ms"}, env...)}
	if err := h.lethe.Create(t.Context(), pg, h.name); err != nil {
		t.Fatal(err)
	}
	if err := h.lethe.SetUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) file(name string) string { return h.lethe.File(name) }

func freeAddress(t *testing.T) string {
	t.Helper()
	at, err := devstack.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// replica is a process of an installation.
type replica struct {
	t       *testing.T
	h       *house
	at, ops string
	log     string // file of its log
	*devstack.Program
}

// replica starts a process that listens at an address, and waits until it is
// ready.
func (h *house) replica(at string) *replica {
	h.t.Helper()
	r := &replica{t: h.t, h: h, at: at, ops: freeAddress(h.t), log: h.file("log-" + at)}
	h.t.Cleanup(func() {
		if r.Program != nil {
			r.Kill()
		}
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
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	var err error
	if r.Program == nil {
		r.Program, err = r.h.lethe.Serve(ctx, r.at, r.ops, r.log)
	} else {
		err = r.Start(ctx)
	}
	if err != nil {
		r.t.Fatal(err)
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
func (r *replica) terminate() { _ = r.Signal(syscall.SIGTERM) }

// wait waits for the end and returns how long that took.
func (r *replica) wait(patience time.Duration) time.Duration {
	r.t.Helper()
	started := time.Now()
	select {
	case <-r.Ended():
	case <-time.After(patience):
		r.t.Fatalf("the process has not ended after %s", patience)
	}
	return time.Since(started)
}

// token is for a person of a role, or for the pipeline of a service: ci:orders.
func (h *house) token(role string) string {
	if service, ok := strings.CutPrefix(role, "ci:"); ok {
		return h.issuer.Access(issuertest.Claims{"sub": service + "-ci", "groups": []string{"lethe:ci"}, "lethe_service": service})
	}
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
