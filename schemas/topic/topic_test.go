package topic_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/topic"
)

// Each topic says which part of its records a subject describes, or it follows
// from the subject's name.
func TestTopicsSpelled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		subject  string
		declared string
		want     string // what is kept; or the code of the fault
	}{
		{"shop.Order", "orders", "orders<shop.Order>"},
		{"shop.Order", "b a b", "a<shop.Order> b<shop.Order>"},
		{"shop.Order", "orders#value", "orders#value"},
		{"Order", "orders<Order>", "orders<Order>"},
		{"Order", "orders", "orders#value"},
		{"orders.v1", "orders.v1", "orders.v1#value"}, // called after the topic itself
		{"orders-schema", "orders", "orders#value"},
		{"ids", "orders#key returns#key", "orders#key returns#key"},
		{"orders-value", "archive", "archive#value"},
		{"orders-key", "archive", "archive#key"},
		{"orders-shop.Order", "archive", "archive<shop.Order>"},
		{"orders-key", "archive#value", "INVALID_CONFIG"},
		{"orders-shop.Order", "archive<shop.Refund>", "INVALID_CONFIG"},
		{"shop.Order", "a a#key", "INVALID_CONFIG"},
		{"traces", "a#header", "a#header"},
		{"orders-value", "a#header", "INVALID_CONFIG"},
		{"shop.Order", "a#header.x", "INVALID_CONFIG"},
		{"shop.Order", "a<>", "INVALID_CONFIG"},
		{"shop.Order", "a<b>.c", "INVALID_CONFIG"},
		{"shop.Order", "a<b>[]", "INVALID_CONFIG"},
		{"shop.Order", "#value", "INVALID_CONFIG"},
		{"shop.Order", "..", "INVALID_CONFIG"},
		{"shop.Order", "órders", "INVALID_CONFIG"},
		{"shop.Order", strings.Repeat("a", 250), "INVALID_CONFIG"},
		{":.other:shop.Order", "orders", "INVALID_CONFIG"},
		{":.other:shop.Order", "", ""}, // nothing is declared
		{"", "orders", "INVALID_CONFIG"},
	} {
		got, err := topic.Spell(c.subject, strings.Fields(c.declared))
		if c.want == "INVALID_CONFIG" {
			wants(t, err)
			continue
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s of %s: %q, %v; want %s", c.declared, c.subject, got, err, c.want)
		}
		if again, err := topic.Spell(c.subject, got); err != nil || !slices.Equal(again, got) {
			t.Errorf("%q of %s is not what it is spelled as: %q, %v", got, c.subject, again, err)
		}
	}
	_, err := topic.Spell("shop.Order", slices.Repeat([]string{"orders"}, 101))
	wants(t, err)
}

// wants fails unless err says that what was declared cannot be.
func wants(t *testing.T, err error) {
	t.Helper()
	if all := fault.All(err); len(all) != 1 || all[0].Code != "INVALID_CONFIG" || all[0].Error() == "" {
		t.Errorf("%v, want one fault INVALID_CONFIG", err)
	}
}

// Places go together: a path of the schema is put at a place that the part has,
// and no part has the places of another.
func TestPartsAreApart(t *testing.T) {
	t.Parallel()
	parts := []topic.Part{{Key: true}, {Header: true}, {Record: "shop.Order"}, {Record: "shop.Order2"}}
	for _, path := range []string{"id", "lines[].sku", "labels{}", "#value", "[].id", "<Card>.number"} {
		for _, p := range parts {
			at := p.At(path)
			if at == "" && p.Header { // what has no name is no header
				continue
			}
			for _, other := range parts {
				if has := other.Has(at); has != (p == other) {
					t.Errorf("%s of %s stands at %s; has %s it? %t", path, p, at, other, has)
				}
			}
		}
		if at := (topic.Part{}).At(path); at != path {
			t.Errorf("%s of all values stands at %s", path, at)
		}
	}
}

// Whatever is declared is refused, or spelled in a form that means the same.
func FuzzSpell(f *testing.F) {
	for _, seed := range [][2]string{{"shop.Order", "orders"}, {"orders-key", "archive#key"}, {"x", "a<b>"}, {":.c:x", "a"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, subject, declared string) {
		all, err := topic.Spell(subject, strings.Split(declared, ","))
		if err != nil {
			return
		}
		again, err := topic.Spell(subject, all)
		if err != nil || !slices.Equal(all, again) {
			t.Fatalf("%q of %q became %q, and then %q (%v)", declared, subject, all, again, err)
		}
		for _, one := range all {
			if d := topic.Bound("", []string{one}).Described(); len(d) != 1 || d[0].Topic+d[0].Part != one {
				t.Errorf("%q of %q is bound to %+v", one, subject, d)
			}
		}
	})
}
