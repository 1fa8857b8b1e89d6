package devstack

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// account is who a server runs as. PostgreSQL refuses root, so root hands it
// to an account without rights; everybody else runs it as themselves.
type account struct {
	name     string // "" is ourselves
	uid, gid int
}

func serverAccount() account {
	if os.Geteuid() != 0 {
		return account{}
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, err1 := strconv.Atoi(u.Uid)
			gid, err2 := strconv.Atoi(u.Gid)
			if err1 == nil && err2 == nil && uid != 0 {
				return account{name, uid, gid}
			}
		}
	}
	return account{"nobody", 65534, 65534}
}

// own hands a file or directory to the account.
func (a account) own(path string) error {
	if a.name == "" {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// blockedAt names the outermost directory on the way to path that the account
// may not enter, or "".
func (a account) blockedAt(path string) string {
	if a.name == "" {
		return ""
	}
	blocked := ""
	for dir := path; ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o001 == 0 && !a.owns(info) {
			blocked = dir
		}
		if dir == filepath.Dir(dir) {
			return blocked
		}
	}
}

func (a account) owns(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == a.uid
}

func ours(info os.FileInfo) bool { return account{uid: os.Geteuid()}.owns(info) }

// prepare gives a command the account, a plain environment and a place.
func prepare(cmd *exec.Cmd, a account, dir string) {
	cmd.Dir = dir
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if a.name != "" {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
}

// child is a process that must not outlive us.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended
}

// startChild starts a process in a group of its own, so that a Ctrl-C at the
// terminal reaches us alone and we stop it in our own order. Should we die
// first, the kernel sends it the signal dying, where the kernel knows how.
func startChild(cmd *exec.Cmd, dying syscall.Signal) (*child, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr, dying)
	c := &child{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel watches the thread that started the child, not the
		// process: this thread must live as long.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return c, nil
}

// stop asks the process to end and insists after patience. It returns when the
// process is gone.
func (c *child) stop(ask syscall.Signal, patience time.Duration) {
	for _, sig := range []syscall.Signal{ask, syscall.SIGQUIT, syscall.SIGKILL} {
		_ = c.cmd.Process.Signal(sig)
		select {
		case <-c.ended:
			return
		case <-time.After(patience):
		}
	}
	<-c.ended
}

var errLocked = errors.New("locked by another process")

// lockDir claims a directory for the life of this process; the kernel frees it
// however the process ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, err
	}
	return f, nil
}

const tempPattern = "lethe-devstack-"

// tempRoots lists where throw-away directories may lie.
func tempRoots() []string { return []string{os.TempDir(), "/tmp", "/var/tmp"} }

// makeTemp makes a throw-away directory that the account can reach.
func makeTemp(a account) (dir string, err error) {
	for _, root := range tempRoots() {
		if a.blockedAt(root) != "" {
			continue
		}
		if dir, err = os.MkdirTemp(root, tempPattern); err == nil {
			return dir, os.Chmod(dir, 0o711)
		}
	}
	return "", errors.Join(errors.New("no temporary directory that the account of PostgreSQL can enter"), err)
}

// removeAbandoned removes throw-away directories whose owner crashed. A server
// that outlived its owner, where the kernel did not end it, stops by itself
// when it misses its directory.
func removeAbandoned() {
	for _, root := range tempRoots() {
		dirs, _ := filepath.Glob(filepath.Join(root, tempPattern+"*"))
		for _, dir := range dirs {
			info, err := os.Lstat(dir)
			if err != nil || !info.IsDir() || !ours(info) {
				continue
			}
			// A directory just made is not locked yet.
			if time.Since(info.ModTime()) < time.Minute {
				continue
			}
			if lock, err := lockDir(dir); err == nil {
				_ = os.RemoveAll(dir)
				_ = lock.Close()
			}
		}
	}
}
