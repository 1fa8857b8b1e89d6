package mirror

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many requests are under way to one registry.
const atOnce = 8

// inventory reads every version of a registry, those deleted softly too.
func (m *Mirror) inventory(ctx context.Context, r *Registry) (map[place]Version, error) {
	subjects, err := r.subjects(ctx, m.Prefix)
	if err != nil {
		return nil, err
	}
	known := m.known(r)
	out := map[place]Version{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, subject := range subjects {
		g.Go(func() error {
			found, err := r.versionsOf(ctx, subject, known)
			mu.Lock()
			defer mu.Unlock()
			for _, v := range found {
				out[place{subject, v.Version}] = v
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
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
// newest is read once more, though others came after it.
func (r *Registry) versionsOf(ctx context.Context, subject string, known map[place]Version) ([]Version, error) {
	all, live, err := r.numbers(ctx, subject)
	if err != nil {
		return nil, err
	}
	var out []Version
	for _, n := range all {
		v, was := known[place{subject, n}]
		if _, followed := known[place{subject, n + 1}]; !was || !followed {
			if v, err = r.version(ctx, subject, n); absent(err) {
				continue // it ended meanwhile
			}
			if err != nil {
				return nil, err
			}
		}
		v.Subject, v.Version, v.deleted = subject, n, !slices.Contains(live, n)
		out = append(out, v)
	}
	return out, nil
}
