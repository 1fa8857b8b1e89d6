package schemas_test

import (
	"fmt"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas"
)

func TestWhoMaySetModesAndSettings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	set := func(by access.Principal, subject string, mode schemas.Mode, code string) {
		t.Helper()
		wants(t, b.SetMode(ctx, by, subject, mode, false), code)
	}
	set(access.Principal{}, "orders-value", schemas.ReadOnly, "UNAUTHENTICATED")
	set(b.viewer, "orders-value", schemas.ReadOnly, "ROLE_REQUIRED")
	set(b.orders, "orders-value", schemas.ReadOnly, "ROLE_REQUIRED")
	set(b.team, "orders-value", schemas.ReadOnly, "")
	set(b.team, "orders-value", schemas.Import, "ROLE_REQUIRED")
	set(b.team, "", schemas.ReadOnly, "ROLE_REQUIRED")
	set(b.team, ":.other:", schemas.ReadOnly, "ROLE_REQUIRED")
	set(b.admin, ":.other:", schemas.ReadOnly, "")
	elsewhere := principal(t, b.db, access.Principal{Roles: []access.Role{access.Steward}, Teams: []string{"finance"}})
	set(elsewhere, "orders-value", schemas.ReadWrite, "NOT_OWNER")
	_, err := b.DeleteMode(ctx, elsewhere, "orders-value", false)
	wants(t, err, "NOT_OWNER")
	_, err = b.DeleteMode(ctx, b.orders, "orders-value", false)
	wants(t, err, "ROLE_REQUIRED")
	_, err = b.DeleteConfig(ctx, b.team, "")
	wants(t, err, "ROLE_REQUIRED")
	_, err = b.SetConfig(ctx, elsewhere, "orders-value", schemas.Patch{"normalize": []byte("true")})
	wants(t, err, "NOT_OWNER")
	if m := must(b.DeleteMode(ctx, b.team, "orders-value", false))(t); m != schemas.ReadOnly {
		t.Errorf("it was %s", m)
	}
	const q = `SELECT count(*) FROM audit_entry WHERE act = 'schema.mode_set'`
	if n := must(postgres.Scalar[int64](ctx, b.db, q))(t); n != 3 {
		t.Errorf("%d records", n)
	}
}

// A subject's own level counts before its context's, that before the one of
// ".", and that before the one of every context.
func TestWhatALevelInherits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	levels := []struct {
		at   string
		set  schemas.Level
		then schemas.Level // of ":.dev:a"
	}{
		{":.__GLOBAL:", schemas.Forward, schemas.Forward},
		{"", schemas.Full, schemas.Full},
		{":.dev:", schemas.None, schemas.None},
		{":.dev:a", schemas.ForwardTransitive, schemas.ForwardTransitive},
	}
	for _, l := range levels {
		if err := b.SetLevel(t.Context(), b.admin, l.at, l.set); err != nil {
			t.Fatal(err)
		}
		if got := must(b.Level(t.Context(), b.viewer, ":.dev:a"))(t); got != l.then {
			t.Errorf("after %s at %q: %s", l.set, l.at, got)
		}
	}
	if got := must(b.Level(t.Context(), b.viewer, ":.test:a"))(t); got != schemas.Full {
		t.Errorf("in a context that sets nothing: %s", got)
	}
}

// Nothing is above ":.__GLOBAL:", neither when it is read nor when it is
// changed: what is set at "." holds in it as little as in another context.
func TestNothingIsAboveTheLevelOfAll(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	must(0, b.SetLevel(ctx, b.admin, "", schemas.Full))(t)
	must(0, b.SetMode(ctx, b.admin, "", schemas.ReadOnly, false))(t)
	if got := must(b.Level(ctx, b.viewer, ":.__GLOBAL:"))(t); got != schemas.Backward {
		t.Errorf("the level is %s", got)
	}
	if got := must(b.Mode(ctx, b.viewer, ":.__GLOBAL:"))(t); got != schemas.ReadWrite {
		t.Errorf("the mode is %s", got)
	}
	if err := b.SetLevel(ctx, b.admin, ":.__GLOBAL:", schemas.None); err != nil {
		t.Errorf("setting it: %v", err)
	}
	if got := must(b.Level(ctx, b.viewer, ":.dev:a"))(t); got != schemas.Full {
		t.Errorf("the level below is %s", got)
	}
}

// Whoever closes the registry and whoever registers come one after the other:
// after the closing was answered, nothing is registered any more.
func TestRegisteringAgainstClosing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	for round := range 10 {
		subject := fmt.Sprintf("s-%d", round)
		var after int64
		errs := together(5, func(i int) error {
			if i < 4 {
				_, err := b.Register(ctx, b.other, schemas.Submission{Subject: fmt.Sprintf("%s-%d", subject, i), Text: record("id")})
				return err
			}
			err := b.SetMode(ctx, b.admin, "", schemas.ReadOnly, false)
			const q = `SELECT count(*) FROM schemas_version`
			after, _ = postgres.Scalar[int64](ctx, b.db, q)
			return err
		})
		wants(t, errs[4], "")
		for _, err := range errs[:4] {
			if err != nil {
				wants(t, err, "MODE_FORBIDS")
			}
		}
		const q = `SELECT count(*) FROM schemas_version`
		if n := must(postgres.Scalar[int64](ctx, b.db, q))(t); n != after {
			t.Fatalf("round %d: %d versions, and %d when it was closed", round, n, after)
		}
		if err := b.SetMode(ctx, b.admin, "", schemas.ReadWrite, false); err != nil {
			t.Fatal(err)
		}
	}
}

// Messages written with an id outlive its deletion for good: an import may
// bring it back for what it stood for, and for nothing else.
func TestImportBringsNoOtherSchemaUnderAnEndedID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	if err := b.SetMode(ctx, b.admin, "", schemas.Import, false); err != nil {
		t.Fatal(err)
	}
	bring := func(text string) error {
		_, err := b.Register(ctx, b.admin, schemas.Submission{Subject: "orders-value", Text: text, ID: 7})
		return err
	}
	wants(t, bring(`"string"`), "")
	for _, permanent := range []bool{false, true} {
		must(b.DeleteSubject(ctx, b.admin, "orders-value", permanent))(t)
	}
	wants(t, bring(`"long"`), "ID_TAKEN")
	wants(t, bring(`"string"`), "")
	if s := must(b.ByID(ctx, b.admin, 7, ""))(t); s.Text != `"string"` {
		t.Errorf("7 is %s", s.Text)
	}
}
