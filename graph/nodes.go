package graph

import (
	"context"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// The kinds of node.
const (
	kindPrincipal node.Kind = "Principal"
)

// finder finds things of one kind for somebody who may see them.
type finder func(ctx context.Context, r *resolver, keys []uuid.UUID) (map[uuid.UUID]node.Node, error)

// finders has one for each kind of node.
func finders() map[node.Kind]finder {
	return map[node.Kind]finder{
		kindPrincipal: byKey(audit.PrincipalsByID, access.Roles...),
	}
}

// byKey finds with a room's function for many, for whoever has one of the
// roles.
func byKey[V any](many func(context.Context, postgres.DB, []uuid.UUID) (map[uuid.UUID]V, error), roles ...access.Role) finder {
	return func(ctx context.Context, r *resolver, keys []uuid.UUID) (map[uuid.UUID]node.Node, error) {
		if err := access.From(ctx).Require(roles...); err != nil {
			return nil, err
		}
		rows, err := many(ctx, r.DB, keys)
		found := make(map[uuid.UUID]node.Node, len(rows))
		for key, row := range rows {
			found[key] = row
		}
		return found, err
	}
}

// find finds nodes in the order of their ids, with one statement a kind. What
// the caller may not see is not there.
func (r *resolver) find(ctx context.Context, ids []node.ID) ([]node.Node, error) {
	keys := map[node.Kind][]uuid.UUID{}
	for _, id := range ids {
		keys[id.Kind] = append(keys[id.Kind], id.Key)
	}
	found := map[node.Kind]map[uuid.UUID]node.Node{}
	for kind, finder := range finders() {
		if len(keys[kind]) == 0 {
			continue
		}
		rows, err := finder(ctx, r, keys[kind])
		if err != nil && fault.KindOf(err) != fault.NotFound && fault.KindOf(err) != fault.Denied {
			return nil, err
		}
		found[kind] = rows
	}
	out := make([]node.Node, len(ids))
	for i, id := range ids {
		out[i] = found[id.Kind][id.Key]
	}
	return out, nil
}
