package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flowmart/lethe/internal/access"
)

// stranger is a registry with so many subjects that gives ids of its own, whatever
// its mode. It counts the connections that it is reached by, and what it is sent.
type stranger struct {
	*httptest.Server
	connections, sent atomic.Int64
}

func newStranger(t *testing.T, subjects int) *stranger {
	t.Helper()
	s := &stranger{}
	names := []string{}
	for i := range subjects {
		names = append(names, fmt.Sprint("there-", i))
	}
	mux := http.NewServeMux()
	tell := func(v any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(v) }
	}
	mux.HandleFunc("GET /subjects", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("offset") != "" {
			_, _ = io.WriteString(w, "[]")
			return
		}
		tell(names)(w, r)
	})
	mux.HandleFunc("GET /subjects/{name}/versions", tell([]int{1}))
	mux.HandleFunc("GET /subjects/{name}/versions/1", tell(map[string]any{"id": 1, "version": 1, "schema": `"long"`}))
	mux.HandleFunc("DELETE /subjects/{name}/versions/1", tell(1))
	mux.HandleFunc("POST /subjects/{name}/versions", func(w http.ResponseWriter, r *http.Request) {
		s.sent.Add(1)
		tell(map[string]int{"id": 77})(w, r)
	})
	mux.HandleFunc("/mode", tell(map[string]string{"mode": "READWRITE"}))
	mux.HandleFunc("GET /config", tell(map[string]string{"compatibilityLevel": "BACKWARD"}))
	mux.HandleFunc("GET /config/{name}", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error_code":40408,"message":"none"}`)
	})
	s.Server = httptest.NewUnstartedServer(mux)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// A registry of many subjects is read over a few connections.
func TestSchemaMirrorKeepsItsConnections(t *testing.T) {
	t.Parallel()
	d, there := newDesk(t), newStranger(t, 300)
	if r := d.as(t, access.Admin, "schema", "mirror", "--dry-run", "--from", there.URL); r.code != exitNo || !strings.Contains(r.out, "300 differences. Nothing was changed.") {
		t.Errorf("%d %.300s %s", r.code, r.out, r.err)
	}
	if n := there.connections.Load(); n > 50 {
		t.Errorf("it was reached by %d connections", n)
	}
}

// What is sent on is asked nowhere: written, it would be a question there.
func TestSchemaMirrorIsNotSentOn(t *testing.T) {
	t.Parallel()
	d, there := newDesk(t), newStranger(t, 1)
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, there.URL+r.URL.RequestURI(), http.StatusMovedPermanently)
	}))
	t.Cleanup(old.Close)
	for _, args := range [][]string{{"--dry-run"}, {"--switch"}} {
		r := d.as(t, access.Admin, append([]string{"schema", "mirror", "--from", old.URL}, args...)...)
		if r.code != exitAway || !strings.Contains(r.err, "it sends on to "+there.URL+", where nothing could be written; give the URL of the registry itself") {
			t.Errorf("%v: %d %s%s", args, r.code, r.out, r.err)
		}
	}
	if n := there.connections.Load(); n > 0 {
		t.Error("it was asked there")
	}
}

// Following ends where it cannot succeed, and does not try again and again.
func TestSchemaMirrorFollowsWhatItCan(t *testing.T) {
	t.Parallel()
	d, there := newDesk(t), newStranger(t, 0)
	d.call(t, "POST", "/registry/subjects/order/versions", `{"schema":"\"long\""}`)
	for name, c := range map[string]struct{ from, says string }{
		"no sign-in":   {d.URL + "/registry", "401"},
		"no chosen id": {there.URL, "gives ids of its own"},
	} {
		args := []string{"schema", "mirror", "--follow", "--every", "1ms", "--from", c.from}
		if c.from == there.URL {
			args = append(args, "--back")
		}
		if r := d.as(t, access.Admin, args...); r.code != exitNo || !strings.Contains(r.err, c.says) {
			t.Errorf("%s: %d %s%s", name, r.code, r.out, r.err)
		}
	}
	if n := there.sent.Load(); n != 1 {
		t.Errorf("it was sent %d schemas", n)
	}
}

// What the other registry does not have is left, and said to be.
func TestSchemaMirrorTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	d, there := newDesk(t), newStranger(t, 0)
	d.call(t, "POST", "/registry/subjects/order/versions", `{"schema":"\"long\""}`)
	r := d.as(t, access.Admin, "schema", "mirror", "--from", there.URL)
	if r.code != exitNo || !strings.Contains(r.out, "SURPLUS   order version 1, id 1\n1 differences, 1 of them left.\n") {
		t.Errorf("%d %s%s", r.code, r.out, r.err)
	}
	r = d.as(t, access.Admin, "schema", "mirror", "--from", there.URL, "--from-token-file", d.write(t, "token", "\n"))
	if r.code != exitUsage || !strings.Contains(r.err, "is empty") {
		t.Errorf("%d %s%s", r.code, r.out, r.err)
	}
}
