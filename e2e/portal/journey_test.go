package portal

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// root is the repository, from this folder.
const root = "../.."

// patience is how long the demo may take to play its scenario and the journey
// to run, on a machine that does other things as well.
const patience = 9 * time.Minute

// TestJourney signs in as handler and approver in real Chromium, opens an
// erasure and an access request, approves both, and reads certificate and
// package; decides what waits for a person, once by keyboard alone; axe looks at
// each page in light, and at its colours in dark. The journey itself is web/e2e/journey.mjs.
func TestJourney(t *testing.T) {
	t.Parallel()
	for _, need := range []string{"web/dist/index.html", "web/node_modules/playwright-core"} {
		if _, err := os.Stat(filepath.Join(root, need)); err != nil {
			t.Fatalf("%s is missing: run `make` first, which builds the portal", need)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	url, database := company(ctx, t)
	cmd := exec.CommandContext(ctx, "node", "web/e2e/journey.mjs")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "LETHE_URL="+url, "LETHE_CUSTOMER=C-000011", "LETHE_CUSTOMER_2=C-000012", "LETHE_CUSTOMER_3=C-000013",
		"LETHE_CUSTOMER_4=C-000014", "LETHE_LATER="+later(t, database), "LETHE_PICTURES="+artifacts(t))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the journey ended with %v", err)
	}
}

// artifacts is where pictures go: kept with `go test -artifacts`.
func artifacts(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(t.ArtifactDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// company builds the programs, starts the demo and waits until it has played
// its scenario and serves. It returns the addresses of Lethe and its database.
func company(ctx context.Context, t *testing.T) (url, database string) {
	t.Helper()
	bin := t.TempDir()
	// Without -trimpath, under which everything would be compiled anew: the
	// packages are those of the tests.
	build := exec.CommandContext(ctx, "go", "build", "-o", bin+"/", "./cmd/lethe", "./examples/flowmart")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	at := free(ctx, t)
	demo := exec.Command(filepath.Join(bin, "lethe"), "demo", "--listen", at)
	demo.Dir = root
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	demo.Stdout, demo.Stderr = in, in
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	t.Cleanup(func() {
		_ = demo.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, out)
		_ = demo.Wait()
		out.Close()
	})
	database, err = serves(ctx, t, out)
	if err != nil {
		t.Fatalf("the demo: %v", err)
	}
	return "http://" + at, database
}

// serves reads what the demo tells until it says that it keeps serving, and
// where its database is.
func serves(ctx context.Context, t *testing.T, out *os.File) (database string, err error) {
	t.Helper()
	defer context.AfterFunc(ctx, func() { _ = out.SetReadDeadline(time.Now()) })()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if at, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "Database "); ok {
			// What follows must be read too, or the demo would wait for us.
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return strings.TrimSpace(at), nil
		}
		t.Log(lines.Text())
	}
	return "", errors.Join(lines.Err(), errors.New("it ended before it served"))
}

// later is an address that, when it is called, lets a day pass for the tasks
// that are open: the one thing that the journey cannot wait for.
func later(t *testing.T, database string) string {
	t.Helper()
	day := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const q = `UPDATE erasure_task SET waits_since = waits_since - interval '25 hours' WHERE state IN ('READY', 'SENT', 'WORKING')`
		db, err := pgx.Connect(r.Context(), database)
		if err == nil {
			_, err = db.Exec(r.Context(), q)
			err = errors.Join(err, db.Close(r.Context()))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}))
	t.Cleanup(day.Close)
	return day.URL
}

// free is an address that nobody listens on.
func free(ctx context.Context, t *testing.T) string {
	t.Helper()
	var conf net.ListenConfig
	l, err := conf.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
