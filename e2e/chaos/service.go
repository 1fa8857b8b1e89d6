package chaos

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/internal/postgres"
)

// Service is one of the company's services. It verifies what it is sent,
// writes it down, does each task once, writes every effect to a file of its
// own, and signs what it says. With a database it commits what it was sent
// before it says 202, and what it did before it says done.
type Service struct {
	Ref string
	URL string

	key     signature.Key
	issuer  string
	trusted []signature.PublicKey
	db      *pgxpool.Pool // nil: memory and the file alone
	batch   int           // results in one message
	dawdle  time.Duration // at most so long before it accepts, and before it answers
	posted  func(time.Duration)
	file    *os.File
	client  *http.Client
	server  *http.Server
	ended   chan struct{}
	queue   chan *job
	workers sync.WaitGroup

	// Messages counts the task requests that came, Last is when the latest did.
	Messages atomic.Int64
	Last     atomic.Int64
	// Held counts messages that wait for their 202; Single has more than one
	// task in a message refused, so that Lethe sends them one by one.
	Held   atomic.Int64
	Single atomic.Bool
	// Slow has what comes now done after its lease has run out: nothing that
	// Lethe failed to note is made good by an early result.
	Slow atomic.Bool

	mu   sync.Mutex
	jobs map[uuid.UUID]*job
	// acknowledged are the tasks whose result Lethe said it had recorded.
	acknowledged map[uuid.UUID]bool
}

// job is a task as a service keeps it, for ever.
type job struct {
	task       protocol.Task
	deliveries int
	begun      bool
	seq        int64
	result     *protocol.Result
}

// workers is how many messages of results a service has under way.
const workers = 16

type serviceOptions struct {
	issuer  string
	trusted []signature.PublicKey
	db      *pgxpool.Pool
	batch   int
	workers int
	effects string
	client  *http.Client
	dawdle  time.Duration
	posted  func(time.Duration) // told what each posting of results took; may be nil
}

func startService(ref string, o serviceOptions) (*Service, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	s := &Service{Ref: ref, key: signature.Key{ID: ref + "-1", Private: private}, issuer: o.issuer, trusted: o.trusted, db: o.db, batch: o.batch,
		dawdle: o.dawdle, posted: o.posted, client: o.client, ended: make(chan struct{}), queue: make(chan *job, 100_000), jobs: map[uuid.UUID]*job{}, acknowledged: map[uuid.UUID]bool{}}
	if s.file, err = os.OpenFile(o.effects, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	if s.db != nil {
		const q = `
			CREATE TABLE IF NOT EXISTS task (key uuid PRIMARY KEY, case_number text NOT NULL, action text NOT NULL, done boolean NOT NULL DEFAULT false);
			CREATE TABLE IF NOT EXISTS effect (task uuid NOT NULL, rows bigint NOT NULL)`
		if _, err := s.db.Exec(context.Background(), q); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.URL = "http://" + l.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /lethe/v1/tasks", s.take)
	mux.HandleFunc("GET /lethe/v1/tasks/{id}", s.tell)
	mux.HandleFunc("POST /lethe/v1/ping", s.pong)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(l) }() // ends with stop
	for range o.workers {
		s.workers.Go(s.work)
	}
	return s, nil
}

func (s *Service) stop() {
	close(s.ended)
	_ = s.server.Close()
	s.workers.Wait()
	s.file.Close()
	if s.db != nil {
		s.db.Close()
	}
}

// read verifies a message.
func (s *Service) read(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := protocol.ReadBody(r.Body, protocol.MaxRequestsBytes)
	if err == nil {
		_, err = signature.Verify(s.trusted, r.Header, body, time.Now(), signature.Tolerance)
	}
	if err != nil {
		w.WriteHeader(http.StatusUnauthorized)
	}
	return body, err == nil
}

func (s *Service) take(w http.ResponseWriter, r *http.Request) {
	body, ok := s.read(w, r)
	if !ok {
		return
	}
	m, err := protocol.DecodeRequests(body)
	if err != nil || m.Audience != s.Ref || m.Issuer != s.issuer {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	s.Last.Store(time.Now().UnixNano())
	if s.Single.Load() && len(m.Tasks) > 1 {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	s.Messages.Add(1)
	if err := s.writeDown(r.Context(), m.Tasks); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	answer := protocol.Acceptance{Accepted: make([]uuid.UUID, len(m.Tasks))}
	for i, t := range m.Tasks {
		answer.Accepted[i] = t.Task
	}
	out, err := protocol.Encode(answer)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.arrived(m.Tasks)
	s.Held.Add(1)
	s.linger()
	s.Held.Add(-1)
	if r.Context().Err() != nil && rand.N(4) > 0 {
		return // whoever asked is gone: most services undo what they began
	}
	w.WriteHeader(http.StatusAccepted)
	w.Write(out)
	s.begin(m.Tasks)
}

// linger takes the time that a busy service takes.
func (s *Service) linger() {
	if s.dawdle == 0 {
		return
	}
	select {
	case <-s.ended:
	case <-time.After(rand.N(s.dawdle)):
	}
}

// writeDown commits tasks before they are accepted.
func (s *Service) writeDown(ctx context.Context, tasks []protocol.Task) error {
	const q = `
		INSERT INTO task (key, case_number, action) SELECT key, case_number, action FROM unnest($1::uuid[], $2::text[], $3::text[]) AS t (key, case_number, action)
		ON CONFLICT DO NOTHING`
	if s.db == nil {
		return nil
	}
	keys, cases, actions := make([]uuid.UUID, len(tasks)), make([]string, len(tasks)), make([]string, len(tasks))
	for i, t := range tasks {
		keys[i], cases[i], actions[i] = t.Task, t.Case, string(t.Action)
	}
	_, err := s.db.Exec(ctx, q, keys, cases, actions)
	return err
}

// arrived counts what came, whatever becomes of it.
func (s *Service) arrived(tasks []protocol.Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range tasks {
		if s.jobs[t.Task] == nil {
			s.jobs[t.Task] = &job{task: t}
		}
		s.jobs[t.Task].deliveries++
	}
}

// begin queues what is new. A task that comes again is not done again; its
// result is told again, for the first telling may have been lost.
func (s *Service) begin(tasks []protocol.Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range tasks {
		if j := s.jobs[t.Task]; !j.begun || j.result != nil {
			if slow := s.Slow.Load(); slow && !j.begun {
				time.AfterFunc(queue.LeaseTime+10*time.Second, func() { s.queue <- j })
			} else {
				s.queue <- j
			}
			j.begun = true
		}
	}
}

// work does tasks and tells their results, several in one message where
// several are waiting.
func (s *Service) work() {
	for {
		var jobs []*job
		select {
		case <-s.ended:
			return
		case j := <-s.queue:
			jobs = append(jobs, j)
		}
	more:
		for len(jobs) < s.batch {
			select {
			case j := <-s.queue:
				jobs = append(jobs, j)
			default:
				break more
			}
		}
		s.linger()
		if err := s.do(jobs); err != nil {
			continue // asked for again by Lethe's poll
		}
		s.say(jobs)
	}
}

// do carries out what is not done yet. Where the service has a database, what
// is done there already is no effect of this time.
func (s *Service) do(jobs []*job) error {
	fresh := s.unanswered(jobs)
	if s.db != nil && len(fresh) > 0 {
		const q = `
			WITH done AS (UPDATE task SET done = true WHERE key = ANY($1) AND NOT done RETURNING key)
			INSERT INTO effect (task, rows) SELECT key, 3 FROM done RETURNING task`
		keys := make([]uuid.UUID, len(fresh))
		for i, j := range fresh {
			keys[i] = j.task.Task
		}
		now, err := postgres.Scalars[uuid.UUID](context.Background(), s.db, q, keys)
		if err != nil {
			return err
		}
		fresh = slices.DeleteFunc(fresh, func(j *job) bool { return !slices.Contains(now, j.task.Task) })
	}
	for _, j := range fresh {
		if _, err := fmt.Fprintf(s.file, "%s %s %s %d\n", j.task.Task, j.task.Action, j.task.Case, j.task.Wave); err != nil {
			return err
		}
	}
	return nil
}

// unanswered gives the jobs that have no result theirs.
func (s *Service) unanswered(jobs []*job) (fresh []*job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range jobs {
		if j.result == nil {
			j.seq++
			j.result = s.resultOf(j)
			fresh = append(fresh, j)
		}
	}
	return fresh
}

func (s *Service) resultOf(j *job) *protocol.Result {
	r := &protocol.Result{Task: j.task.Task, Seq: j.seq, PlanDigest: j.task.PlanDigest, State: protocol.Done}
	for _, d := range j.task.Datasets {
		o := protocol.DatasetOutcome{Dataset: d.ID, Outcome: protocol.Erased, Count: 3, Method: "delete"}
		switch j.task.Action {
		case protocol.Locate:
			o = protocol.DatasetOutcome{Dataset: d.ID, Outcome: protocol.Present, Count: 3}
		case protocol.Probe:
			o = protocol.DatasetOutcome{Dataset: d.ID, Outcome: protocol.Absent}
		}
		r.Outcomes = append(r.Outcomes, o)
	}
	return r
}

// Deliveries tells how often each task came: tasks, and deliveries in all.
func (s *Service) Deliveries() (tasks, deliveries int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		deliveries += j.deliveries
	}
	return len(s.jobs), deliveries
}

// Acknowledged lists the tasks whose result Lethe said it had recorded.
func (s *Service) Acknowledged() []uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]uuid.UUID, 0, len(s.acknowledged))
	for id := range s.acknowledged {
		out = append(out, id)
	}
	return out
}
