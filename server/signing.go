package server

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
)

// maxSigningKeys is how many keys may sign at once: a message carries at most
// so many signatures.
const maxSigningKeys = 4

// ReadSigningKeys reads the ed25519 keys that sign task requests and
// certificates: 32 bytes of seed in base64, one key a line, the newest first.
// While a key is being replaced both sign, so that whoever pinned the old one
// still believes us.
func ReadSigningKeys(path string) ([]ed25519.PrivateKey, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "BAD_SETTING", "LETHE_SIGNING_KEY_FILE: %s cannot be read; make it with: lethe key signing %s", path, path)
	}
	var keys []ed25519.PrivateKey
	for i, line := range strings.Fields(string(raw)) {
		seed, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(seed) != ed25519.SeedSize {
			return nil, fault.New(fault.Invalid, "BAD_SETTING", "LETHE_SIGNING_KEY_FILE: line %d of %s is not a key of 32 bytes in base64", i+1, path)
		}
		keys = append(keys, ed25519.NewKeyFromSeed(seed))
	}
	if len(keys) == 0 || len(keys) > maxSigningKeys {
		return nil, fault.New(fault.Invalid, "BAD_SETTING", "LETHE_SIGNING_KEY_FILE: %s holds %d keys; it needs 1 to %d", path, len(keys), maxSigningKeys)
	}
	return keys, nil
}

// NewSigningKey makes a signing key in a new file, mode 0600, and returns its
// public half. A file that exists is never overwritten.
func NewSigningKey(path string) (ed25519.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return public, writeKeys(path, private)
}

// RotateSigningKey puts a new key before the newest of a file and drops those
// before it. Running servers take it when they next start; once every service
// knows the new key, rotating again drops the old one.
func RotateSigningKey(path string) (ed25519.PublicKey, error) {
	keys, err := ReadSigningKeys(path)
	if err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	fresh := path + ".new"
	if err := writeKeys(fresh, private, keys[0]); err != nil {
		return nil, err
	}
	return public, os.Rename(fresh, path)
}

func writeKeys(path string, keys ...ed25519.PrivateKey) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Conflict, "KEY_EXISTS", "%s exists already; a key is never overwritten, rotate it instead", path)
	}
	if err != nil {
		return err
	}
	for _, k := range keys {
		_, werr := fmt.Fprintln(f, base64.StdEncoding.EncodeToString(k.Seed()))
		err = errors.Join(err, werr)
	}
	return errors.Join(err, f.Sync(), f.Close())
}
