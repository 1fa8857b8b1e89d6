package audit

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/internal/fault"
)

// Signer signs checkpoints, and knows every key that ever did.
type Signer struct {
	note.Signer
	Keys tree.Keys // the newest, which signs, first
}

// publicSuffix makes the name of the file with the public keys from that of
// the file with the private one.
const publicSuffix = ".pub"

// LoadSigner reads the checkpoint key at path and the public keys beside it,
// at path.pub. The files are those that GenerateKey and RotateKey write.
func LoadSigner(path string) (*Signer, error) {
	secret, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Invalid, "AUDIT_KEY_MISSING", "there is no checkpoint key at %s; make one with: lethe audit key generate", path)
	}
	if err != nil {
		return nil, fmt.Errorf("audit: checkpoint key: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(secret)))
	if err != nil {
		// The cause may quote the secret.
		return nil, fault.New(fault.Invalid, "AUDIT_KEY_MALFORMED", "%s is not a checkpoint key; it is one line that begins with PRIVATE+KEY+", path)
	}
	keys, err := LoadKeys(path + publicSuffix)
	if err != nil {
		return nil, err
	}
	if _, err := keys.Verifier(signer.Name(), signer.KeyHash()); err != nil {
		return nil, fault.New(fault.Invalid, "AUDIT_KEY_UNPUBLISHED", "%s%s does not hold the public half of %s; restore the pair together", path, publicSuffix, path)
	}
	return &Signer{signer, keys}, nil
}

// LoadKeys reads a file of public keys, one a line.
func LoadKeys(path string) (tree.Keys, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "AUDIT_KEYS_MISSING", "the public checkpoint keys at %s cannot be read", path).With(err)
	}
	keys, err := tree.ParseKeys(string(text))
	if err != nil {
		return nil, fault.New(fault.Invalid, "AUDIT_KEYS_MALFORMED", "%s: %v", path, err)
	}
	return keys, nil
}

// GenerateKey makes the checkpoint key of a log and writes its private half to
// path, readable by its owner alone, and its public half to path.pub. The name
// is the log's for ever: a domain and path of the company's own without blanks
// or plus signs, like "flowmart.example/lethe". A key already there is never
// overwritten.
func GenerateKey(path, name string) (*Signer, error) {
	secret, public, err := newKey(name)
	if err != nil {
		return nil, err
	}
	if err := writeNew(path, secret, 0o600); err != nil {
		return nil, err
	}
	if err := replaceFile(path+publicSuffix, []byte(public+"\n"), 0o644); err != nil {
		return nil, err
	}
	return LoadSigner(path)
}

// RotateKey replaces the key at path by a fresh one of the same name. The old
// public key stays accepted, so that what it signed still verifies; the old
// private key is gone. Running servers take the new key when they next start.
func RotateKey(path string) (*Signer, error) {
	old, err := LoadSigner(path)
	if err != nil {
		return nil, err
	}
	secret, public, err := newKey(old.Name())
	if err != nil {
		return nil, err
	}
	// The public half comes first: a crash between the two leaves a key too
	// many in the list, never a key that signs and is not in it.
	if err := replaceFile(path+publicSuffix, []byte(public+"\n"+old.Keys.String()), 0o644); err != nil {
		return nil, err
	}
	if err := replaceFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return nil, err
	}
	return LoadSigner(path)
}

func newKey(name string) (secret, public string, err error) {
	secret, public, err = note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", "", fmt.Errorf("audit: checkpoint key: %w", err)
	}
	if _, err := note.NewSigner(secret); err != nil {
		return "", "", fault.Bad("name", "AUDIT_KEY_NAME", "the name of a log must not be empty nor hold blanks or plus signs; take one like flowmart.example/lethe")
	}
	return secret, public, nil
}

func writeNew(path, line string, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Conflict, "AUDIT_KEY_EXISTS", "there is a key at %s already; rotate it instead", path)
	}
	if err != nil {
		return fmt.Errorf("audit: checkpoint key: %w", err)
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// replaceFile puts content in the place of the file at path, or leaves it as
// it was; after a crash there is the one or the other, never a part. A file
// that has the content already is left alone.
func replaceFile(path string, content []byte, mode fs.FileMode) error {
	if was, err := os.ReadFile(path); err == nil && bytes.Equal(was, content) {
		return nil
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer os.Remove(f.Name()) // gone already if all went well
	_, err = f.Write(content)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return syncDir(dir)
}

// syncDir makes a rename in dir outlast a loss of power.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	err = errors.Join(d.Sync(), d.Close())
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}
