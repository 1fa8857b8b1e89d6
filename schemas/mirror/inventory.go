package mirror

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/flowmart/lethe/schemas/remote"
)

// atOnce is how many requests are under way to one registry.
const atOnce = 8

// inventory reads every version of a registry, those deleted softly too.
func (m *Mirror) inventory(parent context.Context, r *Registry) (map[place]Version, error) {
	subjects, err := r.subjects(parent, m.Prefix, true)
	if err != nil {
		return nil, err
	}
	known := m.known(r)
	out := map[place]Version{}
	lost := map[place]bool{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(parent)
	g.SetLimit(atOnce)
	for _, subject := range subjects {
		g.Go(func() error {
			found, missing, err := r.versionsOf(ctx, subject, known)
			mu.Lock()
			defer mu.Unlock()
			for _, v := range found {
				out[place{subject, v.Version}] = v
			}
			for _, n := range missing {
				lost[place{subject, n}] = true
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if err := r.find(parent, lost, out); err != nil {
		return nil, err
	}
	m.read[r] = out
	return out, nil
}

// known is what was read of a registry before.
func (m *Mirror) known(r *Registry) map[place]Version {
	if m.read == nil {
		m.read = map[*Registry]map[place]Version{}
	}
	return m.read[r]
}

// versionsOf reads the versions of a subject. A number stands for one content,
// until the newest is deleted for good and its number given again: what was the
// newest is read once more, though others came after it. Versions that are listed
// and not given are missing.
func (r *Registry) versionsOf(ctx context.Context, subject string, known map[place]Version) (out []Version, missing []int, err error) {
	all, live, err := r.numbers(ctx, subject)
	if err != nil {
		return nil, nil, err
	}
	if len(all) == 0 { // it ended meanwhile, or is read as one that is not there
		out, err = r.own(ctx, subject)
		return out, nil, err
	}
	for i, n := range all {
		v, was := known[place{subject, n}]
		if _, followed := known[place{subject, n + 1}]; !was || !followed || i == len(all)-1 {
			again, err := r.version(ctx, subject, n)
			switch {
			case err == nil && again.Subject != subject && again.Subject != "": // an alias is followed
				out, err = r.own(ctx, subject)
				return out, nil, err
			case err == nil:
				v = again
			case !remote.Absent(err):
				return nil, nil, err
			case !was:
				missing = append(missing, n)
				continue
			}
		}
		v.Subject, v.Version, v.Deleted = subject, n, !slices.Contains(live, n)
		out = append(out, v)
	}
	return out, missing, nil
}
