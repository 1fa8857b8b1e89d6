package mirror_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flowmart/lethe/schemas/mirror"
)

// losing is a registry that does what it is told with its mode, and whose answer to
// that gets lost; from then on it may be away.
func losing(t *testing.T, mode string, away bool) *other {
	t.Helper()
	var lost atomic.Bool
	return behind(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := read(r)
			if lost.Load() && away {
				panic(http.ErrAbortHandler)
			}
			if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/mode") && strings.Contains(body, mode) && lost.CompareAndSwap(false, true) {
				h.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			}
			h.ServeHTTP(w, r)
		})
	})
}

// An answer that gets lost leaves never both open: what was done is asked for.
func TestSwitchWhoseAnswersGetLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from, to   func(*testing.T) *other
		says       string // of the error; "" for none
		mode, here string // afterwards; "" where it is away
	}{
		"of what closes": {
			func(t *testing.T) *other { return losing(t, "READONLY", false) }, open,
			"EOF", "READWRITE", "IMPORT",
		},
		"of what opens": {
			open, func(t *testing.T) *other { return losing(t, "READWRITE", false) },
			"", "READONLY", "READWRITE",
		},
		"of what opens, and of every question": {
			open, func(t *testing.T) *other { return losing(t, "READWRITE", true) },
			"stays closed", "READONLY", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := c.from(t), c.to(t)
			from.must("POST /subjects/order/versions", order, "}")
			m := &mirror.Mirror{From: &from.Registry, To: &to.Registry}
			follow(t, m)
			_, err := m.Switch(t.Context())
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if mode := from.must("GET /mode"); mode != `{"mode":"`+c.mode+`"}` {
				t.Errorf("there the mode is %s", mode)
			}
			if c.here != "" && to.must("GET /mode") != `{"mode":"`+c.here+`"}` {
				t.Errorf("here the mode is %s", to.must("GET /mode"))
			}
		})
	}
}

// What is open of its own, below a registry that is closed, is told before anything
// is switched.
func TestSwitchFromARegistryOfWhichAPartStaysOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ put, mode, says string }{
		"a subject":                {"PUT /mode/order", "READWRITE", "order has the mode READWRITE of its own"},
		"a context":                {"PUT /mode/:.dev:", "READWRITE", ":.dev: has the mode READWRITE of its own"},
		"a subject that is closed": {"PUT /mode/order", "READONLY", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := open(t), open(t)
			from.must("POST /subjects/order/versions", order, "}")
			from.must("POST /contexts/dev/subjects/order/versions", order, "}")
			from.must(c.put, `{"mode":"`+c.mode+`"}`)
			m := &mirror.Mirror{From: &from.Registry, To: &to.Registry}
			_, err := m.Switch(t.Context())
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, mirror.ErrOpen) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if from.must("GET /mode") != `{"mode":"READWRITE"}` || to.must("GET /mode") != `{"mode":"READWRITE"}` || to.must("GET /subjects") != "[]" {
				t.Error("the modes are others, or something was copied")
			}
		})
	}
}

// A registry is not switched to itself, by whatever name it is called.
func TestSwitchToItself(t *testing.T) {
	t.Parallel()
	one := open(t)
	one.must("POST /subjects/order/versions", order, "}")
	too := one.Registry
	too.URL = strings.Replace(one.URL, "127.0.0.1", "localhost", 1)
	m := &mirror.Mirror{From: &one.Registry, To: &too}
	if _, err := m.Switch(t.Context()); err == nil || !strings.Contains(err.Error(), "one and the same") {
		t.Errorf("%v", err)
	}
	if mode := one.must("GET /mode"); mode != `{"mode":"READWRITE"}` {
		t.Errorf("the mode is %s", mode)
	}
}

// A registry that was closed before a switch that fails stays closed, and that is
// said.
func TestSwitchFromARegistryThatWasClosed(t *testing.T) {
	t.Parallel()
	from, to := open(t), open(t)
	to.must("POST /subjects/a/versions", order, "}")
	from.must("PUT /mode", `{"mode":"READONLY_OVERRIDE"}`)
	m := &mirror.Mirror{From: &from.Registry, To: &to.Registry}
	if _, err := m.Switch(t.Context()); !errors.Is(err, mirror.ErrDiffers) || !strings.Contains(err.Error(), "was READONLY_OVERRIDE before, and stays so") {
		t.Errorf("%v", err)
	}
	if mode := from.must("GET /mode"); mode != `{"mode":"READONLY_OVERRIDE"}` {
		t.Errorf("the mode is %s", mode)
	}
}

// Who follows on after the switch, with force, does not close what was opened.
func TestAFollowerThatWasForgotten(t *testing.T) {
	t.Parallel()
	from, to := open(t), open(t)
	from.must("POST /subjects/a/versions", order, "}")
	to.must("POST /subjects/a/versions", order, "}")
	from.must("POST /subjects/b/versions", order, "}")
	m := &mirror.Mirror{From: &from.Registry, To: &to.Registry, Force: true}
	follow(t, m)
	if left, err := (&mirror.Mirror{From: &from.Registry, To: &to.Registry}).Switch(t.Context()); err != nil {
		t.Fatalf("%v %v", acts(left), err)
	}
	to.must("PUT /config/a", `{"compatibility":"FULL"}`)
	plan, err := m.Plan(t.Context())
	if err != nil || len(plan) != 1 {
		t.Fatalf("%v %v", acts(plan), err)
	}
	if _, err := m.Apply(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "42205") {
		t.Errorf("%v", err)
	}
	if mode, set := to.must("GET /mode"), to.must("GET /config/a"); mode != `{"mode":"READWRITE"}` || set != `{"compatibilityLevel":"FULL"}` {
		t.Errorf("the mode is %s, and set is %s", mode, set)
	}
}
