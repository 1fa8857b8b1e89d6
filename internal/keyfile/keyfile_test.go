package keyfile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/keyfile"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, keyfile.Size) }

func codeOf(err error) string {
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return f.Code
	}
	return ""
}

func before(b byte) func([][]byte) [][]byte {
	return func(keys [][]byte) [][]byte { return append([][]byte{key(b)}, keys...) }
}

func TestReplace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "k")
	if err := keyfile.Create(path, key(1)); err != nil {
		t.Fatal(err)
	}
	if err := keyfile.Create(path, key(2)); codeOf(err) != "KEY_EXISTS" {
		t.Errorf("a key was overwritten: %v", err)
	}
	// What a crash between writing and renaming leaves blocks nobody.
	if err := os.WriteFile(path+".new", []byte("half a li"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := keyfile.Replace(path, before(3)); err != nil {
		t.Fatal(err)
	}
	keys, err := keyfile.Read(path)
	if err != nil || len(keys) != 2 || !bytes.Equal(keys[0], key(3)) || !bytes.Equal(keys[1], key(1)) {
		t.Errorf("%d keys, %v", len(keys), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what the crash left is still there: %v", err)
	}
}

// Two commands at once: the second would lose the first one's key.
func TestReplaceOneAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "k")
	if err := keyfile.Create(path, key(1)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := keyfile.Replace(path, before(2)); codeOf(err) != "KEY_FILE_BUSY" {
		t.Errorf("%v", err)
	}
	if keys, err := keyfile.Read(path); err != nil || len(keys) != 1 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := strings.Repeat("A", 43) + "="
	for name, c := range map[string]struct{ text, code string }{
		"empty":       {"\n", "KEY_FILE_MALFORMED"},
		"short":       {"c2VjcmV0\n", "KEY_FILE_MALFORMED"},
		"no base64":   {"-----BEGIN PRIVATE KEY-----", "KEY_FILE_MALFORMED"},
		"two a line":  {good + " " + good, "KEY_FILE_MALFORMED"},
		"second line": {good + "\n" + good + "x\n", "KEY_FILE_MALFORMED"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for what, do := range map[string]func() error{
			"read":    func() error { _, err := keyfile.Read(path); return err },
			"replace": func() error { return keyfile.Replace(path, before(2)) },
		} {
			err := do()
			if codeOf(err) != c.code || (len(c.text) > 1 && strings.Contains(err.Error(), strings.TrimSpace(c.text))) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != c.text {
			t.Errorf("%s: the file was changed", name)
		}
	}
	for what, err := range map[string]error{"read": func() error { _, err := keyfile.Read(dir + "/none"); return err }(), "replace": keyfile.Replace(dir+"/none", before(1))} {
		if codeOf(err) != "KEY_FILE_UNREADABLE" {
			t.Errorf("%s of nothing: %v", what, err)
		}
	}
}
