package rest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/remote"
	"github.com/flowmart/lethe/schemas/rest"
)

// borrower has a database for each who asks, not one a test.
type borrower struct{ testing.TB }

// pair is a registry in the mode FORWARD, and the one that it has written to. What
// goes between them goes through the wire.
type pair struct {
	here, there *served
	second      *served // a replica of here
	wire        *wire
}

// wire is what lies between two registries: it notes the writes, and does what a
// test has it do with a request or an answer.
type wire struct {
	mu     sync.Mutex
	heard  []string
	before func(http.ResponseWriter, *http.Request) (done bool)
	after  func(*httptest.ResponseRecorder)
}

func (w *wire) do(before func(http.ResponseWriter, *http.Request) bool, after func(*httptest.ResponseRecorder)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before, w.after = before, after
}

// took returns the writes that came since it was last asked.
func (w *wire) took() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	heard := w.heard
	w.heard = nil
	return heard
}

func (w *wire) through(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		if lookup := r.Method == http.MethodPost && !strings.HasSuffix(r.URL.Path, "/versions"); r.Method != http.MethodGet && !lookup {
			w.heard = append(w.heard, r.Method+" "+strings.TrimPrefix(r.URL.RequestURI(), rest.Prefix))
		}
		before, after := w.before, w.after
		w.mu.Unlock()
		if before != nil && before(out, r) {
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		if after != nil {
			after(answer)
		}
		if answer.Code == dropped {
			panic(http.ErrAbortHandler)
		}
		for name, values := range answer.Header() {
			if name != "Content-Length" {
				out.Header()[name] = values
			}
		}
		out.WriteHeader(answer.Code)
		_, _ = out.Write(answer.Body.Bytes())
	})
}

// dropped is the status of an answer that is lost.
const dropped = 599

// door serves a registry on a database.
func door(t *testing.T, db *pgxpool.Pool, set func(*schemas.Registry), around func(http.Handler) http.Handler) *served {
	t.Helper()
	s := &served{log: &strings.Builder{}, db: db}
	registry := schemas.New(db, time.Now)
	set(registry)
	mux := http.NewServeMux()
	rest.New(registry, slog.New(slog.DiscardHandler)).Mount(mux)
	server := httptest.NewServer(around(signIn(t, db, mux)))
	t.Cleanup(server.Close)
	s.url = server.URL + rest.Prefix
	return s
}

func forwarding(t *testing.T) *pair {
	t.Helper()
	p := &pair{wire: &wire{}}
	p.there = door(t, pgtest.New(&borrower{t}), func(*schemas.Registry) {}, p.wire.through)
	other := func() (*remote.Registry, error) {
		return &remote.Registry{URL: p.there.url, User: "token", Password: "admin", Most: 1 << 20}, nil
	}
	set := func(r *schemas.Registry) { r.ForwardTo(other, 5*time.Minute) }
	plain := func(h http.Handler) http.Handler { return h }
	db := pgtest.New(&borrower{t})
	p.here, p.second = door(t, db, set, plain), door(t, db, set, plain)
	p.here.walk(t, []step{{"PUT /mode", `{"mode":"FORWARD"}`, 200, 0, `{"mode":"FORWARD"}`}})
	return p
}

// both fails unless the two registries answer a question alike.
func (p *pair) both(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		_, _, here := p.here.ask(t, "GET", path, "")
		_, _, there := p.there.ask(t, "GET", path, "")
		if here != there {
			t.Errorf("GET %s is %s here and %s there", path, here, there)
		}
	}
}

// What is written here is written there, with the ids of there; what is refused
// there is refused here in the same words; and reads are answered from the copy.
func TestForwardingIsWritingElsewhere(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	p.there.walk(t, []step{{"POST /subjects/else/versions", submission(`"bytes"`), 200, 0, ""}}) // the id 1 is of something that is not here
	p.wire.took()
	p.here.walk(t, []step{
		{"POST /subjects/orders/versions", submission(v1), 200, 0, `~{"id":2,"version":1,`},
		{"POST /subjects/orders/versions", submission(v2), 200, 0, `~{"id":3,"version":2,`},
		{"POST /subjects/list/versions", submission(`{"type":"array","items":"shop.Order"}`, `,"references":[{"name":"shop.Order","subject":"orders","version":-1}]`), 200, 0, `~{"id":4,"version":1,`},
		{"POST /subjects/orders/versions", submission(v2, `,"metadata":{"properties":{"a":"b"}}`), 200, 0, `~{"id":5,"version":3,`},
		{"POST /contexts/dev/subjects/orders/versions", submission(v1), 200, 0, `~{"id":1,"version":1,`},
	})
	want := []string{"POST /subjects/orders/versions", "POST /subjects/orders/versions", "POST /subjects/list/versions", "POST /subjects/orders/versions", "POST /subjects/:.dev:orders/versions"}
	if got := p.wire.took(); !slices.Equal(got, want) {
		t.Errorf("there were written %q", got)
	}
	p.both(t, "/subjects/orders/versions/1", "/subjects/orders/versions/2", "/subjects/orders/versions/latest", "/subjects/list/versions/1", "/schemas/ids/5", "/contexts/dev/subjects/orders/versions/1")

	_, _, refused := p.there.ask(t, "POST", "/subjects/orders/versions", submission(no))
	p.wire.took()
	p.here.walk(t, []step{
		{"POST /subjects/orders/versions", submission(no), 409, 409, strings.TrimSpace(refused)},
		{"POST /subjects/orders/versions", submission(v1, `,"version":9`), 422, 42201, ""}, // known here, and another number
		{"POST /subjects/orders/versions", submission(v1 + " "), 200, 0, `~{"id":2,"version":1,`},
		{"POST /subjects/orders", submission(v2), 200, 0, `~"version":3`},
		{"POST /subjects/orders", submission(no), 404, 40403, ""},
		{"POST /compatibility/subjects/orders/versions/latest", submission(no), 200, 0, `~false`},
	})
	if got := p.wire.took(); !slices.Equal(got, []string{"POST /subjects/orders/versions"}) {
		t.Errorf("of these were written there %q", got)
	}
	p.here.walk(t, []step{{"POST /subjects/orders/versions?force=true", submission(no), 200, 0, `~{"id":6,"version":4,`}})
	if got := p.wire.took(); !slices.Equal(got, []string{"POST /subjects/orders/versions?force=true"}) {
		t.Errorf("by force was written %q", got)
	}
	p.both(t, "/subjects/orders/versions", "/schemas/ids/6")
}

// A registry of old answers a registration with an id and nothing else, and knows
// neither metadata nor contexts.
func TestForwardingToARegistryOfOld(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	p.wire.do(func(_ http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		var sent map[string]any
		_ = json.Unmarshal(body, &sent)
		delete(sent, "metadata")
		body, _ = json.Marshal(sent)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return false
	}, func(answer *httptest.ResponseRecorder) {
		var made map[string]any
		if json.Unmarshal(answer.Body.Bytes(), &made) == nil && made["subject"] == nil && made["id"] != nil {
			short, _ := json.Marshal(map[string]any{"id": made["id"]})
			answer.Body = bytes.NewBuffer(short)
		}
	})
	p.here.walk(t, []step{
		{"POST /subjects/orders/versions", submission(v1), 200, 0, `~{"id":1,"version":1,`},
		{"POST /subjects/orders/versions?normalize=true", submission(v2, `,"metadata":{"properties":{"a":"b"}}`), 200, 0, `~{"id":2,"version":2,`},
		{"GET /subjects/orders/versions", "", 200, 0, "[1,2]"},
	})
	if _, _, body := p.here.ask(t, "GET", "/subjects/orders/versions/2", ""); strings.Contains(body, "metadata") {
		t.Errorf("what was not kept there is here: %s", body)
	}
}

// Who may write, and what the gate says, is judged before the other registry hears
// of anything.
func TestWhatIsRefusedHereIsNotForwarded(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	p.here.walk(t, []step{
		{"POST /subjects/orders/versions", submission(v1), 200, 0, ""},
		{"PUT /config/orders", `{"gate":"ENFORCE"}`, 200, 0, `{"gate":"ENFORCE"}`}, // ours alone
	})
	p.there.walk(t, []step{{"GET /config/orders", "", 404, 40408, ""}})
	p.wire.took()
	email := submission(`{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"email","type":"string","default":""}]}`)
	for _, c := range []struct {
		ask, body, as string
		status, code  int
	}{
		{"POST /subjects/orders/versions", email, "admin", 422, 42250},
		{"POST /subjects/orders/versions", submission(`{"type":"recrd"}`), "admin", 422, 42201},
		{"POST /subjects/orders/versions", submission(v2), "viewer", 403, 40301},
		{"POST /subjects/orders/versions", submission(v2), "", 401, 40101},
		{"DELETE /subjects/orders", "", "viewer", 403, 40301},
		{"DELETE /subjects/orders", "", "ci", 403, 40301}, // of nobody
		{"DELETE /subjects/orders?permanent=true", "", "ci", 403, 40301},
		{"DELETE /subjects/none", "", "admin", 404, 40401},
		{"PUT /config/orders", `{"compatibility":"NONE"}`, "ci", 403, 40301},
		{"PUT /config/orders", `{"compatibility":"SIDEWAYS"}`, "admin", 422, 42203},
		{"PUT /config/orders", `{"compatibility":"NONE","topics":7}`, "admin", 422, 42203},
		{"DELETE /config/orders", "", "viewer", 403, 40301},
		{"PUT /mode/orders", `{"mode":"READONLY"}`, "admin", 200, 0},
		{"POST /subjects/orders/versions", submission(v2), "admin", 422, 42205},
		{"DELETE /subjects/orders", "", "admin", 422, 42205},
		{"PUT /config/orders", `{"compatibility":"NONE"}`, "admin", 422, 42205},
		{"PUT /mode/orders", `{"mode":"FORWARD"}`, "admin", 422, 42204},
		{"PUT /mode/:.dev:", `{"mode":"FORWARD"}`, "admin", 422, 42204},
		{"PUT /mode/:.__GLOBAL:", `{"mode":"FORWARD"}`, "admin", 422, 42204},
	} {
		method, path, _ := strings.Cut(c.ask, " ")
		status, code, body := p.here.ask(t, method, path, c.body, "Authorization", basic(c.as))
		if status != c.status || code != c.code {
			t.Errorf("%s %s as %q: %d %s; want %d %d", c.ask, c.body, c.as, status, body, c.status, c.code)
		}
	}
	if heard := p.wire.took(); len(heard) > 0 {
		t.Errorf("the other registry heard of %q", heard)
	}
	// What is opened here is forwarded all the same: ids are given there alone.
	p.here.walk(t, []step{
		{"PUT /mode/orders", `{"mode":"READWRITE"}`, 200, 0, ""},
		{"POST /subjects/orders/versions", submission(v2), 200, 0, `~{"id":2,"version":2,`},
	})
	if heard := p.wire.took(); !slices.Equal(heard, []string{"POST /subjects/orders/versions"}) {
		t.Errorf("the other registry heard of %q", heard)
	}
}

func basic(role string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth("token", role)
	return r.Header.Get("Authorization")
}

// A deletion is the other's, in both steps and with its codes; what is gone there
// already goes here, too.
func TestForwardedDeletions(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	fill := func(subject string) {
		p.here.walk(t, []step{
			{"POST /subjects/" + subject + "/versions", submission(v1), 200, 0, ""},
			{"POST /subjects/" + subject + "/versions", submission(v2), 200, 0, ""},
		})
	}
	fill("a")
	p.here.walk(t, []step{
		{"DELETE /subjects/a/versions/1?permanent=true", "", 404, 40407, ""},
		{"DELETE /subjects/a/versions/latest", "", 200, 0, "2"},
		{"DELETE /subjects/a/versions/2", "", 404, 40406, ""},
		{"DELETE /subjects/a?permanent=true", "", 404, 40405, ""},
		{"DELETE /subjects/a", "", 200, 0, "[1]"},
		{"DELETE /subjects/a", "", 404, 40404, ""},
		{"GET /subjects/a/versions?deleted=true", "", 200, 0, "[1,2]"},
		{"POST /subjects/a/versions", submission(v1), 200, 0, `~{"id":1,"version":3,`},
		{"DELETE /subjects/a/versions/2?permanent=true", "", 200, 0, "2"},
		{"DELETE /subjects/a/versions/9", "", 404, 40402, ""},
	})
	p.both(t, "/subjects/a/versions", "/subjects/a/versions?deleted=true", "/schemas/ids/1", "/schemas/ids/2")
	fill("b")
	p.here.walk(t, []step{{"POST /subjects/list/versions", submission(`{"type":"array","items":"shop.Order"}`, `,"references":[{"name":"shop.Order","subject":"b","version":1}]`), 200, 0, ""},
		{"DELETE /subjects/b/versions/1", "", 422, 42206, ""}})
	fill("c")
	for _, there := range [][]string{
		{"DELETE /subjects/c/versions/1"},
		{"DELETE /subjects/c", "DELETE /subjects/c?permanent=true"},
	} {
		for _, ask := range there {
			p.there.walk(t, []step{{ask, "", 200, 0, ""}})
		}
	}
	p.here.walk(t, []step{
		{"GET /subjects/c/versions", "", 200, 0, "[1,2]"},
		{"DELETE /subjects/c/versions/1", "", 200, 0, "1"}, // 40401 there
		{"DELETE /subjects/c/versions/1", "", 404, 40401, ""},
		{"DELETE /subjects/c?permanent=true", "", 200, 0, "[1,2]"}, // what lives here, too
		{"DELETE /subjects/c?permanent=true", "", 404, 40401, ""},
	})
}

// Settings are set there, but those that only we have, and kept here as they are
// there then.
func TestForwardedSettings(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	p.here.walk(t, []step{{"POST /subjects/a/versions", submission(v1), 200, 0, ""}})
	p.there.walk(t, []step{{"PUT /config/a", `{"normalize":true}`, 200, 0, ""}}) // and nobody told us
	p.wire.took()
	p.here.walk(t, []step{
		{"PUT /config/a", `{"compatibility":"FULL","gate":"ENFORCE"}`, 200, 0, `{"compatibility":"FULL","normalize":true,"gate":"ENFORCE"}`},
		{"PUT /config", `{"compatibility":"NONE"}`, 200, 0, `{"compatibility":"NONE"}`},
		{"PUT /config/:.__GLOBAL:", `{"compatibilityGroup":"major"}`, 200, 0, ""},
		{"PUT /config/:.dev:", `{"compatibility":"FULL"}`, 200, 0, ""},
	})
	p.there.walk(t, []step{{"GET /config/a", "", 200, 0, `{"compatibilityLevel":"FULL","normalize":true}`}})
	p.both(t, "/config", "/config/:.__GLOBAL:", "/contexts/dev/config")
	p.here.walk(t, []step{{"PUT /config/a", `{"normalize":null}`, 200, 0, `{"compatibility":"FULL","gate":"ENFORCE"}`}})
	if heard := p.wire.took(); !slices.Equal(heard, []string{"PUT /config/a", "PUT /config", "PUT /config/:.__GLOBAL:", "PUT /config/:.dev:", "PUT /config/a"}) {
		t.Errorf("the other registry heard of %q", heard)
	}
	p.there.walk(t, []step{{"DELETE /config/:.dev:", "", 200, 0, ""}})
	p.here.walk(t, []step{
		{"DELETE /config/a", "", 200, 0, `{"compatibilityLevel":"FULL","gate":"ENFORCE"}`},
		{"DELETE /config/a", "", 404, 40401, ""},
		{"DELETE /config/:.dev:", "", 200, 0, ""},
		{"DELETE /config", "", 200, 0, `~NONE`},
		{"DELETE /contexts/dev", "", 204, 0, ""},
	})
	p.both(t, "/config", "/config/a", "/contexts/dev/config")
}

// Whoever may import copies what was written there by others, and the mode need
// not be left for that; nothing of it is written there.
func TestCopiesWhileForwarding(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	p.there.walk(t, []step{
		{"POST /subjects/a/versions", submission(v1), 200, 0, ""},
		{"POST /subjects/a/versions", submission(v2), 200, 0, ""},
	})
	p.wire.took()
	copies := func(ask, body string, status int) {
		t.Helper()
		method, path, _ := strings.Cut(ask, " ")
		if got, _, said := p.here.ask(t, method, path, body, "X-Lethe-Copy", "true"); got != status {
			t.Errorf("%s %s: %d %s", ask, body, got, said)
		}
	}
	copies("POST /subjects/a/versions", submission(v2, `,"id":2,"version":2`), 200)
	copies("POST /subjects/a/versions", submission(v1, `,"id":1,"version":1`), 200)
	copies("PUT /config/a", `{"compatibility":"FULL"}`, 200)
	copies("DELETE /subjects/a/versions/1", "", 200)
	copies("DELETE /subjects/a/versions/1?permanent=true", "", 200)
	copies("DELETE /config/a", "", 200)
	if heard := p.wire.took(); len(heard) > 0 {
		t.Errorf("the other registry heard of %q", heard)
	}
	p.here.walk(t, []step{{"GET /subjects/a/versions?deleted=true", "", 200, 0, "[2]"}})
	for _, ask := range []string{"DELETE /subjects/a", "PUT /config/a", "DELETE /config/a", "DELETE /contexts/dev"} {
		method, path, _ := strings.Cut(ask, " ")
		if status, _, said := p.here.ask(t, method, path, `{"compatibility":"FULL"}`, "X-Lethe-Copy", "true", "Authorization", basic("ci")); status != 403 {
			t.Errorf("%s by a pipeline: %d %s", ask, status, said)
		}
	}
}

// Twelve clients at one subject, on two replicas: what is there is here, with the
// ids of there, and each was told its own.
func TestManyAtOneSubjectThatIsForwarded(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	p.here.walk(t, []step{{"PUT /config", `{"compatibility":"NONE"}`, 200, 0, ""}})
	for round, text := range []func(int) string{
		func(i int) string { return `{"type":"fixed","name":"F","size":` + string(rune('1'+i%3)) + `}` },     // some the same
		func(i int) string { return `{"type":"enum","name":"E","symbols":["` + string(rune('A'+i)) + `"]}` }, // all different
	} {
		var wg sync.WaitGroup
		told := make([]string, 12)
		for i := range told {
			wg.Go(func() {
				at := []*served{p.here, p.second}[i%2]
				_, _, told[i] = at.ask(t, "POST", "/subjects/hot/versions", submission(text(i)))
			})
		}
		wg.Wait()
		for i, said := range told {
			var made struct{ ID, Version int }
			if err := json.Unmarshal([]byte(said), &made); err != nil || made.ID == 0 {
				t.Errorf("round %d, client %d was told %s", round, i, said)
				continue
			}
			_, _, there := p.there.ask(t, "POST", "/subjects/hot", submission(text(i)))
			var is struct{ ID, Version int }
			if err := json.Unmarshal([]byte(there), &is); err != nil || is != made {
				t.Errorf("round %d, client %d was told %+v, and there it is %s", round, i, made, there)
			}
		}
	}
	p.both(t, "/subjects/hot/versions", "/subjects/hot/versions/latest", "/schemas")
}

// What was registered before the mode was set has ids of its own, which another
// registry gives to other schemas: unless it was copied from there, the mode is not
// entered but by force.
func TestForwardingIsEnteredWithCopies(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	p.here.walk(t, []step{
		{"PUT /mode", `{"mode":"READWRITE"}`, 200, 0, ""},
		{"PUT /mode", `{"mode":"FORWARD"}`, 200, 0, ""}, // nothing is registered
		{"PUT /mode", `{"mode":"READWRITE"}`, 200, 0, ""},
		{"POST /contexts/dev/subjects/own/versions", submission(v1), 200, 0, ""},
		{"PUT /mode", `{"mode":"FORWARD"}`, 422, 42205, "~force=true"},
		{"GET /mode", "", 200, 0, `{"mode":"READWRITE"}`},
		{"PUT /mode?force=true", `{"mode":"FORWARD"}`, 200, 0, ""},
		{"PUT /mode", `{"mode":"FORWARD"}`, 200, 0, ""}, // it is
		{"PUT /mode?force=true", `{"mode":"IMPORT"}`, 200, 0, ""},
		{"POST /subjects/copied/versions", submission(v1, `,"id":1,"version":1`), 200, 0, ""},
		{"PUT /mode", `{"mode":"FORWARD"}`, 200, 0, ""},
	})
}

// A registry that gives a content several ids has them all here: those after the
// first stand among the metadata.
func TestForwardingOfAContentThatHasAnotherID(t *testing.T) {
	t.Parallel()
	p := forwarding(t)
	p.there.walk(t, []step{{"POST /subjects/else/versions", submission(`"bytes"`), 200, 0, ""}})
	p.here.walk(t, []step{
		{"PUT /mode", `{"mode":"READWRITE"}`, 200, 0, ""},
		{"POST /subjects/own/versions", submission(v1), 200, 0, `~{"id":1,`},
		{"PUT /mode?force=true", `{"mode":"FORWARD"}`, 200, 0, ""},
		{"POST /subjects/a/versions", submission(v1), 200, 0, `~{"id":2,"version":1,`},
		{"POST /subjects/a/versions", submission(v1), 200, 0, `~{"id":2,"version":1,`},
		{"POST /subjects/a/versions", submission(v1, `,"metadata":{}`), 200, 0, `~{"id":2,"version":1,`},
		{"GET /subjects/a/versions/1", "", 200, 0, `~"metadata":{"properties":{"lethe:id":"2"}}`},
		{"GET /schemas/ids/2/versions", "", 200, 0, `[{"subject":"a","version":1}]`},
		{"POST /subjects/a/versions", submission(v2), 200, 0, `~{"id":3,"version":2,"schema":`},
	})
}
