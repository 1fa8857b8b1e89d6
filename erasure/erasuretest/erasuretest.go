// Package erasuretest lends tests a service that speaks lethe-rights/1 over
// real HTTP: it verifies signatures, signs its own messages, does each task
// once for ever and writes every effect to a file. By its options it obeys,
// dawdles, refuses, contradicts itself, lies or sends poison.
package erasuretest

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
)

// Service is a service under a test's control. Its methods may be called from
// any goroutine.
type Service struct {
	Ref       string                // what Lethe calls it; "orders" unless Named
	URL       string                // the endpoint to register
	Key       signature.Key         // what it signs with
	Recipient string                // its age recipient; register it to have identifiers sealed
	identity  *age.X25519Identity   //
	tb        testing.TB            //
	how       behaviour             //
	client    *http.Client          //
	stop      chan struct{}         // closed at the end of the test
	work      sync.WaitGroup        //
	effects   string                // path of the file of effects
	mu        sync.Mutex            // guards everything below
	server    *http.Server          // nil while down
	issuer    string                //
	trusted   []signature.PublicKey //
	tasks     map[uuid.UUID]*known
	order     []uuid.UUID      // of first arrival
	people    map[string]int   // identifier → number of a person
	rows      map[string]int64 // dataset and number → rows
	sent      []Message
	changed   chan struct{} // closed and replaced at every change
}

// known is what a service remembers of a task.
type known struct {
	task        protocol.Task
	identifiers []protocol.Identifier
	fingerprint string
	deliveries  int
	begun       bool // somebody works at it, or has
	cancelled   bool
	seq         int64
	result      *protocol.Result
	disposition protocol.Disposition // Lethe's last word on the result
	failures    int
	arrived     time.Time // on the service's clock
}

// Effect is one line of the file of effects: something was done.
type Effect struct {
	Task   uuid.UUID
	Action protocol.Action
	Case   string
	Wave   int
}

// Message is a signed message as it went over the wire.
type Message struct {
	To     string
	Header http.Header
	Body   []byte
}

// New starts a service that lasts as long as the test. It trusts nobody until
// Trust or the option Trusts names Lethe's keys.
func New(tb testing.TB, opts ...Option) *Service {
	tb.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		tb.Fatal(err)
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		tb.Fatal(err)
	}
	s := &Service{
		Ref: "orders", Recipient: identity.Recipient().String(), identity: identity, tb: tb, stop: make(chan struct{}),
		effects: filepath.Join(tb.TempDir(), "effects"), tasks: map[uuid.UUID]*known{}, people: map[string]int{}, rows: map[string]int64{}, changed: make(chan struct{}),
		how: behaviour{clock: time.Now, rows: 3},
		client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	for _, o := range opts {
		o(s)
	}
	s.Key = signature.Key{ID: s.Ref + "-1", Private: private}
	if s.how.key != nil {
		s.Key.Private = s.how.key.Private
	}
	s.listen("127.0.0.1:0")
	tb.Cleanup(s.end)
	return s
}

func (s *Service) end() {
	close(s.stop)
	s.mu.Lock()
	server := s.server
	s.mu.Unlock()
	if server != nil { // doors may start work; let them finish before waiting for it
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(ctx)
	}
	s.Down()
	s.work.Wait()
	s.client.CloseIdleConnections()
}

func (s *Service) listen(address string) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		s.tb.Fatalf("service %s: %v", s.Ref, err)
	}
	server := &http.Server{Handler: s.doors(), ReadHeaderTimeout: 10 * time.Second}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server, s.URL = server, "http://"+l.Addr().String()
	s.work.Go(func() { server.Serve(l) })
}

// Down stops listening: connections are refused. What the service has begun it
// goes on with.
func (s *Service) Down() {
	s.mu.Lock()
	server := s.server
	s.server = nil
	s.mu.Unlock()
	if server != nil {
		server.Close()
	}
}

// Up listens again, at the same address.
func (s *Service) Up() {
	s.mu.Lock()
	down, address := s.server == nil, strings.TrimPrefix(s.URL, "http://")
	s.mu.Unlock()
	if down {
		s.listen(address)
	}
}

// Trust names Lethe: the issuer of task requests and the keys that sign them.
func (s *Service) Trust(issuer string, keys ...signature.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issuer, s.trusted = issuer, keys
}

// Tasks lists the tasks that have arrived, each once, with their identifiers
// opened, in the order of arrival.
func (s *Service) Tasks() (all []protocol.Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.order {
		k := s.tasks[id]
		t := k.task
		t.Identifiers = k.identifiers
		all = append(all, t)
	}
	return all
}

// Deliveries tells how often a task has arrived.
func (s *Service) Deliveries(task uuid.UUID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.tasks[task]; k != nil {
		return k.deliveries
	}
	return 0
}

// Disposition is Lethe's last word on the task's result; "" while it has said
// none.
func (s *Service) Disposition(task uuid.UUID) protocol.Disposition {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.tasks[task]; k != nil {
		return k.disposition
	}
	return ""
}

// Sent lists the messages of results that were posted, as they were.
func (s *Service) Sent() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.sent...)
}

// Await waits until n tasks have arrived, half a minute at most.
func (s *Service) Await(n int) []protocol.Task {
	s.tb.Helper()
	s.Until(fmt.Sprintf("%d tasks at %s", n, s.Ref), func() bool { return len(s.Tasks()) >= n })
	return s.Tasks()
}

// Until waits until ok holds, looking again whenever the service has changed
// and every few milliseconds besides, half a minute at most.
func (s *Service) Until(what string, ok func() bool) {
	s.tb.Helper()
	deadline := time.After(30 * time.Second)
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			s.tb.Fatalf("waited 30 s for %s", what)
		}
	}
}

// change tells those who wait. The caller holds mu.
func (s *Service) change() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Effects reads the file of effects, in the order they happened. An effect
// that happened twice stands there twice.
func (s *Service) Effects() (all []Effect) {
	s.tb.Helper()
	text, err := os.ReadFile(s.effects)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		s.tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var e Effect
		var id string
		if _, err := fmt.Sscanf(line, "%s %s %s %d", &id, &e.Action, &e.Case, &e.Wave); err != nil {
			s.tb.Fatalf("effects: %v", err)
		}
		e.Task = uuid.MustParse(id)
		all = append(all, e)
	}
	return all
}

// happened appends to the file of effects. The caller holds mu.
func (s *Service) happened(t protocol.Task) {
	f, err := os.OpenFile(s.effects, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(f, "%s %s %s %d\n", t.Task, t.Action, t.Case, t.Wave)
		err = errorsFirst(err, f.Close())
	}
	if err != nil {
		s.tb.Errorf("effects: %v", err)
	}
}

func errorsFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
