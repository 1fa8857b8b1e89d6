package audit_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	f := setup(t)
	path := filepath.Join(t.TempDir(), "audit.key")
	first, err := audit.GenerateKey(path, "flowmart.example/lethe")
	if err != nil {
		t.Fatal(err)
	}
	f.sealAs(t, first)
	anchor, err := audit.OpenAnchor(f.dir, first.Keys)
	if err != nil {
		t.Fatal(err)
	}
	log := audit.New(f.db, first, anchor)
	second, err := log.RotateKey(t.Context(), admin, path)
	if err != nil {
		t.Fatal(err)
	}
	f.provesNewKey(t, log, first, second)
	if _, err := log.RotateKey(t.Context(), auditor, path); fault.KindOf(err) != fault.Denied {
		t.Errorf("rotated by an auditor: %v", err)
	}
	if _, err := log.RotateKey(t.Context(), admin, path); code2(err) != "AUDIT_KEY_NOT_IN_USE" {
		t.Errorf("rotated again under the key that is gone: %v", err)
	}
	if len(second.Keys) != 2 || second.Keys[0].String() == first.Keys[0].String() || second.Keys[1].Fingerprint() != first.Keys[0].Fingerprint() {
		t.Fatalf("keys are %v, then %v", first.Keys, second.Keys)
	}
	if second.KeyHash() == first.KeyHash() || second.Name() != first.Name() {
		t.Error("the key was not replaced, or the log's name was")
	}
	f.sealAs(t, second)
	for name, c := range map[string]struct {
		keys tree.Keys
		ok   bool
	}{
		"both":    {second.Keys, true},
		"the old": {first.Keys, false},
	} {
		anchor, err := audit.OpenAnchor(f.dir, c.keys)
		if err != nil {
			t.Fatal(err)
		}
		r, err := audit.Verify(t.Context(), f.db, anchor)
		if ok := err == nil && r.OK(); ok != c.ok {
			t.Errorf("with %s keys: %+v, %v", name, r, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key is readable by others: %v, %v", info.Mode(), err)
	}
}

// provesNewKey checks that who trusts the old key is told the new one by the
// log itself.
func (f *fixture) provesNewKey(t *testing.T, log *audit.Log, first, second *audit.Signer) {
	t.Helper()
	id, err := postgres.Scalar[uuid.UUID](t.Context(), f.db, `SELECT id FROM audit_entry WHERE act = 'checkpoint.key_rotated'`)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := log.Proof(t.Context(), auditor, id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Verify(first.Keys[0].Fingerprint()); err != nil {
		t.Error(err)
	}
	if got := hex.EncodeToString(bundle.Entries[0].Entry.Digest); got != second.Keys[0].Fingerprint() {
		t.Errorf("the log announces %s, the new key is %s", got, second.Keys[0].Fingerprint())
	}
}

func (f *fixture) sealAs(t *testing.T, signer *audit.Signer) {
	t.Helper()
	f.append(t, 3)
	anchor, err := audit.OpenAnchor(f.dir, signer.Keys)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := audit.New(f.db, signer, anchor).Seal(t.Context()); n != 3 || err != nil {
		t.Fatal(n, err)
	}
}

func TestKeyFilesInTheirWrongForms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := filepath.Join(dir, "good")
	if _, err := audit.GenerateKey(good, "x"); err != nil {
		t.Fatal(err)
	}
	secret, _ := os.ReadFile(good)
	lone := write("lone", string(secret))
	mixed := write("mixed", string(secret))
	if _, err := audit.GenerateKey(filepath.Join(dir, "b"), "x"); err != nil {
		t.Fatal(err)
	}
	public, _ := os.ReadFile(filepath.Join(dir, "b.pub"))
	write("mixed.pub", string(public))
	garbled := write("garbled", string(secret))
	write("garbled.pub", "garbled")
	_, again := audit.GenerateKey(good, "x")
	_, blank := audit.GenerateKey(filepath.Join(dir, "blank"), "a name")
	_, none := audit.GenerateKey(filepath.Join(dir, "none"), "")
	_, person := audit.GenerateKey(filepath.Join(dir, "person"), "ada@example.com")
	_, long := audit.GenerateKey(filepath.Join(dir, "long"), strings.Repeat("x", 101))
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"no file":         {load(filepath.Join(dir, "absent")), "AUDIT_KEY_MISSING"},
		"no key":          {load(write("text", "hello")), "AUDIT_KEY_MALFORMED"},
		"no public half":  {load(lone), "AUDIT_KEYS_MISSING"},
		"of another pair": {load(mixed), "AUDIT_KEY_UNPUBLISHED"},
		"public garbled":  {load(garbled), "AUDIT_KEYS_MALFORMED"},
		"made again":      {again, "AUDIT_KEY_EXISTS"},
		"name with blank": {blank, "AUDIT_KEY_NAME"},
		"no name":         {none, "AUDIT_KEY_NAME"},
		"an address":      {person, "AUDIT_KEY_NAME"},
		"a long name":     {long, "AUDIT_KEY_NAME"},
	} {
		if code2(c.err) != c.want {
			t.Errorf("%s: %v, want %s", name, c.err, c.want)
		}
	}
	if after, _ := os.ReadFile(good); string(after) != string(secret) {
		t.Error("a key was overwritten")
	}
}

func load(path string) error {
	_, err := audit.LoadSigner(path)
	return err
}
