package scenarios_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/internal/devstack"
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
	*devstack.Program
	lethe  devstack.Lethe
	listen string
	log    string      // path
	died   atomic.Bool // in the middle of something
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
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{company: c, listen: listen, lethe: devstack.Lethe{
		Binary: self, Dir: c.files, URL: c.URL, Database: database, Keystore: keystore, Issuer: issuer.URL, Client: issuertest.Client, Audience: issuertest.Audience,
		Env: []string{asServer + "=1", "LETHE_PROBE_DELAY=10ms", "LETHE_CLOCK_INTERVAL=200ms"}}}
	p.log = filepath.Join(t.TempDir(), "log")
	t.Cleanup(func() {
		if p.Program != nil {
			p.Kill()
		}
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
	ctx, cancel := context.WithTimeout(p.t.Context(), p.patience)
	defer cancel()
	var err error
	if p.Program, err = p.lethe.Serve(ctx, p.listen, "127.0.0.1:0", p.log, env...); err != nil {
		p.t.Fatal(err)
	}
}
