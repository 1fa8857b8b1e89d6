// Package chaos runs Lethe the way it is run, and breaks it: replicas of the
// real binary, a private PostgreSQL that writes durably, an OpenID issuer, and
// services that verify, commit and sign. What became of it is read from the
// services' own files and from the database. Its tests carry the build tag
// chaos (make chaos); its benchmark runs with make bench.
package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/internal/devstack"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/server"
)

// refs are the company's services.
var refs = []string{"customers", "orders", "payments", "shipping", "reviews", "notifications"}

// Options of a company.
type Options struct {
	Replicas  int  // of Lethe; default 2
	Databases bool // each service commits to a database of its own
	Batch     int  // results in one message of a service; default 1
	Rate      int  // messages a second to a service; default 1,000
	InFlight  int  // messages at once to a service; default 4
	// Dawdle is how long a service takes at most before it accepts a message,
	// and again before it answers: what a disturbance has to fall into.
	Dawdle time.Duration
	// Database is the address that Lethe finds PostgreSQL at instead of its
	// own, where something stands between them. It is given the server's.
	Database func(address string) string
	Env      []string // more settings of Lethe
}

// Company is everything that runs.
type Company struct {
	Services []*Service
	Replicas []*devstack.Program
	DB       *pgxpool.Pool // Lethe's main database, to look into; reconnects

	tb     testing.TB
	o      Options
	dir    string
	lethe  devstack.Lethe
	pg     *devstack.Postgres
	issuer *devstack.Issuer
	listen []string
	ops    []string
	client *http.Client
	next   atomic.Int64
	mu     sync.Mutex
	tokens map[string]string
	calls  map[string]time.Duration // the slowest call of each kind
}

// Open starts a company that lasts as long as the test.
func Open(tb testing.TB, o Options) *Company {
	tb.Helper()
	if o.Replicas == 0 {
		o.Replicas = 2
	}
	if o.Batch == 0 {
		o.Batch = 1
	}
	if o.Rate == 0 {
		o.Rate = 1000
	}
	if o.InFlight == 0 {
		o.InFlight = 4
	}
	c := &Company{tb: tb, o: o, dir: tb.TempDir(), tokens: map[string]string{}, calls: map[string]time.Duration{}}
	c.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: c.dial, MaxIdleConns: 200, MaxIdleConnsPerHost: 200, IdleConnTimeout: time.Minute}}
	tb.Cleanup(c.close)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	for _, step := range []func(context.Context) error{c.infrastructure, c.install, c.serve, c.openServices, c.register} {
		if err := step(ctx); err != nil {
			tb.Fatal(err)
		}
	}
	return c
}

func (c *Company) file(name string) string { return filepath.Join(c.dir, name) }

func (c *Company) infrastructure(ctx context.Context) (err error) {
	if c.pg, err = devstack.StartPostgres(ctx, devstack.PostgresOptions{}); err != nil {
		return err
	}
	if err := c.watchStatements(ctx); err != nil {
		return err
	}
	for _, name := range refs {
		if err := c.pg.CreateDatabase(ctx, name); err != nil {
			return err
		}
	}
	for range c.o.Replicas {
		for _, into := range []*[]string{&c.listen, &c.ops} {
			at, err := devstack.FreeAddress()
			if err != nil {
				return err
			}
			*into = append(*into, at)
		}
	}
	c.issuer, err = devstack.StartIssuer(ctx, devstack.IssuerOptions{Audience: "lethe", Lifetime: 12 * time.Hour})
	return err
}

// install makes the databases and keys. Where something stands between Lethe
// and PostgreSQL, the server's connections go through it.
func (c *Company) install(ctx context.Context) (err error) {
	c.lethe = devstack.Lethe{Dir: c.dir, URL: c.public(), Issuer: c.issuer.URL(), Client: "lethe-portal", Audience: "lethe", Env: append([]string{"LETHE_CLOCK_INTERVAL=1s"}, c.o.Env...)}
	if c.lethe.Binary, err = devstack.BuildLethe(ctx, c.dir); err != nil {
		return err
	}
	if err := c.lethe.Create(ctx, c.pg, "lethe"); err != nil {
		return err
	}
	if c.o.Database != nil {
		for _, at := range []*string{&c.lethe.Database, &c.lethe.Keystore} {
			_, after, _ := strings.Cut(*at, "@")
			address, _, _ := strings.Cut(after, "/")
			*at = strings.Replace(*at, address, c.o.Database(address), 1)
		}
	}
	if c.DB, err = pgxpool.New(ctx, c.pg.SuperURL("lethe")); err != nil {
		return err
	}
	return c.lethe.SetUp(ctx)
}

// dial connects to the next replica that listens, as a load balancer would.
func (c *Company) dial(ctx context.Context, network, _ string) (conn net.Conn, err error) {
	d := net.Dialer{Timeout: time.Second}
	for range c.listen {
		at := c.listen[int(c.next.Add(1))%len(c.listen)]
		if conn, err = d.DialContext(ctx, network, at); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// public is the name of all replicas together.
func (c *Company) public() string { return "http://" + c.listen[0] }

func (c *Company) serve(ctx context.Context) error {
	for i := range c.o.Replicas {
		p, err := c.lethe.Serve(ctx, c.listen[i], c.ops[i], c.log(i))
		if err != nil {
			return err
		}
		c.Replicas = append(c.Replicas, p)
	}
	return nil
}

func (c *Company) log(replica int) string { return c.file(fmt.Sprintf("lethe-%d.log", replica)) }

// Lethe's keys, as a service learns them at registration.
func (c *Company) trusted() ([]signature.PublicKey, error) {
	keys, err := server.ReadSigningKeys(c.file("signing.key"))
	if err != nil {
		return nil, err
	}
	out := make([]signature.PublicKey, len(keys))
	for i, k := range keys {
		out[i] = signature.Key{ID: "lethe", Private: k}.Public()
	}
	return out, nil
}

func (c *Company) openServices(ctx context.Context) error {
	trusted, err := c.trusted()
	if err != nil {
		return err
	}
	for _, ref := range refs {
		o := serviceOptions{issuer: c.public(), trusted: trusted, batch: c.o.Batch, workers: workers, effects: c.effects(ref), client: c.client, dawdle: c.o.Dawdle,
			posted: func(took time.Duration) { c.took("results", took) }}
		if c.o.Databases {
			o.db, err = postgres.Open(ctx, c.pg.OwnerURL(ref), postgres.Config{MaxConns: 6, Application: ref})
			if err != nil {
				return err
			}
		}
		s, err := startService(ref, o)
		if err != nil {
			return err
		}
		c.Services = append(c.Services, s)
	}
	return nil
}

func (c *Company) effects(ref string) string { return c.file(ref + ".effects") }

// register imports the catalog and has each service prove its key.
func (c *Company) register(ctx context.Context) error {
	token, err := c.token("admin")
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.file("token"), []byte(token), 0o600); err != nil {
		return err
	}
	if _, err := c.lethe.Run(ctx, c.catalog(), "catalog", "import", "-", "--token-file", c.file("token")); err != nil {
		return err
	}
	for _, s := range c.Services {
		var found struct{ Service struct{ ID string } }
		if err := c.Ask(ctx, "admin", `query($r: String!) { service(ref: $r) { id } }`, map[string]any{"r": s.Ref}, &found); err != nil {
			return err
		}
		err := c.Ask(ctx, "admin", `mutation($i: ID!) { challengeService(input: {serviceId: $i}) { service { state } userErrors { code message } } }`, map[string]any{"i": found.Service.ID}, nil)
		if err != nil {
			return fmt.Errorf("challenge of %s: %w", s.Ref, err)
		}
	}
	return nil
}

func (c *Company) catalog() []byte {
	var b bytes.Buffer
	b.WriteString("lethe: catalog/1\ncontrollers:\n  - {ref: flowmart-de, name: FlowMart, country: DE, time_zone: Europe/Berlin, daily_ceiling: 1000000}\n")
	b.WriteString("teams:\n  - {ref: platform, name: Platform}\nservices:\n")
	for _, s := range c.Services {
		fmt.Fprintf(&b, "  - {ref: %s, name: %s, owner: platform, controller: flowmart-de, endpoint: '%s', identifier_types: [customer_id], rate_per_second: %d, max_in_flight: %d}\n", s.Ref, s.Ref, s.URL, c.o.Rate, c.o.InFlight)
	}
	b.WriteString("stores:\n")
	for _, s := range c.Services {
		fmt.Fprintf(&b, "  - ref: %s-db\n    name: %s\n    service: %s\n    technology: POSTGRESQL\n    datasets:\n      - namespace: postgres://%s\n        name: public.people\n        kind: TABLE\n        tags: [customer]\n        fields:\n          - {path: customer_id, type: text, tags: [user.unique_id]}\n", s.Ref, s.Ref, s.Ref, s.Ref)
	}
	return b.Bytes()
}

func (c *Company) token(as string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.tokens[as]; t != "" {
		return t, nil
	}
	t, err := c.issuer.Mint(as)
	c.tokens[as] = t
	return t, err
}

// refusal is an answer of GraphQL that is no result.
type refusal struct {
	Code    string
	Message string
}

func (r refusal) Error() string { return r.Code + ": " + r.Message }

// operation finds the first field that a document asks for.
var operation = regexp.MustCompile(`\{ (\w+)`)

// took notes what a call took, where none of its kind took longer.
func (c *Company) took(kind string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[kind] = max(c.calls[kind], took)
}

// Ask sends a GraphQL document as one of the people, to the next replica.
func (c *Company) Ask(ctx context.Context, as, document string, variables map[string]any, into any) error {
	token, err := c.token(as)
	if err != nil {
		return err
	}
	began := time.Now()
	defer func() { c.took(operation.FindStringSubmatch(document)[1], time.Since(began)) }()
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.public()+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Data   map[string]json.RawMessage
		Errors []struct{ Message string }
	}
	if err := json.Unmarshal(raw, &answer); err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("graphql answered %s: %.300s", resp.Status, raw)
	}
	if len(answer.Errors) > 0 {
		return errors.New("graphql: " + answer.Errors[0].Message)
	}
	for _, payload := range answer.Data {
		var p struct{ UserErrors []refusal }
		if json.Unmarshal(payload, &p) == nil && len(p.UserErrors) > 0 {
			return p.UserErrors[0]
		}
	}
	if into == nil {
		return nil
	}
	var whole struct{ Data json.RawMessage }
	if err := json.Unmarshal(raw, &whole); err != nil {
		return err
	}
	return json.Unmarshal(whole.Data, into)
}

func (c *Company) close() {
	for _, p := range c.Replicas {
		p.Stop()
	}
	for _, s := range c.Services {
		s.stop()
	}
	if c.DB != nil {
		c.DB.Close()
	}
	c.client.CloseIdleConnections()
	if c.issuer != nil {
		c.issuer.Stop()
	}
	if c.tb.Failed() {
		for i := range c.Replicas {
			if log, err := os.ReadFile(c.log(i)); err == nil {
				c.tb.Logf("the end of replica %d's log:\n%s", i, log[max(0, len(log)-6000):])
			}
		}
	}
	if c.pg != nil {
		c.pg.Stop()
	}
}
