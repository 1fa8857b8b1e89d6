// Package keyfile keeps the files of secret keys: one key a line in base64, the
// newest first, readable by their owner alone. A file is whole at every moment,
// whatever a crash cuts off: it is made anew beside the old one and put in its
// place.
package keyfile

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/flowmart/lethe/internal/fault"
)

// Size is the length of every key: an AES-256 key, or the seed of an ed25519
// key (RFC 8032).
const Size = 32

// Read returns the keys of a file, the newest first.
func Read(path string) ([][]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "KEY_FILE_UNREADABLE", "the key file %s cannot be read; correct the path, or let this account read it", path).With(err)
	}
	return parse(path, raw)
}

// parse never quotes a line: it may be a key with one letter too many.
func parse(path string, raw []byte) ([][]byte, error) {
	var keys [][]byte
	for i, line := range strings.Split(string(raw), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != Size {
			return nil, fault.New(fault.Invalid, "KEY_FILE_MALFORMED", "line %d of %s is not a key of %d bytes in base64; restore the file from its sealed copy", i+1, path, Size)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fault.New(fault.Invalid, "KEY_FILE_MALFORMED", "%s holds no key; restore the file from its sealed copy", path)
	}
	return keys, nil
}

// Create writes a new file. One that exists is never overwritten.
func Create(path string, keys ...[]byte) error {
	err := write(path, keys)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Conflict, "KEY_EXISTS", "%s exists already; a key is never overwritten, rotate it instead", path).With(err)
	}
	return err
}

// Replace puts what change makes of the keys of a file in their place. Owner
// and mode stay. What an earlier attempt left when it was cut off was never in
// use and goes. Two at once do not lose each other's key: the second is
// refused.
func Replace(path string, change func(keys [][]byte) [][]byte) error {
	f, err := os.Open(path)
	if err != nil {
		_, err := Read(path)
		return err
	}
	defer f.Close() // frees the lock, as the end of the process does
	info, err := f.Stat()
	if err != nil {
		return err
	}
	busy := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
	if now, err := os.Stat(path); busy || err != nil || !os.SameFile(info, now) {
		return fault.New(fault.Conflict, "KEY_FILE_BUSY", "%s is being changed by another command; look at it and try again", path)
	}
	keys, err := Read(path)
	if err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := write(fresh, change(keys)); err != nil {
		return err
	}
	if err := sameOwner(fresh, info); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func write(path string, keys [][]byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	for _, key := range keys {
		_, werr := fmt.Fprintln(f, base64.StdEncoding.EncodeToString(key))
		err = errors.Join(err, werr)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// sameOwner lets root rotate a key that the server's account must read.
func sameOwner(path string, as os.FileInfo) error {
	was, ok := as.Sys().(*syscall.Stat_t)
	if !ok || int(was.Uid) == os.Geteuid() {
		return nil
	}
	return os.Chown(path, int(was.Uid), int(was.Gid))
}

// syncDir makes a rename outlast a loss of power.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
