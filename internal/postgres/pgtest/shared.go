package pgtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/devstack"
)

// The processes of one `go test ./...` share one private server. The first
// starts a keeper, a process of its own that owns the server, outlives the test
// and holds the file "keeper" locked; each user holds a shared lock on the file
// "users"; the kernel frees both however a process ends. The keeper stops the
// server when nobody has held that lock for a while. As long as there is a
// keeper there is one server: one that has no connection left, or answers late,
// is waited for and never replaced, for others use it.

// linger is how long an unused server waits for the next test process, which
// the go tool may still be compiling.
const linger = 45 * time.Second

// keeperDir tells a re-executed test binary to be the keeper.
const keeperDir = "LETHE_PGTEST_KEEPER"

func init() {
	if dir := os.Getenv(keeperDir); dir != "" {
		if err := keep(dir); err != nil {
			_ = os.WriteFile(filepath.Join(dir, "failure"), []byte(err.Error()), 0o600)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// users stays locked, shared, until this process ends.
var users *os.File

type sharedState struct {
	URL string `json:"url"` // as superuser
}

// sharedServer returns the superuser's URL of the shared server, starting it
// if there is none.
func sharedServer(ctx context.Context) (string, error) {
	dir, err := sharedDir()
	if err != nil {
		return "", err
	}
	return serverOf(ctx, dir)
}

func serverOf(ctx context.Context, dir string) (string, error) {
	gate, err := lockFile(filepath.Join(dir, "gate"), syscall.LOCK_EX)
	if err != nil {
		return "", err
	}
	defer gate.Close()
	if users == nil {
		if users, err = lockFile(filepath.Join(dir, "users"), syscall.LOCK_SH); err != nil {
			return "", err
		}
	}
	if !kept(dir) {
		_ = os.Remove(filepath.Join(dir, "state.json"))
		_ = os.Remove(filepath.Join(dir, "failure"))
		if err := startKeeper(dir); err != nil {
			return "", err
		}
	}
	return awaitKeeper(ctx, dir)
}

// kept reports whether there is a keeper.
func kept(dir string) bool {
	lock, err := lockFile(filepath.Join(dir, "keeper"), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		lock.Close()
	}
	return err != nil
}

// sharedDir is a directory of this user alone; its state file holds the
// superuser's password.
func sharedDir() (string, error) {
	dir := filepath.Join(os.TempDir(), "lethe-test-postgres-"+strconv.Itoa(os.Geteuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(stat.Uid) != os.Geteuid() || info.Mode().Perm() != 0o700 {
		return "", fmt.Errorf("%s belongs to somebody else; remove it or set TMPDIR", dir)
	}
	return dir, nil
}

// running reads the state file and asks the server that it names.
func running(ctx context.Context, dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		return "", err
	}
	var state sharedState
	if err := json.Unmarshal(text, &state); err != nil {
		return "", err
	}
	conn, err := pgx.Connect(ctx, state.URL)
	if err != nil {
		return "", err
	}
	return state.URL, conn.Close(ctx)
}

func startKeeper(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// No pipe of ours: `go test` would wait for its other end.
	inheritNothing()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), keeperDir+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

// inheritNothing marks what this process was born with, beyond the standard
// three, as not for its children: the keeper would hold a pipe open that
// somebody waits for the end of.
func inheritNothing() {
	open, _ := os.ReadDir("/dev/fd")
	for _, f := range open {
		if fd, err := strconv.Atoi(f.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

func awaitKeeper(ctx context.Context, dir string) (string, error) {
	for {
		url, why := running(ctx, dir)
		if why == nil {
			return url, nil
		}
		if why, err := os.ReadFile(filepath.Join(dir, "failure")); err == nil {
			return "", errors.New(string(why))
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the private PostgreSQL does not answer: %w", why)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// keep starts the server and stops it when nobody uses it.
func keep(dir string) error {
	alone, err := lockFile(filepath.Join(dir, "keeper"), syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer alone.Close()
	pg, err := devstack.StartPostgres(context.Background(), devstack.PostgresOptions{NoSync: true})
	if err != nil {
		return err
	}
	defer pg.Stop()
	text, err := json.Marshal(sharedState{URL: pg.SuperURL("postgres")})
	if err != nil {
		return err
	}
	state := filepath.Join(dir, "state.json")
	if err := os.WriteFile(state+".new", text, 0o600); err != nil {
		return err
	}
	if err := os.Rename(state+".new", state); err != nil {
		return err
	}
	ours := func() bool {
		now, err := os.ReadFile(state)
		return err == nil && bytes.Equal(now, text)
	}
	defer func() {
		if ours() {
			_ = os.Remove(state)
		}
	}()
	return awaitUnused(dir, ours)
}

// awaitUnused returns, with the gate closed to newcomers, when nobody has used
// the server for a while; or at once when nobody can find it any more.
func awaitUnused(dir string, ours func() bool) error {
	for unused := time.Duration(0); ; {
		time.Sleep(time.Second)
		if !ours() {
			return nil
		}
		lock, err := lockFile(filepath.Join(dir, "users"), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != nil {
			unused = 0
			continue
		}
		lock.Close()
		if unused += time.Second; unused < linger {
			continue
		}
		// Whoever comes now waits at the gate until the server is gone and
		// its state file with it. The gate opens when this process ends.
		if gate, err = lockFile(filepath.Join(dir, "gate"), syscall.LOCK_EX); err != nil {
			return err
		}
		if lock, err = lockFile(filepath.Join(dir, "users"), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			lock.Close()
			return nil
		}
		gate.Close()
		unused = 0
	}
}

// gate is held by the keeper while it stops the server.
var gate *os.File

func lockFile(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
