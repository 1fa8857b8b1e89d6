package schemas_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/remote"
	"github.com/flowmart/lethe/schemas/rest"
)

// borrower has a database for each who asks, not one a test.
type borrower struct{ testing.TB }

// forwards is a bench in the mode FORWARD, and the registry that it has written to.
type forwards struct {
	*bench
	there  *schemas.Registry
	admin  access.Principal // there
	writes atomic.Int32     // that came there
	plain  atomic.Bool      // there no metadata are kept
	reach  func() (*remote.Registry, error)
}

func forwarding(t *testing.T) *forwards {
	t.Helper()
	db := pgtest.New(&borrower{t})
	f := &forwards{bench: setup(t), there: schemas.New(db, time.Now)}
	id := must(audit.EnsurePrincipal(t.Context(), db, "test", "lethe", "lethe"))(t)
	f.admin = access.Principal{ID: id, Roles: []access.Role{access.Admin}}
	door := rest.New(f.there, slog.New(slog.DiscardHandler))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			f.writes.Add(1)
		}
		if f.plain.Load() {
			without(r, "metadata")
		}
		door.ServeHTTP(w, r.WithContext(access.With(r.Context(), f.admin)))
	}))
	t.Cleanup(server.Close)
	f.reach = func() (*remote.Registry, error) { return &remote.Registry{URL: server.URL + rest.Prefix}, nil }
	f.ForwardTo(f.reach, 5*time.Minute)
	must(0, f.SetMode(t.Context(), f.bench.admin, "", "forward", false))(t)
	return f
}

// without takes a member out of a request.
func without(r *http.Request, member string) {
	body, _ := io.ReadAll(r.Body)
	var sent map[string]any
	if json.Unmarshal(body, &sent) == nil {
		delete(sent, member)
		body, _ = json.Marshal(sent)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

// heard fails unless the other registry was written to so often since.
func (f *forwards) heard(t testing.TB, want int32) {
	t.Helper()
	if n := f.writes.Swap(0); n != want {
		t.Errorf("the other registry was written to %d times, want %d", n, want)
	}
}

// Whose a subject is, is judged here and not elsewhere: there Lethe may everything.
// Who registers is who the audit log and the catalog have.
func TestWhoMayForward(t *testing.T) {
	t.Parallel()
	f, ctx := forwarding(t), t.Context()
	wants(t, f.SetMode(ctx, f.team, "", schemas.Forwarding, false), "ROLE_REQUIRED")
	_, err := f.Register(ctx, f.other, schemas.Submission{Subject: "orders-value", Text: record("id")})
	wants(t, err, "NOT_OWNER")
	_, err = f.Register(ctx, f.orders, schemas.Submission{Subject: "orders-value", Text: record("id"), ID: 7})
	wants(t, err, "MODE_FORBIDS")
	f.heard(t, 0)

	v := f.put(t, f.orders, "orders-value", record("id"))
	f.put(t, f.other, "billing.only", record("id"))
	f.heard(t, 2)
	if there := must(f.there.Version(ctx, f.admin, "orders-value", 1, schemas.Live))(t); there.ID != v.ID {
		t.Errorf("the id is %d here and %d there", v.ID, there.ID)
	}
	_, err = f.Register(ctx, f.orders, schemas.Submission{Subject: "billing.only", Text: record("id", "a?")})
	wants(t, err, "NOT_OWNER") // who came first has it, as ever
	_, err = f.DeleteVersion(ctx, f.other, "orders-value", 1, false)
	wants(t, err, "NOT_OWNER")
	_, err = f.DeleteSubject(ctx, f.orders, "orders-value", true)
	wants(t, err, "ROLE_REQUIRED")
	_, err = f.SetConfig(ctx, f.orders, "orders-value", schemas.Patch{"compatibility": []byte(`"NONE"`)})
	wants(t, err, "ROLE_REQUIRED")
	_, err = f.Copying(f.team)
	wants(t, err, "ROLE_REQUIRED")
	f.heard(t, 0)

	const q = `SELECT count(*) FROM audit_entry WHERE act = 'schema.registered' AND actor_id = $1 AND amounts->>'schema' = $2`
	if n := must(postgres.Scalar[int](ctx, f.db, q, f.orders.ID, fmt.Sprint(v.ID)))(t); n != 1 {
		t.Errorf("%d records of the registration", n)
	}
	const qFields = `SELECT path FROM catalog_field WHERE dataset_id = $1 ORDER BY path`
	if paths := must(postgres.Scalars[string](ctx, f.db, qFields, f.topic.ID))(t); !slices.Equal(paths, []string{"id"}) {
		t.Errorf("the topic's fields are %q", paths)
	}
}

// A name that is taken for a folder on its way could lead to what is another's, and
// there Lethe may everything.
func TestNamesThatLeadElsewhere(t *testing.T) {
	t.Parallel()
	f, ctx := forwarding(t), t.Context()
	f.put(t, f.orders, "orders-value", record("id"))
	f.put(t, f.other, "..a/b..", record("id"))
	f.heard(t, 2)
	for _, name := range []string{"../subjects/orders-value", "a/../../subjects/orders-value", `..\subjects\orders-value`, "a/./b", "/orders-value", "orders-value/", ":.dev:x/../orders-value"} {
		_, err := f.Register(ctx, f.other, schemas.Submission{Subject: name, Text: record("id", "a?")})
		wants(t, err, "INVALID_SUBJECT")
		_, err = f.SetConfig(ctx, f.bench.admin, name, schemas.Patch{"compatibility": []byte(`"NONE"`)})
		wants(t, err, "INVALID_SUBJECT")
	}
	wants(t, f.DeleteContext(ctx, f.bench.admin, ".."), "INVALID_SUBJECT")
	f.heard(t, 0)
}

// The level is judged there, and what the gate says here: of what breaks both,
// each refuses its own.
func TestTheGateBeforeForwarding(t *testing.T) {
	t.Parallel()
	f, ctx := forwarding(t), t.Context()
	f.put(t, f.orders, "orders-value", record("id"))
	f.policy(t, "orders-value", gate.Enforce)
	f.heard(t, 1)
	for _, c := range []struct {
		name  string
		s     schemas.Submission
		by    access.Principal
		code  string
		heard int32
	}{
		{"personal data", schemas.Submission{Text: record("id", "email?")}, f.orders, "GATE_FAILED", 0},
		{"personal data that breaks the level", schemas.Submission{Text: record("id", "email")}, f.orders, "GATE_FAILED", 0},
		{"what breaks the level", schemas.Submission{Text: record("id", "total")}, f.orders, "REFUSED_ELSEWHERE", 1},
		{"force, by who may not", schemas.Submission{Text: record("id", "total"), Force: true}, f.orders, "REFUSED_ELSEWHERE", 1},
		{"force", schemas.Submission{Text: record("id", "total"), Force: true}, f.team, "", 1},
	} {
		c.s.Subject = "orders-value"
		_, err := f.Register(ctx, c.by, c.s)
		if wants(t, err, c.code); t.Failed() {
			t.Log(c.name)
		}
		f.heard(t, c.heard)
	}
	if n := f.forced(t); n != 1 {
		t.Errorf("the log says force of %d, want 1", n)
	}
}

// Tags among the metadata pass the gate, and a registry of old does not keep them:
// the catalog has them all the same, and the next version is to say them again.
func TestTagsThatTheOtherRegistryDoesNotKeep(t *testing.T) {
	t.Parallel()
	f, ctx := forwarding(t), t.Context()
	f.plain.Store(true)
	f.put(t, f.orders, "orders-value", record("id"))
	f.policy(t, "orders-value", gate.Enforce)
	says := &schemas.Metadata{Tags: map[string][]string{"**.email": {"user.contact.email"}}}
	for i, text := range []string{record("id", "email?"), record("id", "email?", "a?")} {
		v := must(f.Register(ctx, f.orders, schemas.Submission{Subject: "orders-value", Text: text, Metadata: says}))(t)
		if v.Metadata != nil || v.Version != i+2 {
			t.Errorf("%+v", v)
		}
		if said := f.said(t, f.topic); len(said) != 1 || said[0].Term != "user.contact.email" || said[0].State != "CONFIRMED" {
			t.Errorf("the catalog has %+v", said)
		}
	}
}

// A database that is away refuses a write before the other registry is asked.
func TestNothingIsForwardedWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	f, ctx := forwarding(t), t.Context()
	f.put(t, f.orders, "orders-value", record("id"))
	f.heard(t, 1)
	replica, looks := f.following(t)
	replica.ForwardTo(f.reach, 5*time.Minute)
	blind(t, f.bench, replica, looks)
	for name, write := range map[string]func() error{
		"a registration": func() error {
			_, err := replica.Register(ctx, f.orders, schemas.Submission{Subject: "orders-value", Text: record("id", "a?")})
			return err
		},
		"a deletion": func() error {
			_, err := replica.DeleteSubject(ctx, f.bench.admin, "orders-value", false)
			return err
		},
		"settings": func() error { return replica.SetLevel(ctx, f.bench.admin, "", schemas.Full) },
	} {
		t.Log(name)
		wants(t, write(), "UNAVAILABLE")
	}
	f.heard(t, 0)
}

// While the mode changes under them, registrations are given an id by one of the
// two, or told why not: nobody is left between.
func TestTheModeChangesWhileManyRegister(t *testing.T) {
	t.Parallel()
	f, ctx := forwarding(t), t.Context()
	second := schemas.New(f.db, time.Now)
	second.ForwardTo(f.reach, 5*time.Minute)
	known := []string{"ID_TAKEN", "NOT_KEPT", "INVALID_SCHEMA", "SCHEMA_INCOMPATIBLE", "REFUSED_ELSEWHERE"}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 20 {
			mode := []schemas.Mode{schemas.ReadWrite, schemas.Forwarding}[i%2]
			if err := f.SetMode(ctx, f.bench.admin, "", mode, true); err != nil {
				t.Error(err)
			}
		}
		close(done)
	})
	for i := range 6 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				r := []*schemas.Registry{f.Registry, second}[i%2]
				_, err := r.Register(ctx, f.bench.admin, schemas.Submission{Subject: fmt.Sprintf("s%d", i%3), Text: record("id", fmt.Sprintf("f%d_%d?", i, n))})
				if faults := fault.All(err); err != nil && (len(faults) == 0 || !slices.Contains(known, faults[0].Code)) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	must(0, f.SetMode(ctx, f.bench.admin, "", schemas.Forwarding, true))(t)
	f.writes.Store(0)
	if _, err := f.Register(ctx, f.bench.admin, schemas.Submission{Subject: "last", Text: record("id")}); err != nil && !errors.Is(err, fault.New("", "NOT_KEPT", "")) {
		t.Error(err)
	}
	f.heard(t, 1)
}

// Whoever asked may go away meanwhile: what the other registry took is kept.
func TestAClientThatGoesWhileItIsForwarded(t *testing.T) {
	t.Parallel()
	f := forwarding(t)
	ctx, leave := context.WithCancel(t.Context())
	reach := f.reach
	f.ForwardTo(func() (*remote.Registry, error) { leave(); return reach() }, 5*time.Minute)
	if _, err := f.Register(ctx, f.orders, schemas.Submission{Subject: "orders-value", Text: record("id")}); err != nil {
		t.Fatal(err)
	}
	must(f.Version(t.Context(), f.viewer, "orders-value", 1, schemas.Live))(t)
}

// Secrets that cannot be read are told of as a registry that is away.
func TestForwardingWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	f := forwarding(t)
	f.ForwardTo(func() (*remote.Registry, error) { return nil, errors.New("no such file") }, time.Minute)
	_, err := f.Register(t.Context(), f.orders, schemas.Submission{Subject: "orders-value", Text: record("id")})
	wants(t, err, "FORWARD_FAILED")
}
