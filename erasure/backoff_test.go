package erasure

import (
	"errors"
	"slices"
	"testing"
)

// Whoever fails does not hold up those after it, and every failure is told.
func TestEachGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	one, three := errors.New("one"), errors.New("three")
	var done []int
	err := each([]int{1, 2, 3, 4}, func(n int) error {
		done = append(done, n)
		return map[int]error{1: one, 3: three}[n]
	})
	if !slices.Equal(done, []int{1, 2, 3, 4}) || !errors.Is(err, one) || !errors.Is(err, three) {
		t.Errorf("did %v, told %v", done, err)
	}
	if err := each([]int{1}, func(int) error { return nil }); err != nil {
		t.Error(err)
	}
}
