package mirror_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flowmart/lethe/schemas/mirror"
	"github.com/flowmart/lethe/schemas/remote"
)

// A list that comes whole, and in another order each time, has an end.
func TestListsWithoutOrder(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	names := []string{"a", "b", "c"}
	turning := listing(t, names, 0)
	whole := turning.URL
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/subjects" {
			http.Redirect(w, r, whole+r.URL.RequestURI(), http.StatusTemporaryRedirect)
			return
		}
		n := int(asked.Add(1))
		if n > 100 {
			answer(w, []string{})
			return
		}
		answer(w, slices.Concat(names[n%3:], names[:n%3]))
	}))
	t.Cleanup(server.Close)
	turning.URL = server.URL
	m := &mirror.Mirror{From: turning, To: listing(t, nil, 0)}
	if plan, err := m.Plan(t.Context()); err != nil || len(plan) != 3 || asked.Load() != 2 {
		t.Errorf("%v %v, and it was asked %d times", acts(plan), err, asked.Load())
	}
}

// What is no registry is told where one is.
func TestWhatIsNoRegistry(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]http.HandlerFunc{
		"a page":    func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<!doctype html>") },
		"no page":   func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		"an object": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"name":"search"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(serve)
			t.Cleanup(server.Close)
			m := &mirror.Mirror{From: &mirror.Registry{Registry: remote.Registry{URL: server.URL}}, To: listing(t, nil, 0)}
			if _, err := m.Plan(t.Context()); err == nil || !strings.Contains(err.Error(), "apis/ccompat/v7") {
				t.Error(err)
			}
		})
	}
}

// What is to be deleted for good is looked for once more: a list may have left it
// out, and its id is never given again. Of an empty registry nothing is made.
func TestPurgeLooksOnceMore(t *testing.T) {
	t.Parallel()
	var hidden atomic.Bool
	from := behind(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if hidden.Load() && strings.HasSuffix(r.URL.Path, "/subjects") {
				answer(w, []string{"b"})
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	to := open(t)
	from.must("POST /subjects/a/versions", order, "}")
	from.must("POST /subjects/b/versions", order, "}")
	m := &mirror.Mirror{From: &from.Registry, To: &to.Registry, Purge: true}
	follow(t, m)
	hidden.Store(true)
	plan, err := m.Plan(t.Context())
	if err != nil || !slices.Equal(acts(plan), []string{"PURGE a"}) {
		t.Fatalf("%v %v", acts(plan), err)
	}
	if plan, err = m.Apply(t.Context(), plan); err != nil || !strings.Contains(plan[0].Failed, "it is there") {
		t.Errorf("%+v %v", plan, err)
	}
	if got := to.must("GET /subjects"); got != `["a","b"]` {
		t.Errorf("here are %s", got)
	}
	m.From = listing(t, nil, 0)
	if plan, err = m.Plan(t.Context()); err == nil || !strings.Contains(err.Error(), "has no subject") {
		t.Errorf("%v %v", acts(plan), err)
	}
}

// A round ends when the registry that is written to is away, and is not told so of
// each version.
func TestMirrorToARegistryThatGoesAway(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]http.HandlerFunc{
		"cut off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a page":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"its database": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
		},
		"no sign-in": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent atomic.Int64
			from := open(t)
			to := behind(t, func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/versions") {
						h.ServeHTTP(w, r)
						return
					}
					if sent.Add(1) == 2 {
						fail(w, r)
						return
					}
					h.ServeHTTP(w, r)
				})
			})
			for i := range 5 {
				from.must(fmt.Sprintf("POST /subjects/s%d/versions", i), order, "}")
			}
			m := &mirror.Mirror{From: &from.Registry, To: &to.Registry}
			plan, err := m.Plan(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err = m.Apply(t.Context(), plan); err == nil || sent.Load() != 2 {
				t.Errorf("%d were sent: %v", sent.Load(), err)
			}
			if got := to.must("GET /subjects"); got != `["s0"]` {
				t.Errorf("here are %s", got)
			}
			follow(t, m)
			settled(t, m)
		})
	}
}

// A version that was copied while it lived, and is deleted there and not given any
// more, is deleted here, too.
func TestWhatIsNotGivenIsDeleted(t *testing.T) {
	t.Parallel()
	from, to := behind(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/gone/versions/") || strings.Contains(r.URL.Path, "/schemas/ids/") {
				absent(w, r)
				return
			}
			h.ServeHTTP(w, r)
		})
	}), open(t)
	from.must("POST /subjects/gone/versions", order, "}")
	to.must("POST /subjects/gone/versions", order, "}")
	from.must("DELETE /subjects/gone")
	m := &mirror.Mirror{From: &from.Registry, To: &to.Registry, Force: true}
	if got := acts(follow(t, m)); !slices.Equal(got, []string{"DELETE gone"}) {
		t.Errorf("followed by %q", got)
	}
}

// What others write, while a schema is taken back that got another id, is theirs.
func TestOnlyWhatWasTakenIsTakenBack(t *testing.T) {
	t.Parallel()
	var meanwhile atomic.Bool
	inner := heedless(t)
	wall := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", strings.TrimPrefix(strings.TrimSuffix(inner.URL, "/registry"), "http://")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer resp.Body.Close()
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/versions") && meanwhile.CompareAndSwap(false, true) {
			inner.must("POST /subjects/order/versions", wider, "}")
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(wall.Close)
	to := inner.Registry
	to.URL = wall.URL + "/registry"
	from := open(t)
	from.must("POST /subjects/else/versions", `{"schema":"\"long\""}`)
	from.must("POST /subjects/order/versions", order, "}")
	from.must("DELETE /subjects/else")
	from.must("DELETE /subjects/else?permanent=true")
	m := &mirror.Mirror{From: &from.Registry, To: &to}
	plan, err := m.Plan(t.Context())
	if err != nil || !slices.Equal(acts(plan), []string{"TAKE order"}) {
		t.Fatalf("%v %v", acts(plan), err)
	}
	if _, err := m.Apply(t.Context(), plan); !errors.Is(err, mirror.ErrOwnIDs) {
		t.Errorf("%v", err)
	}
	if got := inner.must("GET /subjects/order/versions?deleted=true"); got != "[2]" {
		t.Errorf("there are %s", got)
	}
}
