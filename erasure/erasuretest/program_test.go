package erasuretest_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/erasure/protocol/signature"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

var flowmartBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "flowmart")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "flowmart")
	out, err := exec.Command("go", "build", "-o", bin, "github.com/flowmart/lethe/examples/flowmart").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return bin, nil
})

// program is one of FlowMart's services, running.
type program struct {
	t         *testing.T
	name, url string
	dbURL     string
	env       []string
	keys      string
	cmd       *exec.Cmd
	log       *lockedBuffer
	done      chan error
	recipient string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// launch gives a service a database of its own, starts it and registers its
// key by a challenge.
func launch(t *testing.T, l *lethe, name string, env ...string) *program {
	t.Helper()
	_, _, super := pgtest.URLs(t)
	admin, err := pgx.Connect(t.Context(), super)
	if err != nil {
		t.Fatal(err)
	}
	database := fmt.Sprintf("flowmart_%s_%s", strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(uuid.NewString(), "-", ""))
	if _, err := admin.Exec(t.Context(), "CREATE DATABASE "+database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer admin.Close(context.Background())
		if _, err := admin.Exec(context.Background(), "DROP DATABASE "+database+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(super)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	p := &program{t: t, name: name, dbURL: u.String(), keys: t.TempDir(), log: &lockedBuffer{}}
	p.env = append(os.Environ(), "FLOWMART_DATABASE_URL="+p.dbURL, "FLOWMART_LETHE_URL="+l.url, "FLOWMART_CUSTOMERS=40",
		"FLOWMART_LETHE_KEY="+signature.Fingerprint(l.key.Public().Public))
	p.env = append(p.env, env...)
	p.start()
	t.Cleanup(p.kill)
	p.challenge(l)
	return p
}

func (p *program) start() {
	p.t.Helper()
	bin, err := flowmartBinary()
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(bin, p.name, "--keys", p.keys)
	p.cmd.Env, p.cmd.Stderr = p.env, p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	p.done = make(chan error, 1)
	go func() { p.done <- p.cmd.Wait() }()
	if err != nil || !ok {
		p.t.Fatalf("%s did not start: %s", p.name, p.log)
	}
	p.url = "http://" + address
}

func (p *program) kill() {
	p.cmd.Process.Kill()
	<-p.done
	p.done <- nil
}

func (p *program) challenge(l *lethe) {
	p.t.Helper()
	body, err := protocol.Encode(protocol.Ping{Spec: protocol.Spec, Type: protocol.TypePing, Issuer: l.url, Audience: p.name, Nonce: "0123456789abcdef", IssuedAt: time.Now().UTC()})
	if err != nil {
		p.t.Fatal(err)
	}
	resp, answer, err := l.send("POST", p.url+"/lethe/v1/ping", uuid.NewString(), body)
	if err != nil {
		p.t.Fatal(err)
	}
	pong, err := protocol.DecodePong(answer)
	if err != nil || pong.Nonce != "0123456789abcdef" {
		p.t.Fatalf("%s: %d %v: %s", p.name, resp.StatusCode, err, p.log)
	}
	key := signature.PublicKey{ID: pong.Keys[0].ID, Public: pong.Keys[0].Public}
	if _, err := signature.Verify([]signature.PublicKey{key}, resp.Header, answer, time.Now(), signature.Tolerance); err != nil {
		p.t.Fatal(err)
	}
	p.recipient = pong.Recipient
	l.register(key)
}

// count asks the service's own database.
func (p *program) count(q string, args ...any) (n int) {
	p.t.Helper()
	db, err := pgx.Connect(p.t.Context(), p.dbURL)
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close(context.Background())
	if err := db.QueryRow(p.t.Context(), q, args...).Scan(&n); err != nil {
		p.t.Fatal(err)
	}
	return n
}

// rows is what /healthz shows.
func (p *program) rows() map[string]int {
	p.t.Helper()
	resp, err := http.Get(p.url + "/healthz")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var m struct{ Rows map[string]int }
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		p.t.Fatal(err)
	}
	return m.Rows
}
