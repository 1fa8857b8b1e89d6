package signin

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program are the files that make the provider.
var program = []string{"package.json", "package-lock.json", "provider.mjs"}

// installed returns a directory with the provider and what it needs. npm runs
// once for each version of the files; processes that come at the same time wait
// for the first.
func installed(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	texts := map[string][]byte{}
	for _, name := range program {
		if texts[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
		sum.Write(texts[name])
	}
	root := filepath.Join(cache, "lethe", "oidc-provider")
	dir := filepath.Join(root, hex.EncodeToString(sum.Sum(nil))[:16])
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(filepath.Join(root, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return dir
	}
	if err := install(t.Context(), root, dir, texts); err != nil {
		t.Fatalf("%v\nThis test needs Node 20 or later, and npm.", err)
	}
	return dir
}

// install fills a directory and gives it its name at the end, so that half an
// installation is never used.
func install(ctx context.Context, root, dir string, texts map[string][]byte) error {
	half, err := os.MkdirTemp(root, "half-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(half)
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(half, name), text, 0o644); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = half
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return os.Rename(half, dir)
}

// provider is the running provider.
type provider struct {
	issuer string
	in     io.WriteCloser
	out    *bufio.Scanner
}

// settings are what the provider is told once Lethe's address is known.
type settings struct {
	Redirect string                    `json:"redirect"`
	Audience string                    `json:"audience"`
	Secret   string                    `json:"secret"`
	People   map[string]map[string]any `json:"people"`
}

func start(t *testing.T) *provider {
	t.Helper()
	dir := installed(t)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "node", "provider.mjs")
	cmd.Dir = dir
	var errs strings.Builder
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: this test needs Node 20 or later", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		time.AfterFunc(5*time.Second, cancel)
		_ = cmd.Wait()
		cancel()
		if t.Failed() {
			t.Logf("the provider said:\n%s", errs.String())
		}
	})
	p := &provider{in: in, out: bufio.NewScanner(out)}
	p.issuer = p.line(t)
	return p
}

// line reads what the provider prints next.
func (p *provider) line(t *testing.T) string {
	t.Helper()
	if !p.out.Scan() {
		t.Fatal("the provider ended")
	}
	return p.out.Text()
}

func (p *provider) configure(t *testing.T, s settings) {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.Write(append(text, '\n')); err != nil {
		t.Fatal(err)
	}
	if said := p.line(t); said != "ready" {
		t.Fatalf("the provider said %q", said)
	}
}
