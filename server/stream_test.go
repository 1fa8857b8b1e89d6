package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/server/issuertest"
)

// hurried starts a front whose server allows a request one second. It knows its
// issuer's keys, so that finding out who calls takes none of it.
func hurried(t *testing.T) (string, func(*http.Request)) {
	t.Helper()
	is := issuertest.New(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/graphql", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for n := range 10 {
			select {
			case <-r.Context().Done():
				return
			case <-time.After(dripEvery):
			}
			fmt.Fprintf(w, "data: %d\n\n", n)
			w.(http.Flusher).Flush()
		}
	})
	count := func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(w, "cut", http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, n)
	}
	mux.HandleFunc("/rights/v1/parts/", count)
	mux.HandleFunc("/api/v1/lineage", count)
	f, err := newFront(t.Context(), mux, &url.URL{Scheme: "https", Host: "lethe.example.com"}, 2800*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	f.log, f.metrics, f.bearer, f.sessions = slog.New(slog.DiscardHandler), newMetrics(), newSignIn(is).bearer, &sessions{}
	token := is.Access(nil)
	if _, err := f.bearer.standing(with(token)); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = newHTTPServer(f, f.log)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 5*dripEvery, 5*dripEvery
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, bearing(token)
}

// dripEvery is the time between two bytes that move slowly.
const dripEvery = 200 * time.Millisecond

// drip sends ten bytes.
func drip(ctx context.Context) io.Reader {
	r, w := io.Pipe()
	go func() {
		for range 10 {
			select {
			case <-ctx.Done():
			case <-time.After(dripEvery):
			}
			if _, err := w.Write([]byte("x")); err != nil {
				return
			}
		}
		_ = w.Close()
	}()
	return r
}

// Progress and parts may take longer than the server's time-outs as long as
// bytes move; anything else may not.
func TestStreamsOutliveTheTimeouts(t *testing.T) {
	t.Parallel()
	at, token := hurried(t)
	send := func(path string, body io.Reader, accept string) (string, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+path, body)
		if err != nil {
			t.Fatal(err)
		}
		token(r)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		return string(raw), err
	}
	if got, err := send("/graphql", strings.NewReader("{}"), "text/event-stream"); err != nil || strings.Count(got, "data:") != 10 {
		t.Errorf("progress: %q, %v", got, err)
	}
	if got, err := send("/rights/v1/parts/a/b/1", drip(t.Context()), "*/*"); err != nil || got != "10" {
		t.Errorf("a part: %q, %v", got, err)
	}
	if got, err := send("/api/v1/lineage", drip(t.Context()), "*/*"); err == nil && got == "10" {
		t.Error("a slow sender was served beyond the time-out")
	}
}
