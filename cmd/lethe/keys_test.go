package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/internal/vault"
)

// setting is a setting of an environment.
func (e env) setting(name string) string { return e.get("LETHE_" + name) }

// The whole way of the runbook: rotate, wrap anew, take the old line out. Each
// step says what it did, and a server starts after each.
func TestKEKIsRotatedOut(t *testing.T) {
	t.Parallel()
	e, _ := serverSettings(t)
	file := e.setting("KEK_FILE")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	old, err := vault.Open(pgtest.NewKeystore(t), file)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := old.Create(t.Context(), uuid.New()); err != nil {
			t.Fatal(err)
		}
	}
	var made struct{ ID string }
	r := lethe(t, e, "key", "kek", file, "--rotate", "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &made); err != nil || r.code != exitOK {
		t.Fatalf("rotate: %d %s%s", r.code, r.out, r.err)
	}
	var told struct {
		Changed int64
		DryRun  bool
		KEKs    []struct {
			KEK           string
			Keys, Peppers int64
			First         bool
		}
	}
	for _, step := range []struct {
		line    string
		changed int64
		first   int64
	}{{"key rewrap --dry-run", 0, 0}, {"key rewrap", 3, 3}, {"key rewrap", 0, 3}} {
		r := lethe(t, e, append(strings.Fields(step.line), "-o", "json")...)
		if err := json.Unmarshal([]byte(r.out), &told); err != nil || r.code != exitOK {
			t.Fatalf("%s: %d %s%s", step.line, r.code, r.out, r.err)
		}
		if told.Changed != step.changed || len(told.KEKs) != 2 || told.KEKs[0].KEK != made.ID || !told.KEKs[0].First || told.KEKs[0].Keys != step.first || told.KEKs[1].Keys != 3-step.first {
			t.Errorf("%s: %s", step.line, r.out)
		}
	}
	if r := lethe(t, e, "key", "rewrap"); !strings.Contains(r.out, "may leave the file") || !strings.Contains(r.out, "0 wrapped anew.") {
		t.Errorf("as text: %s", r.out)
	}
	// The old line alone, as if an old copy had been put back: refused by all.
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"serve", "key rewrap", "key rewrap --dry-run"} {
		r := lethe(t, e, strings.Fields(line)...)
		if r.code != exitAway || !strings.Contains(r.err, made.ID) || !strings.Contains(r.err, "put its line back") {
			t.Errorf("%s without the key in use: %d %s", line, r.code, r.err)
		}
	}
}

func TestKeyCommandsRefuse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	db, _, _ := pgtest.KeystoreURLs(t)
	for line, want := range map[string]string{
		"key kek " + dir + "/none --rotate":     "cannot be read",
		"key kek " + bad + " --rotate":          "line 1 of",
		"key signing " + dir + "/none --rotate": "cannot be read",
		"key signing " + bad + " --rotate":      "line 1 of",
		"key rewrap":                            "LETHE_KEYSTORE_URL is not set",
		"key rewrap extra":                      "unknown command",
		"audit key rotate":                      "LETHE_CHECKPOINT_KEY_FILE is not set",
	} {
		r := lethe(t, env{}, strings.Fields(line)...)
		if r.code != exitUsage || !strings.Contains(r.err, want) || strings.Contains(r.err, "hunter2") {
			t.Errorf("lethe %s: %d %s", line, r.code, r.err)
		}
	}
	e := env{environ: []string{"LETHE_KEYSTORE_URL=" + db, "LETHE_KEK_FILE=" + bad}}
	if r := lethe(t, e, "key", "rewrap"); r.code != exitUsage || strings.Contains(r.err, "hunter2") {
		t.Errorf("a file of no keys: %d %s", r.code, r.err)
	}
	e.environ[0] = "LETHE_KEYSTORE_URL=postgres://lethe_app@127.0.0.1:1/keys"
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}
	if err := vault.NewKEK().WriteFile(bad); err != nil {
		t.Fatal(err)
	}
	if r := lethe(t, e, "key", "rewrap"); r.code != exitAway {
		t.Errorf("no key store: %d %s", r.code, r.err)
	}
	// What a crash left beside a key blocks no rotation.
	for _, kind := range []string{"kek", "signing"} {
		path := filepath.Join(dir, kind)
		lethe(t, env{}, "key", kind, path)
		if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if r := lethe(t, env{}, "key", kind, path, "--rotate"); r.code != exitOK {
			t.Errorf("key %s: %d %s", kind, r.code, r.err)
		}
	}
}

// The checkpoint key is replaced by command: the log verifies before and after,
// by the public keys that the command left, the old one among them.
func TestAuditKeyRotates(t *testing.T) {
	t.Parallel()
	e, _ := serverSettings(t)
	before := lethe(t, e, "audit", "key", "show", "-o", "json")
	r := lethe(t, e, "audit", "key", "rotate", "-o", "json")
	var made struct{ File, Name, Fingerprint string }
	if err := json.Unmarshal([]byte(r.out), &made); err != nil || r.code != exitOK || made.File != e.setting("CHECKPOINT_KEY_FILE") || made.Name != "lethe.test/audit" {
		t.Fatalf("rotate: %d %s%s", r.code, r.out, r.err)
	}
	var keys, old struct {
		Keys []struct{ Fingerprint string }
	}
	after := lethe(t, e, "audit", "key", "show", "-o", "json")
	if err := json.Unmarshal([]byte(before.out), &old); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(after.out), &keys); err != nil || len(keys.Keys) != 2 || keys.Keys[0].Fingerprint != made.Fingerprint || keys.Keys[1].Fingerprint != old.Keys[0].Fingerprint {
		t.Errorf("the keys are %s, before %s", after.out, before.out)
	}
	if r := lethe(t, e, "audit", "verify"); r.code != exitOK || !strings.Contains(r.out, "The audit log is whole: 1 entries") {
		t.Errorf("verify: %d %s%s", r.code, r.out, r.err)
	}
	if r := lethe(t, e, "audit", "key", "rotate"); r.code != exitOK {
		t.Errorf("again: %d %s", r.code, r.err)
	}
	if r := lethe(t, e, "audit", "verify"); r.code != exitOK || !strings.Contains(r.out, "2 entries") {
		t.Errorf("verify after two: %d %s%s", r.code, r.out, r.err)
	}
	gone := env{environ: append(e.environ, "LETHE_ANCHOR_DIR="+t.TempDir()+"/none")}
	if r := lethe(t, gone, "audit", "key", "rotate"); r.code != exitUsage || !strings.Contains(r.err, "there is no directory") {
		t.Errorf("without its anchor: %d %s", r.code, r.err)
	}
}

func TestKeysAreMadeOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, args := range [][]string{
		{"key", "kek", filepath.Join(dir, "kek")},
		{"key", "signing", filepath.Join(dir, "signing")},
		{"audit", "key", "generate", filepath.Join(dir, "checkpoint"), "--name", "shop.example/lethe"},
	} {
		path := args[len(args)-1]
		if args[0] == "audit" {
			path = args[3]
		}
		if r := lethe(t, env{}, args...); r.code != exitOK {
			t.Errorf("%v: %d %s", args, r.code, r.err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v: mode %v, %v", args, info.Mode(), err)
		}
		if r := lethe(t, env{}, args...); r.code != exitNo || !strings.Contains(r.err, "already") {
			t.Errorf("again: %v: %d %s", args, r.code, r.err)
		}
	}
	if r := lethe(t, env{}, "key", "signing", filepath.Join(dir, "signing"), "--rotate"); r.code != exitOK {
		t.Errorf("rotate: %d %s", r.code, r.err)
	}
}

// What is shown is what was printed when the key was made; no private half is.
func TestKeysAreShown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	signing, checkpoint := filepath.Join(dir, "signing"), filepath.Join(dir, "checkpoint")
	made := func(args ...string) string {
		t.Helper()
		var out struct{ Fingerprint string }
		r := lethe(t, env{}, append(args, "-o", "json")...)
		if err := json.Unmarshal([]byte(r.out), &out); err != nil || len(out.Fingerprint) != 64 {
			t.Fatalf("%v: %d %s%s", args, r.code, r.out, r.err)
		}
		return out.Fingerprint
	}
	first, second := made("key", "signing", signing), made("key", "signing", signing, "--rotate")
	audited := made("audit", "key", "generate", checkpoint, "--name", "shop.example/lethe")
	e := env{environ: []string{"LETHE_SIGNING_KEY_FILE=" + signing, "LETHE_CHECKPOINT_KEY_FILE=" + checkpoint}}
	for line, want := range map[string][]string{
		"key show":                              {second, first},
		"key show " + signing:                   {second, first},
		"audit key show":                        {audited, "shop.example/lethe"},
		"audit key show " + checkpoint + ".pub": {audited, "shop.example/lethe"},
	} {
		for _, as := range []string{"", " -o json"} {
			r := lethe(t, e, strings.Fields(line+as)...)
			at := 0
			for _, w := range want {
				if i := strings.Index(r.out, w); i < 0 || (strings.HasPrefix(line, "key") && i < at) {
					t.Errorf("lethe %s%s: %d lacks %s, or in another order\n%s%s", line, as, r.code, w, r.out, r.err)
				} else {
					at = i
				}
			}
			raw, _ := os.ReadFile(signing)
			for _, secret := range strings.Fields(string(raw)) {
				if strings.Contains(r.out, secret) {
					t.Error("a private key is shown")
				}
			}
		}
	}
	for _, line := range []string{"key show " + dir + "/none", "audit key show " + dir + "/none", "key show", "audit key show"} {
		if r := lethe(t, env{}, strings.Fields(line)...); r.code != exitUsage {
			t.Errorf("lethe %s: %d %s", line, r.code, r.err)
		}
	}
}
