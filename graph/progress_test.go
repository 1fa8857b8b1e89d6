package graph_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flowmart/lethe/graph"
	"github.com/flowmart/lethe/internal/access"
)

const openErasure = `mutation($i: OpenRequestInput!) { openRequest(input: $i) { request { id caseNumber state rev } userErrors { code path message } } }`

// open files an erasure whose identity is not proved yet.
func (c *company) open(by access.Principal, value string) (id, caseNumber string) {
	c.t.Helper()
	a := c.do(by, openErasure, map[string]any{"i": map[string]any{
		"type": "ERASURE", "ground": "17(1)(b)", "controller": "flowmart-de", "identifiers": []any{map[string]any{"type": "customer_id", "value": value}},
	}})
	c.clean(a, "openRequest")
	return a.text(c.t, "openRequest", "request", "id"), a.text(c.t, "openRequest", "request", "caseNumber")
}

// stream is an open subscription.
type stream struct {
	t      *testing.T
	lines  *bufio.Scanner
	cancel context.CancelFunc
	status int
}

// listen subscribes over HTTP, as a browser does.
func (c *company) listen(by access.Principal, id string) *stream {
	c.t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.fixture.handler.ServeHTTP(w, r.WithContext(access.With(r.Context(), by)))
	}))
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	body, _ := json.Marshal(map[string]any{
		"query":     `subscription($id: ID!) { requestProgress(id: $id) { at request { state rev progress { total done } } } }`,
		"variables": map[string]any{"id": id},
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL, strings.NewReader(string(body)))
	must(c.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	resp, err := srv.Client().Do(req)
	must(c.t, err)
	c.t.Cleanup(func() { cancel(); _ = resp.Body.Close(); srv.Close() })
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		c.t.Errorf("content type %s", got)
	}
	return &stream{c.t, bufio.NewScanner(resp.Body), cancel, resp.StatusCode}
}

// next returns the next event and its data.
func (s *stream) next() (event string, a answer) {
	s.t.Helper()
	for s.lines.Scan() {
		line := s.lines.Text()
		if e, ok := strings.CutPrefix(line, "event: "); ok {
			event = e
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			a.Raw = data
			must(s.t, json.Unmarshal([]byte(data), &a))
		}
		if line == "" && event != "" {
			return event, a
		}
	}
	return "", a
}

func TestProgressIsToldUntilTheEnd(t *testing.T) {
	t.Parallel()
	c := furnish(t, func(conf *graph.Config) { conf.Poll = 5 * time.Millisecond })
	id, _ := c.open(c.handler, "c-1")
	s := c.listen(c.handler, id)
	want := func(state string) {
		t.Helper()
		event, a := s.next()
		if event != "next" || a.text(t, "requestProgress", "request", "state") != state {
			t.Fatalf("event %q %s, want state %s", event, a.Raw, state)
		}
	}
	want("RECEIVED")
	c.clean(c.do(c.handler, fmt.Sprintf(`mutation { pauseClock(input: {requestId: %q, reason: IDENTITY_DOUBT}) { userErrors { code path message } } }`, id)), "pauseClock")
	want("IDENTITY_PENDING")

	// A listener who was away is told the present first.
	late := c.listen(c.approver, id)
	if event, a := late.next(); event != "next" || a.text(t, "requestProgress", "request", "state") != "IDENTITY_PENDING" {
		t.Fatalf("event %q %s", event, a.Raw)
	}
	c.clean(c.do(c.handler, fmt.Sprintf(`mutation { cancelRequest(input: {requestId: %q}) { userErrors { code path message } } }`, id)), "cancelRequest")
	want("CLOSED")
	if event, a := s.next(); event != "complete" {
		t.Errorf("after the end: %q %s", event, a.Raw)
	}
}

func TestProgressIsForThoseWhoMaySeeIt(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	id, _ := c.open(c.handler, "c-1")
	for name, by := range map[string]access.Principal{"viewer": c.person(t, "vera", access.Viewer), "admin": c.admin} {
		event, a := c.listen(by, id).next()
		if event != "next" || len(a.Errors) == 0 || a.code() != "ROLE_REQUIRED" {
			t.Errorf("%s: %q %s", name, event, a.Raw)
		}
	}
	event, a := c.listen(c.handler, "UmVxdWVzdDpub3RoaW5n").next()
	if event != "next" || a.code() != "REQUEST_NOT_FOUND" {
		t.Errorf("%q %s", event, a.Raw)
	}
	a = c.do(c.handler, fmt.Sprintf(`subscription { requestProgress(id: %q) { at } }`, id))
	if a.Status != 422 || a.code() != "EVENT_STREAM_REQUIRED" {
		t.Errorf("without an event stream: %d %s", a.Status, a.Raw)
	}
}

func TestOneListenerHasFewStreams(t *testing.T) {
	t.Parallel()
	c := furnish(t)
	id, _ := c.open(c.handler, "c-1")
	for range 8 {
		if _, a := c.listen(c.handler, id).next(); len(a.Errors) > 0 {
			t.Fatal(a.Raw)
		}
	}
	if _, a := c.listen(c.handler, id).next(); a.code() != "TOO_MANY_STREAMS" {
		t.Errorf("the ninth: %s", a.Raw)
	}
	if _, a := c.listen(c.approver, id).next(); len(a.Errors) > 0 {
		t.Errorf("another person: %s", a.Raw)
	}
}

// A listener who goes leaves nothing running.
func TestListenersThatGoLeaveNothing(t *testing.T) {
	c := furnish(t, func(conf *graph.Config) { conf.Poll = time.Millisecond })
	id, _ := c.open(c.handler, "c-1")
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(access.With(t.Context(), c.handler))
	body := fmt.Sprintf(`{"query":"subscription { requestProgress(id: \"%s\") { at } }"}`, id)
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream")
	w := &told{ResponseRecorder: httptest.NewRecorder(), first: make(chan struct{})}
	done := make(chan struct{})
	go func() { c.fixture.handler.ServeHTTP(w, r); close(done) }()
	<-w.first
	cancel()
	<-done
	if err := goleak.Find(before, goleak.IgnoreTopFunction("github.com/jackc/pgx/v5/pgxpool.(*Pool).backgroundHealthCheck")); err != nil {
		t.Error(err)
	}
}

// told says when the first event was written.
type told struct {
	*httptest.ResponseRecorder
	first chan struct{}
	once  bool
}

func (w *told) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "requestProgress") && !w.once {
		w.once = true
		close(w.first)
	}
	return w.ResponseRecorder.Write(p)
}
