package erasure

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// FindCase returns the request with a case number to somebody who may see it.
func (s *Requests) FindCase(ctx context.Context, by access.Principal, caseNumber string) (Request, error) {
	const q = `SELECT id FROM erasure_request WHERE case_number = $1`
	if err := by.Require(readers...); err != nil {
		return Request{}, err
	}
	id, err := postgres.Scalar[uuid.UUID](ctx, s.db, q, caseNumber)
	if errors.Is(err, postgres.ErrNotFound) {
		return Request{}, errNoRequest
	}
	if err != nil {
		return Request{}, err
	}
	return RequestByID(ctx, s.db, id)
}
