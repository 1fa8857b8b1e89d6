package clients

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/flowmart/lethe/internal/devstack"
)

const (
	v1       = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"total","type":"long"},{"name":"card","type":["null",{"type":"record","name":"Card","fields":[{"name":"last","type":"string"}]}],"default":null}]}`
	v2       = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"total","type":"long"},{"name":"card","type":["null",{"type":"record","name":"Card","fields":[{"name":"last","type":"string"}]}],"default":null},{"name":"note","type":"string","default":""}]}`
	breaking = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"customer","type":"string"}]}`
	anOrder  = `{"id":"A-1","total":1999,"card":null}`

	aJSON        = `{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order","type":"object","properties":{"id":{"type":"string"},"total":{"type":"integer"}},"required":["id"],"additionalProperties":false}`
	jsonBreaking = `{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order","type":"object","properties":{"id":{"type":"integer"},"total":{"type":"integer"}},"required":["id"],"additionalProperties":false}`

	secret = "a secret of machines that is long enough"
	shared = "shared" // the topic that every client writes the order to
)

// lethe is the server that all tests share.
var lethe struct {
	registry, issuer, token, key string
	binary, url                  string
	// run runs a command of lethe as an admin, and returns what it prints.
	run func(ctx context.Context, in []byte, args ...string) (string, error)
	// start starts another server, on databases and with settings of its own.
	start func(ctx context.Context, dir, name string, settings ...string) (*devstack.Lethe, *devstack.Program, error)
}

// orders is the service whose machines the clients are.
const orders = `lethe: catalog/1
controllers:
  - {ref: flowmart-de, name: FlowMart GmbH, country: DE, time_zone: Europe/Berlin}
services:
  - {ref: orders, name: Orders, controller: flowmart-de}
`

func TestMain(m *testing.M) {
	code, err := serving(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// serving starts Lethe as an operator would: the program, a database, an
// issuer. All are gone when the tests are through.
func serving(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "lethe-clients-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	binary, err := devstack.BuildLethe(ctx, dir)
	if err != nil {
		return 1, err
	}
	pg, err := devstack.StartPostgres(ctx, devstack.PostgresOptions{NoSync: true})
	if err != nil {
		return 1, err
	}
	defer pg.Stop()
	issuer, err := devstack.StartIssuer(ctx, devstack.IssuerOptions{Machines: []devstack.Machine{{ID: "orders-pipeline", Secret: secret, Role: "ci", Service: "orders"}}})
	if err != nil {
		return 1, err
	}
	defer issuer.Stop()
	if lethe.token, err = issuer.Mint("admin"); err != nil {
		return 1, err
	}
	lethe.start = func(ctx context.Context, dir, name string, settings ...string) (*devstack.Lethe, *devstack.Program, error) {
		return start(ctx, devstack.Lethe{Binary: binary, Dir: dir, Issuer: issuer.URL(), Client: "lethe-portal", Audience: "lethe", Env: append(settings, "LETHE_TOKEN="+lethe.token)}, pg, name)
	}
	l, program, err := lethe.start(ctx, dir, "clients")
	if err != nil {
		return 1, err
	}
	defer program.Kill()
	lethe.registry, lethe.issuer = l.URL+"/registry", issuer.URL()
	lethe.binary, lethe.url, lethe.run = binary, l.URL, l.Run
	if _, err := l.Run(ctx, []byte(orders), "catalog", "import", "-"); err != nil {
		return 1, err
	}
	out, err := l.Run(ctx, nil, "apikey", "create", "--service", "orders", "--label", "producers", "--output", "json")
	var made struct{ Key string }
	if err := errors.Join(err, json.Unmarshal([]byte(out), &made)); err != nil {
		return 1, err
	}
	lethe.key = made.Key
	return m.Run(), nil
}

// start makes an installation and serves it.
func start(ctx context.Context, l devstack.Lethe, pg *devstack.Postgres, name string) (*devstack.Lethe, *devstack.Program, error) {
	at, err := devstack.FreeAddress()
	if err != nil {
		return nil, nil, err
	}
	ops, err := devstack.FreeAddress()
	if err != nil {
		return nil, nil, err
	}
	l.URL = "http://" + at
	if err := l.Create(ctx, pg, name); err != nil {
		return nil, nil, err
	}
	if err := l.SetUp(ctx); err != nil {
		return nil, nil, err
	}
	program, err := l.Serve(ctx, at, ops, filepath.Join(l.Dir, "log"))
	return &l, program, err
}

// run runs a client's program and returns the steps it did and the message it
// wrote to the shared topic.
func run(t *testing.T, topic string, args []string) (steps []string, message string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "LETHE_REGISTRY="+lethe.registry, "LETHE_TOKEN="+lethe.token, "LETHE_API_KEY="+lethe.key, "LETHE_TOKEN_ENDPOINT="+lethe.issuer+"/token",
		"LETHE_CLIENT=orders-pipeline", "LETHE_SECRET="+secret, "LETHE_TOPIC="+topic, "LETHE_SHARED="+shared,
		"LETHE_V1="+v1, "LETHE_V2="+v2, "LETHE_BREAKING="+breaking, "LETHE_ORDER="+anOrder,
		"LETHE_JSON="+aJSON, "LETHE_JSON_BREAKING="+jsonBreaking)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, out.String(), errs.String())
	}
	for line := range strings.Lines(out.String()) {
		switch kind, rest, _ := strings.Cut(strings.TrimSpace(line), " "); kind {
		case "step":
			steps = append(steps, rest)
		case "message":
			message = rest
		}
	}
	return steps, message
}

// goes checks that a client did every step, and that what it wrote is what
// every other client writes.
func goes(t *testing.T, want []string, topic string, args ...string) {
	t.Helper()
	steps, message := run(t, topic, args)
	if !slices.Equal(steps, want) {
		t.Errorf("it did %q; want %q", steps, want)
	}
	if ours := hex.EncodeToString(franz(t).shared(t)); message != ours {
		t.Errorf("it wrote %s; franz-go writes %s", message, ours)
	}
}

var confluent = []string{"register", "look up", "serialize and deserialize", "the id in a header", "register while serializing", "evolve",
	"refuse what is incompatible", "references", "JSON Schema", "metadata", "configure", "delete", "sign in as a machine", "sign in with an API key"}

func TestConfluentForJavaScript(t *testing.T) {
	t.Parallel()
	goes(t, confluent, "javascript", node(t, "confluent.mjs")...)
}

func TestConfluentForPython(t *testing.T) {
	t.Parallel()
	goes(t, confluent, "python", filepath.Join(python.installed(t), "venv/bin/python"), "confluent.py")
}

func TestKafkaJS(t *testing.T) {
	t.Parallel()
	goes(t, []string{"register", "look up", "serialize and deserialize", "evolve", "refuse what is incompatible", "references", "JSON Schema", "sign in", "sign in with an API key"},
		"kafkajs", node(t, "kafkajs.mjs")...)
}

// order is what is written, in Go.
type order struct {
	ID    string `avro:"id" json:"id"`
	Total int64  `avro:"total" json:"total"`
	Card  *struct {
		Last string `avro:"last" json:"last"`
	} `avro:"card" json:"card"`
	Note string `avro:"note" json:"note"`
}

// golang is franz-go's client and the library that writes Avro with it.
type golang struct {
	*sr.Client
	serde *sr.Serde
}

func franz(t *testing.T, opts ...sr.ClientOpt) golang {
	t.Helper()
	if opts == nil {
		opts = []sr.ClientOpt{sr.BasicAuth("token", lethe.token)}
	}
	cl, err := sr.NewClient(append(opts, sr.URLs(lethe.registry))...)
	if err != nil {
		t.Fatal(err)
	}
	return golang{cl, sr.NewSerde()}
}

// writes registers a schema and has the serde write with it.
func (g golang) writes(t *testing.T, subject, text string) sr.SubjectSchema {
	t.Helper()
	made, err := g.CreateSchema(t.Context(), subject, sr.Schema{Schema: text})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := avro.ParseWithCache(text, "", &avro.SchemaCache{})
	if err != nil {
		t.Fatal(err)
	}
	g.serde.Register(made.ID, order{},
		sr.EncodeFn(func(v any) ([]byte, error) { return avro.Marshal(parsed, v) }),
		sr.DecodeFn(func(b []byte, v any) error { return avro.Unmarshal(parsed, b, v) }))
	return made
}

func (g golang) shared(t *testing.T) []byte {
	t.Helper()
	g.writes(t, shared+"-value", v1)
	var o order
	if err := json.Unmarshal([]byte(anOrder), &o); err != nil {
		t.Fatal(err)
	}
	return g.serde.MustEncode(o)
}

func TestFranzGo(t *testing.T) {
	t.Parallel()
	ctx, subject := t.Context(), "go-value"
	ours, theirs := franz(t), franz(t, sr.BearerToken(lethe.token))
	first := ours.writes(t, subject, v1)
	if again := theirs.writes(t, subject, v1); again.ID != first.ID || again.Version != 1 {
		t.Errorf("again %+v", again)
	}
	found, err := theirs.LookupSchema(ctx, subject, sr.Schema{Schema: v1})
	if err != nil || found.ID != first.ID || found.Version != 1 {
		t.Errorf("looked up %+v %v", found, err)
	}
	if latest, err := theirs.SchemaByVersion(ctx, subject, -1); err != nil || latest.ID != first.ID {
		t.Errorf("latest %+v %v", latest, err)
	}
	if text, err := theirs.SchemaTextByID(ctx, first.ID); err != nil || text != v1 {
		t.Errorf("text %s %v", text, err)
	}
	message := ours.serde.MustEncode(order{ID: "A-1", Total: 1999})
	var read order
	if id, _, err := ours.serde.DecodeID(message); err != nil || id != first.ID {
		t.Errorf("the message begins with %d %v", id, err)
	}
	if err := theirs.serde.Decode(message, &read); err != nil || read.ID != "A-1" || read.Total != 1999 {
		t.Errorf("read %+v %v", read, err)
	}
	second, err := ours.CreateSchema(ctx, subject, sr.Schema{Schema: v2})
	if err != nil || second.Version != 2 || second.ID <= first.ID {
		t.Errorf("evolved %+v %v", second, err)
	}
	refused(t, sr.ErrIncompatibleSchema, func() error { _, err := ours.CreateSchema(ctx, subject, sr.Schema{Schema: breaking}); return err })
	refused(t, sr.ErrInvalidSchema, func() error {
		_, err := ours.CreateSchema(ctx, subject, sr.Schema{Schema: `{"type":"recrd"}`})
		return err
	})
	refused(t, sr.ErrSubjectNotFound, func() error { _, err := ours.SubjectVersions(ctx, "nothing"); return err })
	list := sr.Schema{Schema: `{"type":"array","items":"shop.Order"}`, References: []sr.SchemaReference{{Name: "shop.Order", Subject: subject, Version: 1}}}
	if made, err := ours.CreateSchema(ctx, "go-list-value", list); err != nil || len(made.References) != 1 {
		t.Errorf("references %+v %v", made, err)
	}
	if gone, err := ours.DeleteSubject(ctx, "go-list-value", sr.SoftDelete); err != nil || len(gone) != 1 {
		t.Errorf("deleted %v %v", gone, err)
	}
	if made, err := franz(t, sr.BasicAuth("key", lethe.key)).CreateSchema(ctx, "go-key-value", sr.Schema{Schema: v1}); err != nil || made.Version != 1 {
		t.Errorf("with an API key: %+v %v", made, err)
	}
	if _, err := franz(t, sr.BasicAuth("token", "wrong")).Subjects(ctx); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("a stranger got %v", err)
	}
}

func refused(t *testing.T, want *sr.Error, try func() error) {
	t.Helper()
	err, ok := errors.AsType[*sr.ResponseError](try())
	if !ok || err.SchemaError().Code != want.Code {
		t.Errorf("refused with %v; want %d", err, want.Code)
	}
}
