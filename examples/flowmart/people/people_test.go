package people_test

import (
	"regexp"
	"testing"

	"github.com/flowmart/lethe/examples/flowmart/people"
)

var address = regexp.MustCompile(`^[a-z]+\.[a-z]+[0-9]+@example\.(com|org|net)$`)

func TestPeopleAreTheSameAndDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for n := 1; n <= 5000; n++ {
		p := people.At(1, n)
		if p != people.At(1, n) {
			t.Fatal("not the same person twice")
		}
		if !address.MatchString(p.Email) {
			t.Errorf("address %q", p.Email)
		}
		for _, s := range []string{p.ID, p.Email, p.Phone} {
			if seen[s] {
				t.Errorf("%q belongs to two", s)
			}
			seen[s] = true
		}
	}
	if people.At(1, 7) == people.At(2, 7) {
		t.Error("the seed makes no difference")
	}
}
