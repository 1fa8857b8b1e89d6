package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowmart/lethe/catalog/apikey"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// A key is believed for half a minute, asked for by one request at a time, and
// believed on while the database is away; whoever was revoked opens nothing
// half a minute later.
func TestAKeyIsRememberedForAWhile(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Now()}
	asked := 0
	var answer error
	by := access.Principal{ID: uuid.New(), Roles: []access.Role{access.Service}, Service: "orders"}
	until := c.now().Add(24 * time.Hour)
	h := &holders{now: c.now, outside: errKeyScope, of: func(context.Context, string) (access.Principal, time.Time, error) {
		asked++
		return by, until, answer
	}}
	try := func(path string) error {
		st, err := h.standing(t.Context(), path, "lethe_x")
		if err == nil && (st.by.Service != "orders" || st.left <= 0) {
			t.Errorf("it stands for %+v, %s", st.by, st.left)
		}
		return err
	}
	wants := func(err error, code string, asks int) {
		t.Helper()
		got := ""
		if all := fault.All(err); len(all) > 0 {
			got = all[0].Code
		}
		if got != code || asked != asks || code == "" && err != nil {
			t.Errorf("%v, asked %d times; want %q after %d", err, asked, code, asks)
		}
	}
	wants(try("/graphql"), "API_KEY_SCOPE", 0)
	wants(try("/registry/subjects"), "", 1)
	wants(try("/registry/subjects"), "", 1)
	c.pass(heldFor)
	wants(try("/api/v1/schemas/check"), "", 2)

	answer = &pgconn.ConnectError{}
	for range 3 {
		c.pass(heldAway / 4)
		if err := try("/registry/subjects"); err != nil {
			t.Errorf("away for less than %s: %v", heldAway, err)
		}
	}
	before := asked
	if try("/registry/subjects"); asked != before {
		t.Error("an absent database is asked by every request")
	}
	// A caller who goes away while the database hangs takes nobody's key along.
	answer = context.Canceled
	c.pass(heldFor)
	if err := try("/registry/subjects"); !errors.Is(err, answer) {
		t.Errorf("a caller who went away: %v", err)
	}
	if err := try("/registry/subjects"); err != nil {
		t.Errorf("the next: %v", err)
	}
	answer = &pgconn.ConnectError{}
	c.pass(heldAway / 4)
	if err := try("/registry/subjects"); !errors.Is(err, answer) {
		t.Errorf("away for %s: %v", heldAway, err)
	}

	answer = nil
	before = asked
	wants(try("/registry/subjects"), "", before+1)
	answer = fault.New(fault.Unknown, "API_KEY_INVALID", "revoked")
	c.pass(heldFor)
	wants(try("/registry/subjects"), "API_KEY_INVALID", before+2)
	wants(try("/registry/subjects"), "API_KEY_INVALID", before+3)

	answer = nil
	wants(try("/registry/subjects"), "", before+4)
	c.pass(25 * time.Hour)
	if _, err := h.standing(t.Context(), "/registry/subjects", "lethe_x"); !errors.Is(err, errExpired) {
		t.Errorf("past its end: %v", err)
	}
}

// A key comes as a password or as a bearer token, whatever the user's name.
func TestAKeyIsAPassword(t *testing.T) {
	t.Parallel()
	b := &bearer{keys: &holders{now: time.Now, of: func(_ context.Context, secret string) (access.Principal, time.Time, error) {
		if secret != "lethe_right" {
			return access.Principal{}, time.Time{}, fault.New(fault.Unknown, "API_KEY_INVALID", "no")
		}
		return access.Principal{ID: uuid.New()}, time.Now().Add(time.Hour), nil
	}}}
	request := func(set func(*http.Request)) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/registry/subjects", nil)
		set(r)
		return r
	}
	for name, r := range map[string]*http.Request{
		"a password":     request(func(r *http.Request) { r.SetBasicAuth("anything", "lethe_right") }),
		"a bearer token": request(func(r *http.Request) { r.Header.Set("Authorization", "Bearer lethe_right") }),
	} {
		if st, err := b.standing(r); err != nil || st.by.ID == uuid.Nil {
			t.Errorf("%s: %+v %v", name, st, err)
		}
	}
	if _, err := b.standing(request(func(r *http.Request) { r.SetBasicAuth("lethe_right", "lethe_wrong") })); err == nil {
		t.Error("a user's name is no key")
	}
}

// A key that has never come here, or not for days, is recognised while the
// database is away; it ends when it ends, and is asked for again in time.
func TestKeysThatHaveYetToComeAreKnown(t *testing.T) {
	t.Parallel()
	c, asked := &clock{at: time.Now()}, 0
	h := &holders{now: c.now, of: func(context.Context, string) (access.Principal, time.Time, error) {
		asked++
		return access.Principal{}, time.Time{}, &pgconn.ConnectError{}
	}}
	h.learn([]apikey.Holder{{Hash: sha256.Sum256([]byte("lethe_x")), By: access.Principal{ID: uuid.New(), Service: "orders"}, Until: c.now().Add(time.Hour)}}, c.now())
	for _, after := range []time.Duration{0, heldFor, 50 * time.Minute} {
		c.pass(after)
		if st, err := h.standing(t.Context(), "/registry/subjects", "lethe_x"); err != nil || st.by.Service != "orders" {
			t.Errorf("after %s: %+v %v", after, st, err)
		}
	}
	if asked != 2 {
		t.Errorf("the database was asked %d times", asked)
	}
	c.pass(10 * time.Minute)
	if _, err := h.standing(t.Context(), "/registry/subjects", "lethe_x"); !errors.Is(err, errExpired) {
		t.Errorf("past its end: %v", err)
	}
	if _, err := h.standing(t.Context(), "/registry/subjects", "lethe_y"); !postgres.Away(err) {
		t.Errorf("another: %v", err)
	}
}
