package export_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/internal/vault"
)

// fixture is an access request under way: two services were asked to export,
// orders two datasets and reviews one, and a third dataset is a gap.
type fixture struct {
	t       *testing.T
	db      *pgxpool.Pool
	vault   *vault.Vault
	exports *export.Exports
	dir     string
	server  *httptest.Server
	client  *http.Client

	request  uuid.UUID
	handler  access.Principal
	approver access.Principal
	orders   service
	reviews  service
	task     uuid.UUID // of orders
	task2    uuid.UUID // of reviews
	items    uuid.UUID // datasets of orders
	rows     uuid.UUID
	reviewed uuid.UUID // dataset of reviews
	gap      uuid.UUID
	packaged int // how often the request was told
}

type service struct {
	id  uuid.UUID
	ref string
	key signature.Key
}

func setup(t *testing.T, conf export.Config) *fixture {
	t.Helper()
	f := &fixture{t: t, db: pgtest.New(t), dir: t.TempDir(), client: &http.Client{Transport: &http.Transport{}}}
	f.vault = vault.New(pgtest.NewKeystore(t), []vault.KEK{vault.NewKEK()})
	jobs, err := river.NewClient(riverpgxv5.New(f.db), &river.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if conf.Log == nil {
		conf.Log = slog.New(slog.DiscardHandler)
	}
	f.exports, err = export.New(f.db, jobs, f.vault, f.dir, time.Now, conf, func(context.Context, pgx.Tx, uuid.UUID) error {
		f.packaged++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.exports.Close() })
	f.seed()
	mux := http.NewServeMux()
	f.exports.Routes(mux)
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if who := r.Header.Get("X-Test-As"); who != "" {
			r = r.WithContext(access.With(r.Context(), f.person(who)))
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		f.client.CloseIdleConnections()
		f.server.Close()
	})
	return f
}

func (f *fixture) person(who string) access.Principal {
	switch who {
	case "handler":
		return f.handler
	case "approver":
		return f.approver
	case "other":
		return access.Principal{ID: uuid.Must(uuid.NewV7()), Roles: []access.Role{access.Handler}}
	}
	return access.Principal{ID: f.handler.ID, Roles: []access.Role{access.Role(who)}}
}

func (f *fixture) seed() {
	f.t.Helper()
	ctx := context.Background()
	f.handler = access.Principal{ID: f.principal("hanna"), Roles: []access.Role{access.Handler}}
	f.approver = access.Principal{ID: f.principal("abel"), Roles: []access.Role{access.Approver}}
	controller, owner := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	f.exec(`INSERT INTO catalog_controller (id, ref, name, country, time_zone) VALUES ($1, 'flowmart-de', 'FlowMart GmbH', 'DE', 'Europe/Berlin')`, controller)
	f.exec(`INSERT INTO catalog_owner (id, kind, ref, name) VALUES ($1, 'TEAM', 'shop', 'Shop')`, owner)
	f.orders, f.reviews = f.service("orders", controller), f.service("reviews", controller)
	f.items = f.dataset("postgres://orders", "public.items", f.orders.id, "What you ordered")
	f.rows = f.dataset("postgres://orders", "public.orders", f.orders.id, "Your orders")
	f.reviewed = f.dataset("mongodb://reviews", "reviews.review", f.reviews.id, "Reviews you wrote")
	f.gap = f.dataset("s3://archive", "scans", uuid.Nil, "Scanned letters")
	f.exec(`INSERT INTO catalog_field (id, dataset_id, path, data_type, doc) VALUES ($1, $2, 'order_id', 'text', 'The number of the order <b>')`, uuid.Must(uuid.NewV7()), f.rows)

	f.request = uuid.Must(uuid.NewV7())
	if err := f.vault.Create(ctx, f.request); err != nil {
		f.t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("plan"))
	f.exec(`
		INSERT INTO erasure_request (id, case_number, kind, controller_id, state, received_at, received_on, due_on, due_unpaused_on, calendar,
		       opened_by, opened_at, plan_no, plan_digest, planned_at, approved_by, approved_at, erase_before)
		VALUES ($1, 'R-2026-000123', 'ACCESS', $2, 'EXECUTING', now(), '2026-03-05', '2026-04-07', '2026-04-07', 'DE@test',
		       $3, now(), 1, $4, now(), $5, now(), now())`, f.request, controller, f.handler.ID, digest[:], f.approver.ID)
	f.node(1, "ASK", f.items, &f.orders.id, "HOLDS_PERSONAL_DATA")
	f.node(2, "ASK", f.rows, &f.orders.id, "HOLDS_PERSONAL_DATA")
	f.node(3, "ASK", f.reviewed, &f.reviews.id, "HOLDS_PERSONAL_DATA")
	f.task = f.open(f.orders, "EXPORT", f.items, f.rows)
	f.task2 = f.open(f.reviews, "EXPORT", f.reviewed)
}

func (f *fixture) exec(statement string, args ...any) {
	f.t.Helper()
	if _, err := f.db.Exec(context.Background(), statement, args...); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) principal(name string) uuid.UUID {
	f.t.Helper()
	id, err := audit.EnsurePrincipal(context.Background(), f.db, "https://issuer.test", name, name)
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

func (f *fixture) service(ref string, controller uuid.UUID) service {
	f.t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	s := service{uuid.Must(uuid.NewV7()), ref, signature.Key{ID: ref + "-1", Private: private}}
	f.exec(`INSERT INTO catalog_service (id, ref, name, controller_id, endpoint, state) VALUES ($1, $2, $2, $3, 'https://' || $2 || '.test', 'ACTIVE')`, s.id, ref, controller)
	f.exec(`INSERT INTO catalog_service_key (service_id, id, public_key) VALUES ($1, $2, $3)`, s.id, s.key.ID, []byte(public))
	return s
}

func (f *fixture) dataset(namespace, name string, service uuid.UUID, doc string) uuid.UUID {
	f.t.Helper()
	id := uuid.Must(uuid.NewV7())
	f.exec(`INSERT INTO catalog_dataset (id, namespace, name, kind, doc, service_id) VALUES ($1, $2, $3, 'TABLE', $4, nullif($5, '00000000-0000-0000-0000-000000000000'::uuid))`, id, namespace, name, doc, service)
	return id
}

func (f *fixture) node(no int, kind string, dataset uuid.UUID, service *uuid.UUID, reason string) {
	f.t.Helper()
	f.exec(`INSERT INTO erasure_node (request_id, plan_no, no, kind, dataset_id, service_id, action, wave, reason)
	        SELECT $1, 1, $2, $3, $4, $5, CASE WHEN $3 = 'ASK' THEN 'EXPORT' END, CASE WHEN $3 = 'ASK' THEN 6 END, $6`, f.request, no, kind, dataset, service, reason)
}

func (f *fixture) open(s service, action string, datasets ...uuid.UUID) uuid.UUID {
	f.t.Helper()
	key := uuid.Must(uuid.NewV7())
	f.exec(`INSERT INTO erasure_task (key, request_id, service_id, action, wave, state) VALUES ($1, $2, $3, $4, 6 + (SELECT count(*) FROM erasure_task), 'SENT')`, key, f.request, s.id, action)
	for _, d := range datasets {
		f.exec(`INSERT INTO erasure_scope (task_id, dataset_id) SELECT id, $2 FROM erasure_task WHERE key = $1`, key, d)
	}
	return key
}

// says records what a service said became of a dataset.
func (f *fixture) says(task, dataset uuid.UUID, outcome string) {
	f.t.Helper()
	f.exec(`INSERT INTO erasure_outcome (task_id, dataset_id, round, seq, outcome) SELECT id, $2, 1, (SELECT count(*) + 1 FROM erasure_outcome), $3 FROM erasure_task WHERE key = $1`, task, dataset, outcome)
}

// put is one PUT or HEAD of a service.
type put struct {
	method   string // default PUT
	as       service
	task     uuid.UUID
	dataset  uuid.UUID
	n        int
	first    int64
	total    int64 // default: all of body
	sha256   string
	body     io.Reader
	size     int64 // of body
	path     string
	rangeAs  string // default: as the numbers say
	at       time.Time
	unsigned bool
}

// of makes the put of a whole part.
func of(s service, task, dataset uuid.UUID, n int, body []byte) put {
	return put{as: s, task: task, dataset: dataset, n: n, total: int64(len(body)), sha256: digest(body), body: bytes.NewReader(body), size: int64(len(body))}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (f *fixture) send(client *http.Client, p put) (*http.Response, error) {
	f.t.Helper()
	if p.method == "" {
		p.method = http.MethodPut
	}
	if p.path == "" {
		p.path = fmt.Sprintf("/rights/v1/parts/%s/%s/%d", p.task, p.dataset, p.n)
	}
	if p.rangeAs == "" && p.method == http.MethodPut {
		p.rangeAs = fmt.Sprintf("bytes %d-%d/%d", p.first, p.first+p.size-1, p.total)
		if p.total == 0 {
			p.rangeAs = "bytes */0"
		}
	}
	if p.at.IsZero() {
		p.at = time.Now()
	}
	req, err := http.NewRequest(p.method, f.server.URL+p.path, p.body)
	if err != nil {
		f.t.Fatal(err)
	}
	req.ContentLength = p.size
	if p.body == nil || p.size == 0 {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	if !p.unsigned {
		statement := signature.PartStatement(p.method, p.task, p.dataset, p.n, p.rangeAs, p.sha256)
		h, err := signature.Sign(uuid.NewString(), p.at, statement, p.as.key)
		if err != nil {
			f.t.Fatal(err)
		}
		req.Header = h
	}
	if p.rangeAs != "" {
		req.Header.Set("Content-Range", p.rangeAs)
	}
	if p.sha256 != "" {
		req.Header.Set("Lethe-Part-SHA256", p.sha256)
	}
	return client.Do(req)
}

// does sends p and expects a status.
func (f *fixture) does(p put, status int) *http.Response {
	f.t.Helper()
	resp, err := f.send(f.client, p)
	if err != nil {
		f.t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != status {
		f.t.Fatalf("%s part %d: %s, want %d: %s", p.method, p.n, resp.Status, status, body)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp
}

// accepts declares parts in the name of a service's signed result.
func (f *fixture) accepts(task uuid.UUID, declared ...answer.Part) error {
	return f.acceptsAll(task, nil, declared...)
}

// acceptsAll is accepts for a result that says how much was exported. Like
// erasure's, its unit of work is committed whatever the answer.
func (f *fixture) acceptsAll(task uuid.UUID, exported map[uuid.UUID]int64, declared ...answer.Part) (refused error) {
	err := postgres.Work(context.Background(), f.db, func(tx pgx.Tx) error {
		refused = export.Accept(context.Background(), tx, task, declared, exported)
		return nil
	})
	return errors.Join(err, refused)
}

func declare(dataset uuid.UUID, n int, body []byte, records int64, format string) answer.Part {
	sum := sha256.Sum256(body)
	return answer.Part{Dataset: dataset, N: n, Bytes: int64(len(body)), Records: records, SHA256: sum[:], Format: format}
}

// hands uploads a part, declares it, and says the dataset was exported.
func (f *fixture) hands(s service, task, dataset uuid.UUID, n int, body []byte, records int64, format string) {
	f.t.Helper()
	f.does(of(s, task, dataset, n, body), http.StatusNoContent)
	if err := f.accepts(task, declare(dataset, n, body, records, format)); err != nil {
		f.t.Fatal(err)
	}
	f.says(task, dataset, "EXPORTED")
}

// builds builds the package of the request and returns the newest.
func (f *fixture) builds() export.Package {
	f.t.Helper()
	if err := f.exports.Build(context.Background(), f.request); err != nil {
		f.t.Fatal(err)
	}
	return f.newest()
}

func (f *fixture) newest() export.Package {
	f.t.Helper()
	found, err := export.PackagesOf(context.Background(), f.db, []uuid.UUID{f.request})
	if err != nil || len(found[f.request]) == 0 {
		f.t.Fatal("no package", err)
	}
	return found[f.request][len(found[f.request])-1]
}

// get fetches a path as somebody; the caller closes the body.
func (f *fixture) get(path, as string, headers ...string) *http.Response {
	f.t.Helper()
	req, err := http.NewRequest(http.MethodGet, f.server.URL+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("X-Test-As", as)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := f.client.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func createTemp(t *testing.T) *os.File {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// waitFor polls until something has happened.
func waitFor(t *testing.T, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !happened(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
