package running

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// slowClient holds a connection as long as it is let, and returns how long that
// was.
type slowClient func(conn net.Conn, ended <-chan struct{}) time.Duration

// dripping sends a beginning and then a byte a second.
func dripping(beginning string) slowClient {
	return func(conn net.Conn, ended <-chan struct{}) time.Duration {
		started := time.Now()
		_, _ = io.WriteString(conn, beginning) // a server that refuses at once is seen below
		gone := make(chan struct{})
		go func() { _, _ = io.Copy(io.Discard, conn); close(gone) }()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-gone:
				return time.Since(started)
			case <-ended:
				return time.Since(started)
			case <-tick.C:
				if _, err := io.WriteString(conn, "a"); err != nil {
					return time.Since(started)
				}
			}
		}
	}
}

// silent sends a beginning, which may be a whole request, and no more.
func silent(beginning string) slowClient {
	return func(conn net.Conn, ended <-chan struct{}) time.Duration {
		started := time.Now()
		_, _ = io.WriteString(conn, beginning)
		stop := context.AfterFunc(channelContext(ended), func() { _ = conn.Close() })
		defer stop()
		_, _ = io.Copy(io.Discard, conn)
		return time.Since(started)
	}
}

func channelContext(ended <-chan struct{}) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-ended; cancel() }()
	return ctx
}

// A hundred slow clients of every kind do not slow a quick one, and each is
// gone within 40 s: more than the 64 requests that are answered at a time.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	h := found(t, "", "LETHE_LOG_LEVEL=info")
	r := h.replica(address(h.public))
	bearer := "Authorization: Bearer " + h.token("handler") + "\r\n"
	kinds := map[string]slowClient{
		"headers never end": dripping("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "),
		"says nothing":      silent(""),
		"stays after":       silent("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
		"results for ever":  dripping("POST /rights/v1/results HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"),
		"results as events": dripping("POST /rights/v1/results HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nContent-Length: 60000\r\n\r\n{"),
		"a person's query":  dripping("POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\n" + bearer + "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"),
		"a person's stream": dripping("POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\n" + bearer + "Accept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"),
		"an upload":         dripping("PUT /rights/v1/parts/0/0/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\n{"),
		"reads nothing":     silent("POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\n" + bearer + "Content-Type: application/json\r\nContent-Length: 28\r\n\r\n" + `{"query":"{ viewer{name} }"}`),
	}
	before := quickClient(t, h, 50)
	const each = 40
	ended := make(chan struct{})
	var mu sync.Mutex
	longest := map[string]time.Duration{}
	var all sync.WaitGroup
	for name, hold := range kinds {
		for range each {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.at)
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				defer conn.Close()
				took := hold(conn, ended)
				mu.Lock()
				defer mu.Unlock()
				longest[name] = max(longest[name], took)
			})
		}
	}
	meanwhile := quickClient(t, h, 300)
	t.Logf("95 of 100 answers within %s before and %s meanwhile", before, meanwhile)
	if meanwhile > 500*time.Millisecond && meanwhile > 5*before {
		t.Errorf("95 of 100 answers took up to %s, and %s without slow clients", meanwhile, before)
	}
	patience := time.AfterFunc(55*time.Second, func() { close(ended) })
	all.Wait()
	if patience.Stop() {
		close(ended)
	}
	for name, took := range longest {
		if took > 40*time.Second {
			t.Errorf("%s: held for %s", name, took)
		}
		t.Logf("%s: held for %s", name, took.Round(100*time.Millisecond))
	}
}

// quickClient asks n times and returns how long 95 of 100 answers took. A
// request that fails fails the test.
func quickClient(t *testing.T, h *house, n int) time.Duration {
	t.Helper()
	token := h.token("handler")
	client := &http.Client{Timeout: 20 * time.Second}
	took := make([]time.Duration, n)
	for i := range took {
		started := time.Now()
		a, err := send(t.Context(), client, http.MethodPost, h.public+"/graphql", `{"query":"{ viewer { name } }"}`, "Content-Type", "application/json", "Authorization", "Bearer "+token)
		if err != nil || a.status != http.StatusOK {
			t.Fatalf("request %d: %d %s %v", i, a.status, a.body, err)
		}
		took[i] = time.Since(started)
		time.Sleep(10 * time.Millisecond)
	}
	slices.Sort(took)
	return took[n*95/100].Round(10 * time.Microsecond)
}

// Names and sizes at the edges of what HTTP allows are refused, and none of
// them ends the process.
func TestMalformedHTTP(t *testing.T) {
	t.Parallel()
	h := found(t, "", "LETHE_LOG_LEVEL=info")
	r := h.replica(address(h.public))
	for name, c := range map[string]struct {
		raw    string
		status string // the first digits
	}{
		"headers of 64 KiB":  {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Big: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", "4"},
		"no host":            {"GET / HTTP/1.1\r\n\r\n", "400"},
		"a foreign host":     {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421"},
		"two lengths":        {"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
		"a negative length":  {"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n", "400"},
		"no HTTP at all":     {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400"},
		"an unknown framing": {"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip\r\n\r\n", "501"},
	} {
		conn, err := net.Dial("tcp", r.at)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(conn, c.raw)
		line := make([]byte, 12)
		n, _ := io.ReadFull(conn, line)
		_ = conn.Close()
		if !strings.HasPrefix(string(line[:n]), "HTTP/1.1 "+c.status) {
			t.Errorf("%s: %q, want %s", name, line[:n], c.status)
		}
	}
	if !ready(r.at) {
		t.Error("the process is not ready any longer")
	}
}
