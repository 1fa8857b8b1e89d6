package main

import (
	"bytes"
	"context"
	"encoding/json"

	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/devstack"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/server"
	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

// settings are the variables of a server on databases of the test's own.
func serverSettings(t *testing.T) (env, string) {
	t.Helper()
	app, owner, _ := pgtest.URLs(t)
	keys, keysOwner, _ := pgtest.KeystoreURLs(t)
	files := servertest.Files(t)
	at, err := devstack.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return env{environ: []string{
		"LETHE_LISTEN=" + at, "LETHE_OPS_LISTEN=127.0.0.1:0", "LETHE_PUBLIC_URL=http://" + at, "LETHE_DEV=true", "LETHE_DRAIN_DELAY=0s", "LETHE_LOG_LEVEL=error",
		"LETHE_DATABASE_URL=" + app, "LETHE_MIGRATE_URL=" + owner, "LETHE_KEYSTORE_URL=" + keys, "LETHE_KEYSTORE_MIGRATE_URL=" + keysOwner,
		"LETHE_KEK_FILE=" + filepath.Join(files, "kek"), "LETHE_SIGNING_KEY_FILE=" + filepath.Join(files, "signing.key"),
		"LETHE_CHECKPOINT_KEY_FILE=" + filepath.Join(files, "checkpoint.key"), "LETHE_ANCHOR_DIR=" + filepath.Join(files, "anchors"), "LETHE_STORAGE_DIR=" + filepath.Join(files, "storage"),
		"LETHE_OIDC_ISSUER=" + issuertest.New(t).URL, "LETHE_OIDC_CLIENT_ID=" + issuertest.Client, "LETHE_OIDC_AUDIENCE=" + issuertest.Audience,
	}}, "http://" + at
}

func TestServeUntilTheSignal(t *testing.T) {
	t.Parallel()
	e, url := serverSettings(t)
	if r := lethe(t, e, "migrate", "--output", "json"); r.code != exitOK || !strings.Contains(r.out, `"version"`) {
		t.Fatalf("migrate: %d %s", r.code, r.err)
	}
	ctx, signal := context.WithCancel(t.Context())
	defer signal()
	var out, errs bytes.Buffer
	e.in, e.out, e.err = strings.NewReader(""), &out, &errs
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"serve"}, e) }()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(url + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the server is not ready after a minute")
		}
	}
	if r := lethe(t, e, "serve"); r.code != exitAway || !strings.Contains(r.err, "is another Lethe running?") {
		t.Errorf("a second server: %d %s", r.code, r.err)
	}
	signal()
	select {
	case code := <-ended:
		if code != exitOK {
			t.Errorf("serve ended with %d: %s", code, &errs)
		}
	case <-time.After(45 * time.Second):
		t.Error("the server did not stop within 45 s")
	}
}

// A switch is on when it is named; what is on by default takes its value.
func TestSwitchesNeedNoValue(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"--dev --no-probes":         "dev: \"true\"  # flag|no_probes: \"true\"  # flag",
		"--no-probes=false":         "no_probes: \"false\"  # flag",
		"--oidc-typed-tokens false": "oidc_typed_tokens: \"false\"  # flag",
	} {
		r := lethe(t, env{}, append([]string{"serve", "--print-config"}, strings.Fields(line)...)...)
		for w := range strings.SplitSeq(want, "|") {
			if !strings.Contains(r.out, w) {
				t.Errorf("serve %s lacks %s:\n%s%s", line, w, r.out, r.err)
			}
		}
	}
}

// Programs read the settings as JSON: every one, the secrets hidden, with where
// each came from; and what is wrong with them, beside it, as JSON too.
func TestSettingsAreShownAsJSON(t *testing.T) {
	t.Parallel()
	e, url := serverSettings(t)
	e.environ = append(e.environ, "LETHE_KAFKA_BROKERS=k:9092")
	read := func(text string, into any) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	var is struct {
		Settings map[string]struct{ Value, From string }
		Kafka    []struct{ Name string }
	}
	r := lethe(t, e, "serve", "--print-config", "--output", "json", "--log-level", "warn")
	read(r.out, &is)
	if r.code != exitOK || len(is.Settings) != len(server.Settings()) || len(is.Kafka) != 1 || is.Kafka[0].Name != "default" {
		t.Errorf("%d %s%s", r.code, r.out, r.err)
	}
	for key, want := range map[string][2]string{
		"public_url": {url, "variable"}, "log_level": {"warn", "flag"}, "answer_within": {"2.8s", "default"}, "migrate_url": {is.Settings["migrate_url"].Value, "variable"}, "country": {"", "not set"},
	} {
		if got := is.Settings[key]; got.Value != want[0] || got.From != want[1] {
			t.Errorf("%s is %+v, want %v", key, got, want)
		}
	}
	r = lethe(t, env{environ: []string{"LETHE_DATABASE_URL=postgres://u:hunter2@h/d", "LETHE_LOG_LEVEL=loud"}}, "serve", "--print-config", "-o", "json")
	var wrong struct {
		Errors []struct{ Code, Message string }
	}
	read(r.out, &is)
	read(r.err, &wrong)
	if r.code != exitUsage || len(wrong.Errors) < 2 || is.Settings["database_url"].Value != "postgres://u:xxxxx@h/d" || strings.Contains(r.out+r.err, "hunter2") {
		t.Errorf("%d %s%s", r.code, r.out, r.err)
	}
	if r := lethe(t, env{}, "serve", "--print-config", "--output", "yaml"); r.code != exitUsage || r.out != "" {
		t.Errorf("an unknown form: %d %s", r.code, r.out)
	}
}

// What a superuser changes, verification finds; the exit code tells a script.
func TestAuditVerify(t *testing.T) {
	t.Parallel()
	e, _ := serverSettings(t)
	db := pgtest.New(t)
	files := map[string]string{}
	for _, v := range e.environ {
		name, value, _ := strings.Cut(v, "=")
		files[name] = value
	}
	signer, err := audit.LoadSigner(files["LETHE_CHECKPOINT_KEY_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	anchor, err := audit.OpenAnchor(files["LETHE_ANCHOR_DIR"], signer.Keys)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := audit.Append(t.Context(), db, audit.Entry{Actor: access.System.ID, Act: "request.opened"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := audit.New(db, signer, anchor).Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := lethe(t, e, "audit", "verify"); r.code != exitOK || !strings.Contains(r.out, "The audit log is whole: 3 entries") {
		t.Fatalf("a whole log: %d %s%s", r.code, r.out, r.err)
	}
	_, _, super := pgtest.URLs(t)
	conn, err := pgx.Connect(t.Context(), super)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `SET session_replication_role = replica; UPDATE audit_entry SET act = 'request.closed'`); err != nil {
		t.Fatal(err)
	}
	r := lethe(t, e, "audit", "verify")
	if r.code != exitNo || !strings.Contains(r.out, "ALTERED    index 0") || !strings.Contains(r.err, "tampered with") {
		t.Errorf("a changed log: %d %s%s", r.code, r.out, r.err)
	}
	r = lethe(t, e, "audit", "verify", "--output", "json")
	var report struct {
		OK       bool `json:"ok"`
		Findings []struct{ Fault string }
	}
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || report.OK || len(report.Findings) == 0 || report.Findings[0].Fault != "ALTERED" {
		t.Errorf("as JSON: %v %s", err, r.out)
	}
}
