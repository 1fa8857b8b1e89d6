package fault_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/cputest"
	"github.com/flowmart/lethe/internal/fault"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"customer_id", "email", "phone", "POSTGRESQL"}
	for word, want := range map[string]string{
		"emial":       "email",
		"customerid":  "customer_id",
		"Postgresql":  "POSTGRESQL",
		"phnoe":       "phone",
		"entirely":    "",
		"":            "",
		"x":           "",
		"customer-id": "customer_id",
	} {
		if got := fault.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

// A suggestion is a kindness: neither a long word nor a long list may make it
// cost more than a moment, for whoever asks it pays nothing.
func TestNearestIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("user.contact.email", 14_000) // 250 KB
	many := make([]string, 200_000)
	for i := range many {
		many[i] = strings.Repeat("x", 150)
	}
	for what, ask := range map[string]func() string{
		"a long word": func() string { return fault.Nearest(long, []string{"user.contact.email", long + "s"}) },
		"long words":  func() string { return fault.Nearest("email", []string{long, strings.Repeat("email", 50_000)}) },
		"a long list": func() string { return fault.Nearest(strings.Repeat("y", 150), many) },
	} {
		took := cputest.Thread(func() {
			if got := ask(); got != "" {
				t.Errorf("%s: %.20q", what, got)
			}
		})
		if took > 2*time.Second {
			t.Errorf("%s: %v", what, took)
		}
	}
	if got := fault.Nearest(strings.Repeat("a", 200), []string{strings.Repeat("a", 199) + "b"}); got == "" {
		t.Error("a word of 200 bytes has no suggestion")
	}
}

func TestAllListsEveryMistake(t *testing.T) {
	t.Parallel()
	a, b := fault.Bad("input.name", "REQUIRED", "give a name"), fault.Bad("input.ref", "TAKEN", "choose another")
	if got := fault.All(errors.Join(a, errors.Join(b))); len(got) != 2 || got[0] != a || got[1] != b {
		t.Errorf("All = %v", got)
	}
	if got := fault.All(errors.Join(a, errors.New("disk"))); got != nil {
		t.Errorf("an unclassified error among faults must make the whole unclassified, got %v", got)
	}
	if fault.KindOf(errors.New("disk")) != fault.Internal {
		t.Error("unclassified is internal")
	}
	if !errors.Is(a.At("outer"), a) || a.At("outer").Error() != "outer.input.name: give a name" {
		t.Errorf("At: %v", a.At("outer"))
	}
}
