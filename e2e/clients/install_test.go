package clients

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// kit is a directory with clients, or with another registry, and what they need.
type kit struct {
	name  string
	files []string   // what it is installed from
	make  [][]string // the commands that do it; each runs in the directory
	sum   string     // SHA-256 of the .tar.gz that they leave as the file archive, if they do
	needs string
}

var (
	javascript = kit{
		name: "clients-javascript", files: []string{"package.json", "package-lock.json"},
		make:  [][]string{{"npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"}},
		needs: "Node 20 or later, and npm",
	}
	python = kit{
		name: "clients-python", files: []string{"requirements.txt"},
		make:  [][]string{{"python3", "-m", "venv", "venv"}, {"venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:", "-r", "requirements.txt"}},
		needs: "Python 3.11 or later, and its venv",
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
	sum.Write([]byte(k.sum))
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
	if k.sum == "" {
		return nil
	}
	return k.unpack(dir)
}

// unpack unpacks the kit's archive, if it is the one that is meant.
func (k kit) unpack(dir string) error {
	path := filepath.Join(dir, "archive")
	defer os.Remove(path)
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != k.sum {
		return fmt.Errorf("%s has the SHA-256 %s, and not %s", k.name, got, k.sum)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return untar(f, dir)
}

// untar unpacks directories and files, and nothing outside of the directory.
func untar(archive io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = unpackOne(root, h, r)
		}
		if err != nil {
			return err
		}
	}
}

func unpackOne(root *os.Root, h *tar.Header, content io.Reader) error {
	name := filepath.Clean(h.Name)
	if h.Typeflag == tar.TypeDir {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
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
