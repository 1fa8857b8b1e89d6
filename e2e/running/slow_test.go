package running

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// slowClient holds a connection until the server hangs up, or until it has ended
// itself, and reports whether the server did.
type slowClient func(conn net.Conn, ended <-chan struct{}) (letGo bool)

// dripping sends a beginning and then a byte a second.
func dripping(beginning string) slowClient {
	return func(conn net.Conn, ended <-chan struct{}) bool {
		_, _ = io.WriteString(conn, beginning) // a server that refuses at once is seen below
		gone := make(chan struct{})
		go func() { _, _ = io.Copy(io.Discard, conn); close(gone) }()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-gone:
				return true
			case <-ended:
				return false
			case <-tick.C:
				if _, err := io.WriteString(conn, "a"); err != nil {
					return true
				}
			}
		}
	}
}

// silent sends a beginning, which may be a whole request, and no more.
func silent(beginning string) slowClient {
	return func(conn net.Conn, ended <-chan struct{}) bool {
		_, _ = io.WriteString(conn, beginning)
		gone := make(chan struct{})
		go func() { _, _ = io.Copy(io.Discard, conn); close(gone) }()
		select {
		case <-gone:
			return true
		case <-ended:
			return false
		}
	}
}

// Forty slow clients of every kind, together more than the 64 requests that are
// answered at a time, keep no quick one from its answers, and the server lets go
// of each by itself.
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
	const each = 40
	ended := make(chan struct{})
	var all sync.WaitGroup
	for name, hold := range kinds {
		for range each {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.at)
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				defer conn.Close()
				if !hold(conn, ended) {
					t.Errorf("%s: held until the end", name)
				}
			})
		}
	}
	quickClient(t, h, 300)
	patience := time.AfterFunc(3*time.Minute, func() { close(ended) })
	defer patience.Stop()
	all.Wait()
}

// quickClient asks n times. A request that fails fails the test.
func quickClient(t *testing.T, h *house, n int) {
	t.Helper()
	token := h.token("handler")
	client := &http.Client{Timeout: time.Minute}
	for i := range n {
		a, err := send(t.Context(), client, http.MethodPost, h.public+"/graphql", `{"query":"{ viewer { name } }"}`, "Content-Type", "application/json", "Authorization", "Bearer "+token)
		if err != nil || a.status != http.StatusOK {
			t.Fatalf("request %d: %d %s %v", i, a.status, a.body, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
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
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
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
