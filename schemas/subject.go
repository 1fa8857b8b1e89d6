package schemas

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/format"
)

// subject is the row of a subject, under its lock.
type subject struct {
	ID        uuid.UUID
	Context   string
	Name      string
	ServiceID *uuid.UUID
	Head      int64
	Led       bool // to another, by an alias
}

func (s subject) place() place { return place{s.Context, s.Name} }

const (
	qMade = `
		INSERT INTO schemas_subject (id, context, name, created_at) VALUES ($1, $2, $3, $4)
		    ON CONFLICT ON CONSTRAINT schemas_subject_name_taken DO NOTHING`
	qLocked = `SELECT id, context, name, service_id, head, alias_name IS NOT NULL AS led FROM schemas_subject WHERE context = $1 AND name = $2 FOR UPDATE`
)

// lockSubject holds a subject until the unit of work ends, and makes it if
// there is none.
func (r *Registry) lockSubject(ctx context.Context, tx pgx.Tx, p place) (subject, error) {
	s, err := lockKnown(ctx, tx, p)
	if !errors.Is(err, errNoSubject) {
		return s, err
	}
	if _, err := tx.Exec(ctx, qMade, uuid.Must(uuid.NewV7()), p.context, p.name, r.now()); err != nil {
		return s, err
	}
	return lockKnown(ctx, tx, p)
}

// lockKnown holds a subject that is there.
func lockKnown(ctx context.Context, tx pgx.Tx, p place) (subject, error) {
	s, err := postgres.One[subject](ctx, tx, qLocked, p.context, p.name)
	if errors.Is(err, postgres.ErrNotFound) {
		err = noSubject(p)
	}
	return s, err
}

// lockToRegister is lockSubject and heldLayers in one round trip, for others wait
// meanwhile, and asks what is said of the fields. The subject is made first where
// it is thought to be new.
func (r *Registry) lockToRegister(ctx context.Context, tx pgx.Tx, around *scene, isNew bool) (subject, []layer, error) {
	// What is set above is held only once the subject is: who makes a subject may
	// have to wait for another who does, and that one for whoever sets something.
	const qShare = `SELECT pg_advisory_xact_lock_shared($3) FROM schemas_subject WHERE context = $1 AND name = $2`
	p := around.place
	for {
		var b postgres.Batch
		var there []subject
		var layers []layer
		if isNew {
			b.Do(qMade, uuid.Must(uuid.NewV7()), p.context, p.name, r.now())
		}
		postgres.Ask(&b, &there, qLocked, p.context, p.name)
		b.Do(qShare, p.context, p.name, configLock)
		askLayers(&b, &layers, p)
		around.askTags(&b)
		if err := b.Send(ctx, tx); err != nil {
			return subject{}, nil, err
		}
		if len(there) == 1 {
			return there[0], layers, nil
		}
		isNew = true // memory had one that this database has not
	}
}

// held is a subject's state under its lock. What is in memory is that state if
// the last change is the same; whoever holds the lock need not fear another.
func (r *Registry) held(ctx context.Context, tx pgx.Tx, s subject) (*state, error) {
	if s.Head == 0 {
		return &state{id: s.ID, place: s.place()}, nil
	}
	st, older := r.subjects.at(s)
	if st == nil && older && r.subjects.looks != r.db { // else looks could wait for us
		if err := r.subjects.exact(ctx); err != nil {
			return nil, err
		}
		st, _ = r.subjects.at(s)
	}
	if st != nil {
		return st, nil
	}
	return stateAt(ctx, tx, s.place())
}

// at is the state of a subject as of its last change. If it is not known, it
// tells whether an older one is. What is set from above may have been taken back
// since without a change of the subject (see forget).
func (s *snapshot) at(is subject) (st *state, older bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	there := s.subjects[is.place()]
	if there != nil && there.id == is.ID && there.head == is.Head {
		return there, false
	}
	return nil, there != nil
}

// written is a change of ours to a subject: versions, and their contents.
type written struct {
	after, st *state
	floor     uint64 // when after was read: what is forgotten since may be part of it
	brought   map[contentID]*fresh
}

// fresh is a content that was written a moment ago.
type fresh struct {
	content Schema
	schema  format.Schema // nil: it has to be read from the text
	weight  int

	sinceKept, sinceRead int // marks of byID and parsed
}

// learn has in memory what versions of ours brought, once they are committed: the
// next version is held against the last.
func (r *Registry) learn(w written) {
	for id, f := range w.brought {
		r.remember(f.sinceKept, f.content)
		if f.schema != nil {
			r.parsed.putSince(f.sinceRead, id, f.schema, f.weight)
		}
	}
}

// expect notes a state that holds once it is committed. Nobody takes it for
// true before: a head is seen by others only then.
func (s *snapshot) expect(w written) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected[w.st.place] = w
}

// settle keeps what was expected, if it was committed and follows on what is in
// memory, and expects it no more. Else a look will find it.
func (s *snapshot) settle(w written, committed bool) {
	if w.st == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	there := s.subjects[w.st.place]
	if committed && w.floor == s.floor && (there == w.after || there == nil && w.after.head == 0) {
		s.subjects[w.st.place] = w.st
	}
	if s.expected[w.st.place].st == w.st {
		delete(s.expected, w.st.place)
	}
}
