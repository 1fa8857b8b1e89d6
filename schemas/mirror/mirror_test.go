package mirror_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/mirror"
	"github.com/flowmart/lethe/schemas/remote"
	"github.com/flowmart/lethe/schemas/rest"
)

// other is a registry on a database of its own, reached over HTTP by an admin.
type other struct {
	t    *testing.T
	room *schemas.Registry
	mirror.Registry
}

type borrower struct{ testing.TB }

func open(t *testing.T) *other {
	t.Helper()
	return behind(t, func(h http.Handler) http.Handler { return h })
}

// foreign is a registry that is not Lethe: it says so, and knows no setting that
// is ours alone.
func foreign(t *testing.T) *other {
	t.Helper()
	return behind(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			switch {
			case strings.HasSuffix(r.URL.Path, "/v1/metadata/id"):
				_, _ = io.WriteString(w, `{"id":"cluster-1"}`)
			case strings.Contains(r.URL.Path, "/config") && (bytes.Contains(body, []byte("gate")) || bytes.Contains(body, []byte("topics"))):
				rest.Refuse(w, http.StatusUnprocessableEntity, "Unrecognized field")
			default:
				h.ServeHTTP(w, r)
			}
		})
	})
}

func behind(t *testing.T, wall func(http.Handler) http.Handler) *other {
	t.Helper()
	db := pgtest.New(&borrower{t}) // a database for each, not one a test
	id, err := audit.EnsurePrincipal(t.Context(), db, "test", "admin", "admin")
	if err != nil {
		t.Fatal(err)
	}
	admin := access.Principal{ID: id, Roles: []access.Role{access.Admin}}
	registry := schemas.New(db, time.Now)
	door := rest.New(registry, slog.New(slog.DiscardHandler))
	server := httptest.NewServer(wall(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "secret" && r.Header.Get("Authorization") != "Bearer secret" {
			rest.Refuse(w, http.StatusUnauthorized, "who is it?")
			return
		}
		door.ServeHTTP(w, r.WithContext(access.With(r.Context(), admin)))
	})))
	t.Cleanup(server.Close)
	return &other{t, registry, mirror.Registry{Registry: remote.Registry{URL: server.URL + rest.Prefix, User: "admin", Password: "secret"}}}
}

// read is a request's body, which is left to be read again.
func read(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return string(body)
}

// must asks by hand, and returns the answer.
func (o *other) must(ask string, bodies ...string) string {
	o.t.Helper()
	method, path, _ := strings.Cut(ask, " ")
	r, err := http.NewRequestWithContext(o.t.Context(), method, o.URL+path, strings.NewReader(strings.Join(bodies, "")))
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer secret")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 300 {
		o.t.Fatalf("%s: %d %s", ask, resp.StatusCode, text)
	}
	return strings.TrimSpace(string(text))
}

const (
	order = `{"schema":"{\"type\":\"record\",\"name\":\"Order\",\"namespace\":\"shop\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"}]}"`
	wider = `{"schema":"{\"type\":\"record\",\"name\":\"Order\",\"namespace\":\"shop\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},{\"name\":\"note\",\"type\":\"string\",\"default\":\"\"}]}"`
	list  = `{"schema":"{\"type\":\"array\",\"items\":\"shop.Order\"}","references":[{"name":"shop.Order","subject":"order","version":1}]`
)

// furnish registers what a registry in use has: contexts, references that sort
// before what they refer to, metadata, deletions, levels.
func (o *other) furnish() {
	o.must("POST /subjects/order/versions", order, "}")
	o.must("POST /subjects/order/versions", wider, "}")
	o.must("POST /subjects/all-orders/versions", list, "}")
	o.must("POST /subjects/order/versions", wider, `,"metadata":{"properties":{"team":"shop"}},"ruleSet":{"domainRules":[{"name":"r","kind":"CONDITION","expr":"x"}]}}`)
	o.must("POST /subjects/gone/versions", order, "}")
	o.must("POST /subjects/gone/versions", wider, "}")
	o.must("DELETE /subjects/gone/versions/1")
	o.must("POST /subjects/again/versions", wider, "}")
	o.must("DELETE /subjects/again")
	o.must("POST /subjects/again/versions", wider, "}")
	o.must("POST /subjects/number%20two%2F/versions", `{"schema":"\"long\""}`)
	o.must("DELETE /subjects/number%20two%2F")
	o.must("DELETE /subjects/number%20two%2F?permanent=true") // an id that is not given again
	o.must("POST /subjects/number%20two%2F/versions", `{"schema":"\"int\""}`)
	o.must("POST /subjects/left/versions", order, "}")
	o.must("POST /subjects/left-list/versions", `{"schema":"{\"type\":\"array\",\"items\":\"shop.Order\"}","references":[{"name":"shop.Order","subject":"left","version":1}]}`)
	o.must("DELETE /subjects/left-list") // and what it refers to then
	o.must("DELETE /subjects/left")
	o.must("POST /contexts/dev/subjects/order/versions", wider, "}")
	o.must("POST /contexts/dev/subjects/list/versions", list, "}")
	o.must("POST /subjects/json/versions", `{"schemaType":"JSON","schema":"{\n  \"type\": \"object\",\n  \"properties\": {\"a\": {\"type\": \"string\"}}\n}"}`)
	o.must("POST /subjects/proto/versions", `{"schemaType":"PROTOBUF","schema":"syntax = \"proto3\"; package shop;\nmessage Order { string id = 1; // which\n}"}`)
	o.must("PUT /config/order", `{"compatibility":"FULL","compatibilityGroup":"major"}`)
	o.must("PUT /config/:.dev:", `{"compatibility":"NONE"}`)
	o.must("PUT /config", `{"compatibility":"FORWARD"}`)
}

func acts(steps []mirror.Step) (out []string) {
	for _, s := range steps {
		out = append(out, strings.TrimSpace(string(s.Act)+" "+s.Subject+s.Failed))
	}
	return out
}

func follow(t *testing.T, m *mirror.Mirror) []mirror.Step {
	t.Helper()
	plan, err := m.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if plan, err = m.Apply(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	for _, s := range plan {
		if s.Failed != "" {
			t.Errorf("%s %s %d: %s", s.Act, s.Subject, s.Version, s.Failed)
		}
	}
	return plan
}

func settled(t *testing.T, m *mirror.Mirror) {
	t.Helper()
	left, err := m.Plan(t.Context())
	if err != nil || len(left) > 0 {
		t.Errorf("left are %v %v", acts(left), err)
	}
	asked, found, err := m.Compare(t.Context())
	if err != nil || len(found) > 0 || asked < 20 {
		t.Errorf("of %d answers differ %+v %v", asked, found, err)
	}
}

// What no other registry has is set on Lethe alone: following another one leaves
// it, and mirroring back does not bring it; one Lethe follows another in it.
func TestMirrorOfOurOwnSettings(t *testing.T) {
	t.Parallel()
	theirs, to := foreign(t), open(t)
	theirs.must("POST /subjects/shop.Order/versions", order, "}")
	theirs.must("POST /subjects/set/versions", order, "}")
	theirs.must("PUT /config/set", `{"compatibility":"FULL"}`)
	m := &mirror.Mirror{From: &theirs.Registry, To: &to.Registry, Force: true}
	follow(t, m)
	to.must("PUT /mode?force=true", `{"mode":"READWRITE"}`)
	to.must("PUT /config/shop.Order", `{"topics":["orders.v1"],"gate":"ENFORCE"}`)
	to.must("PUT /config/set", `{"gate":"ENFORCE"}`)
	to.must("PUT /config", `{"gate":"OFF"}`)
	if plan, err := m.Plan(t.Context()); err != nil || len(plan) > 0 {
		t.Errorf("to follow: %v %v", acts(plan), err)
	}
	m.Force = true
	theirs.must("DELETE /config/set")
	if got := acts(follow(t, m)); !slices.Equal(got, []string{"CONFIGURE set"}) {
		t.Errorf("followed by %q", got)
	}
	for at, want := range map[string]string{"set": `{"gate":"ENFORCE"}`, "shop.Order": `{"gate":"ENFORCE","topics":["orders.v1\u003cshop.Order\u003e"]}`} {
		if got := to.must("GET /config/" + at); got != want && got != strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(want) {
			t.Errorf("%s has %s, want %s", at, got, want)
		}
	}
	to.must("PUT /config/set", `{"compatibility":"NONE"}`)
	back := &mirror.Mirror{From: &to.Registry, To: &theirs.Registry, Force: true}
	if got := acts(follow(t, back)); !slices.Equal(got, []string{"CONFIGURE set"}) {
		t.Errorf("mirrored back by %q", got)
	}
	if _, found, err := back.Compare(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("answers differ: %+v %v", found, err)
	}
	second := open(t)
	follow(t, &mirror.Mirror{From: &to.Registry, To: &second.Registry})
	if got := second.must("GET /config/set"); got != `{"compatibilityLevel":"NONE","gate":"ENFORCE"}` {
		t.Errorf("another Lethe has %s", got)
	}
}

// What is copied answers as the other does, with the same ids; what changes
// there is followed; a dry run writes nothing.
func TestMirrorFollows(t *testing.T) {
	t.Parallel()
	from, to := open(t), open(t)
	from.furnish()
	m := &mirror.Mirror{From: &from.Registry, To: &to.Registry}
	plan, err := m.Plan(t.Context())
	if err != nil || len(plan) < 10 || to.must("GET /subjects?deleted=true") != "[]" || to.must("GET /mode") != `{"mode":"READWRITE"}` {
		t.Fatalf("a dry run: %v %v", acts(plan), err)
	}
	follow(t, m)
	settled(t, m)
	if got := to.must("GET /schemas/ids/2/versions"); !strings.Contains(got, `{"subject":"order","version":2}`) {
		t.Errorf("id 2 is %s", got)
	}

	from.must("PUT /config/order", `{"compatibility":"NONE","compatibilityGroup":null}`)
	from.must("POST /subjects/order/versions", `{"schema":"\"string\""}`)
	from.must("DELETE /subjects/all-orders")
	from.must("DELETE /config/order")
	if got := acts(follow(t, m)); !slices.Equal(got, []string{"TAKE order", "DELETE all-orders", "CONFIGURE order"}) {
		t.Errorf("followed by %q", got)
	}
	settled(t, m)

	// What is gone for good there stays here, unless that is asked for.
	from.must("DELETE /subjects/all-orders?permanent=true")
	if got := acts(follow(t, m)); !slices.Equal(got, []string{"SURPLUS all-orders"}) {
		t.Errorf("followed by %q", got)
	}
	m.Purge = true
	if got := acts(follow(t, m)); !slices.Equal(got, []string{"PURGE all-orders"}) {
		t.Errorf("followed by %q", got)
	}
	settled(t, m)
}

// What refers to another goes before it: one round deletes both.
func TestMirrorDeletesInOrder(t *testing.T) {
	t.Parallel()
	from, to := open(t), open(t)
	m := &mirror.Mirror{From: &from.Registry, To: &to.Registry}
	from.must("POST /subjects/order/versions", order, "}")
	from.must("POST /subjects/all-orders/versions", list, "}")
	follow(t, m)
	from.must("DELETE /subjects/all-orders")
	from.must("DELETE /subjects/order")
	if got := acts(follow(t, m)); !slices.Equal(got, []string{"DELETE all-orders", "DELETE order"}) {
		t.Errorf("followed by %q", got)
	}
}

// After the switch the other registry is written to, and mirrored back.
func TestMirrorSwitchesAndBack(t *testing.T) {
	t.Parallel()
	from, to := open(t), open(t)
	from.furnish()
	there := &mirror.Mirror{From: &from.Registry, To: &to.Registry}
	follow(t, there)
	from.must("POST /subjects/late/versions", order, "}") // between the last round and the switch
	if left, err := there.Switch(t.Context()); err != nil {
		t.Fatalf("%v %v", acts(left), err)
	}
	if from.must("GET /mode") != `{"mode":"READONLY"}` || to.must("GET /mode") != `{"mode":"READWRITE"}` {
		t.Error("the modes are others")
	}
	if got := to.must("POST /subjects/late/versions", wider, "}"); !strings.HasPrefix(got, `{"id":2,"version":2`) {
		t.Errorf("after the switch: %s", got)
	}
	made := to.must("POST /subjects/fresh/versions", `{"schema":"\"bytes\""}`)

	back := &mirror.Mirror{From: &to.Registry, To: &from.Registry}
	plan, err := back.Plan(t.Context())
	if err != nil || !slices.Equal(acts(plan), []string{"TAKE fresh", "TAKE late"}) {
		t.Fatalf("%v %v", acts(plan), err)
	}
	if _, err := back.Apply(t.Context(), plan); err == nil {
		t.Error("a registry in use was written to without force")
	}
	back.Force = true
	follow(t, back)
	settled(t, back)
	if got := from.must("GET /subjects/fresh/versions/1"); !strings.Contains(made, strings.Split(got, ",")[2][len(`"id":`):]) {
		t.Errorf("mirrored back: %s and %s", made, got)
	}
}

// The newest number can be given again while nobody looks, and a whole subject
// anew before a switch: neither is taken for what it was.
func TestMirrorOfNumbersGivenAgain(t *testing.T) {
	t.Parallel()
	from, to := open(t), open(t)
	from.must("PUT /config", `{"compatibility":"NONE"}`)
	texts := func(texts ...string) {
		for _, text := range texts {
			from.must("POST /subjects/a/versions", `{"schema":"\"`+text+`\""}`)
		}
	}
	texts("int", "long")
	m := &mirror.Mirror{From: &from.Registry, To: &to.Registry}
	follow(t, m)
	from.must("DELETE /subjects/a/versions/2")
	from.must("DELETE /subjects/a/versions/2?permanent=true")
	texts("string", "bytes")
	if plan, err := m.Plan(t.Context()); err != nil || !slices.Equal(acts(plan), []string{"TAKE a", "CONFLICT a"}) {
		t.Errorf("%q %v", acts(plan), err)
	}
	from.must("DELETE /subjects/a")
	from.must("DELETE /subjects/a?permanent=true")
	texts("float", "string", "bytes")
	if left, err := m.Switch(t.Context()); !errors.Is(err, mirror.ErrDiffers) || !slices.Contains(acts(left), "CONFLICT a") || left[0].Version != 1 {
		t.Errorf("%+v %v", left, err)
	}
}

// Two registries that gave one number to different schemas cannot be made one,
// and are not switched.
func TestMirrorTellsOfConflicts(t *testing.T) {
	t.Parallel()
	from, to := open(t), open(t)
	from.must("POST /subjects/a/versions", order, "}")
	from.must("POST /subjects/b/versions", `{"schema":"\"long\""}`)
	to.must("POST /subjects/a/versions", wider, "}")
	to.must("POST /subjects/c/versions", `{"schema":"\"int\""}`)
	m := &mirror.Mirror{From: &from.Registry, To: &to.Registry, Force: true}
	plan, err := m.Plan(t.Context())
	if err != nil || !slices.Equal(acts(plan), []string{"TAKE b", "CONFLICT a", "SURPLUS c"}) || plan[1].Why == "" {
		t.Fatalf("%v %v", acts(plan), err)
	}
	// The id is another schema's here: told, and the rest goes on.
	if plan, err = m.Apply(t.Context(), plan); err != nil || !strings.Contains(plan[0].Failed, "42207") {
		t.Errorf("%+v %v", plan, err)
	}
	if left, err := m.Switch(t.Context()); !errors.Is(err, mirror.ErrDiffers) || len(left) != 3 {
		t.Errorf("%v %v", acts(left), err)
	}
	if from.must("GET /mode") != `{"mode":"READWRITE"}` || to.must("GET /mode") != `{"mode":"IMPORT"}` {
		t.Error("a switch that failed left the mirrored registry closed")
	}
	if _, found, err := m.Compare(t.Context()); err != nil || len(found) == 0 {
		t.Errorf("%+v %v", found, err)
	}
}

// Of a part only that is compared: what else is there or here makes no
// difference.
func TestMirrorOfAPart(t *testing.T) {
	t.Parallel()
	from, to := open(t), open(t)
	from.must("POST /subjects/part.a/versions", order, "}")
	from.must("POST /subjects/b/versions", `{"schema":"\"long\""}`)
	from.must("PUT /config", `{"compatibility":"FULL"}`)
	m := &mirror.Mirror{From: &from.Registry, To: &to.Registry, Prefix: "part.", Force: true}
	if got := acts(follow(t, m)); !slices.Equal(got, []string{"TAKE part.a"}) {
		t.Errorf("%v", got)
	}
	if left, err := m.Plan(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("left are %v %v", acts(left), err)
	}
	asked, found, err := m.Compare(t.Context())
	if err != nil || asked < 5 || len(found) > 1 { // the level, which is above the part
		t.Errorf("of %d answers differ %+v %v", asked, found, err)
	}
	if len(found) == 1 && !strings.HasPrefix(found[0].Asked, "/config/part.a") {
		t.Errorf("differs %+v", found)
	}
}

// A registry that cannot be read is no empty one: nothing is deleted for it.
func TestMirrorOfARegistryThatRefuses(t *testing.T) {
	t.Parallel()
	from, to := open(t), open(t)
	to.must("POST /subjects/a/versions", order, "}")
	from.Password = "wrong"
	m := &mirror.Mirror{From: &from.Registry, To: &to.Registry, Purge: true}
	if plan, err := m.Plan(t.Context()); err == nil || plan != nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("%v %v", acts(plan), err)
	}
}

// A registry whose database is away answers as of a time. What came since would
// seem to be gone, so nothing is mirrored from it, and nothing to it.
func TestNothingIsMirroredWhileADatabaseIsAway(t *testing.T) {
	t.Parallel()
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Lethe-As-Of", "2026-11-26T12:00:00Z")
		_, _ = io.WriteString(w, "[]")
	}))
	defer old.Close()
	sound := open(t)
	sound.must("POST /subjects/order/versions", order, "}")
	behind := &mirror.Registry{Registry: remote.Registry{URL: old.URL}}
	for name, m := range map[string]*mirror.Mirror{"from it": {From: behind, To: &sound.Registry, Purge: true}, "to it": {From: &sound.Registry, To: behind}} {
		if plan, err := m.Plan(t.Context()); err == nil || !strings.Contains(err.Error(), "2026-11-26T12:00:00Z") || len(plan) > 0 {
			t.Errorf("%s: %v %v", name, acts(plan), err)
		}
	}
}

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
