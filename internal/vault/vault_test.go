package vault_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/internal/vault"
)

func opened(t *testing.T) (*vault.Vault, uuid.UUID) {
	t.Helper()
	v, request := vault.New(pgtest.NewKeystore(t), []vault.KEK{vault.NewKEK()}), uuid.New()
	if err := v.Create(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	return v, request
}

func TestSealedOpensOnlyWhereItBelongs(t *testing.T) {
	t.Parallel()
	v, request := opened(t)
	other := uuid.New()
	if err := v.Create(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	plain := []byte("lena@example.org")
	sealed, err := v.Seal(t.Context(), request, "subject", plain)
	if err != nil || bytes.Contains(sealed, plain) {
		t.Fatalf("%v", err)
	}
	again, _ := v.Seal(t.Context(), request, "subject", plain)
	if bytes.Equal(sealed, again) {
		t.Error("sealing twice gives the same bytes")
	}
	if got, err := v.Unseal(t.Context(), request, "subject", sealed); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%q, %v", got, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, try := range map[string]func() ([]byte, error){
		"another place":   func() ([]byte, error) { return v.Unseal(t.Context(), request, "note", sealed) },
		"another request": func() ([]byte, error) { return v.Unseal(t.Context(), other, "subject", sealed) },
		"changed":         func() ([]byte, error) { return v.Unseal(t.Context(), request, "subject", changed) },
		"cut":             func() ([]byte, error) { return v.Unseal(t.Context(), request, "subject", sealed[:5]) },
		"no key":          func() ([]byte, error) { return v.Unseal(t.Context(), uuid.New(), "subject", sealed) },
	} {
		if got, err := try(); err == nil || got != nil {
			t.Errorf("%s: opened", name)
		} else if strings.Contains(err.Error(), "lena") {
			t.Errorf("%s: the error quotes what was sealed", name)
		}
	}
}

// Destroying a key is final: for what was sealed before, and for a vault that
// has every KEK and a copy of everything but the key store.
func TestDestroyedIsGone(t *testing.T) {
	t.Parallel()
	v, request := opened(t)
	sealed, err := v.Seal(t.Context(), request, "subject", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := v.Destroy(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := v.Unseal(t.Context(), request, "subject", sealed); !errors.Is(err, vault.ErrDestroyed) {
		t.Errorf("unseal: %v", err)
	}
	if _, err := v.Seal(t.Context(), request, "subject", []byte("y")); !errors.Is(err, vault.ErrDestroyed) {
		t.Errorf("seal: %v", err)
	}
	if err := v.Create(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Unseal(t.Context(), request, "subject", sealed); !errors.Is(err, vault.ErrDestroyed) {
		t.Errorf("a destroyed key was made again: %v", err)
	}
	out, err := v.UnsealAll(t.Context(), "subject", map[uuid.UUID][]byte{request: sealed})
	if err != nil || len(out) != 0 {
		t.Errorf("%v, %v", out, err)
	}
}

// A KEK is replaced by putting the new one before it: old keys still open, new
// ones are wrapped by the new one, and without the old one the old are shut.
func TestKEKIsReplaced(t *testing.T) {
	t.Parallel()
	db, before, after := pgtest.NewKeystore(t), vault.NewKEK(), vault.NewKEK()
	request, later := uuid.New(), uuid.New()
	old := vault.New(db, []vault.KEK{before})
	if err := old.Create(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	sealed, err := old.Seal(t.Context(), request, "p", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	mark, err := old.Mark(t.Context(), "email", "Lena@Example.org")
	if err != nil {
		t.Fatal(err)
	}
	both := vault.New(db, []vault.KEK{after, before})
	if _, err := both.Unseal(t.Context(), request, "p", sealed); err != nil {
		t.Error(err)
	}
	if again, err := both.Mark(t.Context(), "email", " lena@example.org"); err != nil || !bytes.Equal(mark, again) {
		t.Errorf("the same address has another mark: %v", err)
	}
	if err := both.Create(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	alone := vault.New(db, []vault.KEK{after})
	if _, err := alone.Unseal(t.Context(), request, "p", sealed); err == nil {
		t.Error("opened without its KEK")
	}
	if _, err := alone.Seal(t.Context(), later, "p", []byte("y")); err != nil {
		t.Error(err)
	}
}

func TestMarksTellIdentifiersApart(t *testing.T) {
	t.Parallel()
	v, _ := opened(t)
	mark := func(kind, value string) string {
		m, err := v.Mark(t.Context(), kind, value)
		if err != nil || len(m) != 32 {
			t.Fatalf("%d bytes, %v", len(m), err)
		}
		return string(m)
	}
	for _, same := range [][4]string{{"email", "A@b.c", "email", "a@B.C "}, {"phone", "+49 30/12-34", "phone", "+49301234"}} {
		if mark(same[0], same[1]) != mark(same[2], same[3]) {
			t.Errorf("%v differ", same)
		}
	}
	for _, other := range [][4]string{{"email", "a@b.c", "phone", "a@b.c"}, {"customer_id", "c-1", "customer_id", "C-1"}, {"ab", "c", "a", "bc"}} {
		if mark(other[0], other[1]) == mark(other[2], other[3]) {
			t.Errorf("%v are the same", other)
		}
	}
}

func TestKEKFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kek")
	if err := vault.NewKEK().WriteFile(path); err != nil {
		t.Fatal(err)
	}
	if err := vault.NewKEK().WriteFile(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("a KEK was overwritten: %v", err)
	}
	if keks, err := vault.ReadKEKs(path); err != nil || len(keks) != 1 {
		t.Errorf("%d, %v", len(keks), err)
	}
	for name, text := range map[string]string{"empty": "", "short": "AAAA", "no base64": "this is not base64 at all, is it"} {
		bad := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.ReadKEKs(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
