// Package access says who is asking and what they may do. Authorisation itself
// stands in the rooms: every act takes a Principal and asks it.
package access

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/fault"
)

// Role is what a person or a machine may do. Roles come from the groups of the
// OIDC token.
type Role string

// The roles. DPO sees everything and decides nothing: Art. 38(6) GDPR forbids
// a conflict of interests, and who decides cannot also supervise.
const (
	Viewer   Role = "viewer"   // reads the catalog
	Steward  Role = "steward"  // edits what their teams own
	Handler  Role = "handler"  // opens and follows requests
	Approver Role = "approver" // approves plans they did not open; closes; stops
	DPO      Role = "dpo"      // sees everything, decides nothing
	Auditor  Role = "auditor"  // reads audit log and evidence
	Admin    Role = "admin"    // configures; never opens, approves or reads identifiers
	CI       Role = "ci"       // a pipeline: the schemas of its service
	Service  Role = "service"  // a service: results and parts of its own tasks
)

// Roles lists every role, in the order of the documentation.
var Roles = []Role{Viewer, Steward, Handler, Approver, DPO, Auditor, Admin, CI, Service}

// Principal is whoever acts: a person, a pipeline, a service, or Lethe itself.
type Principal struct {
	ID      uuid.UUID // the row in audit_principal; what the audit log keeps
	Name    string    // for screens; never written to the audit log
	Roles   []Role
	Teams   []string // refs of the teams the person belongs to
	Service string   // ref of the service a machine is bound to; "" for people
	Errand  *Errand  // what a job of a pipeline was let in for; nil: what its roles may
}

// System is Lethe acting on its own account: the dispatcher, the clock.
var System = Principal{ID: uuid.MustParse("00000000-0000-7000-8000-000000000001"), Name: "lethe"}

// Has reports whether p holds any of the roles.
func (p Principal) Has(roles ...Role) bool {
	return slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(p.Roles, r) })
}

// IsSystem reports whether p is Lethe itself.
func (p Principal) IsSystem() bool { return p.ID == System.ID }

// Require refuses unless p holds one of the roles, and says which would do.
func (p Principal) Require(roles ...Role) error {
	if p.IsSystem() || p.Has(roles...) {
		return nil
	}
	if p.ID == uuid.Nil {
		return fault.New(fault.Unknown, "UNAUTHENTICATED", "sign in first")
	}
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return fault.New(fault.Denied, "ROLE_REQUIRED", "this needs the role %s; ask an admin of your identity provider", strings.Join(names, " or "))
}

// RequireOwner refuses unless p is a steward of the owning team, an admin, or
// Lethe itself.
func (p Principal) RequireOwner(owner string) error {
	if p.IsSystem() || p.Has(Admin) {
		return nil
	}
	if err := p.Require(Steward); err != nil {
		return err
	}
	if !slices.Contains(p.Teams, owner) {
		return fault.New(fault.Denied, "NOT_OWNER", "team %q owns this; ask one of its stewards", owner)
	}
	return nil
}

type key struct{}

// With returns a context that carries p to the edge's handlers. Rooms never
// read it: they take the principal as an argument.
func With(ctx context.Context, p Principal) context.Context { return &carrier{ctx, p} }

// carrier is the context that carries a principal. One of package context would
// have every request take memory twice.
type carrier struct {
	context.Context
	p Principal
}

// Value implements context.Context.
func (c *carrier) Value(of any) any {
	if of == (key{}) {
		return &c.p
	}
	return c.Context.Value(of)
}

// From returns the principal that a door put into ctx; the zero Principal if
// nobody is signed in.
func From(ctx context.Context) Principal {
	if p, ok := ctx.Value(key{}).(*Principal); ok {
		return *p
	}
	return Principal{}
}
