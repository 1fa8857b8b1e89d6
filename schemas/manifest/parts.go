package manifest

import "encoding/json"

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

// Parts cuts entries, in their order, into calls. Each part holds what its
// entries refer to.
func Parts(all []Entry) []Part {
	at, sizes := make(map[string]int, len(all)), make([]int, len(all))
	for i, e := range all {
		at[e.Subject], sizes[i] = i, e.size()
	}
	var parts []Part
	for done := 0; done < len(all); {
		p, next := fill(all, at, sizes, done)
		parts, done = append(parts, p), next
	}
	return parts
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

// fill makes the part that begins with an entry; next is the first that does
// not fit. A part holds one entry at least, however much that refers to.
func fill(all []Entry, at map[string]int, sizes []int, from int) (p Part, next int) {
	along := map[int]bool{}
	count, size := 0, 0
	for next = from; next < len(all); next++ {
		more := before(all, at, next, from)
		n, bytes := count+1, size+sizes[next]
		for _, i := range more {
			if !along[i] {
				n, bytes = n+1, bytes+sizes[i]
			}
		}
		if next > from && (n > mostEntries || bytes > mostText) {
			break
		}
		for _, i := range more {
			along[i] = true
		}
		count, size = n, bytes
	}
	for i := range from {
		if along[i] {
			p.Entries = append(p.Entries, all[i])
		}
	}
	p.Along = len(p.Entries)
	p.Entries = append(p.Entries, all[from:next]...)
	return p, next
}

// before finds what an entry refers to, through others too, of what stands
// before a part.
func before(all []Entry, at map[string]int, i, from int) (out []int) {
	seen := map[int]bool{}
	for way := []int{i}; len(way) > 0; {
		i, way = way[len(way)-1], way[:len(way)-1]
		for _, need := range all[i].Needs {
			k := at[need]
			if seen[k] {
				continue
			}
			seen[k], way = true, append(way, k)
			if k < from {
				out = append(out, k)
			}
		}
	}
	return out
}
