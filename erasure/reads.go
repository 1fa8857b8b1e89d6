package erasure

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// readers are the roles that may see requests. An admin configures and sees
// none; a viewer sees the catalog only.
var readers = []access.Role{access.Handler, access.Approver, access.DPO, access.Auditor}

// Filter chooses requests.
type Filter struct {
	States    []State
	Kinds     []Kind
	DueBefore *time.Time // due on an earlier day
	Open      bool       // neither closed nor merged
}

// Find returns a request to somebody who may see it.
func (s *Requests) Find(ctx context.Context, by access.Principal, id uuid.UUID) (Request, error) {
	if err := by.Require(readers...); err != nil {
		return Request{}, err
	}
	return RequestByID(ctx, s.db, id)
}

// FindMany finds requests by their ids, for somebody who may see them.
func (s *Requests) FindMany(ctx context.Context, by access.Principal, ids []uuid.UUID) (map[uuid.UUID]Request, error) {
	if err := by.Require(readers...); err != nil {
		return nil, err
	}
	return RequestsByID(ctx, s.db, ids)
}

// List returns a page of requests, the one that is due first at the top.
func (s *Requests) List(ctx context.Context, by access.Principal, f Filter, p page.Args) (page.Page[Request], error) {
	const q = `SELECT ` + requestColumns + `
		  FROM erasure_request
		 WHERE (cardinality($1::text[]) = 0 OR state = ANY($1))
		   AND (cardinality($2::text[]) = 0 OR kind = ANY($2))
		   AND ($3::date IS NULL OR due_on < $3)
		   AND (NOT $4 OR state NOT IN ('CLOSED', 'MERGED'))
		   AND ($5::date IS NULL OR (due_on, id) > ($5, $6))
		 ORDER BY due_on, id
		 LIMIT $7`
	var none page.Page[Request]
	if err := by.Require(readers...); err != nil {
		return none, err
	}
	if err := p.Check(); err != nil {
		return none, err
	}
	list := listName("requests", f)
	var afterDue *time.Time
	var afterID uuid.UUID
	if p.After != "" {
		var due time.Time
		if err := page.Decode(p.After, list, &due, &afterID); err != nil {
			return none, err
		}
		afterDue = &due
	}
	rows, err := postgres.Many[Request](ctx, s.db, q, orEmpty(f.States), orEmpty(f.Kinds), f.DueBefore, f.Open, afterDue, afterID, p.First+1)
	if err != nil {
		return none, err
	}
	return page.Cut(rows, p.First, func(r Request) string { return page.Encode(list, r.DueOn, r.ID) }), nil
}

// Count counts the requests a filter chooses, by state.
func (s *Requests) Count(ctx context.Context, by access.Principal, f Filter) (map[State]int, error) {
	const q = `
		SELECT state, count(*)::int AS count
		  FROM erasure_request
		 WHERE (cardinality($1::text[]) = 0 OR state = ANY($1))
		   AND (cardinality($2::text[]) = 0 OR kind = ANY($2))
		   AND ($3::date IS NULL OR due_on < $3)
		   AND (NOT $4 OR state NOT IN ('CLOSED', 'MERGED'))
		 GROUP BY state
		 ORDER BY state`
	if err := by.Require(readers...); err != nil {
		return nil, err
	}
	type row struct {
		State State
		Count int
	}
	rows, err := postgres.Many[row](ctx, s.db, q, orEmpty(f.States), orEmpty(f.Kinds), f.DueBefore, f.Open)
	out := make(map[State]int, len(rows))
	for _, r := range rows {
		out[r.State] = r.Count
	}
	return out, err
}

func listName(name string, filter any) string {
	b, _ := json.Marshal(filter)
	return name + string(b)
}

func orEmpty[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
