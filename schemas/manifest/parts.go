package manifest

import (
	"encoding/json"
	"iter"
	"slices"

	"github.com/flowmart/lethe/catalog/yaml/strict"
)

// Part is as many entries as one call takes.
type Part struct {
	Entries []Entry
	// Along is how many of them, the first, are of an earlier part: they only
	// stand by for those that refer to them.
	Along int
}

// Most that one call takes: the server's bounds are 1,000 schemas and 16 MiB of
// JSON, in which a text may be up to twice as long.
const (
	mostEntries = 1000
	mostText    = 7 << 20
)

// Most that the registry follows references: so deep, and to so many schemas.
const (
	mostLevels  = 10
	mostBrought = 300
)

// Parts cuts entries, in their order, into calls, one after the other. Each part
// holds what its entries refer to.
func Parts(all []Entry) iter.Seq[Part] {
	return func(yield func(Part) bool) {
		c := newCutter(all)
		for from := 0; from < len(all); {
			p, next := c.part(from)
			if !yield(p) {
				return
			}
			from = next
		}
	}
}

// size is how long an entry is in a call: its text, and what is said beside it.
func (e Entry) size() int {
	n := len(e.Text)
	for _, said := range []any{e.Metadata, e.RuleSet} {
		raw, _ := json.Marshal(said) // it was read from text
		n += len(raw)
	}
	return n
}

// cutter cuts entries into parts.
type cutter struct {
	all   []Entry
	sizes []int
	needs [][]int // of each entry, those before it that it needs
	seen  []int   // with which entry the last part begins that has it along
}

func newCutter(all []Entry) *cutter {
	c := &cutter{all: all, sizes: make([]int, len(all)), needs: make([][]int, len(all)), seen: make([]int, len(all))}
	at := make(map[string]int, len(all))
	for i, e := range all {
		for _, need := range e.Needs {
			c.needs[i] = append(c.needs[i], at[need])
		}
		at[e.Subject], c.sizes[i] = i, e.size()
	}
	return c
}

// part makes the part that begins with an entry; next is the first that does not
// fit. A part holds one entry at least, however much that refers to.
func (c *cutter) part(from int) (p Part, next int) {
	var along []int
	count, size := 0, 0
	for next = from; next < len(c.all); next++ {
		more := c.before(next, from)
		n, bytes := count+1+len(more), size+c.sizes[next]
		for _, i := range more {
			bytes += c.sizes[i]
		}
		if next > from && (n > mostEntries || bytes > mostText) {
			break
		}
		count, size, along = n, bytes, append(along, more...)
	}
	slices.Sort(along)
	p.Along, p.Entries = len(along), make([]Entry, 0, len(along)+next-from)
	for _, i := range along {
		p.Entries = append(p.Entries, c.all[i])
	}
	p.Entries = append(p.Entries, c.all[from:next]...)
	return p, next
}

// before finds what an entry refers to, through others too, of what stands
// before a part and is not yet in it.
func (c *cutter) before(i, from int) (out []int) {
	for way := []int{i}; len(way) > 0; {
		i, way = way[len(way)-1], way[:len(way)-1]
		for _, k := range c.needs[i] {
			if k >= from || c.seen[k] == from { // those of the part came before
				continue
			}
			c.seen[k], way, out = from, append(way, k), append(out, k)
		}
	}
	return out
}

// within refuses entries that refer to more than the registry follows: each of
// them would be sent with all of that, to be refused there.
func within(all []Entry) error {
	c := newCutter(all)
	levels := make([]int, len(all))
	for i, e := range all {
		for _, k := range c.needs[i] {
			levels[i] = max(levels[i], levels[k]+1)
		}
		switch {
		case levels[i] > mostLevels:
			return strict.Mistake(e.File, strict.Mark{}, "TOO_DEEP", "references follow one another more than %d deep from here; move what the schemas on the way share into fewer files", mostLevels)
		case len(c.before(i, i)) > mostBrought:
			return strict.Mistake(e.File, strict.Mark{}, "TOO_MANY_REFERENCES", "the schemas it refers to, with all that those refer to, are more than %d; refer to less", mostBrought)
		}
	}
	return nil
}
