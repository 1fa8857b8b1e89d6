package running

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	toxics "github.com/Shopify/toxiproxy/v2"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
)

// between puts a proxy between the replicas of an installation, which are not
// started yet, and their databases.
func between(t *testing.T, h *house) *toxics.Proxy {
	t.Helper()
	at, err := url.Parse(pg.AppURL(h.name))
	if err != nil {
		t.Fatal(err)
	}
	all := &toxics.ApiServer{Collection: toxics.NewProxyCollection(), Metrics: toxics.NewMetricsContainer(prometheus.NewRegistry())}
	all.Logger = noLog(all.Logger)
	p := toxics.NewProxy(all, "postgres", "127.0.0.1:0", at.Host)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	for _, db := range []*string{&h.lethe.Database, &h.lethe.Keystore} {
		through, err := url.Parse(*db)
		if err != nil {
			t.Fatal(err)
		}
		through.Host = p.Listen
		*db = through.String()
	}
	return p
}

// noLog is the zero of the library's logger, which says nothing.
func noLog[T any](*T) *T { return new(T) }

// probe is one kind of call.
type probe struct {
	name string
	call func(client *http.Client) (answer, error)
}

// probes are calls of every kind, each of which needs the database.
func probes(h *house, s *erasuretest.Service, planned request) []probe {
	ctx := h.t.Context()
	graphql := func(role, document string) func(*http.Client) (answer, error) {
		token := h.token(role)
		return func(client *http.Client) (answer, error) {
			return send(ctx, client, http.MethodPost, h.public+"/graphql", document, "Content-Type", "application/json", "Authorization", "Bearer "+token)
		}
	}
	admin := h.token("admin")
	return []probe{
		{"openRequest", graphql("handler", `{"query":"mutation { openRequest(input: {type: ERASURE, controller: \"flowmart-de\", ground: \"17(1)(b)\", identity: ACCOUNT_LOGIN, identifiers: [{type: \"customer_id\", value: \"C-9\"}]}) { userErrors { code } } }"}`)},
		{"approvePlan", graphql("approver", fmt.Sprintf(`{"query":"mutation { approvePlan(input: {requestId: \"%s\", digest: \"%s\"}) { userErrors { code } } }"}`, planned.ID, planned.Plan.Digest))},
		{"a list", graphql("handler", readDocument)},
		{"the registry", func(client *http.Client) (answer, error) {
			return send(ctx, client, http.MethodGet, h.public+"/registry/subjects", "", "Authorization", "Bearer "+admin)
		}},
		{"a result", func(client *http.Client) (answer, error) {
			body, err := protocol.Encode(protocol.Results{Spec: protocol.Spec, Type: protocol.TypeResults, Issuer: s.Ref, Audience: h.public, IssuedAt: time.Now().UTC(),
				Results: []protocol.Result{{Task: uuid.New(), Seq: 1, State: protocol.Working}}})
			if err != nil {
				return answer{}, err
			}
			header, err := signature.Sign(uuid.NewString(), time.Now(), body, s.Key)
			if err != nil {
				return answer{}, err
			}
			flat := []string{"Content-Type", "application/json"}
			for name := range header {
				flat = append(flat, name, header.Get(name))
			}
			return send(ctx, client, http.MethodPost, h.public+"/rights/v1/results", string(body), flat...)
		}},
		{"signing in", func(client *http.Client) (answer, error) {
			return send(ctx, client, http.MethodGet, h.public+"/auth/login", "")
		}},
	}
}

// well reports whether an answer is one that a healthy server gives.
func (a answer) well() bool { return a.status < 400 && !strings.Contains(a.body, `"errors"`) }

// fair reports whether an answer says that the database is away and that the
// same call may succeed later.
func (a answer) fair() bool {
	return a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") != "" ||
		a.status == http.StatusOK && (strings.Contains(a.body, `"TIMEOUT"`) || strings.Contains(a.body, `"UNAVAILABLE"`))
}

// hammer calls everything from several callers at once for a while. It tells
// which answers were neither good nor fair, and the slowest of each kind with
// how long a call that needs no database took meanwhile: what the machine adds.
func hammer(t *testing.T, h *house, all []probe, long time.Duration) (slowest map[string]time.Duration, idle time.Duration) {
	t.Helper()
	slowest = map[string]time.Duration{}
	var mu sync.Mutex
	var callers sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	client := func() *http.Client {
		return &http.Client{Timeout: 60 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	}
	for _, p := range all {
		for range 4 {
			callers.Go(func() {
				for c := client(); ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
					started := time.Now()
					a, err := p.call(c)
					took := time.Since(started)
					mu.Lock()
					slowest[p.name] = max(slowest[p.name], took)
					mu.Unlock()
					if err != nil || !a.well() && !a.fair() {
						t.Errorf("%s: %d %s %v", p.name, a.status, a.body, err)
						return
					}
				}
			})
		}
	}
	callers.Go(func() {
		for c := client(); ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
			started := time.Now()
			_, err := send(t.Context(), c, http.MethodGet, h.public+"/healthz", "")
			mu.Lock()
			idle = max(idle, time.Since(started))
			mu.Unlock()
			if err != nil {
				t.Errorf("healthz: %v", err)
			}
		}
	})
	callers.Wait()
	return slowest, idle
}

// The database takes every byte and answers none, and then answers each
// statement two seconds late: every call is answered all the same, well or with
// the advice to try again, and once the database is well so is Lethe.
func TestNoCallHangsWithTheDatabase(t *testing.T) {
	t.Parallel()
	h := found(t, "", "LETHE_LOG_LEVEL=info")
	proxy := between(t, h)
	h.replica(address(h.public))
	s := h.enlist("orders")[0]
	planned := h.reach(h.open("customer_id", "C-1").CaseNumber, "PLANNED", time.Minute)
	all := probes(h, s, planned)
	healthy := func() {
		t.Helper()
		for _, p := range all {
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
				a, err := p.call(&http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }})
				if err == nil && a.well() {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%s does not come back: %d %s %v", p.name, a.status, a.body, err)
				}
			}
		}
	}
	for name, toxic := range map[string]string{
		"a black hole":                  `{"name": "it", "type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`,
		"two seconds for every message": `{"name": "it", "type": "latency", "stream": "downstream", "attributes": {"latency": 2000}}`,
	} {
		healthy()
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			t.Fatal(err)
		}
		slowest, idle := hammer(t, h, all, 8*time.Second)
		for call, took := range slowest {
			t.Logf("%s: the slowest answer to %s took %s, to what needs no database %s", name, call, took.Round(time.Millisecond), idle.Round(time.Millisecond))
			if took-idle > 10*time.Second { // that each is ended in its time is for the server's own tests to say
				t.Errorf("%s: %s took %s", name, call, took)
			}
		}
		if err := proxy.Toxics.RemoveToxic(t.Context(), "it"); err != nil {
			t.Fatal(err)
		}
	}
	healthy()
	h.reach(planned.CaseNumber, "CLOSED", 2*time.Minute)
}
