package server

import (
	"crypto/ed25519"
	"crypto/rand"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/keyfile"
)

// maxSigningKeys is how many keys may sign at once: a message carries at most
// so many signatures.
const maxSigningKeys = 4

// ReadSigningKeys reads the ed25519 keys that sign task requests and
// certificates: 32 bytes of seed in base64, one key a line, the newest first.
// While a key is being replaced both sign, so that whoever pinned the old one
// still believes us.
func ReadSigningKeys(path string) ([]ed25519.PrivateKey, error) {
	seeds, err := keyfile.Read(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "BAD_SETTING", "LETHE_SIGNING_KEY_FILE: %s; a first key is made with: lethe key signing %s", err, path)
	}
	if len(seeds) > maxSigningKeys {
		return nil, fault.New(fault.Invalid, "BAD_SETTING", "LETHE_SIGNING_KEY_FILE: %s holds %d keys; it needs 1 to %d", path, len(seeds), maxSigningKeys)
	}
	keys := make([]ed25519.PrivateKey, len(seeds))
	for i, seed := range seeds {
		keys[i] = ed25519.NewKeyFromSeed(seed)
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
	return public, keyfile.Create(path, private.Seed())
}

// RotateSigningKey puts a new key before the newest of a file and drops those
// before it. Running servers take it when they next start; once every service
// knows the new key, rotating again drops the old one.
func RotateSigningKey(path string) (ed25519.PublicKey, error) {
	if _, err := ReadSigningKeys(path); err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return public, keyfile.Replace(path, func(seeds [][]byte) [][]byte { return [][]byte{private.Seed(), seeds[0]} })
}
