package schemas

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/postgres"
)

const (
	followEvery  = time.Second
	subjectsRead = 2000 // at a time
	contentsRead = 500
)

// LookThrough has the registry look for changes through connections that no
// other work can take up, and take the database for away when a look takes longer
// than a time. It is called before anything else.
func (r *Registry) LookThrough(db *pgxpool.Pool, within time.Duration) {
	r.subjects.looks, r.subjects.line, r.subjects.patience = db, postgres.NewLine(db), within
}

// Follow keeps memory exact while nobody asks, until ctx ends. First it reads
// every subject into it, and contents for as long as there is room, those of
// the latest versions before others: what is in memory is answered also while
// the database is away. It tells what goes wrong, that the database is away only
// once, and goes on.
func (r *Registry) Follow(ctx context.Context, report func(error)) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for told := false; ; {
		err := r.followOnce(ctx)
		away := r.subjects.away.Load()
		switch {
		case away && !told:
			report(errAway)
		case err != nil && ctx.Err() == nil && !away && !postgres.Away(err):
			report(err)
		}
		told = away
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *Registry) followOnce(ctx context.Context) error {
	if err := r.subjects.exact(ctx); err != nil {
		return err
	}
	select {
	case <-r.subjects.fresh:
	default:
		_, err := r.loadAll(ctx, r.db, r.subjects.registered())
		return err
	}
	err := r.readAll(ctx)
	if err != nil {
		r.subjects.again()
	}
	return err
}

// bottom is the floor now.
func (s *snapshot) bottom() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.floor
}

// complete notes that every subject was read, since the floor was that. What
// was forgotten meanwhile is still to be read.
func (s *snapshot) complete(floor uint64) {
	s.whole.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.floor == floor {
		s.former = nil
		s.behind.Store(0)
	}
}

// registered lists the contents that were registered since it was last asked.
func (s *snapshot) registered() []contentID {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := s.brought
	s.brought = nil
	return ids
}

// readAll reads every subject, and contents.
func (r *Registry) readAll(ctx context.Context) error {
	var at place
	floor := r.subjects.bottom()
	for {
		var found []*state
		err := r.subjects.reading(ctx, func(tx pgx.Tx) (_ []*state, err error) {
			found, err = statesAfter(ctx, tx, at, subjectsRead)
			return found, err
		})
		if err != nil {
			return err
		}
		if len(found) < subjectsRead {
			r.subjects.complete(floor)
			return r.readContents(ctx)
		}
		at = found[len(found)-1].place
	}
}

// readContents reads contents while there is room.
func (r *Registry) readContents(ctx context.Context) error {
	for _, ids := range r.subjects.contents() {
		for len(ids) > 0 && r.byID.room() {
			some := ids[:min(contentsRead, len(ids))]
			ids = ids[len(some):]
			if _, err := r.loadAll(ctx, r.db, some); err != nil {
				return err
			}
		}
	}
	return nil
}

// contents lists the ids of versions: of those that are the latest of their
// subject, of the others that live, and of the deleted ones, which messages are
// still read with.
func (s *snapshot) contents() (ids [3][]contentID) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for p, st := range s.subjects {
		rank := 0
		for _, v := range slices.Backward(st.versions) {
			id := contentID{p.context, int(v.schema)}
			if v.deleted {
				ids[2] = append(ids[2], id)
				continue
			}
			ids[rank] = append(ids[rank], id)
			rank = 1
		}
	}
	return ids
}

var errReading = errors.New("subjects are still being read into memory")

// Ready reports whether every subject has been in memory.
func (r *Registry) Ready(context.Context) error {
	if !r.subjects.whole.Load() {
		return errReading
	}
	return nil
}

// AsOf is the moment from which on memory may be behind, because the database
// has been away since; the zero time while it is not.
func (r *Registry) AsOf() time.Time {
	if !r.subjects.away.Load() {
		return time.Time{}
	}
	at := r.subjects.behind.Load()
	if at == 0 {
		at = r.subjects.exactAt.Load()
	}
	return time.Unix(0, at).UTC()
}

// reachable refuses a change while the database is away.
func (r *Registry) reachable() error {
	if r.subjects.away.Load() {
		return errAway
	}
	return nil
}

// writable is reachable of who has not looked: one look is tried, so that the
// database is not called away any longer than it is.
func (r *Registry) writable(ctx context.Context) error {
	if !r.subjects.away.Load() {
		return nil
	}
	if err := r.subjects.exact(ctx); err != nil {
		return err
	}
	return r.reachable()
}
