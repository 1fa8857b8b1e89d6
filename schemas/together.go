package schemas

import (
	"context"
	"errors"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/gate"
)

// Who registers at a subject where somebody of this replica does so already goes
// with them: whoever has the subject's lock takes along those who came meanwhile,
// one after the other, in one unit of work. The lock, the audit log and the commit
// are paid for once, what the catalog says around the subject once or twice (see
// see), and those who wait hold no connection. To each it is as if they had come
// alone: they are judged against what the one before registered, and told once it is
// committed. Whatever fails but a judgement undoes it for all, and each is tried
// alone then.

// mostAlong is how many one unit of work takes along. It holds what others wait
// for: the subject, and the number of the next id.
const mostAlong = 15

// entrant is who registers a content that its subject does not have.
type entrant struct {
	by     access.Principal
	at     place
	led    bool    // there by the alias of another subject
	isNew  bool    // no such subject is in memory
	layers []layer // that hold there, likewise
	s      Submission
	c      *content
	after  *int // the latest version, where the content takes something of it
	way    way
	forced bool      // of what another registry made: it took force
	judged *Metadata // likewise: with which it passed

	v   Version // what came of it
	err error

	along []*entrant // whom they took along
	seen  bool       // was there when somebody looked around for them
	alone bool       // is not taken along, and takes nobody
	told  chan bool  // true: it is your turn; false: you were taken along
}

// enforced reports whether the gate will ask for all that it can.
func (e *entrant) enforced() bool { return holding(e.layers).policy() == gate.Enforce }

// mayFollow reports whether an entrant may be taken along. What a schema refers to
// is held before an id is drawn, and who imports draws none.
func (e *entrant) mayFollow() bool { return !e.alone && e.s.ID <= 0 && len(e.c.references) == 0 }

// foresee asks the detector what the gate will ask it, while nobody waits.
func (r *Registry) foresee(e *entrant) {
	if !e.enforced() {
		return
	}
	around := r.scene(r.db, e.at, e.layers)
	if now, err := e.c.describe(around.of.Part); err == nil { // else it is told under the lock
		around.guesses(now)
	}
}

// enter registers an entrant, or has somebody else do it.
func (r *Registry) enter(ctx context.Context, e *entrant) error {
	if !r.queue.join(e) {
		mine, err := r.queue.wait(ctx, e)
		if err != nil {
			return err
		}
		if !mine {
			return e.err
		}
	}
	r.lead(ctx, e)
	return e.err
}

// lead registers an entrant and whoever can be taken along, then whose turn it is
// gets it.
func (r *Registry) lead(ctx context.Context, e *entrant) {
	defer r.queue.pass(e.at)
	defer r.queue.part(e) // after a panic
	for {
		var w written
		var around *scene
		var take func()
		e.err = postgres.WorkBriefly(ctx, r.db, func(first *postgres.Batch) {
			r.queue.part(e) // from those of an attempt before
			r.queue.see(e.at)
			around = r.scene(nil, e.at, e.layers)
			take = around.askTopics(first)
		}, func(tx pgx.Tx, last *postgres.Batch) (err error) {
			take()
			w, err = r.together(ctx, tx, last, around, e)
			return err
		})
		if r.subjects.settle(w, e.err == nil); e.err == nil {
			r.learn(w)
			r.queue.tell(e)
			return
		}
		if !r.queue.part(e) {
			return
		}
	}
}

// together registers an entrant, and takes others along. The topics around the
// subject were asked for.
func (r *Registry) together(ctx context.Context, tx pgx.Tx, last *postgres.Batch, around *scene, e *entrant) (w written, err error) {
	own := *r
	own.fresh = map[contentID]*fresh{}
	r = &own
	around.r, around.db = r, tx // what is gathered from here on is of this transaction
	if err := around.gather(ctx, e.enforced()); err != nil {
		return w, err
	}
	floor := r.subjects.bottom()
	l, err := r.lock(ctx, tx, around, e.isNew)
	if err != nil {
		return w, err
	}
	before := l.st
	if e.v, err = r.place(ctx, l, e); err != nil {
		return w, err
	}
	if r.queue.see(e.at) && !e.alone { // the catalog may have told them what it did not tell us
		if l.around, err = l.around.anew(ctx, holding(l.layers).policy() == gate.Enforce); err != nil {
			return w, err
		}
	}
	for next := r.queue.next(e); next != nil; next = r.queue.next(e) {
		stays, err := r.follow(ctx, l, next)
		if err != nil {
			return w, err
		}
		if !stays {
			r.queue.first(e)
			break
		}
	}
	if l.st != before {
		w = written{after: before, st: l.st, floor: floor, brought: r.fresh}
		r.subjects.expect(w)
	}
	return w, audit.Queue(last, l.done...)
}

// place registers an entrant under the lock.
func (r *Registry) place(ctx context.Context, l *locked, e *entrant) (Version, error) {
	v, found, to, err := r.admit(ctx, l, e)
	if err == nil && !found {
		err = l.around.hear(ctx, &to)
	}
	if err != nil || found {
		return v, err
	}
	return r.keep(ctx, l, e.by, to)
}

// follow registers an entrant that was taken along. Who has something to say to
// the catalog, which may be busy with another change, does not stay: nobody else
// is to wait for that whom it does not concern.
func (r *Registry) follow(ctx context.Context, l *locked, e *entrant) (stays bool, err error) {
	var found bool
	var to successor
	if e.v, found, to, e.err = r.admit(ctx, l, e); e.err != nil || found {
		return true, failure(e.err)
	}
	if err := l.around.hear(ctx, &to); err != nil {
		return true, err
	}
	if len(to.news) > 0 {
		return false, nil
	}
	e.v, err = r.keep(ctx, l, e.by, to)
	return true, err
}

// failure is an error that is no judgement of what somebody brought.
func failure(err error) error {
	if errors.Is(err, errOvertaken) || fault.All(err) != nil && fault.KindOf(err) != fault.Unavailable {
		return nil
	}
	return err
}

// hear finds out whether a version has anything new to say to the catalog.
func (s *scene) hear(ctx context.Context, to *successor) (err error) {
	if to.now, err = describe(to.c.kind, to.c.schema, to.metadata(), s.of.Part); err != nil {
		return err
	}
	if err := s.bound(ctx, to.now); err != nil {
		return err
	}
	to.news, err = s.news(ctx, to.now, to.number)
	return err
}

// queue is who waits at subjects where somebody of this replica registers.
type queue struct {
	mu sync.Mutex
	at map[place][]*entrant // as they came; no key: nobody is there
}

func newQueue() *queue { return &queue{at: map[place][]*entrant{}} }

// join has an entrant wait, unless nobody is there: then it is their turn.
func (q *queue) join(e *entrant) (turn bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting, busy := q.at[e.at]
	if busy {
		waiting = append(waiting, e)
	}
	q.at[e.at] = waiting
	return !busy
}

// wait waits until it is an entrant's turn, or they were taken along.
func (q *queue) wait(ctx context.Context, e *entrant) (turn bool, err error) {
	select {
	case turn := <-e.told:
		return turn, nil
	case <-ctx.Done():
	}
	if q.leave(e) {
		return false, ctx.Err()
	}
	if turn := <-e.told; turn { // it came too late
		q.pass(e.at)
		return false, ctx.Err()
	}
	return false, nil
}

// leave takes out who waits no longer, unless they were taken along, or it is
// their turn.
func (q *queue) leave(e *entrant) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, one := range q.at[e.at] {
		if one == e {
			q.at[e.at] = append(q.at[e.at][:i:i], q.at[e.at][i+1:]...)
			return true
		}
	}
	return false
}

// see notes who waits, and tells whether anybody came since it last did. Who comes
// later is not taken along: they are judged by what holds when they come.
func (q *queue) see(p place) (more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, one := range q.at[p] {
		more = more || !one.seen
		one.seen = true
	}
	return more
}

// next has an entrant take along who has waited for longest; nil if nobody may be.
func (q *queue) next(e *entrant) *entrant {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := q.at[e.at]
	if e.alone || len(e.along) == mostAlong || len(waiting) == 0 || !waiting[0].seen || !waiting[0].mayFollow() {
		return nil
	}
	q.at[e.at], e.along = waiting[1:], append(e.along, waiting[0])
	return waiting[0]
}

// first has the last who was taken along be the next one instead.
func (q *queue) first(e *entrant) {
	q.mu.Lock()
	defer q.mu.Unlock()
	last := len(e.along) - 1
	q.at[e.at] = append([]*entrant{e.along[last]}, q.at[e.at]...)
	e.along = e.along[:last]
}

// part has those who were taken along register alone, before others, and who took
// them. It tells whether there are any.
func (q *queue) part(e *entrant) bool {
	if len(e.along) == 0 {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, one := range e.along {
		one.alone, one.err = true, nil
	}
	q.at[e.at] = append(e.along[:len(e.along):len(e.along)], q.at[e.at]...)
	e.along, e.alone = nil, true
	return true
}

// tell tells those who were taken along that they are done.
func (q *queue) tell(e *entrant) {
	for _, one := range e.along {
		one.told <- false
	}
	e.along = nil
}

// pass gives the turn to who has waited for longest.
func (q *queue) pass(p place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := q.at[p]
	if len(waiting) == 0 {
		delete(q.at, p)
		return
	}
	q.at[p] = waiting[1:]
	waiting[0].told <- true
}
