package catalog_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"filippo.io/age"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/fault"
)

func newKey(t *testing.T, id string) catalog.ServiceKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return catalog.ServiceKey{ID: id, PublicKey: public}
}

func (b *bench) answer(t *testing.T, s catalog.Service, keys ...catalog.ServiceKey) (catalog.Service, error) {
	t.Helper()
	ch := must(b.BeginChallenge(t.Context(), b.steward, s.ID))(t)
	return b.CompleteChallenge(t.Context(), b.steward, s.ID, catalog.Answer{Nonce: ch.Nonce, Keys: keys})
}

func (b *bench) keys(t *testing.T) (ids string) {
	t.Helper()
	for _, k := range must(catalog.ServiceKeys(t.Context(), b.db, b.service.ID))(t) {
		ids += k.ID + " "
	}
	return ids
}

// A service's whole way: declared, challenged, active, two keys at a time, one
// revoked, moved, disabled, and active again.
func TestChallenge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	if b.service.State != catalog.Declared {
		t.Fatalf("a new service is %s", b.service.State)
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	ch := must(b.BeginChallenge(ctx, b.steward, b.service.ID))(t)
	if ch.Endpoint != "http://127.0.0.1:9001" || len(ch.Nonce) != 43 {
		t.Errorf("challenge %+v", ch)
	}
	k1, k2 := newKey(t, "k1"), newKey(t, "k2")
	s := must(b.CompleteChallenge(ctx, b.steward, b.service.ID, catalog.Answer{Nonce: ch.Nonce, Keys: []catalog.ServiceKey{k1}, Recipient: identity.Recipient().String()}))(t)
	if s.State != catalog.Active || s.Recipient == nil || *s.Recipient != identity.Recipient().String() || b.keys(t) != "k1 " {
		t.Fatalf("answered: %+v with keys %s", s, b.keys(t))
	}
	if _, err := b.CompleteChallenge(ctx, b.steward, b.service.ID, catalog.Answer{Nonce: ch.Nonce, Keys: []catalog.ServiceKey{k2}}); told(err) != ":NO_CHALLENGE" {
		t.Errorf("a challenge answered twice: %v", err)
	}
	s = must(b.answer(t, s, k2))(t)
	if b.keys(t) != "k2 k1 " {
		t.Errorf("after a change of keys both are good for a day, got %s", b.keys(t))
	}
	if err := b.RevokeKey(ctx, b.steward, s.ID, "k1"); err != nil || b.keys(t) != "k2 " {
		t.Errorf("revoked: %v, keys %s", err, b.keys(t))
	}
	if _, err := b.answer(t, s, k1); told(err) != "keys:KEY_ID_TAKEN" {
		t.Errorf("a revoked key came back: %v", err)
	}
	if _, err := b.answer(t, s, newKey(t, "k2")); told(err) != "keys:KEY_ID_TAKEN" {
		t.Errorf("another key under a known id: %v", err)
	}
	moved := s
	moved.Endpoint = ptr("http://127.0.0.1:9002")
	s = must(b.UpdateService(ctx, b.steward, moved))(t)
	if s.State != catalog.Declared {
		t.Error("a new endpoint must answer a challenge")
	}
	s = must(b.answer(t, s, k2))(t)
	s = must(b.DisableService(ctx, b.steward, s.ID, s.Rev))(t)
	if s.State != catalog.Disabled {
		t.Errorf("disabled: %s", s.State)
	}
	if s = must(b.answer(t, s, k2))(t); s.State != catalog.Active {
		t.Errorf("after a new challenge: %s", s.State)
	}
}

func TestChallengeRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	other := must(b.RegisterService(ctx, b.steward, b.aService("orders")))(t)
	stolen := newKey(t, "k1")
	must(b.answer(t, other, stolen))(t)
	complete := func(amend func(*catalog.Answer)) error {
		ch := must(b.BeginChallenge(ctx, b.steward, b.service.ID))(t)
		answer := catalog.Answer{Nonce: ch.Nonce, Keys: []catalog.ServiceKey{newKey(t, "k1")}}
		amend(&answer)
		_, err := b.CompleteChallenge(ctx, b.steward, b.service.ID, answer)
		return err
	}
	one := newKey(t, "k1")
	for want, amend := range map[string]func(*catalog.Answer){
		":CHALLENGE_FAILED":       func(a *catalog.Answer) { a.Nonce = "guessed" },
		"keys:OUT_OF_RANGE":       func(a *catalog.Answer) { a.Keys = nil },
		"keys:BAD_KEY_ID":         func(a *catalog.Answer) { a.Keys[0].ID = "a b" },
		"keys:BAD_KEY":            func(a *catalog.Answer) { a.Keys[0].PublicKey = bytes.Repeat([]byte{1}, 31) },
		"keys:TWICE":              func(a *catalog.Answer) { a.Keys = []catalog.ServiceKey{one, one} },
		"keys:KEY_TAKEN":          func(a *catalog.Answer) { a.Keys = []catalog.ServiceKey{{ID: "mine", PublicKey: stolen.PublicKey}} },
		"recipient:BAD_RECIPIENT": func(a *catalog.Answer) { a.Recipient = "age1x" },
	} {
		if err := complete(amend); told(err) != want {
			t.Errorf("told %q, want %q", told(err), want)
		}
	}
	// The identity element, all zero, verifies anything in careless libraries.
	for _, weak := range [][]byte{make([]byte, 32), append([]byte{1}, make([]byte, 31)...)} {
		if err := complete(func(a *catalog.Answer) { a.Keys[0].PublicKey = weak }); told(err) != "keys:BAD_KEY" {
			t.Errorf("weak key: %v", err)
		}
	}
	if b.keys(t) != "" {
		t.Errorf("keys were registered: %s", b.keys(t))
	}
	b.lapse(t)
	if err := complete(func(*catalog.Answer) { b.lapse(t) }); told(err) != ":NO_CHALLENGE" {
		t.Errorf("an answer after the challenge ended: %v", err)
	}
	bare := b.aService("bare")
	bare.Endpoint = nil
	bare = must(b.RegisterService(ctx, b.steward, bare))(t)
	if _, err := b.BeginChallenge(ctx, b.steward, bare.ID); told(err) != ":NO_ENDPOINT" {
		t.Errorf("a service without endpoint: %v", err)
	}
}

// lapse lets every open challenge end, as ten minutes would.
func (b *bench) lapse(t *testing.T) {
	t.Helper()
	if _, err := b.db.Exec(t.Context(), `UPDATE catalog_service_challenge SET expires_at = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
}

// Two acts at one revision: one wins, the other is told.
func TestRevisionsRace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	results := make(chan error, 8)
	for i := range cap(results) {
		go func() {
			s := b.service
			s.Doc = string(rune('a' + i))
			_, err := b.UpdateService(t.Context(), b.steward, s)
			results <- err
		}()
	}
	won := 0
	for range cap(results) {
		err := <-results
		if err == nil {
			won++
		} else if fault.KindOf(err) != fault.Conflict {
			t.Errorf("a loser was told %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of 8 acts at one revision won", won)
	}
}

// Keys are rotated of a service in use, and of no other: to bring one into use
// is another act.
func TestRotationNeedsAnActiveService(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	refused := func(state string) {
		t.Helper()
		if _, err := b.BeginRotation(ctx, b.steward, b.service.ID); told(err) != ":NOT_ACTIVE" || b.count(t, "catalog_service_challenge") != 0 {
			t.Errorf("%s: %v", state, err)
		}
	}
	refused("declared")
	s := must(b.answer(t, b.service, newKey(t, "k1")))(t)
	if _, err := b.BeginRotation(ctx, b.other, s.ID); fault.KindOf(err) != fault.Denied {
		t.Errorf("another team's steward: %v", err)
	}
	ch := must(b.BeginRotation(ctx, b.steward, s.ID))(t)
	s = must(b.CompleteChallenge(ctx, b.steward, s.ID, catalog.Answer{Nonce: ch.Nonce, Keys: []catalog.ServiceKey{newKey(t, "k2")}}))(t)
	if s.State != catalog.Active || b.keys(t) != "k2 k1 " {
		t.Errorf("rotated: %s with keys %s", s.State, b.keys(t))
	}
	must(b.DisableService(ctx, b.steward, s.ID, s.Rev))(t)
	refused("disabled")
}

// Who disables a service while its challenge is open keeps it disabled: the
// answer comes too late.
func TestDisablingEndsTheChallenge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	s := must(b.answer(t, b.service, newKey(t, "k1")))(t)
	ch := must(b.BeginChallenge(ctx, b.steward, s.ID))(t)
	must(b.DisableService(ctx, b.steward, s.ID, s.Rev))(t)
	_, err := b.CompleteChallenge(ctx, b.steward, s.ID, catalog.Answer{Nonce: ch.Nonce, Keys: []catalog.ServiceKey{newKey(t, "k2")}})
	if told(err) != ":NO_CHALLENGE" {
		t.Errorf("a late answer: %v", err)
	}
	if now := must(catalog.ServiceByRef(ctx, b.db, s.Ref))(t); now.State != catalog.Disabled || b.keys(t) != "k1 " {
		t.Errorf("the service is %s with keys %s", now.State, b.keys(t))
	}
}
