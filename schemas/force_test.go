package schemas_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
)

// forced is how many registrations the log says took force.
func (b *bench) forced(t testing.TB) int {
	t.Helper()
	const q = `SELECT count(*) FROM audit_entry WHERE act = 'schema.registered' AND amounts->>'forced' = '1'`
	return must(postgres.Scalar[int](t.Context(), b.db, q))(t)
}

// Force stands for the level NONE, once: it is for who may set that, passes what
// the level alone refuses, and nothing else.
func TestForceIsTheLevelNoneOnce(t *testing.T) {
	t.Parallel()
	const reserve = `{"properties":{"confluent:reserved":"b"}}`
	set := func(subject, member, value string) func(*bench, *testing.T) {
		return func(b *bench, t *testing.T) {
			must(b.SetConfig(t.Context(), b.admin, subject, schemas.Patch{member: []byte(value)}))(t)
		}
	}
	mode := func(mode schemas.Mode) func(*bench, *testing.T) {
		return func(b *bench, t *testing.T) {
			must(0, b.SetMode(t.Context(), b.admin, "orders-value", mode, true))(t)
		}
	}
	elsewhere := access.Principal{Roles: []access.Role{access.Steward}, Teams: []string{"finance"}}
	breaking, fits := schemas.Submission{Text: record("a", "b")}, schemas.Submission{Text: record("a", "b?")}
	for _, c := range []struct {
		name   string
		before func(*bench, *testing.T)
		by     func(*bench) access.Principal
		s      schemas.Submission
		code   string // of the refusal
		forced int
	}{
		{"a steward of the team", nil, func(b *bench) access.Principal { return b.team }, breaking, "", 1},
		{"an admin", nil, func(b *bench) access.Principal { return b.admin }, breaking, "", 1},
		{"of another type", nil, func(b *bench) access.Principal { return b.admin }, schemas.Submission{Type: "JSON", Text: "{}"}, "", 1},
		{"a pipeline", nil, func(b *bench) access.Principal { return b.orders }, breaking, "SCHEMA_INCOMPATIBLE", 0},
		{"a steward of another team", nil, func(b *bench) access.Principal { return principal(t, b.db, elsewhere) }, breaking, "NOT_OWNER", 0},
		{"a viewer", nil, func(b *bench) access.Principal { return b.viewer }, breaking, "ROLE_REQUIRED", 0},
		{"what fits, by a pipeline", nil, func(b *bench) access.Principal { return b.orders }, fits, "", 0},
		{"what fits, by an admin", nil, func(b *bench) access.Principal { return b.admin }, fits, "", 0},
		{"what is there", nil, func(b *bench) access.Principal { return b.admin }, schemas.Submission{Text: record("a")}, "", 0},
		{"under NONE", set("orders-value", "compatibility", `"NONE"`), func(b *bench) access.Principal { return b.admin }, breaking, "", 0},
		{"read-only", mode(schemas.ReadOnly), func(b *bench) access.Principal { return b.admin }, breaking, "MODE_FORBIDS", 0},
		{"an import", mode(schemas.Import), func(b *bench) access.Principal { return b.admin }, schemas.Submission{Text: record("a", "b"), ID: 7}, "", 0},
		{"an import without an id", mode(schemas.Import), func(b *bench) access.Principal { return b.admin }, breaking, "MODE_FORBIDS", 0},
		{"what is reserved", func(b *bench, t *testing.T) {
			set("orders-value", "validateFields", "true")(b, t)
			set("orders-value", "defaultMetadata", reserve)(b, t)
		}, func(b *bench) access.Principal { return b.admin }, breaking, "SCHEMA_INCOMPATIBLE", 0},
		{"personal data that nobody classified", func(b *bench, t *testing.T) { b.policy(t, "orders-value", gate.Enforce) },
			func(b *bench) access.Principal { return b.admin }, schemas.Submission{Text: record("a", "email")}, "GATE_FAILED", 0},
		{"nothing personal, enforced", func(b *bench, t *testing.T) { b.policy(t, "orders-value", gate.Enforce) },
			func(b *bench) access.Principal { return b.admin }, breaking, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.put(t, b.orders, "orders-value", record("a"))
			if c.before != nil {
				c.before(b, t)
			}
			c.s.Subject, c.s.Force = "orders-value", true
			_, err := b.Register(t.Context(), c.by(b), c.s)
			wants(t, err, c.code)
			if n := b.forced(t); n != c.forced {
				t.Errorf("the log says force of %d, want %d", n, c.forced)
			}
			if l := must(b.Level(t.Context(), b.viewer, "orders-value"))(t); c.forced == 1 && l != schemas.Backward {
				t.Errorf("the level is %s now", l)
			}
		})
	}
}

// Who asks for force in vain is told whom it is for, and of the other way. With
// what the level asks of every version, what was forced is asked of later ones.
func TestForceInVain(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	must(0, b.SetLevel(ctx, b.admin, "orders-value", schemas.BackwardTransitive))(t)
	b.put(t, b.orders, "orders-value", record("a"))
	change := schemas.Submission{Subject: "orders-value", Text: record("a", "b"), Force: true}
	_, err := b.Register(ctx, b.orders, change)
	for _, word := range []string{"against version 1, b", "force=true", "steward of the owning team", "lethe schema approve"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in %v", word, err)
		}
	}
	must(b.Register(ctx, b.team, change))(t)
	_, err = b.Register(ctx, b.orders, schemas.Submission{Subject: "orders-value", Text: record("a", "b", "c?")})
	wants(t, err, "SCHEMA_INCOMPATIBLE")
	if strings.Contains(err.Error(), "force=true") {
		t.Errorf("nobody asked for force: %v", err)
	}
}

// Force does not pass what the gate enforces: whom a change hurts agrees to it as
// under any level, and then no force is needed.
func TestForceHurtsNobody(t *testing.T) {
	t.Parallel()
	m, ctx := newMarket(t), t.Context()
	m.put(t, m.orders, "orders-value", record("id", "total"))
	m.reads(t, "", record("id", "total"))
	m.policy(t, "orders-value", gate.Enforce)
	change := schemas.Submission{Subject: "orders-value", Text: record("id", "amount"), Force: true}
	_, err := m.Register(ctx, m.admin, change)
	wants(t, err, "GATE_FAILED")
	if !strings.Contains(err.Error(), "CG004") || !strings.Contains(err.Error(), "billing (team money)") || strings.Contains(err.Error(), "CG002") {
		t.Errorf("%v", err)
	}
	must(m.Approve(ctx, m.money, change, "we read amount from May on", time.Now().Add(time.Hour)))(t)
	must(m.Register(ctx, m.admin, change))(t)
	if n := m.forced(t); n != 0 {
		t.Errorf("the log says force of %d", n)
	}
}
