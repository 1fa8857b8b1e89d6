package keyfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/flowmart/lethe/internal/keyfile"
)

func TestCreateRotateLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.pem")
	first, err := keyfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyfile.Create(path); err == nil {
		t.Error("a key was overwritten")
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	second, err := keyfile.Rotate(path)
	if err != nil {
		t.Fatal(err)
	}
	third, err := keyfile.Rotate(path)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyfile.Load(path)
	if err != nil || len(keys) != 2 || !keys[0].Equal(third) || !keys[1].Equal(second) || keys[1].Equal(first) {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":   "",
		"no PEM":  "secret",
		"not key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		path := filepath.Join(t.TempDir(), "key.pem")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keyfile.Load(path); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
