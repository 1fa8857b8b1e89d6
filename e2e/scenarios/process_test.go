package scenarios_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/server"
	"github.com/flowmart/lethe/server/issuertest"
	"github.com/flowmart/lethe/server/servertest"
)

// asServer, set in a process of this test binary, makes it a server that can
// be killed.
const asServer = "LETHE_TEST_AS_SERVER"

func serveUntilKilled() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	conf, err := server.Load(server.Sources{Environ: os.Environ()})
	if err == nil {
		var s *server.Server
		if s, err = server.New(ctx, conf); err == nil {
			err = s.Run(ctx)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a server in a process of its own.
type process struct {
	*company
	env  []string
	cmd  *exec.Cmd
	log  string      // path
	died atomic.Bool // in the middle of something
}

// launch starts a company whose server is a process.
func launch(t *testing.T, members func(p *process) []member) *process {
	t.Helper()
	listen := address(t)
	issuer := issuertest.New(t)
	database, _, _ := pgtest.URLs(t)
	keystore, _, _ := pgtest.KeystoreURLs(t)
	c := &company{t: t, clock: &clock{}, services: map[string]*erasuretest.Service{}, ids: map[string]string{}, ceiling: 200, patience: patience, files: servertest.Files(t)}
	c.Server = &servertest.Server{URL: "http://" + listen, Issuer: issuer, Client: &http.Client{Timeout: 30 * time.Second}}
	at := func(name string) string { return filepath.Join(c.files, name) }
	p := &process{company: c, env: append(os.Environ(), asServer+"=1",
		"LETHE_LISTEN="+listen, "LETHE_OPS_LISTEN=127.0.0.1:0", "LETHE_PUBLIC_URL="+c.URL, "LETHE_DATABASE_URL="+database, "LETHE_KEYSTORE_URL="+keystore,
		"LETHE_KEK_FILE="+at("kek"), "LETHE_SIGNING_KEY_FILE="+at("signing.key"), "LETHE_CHECKPOINT_KEY_FILE="+at("checkpoint.key"),
		"LETHE_ANCHOR_DIR="+at("anchors"), "LETHE_STORAGE_DIR="+at("storage"), "LETHE_OIDC_ISSUER="+issuer.URL,
		"LETHE_OIDC_CLIENT_ID="+issuertest.Client, "LETHE_OIDC_AUDIENCE="+issuertest.Audience, "LETHE_COUNTRY=DE", "LETHE_TIMEZONE=Europe/Berlin",
		"LETHE_DEV=true", "LETHE_DRAIN_DELAY=0s", "LETHE_PROBE_DELAY=10ms", "LETHE_CLOCK_INTERVAL=200ms")}
	p.log = filepath.Join(t.TempDir(), "log")
	t.Cleanup(func() {
		p.kill()
		if text, err := os.ReadFile(p.log); t.Failed() && err == nil {
			t.Logf("the server's log:\n%s", text)
		}
	})
	p.start()
	p.learnKeys()
	p.enlist(members(p)...)
	return p
}

// address is one that nobody takes while the server is down: it lies below the
// ports that the system hands out.
func address(t *testing.T) string {
	t.Helper()
	for range 100 {
		at := fmt.Sprintf("127.0.0.1:%d", 20000+rand.N(10000))
		if l, err := net.Listen("tcp", at); err == nil {
			l.Close()
			return at
		}
	}
	t.Fatal("no free port between 20000 and 30000")
	return ""
}

// start starts the server, with more settings, and waits until it is ready.
func (p *process) start(env ...string) {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	p.cmd = exec.Command(self)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = append(p.env, env...), log, log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.until("the server to be ready", func() bool {
		resp, err := p.Client.Get(p.URL + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// kill kills the server as a power cut would.
func (p *process) kill() {
	if p.cmd == nil || p.cmd.ProcessState != nil { // a test kills once more at its end
		return
	}
	_ = p.cmd.Process.Kill() // it may be dead already
	_ = p.cmd.Wait()
}
