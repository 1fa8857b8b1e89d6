package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/flowmart/lethe/schemas/remote"
)

// Of how many ids in a row nothing may be known, behind the highest that is, until
// a registry is taken to have no more: ids are drawn for what is then refused, too.
const mostGap = 1024

// find reads versions that a registry lists and does not give, as Apicurio's does
// with those of a subject that is deleted as a whole: messages with their ids are
// about all the same, and each id says which versions have it. What no id gives is
// kept as unread, if it is listed still.
func (r *Registry) find(ctx context.Context, lost map[place]bool, all map[place]Version) error {
	highest := 0
	for _, v := range all {
		highest = max(highest, v.ID)
	}
	for id := 1; len(lost) > 0 && id <= highest+mostGap; id += mostGap {
		found, err := r.ofIDs(ctx, id, id+mostGap, lost)
		if err != nil {
			return err
		}
		for _, v := range found {
			p := place{v.Subject, v.Version}
			delete(lost, p)
			all[p] = v
			highest = max(highest, v.ID)
		}
	}
	for p := range lost {
		still, live, err := r.numbers(ctx, p.subject)
		if err != nil {
			return err
		}
		for _, n := range still {
			if n == p.version {
				all[p] = Version{Subject: p.subject, Version: n, Deleted: !slices.Contains(live, n), Unread: true}
			}
		}
	}
	return nil
}

// ofIDs reads which of the lost versions the ids from first to last, which does not
// count, stand for.
func (r *Registry) ofIDs(ctx context.Context, first, last int, lost map[place]bool) (out []Version, err error) {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for id := first; id < last; id++ {
		g.Go(func() error {
			found, err := r.ofID(ctx, id, lost)
			mu.Lock()
			defer mu.Unlock()
			out = append(out, found...)
			return err
		})
	}
	return out, g.Wait()
}

func (r *Registry) ofID(ctx context.Context, id int, lost map[place]bool) (out []Version, err error) {
	var has []Version
	err = r.Ask(ctx, http.MethodGet, fmt.Sprintf("/schemas/ids/%d/versions?deleted=true", id), nil, &has)
	if remote.Absent(err) || unknown(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, v := range has {
		if !lost[place{v.Subject, v.Version}] {
			continue
		}
		is := Version{}
		err := r.Ask(ctx, http.MethodGet, fmt.Sprintf("/schemas/ids/%d", id), nil, &is)
		refused, not := errors.AsType[*Refusal](err)
		if err != nil && (!not || refused.Status >= http.StatusInternalServerError) {
			return nil, err
		}
		is.Subject, is.Version, is.ID, is.Deleted, is.Unread = v.Subject, v.Version, id, true, not
		out = append(out, is)
	}
	return out, nil
}
