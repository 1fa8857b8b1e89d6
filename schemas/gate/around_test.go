package gate_test

import (
	"slices"
	"testing"

	"github.com/flowmart/lethe/schemas/gate"
)

// What the catalog lacks for a schema; codes and defaults are those of
// catalog.md §13, verdicts by hand.
func TestAround(t *testing.T) {
	t.Parallel()
	days := func(n int) *int { return &n }
	id := fld("Order", "id", "string", "user.unique_id")
	email := fld("Order", "email", "string", "user.contact.email")
	health := fld("Order", "allergies", "string", "user.health_and_medical")
	whole := gate.Use{Purpose: "delivery", Basis: "CONTRACT"}
	good := gate.Around{Owned: true, Uses: []gate.Use{whole}, RetentionDays: days(30), TopicDays: days(7)}
	with := func(change func(*gate.Around)) gate.Around {
		a := good
		change(&a)
		return a
	}
	reader := func(purpose string, fields ...string) gate.Consumer {
		return gate.Consumer{Service: "billing", Purposes: []string{purpose}, Fields: fields, Told: fields != nil}
	}
	for _, c := range []struct {
		name     string
		around   gate.Around
		old, now []gate.Field
		verdict  gate.Verdict
		want     []string
	}{
		{"all is said", good, nil, []gate.Field{id, email}, gate.Pass, nil},
		{"nobody answers for it", with(func(a *gate.Around) { a.Owned = false }), nil, []gate.Field{fld("P", "sku", "string")}, gate.Fail, []string{"CG003"}},
		{"no purpose", with(func(a *gate.Around) { a.Uses = nil }), nil, []gate.Field{id, email}, gate.Fail, []string{"CG020"}},
		{"no purpose, and nothing personal", with(func(a *gate.Around) { a.Uses, a.RetentionDays = nil, nil }), nil, []gate.Field{fld("P", "sku", "string")}, gate.Pass, nil},
		{"a purpose of one field", with(func(a *gate.Around) { a.Uses = []gate.Use{{Path: "id", Purpose: "delivery"}} }), nil, []gate.Field{id, email}, gate.Fail, []string{"CG020 email"}},
		{"a purpose of what it lies in", with(func(a *gate.Around) {
			a.Uses = []gate.Use{{Path: "to", Purpose: "delivery"}, {Path: "id", Purpose: "x"}}
		}), nil,
			[]gate.Field{id, fld("Order", "to", "record"), fld("Address", "to.city", "string", "user.contact.address.city")}, gate.Pass, nil},
		{"a special category on a contract", good, nil, []gate.Field{id, health}, gate.Fail, []string{"CG022 allergies"}},
		{"a special category with consent", with(func(a *gate.Around) { a.Uses = []gate.Use{whole, {Purpose: "care", Basis: "CONSENT"}} }), nil, []gate.Field{id, health}, gate.Pass, nil},
		{"no retention", with(func(a *gate.Around) { a.RetentionDays = nil }), nil, []gate.Field{id}, gate.Fail, []string{"CG040"}},
		{"kept longer than the policy", with(func(a *gate.Around) { a.TopicDays = days(31) }), nil, []gate.Field{id}, gate.Warning, []string{"CG040 advice"}},
		{"kept for ever", with(func(a *gate.Around) { a.TopicDays = days(-1) }), nil, []gate.Field{id}, gate.Fail, []string{"CG041"}},
		{"compacted", with(func(a *gate.Around) { a.Compacted = true }), nil, []gate.Field{id}, gate.Fail, []string{"CG041"}},
		{"compacted, and shredded", with(func(a *gate.Around) { a.Compacted, a.Shreds = true, true }), nil, []gate.Field{id}, gate.Pass, nil},
		{"new personal data for somebody's other purpose", with(func(a *gate.Around) { a.Consumers = []gate.Consumer{reader("advertising")} }), []gate.Field{id}, []gate.Field{id, email}, gate.Fail, []string{"CG021 email"}},
		{"for somebody's purpose", with(func(a *gate.Around) { a.Consumers = []gate.Consumer{reader("delivery")} }), []gate.Field{id}, []gate.Field{id, email}, gate.Pass, nil},
		{"who does not read it", with(func(a *gate.Around) {
			a.Consumers = []gate.Consumer{reader("advertising", "id"), reader("delivery", "email")}
		}), []gate.Field{id}, []gate.Field{id, email}, gate.Pass, nil},
		{"that was there before", with(func(a *gate.Around) { a.Consumers = []gate.Consumer{reader("advertising")} }), []gate.Field{id, email}, []gate.Field{id, email, fld("Order", "sku", "string")}, gate.Pass, nil},
		{"nobody needs it", with(func(a *gate.Around) { a.Consumers = []gate.Consumer{reader("delivery", "id")} }), []gate.Field{id, email}, []gate.Field{email, id, fld("Order", "sku", "string")}, gate.Warning, []string{"CG023 email advice"}},
		{"somebody may need it", with(func(a *gate.Around) { a.Consumers = []gate.Consumer{reader("delivery", "id"), reader("delivery")} }), nil, []gate.Field{id, email}, gate.Pass, nil},
		{"a read of what is not there", with(func(a *gate.Around) { a.Consumers = []gate.Consumer{reader("delivery", "id", "emial", "email")} }), nil, []gate.Field{id, email}, gate.Warning, []string{"CG051 advice"}},
		{"a read of what was there", with(func(a *gate.Around) { a.Consumers = []gate.Consumer{reader("delivery", "id", "email")} }), []gate.Field{id, email}, []gate.Field{id}, gate.Pass, nil},
		{"new to the catalog", gate.Around{New: true}, nil, []gate.Field{id, email}, gate.Warning, []string{"CG020 advice"}},
		{"new to the catalog, and nothing personal", gate.Around{New: true}, nil, []gate.Field{fld("P", "sku", "string")}, gate.Pass, nil},
		{"what was so before, untouched", gate.Around{}, []gate.Field{id, email}, []gate.Field{id, email}, gate.Pass, []string{"(CG003)", "(CG020)", "(CG040)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			around := c.around
			r := gate.Check(gate.Change{Old: c.old, New: c.now, Policy: gate.Enforce, Around: []gate.Around{around}})
			if got := said(r.Findings); r.Verdict != c.verdict || !slices.Equal(got, c.want) && len(got)+len(c.want) > 0 {
				t.Errorf("%s %q, want %s %q", r.Verdict, got, c.verdict, c.want)
			}
			for _, f := range r.Findings {
				if f.Message == "" || f.Mend == "" {
					t.Errorf("%+v does not say what is amiss and what to do", f)
				}
			}
		})
	}
}
