package running

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// balancer hands requests to the replicas that say they are ready, as the load
// balancers of a company do.
type balancer struct {
	*httptest.Server
	behind []string
	up     []atomic.Bool
	next   atomic.Int64
}

// balance starts a balancer before replicas that listen, or will, at addresses.
func balance(t *testing.T, behind ...string) *balancer {
	t.Helper()
	b := &balancer{behind: behind, up: make([]atomic.Bool, len(behind))}
	proxies := make([]*httputil.ReverseProxy, len(behind))
	for i, at := range behind {
		proxies[i] = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: at})
		proxies[i].Transport = &http.Transport{MaxIdleConnsPerHost: 64}
		proxies[i].ErrorLog = quiet
	}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first := int(b.next.Add(1)) // once: others count on meanwhile
		for k := range behind {
			if i := (first + k) % len(behind); b.up[i].Load() {
				proxies[i].ServeHTTP(w, r)
				return
			}
		}
		http.Error(w, "nobody is ready", http.StatusServiceUnavailable)
	}))
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	for i, at := range behind {
		watching.Go(func() {
			for misses := 0; ctx.Err() == nil; {
				if misses++; ready(at) {
					misses = 0
				}
				// Like other balancers: one probe that is late on a busy machine
				// takes nobody out, three in a row do.
				b.up[i].Store(misses == 0 || b.up[i].Load() && misses < 3)
				select {
				case <-ctx.Done():
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
	}
	t.Cleanup(func() { cancel(); watching.Wait(); b.Close() })
	return b
}

func (b *balancer) await(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		up := 0
		for i := range b.up {
			if b.up[i].Load() {
				up++
			}
		}
		if up >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d replicas are ready, want %d", up, n)
		}
	}
}

// awaitDown waits until nothing is sent to a replica any more.
func (b *balancer) awaitDown(t *testing.T, replica int) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); b.up[replica].Load(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("replica %d still counts as ready", replica)
		}
	}
}

// load sends requests until stopped, and keeps what went wrong.
type load struct {
	answered atomic.Int64
	mu       sync.Mutex
	wrong    []string
	stop     chan struct{}
	workers  sync.WaitGroup
}

// keepBusy sends documents, each from a worker of its own, one after another.
func keepBusy(h *house, role string, documents ...string) *load {
	l := &load{stop: make(chan struct{})}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	token := h.token(role)
	for _, document := range documents {
		l.workers.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				a, err := send(context.Background(), client, http.MethodPost, h.public+"/graphql", document, "Content-Type", "application/json", "Authorization", "Bearer "+token)
				if err != nil || a.status != http.StatusOK || strings.Contains(a.body, `"errors"`) {
					l.mu.Lock()
					l.wrong = append(l.wrong, strings.TrimSpace(a.body+" "+errText(err)))
					l.mu.Unlock()
				}
				l.answered.Add(1)
			}
		})
	}
	return l
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (l *load) end() { close(l.stop); l.workers.Wait() }

const readDocument = `{"query":"{ viewer { name roles } requests(first: 5) { nodes { caseNumber } } }"}`

// A rolling restart under load fails no request, without a second try by
// anybody, and each process is gone within 45 s of the signal.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	at := []string{freeAddress(t), freeAddress(t)}
	b := balance(t, at...)
	h := found(t, b.URL, "LETHE_DRAIN_DELAY=2s", "LETHE_LOG_LEVEL=info")
	replicas := []*replica{h.replica(at[0]), h.replica(at[1])}
	b.await(t, 2)
	l := keepBusy(h, "handler", readDocument, readDocument, readDocument, readDocument)
	var slowest time.Duration
	for round := range 4 {
		r := replicas[round%2]
		before := l.answered.Load()
		r.terminate()
		slowest = max(slowest, r.wait(45*time.Second))
		if code := r.ExitCode(); code != 0 {
			t.Errorf("round %d: the process ended with %d", round, code)
		}
		r.start()
		b.await(t, 2)
		if l.answered.Load() == before {
			t.Errorf("round %d: nobody asked anything", round)
		}
	}
	l.end()
	t.Logf("%d requests over 4 restarts, the slowest stop %s", l.answered.Load(), slowest.Round(time.Millisecond))
	if len(l.wrong) > 0 {
		t.Errorf("%d of %d requests failed, the first: %s", len(l.wrong), l.answered.Load(), l.wrong[0])
	}
}

// One replica alone: until its readiness fails, and for a while after, every
// request is answered; a stream does not hold it up.
func TestOneReplicaAnswersWhileItDrains(t *testing.T) {
	t.Parallel()
	h := found(t, "", "LETHE_DRAIN_DELAY=3s", "LETHE_LOG_LEVEL=info")
	r := h.replica(strings.TrimPrefix(h.public, "http://"))
	l := keepBusy(h, "handler", readDocument, readDocument)
	h.importCatalog(plainCatalog)
	id := h.open("customer_id", "C-000001").ID
	stream := make(chan answer, 1)
	go func() {
		a, _ := send(context.Background(), &http.Client{}, http.MethodPost, h.public+"/graphql", `{"query":"subscription { requestProgress(id: \"`+id+`\") { request { caseNumber } } }"}`,
			"Content-Type", "application/json", "Accept", "text/event-stream", "Authorization", "Bearer "+h.token("handler"))
		stream <- a
	}()
	for deadline := time.Now().Add(time.Minute); l.answered.Load() < 20 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
	}
	r.terminate()
	for ready(r.at) {
		time.Sleep(10 * time.Millisecond)
	}
	l.end() // as a balancer does that saw it
	if len(l.wrong) > 0 || l.answered.Load() == 0 {
		t.Errorf("%d of %d requests failed: %v", len(l.wrong), l.answered.Load(), l.wrong)
	}
	took := r.wait(45 * time.Second)
	t.Logf("stopped %s after readiness failed", took.Round(time.Millisecond))
	select {
	case a := <-stream:
		if a.status != http.StatusOK || !strings.Contains(a.body, "R-20") {
			t.Errorf("the stream: %d %s", a.status, a.body)
		}
	case <-time.After(time.Minute):
		t.Error("the stream outlived the process")
	}
}
