package gate

import (
	"slices"
	"strings"

	"github.com/flowmart/lethe/catalog/fieldpath"
)

// atHand is what the catalog says, to be asked of very many fields.
type atHand struct {
	Around
	own     map[string][]Use // by the path that they are declared for
	uses    map[string][]Use // path → those of it and of what it lies in
	reaches []reach          // of the consumers
}

func (a Around) atHand() atHand {
	out := atHand{Around: a, own: map[string][]Use{}, uses: map[string][]Use{}}
	for _, u := range a.Uses {
		out.own[u.Path] = append(out.own[u.Path], u)
	}
	for _, c := range a.Consumers {
		r := reach{c, slices.Sorted(slices.Values(c.Fields)), map[string]bool{"": false}, map[string]bool{}}
		for _, path := range c.Fields {
			r.inside[path] = true
		}
		out.reaches = append(out.reaches, r)
	}
	return out
}

// of lists the uses of a field.
func (a atHand) of(path string) []Use {
	if path == "" {
		return a.own[""] // of all of it
	}
	outer := fieldpath.Outer(path)
	if outer == "" {
		return append(slices.Clip(a.own[""]), a.own[path]...)
	}
	uses, known := a.uses[path]
	if !known {
		uses = append(slices.Clip(a.of(outer)), a.own[path]...)
		a.uses[path] = uses
	}
	return uses
}

// reach is which fields a consumer may read.
type reach struct {
	Consumer
	sorted []string        // its Fields
	inside map[string]bool // path → whether it is one of them, or lies in one
	known  map[string]bool // path → whether it may read it
}

// reads reports whether a consumer may read a field.
func (r reach) reads(path string) bool {
	if !r.Told {
		return true
	}
	is, known := r.known[path]
	if !known {
		is = r.lies(path) || r.holds(path)
		r.known[path] = is
	}
	return is
}

// lies reports whether a path is a field that the consumer reads, or inside of
// one.
func (r reach) lies(path string) bool {
	is, known := r.inside[path]
	if !known {
		is = r.lies(fieldpath.Outer(path))
		r.inside[path] = is
	}
	return is
}

// holds reports whether a field that the consumer reads is inside of a path.
func (r reach) holds(path string) bool {
	return slices.ContainsFunc([]string{".", "[", "{", "<"}, func(next string) bool {
		i, _ := slices.BinarySearch(r.sorted, path+next)
		return i < len(r.sorted) && strings.HasPrefix(r.sorted[i], path+next)
	})
}
