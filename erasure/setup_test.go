package erasure_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/alert"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/certificate"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/internal/vault"
)

// shop is a small furnished company with a clock of its own.
type shop struct {
	t        testing.TB
	ctx      context.Context
	db       *pgxpool.Pool
	vault    *vault.Vault
	catalog  *catalog.Catalog
	requests *erasure.Requests
	queue    *queue.Queue
	parts    func(task uuid.UUID) error // judges parts; nil: all are as declared
	log      *audit.Log
	signer   *audit.Signer
	services map[string]catalog.Service
	datasets map[string]catalog.Dataset
	seq      map[uuid.UUID]int
	told     []alert.Alert

	admin, handler, approver, other access.Principal

	mu  sync.Mutex
	at  time.Time
	key ed25519.PrivateKey
}

// furnish sets a company up: customers resolves people, orders and its copy in
// reviews hold them, payments keeps invoices by law.
func furnish(t testing.TB, conf erasure.Config) *shop {
	t.Helper()
	s := &shop{t: t, ctx: context.Background(), db: pgtest.New(t), at: time.Now().UTC().Truncate(time.Second),
		services: map[string]catalog.Service{}, datasets: map[string]catalog.Dataset{}, seq: map[uuid.UUID]int{}}
	s.admin = s.person("ada", access.Admin)
	s.handler = s.person("hannah", access.Handler)
	s.approver = s.person("anton", access.Approver, access.Handler)
	s.other = s.person("olga", access.Approver)
	s.vault = vault.New(pgtest.NewKeystore(t), []vault.KEK{vault.NewKEK()})
	s.catalog = catalog.New(s.db, s.now)
	jobs, err := river.NewClient(riverpgxv5.New(s.db), &river.Config{})
	s.must(err)
	signer, err := audit.GenerateKey(filepath.Join(t.TempDir(), "checkpoint.key"), "lethe.test/audit")
	s.must(err)
	anchor, err := audit.OpenAnchor(t.TempDir(), signer.Keys)
	s.must(err)
	s.signer = signer
	s.log = audit.New(s.db, signer, anchor)
	_, s.key, _ = ed25519.GenerateKey(nil)
	s.requests = erasure.New(erasure.Setup{DB: s.db, Jobs: jobs, Vault: s.vault, Log: s.log, Now: s.now,
		Issuer: "https://lethe.test", Keys: []ed25519.PrivateKey{s.key}, Config: conf, Alerted: s.tells,
		Parts: func(_ context.Context, _ postgres.DB, task uuid.UUID, _ []answer.Part, _ map[uuid.UUID]int64) error {
			if s.parts == nil {
				return nil
			}
			return s.parts(task)
		}})
	s.queue = queue.New(s.db, jobs, s.vault, s.now, sender)
	s.company()
	return s
}

func (s *shop) company() {
	de, err := s.catalog.DeclareController(s.ctx, s.admin, catalog.Controller{Ref: "flowmart-de", Name: "FlowMart GmbH", Country: "DE", TimeZone: "Europe/Berlin"})
	s.must(err)
	keep, err := s.catalog.DeclareRetentionPolicy(s.ctx, s.admin, catalog.RetentionPolicy{Ref: "invoices", Name: "Invoices", Duration: "P10Y",
		Trigger: "END_OF_FISCAL_YEAR", Action: "DELETE", Ground: ptr("17(3)(b)"), LegalReference: ptr("§ 147 AO")})
	s.must(err)
	s.service(de, "customers", []string{"customer_id", "email"}, "customer_id", "email")
	s.service(de, "orders", nil, "customer_id")
	s.service(de, "payments", nil, "customer_id")
	s.service(de, "reviews", nil, "email")
	s.dataset("customers", "public.customer", catalog.Dataset{UsualMax: ptr(int64(1))})
	s.dataset("orders", "public.order", catalog.Dataset{UsualMax: ptr(int64(100))})
	s.dataset("orders", "public.order_item", catalog.Dataset{})
	s.dataset("payments", "public.invoice", catalog.Dataset{RetentionPolicyID: &keep.ID})
	s.dataset("reviews", "public.review", catalog.Dataset{Derived: true})
}

func (s *shop) service(c catalog.Controller, ref string, resolves []string, types ...string) {
	svc, err := s.catalog.RegisterService(s.ctx, s.admin, catalog.Service{Ref: ref, Name: ref, ControllerID: c.ID, Endpoint: ptr("https://" + ref + ".flowmart.example"),
		IdentifierTypes: types, Resolves: resolves, AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	s.must(err)
	s.services[ref] = s.activate(svc)
}

func (s *shop) activate(svc catalog.Service) catalog.Service {
	ch, err := s.catalog.BeginChallenge(s.ctx, s.admin, svc.ID)
	s.must(err)
	public, _, _ := ed25519.GenerateKey(nil)
	svc, err = s.catalog.CompleteChallenge(s.ctx, s.admin, svc.ID, catalog.Answer{Nonce: ch.Nonce, Keys: []catalog.ServiceKey{{ID: fmt.Sprint(svc.Ref, "-", svc.Rev), PublicKey: public}}})
	s.must(err)
	return svc
}

func (s *shop) dataset(service, name string, d catalog.Dataset) catalog.Dataset {
	svc := s.services[service]
	store, err := s.catalog.DeclareStore(s.ctx, s.admin, catalog.Store{Ref: service + "-" + strings.ReplaceAll(name, ".", "-"), Name: name, ServiceID: &svc.ID, Technology: "POSTGRESQL", BackupHorizonDays: ptr(30)})
	s.must(err)
	d.Namespace, d.Name, d.Kind, d.StoreID = "postgres://"+service, name, "TABLE", &store.ID
	d, err = s.catalog.DeclareDataset(s.ctx, s.admin, d)
	s.must(err)
	_, err = s.catalog.AssertTags(s.ctx, s.admin, []catalog.Tag{{DatasetID: d.ID, Term: "user.contact.email"}})
	s.must(err)
	s.datasets[service+"/"+name] = d
	return d
}

func (s *shop) person(name string, roles ...access.Role) access.Principal {
	id, err := audit.EnsurePrincipal(s.ctx, s.db, "test", name, name)
	s.must(err)
	return access.Principal{ID: id, Name: name, Roles: roles}
}

func (s *shop) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *shop) pass(d time.Duration) {
	s.mu.Lock()
	s.at = s.at.Add(d)
	s.mu.Unlock()
	s.must(s.requests.Tick(s.ctx))
	s.work()
}

func (s *shop) must(err error) {
	if err != nil {
		s.t.Helper()
		s.t.Fatal(err)
	}
}

func (s *shop) open(kind erasure.Kind, ids ...subject.Identifier) erasure.Request {
	s.t.Helper()
	o := erasure.Opening{Kind: kind, Controller: "flowmart-de", Identifiers: ids, Identity: ptr(erasure.AccountLogin)}
	if kind == erasure.Erasure {
		o.Ground = ptr("17(1)(b)")
	}
	r, err := s.requests.Open(s.ctx, s.handler, o)
	s.must(err)
	s.work()
	return s.get(r.ID)
}

func (s *shop) get(id uuid.UUID) erasure.Request {
	s.t.Helper()
	r, err := erasure.RequestByID(s.ctx, s.db, id)
	s.must(err)
	return r
}

// work does what the workers would: it takes on requests whose progress was
// posted, until nothing more is.
func (s *shop) work() {
	s.t.Helper()
	for s.progress() > 0 {
	}
}

func (s *shop) progress() int {
	s.t.Helper()
	rows, _ := s.db.Query(s.ctx, `DELETE FROM river_job WHERE kind = 'erasure.progress' AND scheduled_at <= now() RETURNING (args->>'request')::uuid`)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	s.must(err)
	for _, id := range ids {
		s.must(s.requests.Advance(s.ctx, id))
	}
	return len(ids)
}

// take leases what is due for a service and marks it delivered.
func (s *shop) take(service string) []queue.Delivery {
	s.t.Helper()
	due, err := s.queue.Due(s.ctx, s.services[service].ID, 100)
	s.must(err)
	sum := sha256.Sum256([]byte(service))
	s.must(s.queue.Delivered(s.ctx, due, sum[:]))
	return due
}

// says sends answers of a service, as its door would after verifying them.
func (s *shop) says(service string, answers ...answer.Answer) []answer.Verdict {
	s.t.Helper()
	id := uuid.NewString()
	body := sha256.Sum256([]byte(id))
	by := s.person(service, access.Service)
	v, err := s.requests.Receive(s.ctx, by, answer.Message{Service: s.services[service].ID, ID: id, Body: body[:], Answers: answers})
	s.must(err)
	return v
}

// answer makes the answer to a delivery, with the same word for every dataset.
func (s *shop) answer(d queue.Delivery, word string, count int64) answer.Answer {
	s.t.Helper()
	s.seq[d.Key]++
	a := answer.Answer{Task: d.Key, Seq: s.seq[d.Key], State: "DONE"}
	if d.Action != task.Resolve && d.Action != task.Locate {
		a.PlanDigest = hex.EncodeToString(d.PlanDigest)
	}
	scopes, err := task.ScopesOf(s.ctx, s.db, []int64{d.ID})
	s.must(err)
	for _, dataset := range scopes[d.ID] {
		o := answer.Dataset{Dataset: dataset, Outcome: word, Count: count}
		if word == "RETAINED" {
			o.Ground, o.Until = ptr("17(3)(b)"), ptr(s.now().AddDate(10, 0, 0))
		}
		a.Outcomes = append(a.Outcomes, o)
	}
	return a
}

// obey answers everything that is due for the services as a good one would.
func (s *shop) obey(services ...string) {
	s.t.Helper()
	for _, service := range services {
		for _, d := range s.take(service) {
			a := s.answer(d, s.goodWord(service, d.Action), 3)
			if d.Action == task.Resolve {
				a.Resolved = &answer.Resolution{People: 1, Identifiers: []subject.Identifier{{Type: "email", Value: "lena@example.org"}, {Type: "customer_id", Value: "c-1"}}}
			}
			if service == "customers" {
				for i := range a.Outcomes {
					a.Outcomes[i].Count = 1
				}
			}
			for _, v := range s.says(service, a) {
				if v.Disposition != answer.Recorded {
					s.t.Fatalf("%s %s: %+v", service, d.Action, v)
				}
			}
		}
	}
	s.work()
}

func (s *shop) goodWord(service string, a task.Action) string {
	switch {
	case a == task.Locate:
		return "PRESENT"
	case a == task.Probe:
		return "ABSENT"
	case a == task.Export:
		return "EXPORTED"
	case service == "payments":
		return "RETAINED"
	}
	return "ERASED"
}

var everybody = []string{"customers", "orders", "payments", "reviews"}

// planned opens a request and brings it to its plan.
func (s *shop) planned(kind erasure.Kind) erasure.Request {
	s.t.Helper()
	r := s.open(kind, subject.Identifier{Type: "customer_id", Value: "c-1"})
	s.obey("customers")
	s.obey(everybody...)
	r = s.get(r.ID)
	if r.State != erasure.Planned {
		s.t.Fatalf("state %s %v, want PLANNED", r.State, r.Block)
	}
	return r
}

func (s *shop) approved(kind erasure.Kind) erasure.Request {
	s.t.Helper()
	r := s.planned(kind)
	r, err := s.requests.Approve(s.ctx, s.approver, r.ID, r.PlanDigest)
	s.must(err)
	return r
}

func (s *shop) count(q string, args ...any) (n int) {
	s.t.Helper()
	s.must(s.db.QueryRow(s.ctx, q, args...).Scan(&n))
	return n
}

func (s *shop) want(r erasure.Request, state erasure.State) erasure.Request {
	s.t.Helper()
	r = s.get(r.ID)
	if r.State != state {
		why := ""
		if r.Block != nil {
			why = fmt.Sprint(" ", *r.Block)
		}
		s.t.Fatalf("state %s%s, want %s", r.State, why, state)
	}
	return r
}

func ptr[T any](v T) *T { return &v }

func ids(rs ...erasure.Request) []uuid.UUID {
	out := make([]uuid.UUID, len(rs))
	for i, r := range rs {
		out[i] = r.ID
	}
	return out
}

func (s *shop) trusted() certificate.Keys {
	keys := certificate.Keys{Signing: certificate.Fingerprint(s.key.Public().(ed25519.PublicKey))}
	for _, k := range s.signer.Keys {
		keys.Audit = append(keys.Audit, k.Fingerprint())
	}
	return keys
}

// confNow has nothing to wait for.
var confNow = erasure.Config{ProbeDelay: time.Second}
