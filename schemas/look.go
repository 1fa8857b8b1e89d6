package schemas

import (
	"context"
	"time"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// turn is a look that requests wait for.
type turn struct {
	done chan struct{}
	err  error
}

const (
	lookFor     = 1500 * time.Millisecond // patience with one look
	lookBriefly = 50 * time.Millisecond   // … of a request while the database is away
)

// errAway refuses what memory cannot answer while the database is away.
var errAway = fault.New(fault.Unavailable, "UNAVAILABLE", "the registry cannot reach its database; it answers what it has in memory, and takes nothing new; try again soon")

// exact waits until the snapshot holds all that was committed when it was
// called. While the database is away nobody waits for long: what was known last
// holds, and reading goes on.
func (s *snapshot) exact(ctx context.Context) error {
	t, since := s.join()
	var enough <-chan time.Time
	if s.away.Load() {
		if !since.IsZero() && time.Since(since) > lookBriefly {
			return nil
		}
		timer := time.NewTimer(lookBriefly)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case <-t.done:
		if t.err != nil && postgres.Away(t.err) {
			return nil
		}
		return t.err
	case <-enough:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join takes part in the look that begins next, and begins it if none is under
// way. It tells since when one is.
func (s *snapshot) join() (*turn, time.Time) {
	s.turns.Lock()
	defer s.turns.Unlock()
	if s.waiting == nil {
		s.waiting = &turn{done: make(chan struct{})}
	}
	t := s.waiting
	if s.since.IsZero() {
		s.since = time.Now()
		go s.look()
		return t, time.Time{}
	}
	return t, s.since
}

// look takes looks for as long as somebody waits for one.
func (s *snapshot) look() {
	for {
		s.turns.Lock()
		t := s.waiting
		if s.waiting, s.since = nil, time.Now(); t == nil {
			s.since = time.Time{}
		}
		began := s.since
		s.turns.Unlock()
		if t == nil {
			return
		}
		if t.err = s.once(); t.err == nil {
			s.exactAt.Store(began.UnixNano())
		}
		s.note(t.err != nil && postgres.Away(t.err))
		close(t.done)
	}
}

// note notes whether the database is away. Once it is back, the connections that
// others have kept from before it went are of no use.
func (s *snapshot) note(away bool) {
	if s.away.Load() && !away {
		s.db.Reset()
	}
	s.away.Store(away)
}
