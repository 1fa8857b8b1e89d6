package running

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
)

// gate stands before one service and, while it is shut, holds erasures back
// that were sent: whoever sent them is in the middle of its work.
type gate struct {
	t       *testing.T
	ref     string
	mu      sync.Mutex
	held    chan struct{} // nil while the gate is open; closed to let through
	arrived chan struct{} // an erasure was sent
}

func newGate(t *testing.T, ref string) *gate {
	return &gate{t: t, ref: ref, arrived: make(chan struct{}, 1000)}
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.held)
	g.held = nil
}

// before returns where a service is reached: through the gate if it is that
// service's.
func (g *gate) before(s *erasuretest.Service) string {
	if s.Ref != g.ref {
		return s.URL
	}
	at, err := url.Parse(s.URL)
	if err != nil {
		g.t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(at)
	proxy.ErrorLog = quiet
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // who sent it was killed
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if m, err := protocol.DecodeRequests(body); err == nil && m.Tasks[0].Action == protocol.Erase {
			g.mu.Lock()
			held := g.held
			g.mu.Unlock()
			g.arrived <- struct{}{}
			if held != nil {
				select {
				case <-held:
				case <-r.Context().Done():
					return
				}
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	g.t.Cleanup(front.Close)
	return front.URL
}

// inMidWork has two replicas, and erasures under way of which one of the two
// has just sent the first to a service that does not answer yet. It returns
// that replica as the first, with its id.
func inMidWork(t *testing.T) (h *house, db *pgxpool.Pool, g *gate, services []*erasuretest.Service, replicas []*replica, id uuid.UUID, cases []string) {
	t.Helper()
	at := []string{freeAddress(t), freeAddress(t)}
	b := balance(t, at...)
	h = found(t, b.URL, "LETHE_LOG_LEVEL=info")
	g = newGate(t, "payments")
	h.before = g.before
	replicas = []*replica{h.replica(at[0]), h.replica(at[1])}
	b.await(t, 2)
	services = h.enlist("orders", "payments")
	db, err := pgxpool.New(t.Context(), pg.AppURL(h.name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	var planned []request
	for _, person := range []string{"C-1", "C-2", "C-3", "C-4", "C-5", "C-6"} {
		planned = append(planned, h.open("customer_id", person))
	}
	for i, r := range planned {
		cases = append(cases, r.CaseNumber)
		planned[i] = h.reach(r.CaseNumber, "PLANNED", time.Minute)
	}
	g.shut()
	for _, r := range planned {
		h.approve(r)
	}
	select {
	case <-g.arrived:
	case <-time.After(time.Minute):
		t.Fatal("nothing was sent")
	}
	const q = `SELECT t.lease_by FROM erasure_task t JOIN catalog_service s ON s.id = t.service_id WHERE s.ref = 'payments' AND t.lease_until > now() LIMIT 1`
	if err := db.QueryRow(t.Context(), q).Scan(&id); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(replicas[0].log); err != nil || !strings.Contains(string(text), id.String()) {
		replicas[0], replicas[1] = replicas[1], replicas[0]
	}
	return h, db, g, services, replicas, id, cases
}

// await waits until a statement yields true.
func await(t *testing.T, db *pgxpool.Pool, what, q string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var ok bool
		if err := db.QueryRow(t.Context(), q, args...).Scan(&ok); err != nil {
			t.Fatal(err)
		}
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after two minutes still not: %s", what)
		}
	}
}

// each checks that everything was done once: the requests closed, every task
// had one effect, and the record tells of one closing and one certificate each.
func each(t *testing.T, h *house, db *pgxpool.Pool, services []*erasuretest.Service, cases []string) {
	t.Helper()
	for _, number := range cases {
		if r := h.reach(number, "CLOSED", 2*time.Minute); r.Outcome == nil || *r.Outcome != "FULFILLED" {
			t.Errorf("%s: %+v", number, r)
		}
	}
	for _, s := range services {
		done, erased := map[uuid.UUID]bool{}, 0
		for _, e := range s.Effects() {
			if done[e.Task] {
				t.Errorf("%s did task %s twice", s.Ref, e.Task)
			}
			done[e.Task] = true
			if e.Action == protocol.Erase {
				erased++
			}
		}
		if erased != len(cases) {
			t.Errorf("%s erased %d, want %d", s.Ref, erased, len(cases))
		}
	}
	await(t, db, "a certificate each", `SELECT count(*) = $1 FROM erasure_certificate`, len(cases))
	for what, q := range map[string]string{
		"closings":     `SELECT count(*) FROM audit_entry WHERE act = 'request.closed'`,
		"approvals":    `SELECT count(*) FROM audit_entry WHERE act = 'request.executing'`,
		"certificates": `SELECT count(*) FROM erasure_certificate`,
	} {
		var n int
		if err := db.QueryRow(t.Context(), q).Scan(&n); err != nil || n != len(cases) {
			t.Errorf("%d %s, %v; want %d", n, what, err, len(cases))
		}
	}
}

const (
	buried  = `SELECT NOT EXISTS (SELECT FROM server_process WHERE id = $1)`
	resumed = `SELECT NOT EXISTS (SELECT FROM river_job WHERE state = 'running' AND attempted_by[array_upper(attempted_by, 1)] = $1::uuid::text)
	              AND NOT EXISTS (SELECT FROM erasure_task WHERE lease_by = $1 AND lease_until > now())`
	passedOn = `SELECT EXISTS (SELECT FROM river_leader WHERE leader_id <> $1::uuid::text)`
)

// A replica is killed in the middle of a delivery: the other notices by its
// silence, has its jobs, leases and place as leader, and sends the same tasks.
func TestWorkOfAKilledReplicaIsTakenOver(t *testing.T) {
	t.Parallel()
	h, db, g, services, replicas, dead, cases := inMidWork(t)
	for len(g.arrived) > 0 {
		<-g.arrived
	}
	replicas[0].Kill()
	killed := time.Now()
	g.open()
	select {
	case <-g.arrived:
		t.Logf("work went on %s after the kill", time.Since(killed).Round(time.Millisecond))
	case <-time.After(2 * time.Minute):
		t.Fatal("nobody took the deliveries over")
	}
	await(t, db, "the dead process is off the list", buried, dead)
	await(t, db, "its jobs and leases are another's", resumed, dead)
	await(t, db, "another leads", passedOn, dead)
	each(t, h, db, services, cases)
	t.Logf("all %d requests closed %s after the kill", len(cases), time.Since(killed).Round(time.Millisecond))
	await(t, db, "it was the others who noticed, and not River", `SELECT EXISTS (SELECT FROM river_job WHERE errors::text LIKE '%its process ended%') AND $1::uuid IS NOT NULL`, dead)
}

// A replica stands still in the middle of a delivery until the others take it
// for dead and do its work, and then goes on as if nothing had been: what it
// had sent is done by the service, what it records comes too late, and nothing
// is doubled.
func TestReplicaWronglyTakenForDead(t *testing.T) {
	t.Parallel()
	h, db, g, services, replicas, slow, cases := inMidWork(t)
	signal := func(s syscall.Signal) {
		if err := replicas[0].Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	stopped := time.Now()
	signal(syscall.SIGSTOP)
	defer signal(syscall.SIGCONT)
	g.open() // the service gets what was sent
	await(t, db, "the others take it for dead", buried, slow)
	await(t, db, "its jobs and leases are another's", resumed, slow)
	if left := 12*time.Second - time.Since(stopped); left > 0 {
		time.Sleep(left) // it is not a wait for anything: the process stands still for so long
	}
	signal(syscall.SIGCONT)
	t.Logf("it stood still for %s", time.Since(stopped).Round(time.Millisecond))
	await(t, db, "it is back on the list", `SELECT EXISTS (SELECT FROM server_process WHERE id = $1 AND seen_at > now() - interval '8 seconds')`, slow)
	cases = append(cases, h.open("customer_id", "C-7").CaseNumber) // and it works
	h.approve(h.reach(cases[len(cases)-1], "PLANNED", time.Minute))
	each(t, h, db, services, cases)
}
