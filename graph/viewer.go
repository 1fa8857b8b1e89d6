package graph

import (
	"context"
	"strings"

	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
)

// Viewer is whoever is signed in.
func (r queryResolver) Viewer(ctx context.Context) (exec.Viewer, error) {
	by := access.From(ctx)
	if err := by.Require(access.Roles...); err != nil {
		return exec.Viewer{}, err
	}
	return exec.Viewer{ID: node.ID{Kind: kindPrincipal, Key: by.ID}, Name: by.Name, Roles: roles(by), Teams: by.Teams, Service: some(by.Service)}, nil
}

func roles(by access.Principal) []exec.Role {
	out := make([]exec.Role, len(by.Roles))
	for i, role := range by.Roles {
		out[i] = exec.Role(strings.ToUpper(string(role)))
	}
	return out
}

// Health is how Lethe is doing.
func (r queryResolver) Health(ctx context.Context) (exec.Health, error) {
	err := access.From(ctx).Require(access.Roles...)
	return exec.Health{Version: r.Version, Now: r.Now(), Development: r.Dev}, err
}

// Node finds anything by its id.
func (r queryResolver) Node(ctx context.Context, id node.ID) (node.Node, error) {
	found, err := r.Nodes(ctx, []node.ID{id})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// Nodes finds several things by their ids.
func (r queryResolver) Nodes(ctx context.Context, ids []node.ID) ([]node.Node, error) {
	if len(ids) > page.Max {
		return nil, fault.Bad("ids", "TOO_MANY", "ask for at most %d ids", page.Max)
	}
	if err := access.From(ctx).Require(access.Roles...); err != nil {
		return nil, err
	}
	return r.find(ctx, ids)
}
