package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/internal/access"
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
// at path.pub. The files are those that GenerateKey and Log.RotateKey write.
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
// is the log's for ever: a domain and path of the company's own, like
// "flowmart.example/lethe", which stands in every checkpoint. A key already there is never
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

// RotateKey replaces the checkpoint key at path, the one that the log is
// sealed with, by a fresh one of the same name. The fingerprint of the new key
// is written into the log and sealed under the old one first, so that whoever
// trusts the old key has a proof of the new. The old public key stays
// accepted; the old private key is gone. It needs the role admin.
//
// Running servers take the new key when they next start. Until then those that
// know only the old key cannot follow those that have the new.
func (l *Log) RotateKey(ctx context.Context, by access.Principal, path string) (*Signer, error) {
	if err := by.Require(access.Admin); err != nil {
		return nil, err
	}
	old, err := LoadSigner(path)
	if err != nil {
		return nil, err
	}
	if l.signer == nil || l.signer.KeyHash() != old.KeyHash() {
		return nil, fault.New(fault.Invalid, "AUDIT_KEY_NOT_IN_USE", "the log is not sealed with the key at %s; name the file of LETHE_CHECKPOINT_KEY_FILE", path)
	}
	secret, public, err := newKey(old.Name())
	if err != nil {
		return nil, err
	}
	key, err := tree.ParseKey(public)
	if err != nil {
		return nil, err
	}
	if err := l.announce(ctx, by, key); err != nil {
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

// announce writes the new key's fingerprint into the log and sees it sealed,
// by this process or another replica.
func (l *Log) announce(ctx context.Context, by access.Principal, key tree.Key) error {
	fingerprint, err := hex.DecodeString(key.Fingerprint())
	if err != nil {
		return err
	}
	entry := Entry{Actor: by.ID, Act: "checkpoint.key_rotated", Digest: fingerprint}
	if err := Append(ctx, l.db, entry); err != nil {
		return err
	}
	for {
		if _, err := l.Seal(ctx); err != nil {
			return err
		}
		left, err := waiting(ctx, l.db)
		if err != nil || !left {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause / 10):
		}
	}
}

// nameForm is the form of a log's name. It has no room for an e-mail address;
// the database holds checkpoints to the same form.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9._/:-]{1,100}$`)

func newKey(name string) (secret, public string, err error) {
	if !nameForm.MatchString(name) {
		return "", "", fault.Bad("name", "AUDIT_KEY_NAME", "the name of a log is 1 to 100 letters, digits, dots, dashes, underscores, colons and slashes; take one like flowmart.example/lethe")
	}
	secret, public, err = note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", "", fmt.Errorf("audit: checkpoint key: %w", err)
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
	defer func() { _ = os.Remove(f.Name()) }() // gone already if all went well
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
