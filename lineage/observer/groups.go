package observer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// group is what a cluster shows of a consumer group.
type group struct {
	name    string
	topics  map[string]bool // it commits offsets of, or has partitions of now
	clients map[string]bool // what its members call themselves
}

// groupsOf lists a cluster's groups, of every protocol there is: classic,
// KIP-848, and share groups. A group is known by what it committed even when
// nobody is in it now.
func groupsOf(ctx context.Context, admin *kadm.Client, own []string) ([]group, error) {
	listed, err := admin.ListGroups(ctx)
	if err != nil && len(listed) == 0 {
		return nil, fmt.Errorf("list groups: %w", err)
	}
	found := map[string]*group{}
	for name := range listed {
		if !slices.Contains(own, name) {
			found[name] = &group{name, map[string]bool{}, map[string]bool{}}
		}
	}
	names := slices.Sorted(maps.Keys(found))
	if len(names) == 0 {
		return nil, err
	}
	err = errors.Join(err, classic(ctx, admin, found, names), consumer(ctx, admin, found), share(ctx, admin, found), committed(ctx, admin, found, names))
	out := make([]group, 0, len(names))
	for _, name := range names {
		out = append(out, *found[name])
	}
	return out, err
}

// classic asks about the members of groups of the classic protocol. Groups of
// others answer as if they were not there.
func classic(ctx context.Context, admin *kadm.Client, found map[string]*group, names []string) error {
	described, err := admin.DescribeGroups(ctx, names...)
	for name, d := range described {
		g := found[name]
		if g == nil || d.Err != nil {
			continue
		}
		for _, m := range d.Members {
			g.clients[m.ClientID] = true
		}
		for topic := range d.AssignedPartitions() {
			g.topics[topic] = true
		}
	}
	return describing("classic groups", err)
}

func consumer(ctx context.Context, admin *kadm.Client, found map[string]*group) error {
	listed, err := admin.ListGroupsByType(ctx, []string{"consumer"})
	names := known(listed, found)
	if err != nil || len(names) == 0 {
		return describing("consumer groups", err)
	}
	described, err := admin.DescribeConsumerGroups(ctx, names...)
	for name, d := range described {
		g := found[name]
		if g == nil || d.Err != nil {
			continue
		}
		for _, m := range d.Members {
			g.clients[m.ClientID] = true
		}
		for topic := range d.AssignedPartitions() {
			g.topics[topic] = true
		}
	}
	return describing("consumer groups", err)
}

func share(ctx context.Context, admin *kadm.Client, found map[string]*group) error {
	listed, err := admin.ListGroupsByType(ctx, []string{"share"})
	names := known(listed, found)
	if err != nil || len(names) == 0 {
		return describing("share groups", err)
	}
	described, err := admin.DescribeShareGroups(ctx, names...)
	for name, d := range described {
		g := found[name]
		if g == nil || d.Err != nil {
			continue
		}
		for _, m := range d.Members {
			g.clients[m.ClientID] = true
			for topic := range m.Assignment {
				g.topics[topic] = true
			}
		}
	}
	return describing("share groups", err)
}

func known(listed kadm.ListedGroups, found map[string]*group) []string {
	return slices.DeleteFunc(listed.Groups(), func(name string) bool { return found[name] == nil })
}

// committed asks what groups committed. Groups that the answer leaves out, or
// that may not be asked, are known by their members alone.
func committed(ctx context.Context, admin *kadm.Client, found map[string]*group, names []string) error {
	fetched := admin.FetchManyOffsets(ctx, names...)
	for name, r := range fetched {
		for topic, partitions := range r.Fetched {
			for _, p := range partitions {
				if p.Err == nil && p.At >= 0 && found[name] != nil {
					found[name].topics[topic] = true
				}
			}
		}
	}
	if len(fetched) > 0 && fetched.AllFailed() {
		return describing("offsets", fetched.Error())
	}
	return nil
}

// describing names a failure. A cluster that does not know a kind of group yet
// has none of it, and that is no failure.
func describing(what string, err error) error {
	if err == nil || unsupported(err) {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func unsupported(err error) bool {
	if errors.Is(err, kerr.UnsupportedVersion) {
		return true
	}
	shards, ok := errors.AsType[*kadm.ShardErrors](err)
	if !ok {
		return false
	}
	return !slices.ContainsFunc(shards.Errs, func(s kadm.ShardError) bool {
		return !errors.Is(s.Err, kerr.UnsupportedVersion) && !errors.Is(s.Err, kerr.GroupIDNotFound)
	})
}
