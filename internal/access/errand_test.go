package access_test

import (
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
)

func TestFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		fits          bool
	}{
		{"refs/heads/main", "refs/heads/main", true},
		{"refs/heads/main", "refs/heads/main2", false},
		{"refs/heads/main", "refs/heads/mai", false},
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "anything/at.all", true},
		{"refs/tags/v*", "refs/tags/v1/2", true},
		{"refs/tags/v*", "refs/tags/w1", false},
		{"orders.*-value", "orders.v1-value", true},
		{"orders.*-value", "orders.v1-key", false},
		{"orders.*-value", "orders.-value", true},
		{"orders.*-value", "orders.value", false}, // the parts do not share a character
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "abc", true},
		{"a*b*c", "acb", false},
		{"*.*", "a.b", true},
		{"*.*", "ab", false},
		{"**", "ab", true},
		{"ab*b", "ab", false},
	} {
		if got := access.Fits(c.pattern, c.text); got != c.fits {
			t.Errorf("%q fits %q: %t", c.text, c.pattern, got)
		}
	}
}

// Whatever a pattern was made from by putting stars for parts of it, it fits.
func FuzzFits(f *testing.F) {
	f.Add("refs/heads/main", uint64(5), uint64(9))
	f.Fuzz(func(t *testing.T, text string, from, to uint64) {
		if strings.Contains(text, "*") {
			return
		}
		i, j := int(from%uint64(len(text)+1)), int(to%uint64(len(text)+1))
		if i > j {
			i, j = j, i
		}
		if pattern := text[:i] + "*" + text[j:]; !access.Fits(pattern, text) {
			t.Errorf("%q does not fit %q", text, pattern)
		}
		if access.Fits(text, text+"x") {
			t.Errorf("%q fits what is longer", text)
		}
	})
}

func TestAnErrandNarrows(t *testing.T) {
	t.Parallel()
	job := func(held string, verbs ...access.Verb) access.Principal {
		return access.Principal{Roles: []access.Role{access.CI}, Errand: &access.Errand{Verbs: verbs, Subjects: []string{"orders.*", ":.eu:orders*"}, Held: held}}
	}
	for _, c := range []struct {
		by      access.Principal
		verb    access.Verb
		subject string
		says    string
	}{
		{access.Principal{}, access.Delete, "anything", ""}, // on no errand
		{job("", access.Check, access.Register), access.Register, "orders.v1-value", ""},
		{job("", access.Check, access.Register), access.Register, "billing.v1-value", "trusted with the subjects orders.*, :.eu:orders* and"},
		{job("", access.Check, access.Register), access.Register, ":.eu:orders", ""},
		{job("", access.Check, access.Register), access.Register, ":.us:orders.v1", "trusted with the subjects"},
		{job("", access.Check, access.Register), access.Delete, "orders.v1-value", "trusted to check, register and not to delete"},
		{job("", access.Check, access.Push), access.Push, "", ""},
		{job("", access.Check), access.Push, "", "trusted to check and not to push"},
		{job("it runs for a pull request", access.Check), access.Register, "orders.v1-value", "may only check: it runs for a pull request"},
		{job("it runs for a pull request", access.Check), access.Check, "orders.v1-value", ""},
	} {
		err := c.by.May(c.verb, c.subject)
		if c.says == "" && err != nil || c.says != "" && (fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s %s: %v, want %q", c.verb, c.subject, err, c.says)
		}
	}
	everywhere := access.Principal{Errand: &access.Errand{Verbs: access.Verbs, Subjects: []string{"*"}}}
	if everywhere.May(access.Register, "orders") != nil || everywhere.May(access.Register, ":.eu:orders") == nil {
		t.Error("a star is for the subjects of no context")
	}
}
