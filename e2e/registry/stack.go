// Package registry runs the schema registry the way it is run, replicas of the
// real binary with sign-in on a private PostgreSQL that writes durably, and
// measures it and takes things away from it. Its tests carry the build tag
// chaos where they take minutes (make chaos); its benchmark runs with make
// bench.
package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/internal/devstack"
)

// stack is everything that runs.
type stack struct {
	tb       testing.TB
	dir      string
	pg       *devstack.Postgres
	issuer   *devstack.Issuer
	lethe    devstack.Lethe
	replicas []*devstack.Program
	listen   []string
	ops      []string
	tokens   map[string]string
}

// open starts replicas that last as long as the test. They serve the registry
// and nothing else.
func open(tb testing.TB, replicas int, env ...string) *stack {
	tb.Helper()
	return openWith(tb, replicas, "", env...)
}

// openWith is open with a catalog.
func openWith(tb testing.TB, replicas int, catalog string, env ...string) *stack {
	tb.Helper()
	s := installed(tb, replicas, devstack.IssuerOptions{Lifetime: 12 * time.Hour}, env...)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if catalog != "" {
		s.must(s.declare(ctx, catalog))
	}
	s.serveAll(ctx)
	return s
}

// installed is everything but the replicas.
func installed(tb testing.TB, replicas int, issuer devstack.IssuerOptions, env ...string) *stack {
	tb.Helper()
	s := &stack{tb: tb, dir: tb.TempDir(), tokens: map[string]string{}}
	tb.Cleanup(s.close)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	s.must(s.install(ctx, replicas, issuer, env))
	return s
}

// serveAll starts every replica.
func (s *stack) serveAll(ctx context.Context) {
	s.tb.Helper()
	for i := range s.listen {
		s.must(s.serve(ctx, i))
	}
}

func (s *stack) must(err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatal(err)
	}
}

func (s *stack) file(name string) string { return filepath.Join(s.dir, name) }

func (s *stack) install(ctx context.Context, replicas int, issuer devstack.IssuerOptions, env []string) (err error) {
	if s.pg, err = devstack.StartPostgres(ctx, devstack.PostgresOptions{}); err != nil {
		return err
	}
	for range replicas {
		for _, into := range []*[]string{&s.listen, &s.ops} {
			at, err := devstack.FreeAddress()
			if err != nil {
				return err
			}
			*into = append(*into, at)
		}
	}
	if s.issuer, err = devstack.StartIssuer(ctx, issuer); err != nil {
		return err
	}
	s.lethe = devstack.Lethe{Dir: s.dir, URL: "http://" + s.listen[0], Issuer: s.issuer.URL(), Client: "lethe-portal", Audience: "lethe", Env: append([]string{"LETHE_ONLY=registry"}, env...)}
	if s.lethe.Binary, err = devstack.BuildLethe(ctx, s.dir); err != nil {
		return err
	}
	if err := s.lethe.Create(ctx, s.pg, "lethe"); err != nil {
		return err
	}
	return s.lethe.SetUp(ctx)
}

// declare imports a catalog, through a server that serves everything.
func (s *stack) declare(ctx context.Context, catalog string) error {
	all := s.lethe
	all.Env = slices.DeleteFunc(slices.Clone(all.Env), func(set string) bool { return strings.HasPrefix(set, "LETHE_ONLY=") })
	p, err := all.Serve(ctx, s.listen[0], s.ops[0], s.file("lethe-catalog.log"))
	if err != nil {
		return err
	}
	defer p.Stop()
	file, token := s.file("catalog.yaml"), s.file("token")
	if err := errors.Join(os.WriteFile(file, []byte(catalog), 0o600), os.WriteFile(token, []byte(s.token("admin")), 0o600)); err != nil {
		return err
	}
	_, err = s.lethe.Run(ctx, nil, "catalog", "import", file, "--token-file", token)
	return err
}

// serve starts a replica.
func (s *stack) serve(ctx context.Context, replica int) error {
	p, err := s.lethe.Serve(ctx, s.listen[replica], s.ops[replica], s.file(fmt.Sprintf("lethe-%d.log", replica)))
	if err == nil {
		s.replicas = append(s.replicas, p)
	}
	return err
}

func (s *stack) close() {
	for _, p := range s.replicas {
		p.Stop()
	}
	if s.issuer != nil {
		s.issuer.Stop()
	}
	if s.pg != nil {
		s.pg.Stop()
	}
}

// token signs somebody in.
func (s *stack) token(as string) string {
	s.tb.Helper()
	if s.tokens[as] == "" {
		token, err := s.issuer.Mint(as)
		s.must(err)
		s.tokens[as] = token
	}
	return s.tokens[as]
}

// answer is what a replica said.
type answer struct {
	status int
	code   int // of an error
	header http.Header
	body   map[string]any
	text   string
}

var client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}}

// call asks a replica.
func (s *stack) call(replica int, as, method, path string, body any) (answer, error) {
	return s.ask(replica, "Bearer "+s.token(as), method, path, body)
}

// ask is call by whoever a header says.
func (s *stack) ask(replica int, authorization, method, path string, body any) (a answer, err error) {
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return a, err
		}
	}
	req, err := http.NewRequest(method, "http://"+s.listen[replica]+"/registry"+path, bytes.NewReader(text))
	if err != nil {
		return a, err
	}
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	resp, err := client.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	a.status, a.header, a.text = resp.StatusCode, resp.Header, strings.TrimSpace(string(read))
	if json.Unmarshal(read, &a.body) == nil {
		code, _ := a.body["error_code"].(float64)
		a.code = int(code)
	}
	return a, err
}

// topics is a catalog of topics t0, t1 and so on, of which everything is said
// that the gate asks for.
func topics(n int) string {
	var b strings.Builder
	b.WriteString(`lethe: catalog/1
controllers: [{ref: shop, name: Shop, country: DE, time_zone: Europe/Berlin}]
teams: [{ref: orders, name: Orders}]
retention_policies: [{ref: week, name: A week, duration: P7D, trigger: EVENT_TIME, action: DELETE}]
purposes: [{ref: fulfilment, name: Carrying out orders, use: essential.service, legal_basis: CONTRACT}]
services: [{ref: orders, name: Orders, owner: orders, controller: shop}]
stores:
  - ref: kafka
    name: Kafka
    service: orders
    technology: KAFKA
    access_mode: APPEND_ONLY
    residency: eu-west-1
    datasets:
`)
	for i := range n {
		fmt.Fprintf(&b, "      - {namespace: 'kafka://default', name: t%d, kind: TOPIC, retention: week, permits: [fulfilment]}\n", i)
	}
	return b.String()
}

// schema is a record of 20 nullable, documented fields, of which two hold
// personal data and say so, that a description tells from others.
func schema(n int) string {
	var b strings.Builder
	b.WriteString(`{"type":"record","name":"Order","namespace":"shop.orders","doc":"An order of the shop.","fields":[` +
		`{"name":"customer_id","type":["null","string"],"doc":"Who ordered.","default":null,"confluent:tags":["user.unique_id"]},` +
		`{"name":"email","type":["null","string"],"doc":"Where the bill goes.","default":null,"confluent:tags":["user.contact.email"]},`)
	for i := range 17 {
		fmt.Fprintf(&b, `{"name":"field_%02d","type":["null","string"],"doc":"What field %02d holds.","default":null},`, i, i)
	}
	fmt.Fprintf(&b, `{"name":"edition","type":["null","int"],"doc":"It is %d.","default":null}]}`, n)
	return b.String()
}

// submission is the body of a registration, a lookup or a test.
func submission(text string) map[string]any { return map[string]any{"schema": text} }
