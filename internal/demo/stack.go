// Package demo plays Lethe's main job on a company that is made up and parts
// that are real: a private PostgreSQL, Kafka, a local OpenID issuer, FlowMart's
// services as processes of their own, and Lethe itself as another. It uses the
// doors that everybody uses and no other, and proves by itself what it shows.
package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
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
	lethe    *devstack.Program
	url      string // of Lethe
	ops      string // of its metrics
	shops    map[string]*devstack.Program
	urls     map[string]string // of the services
	signing  string            // fingerprint of Lethe's signing key
	auditKey string            // fingerprint of the checkpoint key
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
	if err := s.keys(ctx); err != nil {
		return s, err
	}
	return s, s.serve(ctx)
}

func (s *stack) infrastructure(ctx context.Context) (err error) {
	if s.postgres, err = devstack.StartPostgres(ctx, devstack.PostgresOptions{}); err != nil {
		return err
	}
	databases := []string{"lethe", "lethe_keys"}
	for _, name := range append(services, exporter) {
		databases = append(databases, database(name))
	}
	for _, name := range databases {
		if err := s.postgres.CreateDatabase(ctx, name); err != nil {
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
	return freePort()
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// keys makes the keys with the commands that an operator would use, and learns
// the fingerprints that services and verifiers are told by another way.
func (s *stack) keys(ctx context.Context) error {
	for _, dir := range []string{"anchors", "storage", "keys"} {
		if err := os.Mkdir(s.file(dir), 0o700); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		into *string
		args []string
	}{
		{nil, []string{"key", "kek", s.file("kek")}},
		{&s.signing, []string{"key", "signing", s.file("signing.key"), "--output", "json"}},
		{&s.auditKey, []string{"audit", "key", "generate", s.file("checkpoint.key"), "--name", "flowmart.example/lethe", "--output", "json"}},
		{nil, []string{"migrate"}},
	} {
		out, err := s.run(ctx, nil, step.args...)
		if err != nil {
			return fmt.Errorf("lethe %s: %w\n%s", strings.Join(step.args, " "), err, out)
		}
		if step.into == nil {
			continue
		}
		var made struct{ Fingerprint string }
		if err := json.Unmarshal([]byte(out), &made); err != nil {
			return fmt.Errorf("lethe %s: %w", strings.Join(step.args, " "), err)
		}
		*step.into = made.Fingerprint
	}
	return nil
}

// settings are Lethe's, as an operator would set them. Times are short, so that
// a month goes by in a minute.
func (s *stack) settings() []string {
	return []string{
		"LETHE_LISTEN=" + s.url, "LETHE_OPS_LISTEN=" + s.ops, "LETHE_PUBLIC_URL=http://" + s.url, "LETHE_URL=http://" + s.url,
		"LETHE_DATABASE_URL=" + s.postgres.AppURL("lethe"), "LETHE_MIGRATE_URL=" + s.postgres.OwnerURL("lethe"),
		"LETHE_KEYSTORE_URL=" + s.postgres.AppURL("lethe_keys"), "LETHE_KEYSTORE_MIGRATE_URL=" + s.postgres.OwnerURL("lethe_keys"),
		"LETHE_KEK_FILE=" + s.file("kek"), "LETHE_SIGNING_KEY_FILE=" + s.file("signing.key"),
		"LETHE_CHECKPOINT_KEY_FILE=" + s.file("checkpoint.key"), "LETHE_ANCHOR_DIR=" + s.file("anchors"), "LETHE_STORAGE_DIR=" + s.file("storage"),
		"LETHE_OIDC_ISSUER=" + s.issuer.URL(), "LETHE_OIDC_CLIENT_ID=lethe-portal", "LETHE_OIDC_AUDIENCE=lethe",
		"LETHE_COUNTRY=DE", "LETHE_TIMEZONE=Europe/Berlin", "LETHE_KAFKA_BROKERS=" + strings.Join(s.kafka.Brokers(), ","), "LETHE_DEV=true",
		"LETHE_PROBE_DELAY=2s", "LETHE_CLOCK_INTERVAL=1s", "LETHE_OBSERVE_INTERVAL=1s", "LETHE_LOCATE_PATIENCE=20s", "LETHE_WAVE_PATIENCE=5m",
		"LETHE_DRAIN_DELAY=0s",
	}
}

// run runs a command of lethe and returns what it printed.
func (s *stack) run(ctx context.Context, in []byte, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.o.Lethe, args...)
	cmd.Env = append(os.Environ(), s.settings()...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// serve starts Lethe.
func (s *stack) serve(ctx context.Context) (err error) {
	if s.ops, err = freePort(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	s.lethe, err = devstack.StartProgram(ctx, devstack.ProgramOptions{
		Path: s.o.Lethe, Args: []string{"serve"}, Env: s.settings(), Log: s.file("lethe.log"), Ready: "http://" + s.url + "/readyz",
	})
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
		"FLOWMART_LETHE_URL=http://" + s.url, "FLOWMART_LETHE_KEY=" + s.signing, "FLOWMART_THINK=150ms",
	}
	how := ""
	if service == misbehaving(s.o.Break) {
		how = s.o.Break
	}
	env = append(env, "FLOWMART_BREAK="+how) // always: BREAK itself may be set for all of us
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
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
