package mirror_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/schemas/mirror"
	"github.com/flowmart/lethe/schemas/remote"
)

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

// A registry that makes up further subjects is not asked for ever.
func TestEndlessList(t *testing.T) {
	t.Parallel()
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		names := make([]string, 510_000)
		for i := range names {
			n++
			names[i] = strconv.Itoa(n)
		}
		_ = json.NewEncoder(w).Encode(names)
	}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m := mirror.Mirror{From: &mirror.Registry{Registry: remote.Registry{URL: server.URL}}, To: &mirror.Registry{Registry: remote.Registry{URL: server.URL}}}
	if _, err := m.Plan(ctx); err == nil || !strings.Contains(err.Error(), "more than 1000000 subjects") {
		t.Error(err)
	}
}
