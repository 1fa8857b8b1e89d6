package devstack

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// cacheDir returns a directory for downloads that outlive a run: the user's
// cache, or, where the account of a server could not enter that, the system's.
func cacheDir(acc account, name string) (string, error) {
	var roots []string
	if user, err := os.UserCacheDir(); err == nil {
		roots = append(roots, user)
	}
	roots = append(roots, "/var/cache", os.TempDir())
	var problems error
	for _, root := range roots {
		dir := filepath.Join(root, "lethe", name)
		if acc.blockedAt(root) != "" {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			problems = errors.Join(problems, err)
			continue
		}
		// Programs are run from here: nobody else may have made it.
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && ours(info) && acc.blockedAt(dir) == "" {
			return dir, nil
		}
	}
	return "", errors.Join(errors.New("no cache directory that can be used"), problems)
}

// waitLock waits for the lock of a directory.
func waitLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
