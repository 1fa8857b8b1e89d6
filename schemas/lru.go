package schemas

import (
	"container/list"
	"sync"
)

// lru keeps values up to a total weight and drops the one unused for longest.
type lru[K comparable, V any] struct {
	mu     sync.Mutex
	most   int
	weight int
	drops  int        // so far
	order  *list.List // of entry[K, V], the latest used in front
	byKey  map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key    K
	value  V
	weight int
}

func newLRU[K comparable, V any](most int) *lru[K, V] {
	return &lru[K, V]{most: most, order: list.New(), byKey: map[K]*list.Element{}}
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
	if used {
		c.order.MoveToFront(e)
	}
	return e.Value.(entry[K, V]).value, true
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
	c.byKey[key] = c.order.PushFront(entry[K, V]{key, value, weight})
	for c.weight += weight; c.weight > c.most; {
		last := c.order.Remove(c.order.Back()).(entry[K, V])
		delete(c.byKey, last.key)
		c.weight -= last.weight
	}
}

// drop forgets a key.
func (c *lru[K, V]) drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	if e, there := c.byKey[key]; there {
		c.weight -= c.order.Remove(e).(entry[K, V]).weight
		delete(c.byKey, key)
	}
}

// room reports whether there is some for values that nobody asked for.
func (c *lru[K, V]) room() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.weight < c.most/10*9
}
