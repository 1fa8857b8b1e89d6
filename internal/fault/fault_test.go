package fault_test

import (
	"errors"
	"testing"

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
