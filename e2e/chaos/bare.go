package chaos

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/internal/postgres"
)

// bare is the floor that Lethe is measured against: a program that does the
// same signed exchanges with the same services, and the same commits, and
// nothing else. It knows no request, plan, order, audit log or certificate.
type bare struct {
	db       *pgxpool.Pool
	key      signature.Key
	url      string
	services []*Service
	keys     map[string]signature.PublicKey
	client   *http.Client
	left     sync.WaitGroup
}

const bareBatch = 100 // tasks in one message, as Lethe sends

// runBare exchanges n tasks for each service and returns what it took.
func runBare(ctx context.Context, c *Company, n int) (took time.Duration, err error) {
	if err := c.pg.CreateDatabase(ctx, "bare"); err != nil {
		return 0, err
	}
	db, err := postgres.Open(ctx, c.pg.OwnerURL("bare"), postgres.Config{MaxConns: 16, Application: "bare"})
	if err != nil {
		return 0, err
	}
	defer db.Close()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return 0, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	b := &bare{db: db, key: signature.Key{ID: "bare", Private: private}, url: "http://" + l.Addr().String(), keys: map[string]signature.PublicKey{},
		client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
	defer b.client.CloseIdleConnections()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /rights/v1/results", b.take)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with Close
	defer func() { _ = server.Close() }()
	for _, ref := range refs {
		s, err := b.service(ctx, c, ref)
		if err != nil {
			return 0, err
		}
		defer s.stop()
	}
	if err := b.fill(ctx, n); err != nil {
		return 0, err
	}
	b.left.Add(n * len(refs))
	began := time.Now()
	if err := each(len(b.services), len(b.services), func(i int) error { return b.pump(ctx, b.services[i]) }); err != nil {
		return 0, err
	}
	b.left.Wait()
	return time.Since(began), b.check(ctx, n*len(refs))
}

// service opens one that answers the bare program.
func (b *bare) service(ctx context.Context, c *Company, ref string) (*Service, error) {
	db, err := postgres.Open(ctx, c.pg.OwnerURL(ref), postgres.Config{MaxConns: 6, Application: ref})
	if err != nil {
		return nil, err
	}
	s, err := startService(ref, serviceOptions{issuer: b.url, trusted: []signature.PublicKey{b.key.Public()}, db: db, batch: c.o.Batch, workers: workers,
		effects: c.file(ref + ".bare"), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}})
	if err != nil {
		return nil, err
	}
	b.services = append(b.services, s)
	b.keys[s.key.ID] = s.key.Public()
	return s, nil
}

func (b *bare) fill(ctx context.Context, n int) error {
	const q = `
		CREATE TABLE IF NOT EXISTS task (key uuid PRIMARY KEY, service text NOT NULL, dataset uuid NOT NULL, case_number text NOT NULL, person text NOT NULL, state smallint NOT NULL DEFAULT 0);
		CREATE INDEX IF NOT EXISTS task_ready ON task (service) WHERE state = 0;
		TRUNCATE task`
	if _, err := b.db.Exec(ctx, q); err != nil {
		return err
	}
	var rows [][]any
	for _, s := range b.services {
		dataset := uuid.New()
		for i := range n {
			rows = append(rows, []any{uuid.Must(uuid.NewV7()), s.Ref, dataset, fmt.Sprintf("R-2026-%06d", i), fmt.Sprintf("C-%07d", i)})
		}
	}
	_, err := b.db.CopyFrom(ctx, pgx.Identifier{"task"}, []string{"key", "service", "dataset", "case_number", "person"}, pgx.CopyFromRows(rows))
	return err
}

// pump sends a service what it has not been sent: a lease, a message, and a
// commit for each hundred tasks.
func (b *bare) pump(ctx context.Context, s *Service) error {
	const lease = `
		UPDATE task SET state = 1 WHERE key IN (SELECT key FROM task WHERE service = $1 AND state = 0 LIMIT $2 FOR UPDATE SKIP LOCKED)
		RETURNING key, dataset, case_number, person`
	const sent = `UPDATE task SET state = 2 WHERE key = ANY($1) AND state = 1`
	type row struct {
		Key        uuid.UUID
		Dataset    uuid.UUID
		CaseNumber string
		Person     string
	}
	for {
		due, err := postgres.Many[row](ctx, b.db, lease, s.Ref, bareBatch)
		if err != nil || len(due) == 0 {
			return err
		}
		m := protocol.Requests{Spec: protocol.Spec, Type: protocol.TypeRequests, Issuer: b.url, Audience: s.Ref, IssuedAt: time.Now().UTC()}
		keys := make([]uuid.UUID, len(due))
		for i, d := range due {
			keys[i] = d.Key
			m.Tasks = append(m.Tasks, protocol.Task{
				Task: d.Key, Seq: 1, Action: protocol.Erase, Case: d.CaseNumber, Controller: "flowmart-de", Wave: 3, PlanDigest: fmt.Sprintf("%064d", i),
				ReceivedOn: protocol.DateOf(time.Now()), DueOn: protocol.DateOf(time.Now().AddDate(0, 1, 0)), EraseBefore: time.Now().UTC(), ExpiresAt: time.Now().UTC().Add(time.Hour),
				Identifiers: []protocol.Identifier{{Type: "customer_id", Value: d.Person}}, ReplyTo: b.url + "/rights/v1/results",
				Datasets: []protocol.Dataset{{ID: d.Dataset, Namespace: "postgres://" + s.Ref, Name: "public.people"}},
			})
		}
		if err := b.send(ctx, s, m); err != nil {
			return err
		}
		if _, err := b.db.Exec(ctx, sent, keys); err != nil {
			return err
		}
	}
}

func (b *bare) send(ctx context.Context, s *Service, m protocol.Requests) error {
	body, err := protocol.Encode(m)
	if err != nil {
		return err
	}
	headers, err := signature.Sign(uuid.NewString(), time.Now(), body, b.key)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/lethe/v1/tasks", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = headers
	resp, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		return errors.New("the service answered " + resp.Status)
	}
	answer, err := protocol.ReadBody(resp.Body, protocol.MaxResultsBytes)
	if err == nil {
		_, err = protocol.DecodeAcceptance(answer)
	}
	return err
}

// take verifies a message of results, commits it and answers.
func (b *bare) take(w http.ResponseWriter, r *http.Request) {
	const done = `UPDATE task SET state = 3 WHERE key = ANY($1) AND state < 3`
	body, err := protocol.ReadBody(r.Body, protocol.MaxResultsBytes)
	if err == nil {
		known := b.keys[r.Header.Get(signature.HeaderKey)]
		_, err = signature.Verify([]signature.PublicKey{known}, r.Header, body, time.Now(), signature.Tolerance)
	}
	var m protocol.Results
	if err == nil {
		m, err = protocol.DecodeResults(body)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	keys := make([]uuid.UUID, len(m.Results))
	out := protocol.Dispositions{Results: make([]protocol.TaskDisposition, len(m.Results))}
	for i, res := range m.Results {
		keys[i] = res.Task
		out.Results[i] = protocol.TaskDisposition{Task: res.Task, Disposition: protocol.Recorded}
	}
	tag, err := b.db.Exec(r.Context(), done, keys)
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	answer, err := protocol.Encode(out)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Write(answer)
	b.left.Add(-int(tag.RowsAffected()))
}

func (b *bare) check(ctx context.Context, want int) error {
	const q = `SELECT count(*)::int FROM task WHERE state = 3`
	got, err := postgres.Scalar[int](ctx, b.db, q)
	if err == nil && got != want {
		err = fmt.Errorf("the bare program finished %d tasks of %d", got, want)
	}
	return err
}
