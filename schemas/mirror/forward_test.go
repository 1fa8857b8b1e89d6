package mirror_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowmart/lethe/schemas/mirror"
	"github.com/flowmart/lethe/schemas/remote"
)

// A registry that forwards to the one that is mirrored is filled with what others
// wrote there, and stays in its mode; nothing that is copied is written there
// again, and what is its own alone stays.
func TestMirrorToARegistryThatForwards(t *testing.T) {
	t.Parallel()
	var heard atomic.Int32
	from := behind(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				heard.Add(1)
			}
			h.ServeHTTP(w, r)
		})
	})
	to := open(t)
	to.room.ForwardTo(func() (*remote.Registry, error) { r := from.Registry.Registry; return &r, nil }, 5*time.Minute)
	from.furnish()
	m := &mirror.Mirror{From: &from.Registry, To: &to.Registry}
	to.must("PUT /mode", `{"mode":"FORWARD"}`)
	heard.Store(0)
	follow(t, m)
	settled(t, m)
	to.must("PUT /config/order", `{"gate":"ENFORCE"}`)
	heard.Store(0)

	from.must("POST /subjects/fresh/versions", order, "}")
	from.must("DELETE /subjects/all-orders")
	from.must("PUT /config/order", `{"compatibility":"NONE"}`)
	if heard.Swap(0) != 3 {
		t.Error("the other registry counts wrongly")
	}
	if got := acts(follow(t, m)); !slices.Equal(got, []string{"TAKE fresh", "DELETE all-orders", "CONFIGURE order"}) {
		t.Errorf("followed by %q", got)
	}
	m.Purge = true
	from.must("DELETE /subjects/all-orders?permanent=true")
	heard.Store(0)
	if got := acts(follow(t, m)); !slices.Equal(got, []string{"PURGE all-orders"}) {
		t.Errorf("followed by %q", got)
	}
	if n := heard.Load(); n != 0 {
		t.Errorf("what was copied was written there %d times", n)
	}
	settled(t, m)
	if mode := to.must("GET /mode"); mode != `{"mode":"FORWARD"}` {
		t.Errorf("the mode is %s", mode)
	}
	if set := to.must("GET /config/order"); !strings.Contains(set, `"gate":"ENFORCE"`) {
		t.Errorf("the gate went: %s", set)
	}

	// What is written here meanwhile is there, and there is nothing to follow.
	to.must("POST /subjects/here/versions", wider, "}")
	to.must("DELETE /subjects/fresh")
	if plan, err := m.Plan(t.Context()); err != nil || len(plan) > 0 {
		t.Errorf("to follow: %q %v", acts(plan), err)
	}
	if _, err := m.Switch(t.Context()); err != nil {
		t.Fatal(err)
	}
	heard.Store(0)
	if got := to.must("POST /subjects/here/versions", order, `,"metadata":{"properties":{"a":"b"}}}`); !strings.Contains(got, `"version":2`) || heard.Load() != 0 {
		t.Errorf("after the switch: %s", got)
	}
	if from.must("GET /mode") != `{"mode":"READONLY"}` {
		t.Error("the other registry is not closed")
	}
}

// What is written through a registry that forwards while a round looks at both is
// there and here. A round that sees the one without it and the other with it takes
// nothing of it back.
func TestWhatIsForwardedWhileARoundLooks(t *testing.T) {
	t.Parallel()
	var meanwhile atomic.Pointer[func()]
	look := func(at string) func(http.Handler) http.Handler {
		return func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, at) {
					if write := meanwhile.Swap(nil); write != nil {
						(*write)()
					}
				}
				h.ServeHTTP(w, r)
			})
		}
	}
	for name, c := range map[string]struct{ from, to string }{
		"as the copy is listed":       {"/never", "/subjects"},
		"as the other is listed":      {"/subjects", "/never"},
		"as settings here are asked":  {"/never", "/config/order"},
		"as settings there are asked": {"/config/order", "/never"},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := behind(t, look(c.from)), behind(t, look(c.to))
			to.room.ForwardTo(func() (*remote.Registry, error) { r := from.Registry.Registry; return &r, nil }, 5*time.Minute)
			to.must("PUT /mode", `{"mode":"FORWARD"}`)
			to.must("POST /subjects/order/versions", order, "}")
			to.must("PUT /config/order", `{"compatibility":"FULL"}`)
			write := func() {
				to.must("POST /subjects/fresh/versions", wider, "}")
				to.must("PUT /config/order", `{"compatibility":"NONE"}`)
			}
			m := &mirror.Mirror{From: &from.Registry, To: &to.Registry, Purge: true}
			meanwhile.Store(&write)
			plan, err := m.Plan(t.Context())
			if err == nil {
				plan, err = m.Apply(t.Context(), plan)
			}
			if err != nil || meanwhile.Load() != nil {
				t.Fatal(err, meanwhile.Load() != nil)
			}
			for _, s := range plan {
				if s.Failed != "" || s.Act == mirror.Purge {
					t.Errorf("%+v", s)
				}
			}
			if got := to.must("GET /subjects/fresh/versions"); got != "[1]" {
				t.Errorf("here are %s", got)
			}
			if got := to.must("GET /config/order"); got != `{"compatibilityLevel":"NONE"}` {
				t.Errorf("here is set %s", got)
			}
		})
	}
}
