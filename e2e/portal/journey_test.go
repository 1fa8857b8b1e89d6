package portal

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// root is the repository, from this folder.
const root = "../.."

// patience is how long the demo may take to play its scenario and the journey
// to run, on a machine that does other things as well.
const patience = 6 * time.Minute

// TestJourney signs in as handler and approver in real Chromium, opens an
// erasure and an access request, approves both, and reads certificate and
// package; axe looks at each page in light and dark. The journey itself is
// web/e2e/journey.mjs.
func TestJourney(t *testing.T) {
	t.Parallel()
	for _, need := range []string{"web/dist/index.html", "web/node_modules/playwright-core"} {
		if _, err := os.Stat(filepath.Join(root, need)); err != nil {
			t.Fatalf("%s is missing: run `make` first, which builds the portal", need)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	url := company(ctx, t)
	cmd := exec.CommandContext(ctx, "node", "web/e2e/journey.mjs")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "LETHE_URL="+url, "LETHE_CUSTOMER=C-000011", "LETHE_CUSTOMER_2=C-000012", "LETHE_PICTURES="+artifacts(t))
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
// its scenario and serves. It returns Lethe's address.
func company(ctx context.Context, t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	for name, pkg := range map[string]string{"lethe": "./cmd/lethe", "flowmart": "./examples/flowmart"} {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", filepath.Join(bin, name), pkg)
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build %s: %v\n%s", pkg, err, out)
		}
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
	if err := serves(ctx, t, out); err != nil {
		t.Fatalf("the demo: %v", err)
	}
	return "http://" + at
}

// serves reads what the demo tells until it says that it keeps serving.
func serves(ctx context.Context, t *testing.T, out *os.File) error {
	t.Helper()
	defer context.AfterFunc(ctx, func() { _ = out.SetReadDeadline(time.Now()) })()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		t.Log(lines.Text())
		if strings.HasPrefix(lines.Text(), "Lethe keeps serving") {
			// What follows must be read too, or the demo would wait for us.
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return nil
		}
	}
	return errors.Join(lines.Err(), errors.New("it ended before it served"))
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
