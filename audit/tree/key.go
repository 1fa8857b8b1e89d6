package tree

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Key is the public half of a checkpoint key.
type Key struct {
	encoded  string
	verifier note.Verifier
	public   []byte
}

// ParseKey reads a key as signed notes write it, name+hash+base64
// (c2sp.org/signed-note).
func ParseKey(encoded string) (Key, error) {
	verifier, err := note.NewVerifier(encoded)
	if err != nil {
		return Key{}, errors.New("not a verifier key; it has the form name+hash+base64")
	}
	_, rest, _ := strings.Cut(encoded, "+")
	_, b64, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(b64)
	if err != nil || len(raw) < 2 {
		return Key{}, errors.New("not a verifier key; its last part is not base64")
	}
	return Key{encoded, verifier, raw[1:]}, nil // the first byte names the algorithm
}

// String returns the key as it is parsed.
func (k Key) String() string { return k.encoded }

// Name is the name of the log that the key signs.
func (k Key) Name() string { return k.verifier.Name() }

// Fingerprint is the SHA-256 of the 32 bytes of the Ed25519 public key, in
// hexadecimal. It is what people compare, print and keep.
func (k Key) Fingerprint() string {
	sum := sha256.Sum256(k.public)
	return hex.EncodeToString(sum[:])
}

// Keys are the keys whose signatures are accepted. The newest is first.
type Keys []Key

// ParseKeys reads keys, one a line; empty lines and lines that begin with #
// are skipped.
func ParseKeys(text string) (Keys, error) {
	var keys Keys
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, err := ParseKey(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("no verifier key in it")
	}
	return keys, nil
}

// String returns the keys as they are parsed.
func (ks Keys) String() string {
	var b strings.Builder
	for _, k := range ks {
		b.WriteString(k.encoded + "\n")
	}
	return b.String()
}

// Verifier finds the key that a signature names. With it, Keys serve
// note.Open.
func (ks Keys) Verifier(name string, hash uint32) (note.Verifier, error) {
	for _, k := range ks {
		if k.verifier.Name() == name && k.verifier.KeyHash() == hash {
			return k.verifier, nil
		}
	}
	return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
}

// ByFingerprint keeps the keys with one of the fingerprints. Whoever verifies a
// document that carries its own keys names those they trust with it.
func (ks Keys) ByFingerprint(fingerprints ...string) (Keys, error) {
	var kept Keys
	for _, k := range ks {
		for _, f := range fingerprints {
			if strings.EqualFold(k.Fingerprint(), strings.ReplaceAll(f, ":", "")) {
				kept = append(kept, k)
				break
			}
		}
	}
	if len(kept) == 0 {
		return nil, errors.New("none of the keys has the fingerprint given")
	}
	return kept, nil
}
