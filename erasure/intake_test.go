package erasure_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/internal/access"
)

// outcome is what came of one message.
type outcome struct {
	verdicts []answer.Verdict
	err      error
}

func (o outcome) String() string {
	if o.err != nil {
		return o.err.Error()
	}
	return fmt.Sprint(o.verdicts[0].Disposition)
}

// message is a message of a service, with an id of its own.
func (s *shop) message(service string, answers ...answer.Answer) answer.Message {
	id := uuid.NewString()
	body := sha256.Sum256([]byte(id))
	return answer.Message{Service: s.services[service].ID, Key: service + "-1", ID: id, Body: body[:], Answers: answers}
}

// hold locks a row until the returned function is called.
func (s *shop) hold(q string, args ...any) (release func()) {
	s.t.Helper()
	tx, err := s.db.Begin(s.ctx)
	s.must(err)
	_, err = tx.Exec(s.ctx, q, args...)
	s.must(err)
	var once sync.Once
	free := func() { once.Do(func() { s.must(tx.Rollback(context.Background())) }) }
	s.t.Cleanup(free)
	return free
}

// until waits for something that another goroutine does.
func (s *shop) until(what string, done func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("never happened: ", what)
		}
	}
}

// together sends messages that are taken as one group: the worker is held up
// by another message, about a task whose row is locked, until all of them wait.
func (s *shop) together(first answer.Message, ms ...answer.Message) []outcome {
	s.t.Helper()
	release := s.hold(`SELECT 1 FROM erasure_task WHERE key = $1 FOR UPDATE`, first.Answers[0].Task)
	out := make([]outcome, len(ms)+1)
	var all sync.WaitGroup
	send := func(i int, m answer.Message) {
		by := s.person(fmt.Sprint("service ", m.Service), access.Service)
		all.Go(func() { out[i].verdicts, out[i].err = s.requests.Receive(s.ctx, by, m) })
	}
	send(0, first)
	s.until("the first message is being taken", func() bool {
		return s.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0
	})
	for i, m := range ms {
		send(i+1, m)
		s.until("the message waits", func() bool { return s.requests.Queued() == i+1 })
	}
	release()
	all.Wait()
	return out[1:]
}

// ready brings an erasure to its first wave, and takes what is asked.
func (s *shop) ready() (r erasure.Request, orders, payments queue.Delivery) {
	s.t.Helper()
	r = s.approved(erasure.Erasure)
	return r, s.take("orders")[0], s.take("payments")[0]
}

// Nobody pays for another's mistake: of messages that are taken together each
// is judged as if it had come alone.
func TestOneBadMessageOfSeveral(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(s *shop, bad answer.Message) answer.Message
		want  error
	}{
		"about a task of another service": {func(s *shop, bad answer.Message) answer.Message {
			bad.Service, bad.Key = s.services["reviews"].ID, "reviews-1"
			return bad
		}, erasure.ErrWrongService},
		"under the id of another message": {func(s *shop, bad answer.Message) answer.Message {
			before := s.message("orders")
			_, err := s.requests.Receive(s.ctx, s.person("orders", access.Service), before)
			s.must(err)
			bad.ID = before.ID
			return bad
		}, erasure.ErrMessageReused},
		"signed with a key that was revoked meanwhile": {func(s *shop, bad answer.Message) answer.Message {
			s.must(s.catalog.RevokeKey(s.ctx, s.admin, bad.Service, bad.Key))
			return bad
		}, erasure.ErrKeyGone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := furnish(t, confNow)
			_, orders, payments := s.ready()
			late := s.message("customers", answer.Answer{Task: payments.Key, State: "WORKING", Seq: 1}) // refused, and only there to hold the worker up
			bad, good := s.message("orders", s.answer(orders, "ERASED", 3)), s.message("payments", s.answer(payments, "RETAINED", 3))
			bad = c.spoil(s, bad)
			got := s.together(late, bad, good)
			if !errors.Is(got[0].err, c.want) || got[1].err != nil || got[1].verdicts[0].Disposition != answer.Recorded {
				t.Errorf("the bad one: %v; the good one: %v", got[0], got[1])
			}
			if n := s.count(`SELECT count(*) FROM audit_entry WHERE act = 'task.answered' AND entity_id IN ($1, $2)`, orders.Key, payments.Key); n != 1 {
				t.Errorf("%d answers are in the audit log, want the good one", n)
			}
		})
	}
}

// The same message twice at once is recorded once, and what follows from it
// happens once.
func TestSameMessageTwiceAtOnce(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	_, orders, payments := s.ready()
	m := s.message("orders", s.answer(orders, "ERASED", 3))
	got := s.together(s.message("payments", s.answer(payments, "RETAINED", 3)), m, m)
	if fmt.Sprint(got) != "[recorded duplicate]" {
		t.Errorf("%v", got)
	}
	if n := s.count(`SELECT count(*) FROM erasure_task WHERE state = 'WAITING'`); n == 0 {
		t.Fatal("no later wave to look at")
	}
	if n := s.count(`SELECT count(*) FROM erasure_outcome o JOIN erasure_task t ON t.id = o.task_id WHERE t.key = $1`, orders.Key); n != 2 {
		t.Errorf("%d outcomes, want one for each of the two datasets", n)
	}
}

// Two requests end in one group: each has its own conclusion, notice and order
// for a certificate, written together.
func TestSeveralRequestsCloseTogether(t *testing.T) {
	t.Parallel()
	s := furnish(t, erasure.Config{NoProbes: true})
	one, two := s.planned(erasure.Erasure), s.plannedFor("c-2", "max@example.org")
	s.approve(one, two)
	s.obey("orders", "payments") // sources
	s.obey("reviews")            // copies
	last := s.take("customers")
	if len(last) != 2 {
		t.Fatalf("%d tasks of the directory, want those of two requests", len(last))
	}
	first := s.message("orders", answer.Answer{Task: last[0].Key, State: "WORKING", Seq: 1}) // refused; holds the worker up
	got := s.together(first, s.message("customers", s.answer(last[0], "ERASED", 1)), s.message("customers", s.answer(last[1], "ERASED", 1)))
	if fmt.Sprint(got) != "[recorded recorded]" {
		t.Fatalf("%v", got)
	}
	for _, r := range []erasure.Request{one, two} {
		r = s.want(r, erasure.Closed)
		if *r.Outcome != erasure.FulfilledWithRetention || r.ClosedAt == nil || r.KeyDestroyOn == nil {
			t.Errorf("%+v", r)
		}
		for what, q := range map[string]string{
			"conclusion": `SELECT count(*) FROM audit_entry WHERE request_id = $1 AND act = 'request.concluded'`,
			"closing":    `SELECT count(*) FROM audit_entry WHERE request_id = $1 AND act = 'request.closed'`,
			"notice":     `SELECT count(*) FROM erasure_notice WHERE request_id = $1 AND kind = 'OUTCOME'`,
			"order":      `SELECT count(*) FROM erasure_uncertified WHERE request_id = $1`,
		} {
			if n := s.count(q, r.ID); n != 1 {
				t.Errorf("%s: %d", what, n)
			}
		}
		if n := s.count(`SELECT count(*) FROM erasure_mark WHERE request_id = $1`, r.ID); n != 0 {
			t.Errorf("%d marks are left", n)
		}
	}
}

// An answer is recorded and the request cannot go on just then: the service is
// told to come again, and its second telling closes the request.
func TestDuplicateIsFollowedOn(t *testing.T) {
	t.Parallel()
	s := furnish(t, erasure.Config{NoProbes: true})
	r := s.approved(erasure.Erasure)
	s.obey("orders", "payments")
	s.obey("reviews")
	last := s.take("customers")[0]
	m := s.message("customers", s.answer(last, "ERASED", 1))
	release := s.hold(`SELECT 1 FROM erasure_request WHERE id = $1 FOR UPDATE`, r.ID)
	by := s.person("customers", access.Service)
	if v, err := s.requests.Receive(s.ctx, by, m); err == nil {
		t.Fatalf("%v, while the request was held by another", v)
	}
	release()
	s.want(r, erasure.Executing)
	v, err := s.requests.Receive(s.ctx, by, m)
	if err != nil || v[0].Disposition != answer.Duplicate {
		t.Fatalf("%v, %v", v, err)
	}
	s.want(r, erasure.Closed)
}

// A caller that leaves is not waited for; what it said is taken all the same.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	_, orders, _ := s.ready()
	release := s.hold(`SELECT 1 FROM erasure_task WHERE key = $1 FOR UPDATE`, orders.Key)
	ctx, leave := context.WithCancel(s.ctx)
	gone := make(chan error)
	m, by := s.message("orders", s.answer(orders, "ERASED", 3)), s.person("orders", access.Service)
	go func() {
		_, err := s.requests.Receive(ctx, by, m)
		gone <- err
	}()
	s.until("the message is being taken", func() bool {
		return s.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0
	})
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	release()
	s.until("the answer is recorded", func() bool {
		return s.count(`SELECT count(*) FROM erasure_task WHERE key = $1 AND state = 'DONE'`, orders.Key) == 1
	})
}

// plannedFor is planned for another person. Nothing else may be due.
func (s *shop) plannedFor(id, email string) erasure.Request {
	s.t.Helper()
	r := s.open(erasure.Erasure, subject.Identifier{Type: "customer_id", Value: id})
	for _, d := range s.take("customers") {
		a := s.answer(d, "PRESENT", 1)
		a.Resolved = &answer.Resolution{People: 1, Identifiers: []subject.Identifier{{Type: "customer_id", Value: id}, {Type: "email", Value: email}}}
		s.says("customers", a)
	}
	s.obey(everybody...)
	return s.want(r, erasure.Planned)
}

func (s *shop) approve(rs ...erasure.Request) {
	s.t.Helper()
	for _, r := range rs {
		_, err := s.requests.Approve(s.ctx, s.approver, r.ID, r.PlanDigest)
		s.must(err)
	}
}
