package graph

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
)

type subscriptionResolver struct{ *resolver }

// Subscription resolves the fields of Subscription.
func (r *resolver) Subscription() exec.SubscriptionResolver { return subscriptionResolver{r} }

func (r subscriptionResolver) RequestProgress(ctx context.Context, id node.ID) (<-chan exec.RequestProgress, error) {
	return r.watch(ctx, access.From(ctx), id.Of(kindRequest))
}

// maxStreams is how many subscriptions one person may listen to at a time.
const maxStreams = 8

// streams counts subscriptions by whoever listens.
type streams struct {
	mu   sync.Mutex
	open map[uuid.UUID]int
}

func (s *streams) enter(by uuid.UUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[by] >= maxStreams {
		return fault.New(fault.TooLarge, "TOO_MANY_STREAMS", "you listen to %d requests already; close one", maxStreams)
	}
	s.open[by]++
	return nil
}

func (s *streams) leave(by uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[by]--; s.open[by] == 0 {
		delete(s.open, by)
	}
}

// watch tells the present state of a request, and every later one, until it is
// final or the listener goes. It looks at the rows, so it works whichever
// replica does the work, and a state that was missed is made up by the next.
func (r *resolver) watch(ctx context.Context, by access.Principal, id uuid.UUID) (<-chan exec.RequestProgress, error) {
	first, err := r.Requests.Find(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if err := r.streams.enter(by.ID); err != nil {
		return nil, err
	}
	events := make(chan exec.RequestProgress)
	go func() {
		defer close(events)
		defer r.streams.leave(by.ID)
		r.follow(ctx, by, first, events)
	}()
	return events, nil
}

func (r *resolver) follow(ctx context.Context, by access.Principal, now erasure.Request, events chan<- exec.RequestProgress) {
	tick := time.NewTicker(r.Poll)
	defer tick.Stop()
	told := ""
	for {
		if s, err := r.sight(ctx, now); err == nil && s != told {
			select {
			case events <- exec.RequestProgress{At: r.Now(), Request: now}:
				told = s
			case <-ctx.Done():
				return
			}
		}
		if now.Final() {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		// A database that is away for a moment ends nothing; a request that
		// may no longer be seen does.
		next, err := r.Requests.Find(ctx, by, now.ID)
		switch {
		case err == nil:
			now = next
		case unseen(err):
			return
		}
	}
}

// sight is what a listener can tell apart.
func (r *resolver) sight(ctx context.Context, req erasure.Request) (string, error) {
	of, err := task.Of(ctx, r.DB, []uuid.UUID{req.ID})
	tasks := of[req.ID]
	slices.SortFunc(tasks, func(a, b task.Task) int { return int(a.ID - b.ID) })
	s := fmt.Sprint(req.Rev)
	for _, t := range tasks {
		s += fmt.Sprint(" ", t.ID, t.State, t.Round, t.Attempt, t.SeqSeen)
	}
	return s, err
}
