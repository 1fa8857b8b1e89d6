package clients

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// kit is a directory with clients and what they need.
type kit struct {
	name  string
	files []string   // what it is installed from
	make  [][]string // the commands that do it; each runs in the directory
	needs string
}

var (
	javascript = kit{
		"clients-javascript", []string{"package.json", "package-lock.json"},
		[][]string{{"npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"}},
		"Node 20 or later, and npm",
	}
	python = kit{
		"clients-python", []string{"requirements.txt"},
		[][]string{{"python3", "-m", "venv", "venv"}, {"venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:", "-r", "requirements.txt"}},
		"Python 3.11 or later, and its venv",
	}
)

// installed returns the directory of a kit. It is filled once for each version
// of its files; processes that come at the same time wait for the first.
func (k kit) installed(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	texts := map[string][]byte{}
	for _, name := range k.files {
		if texts[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(sum, "%d:", len(texts[name]))
		sum.Write(texts[name])
	}
	root := filepath.Join(cache, "lethe", k.name)
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
	done := filepath.Join(dir, ".installed")
	if _, err := os.Stat(done); !errors.Is(err, fs.ErrNotExist) {
		return dir
	}
	if err := k.install(t.Context(), dir, texts); err != nil {
		if _, found := exec.LookPath(k.make[0][0]); found != nil && os.Getenv("CI") == "" {
			t.Skipf("this test needs %s", k.needs)
		}
		t.Fatalf("%v\nThis test needs %s.", err, k.needs)
	}
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// install fills a directory. A Python environment cannot be moved, so it is
// made where it stays.
func (k kit) install(ctx context.Context, dir string, texts map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	for _, args := range k.make {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", args, err, out)
		}
	}
	return nil
}

// node is the command of a program in JavaScript. Node looks for what a program
// imports beside it.
func node(t *testing.T, program string) []string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(program)
	if err := errors.Join(err, os.WriteFile(filepath.Join(dir, program), text, 0o644),
		os.Symlink(filepath.Join(javascript.installed(t), "node_modules"), filepath.Join(dir, "node_modules"))); err != nil {
		t.Fatal(err)
	}
	return []string{"node", filepath.Join(dir, program)}
}
