package server

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
)

// Who was recognised once is recognised while the database is away, for as long
// as the process lives; whoever comes for the first time is not.
func TestPeopleAreKnownWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	now, away := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC), false
	asked := 0
	p := &people{now: func() time.Time { return now }, ensure: func(_ context.Context, _, subject, _ string) (uuid.UUID, error) {
		asked++
		if away {
			return uuid.Nil, context.DeadlineExceeded
		}
		return uuid.NewSHA1(uuid.Nil, []byte(subject)), nil
	}}
	principal := func(subject string) (uuid.UUID, error) {
		by, err := p.principal(t.Context(), claims{Issuer: "https://issuer.example", Subject: subject})
		return by.ID, err
	}
	first, err := principal("known")
	if err != nil {
		t.Fatal(err)
	}
	away = true
	for range 6 {
		now = now.Add(knownFor + time.Second)
		before := asked
		for range 3 {
			if id, err := principal("known"); err != nil || id != first {
				t.Errorf("%v, %v", id, err)
			}
		}
		if asked != before+1 {
			t.Errorf("the database was asked %d times at once", asked-before)
		}
	}
	if _, err := principal("stranger"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a stranger: %v", err)
	}
}

// Who has called another replica is recognised while the database is away, under
// whatever name; who was erased since is not.
func TestPeopleWhoCalledElsewhereAreKnown(t *testing.T) {
	t.Parallel()
	issuer, subject, id := "https://issuer.example", "ada", uuid.New()
	p := &people{now: time.Now, ensure: func(context.Context, string, string, string) (uuid.UUID, error) {
		return uuid.Nil, context.DeadlineExceeded
	}}
	ada := claims{Issuer: issuer, Subject: subject, Name: "Ada"}
	p.learn([]audit.Principal{{ID: id, Issuer: &issuer, Subject: &subject}})
	if by, err := p.principal(t.Context(), ada); err != nil || by.ID != id || by.Name != "Ada" {
		t.Errorf("%+v %v", by, err)
	}
	for _, who := range []claims{{Issuer: "https://other.example", Subject: subject}, {Issuer: issuer, Subject: "bob"}} {
		if by, err := p.principal(t.Context(), who); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v %v", by, err)
		}
	}
	p.learn(nil)
	ada.Name = "Ada King" // under the other name she called this one
	if by, err := p.principal(t.Context(), ada); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v %v", by, err)
	}
}

// A token that was verified is believed for a minute, and no longer than until
// it expires.
func TestTokensAreBelievedForAWhile(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		lifetime, after time.Duration
		believed        bool
	}{
		{time.Hour, 0, true}, {time.Hour, 59 * time.Second, true}, {time.Hour, time.Minute, false},
		{10 * time.Second, 9 * time.Second, true}, {10 * time.Second, 10 * time.Second, false},
	} {
		now := start
		b := &beliefs{now: func() time.Time { return now }}
		expiry := float64(start.Add(c.lifetime).Unix())
		b.put("token", access.Principal{Name: "x"}, claims{Expiry: &expiry})
		now = start.Add(c.after)
		if known := b.get("token"); (known != nil) != c.believed || known != nil && known.by.Name != "x" {
			t.Errorf("a token of %s, %s later: %v", c.lifetime, c.after, known)
		}
		if b.get("tokem") != nil {
			t.Error("another token is believed")
		}
	}
}
