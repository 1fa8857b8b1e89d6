package queue

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/internal/jobs"
)

// Pump is the job of bringing a service whatever is due for it. Losing one
// loses nothing: the clock posts another.
type Pump struct {
	Service uuid.UUID `json:"service" river:"unique"`
}

// Kind names the job.
func (Pump) Kind() string { return "erasure.pump" }

// Pumps are the jobs that wake the pumps of services, at most one for each.
func Pumps(services ...uuid.UUID) []river.InsertManyParams {
	posts := make([]river.InsertManyParams, 0, len(services))
	seen := map[uuid.UUID]bool{}
	for _, id := range services {
		if !seen[id] {
			posts = append(posts, river.InsertManyParams{Args: Pump{id}, InsertOpts: jobs.Once()})
			seen[id] = true
		}
	}
	return posts
}

// Wake posts a pump for every service for which something is due.
func Wake(ctx context.Context, tx pgx.Tx, client *river.Client[pgx.Tx], at time.Time) error {
	services, err := waiting(ctx, tx, at)
	if err != nil || len(services) == 0 {
		return err
	}
	_, err = client.InsertManyTx(ctx, tx, Pumps(services...))
	return err
}
