package schemas

import (
	"context"
	"runtime"
	"sync"
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
	lookFor     = 1500 * time.Millisecond // patience with one look, unless LookThrough says otherwise
	lookBriefly = 50 * time.Millisecond   // … of a request while the database is away
)

// errAway refuses what memory cannot answer while the database is away.
var errAway = fault.New(fault.Unavailable, "UNAVAILABLE", "the registry cannot reach its database; it answers what it has in memory, and takes nothing new; try again soon")

// exact waits until the snapshot holds all that was committed when it was
// called. While the database is away nobody waits for long: what was known last
// holds, and reading goes on.
func (s *snapshot) exact(ctx context.Context) error {
	t, since := s.join()
	away := s.away.Load()
	if away && !since.IsZero() && time.Since(since) > lookBriefly {
		return nil
	}
	most, gone := s.waits(ctx, away)
	if !away && gone == nil && most > 3*s.patience { // the look under way and the next one are over by then
		<-t.done
		return t.found()
	}
	enough := timers.Get().(*time.Timer)
	enough.Reset(most)
	defer func() {
		enough.Stop() // what it would have said nobody reads later (time.Timer.Reset)
		timers.Put(enough)
	}()
	select {
	case <-t.done:
		return t.found()
	case <-enough.C:
		if away {
			return nil
		}
		return context.DeadlineExceeded
	case <-gone:
		return ctx.Err()
	}
}

// found is what came of a look that is done. That the database is away is not told.
func (t *turn) found() error {
	if t.err != nil && postgres.Away(t.err) {
		return nil
	}
	return t.err
}

// timers are those of requests that waited, stopped.
var timers = sync.Pool{New: func() any { return time.NewTimer(time.Hour) }}

// recent reports whether the snapshot held all that was committed a moment ago.
// Who reads everything again under a lock need not wait for a look.
func (s *snapshot) recent() bool {
	const moment = 100 * time.Millisecond
	return !s.away.Load() && time.Since(time.Unix(0, s.exactAt.Load())) < moment
}

// waits is how long a look is waited for at most, and what else ends that. A
// request has a deadline, and need not notice before it that its client has
// gone: having its context tell would cost more than the rest of the wait.
func (s *snapshot) waits(ctx context.Context, away bool) (time.Duration, <-chan struct{}) {
	if away {
		return lookBriefly, ctx.Done()
	}
	if until, bounded := ctx.Deadline(); bounded {
		return time.Until(until), nil
	}
	return 4 * s.patience, ctx.Done() // the look under way and the next one are over by then
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
		runtime.Gosched() // whoever is about to ask takes part
		s.turns.Lock()
		t := s.waiting
		if s.waiting, s.since = nil, time.Now(); t == nil {
			s.since = time.Time{}
		}
		began := s.since
		if t == nil {
			s.line.Release()
			s.turns.Unlock()
			return
		}
		s.turns.Unlock()
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
