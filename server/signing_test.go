package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSigningKeysRotate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "signing.key")
	first, err := NewSigningKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSigningKey(path); err == nil {
		t.Error("a key was overwritten")
	}
	second, err := RotateSigningKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: %v %v", info.Mode(), err)
	}
	keys, err := ReadSigningKeys(path)
	if err != nil || len(keys) != 2 || !second.Equal(keys[0].Public()) || !first.Equal(keys[1].Public()) {
		t.Errorf("after one rotation: %d keys, %v", len(keys), err)
	}
	if _, err := RotateSigningKey(path); err != nil {
		t.Fatal(err)
	}
	if keys, err = ReadSigningKeys(path); err != nil || len(keys) != 2 || !second.Equal(keys[1].Public()) {
		t.Errorf("after two rotations: %d keys, %v", len(keys), err)
	}
}

func TestReadSigningKeysRefuses(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("A", 43) + "="
	for name, text := range map[string]string{
		"empty": "", "too short": "AAAA", "no base64": "-----BEGIN PRIVATE KEY-----", "too many": strings.Repeat(good+"\n", 5),
	} {
		path := filepath.Join(t.TempDir(), "k")
		write(t, path, text, 0o600)
		if _, err := ReadSigningKeys(path); err == nil || !strings.Contains(err.Error(), "LETHE_SIGNING_KEY_FILE") || (text != "" && strings.Contains(err.Error(), text)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
