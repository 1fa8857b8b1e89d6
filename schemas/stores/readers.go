package stores

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/fieldpath"
	"github.com/flowmart/lethe/schemas/gate"
)

func pathOf(column string) string { return fieldpath.Escape(column) }

// reader is a service that reads a dataset of another.
type reader struct {
	service string
	fields  map[string]bool // and what these are parts of; nil: it does not say which
}

// readers are those of each dataset, and of the whole store.
type readers struct {
	by    map[uuid.UUID][]reader
	store []reader
}

type readersOf []reader

func (r readers) of(dataset uuid.UUID) readersOf { return slices.Concat(r.by[dataset], r.store) }

// readers finds the services that say they read datasets of the store, its own
// aside.
func (v *work) readers(ctx context.Context, datasets []uuid.UUID) (readers, error) {
	said, err := catalog.ConsumptionByDataset(ctx, v.db, datasets)
	if err != nil {
		return readers{}, err
	}
	whole, err := catalog.ReadersByStore(ctx, v.db, []uuid.UUID{v.store.ID})
	if err != nil {
		return readers{}, err
	}
	var ids []uuid.UUID
	for _, n := range whole[v.store.ID] {
		ids = append(ids, n.ServiceID)
	}
	for _, all := range said {
		for _, c := range all {
			ids = append(ids, c.ServiceID)
		}
	}
	services, err := catalog.ServicesByID(ctx, v.db, ids)
	r := readers{by: map[uuid.UUID][]reader{}}
	others := func(id uuid.UUID) bool { return v.store.ServiceID == nil || id != *v.store.ServiceID }
	for dataset, all := range said {
		for _, c := range all {
			if others(c.ServiceID) {
				r.by[dataset] = append(r.by[dataset], reader{services[c.ServiceID].Ref, within(c.Fields)})
			}
		}
	}
	for _, n := range whole[v.store.ID] {
		if others(n.ServiceID) {
			r.store = append(r.store, reader{services[n.ServiceID].Ref, nil})
		}
	}
	return r, err
}

// missing finds who misses what a change takes away. Who says that it reads it
// is an error; who reads the table and does not say what of it, a warning.
func (r readersOf) missing(c Change) []finding {
	var named, unknown []string
	for _, reader := range r {
		switch {
		case reader.fields == nil:
			unknown = append(unknown, reader.service)
		case c.Field == "" && len(reader.fields) > 0, reader.fields[c.Field]:
			named = append(named, reader.service)
		}
	}
	f := finding{c.At, gate.Finding{Code: "CG004", Path: c.Field}}
	switch {
	case len(named) > 0:
		f.Severity = gate.Error
		f.Message = fmt.Sprintf("%s, and %s says that it reads it", c.Words(), enumerated(named))
		f.Mend = "keep what it reads beside the new until it reads that, then take the old away"
	case len(unknown) > 0:
		f.Severity = gate.Advice
		f.Message = fmt.Sprintf("%s, and %s reads from here without saying what", c.Words(), enumerated(unknown))
		f.Mend = "have it declare the fields that it reads"
	default:
		return nil
	}
	return []finding{f}
}

// within are paths, and those of what they are parts of; nil where there are none.
func within(paths []string) map[string]bool {
	if paths == nil {
		return nil
	}
	out := map[string]bool{}
	for _, path := range paths {
		out[path] = true
		for i := 1; i < len(path); i++ {
			if path[i] == '.' || path[i] == '[' {
				out[path[:i]] = true
			}
		}
	}
	return out
}

func enumerated(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	const most = 5
	if len(names) > most {
		names = append(names[:most:most], fmt.Sprintf("%d more", len(names)-most))
	}
	return strings.Join(names, ", ")
}
