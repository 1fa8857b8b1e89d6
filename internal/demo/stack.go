// Package demo plays Lethe's main job on a company that is made up and parts
// that are real: a private PostgreSQL, Kafka, a local OpenID issuer, FlowMart's
// services as processes of their own, and Lethe itself as another. It uses the
// doors that everybody uses and no other, and proves by itself what it shows.
package demo

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/flowmart/lethe/internal/devstack"
)

// Options of a demo.
type Options struct {
	Lethe    string   // path of the lethe binary
	FlowMart string   // path of FlowMart's binary
	Catalog  string   // folder with catalog.yaml and marketing.yaml
	Brokers  []string // of Kafka; empty for one in process
	Listen   string   // where Lethe listens; empty for 127.0.0.1:8080, or any port if that is taken
	Break    string   // one way in which the company misbehaves; the demo must notice
}

// Breaks are the ways to misbehave. The services do all but one; the demo
// itself tampers with the audit log.
var Breaks = []string{"keeps-row", "lies", "leaks-log", "drops-result", "tampers-audit", "wrong-part"}

// services are FlowMart's, in the order in which they start.
var services = []string{"customers", "orders", "payments", "shipping", "reviews", "notifications"}

// exporter reads customers' events, and nobody has declared it.
const exporter = "marketing-exporter"

// stack is everything that runs.
type stack struct {
	o        Options
	dir      string
	postgres *devstack.Postgres
	kafka    *devstack.Kafka
	issuer   *devstack.Issuer
	made     devstack.Lethe
	lethe    *devstack.Program // it, serving
	url      string            // of Lethe
	ops      string            // of its metrics
	shops    map[string]*devstack.Program
	urls     map[string]string // of the services
}

func (s *stack) file(name string) string { return filepath.Join(s.dir, name) }

// start brings everything up but FlowMart's services.
func start(ctx context.Context, o Options) (s *stack, err error) {
	s = &stack{o: o, shops: map[string]*devstack.Program{}, urls: map[string]string{}}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "lethe-demo-"); err != nil {
		return s, err
	}
	if err := s.infrastructure(ctx); err != nil {
		return s, err
	}
	if err := s.install(ctx); err != nil {
		return s, err
	}
	return s, s.serve(ctx)
}

func (s *stack) infrastructure(ctx context.Context) (err error) {
	if s.postgres, err = devstack.StartPostgres(ctx, devstack.PostgresOptions{}); err != nil {
		return err
	}
	for _, name := range append(services, exporter) {
		if err := s.postgres.CreateDatabase(ctx, database(name)); err != nil {
			return err
		}
	}
	if s.kafka, err = devstack.StartKafka(ctx, devstack.KafkaOptions{Brokers: s.o.Brokers}); err != nil {
		return err
	}
	if s.url, err = s.address(); err != nil {
		return err
	}
	s.issuer, err = devstack.StartIssuer(ctx, devstack.IssuerOptions{
		Audience: "lethe", Redirects: []string{"http://" + s.url + "/auth/callback"}, Lifetime: 12 * time.Hour,
	})
	return err
}

// database names a service's database.
func database(service string) string { return "flowmart_" + strings.ReplaceAll(service, "-", "_") }

// address chooses where Lethe listens.
func (s *stack) address() (string, error) {
	if s.o.Listen != "" {
		return s.o.Listen, nil
	}
	if l, err := net.Listen("tcp", "127.0.0.1:8080"); err == nil {
		return "127.0.0.1:8080", l.Close()
	}
	return devstack.FreeAddress()
}

// install makes the databases, and the keys with the commands that an operator
// would use. Times are short, so that a month goes by in a minute.
func (s *stack) install(ctx context.Context) error {
	s.made = devstack.Lethe{
		Binary: s.o.Lethe, Dir: s.dir, URL: "http://" + s.url, Issuer: s.issuer.URL(), Client: "lethe-portal", Audience: "lethe",
		Env: []string{"LETHE_KAFKA_BROKERS=" + strings.Join(s.kafka.Brokers(), ","), "LETHE_PROBE_DELAY=2s", "LETHE_CLOCK_INTERVAL=1s",
			"LETHE_OBSERVE_INTERVAL=1s", "LETHE_LOCATE_PATIENCE=20s", "LETHE_WAVE_PATIENCE=5m"},
	}
	if err := s.made.Create(ctx, s.postgres, "lethe"); err != nil {
		return err
	}
	if err := os.Mkdir(s.file("keys"), 0o700); err != nil { // of FlowMart
		return err
	}
	return s.made.SetUp(ctx)
}

// run runs a command of lethe and returns what it printed.
func (s *stack) run(ctx context.Context, in []byte, args ...string) (string, error) {
	return s.made.Run(ctx, in, args...)
}

// serve starts Lethe.
func (s *stack) serve(ctx context.Context) (err error) {
	if s.ops, err = devstack.FreeAddress(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.lethe, err = s.made.Serve(ctx, s.url, s.ops, s.file("lethe.log"))
	return err
}

// open starts one of FlowMart's services.
func (s *stack) open(ctx context.Context, service string) (err error) {
	if p, ok := s.shops[service]; ok {
		return p.Start(ctx)
	}
	at := strings.TrimPrefix(s.urls[service], "http://")
	token, err := s.issuer.Mint("service:" + service)
	if err != nil {
		return err
	}
	env := []string{
		"FLOWMART_DATABASE_URL=" + s.postgres.OwnerURL(database(service)), "FLOWMART_KAFKA_BROKERS=" + strings.Join(s.kafka.Brokers(), ","),
		"FLOWMART_REGISTRY_URL=http://" + s.url + "/registry", "FLOWMART_REGISTRY_TOKEN=" + token,
		"FLOWMART_LETHE_URL=http://" + s.url, "FLOWMART_LETHE_KEY=" + s.made.Signing, "FLOWMART_THINK=150ms",
	}
	how := ""
	if service == misbehaving(s.o.Break) {
		how = s.o.Break
	}
	env = append(env, "FLOWMART_BREAK="+how) // always: BREAK itself may be set for all of us
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.shops[service], err = devstack.StartProgram(ctx, devstack.ProgramOptions{
		Path: s.o.FlowMart, Args: []string{service, "--listen", at, "--keys", s.file("keys")}, Env: env,
		Log: s.file(service + ".log"), Ready: s.urls[service] + "/healthz",
	})
	return err
}

// misbehaving names the service that does something wrong.
func misbehaving(how string) string {
	switch how {
	case "keeps-row", "lies", "wrong-part":
		return "orders"
	case "leaks-log", "drops-result":
		return "notifications"
	}
	return ""
}

// stop ends everything in order and removes what it kept.
func (s *stack) stop() {
	for _, p := range s.shops {
		p.Stop()
	}
	if s.lethe != nil {
		s.lethe.Stop()
	}
	if s.issuer != nil {
		s.issuer.Stop()
	}
	if s.kafka != nil {
		s.kafka.Stop()
	}
	if s.postgres != nil {
		s.postgres.Stop()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir) // what is left lies in the temporary directory
	}
}
