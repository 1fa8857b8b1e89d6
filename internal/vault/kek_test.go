package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
	"github.com/flowmart/lethe/internal/vault"
)

// filled is a key store with n keys under a KEK of its own, each with a value,
// and a mark.
type filled struct {
	db     *pgxpool.Pool
	kek    vault.KEK
	keys   []uuid.UUID
	sealed map[uuid.UUID][]byte
	mark   []byte
}

func fill(t *testing.T, n int) *filled {
	t.Helper()
	f := &filled{db: pgtest.NewKeystore(t), kek: vault.NewKEK(), sealed: map[uuid.UUID][]byte{}}
	v := vault.New(f.db, []vault.KEK{f.kek})
	for range n {
		id := uuid.New()
		if err := v.Create(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		f.keys = append(f.keys, id)
	}
	for _, id := range f.keys[:min(n, 20)] {
		var err error
		if f.sealed[id], err = v.Seal(t.Context(), id, "p", []byte(id.String())); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if f.mark, err = v.Mark(t.Context(), "email", "lena@example.org"); err != nil {
		t.Fatal(err)
	}
	return f
}

// opens reports whether everything opens under these KEKs alone.
func (f *filled) opens(t *testing.T, keks ...vault.KEK) {
	t.Helper()
	v := vault.New(f.db, keks)
	if err := v.Check(t.Context()); err != nil {
		t.Error(err)
	}
	out, err := v.UnsealAll(t.Context(), "p", f.sealed)
	if err != nil || len(out) != len(f.sealed) {
		t.Fatalf("%d of %d open, %v", len(out), len(f.sealed), err)
	}
	for id, plain := range out {
		if string(plain) != id.String() {
			t.Errorf("%s opens as something else", id)
		}
	}
	if mark, err := v.Mark(t.Context(), "email", "lena@example.org"); err != nil || !bytes.Equal(mark, f.mark) {
		t.Errorf("the mark of the same address is another: %v", err)
	}
}

// Rotate, wrap anew, take the old line out: everything opens, nothing needs
// the old KEK. More keys than a batch holds.
func TestRewrapFreesTheOldKEK(t *testing.T) {
	t.Parallel()
	f, after := fill(t, 1203), vault.NewKEK()
	both := vault.New(f.db, []vault.KEK{after, f.kek})
	counts, err := both.Wrapped(t.Context())
	want := []vault.Wrapped{{KEK: after.ID()}, {KEK: f.kek.ID(), Keys: 1203, Peppers: 1}}
	if err != nil || fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("before: %v, %v", counts, err)
	}
	if n, err := both.Rewrap(t.Context()); err != nil || n != 1204 {
		t.Fatalf("%d wrapped anew, %v", n, err)
	}
	if n, err := both.Rewrap(t.Context()); err != nil || n != 0 {
		t.Errorf("again: %d wrapped anew, %v", n, err)
	}
	counts, err = both.Wrapped(t.Context())
	want = []vault.Wrapped{{KEK: after.ID(), Keys: 1203, Peppers: 1}, {KEK: f.kek.ID()}}
	if err != nil || fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("after: %v, %v", counts, err)
	}
	f.opens(t, after)
	var fresh *fault.Fault
	if err := vault.New(f.db, []vault.KEK{f.kek}).Check(t.Context()); !errors.As(err, &fresh) || fresh.Code != "KEK_UNKNOWN" || !strings.Contains(err.Error(), after.ID()) {
		t.Errorf("a file with the old KEK alone: %v", err)
	}
}

// Nothing is wrapped anew while the store holds what nobody can open.
func TestRewrapRefusesUnknownKEK(t *testing.T) {
	t.Parallel()
	f := fill(t, 3)
	v := vault.New(f.db, []vault.KEK{vault.NewKEK(), vault.NewKEK()})
	if n, err := v.Rewrap(t.Context()); !errors.As(err, new(*fault.Fault)) || n != 0 || !strings.Contains(err.Error(), f.kek.ID()) {
		t.Errorf("%d, %v", n, err)
	}
	f.opens(t, f.kek)
}

// A key destroyed while keys are wrapped anew stays destroyed, whichever of the
// two comes first.
func TestRewrapBringsNoKeyBack(t *testing.T) {
	t.Parallel()
	f, after := fill(t, 600), vault.NewKEK()
	both := vault.New(f.db, []vault.KEK{after, f.kek})
	// One destruction holds its row until the update waits for it.
	tx, err := f.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), `UPDATE vault_key SET wrapped = NULL, destroyed_at = now() WHERE request_id = $1`, f.keys[0]); err != nil {
		t.Fatal(err)
	}
	var others sync.WaitGroup
	others.Go(func() {
		if _, err := both.Rewrap(t.Context()); err != nil {
			t.Error(err)
		}
	})
	for waiting := 0; waiting == 0; time.Sleep(5 * time.Millisecond) {
		if err := f.db.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, id := range f.keys[1:100] {
		others.Go(func() {
			if err := both.Destroy(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
	}
	others.Wait()
	alone := vault.New(f.db, []vault.KEK{after})
	for i, id := range f.keys {
		_, err := alone.Key(t.Context(), id)
		if i < 100 && !errors.Is(err, vault.ErrDestroyed) || i >= 100 && err != nil {
			t.Fatalf("key %d: %v", i, err)
		}
	}
}

// Cut off between two batches, it goes on where it was when it is run again;
// in between everything opens.
func TestRewrapGoesOn(t *testing.T) {
	t.Parallel()
	f, after := fill(t, 1100), vault.NewKEK()
	both := vault.New(f.db, []vault.KEK{after, f.kek})
	// The last row is held, so that the batches before are done and this one waits.
	last := f.keys[0]
	for _, id := range f.keys {
		if bytes.Compare(id[:], last[:]) > 0 {
			last = id
		}
	}
	tx, err := f.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(context.Background())
	if _, err := tx.Exec(t.Context(), `SELECT kek_id FROM vault_key WHERE request_id = $1 FOR UPDATE`, last); err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	var killer sync.WaitGroup
	killer.Go(func() {
		f.until(t, true)
		kill()
	})
	n, err := both.Rewrap(ctx)
	killer.Wait()
	if err == nil || n != 1001 { // the pepper and two batches of 500
		t.Errorf("cut off after %d: %v", n, err)
	}
	f.opens(t, after, f.kek)
	f.until(t, false) // let go before, the statement that was cut off would go through
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := both.Rewrap(t.Context()); err != nil || n != 100 {
		t.Errorf("again: %d, %v", n, err)
	}
	f.opens(t, after)
}

// until waits until somebody waits for a lock, or nobody does any more.
func (f filled) until(t *testing.T, somebody bool) {
	t.Helper()
	const q = `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database()))`
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var waits bool
		if err := f.db.QueryRow(t.Context(), q).Scan(&waits); err != nil {
			t.Error(err)
			return
		}
		if waits == somebody {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("after a minute somebody waits: %t", waits)
			return
		}
	}
}

// A server that has not been restarted opens what a restarted one wraps, as
// soon as its file has the new KEK.
func TestFileIsReadAgain(t *testing.T) {
	t.Parallel()
	db, path := pgtest.NewKeystore(t), filepath.Join(t.TempDir(), "kek")
	if err := vault.NewKEK().WriteFile(path); err != nil {
		t.Fatal(err)
	}
	before, err := vault.Open(db, path)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := vault.RotateKEK(path)
	if err != nil {
		t.Fatal(err)
	}
	restarted, err := vault.Open(db, path)
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	if err := restarted.Create(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := before.Key(t.Context(), id); err != nil {
		t.Errorf("the server that was not restarted: %v", err)
	}
	if _, err := vault.New(db, []vault.KEK{fresh}).Key(t.Context(), id); err != nil {
		t.Errorf("the new KEK does not wrap: %v", err)
	}
}

func TestRotateKEK(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kek")
	first := vault.NewKEK()
	if err := first.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	second, err := vault.RotateKEK(path)
	if err != nil {
		t.Fatal(err)
	}
	third, err := vault.RotateKEK(path)
	if err != nil {
		t.Fatal(err)
	}
	keks, err := vault.ReadKEKs(path)
	if err != nil || len(keks) != 3 || keks[0].ID() != third.ID() || keks[1].ID() != second.ID() || keks[2].ID() != first.ID() {
		t.Errorf("%d KEKs, %v", len(keks), err)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("not a key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{bad, bad + "/none"} {
		if _, err := vault.RotateKEK(p); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", p, err)
		}
		if _, err := vault.Open(nil, p); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", p, err)
		}
	}
}
