package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Every entry has a proof at every checkpoint, and every checkpoint is
// continued by the last: through trees of all shapes.
func TestSealedEntriesAreProved(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	var kept []tree.Checkpoint
	for n := 1; n <= 40; n += 1 + len(kept)%3 {
		f.append(t, n-f.size(t))
		f.seal(t)
		c, _, err := f.Checkpoint(ctx, auditor)
		if err != nil || c.Size != int64(n) {
			t.Fatalf("checkpoint %+v, %v, want size %d", c, err, n)
		}
		kept = append(kept, c)
		bundle, err := f.Proof(ctx, auditor, f.ids(t)...)
		if err != nil || len(bundle.Entries) != n {
			t.Fatalf("%d proofs at size %d: %v", len(bundle.Entries), n, err)
		}
		text, err := json.Marshal(bundle)
		if err != nil {
			t.Fatal(err)
		}
		var offline tree.Bundle
		if err := json.Unmarshal(text, &offline); err != nil {
			t.Fatal(err)
		}
		if _, err := offline.Verify(f.signer.Keys[0].Fingerprint()); err != nil {
			t.Fatalf("at size %d: %v", n, err)
		}
	}
	for _, older := range kept {
		newer, note, path, err := f.Consistency(ctx, auditor, older.Size)
		if err != nil || note == "" {
			t.Fatal(err)
		}
		if err := tree.VerifyConsistency(older, newer, path); err != nil {
			t.Error(err)
		}
		older.Root[0] ^= 1
		if err := tree.VerifyConsistency(older, newer, path); err == nil {
			t.Errorf("another log of size %d is continued too", older.Size)
		}
	}
	if r := f.verify(t); !r.OK() || r.Root != kept[len(kept)-1].Root {
		t.Errorf("%+v", r)
	}
}

func (f *fixture) size(t testing.TB) int {
	t.Helper()
	return f.count(t, `SELECT count(*) FROM audit_leaf`)
}

func (f *fixture) ids(t testing.TB) []uuid.UUID {
	t.Helper()
	ids, err := postgres.Scalars[uuid.UUID](t.Context(), f.db, `SELECT entry_id FROM audit_leaf ORDER BY index`)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestProofRefuses(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.append(t, 2)
	f.seal(t)
	f.append(t, 1)
	late, err := postgres.Scalar[uuid.UUID](t.Context(), f.db, `SELECT entry_id FROM audit_unsealed`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Proof(t.Context(), auditor, late); fault.KindOf(err) != fault.Conflict {
		t.Errorf("an unsealed entry: %v", err)
	}
	if _, err := f.Proof(t.Context(), auditor, uuid.New()); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an unknown entry: %v", err)
	}
	for _, size := range []int64{0, -1, 3} {
		if _, _, _, err := f.Consistency(t.Context(), auditor, size); fault.KindOf(err) != fault.Invalid {
			t.Errorf("from size %d: %v", size, err)
		}
	}
}

// An entry whose transaction commits after later ones were sealed has a lower
// id than they, and is sealed all the same.
func TestLateCommitsAreSealed(t *testing.T) {
	t.Parallel()
	f := setup(t)
	late, err := f.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Rollback(context.WithoutCancel(t.Context())) }()
	if err := audit.Append(t.Context(), late, audit.Entry{Actor: access.System.ID, Act: "request.opened"}); err != nil {
		t.Fatal(err)
	}
	f.append(t, 5)
	f.seal(t)
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.seal(t)
	if r := f.verify(t); !r.OK() || r.Size != 6 || r.Unsealed != 0 {
		t.Errorf("%+v", r)
	}
	if n := f.count(t, `SELECT index::int FROM audit_leaf JOIN audit_entry ON id = entry_id WHERE act = 'request.opened'`); n != 5 {
		t.Errorf("the late entry is at index %d, want 5", n)
	}
}

// Four replicas seal while entries are written, and are stopped and started
// at random: there is one tree, and every entry is in it once.
func TestReplicasSealOneTree(t *testing.T) {
	t.Parallel()
	f := setup(t)
	const writers, each = 4, 60
	ctx, stop := context.WithCancel(t.Context())
	var replicas, writing sync.WaitGroup
	for n := range 4 {
		replicas.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for ctx.Err() == nil {
				life, kill := context.WithTimeout(ctx, time.Duration(random.IntN(40))*time.Millisecond)
				f.Run(life, func(err error) {
					if life.Err() == nil {
						t.Error(err)
					}
				})
				kill()
			}
		})
	}
	for range writers {
		writing.Go(func() {
			for range each {
				f.append(t, 3)
			}
		})
	}
	writing.Wait()
	stop()
	replicas.Wait()
	f.seal(t)
	if r := f.verify(t); !r.OK() || r.Size != writers*each*3 || r.Anchor.Size != r.Size {
		t.Errorf("%+v", r)
	}
}

func TestRunSealsSoon(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx, func(err error) { t.Error(err) })
	}()
	for round := 1; round <= 3; round++ {
		f.append(t, 2)
		deadline := time.Now().Add(time.Minute)
		for {
			s, err := f.Stats(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if s.Size == int64(2*round) && s.Unsealed == 0 && s.OldestUnsealed == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("still %+v", s)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	stop()
	<-done
}

func TestStatsTellWhatWaits(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.append(t, 3)
	s, err := f.Stats(t.Context())
	if err != nil || s.Size != 0 || s.Unsealed != 3 || s.OldestUnsealed <= 0 || s.OldestUnsealed > time.Minute {
		t.Errorf("%+v, %v", s, err)
	}
}

// The anchor holds the newest checkpoint, that of the day, and the leaf
// hashes; a directory that joins later is brought up to date.
func TestAnchorFollowsTheLog(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.append(t, 5)
	f.seal(t)
	second := t.TempDir()
	anchor, err := audit.OpenAnchor(second, f.signer.Keys)
	if err != nil {
		t.Fatal(err)
	}
	other := audit.New(f.db, f.signer, anchor)
	if n, err := other.Seal(t.Context()); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	f.append(t, 5)
	if n, err := other.Seal(t.Context()); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	if c, err := f.anchor.Latest(); err != nil || c.Size != 5 {
		t.Fatalf("%+v, %v", c, err)
	}
	f.seal(t) // nothing to take, and the first anchor catches up
	for _, a := range []*audit.Anchor{f.anchor, anchor} {
		c, err := a.Latest()
		if err != nil || c.Size != 10 || c.Origin != "flowmart.example/lethe" {
			t.Errorf("%+v, %v", c, err)
		}
		days, err := a.Days()
		if err != nil || len(days) == 0 || days[len(days)-1] != c {
			t.Errorf("%+v, %v", days, err)
		}
	}
	for _, dir := range []string{f.dir, second} {
		info, err := os.Stat(filepath.Join(dir, "leaves"))
		if err != nil || info.Size() != 320 {
			t.Errorf("%+v, %v", info, err)
		}
	}
}

// What a writer left that died between the leaf hashes and the checkpoint
// does no harm.
func TestAnchorSurvivesACrash(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.append(t, 5)
	f.seal(t)
	leaves, err := os.OpenFile(filepath.Join(f.dir, "leaves"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = leaves.Write(make([]byte, 77))
	leaves.Close()
	if r := f.verify(t); !r.OK() {
		t.Errorf("before: %+v", r.Findings)
	}
	f.append(t, 5)
	f.seal(t)
	if r := f.verify(t); !r.OK() || r.Anchor.Size != 10 {
		t.Errorf("after: %+v", r)
	}
}

func TestAnchorNeverShrinks(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.append(t, 5)
	f.seal(t)
	small, err := os.ReadFile(filepath.Join(f.dir, "latest"))
	if err != nil {
		t.Fatal(err)
	}
	f.append(t, 5)
	f.seal(t)
	// A replica that slept through the second sealing wakes with the first.
	if err := f.asSuper(t, replica+`DELETE FROM audit_checkpoint WHERE size = 10; DELETE FROM audit_leaf WHERE index >= 5; DELETE FROM audit_node WHERE (n + 1) << level > 5`); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seal(t.Context()); code2(err) != "AUDIT_LOG_ROLLED_BACK" {
		t.Errorf("%v", err)
	}
	if now, err := os.ReadFile(filepath.Join(f.dir, "latest")); err != nil || string(now) == string(small) {
		t.Errorf("the anchor shrank: %v", err)
	}
	if _, err := audit.OpenAnchor(f.dir+"/absent", f.signer.Keys); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an anchor that is not there: %v", err)
	}
}

// replica begins statements of somebody whom no trigger stops.
const replica = "SET session_replication_role = replica; "

func code2(err error) string {
	if f := fault.All(err); len(f) == 1 {
		return f[0].Code
	}
	return fmt.Sprint(err)
}

// The sealer does not put its name under a log that was changed.
func TestSealRefusesAnotherLog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ tamper, want string }{
		"the last leaf changed":   {`UPDATE audit_leaf SET hash = sha256('x') WHERE index = 8`, "AUDIT_LOG_FORKED"},
		"a node changed":          {`UPDATE audit_node SET hash = sha256('x') WHERE level = 3`, "AUDIT_LOG_FORKED"},
		"a node gone":             {`DELETE FROM audit_node WHERE level = 3`, "AUDIT_LOG_FORKED"},
		"a checkpoint gone":       {`DELETE FROM audit_checkpoint WHERE size = 9`, "AUDIT_LOG_ROLLED_BACK"},
		"all gone":                {`DELETE FROM audit_checkpoint; DELETE FROM audit_leaf; DELETE FROM audit_node; DELETE FROM audit_entry`, "AUDIT_LOG_ROLLED_BACK"},
		"a checkpoint by another": {`UPDATE audit_checkpoint SET note = replace(note, E'\n9\n', E'\n8\n')`, "AUDIT_CHECKPOINT_MALFORMED"},
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t)
			f.append(t, 4)
			f.seal(t)
			f.append(t, 5)
			f.seal(t)
			f.append(t, 1)
			before := f.count(t, `SELECT count(*) FROM audit_unsealed`)
			if err := f.asSuper(t, replica+c.tamper); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Seal(t.Context()); code2(err) != c.want {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
			if after := f.count(t, `SELECT count(*) FROM audit_unsealed`); after != before {
				t.Errorf("%s: %d entries wait, want %d", name, after, before)
			}
			if r := f.verify(t); r.OK() {
				t.Errorf("%s: found in order", name)
			}
		})
	}
}
