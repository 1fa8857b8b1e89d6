package scenarios_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/flowmart/lethe/erasure/protocol"
)

// front stands before a service and may answer in its place. next is the
// service; body is what was sent, which next can still read.
type front func(w http.ResponseWriter, r *http.Request, body []byte, next http.Handler)

// facade lends a front an address of its own, to be registered instead of the
// service's.
func facade(t *testing.T, service string, f front) string {
	t.Helper()
	at, err := url.Parse(service)
	if err != nil {
		t.Fatal(err)
	}
	next := httputil.NewSingleHostReverseProxy(at)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		f(w, r, body, next)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// asks reports whether a message asks for an action.
func asks(r *http.Request, body []byte, action protocol.Action) bool {
	if !strings.HasSuffix(r.URL.Path, "/lethe/v1/tasks") {
		return false
	}
	m, err := protocol.DecodeRequests(body)
	return err == nil && m.Tasks[0].Action == action
}

// at answers messages that ask for an action with a front, and lets the
// service answer all others.
func at(action protocol.Action, f http.HandlerFunc) front {
	return func(w http.ResponseWriter, r *http.Request, body []byte, next http.Handler) {
		if asks(r, body, action) {
			f(w, r)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// wire keeps what went over it.
type wire struct {
	mu     sync.Mutex
	bodies [][]byte
}

func (k *wire) front(w http.ResponseWriter, r *http.Request, body []byte, next http.Handler) {
	k.mu.Lock()
	k.bodies = append(k.bodies, body)
	k.mu.Unlock()
	next.ServeHTTP(w, r)
}

func (k *wire) all() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return bytes.Join(k.bodies, []byte("\n"))
}
