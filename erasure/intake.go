package erasure

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/erasure/alert"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// intake gathers the messages that come while others are being taken, so that
// one unit of work and one round of statements serve all of them. A message
// that comes alone waits for nobody.
type intake struct {
	mu      sync.Mutex
	waiting []*letter
	busy    int // units of work under way
}

// letter is a message that waits for its unit of work, and what came of it.
type letter struct {
	by       access.Principal
	message  answer.Message
	verdicts []answer.Verdict
	after    consequences
	err      error
	done     chan struct{}
}

const (
	intakeWidth = 1               // units of work at a time in one process; more would only be smaller
	intakeMost  = 100             // answers in one unit of work, but for a single message's
	intakeFor   = 3 * time.Second // the patience of one unit of work
)

// add queues a letter. It reports whether a new unit of work must begin.
func (q *intake) add(l *letter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, l)
	if q.busy == intakeWidth {
		return false
	}
	q.busy++
	return true
}

// next takes the letters of the next unit of work, none when nobody waits.
// Letters about the same task are taken one after the other, each by the state
// that the one before it left.
func (q *intake) next() (group []*letter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var left []*letter
	seen := map[uuid.UUID]bool{}
	answers := 0
	for _, l := range q.waiting {
		if len(group) > 0 && (answers+len(l.message.Answers) > intakeMost || l.about(seen)) {
			left = append(left, l)
			continue
		}
		for _, a := range l.message.Answers {
			seen[a.Task] = true
		}
		answers += len(l.message.Answers)
		group = append(group, l)
	}
	if q.waiting = left; len(group) == 0 {
		q.busy--
	}
	return group
}

func (l *letter) about(seen map[uuid.UUID]bool) bool {
	for _, a := range l.message.Answers {
		if seen[a.Task] {
			return true
		}
	}
	return false
}

// Receive takes a message of a service. It may come before its task was sent,
// twice, late, or out of order; each answer changes its task once or not at
// all. When it returns, everything that follows is committed.
func (s *Requests) Receive(ctx context.Context, by access.Principal, m answer.Message) ([]answer.Verdict, error) {
	l := &letter{by: by, message: m, done: make(chan struct{})}
	if s.inbox.add(l) {
		go s.takeIn()
	}
	select {
	case <-l.done:
		return l.verdicts, l.err
	case <-ctx.Done():
		return nil, ctx.Err() // it may be taken all the same, as a lost answer may
	}
}

// takeIn takes letters until none waits.
func (s *Requests) takeIn() {
	for {
		group := s.inbox.next()
		if len(group) == 0 {
			return
		}
		s.takeGroup(slices.Clone(group))
		for _, l := range group {
			close(l.done)
		}
	}
}

// takeGroup takes what letters say in one unit of work, and what follows from
// it for their requests in another, so that answers of several services about
// one request wait for each other only when it goes on.
func (s *Requests) takeGroup(group []*letter) {
	together(group, s.take)
	together(slices.DeleteFunc(group, func(l *letter) bool { return l.err != nil }), s.followOn)
}

// together does something for several letters at once. Where one of them is at
// fault it is done for each by itself, so that nobody pays for another's
// mistake.
func together(group []*letter, do func([]*letter) error) {
	err := survive(do, group)
	if err == nil || len(group) == 1 || postgres.Away(err) || errors.Is(err, context.DeadlineExceeded) {
		for _, l := range group {
			l.err = err
		}
		return
	}
	for _, l := range group {
		l.err = survive(do, []*letter{l})
	}
}

// survive makes a panic an error. It would else end the server: nothing stands
// over the goroutine that takes letters.
func survive(do func([]*letter) error, group []*letter) (err error) {
	defer func() {
		if recover() != nil { // its value may quote the message; the stack holds no texts
			err = fmt.Errorf("erasure: panic while taking messages\n%s", debug.Stack())
		}
	}()
	return do(group)
}

// take judges what letters say and writes it down.
func (s *Requests) take(group []*letter) error {
	ctx, cancel := context.WithTimeout(context.Background(), intakeFor)
	defer cancel()
	var raised []alert.Alert
	err := postgres.Work(ctx, s.db, func(tx pgx.Tx) error {
		if err := checkKeys(ctx, tx, group); err != nil {
			return err
		}
		if err := remember(ctx, tx, group); err != nil {
			return err
		}
		in, err := s.readInbox(ctx, tx, group)
		if err != nil {
			return err
		}
		for _, l := range group {
			if err := s.checkParts(ctx, tx, in, l.message.Answers); err != nil {
				return err
			}
			l.verdicts = in.judgeAll(l.message)
		}
		raised, err = s.settle(ctx, tx, in, group)
		return err
	})
	if err == nil {
		s.announce(ctx, raised)
	}
	return err
}

// followOn takes the requests of letters on: the last answer of a wave opens
// the next, the last of all closes the request. Where it
// fails the answers stay recorded, and the service is told to say them again: a
// duplicate is followed on too. The clock looks at every open request besides.
func (s *Requests) followOn(group []*letter) error {
	after := consequences{}
	for _, l := range group {
		for id, c := range l.after {
			after[id] = after[id].and(c)
		}
	}
	if len(after) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), intakeFor)
	defer cancel()
	return postgres.Work(ctx, s.db, func(tx pgx.Tx) error { return s.onward(ctx, tx, after) })
}
