// Package steward tells who answers for a service.
package steward

import (
	"context"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// Of finds a service by its ref, and refuses whoever does not answer for it: it
// needs a steward of its team, or an admin.
func Of(ctx context.Context, db postgres.DB, by access.Principal, ref string) (catalog.Service, error) {
	s, err := catalog.ServiceByRef(ctx, db, ref)
	if err != nil {
		return s, err
	}
	owner := ""
	if s.OwnerID != nil {
		owners, err := catalog.OwnersByID(ctx, db, []uuid.UUID{*s.OwnerID})
		if err != nil {
			return s, err
		}
		owner = owners[*s.OwnerID].Ref
	}
	return s, by.RequireOwner(owner)
}
