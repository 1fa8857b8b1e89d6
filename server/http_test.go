package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/problem"
	"github.com/flowmart/lethe/server/issuertest"
)

type guarded struct {
	front  *front
	url    string
	issuer *issuertest.Issuer
	log    *bytes.Buffer
}

// guard starts a front before a few doors: /graphql answers who called,
// /api/panic panics with an address, /registry/slow waits to be released.
func guard(t *testing.T, release chan struct{}) guarded {
	t.Helper()
	is := issuertest.New(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/graphql", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		fmt.Fprint(w, access.From(r.Context()).Name)
	})
	mux.HandleFunc("/api/panic", func(http.ResponseWriter, *http.Request) { panic("erika@example.com") })
	registry := http.NewServeMux()
	mux.Handle("/registry/", registry)
	registry.HandleFunc("/registry/slow", func(http.ResponseWriter, *http.Request) { <-release })
	mux.HandleFunc("/rights/v1/slow", func(http.ResponseWriter, *http.Request) { <-release })
	hangs := func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		problem.Write(w, r.Context().Err())
	}
	registry.HandleFunc("/registry/hangs", hangs)
	for _, path := range []string{"/rights/v1/hangs", "/api/hangs", "/auth/hangs", "/hangs"} {
		mux.HandleFunc(path, hangs)
	}
	deadline := func(w http.ResponseWriter, r *http.Request) {
		until, _ := r.Context().Deadline()
		fmt.Fprint(w, until.Format(time.RFC3339Nano))
	}
	registry.HandleFunc("/registry/patience", deadline)
	mux.HandleFunc("/api/v1/catalog", deadline)
	mux.HandleFunc("/rights/v1/results", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "results") })
	mux.HandleFunc("/packages/1", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	var out bytes.Buffer
	ending, cut := context.WithCancel(t.Context())
	t.Cleanup(cut)
	f, err := newFront(ending, mux, &url.URL{Scheme: "https", Host: "lethe.example.com"}, 2800*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	f.log, f.metrics, f.bearer, f.sessions = newLog(&out, "info"), newMetrics(), newSignIn(is).bearer, &sessions{}
	server := httptest.NewUnstartedServer(nil)
	server.Config = newHTTPServer(f, slog.New(slog.DiscardHandler))
	server.Start()
	t.Cleanup(server.Close)
	return guarded{f, server.URL, is, &out}
}

func (g guarded) do(t *testing.T, method, path string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, g.url+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func code(body string) string {
	var d struct{ Code string }
	_ = json.Unmarshal([]byte(body), &d)
	return d.Code
}

// Statuses after reliability §6, rows 1 to 9, 20 to 22 and 50.
func TestFrontTurnsAway(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	good := g.issuer.Access(issuertest.Claims{"name": "Ada"})
	for name, c := range map[string]struct {
		path   string
		change func(*http.Request)
		status int
		code   string
	}{
		"no token":          {"/graphql", nil, 401, "UNAUTHENTICATED"},
		"token in the path": {"/graphql?access_token=" + good, nil, 401, "UNAUTHENTICATED"},
		"a bad token":       {"/graphql", bearing("x.y.z"), 401, "TOKEN_INVALID"},
		"two headers":       {"/graphql", func(r *http.Request) { bearing(good)(r); r.Header.Add("Authorization", "Bearer x") }, 400, "BAD_REQUEST"},
		"unbound machine":   {"/graphql", bearing(g.issuer.Access(issuertest.Claims{"groups": "lethe:ci"})), 403, "MACHINE_NOT_BOUND"},
		"another site": {"/graphql", func(r *http.Request) {
			bearing(good)(r)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}, 403, "CROSS_SITE_REQUEST"},
		"another origin":  {"/graphql", func(r *http.Request) { bearing(good)(r); r.Header.Set("Origin", "https://evil.example") }, 403, "CROSS_SITE_REQUEST"},
		"another host":    {"/graphql", func(r *http.Request) { bearing(good)(r); r.Host = "evil.example" }, 421, "MISDIRECTED"},
		"compressed":      {"/graphql", func(r *http.Request) { bearing(good)(r); r.Header.Set("Content-Encoding", "gzip") }, 415, "CONTENT_ENCODING"},
		"too large":       {"/graphql", func(r *http.Request) { bearing(good)(r); big(r) }, 413, "BODY_TOO_LARGE"},
		"results too big": {"/rights/v1/results", big, 413, "BODY_TOO_LARGE"},
		"a panic":         {"/api/panic", bearing(good), 500, "INTERNAL"},
	} {
		resp, body := g.do(t, "POST", c.path, c.change)
		if resp.StatusCode != c.status || code(body) != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, resp.StatusCode, body, c.status, c.code)
		}
		if resp.StatusCode == 401 && resp.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", name)
		}
	}
	if strings.Contains(g.log.String(), "erika") || !strings.Contains(g.log.String(), `"panic"`) {
		t.Errorf("the log of a panic: %s", g.log)
	}
}

func bearing(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func big(r *http.Request) {
	body := strings.Repeat("x", 5<<20)
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
}

func TestFrontLetsThrough(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	good := bearing(g.issuer.Access(issuertest.Claims{"name": "Ada"}))
	for name, change := range map[string]func(*http.Request){
		"a token":         good,
		"the same origin": func(r *http.Request) { good(r); r.Header.Set("Sec-Fetch-Site", "same-origin") },
		"our origin":      func(r *http.Request) { good(r); r.Header.Set("Origin", "https://lethe.example.com") },
		"our host":        func(r *http.Request) { good(r); r.Host = "LETHE.example.com:443" },
	} {
		resp, body := g.do(t, "POST", "/graphql", change)
		if resp.StatusCode != 200 || body != "Ada" {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
		for _, h := range []string{"X-Request-Id", "X-Content-Type-Options", "Content-Security-Policy", "Strict-Transport-Security", "Referrer-Policy"} {
			if resp.Header.Get(h) == "" {
				t.Errorf("%s: no %s", name, h)
			}
		}
	}
	if resp, body := g.do(t, "POST", "/rights/v1/results", nil); resp.StatusCode != 200 || body != "results" {
		t.Errorf("services are known by their signature, at their door: %d %s", resp.StatusCode, body)
	}
	resp, _ := g.do(t, "POST", "/graphql", func(r *http.Request) {
		good(r)
		r.Body, r.ContentLength = io.NopCloser(io.LimitReader(zeros{}, 64<<20)), -1 // chunked
	})
	if resp.StatusCode != 413 {
		t.Errorf("64 MB in chunks: %d", resp.StatusCode)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestFrontRefusesBeyondItsSlots(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	g := guard(t, release)
	good := bearing(g.issuer.Access(nil))
	done := make(chan int, requestsInFlight)
	for n := range requestsInFlight {
		who := bearing(g.issuer.Access(issuertest.Claims{"sub": fmt.Sprint("caller ", n%4)}))
		go func() {
			resp, _ := g.do(t, "GET", "/registry/slow", who)
			done <- resp.StatusCode
		}()
	}
	fill(t, g.front.slots, requestsInFlight)
	if resp, _ := g.do(t, "GET", "/rights/v1/results", nil); resp.StatusCode != 200 {
		t.Errorf("a service, whose places are its own: %d", resp.StatusCode)
	}
	resp, body := g.do(t, "POST", "/graphql", good)
	if resp.StatusCode != 503 || code(body) != "OVERLOADED" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("beyond the slots: %d %s", resp.StatusCode, body)
	}
	close(release)
	for range requestsInFlight {
		if status := <-done; status != 200 {
			t.Errorf("within the slots: %d", status)
		}
	}
	if resp, _ := g.do(t, "POST", "/graphql", good); resp.StatusCode != 200 {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
}

// fill waits until so many places are taken.
func fill(t *testing.T, s *slots, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); s.inUse() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d places are taken, want %d", s.inUse(), n)
		}
	}
}

// Whoever asks for everything at once has half of it, and the others are
// answered.
func TestOneCallerHasHalfOfTheSlots(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	g := guard(t, release)
	greedy, other := bearing(g.issuer.Access(nil)), bearing(g.issuer.Access(issuertest.Claims{"sub": "somebody else"}))
	done := make(chan int, requestsInFlight)
	for range requestsInFlight / 2 {
		go func() {
			resp, _ := g.do(t, "GET", "/registry/slow", greedy)
			done <- resp.StatusCode
		}()
	}
	fill(t, g.front.slots, requestsInFlight/2)
	resp, body := g.do(t, "POST", "/graphql", greedy)
	if resp.StatusCode != 429 || code(body) != "TOO_MANY_AT_ONCE" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("beyond one caller's share: %d %s", resp.StatusCode, body)
	}
	if resp, body := g.do(t, "POST", "/graphql", other); resp.StatusCode != 200 {
		t.Errorf("another caller: %d %s", resp.StatusCode, body)
	}
	close(release)
	for range requestsInFlight / 2 {
		if status := <-done; status != 200 {
			t.Errorf("within the share: %d", status)
		}
	}
	if resp, _ := g.do(t, "POST", "/graphql", greedy); resp.StatusCode != 200 {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
}

// Messages of services, whose senders nobody knows yet, share theirs.
func TestMessagesHaveTheirOwnSlots(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	g := guard(t, release)
	done := make(chan int, messagesInFlight)
	for range messagesInFlight {
		go func() {
			resp, _ := g.do(t, "POST", "/rights/v1/slow", nil)
			done <- resp.StatusCode
		}()
	}
	fill(t, g.front.messages, messagesInFlight)
	if resp, body := g.do(t, "GET", "/rights/v1/results", nil); resp.StatusCode != 503 || code(body) != "OVERLOADED" {
		t.Errorf("beyond the messages: %d %s", resp.StatusCode, body)
	}
	if resp, _ := g.do(t, "POST", "/graphql", bearing(g.issuer.Access(nil))); resp.StatusCode != 200 {
		t.Errorf("a person: %d", resp.StatusCode)
	}
	close(release)
	for range messagesInFlight {
		<-done
	}
}

// Whatever hangs behind a door, its caller is answered within three seconds,
// and may try again.
func TestNoCallHangs(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	good := bearing(g.issuer.Access(nil))
	var all sync.WaitGroup
	for _, path := range []string{"/registry/hangs", "/rights/v1/hangs", "/api/hangs", "/auth/hangs", "/hangs"} {
		all.Go(func() {
			resp, body := g.do(t, "GET", path, good)
			if resp.StatusCode != 503 || code(body) != "UNAVAILABLE" || resp.Header.Get("Retry-After") == "" {
				t.Errorf("%s: %d %s", path, resp.StatusCode, body)
			}
		})
	}
	all.Wait()
	// The time to find out who calls is part of it; slow bodies are not.
	for _, c := range []struct {
		path        string
		spent, left time.Duration
	}{
		{"/registry/patience", 0, 2800 * time.Millisecond},
		{"/registry/patience", 2 * time.Second, 800 * time.Millisecond},
		{"/api/v1/catalog", 0, fileFor},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", c.path, nil)
		began := time.Now().Round(0)
		g.front.pass(standing{}, c.spent, &answer{ResponseWriter: w}, r, laneOf(c.path))
		until, err := time.Parse(time.RFC3339Nano, w.Body.String())
		if took := time.Since(began); err != nil || until.Before(began.Add(c.left)) || until.After(began.Add(took+c.left)) {
			t.Errorf("%s after %s: %s left, %v; want %s", c.path, c.spent, until.Sub(began), err, c.left)
		}
	}
}

// RFC 9112 §6.1: a message framed twice must not leave the connection open.
func TestSmuggledRequestIsNotAnswered(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprint(conn, "POST /rights/v1/results HTTP/1.1\r\nHost: lethe.example.com\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nPOST /rights/v1/results HTTP/1.1\r\nHost: lethe.example.com\r\nContent-Length: 0\r\n\r\n")
	all, err := io.ReadAll(bufio.NewReader(conn))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(all), "HTTP/1.1 "); n != 1 || !strings.Contains(string(all), "Connection: close") {
		t.Errorf("%d answers:\n%s", n, all)
	}
}

func TestStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	ending, cut := context.WithCancel(t.Context())
	g.front.ending = ending
	r, _ := http.NewRequestWithContext(t.Context(), "GET", g.url+"/packages/1", nil)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cut()
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Errorf("the stream did not end well: %v", err)
	}
}

func TestLogPrintsNoIdentifiers(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := newLog(&out, "debug")
	pg := &pgconn.PgError{Code: "23505", TableName: "t", ConstraintName: "name_taken", Message: `invalid input: "erika@example.com"`, Detail: "Key (email)=(erika@example.com) already exists"}
	secret := "erika@example.com"
	log.Info("sent", "email", secret, "subject", secret, "service", "orders", "count", 3)
	log.Error("failed", "err", fmt.Errorf("inserting: %w", pg))
	log.Error("failed", "err", fmt.Errorf("no such customer %q, phone +49 170 1234567, mail erika@example.com", "Erika"))
	log.Error("failed", "err", fault.Bad("x", "BAD", "bad").With(errors.New("erika%40example.com")))
	log.With("identifier", secret).WithGroup("g").Info("x", "name", "Erika", "identifiers", []string{secret})
	log.Info("x", "task", "0197a1b2-aaaa-7000-8000-00000000beef", "reason", "customer 'Erika'")
	text := regexp.MustCompile(`"time":"[^"]*",`).ReplaceAllString(out.String(), "") // which holds any digits
	for _, bad := range []string{"erika", "Erika", "1234567", "4567", "@"} {
		if strings.Contains(text, bad) {
			t.Errorf("the log holds %q:\n%s", bad, text)
		}
	}
	for _, good := range []string{"postgres 23505 t name_taken", `"service":"orders"`, `"count":3`, "0197a1b2-aaaa-7000-8000-00000000beef", "BAD: x: bad"} {
		if !strings.Contains(text, good) {
			t.Errorf("the log lacks %q:\n%s", good, text)
		}
	}
}

func TestMetricsHaveNoURLs(t *testing.T) {
	t.Parallel()
	g := guard(t, nil)
	g.do(t, "POST", "/graphql?who=erika@example.com", nil)
	g.do(t, "BREW", "/nowhere/erika@example.com", nil)
	w := httptest.NewRecorder()
	g.front.metrics.opsHandler(&health{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text := w.Body.String()
	if strings.Contains(text, "erika") || strings.Contains(text, "nowhere") || strings.Contains(text, "BREW") {
		t.Error("a metric holds a URL")
	}
	if !strings.Contains(text, `lethe_http_request_seconds_count{method="POST",route="/graphql",status="4xx"} 1`) {
		t.Errorf("no request metric:\n%s", text[:2000])
	}
}

func TestReadinessFailsOnlyForWhatIsNeeded(t *testing.T) {
	t.Parallel()
	well := func(context.Context) error { return nil }
	away := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for name, c := range map[string]struct {
		checks []check
		status int
	}{
		"all well":      {[]check{{"database", true, well}, {"kafka", false, well}}, 200},
		"kafka away":    {[]check{{"database", true, well}, {"kafka", false, away}}, 200},
		"database away": {[]check{{"database", true, away}, {"kafka", false, well}}, 503},
	} {
		h := &health{checks: c.checks}
		mux := http.NewServeMux()
		h.Mount(mux)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		if w.Code != c.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		h.draining.Store(true)
		w = httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		if w.Code != 503 {
			t.Errorf("%s, draining: %d", name, w.Code)
		}
	}
}
