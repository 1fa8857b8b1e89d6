package schemas

import "sync"

// lru keeps values up to a total weight and drops the one unused for longest.
// Which that is it notes once there is little room left: where everything finds
// room, to note it would cost more than to find the value.
type lru[K comparable, V any] struct {
	mu     sync.Mutex
	most   int
	weight int
	drops  int         // so far
	ends   entry[K, V] // of the ring of all: behind it is the latest used, before it what goes next
	byKey  map[K]*entry[K, V]
}

// entry is a value in its place. It holds its neighbours itself: of hundreds of
// thousands each takes one piece of memory.
type entry[K comparable, V any] struct {
	key            K
	value          V
	weight         int
	before, behind *entry[K, V]
}

func newLRU[K comparable, V any](most int) *lru[K, V] {
	c := &lru[K, V]{most: most, byKey: map[K]*entry[K, V]{}}
	c.ends.before, c.ends.behind = &c.ends, &c.ends
	return c
}

func (c *lru[K, V]) get(key K) (V, bool) { return c.find(key, true) }

// peek is get for who asks for everything: what nobody else asks for stays the
// first to go.
func (c *lru[K, V]) peek(key K) (V, bool) { return c.find(key, false) }

func (c *lru[K, V]) find(key K, used bool) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return value, false
	}
	if used && e != c.ends.behind && !c.roomy() {
		e.leave()
		e.follow(&c.ends)
	}
	return e.value, true
}

// put keeps a value of some weight, in bytes. A key that is there already
// keeps its value: what is cached here never changes.
func (c *lru[K, V]) put(key K, value V, weight int) { c.putSince(c.mark(), key, value, weight) }

// mark is a moment, for putSince.
func (c *lru[K, V]) mark() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drops
}

// putSince is put of what was read after a mark, unless a key was dropped since:
// it may have been this one, which is not to come back.
func (c *lru[K, V]) putSince(mark int, key K, value V, weight int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if mark != c.drops {
		return
	}
	if _, there := c.byKey[key]; there || weight > c.most {
		return
	}
	e := &entry[K, V]{key: key, value: value, weight: weight}
	e.follow(&c.ends)
	c.byKey[key] = e
	for c.weight += weight; c.weight > c.most; {
		c.remove(c.ends.before)
	}
}

// drop forgets a key.
func (c *lru[K, V]) drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	if e, there := c.byKey[key]; there {
		c.remove(e)
	}
}

func (c *lru[K, V]) remove(e *entry[K, V]) {
	e.leave()
	delete(c.byKey, e.key)
	c.weight -= e.weight
}

// leave takes an entry out of the ring.
func (e *entry[K, V]) leave() { e.before.behind, e.behind.before = e.behind, e.before }

// follow puts an entry behind another one.
func (e *entry[K, V]) follow(other *entry[K, V]) {
	e.before, e.behind = other, other.behind
	e.before.behind, e.behind.before = e, e
}

// room reports whether there is some for values that nobody asked for.
func (c *lru[K, V]) room() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roomy()
}

func (c *lru[K, V]) roomy() bool { return c.weight < c.most/10*9 }
