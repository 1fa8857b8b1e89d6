package pattern_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas/pattern"
)

const plenty = 1_000_000

// The first seven are the examples in the documentation of Confluent's matcher
// (wildcard_matcher.py); the rest is by its rules.
func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, pattern string
		want          bool
	}{
		{"eve", "eve*", true},
		{"alice.bob.eve", "a*.bob.eve", true},
		{"alice.bob.eve", "a*.bob.e*", true},
		{"alice.bob.eve", "a*", false},
		{"alice.bob.eve", "a**", true},
		{"alice.bob.eve", "alice.bob*", false},
		{"alice.bob.eve", "alice.bob**", true},
		{"shop.Order.email", "**.email", true},
		{"$.customer.email", "**.email", true},
		{"email", "**.email", false},
		{"shop.Order.workEmail", "**.email", false},
		{"shop.Order.email", "*.email", false},
		{"shop.Order.email", "shop.*.email", true},
		{"shop.Order.email", "shop.Order.e?ail", true},
		{"shop.Order.email", "shop?Order.email", false},
		{"shop.Order.email", "shop.**.*", true},
		{"shop.Order.email", "shop.Order.email", true},
		{"shop.Order.email", "shop.Order.mail", false},
		{"$.a*b", `$.a\*b`, true},
		{"$.axb", `$.a\*b`, false},
		{"", "**", true},
		{"", "", true},
		{"a", "", false},
	} {
		left := plenty
		if got := pattern.Read(c.pattern).Matches(c.name, &left); got != c.want {
			t.Errorf("%q of %q: %t", c.pattern, c.name, got)
		}
	}
}

// rule writes a pattern as a regular expression, whose matcher tries every way:
// the oracle.
func rule(text string) *regexp.Regexp {
	text = strings.ReplaceAll(text, "**.*", "**")
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "**"):
			out.WriteString(".*")
			i++
		case text[i] == '*':
			out.WriteString("[^.]*")
		case text[i] == '?':
			out.WriteString("[^.]")
		default:
			out.WriteString(regexp.QuoteMeta(text[i : i+1]))
		}
	}
	return regexp.MustCompile("^(?:" + out.String() + ")$")
}

func TestMatchesAsARegularExpressionDoes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	random := func(letters string, most int) string {
		var out strings.Builder
		for range r.IntN(most) {
			out.WriteByte(letters[r.IntN(len(letters))])
		}
		return out.String()
	}
	yes := 0
	for range 50_000 {
		p, name := random("ab.*?*", 9), random("ab.", 9)
		left := plenty
		got, want := pattern.Read(p).Matches(name, &left), rule(p).MatchString(name)
		if got != want {
			t.Fatalf("%q of %q: %t, want %t", p, name, got, want)
		}
		if got {
			yes++
		}
	}
	if yes < 2_500 {
		t.Errorf("only %d pairs match; the test sees too little", yes)
	}
}

// A pattern made to take long ends with the steps that are left.
func TestMatchingEnds(t *testing.T) {
	t.Parallel()
	left := 1000
	if pattern.Read("**"+strings.Repeat("a", 500)+"b").Matches(strings.Repeat("a", 1000), &left) || left >= 0 {
		t.Errorf("%d steps are left", left)
	}
}

// What does not match at once is a step all the same, so that the patterns are
// bounded that are held against many names.
func TestEachNameIsAStep(t *testing.T) {
	t.Parallel()
	left := 2
	for range 3 {
		pattern.Read("z?").Matches(strings.Repeat("name", 200), &left)
	}
	if left >= 0 {
		t.Errorf("%d steps are left", left)
	}
}
