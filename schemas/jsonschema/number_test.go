package jsonschema

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// Numbers have one text if, and only if, they are equal, and are whole if, and
// only if, big.Rat says so.
func TestNumbersAreOneByTheirWorth(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	of := func(choices ...string) string { return choices[rng.IntN(len(choices))] }
	number := func() string {
		return of("", "-") + of("0", "1", "10", "100", "12", "120") + of("", ".0", ".5", ".50", ".05", ".12", ".120") +
			of("", "e0", "E1", "e+1", "e-1", "e2", "e-2", "E-3", "e03")
	}
	alike := 0
	for range 200_000 {
		a, b := number(), number()
		x, _ := rational(a)
		y, ok := rational(b)
		if !ok || x == nil {
			t.Fatalf("%s or %s is not read", a, b)
		}
		same := x.Cmp(y) == 0
		if same {
			alike++
		}
		if same != (worthOf(a) == worthOf(b)) {
			t.Fatalf("%s is written %s, and %s %s", a, worthOf(a), b, worthOf(b))
		}
		if d, _ := decimalOf(a); d.isWhole() != x.IsInt() {
			t.Fatalf("%s is whole: %v", a, d.isWhole())
		}
		if again, _ := new(big.Rat).SetString(worthOf(a)); again == nil || again.Cmp(x) != 0 {
			t.Fatalf("%s is written %s", a, worthOf(a))
		}
	}
	if alike < 1000 {
		t.Errorf("only %d pairs were equal", alike)
	}
}

// What is too long to work with is still told apart, and told equal.
func TestLongNumbers(t *testing.T) {
	t.Parallel()
	if _, works := rational("1e401"); works {
		t.Error("1e401 is worked with")
	}
	long := "1" + strings.Repeat("0", 1000)
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"1e1000", long, true}, {"10e999", "1e1000", true}, {"1e1000", "1e1001", false}, {long + "1", long + "2", false},
		{"1e99999999999999999999", "1e99999999999999999999", true}, {"1e99999999999999999999", "1e99999999999999999998", false},
		{"0e99999", "-0.0", true}, {"0e99999999999999999999", "0", true}, {"0.1e-9223372036854775808", "1e9223372036854775807", false},
		{"1e0000000000000000000000000000005", "100000", true},
	} {
		if (worthOf(c.a) == worthOf(c.b)) != c.same {
			t.Errorf("%.30s and %.30s are one: %v", c.a, c.b, !c.same)
		}
	}
}

// Whether a number is a multiple is worked out as big.Rat does.
func TestDivides(t *testing.T) {
	t.Parallel()
	for i := range 40 {
		for j := range 40 {
			a, b := big.NewRat(int64(i+1), 7), big.NewRat(int64(j-20), 3)
			if want := new(big.Rat).Quo(b, a).IsInt(); divides(a, b) != want {
				t.Error(fmt.Sprint(a, " divides ", b, " is not ", want))
			}
		}
	}
}
