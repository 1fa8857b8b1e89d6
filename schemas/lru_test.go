package schemas

import (
	"maps"
	"slices"
	"testing"
)

// What goes is what was unused for longest, as far as that was noted: below nine
// tenths of the weight the order is that of coming. Peeking is no use, a weight
// above all of it finds no place, and what was read before a key was dropped does
// not come back.
func TestLRU(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(*lru[int, string])
		left []int
	}{
		{"the first goes", func(c *lru[int, string]) { c.put(4, "", 30) }, []int{2, 3, 4}},
		{"several go for a heavy one", func(c *lru[int, string]) { c.put(4, "", 70) }, []int{3, 4}},
		{"used where room is short", func(c *lru[int, string]) { c.get(1); c.put(4, "", 30) }, []int{1, 3, 4}},
		{"used twice", func(c *lru[int, string]) { c.get(2); c.get(1); c.get(2); c.put(4, "", 60) }, []int{2, 4}},
		{"peeked at", func(c *lru[int, string]) { c.peek(1); c.put(4, "", 30) }, []int{2, 3, 4}},
		{"used where there was room", func(c *lru[int, string]) { c.drop(3); c.get(1); c.put(4, "", 50) }, []int{2, 4}},
		{"too heavy", func(c *lru[int, string]) { c.put(4, "", 101) }, []int{1, 2, 3}},
		{"there already", func(c *lru[int, string]) { c.put(1, "other", 60) }, []int{1, 2, 3}},
		{"dropped", func(c *lru[int, string]) { c.drop(2); c.put(4, "", 30) }, []int{1, 3, 4}},
		{"dropped while it was read", func(c *lru[int, string]) { mark := c.mark(); c.drop(2); c.putSince(mark, 2, "", 30) }, []int{1, 3}},
	} {
		of := newLRU[int, string](100)
		for n := 1; n <= 3; n++ {
			of.put(n, "", 30)
		}
		c.do(of)
		if left := slices.Sorted(maps.Keys(of.byKey)); !slices.Equal(left, c.left) {
			t.Errorf("%s: %v are left, not %v", c.name, left, c.left)
		}
		weight, forth, back := 0, 0, 0
		for e := of.ends.behind; e != &of.ends; e = e.behind {
			weight, forth = weight+e.weight, forth+1
		}
		for e := of.ends.before; e != &of.ends; e = e.before {
			back++
		}
		if weight != of.weight || forth != len(c.left) || back != forth {
			t.Errorf("%s: of the weight %d in one, %d one way and %d the other; it says %d", c.name, weight, forth, back, of.weight)
		}
		if v, ok := of.peek(1); ok && v != "" {
			t.Errorf("%s: a key's value changed to %q", c.name, v)
		}
	}
}
