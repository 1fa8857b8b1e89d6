package audit_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// tampering is one way to falsify the log, as a superuser whom neither grants
// nor triggers stop. It returns the place that Verify must name first, -1 for
// an entry outside the sealed log.
type tampering func(f *forger, t *testing.T) int64

// The six kinds, each by somebody who changes rows and knows no more, and by
// somebody who knows the tree and recomputes all of it.
var tamperings = map[string]tampering{
	"edit":                  (*forger).edit,
	"edit, recomputed":      (*forger).editRecomputed,
	"delete":                (*forger).delete,
	"delete, recomputed":    (*forger).deleteRecomputed,
	"insert":                (*forger).insert,
	"insert, recomputed":    (*forger).insertRecomputed,
	"reorder":               (*forger).reorder,
	"reorder, recomputed":   (*forger).reorderRecomputed,
	"truncate":              (*forger).truncate,
	"truncate and continue": (*forger).truncateContinued,
	"roll back":             (*forger).rollBack,
	"roll back, continue":   (*forger).rollBackContinued,
}

// TestTamperingIsFound runs 108 seeded cases: each must be found, and the first
// bad entry named.
func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	for _, kind := range slices.Sorted(maps.Keys(tamperings)) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(9) {
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					f := newForger(t, seed)
					want := tamperings[kind](f, t)
					report := f.verify(t)
					if report.OK() {
						t.Fatalf("not found; the first bad entry is at %d", want)
					}
					if got := report.Findings[0]; got.Index != want {
						t.Errorf("found at %d, want %d: %+v", got.Index, want, report.Findings)
					}
				})
			}
		})
	}
}

// forger is a superuser's connection to a log that was sealed in several
// goes, with the state it had at an earlier time.
type forger struct {
	*fixture
	random *rand.Rand
	conn   *pgx.Conn
	n      int64 // sealed entries
	early  int64 // sealed entries at the earlier time
}

var tables = []string{"audit_entry", "audit_unsealed", "audit_leaf", "audit_node", "audit_checkpoint"}

func newForger(t *testing.T, seed uint64) *forger {
	t.Helper()
	f := &forger{fixture: setup(t), random: rand.New(rand.NewPCG(seed, 11))}
	conn, err := pgx.Connect(t.Context(), f.super)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	f.conn = conn
	f.do(t, `SET session_replication_role = replica`)
	goes := 2 + f.random.IntN(4)
	save := f.random.IntN(goes - 1)
	for i := range goes {
		f.append(t, 3+f.random.IntN(12))
		f.seal(t)
		if i == save {
			f.early = int64(f.size(t))
			for _, table := range tables {
				f.do(t, `CREATE TEMPORARY TABLE was_`+table+` AS TABLE `+table)
			}
		}
	}
	f.n = int64(f.size(t))
	if r := f.verify(t); !r.OK() || r.Size != f.n || r.Anchor.Size != f.n {
		t.Fatalf("before tampering: %+v", r)
	}
	return f
}

func (f *forger) do(t *testing.T, q string, args ...any) {
	t.Helper()
	if _, err := f.conn.Exec(t.Context(), q, args...); err != nil {
		t.Fatal(err)
	}
}

func (f *forger) idAt(t *testing.T, index int64) uuid.UUID {
	t.Helper()
	id, err := postgres.Scalar[uuid.UUID](t.Context(), f.db, `SELECT entry_id FROM audit_leaf WHERE index = $1`, index)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// edit changes one column of one entry.
func (f *forger) edit(t *testing.T) int64 {
	k := f.random.Int64N(f.n)
	changes := []string{
		`at = at - interval '1 microsecond'`, `actor_id = gen_random_uuid()`, `act = 'task.refused'`, `entity_id = NULL`,
		`request_id = gen_random_uuid()`, `code = 'RETAINED'`, `digest = sha256('another')`, `day = '2026-04-07'`, `amounts = '{"erased": 1000}'`,
	}
	f.do(t, `UPDATE audit_entry SET `+changes[f.random.IntN(len(changes))]+` WHERE id = $1`, f.idAt(t, k))
	return k
}

func (f *forger) editRecomputed(t *testing.T) int64 {
	k := f.edit(t)
	f.recompute(t)
	return k
}

func (f *forger) delete(t *testing.T) int64 {
	k := f.random.Int64N(f.n)
	f.do(t, `DELETE FROM audit_entry WHERE id = $1`, f.idAt(t, k))
	return k
}

func (f *forger) deleteRecomputed(t *testing.T) int64 {
	k := f.delete(t)
	f.do(t, `DELETE FROM audit_leaf WHERE index = $1`, k)
	f.shift(t, k, -1)
	f.recompute(t)
	return k
}

// insert puts in an entry dated an hour ago: past the sealer, or into its
// queue.
func (f *forger) insert(t *testing.T) int64 {
	id := f.forge(t)
	if f.random.IntN(2) == 0 {
		f.do(t, `INSERT INTO audit_unsealed (entry_id) VALUES ($1)`, id)
	}
	return -1
}

func (f *forger) forge(t *testing.T) uuid.UUID {
	t.Helper()
	id := uuid.New()
	f.do(t, `INSERT INTO audit_entry (id, at, actor_id, act) VALUES ($1, now() - interval '1 hour', $2, 'plan.approved')`, id, access.System.ID)
	return id
}

func (f *forger) insertRecomputed(t *testing.T) int64 {
	k := f.random.Int64N(f.n + 1)
	f.shift(t, k, 1)
	f.do(t, `INSERT INTO audit_leaf (index, entry_id, hash) VALUES ($1, $2, sha256('later'))`, k, f.forge(t))
	f.recompute(t)
	return k
}

// reorder swaps the contents of two entries.
func (f *forger) reorder(t *testing.T) int64 {
	a, b := f.two()
	f.do(t, `UPDATE audit_entry e SET at = o.at, entity_id = o.entity_id, amounts = o.amounts FROM audit_entry o
		WHERE (e.id, o.id) IN (($1::uuid, $2::uuid), ($2, $1))`, f.idAt(t, a), f.idAt(t, b))
	return a
}

// reorderRecomputed swaps the places of two entries in the log.
func (f *forger) reorderRecomputed(t *testing.T) int64 {
	a, b := f.two()
	f.do(t, `UPDATE audit_leaf SET index = index + 1000000 WHERE index = $1`, a)
	f.do(t, `UPDATE audit_leaf SET index = $1 WHERE index = $2`, a, b)
	f.do(t, `UPDATE audit_leaf SET index = $1 WHERE index >= 1000000`, b)
	f.recompute(t)
	return a
}

func (f *forger) two() (first, second int64) {
	a := f.random.Int64N(f.n)
	b := (a + 1 + f.random.Int64N(f.n-1)) % f.n
	return min(a, b), max(a, b)
}

// truncate takes the end of the log away, with all that tells of it in the
// database.
func (f *forger) truncate(t *testing.T) int64 {
	k := f.random.Int64N(f.n)
	f.do(t, `DELETE FROM audit_entry USING audit_leaf WHERE id = entry_id AND index >= $1`, k)
	f.do(t, `DELETE FROM audit_leaf WHERE index >= $1`, k)
	f.do(t, `DELETE FROM audit_node WHERE (n + 1) << level > $1`, k)
	f.do(t, `DELETE FROM audit_checkpoint WHERE size > $1`, k)
	return k
}

// truncateContinued goes on writing afterwards. The sealer does not follow.
func (f *forger) truncateContinued(t *testing.T) int64 {
	k := f.truncate(t)
	f.goOn(t)
	return k
}

// rollBack takes every table back to its state of earlier.
func (f *forger) rollBack(t *testing.T) int64 {
	for _, table := range tables {
		f.do(t, `DELETE FROM `+table)
		f.do(t, `INSERT INTO `+table+` SELECT * FROM was_`+table)
	}
	return f.early
}

func (f *forger) rollBackContinued(t *testing.T) int64 {
	f.rollBack(t)
	f.goOn(t)
	return f.early
}

// goOn writes new entries; Lethe's own sealer must refuse to seal them.
func (f *forger) goOn(t *testing.T) {
	t.Helper()
	f.append(t, 20)
	if n, err := f.Seal(t.Context()); err == nil {
		t.Errorf("the sealer took %d entries on top of a falsified log", n)
	}
}

// shift moves the places of the log from k on.
func (f *forger) shift(t *testing.T, k, by int64) {
	t.Helper()
	f.do(t, `UPDATE audit_leaf SET index = index + 1000000 WHERE index >= $1`, k)
	f.do(t, `UPDATE audit_leaf SET index = index - 1000000 + $1 WHERE index >= 1000000`, by)
}

// recompute makes the tree in the database agree with the entries. What a
// forger cannot do is sign: the checkpoints that tell of it go, or stay and
// disagree.
func (f *forger) recompute(t *testing.T) {
	t.Helper()
	type row struct {
		tree.Entry
		Index int64
	}
	rows, err := postgres.Many[row](t.Context(), f.db, `
		SELECT e.id, e.at, e.actor_id, e.act, e.entity_id, e.request_id, e.code, e.digest, e.day, e.amounts, l.index
		  FROM audit_leaf l JOIN audit_entry e ON e.id = l.entry_id ORDER BY l.index`)
	if err != nil {
		t.Fatal(err)
	}
	f.do(t, `DELETE FROM audit_node`)
	var grown tree.Frontier
	batch := &pgx.Batch{}
	for i, r := range rows {
		if r.Index != int64(i) {
			t.Fatalf("index %d at place %d", r.Index, i)
		}
		for level, h := range grown.Push(r.Hash()) {
			if level == 0 {
				batch.Queue(`UPDATE audit_leaf SET hash = $2 WHERE index = $1`, i, h[:])
			} else {
				batch.Queue(`INSERT INTO audit_node (level, n, hash) VALUES ($1, $2, $3)`, level, i>>level, h[:])
			}
		}
	}
	if err := f.conn.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatal(err)
	}
	if f.random.IntN(2) == 0 {
		f.do(t, `DELETE FROM audit_checkpoint`)
	}
}

// Without the anchored leaf hashes a falsified log is still found; the place
// is then known to the checkpoint.
func TestTamperingIsFoundByRootsAlone(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			f := newForger(t, seed)
			if err := os.Remove(filepath.Join(f.dir, "leaves")); err != nil {
				t.Fatal(err)
			}
			k := f.editRecomputed(t)
			report := f.verify(t)
			if report.OK() || report.Findings[0].Index > k || report.Findings[0].Fault != audit.Replaced {
				t.Errorf("seed %d: the entry at %d is forged, found %+v", seed, k, report.Findings)
			}
			if !slices.ContainsFunc(report.Findings, func(x audit.Finding) bool { return x.Fault == audit.Anchored }) {
				t.Errorf("seed %d: the missing leaf hashes are not reported: %+v", seed, report.Findings)
			}
		})
	}
}

// Single faults, each named for what it is.
func TestVerifyNamesTheFault(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tamper string
		want   audit.Fault
		index  int64
	}{
		"an entry edited":              {`UPDATE audit_entry SET code = 'RETAINED' WHERE id = (SELECT entry_id FROM audit_leaf WHERE index = 3)`, audit.Altered, 3},
		"a leaf hash edited":           {`UPDATE audit_leaf SET hash = sha256('x') WHERE index = 3`, audit.Altered, 3},
		"an entry deleted":             {`DELETE FROM audit_entry WHERE id = (SELECT entry_id FROM audit_leaf WHERE index = 3)`, audit.Deleted, 3},
		"a leaf deleted":               {`DELETE FROM audit_leaf WHERE index = 3`, audit.Missing, 3},
		"the last leaf deleted":        {`DELETE FROM audit_leaf WHERE index = 9`, audit.Truncated, 9},
		"a node edited":                {`UPDATE audit_node SET hash = sha256('x') WHERE level = 1 AND n = 1`, audit.Node, 2},
		"a node deleted":               {`DELETE FROM audit_node WHERE level = 1 AND n = 1`, audit.Node, 2},
		"a checkpoint edited":          {`UPDATE audit_checkpoint SET note = replace(note, E'\n4\n', E'\n5\n') WHERE size = 4`, audit.Checkpoint, 3},
		"the checkpoints deleted":      {`DELETE FROM audit_checkpoint`, audit.Checkpoint, -1},
		"a leaf too many":              {`INSERT INTO audit_leaf (index, entry_id, hash) SELECT 10, entry_id, sha256('x') FROM audit_unsealed`, audit.Altered, 10},
		"a waiting entry deleted":      {`DELETE FROM audit_entry WHERE id IN (SELECT entry_id FROM audit_unsealed)`, audit.Deleted, -1},
		"a waiting entry struck out":   {`DELETE FROM audit_unsealed`, audit.Unqueued, -1},
		"a waiting entry dated back":   {`UPDATE audit_entry SET at = at - interval '1 day' WHERE id IN (SELECT entry_id FROM audit_unsealed)`, audit.Misdated, -1},
		"an entry that holds no entry": {`UPDATE audit_entry SET amounts = '{"a": 1000}' WHERE id = (SELECT entry_id FROM audit_leaf WHERE index = 9)`, audit.Altered, 9},
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t)
			f.append(t, 4)
			f.seal(t)
			f.append(t, 6)
			f.seal(t)
			f.append(t, 1)
			if err := f.asSuper(t, replica+c.tamper); err != nil {
				t.Fatal(err)
			}
			report := f.verify(t)
			if report.OK() || report.Findings[0].Fault != c.want || report.Findings[0].Index != c.index || report.Findings[0].Text == "" {
				t.Errorf("%s: want %s at %d, found %+v", name, c.want, c.index, report.Findings)
			}
		})
	}
}

// An entry dated back that was honestly sealed, because it stood in the queue,
// is found by its date: the checkpoints around it are dated and signed.
func TestSealedEntriesDatedOtherwiseAreFound(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]bool{"1 day": true, "-1 day": true, "1 minute": false} {
		t.Run(at, func(t *testing.T) {
			f := setup(t)
			f.append(t, 4)
			f.seal(t)
			f.append(t, 2)
			if err := f.asSuper(t, replica+fmt.Sprintf(`UPDATE audit_entry SET at = at - interval '%s' WHERE id = (SELECT max(entry_id::text)::uuid FROM audit_unsealed)`, at)); err != nil {
				t.Fatal(err)
			}
			f.seal(t)
			report := f.verify(t)
			found := len(report.Findings) == 1 && report.Findings[0].Fault == audit.Misdated && report.Findings[0].Index == 5
			if found != want || report.OK() == want {
				t.Errorf("%s back: found %+v", at, report.Findings)
			}
		})
	}
}

// Verifying while entries are written and sealed finds nothing wrong.
func TestVerifyWhileTheLogGrows(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 40 {
			f.append(t, 5)
			f.seal(t)
		}
	}()
	for verified := 0; ; verified++ {
		report, err := audit.Verify(ctx, f.db, f.anchor)
		if err != nil || !report.OK() {
			t.Fatalf("%+v, %v", report.Findings, err)
		}
		select {
		case <-done:
			if report = f.verify(t); report.Size != 200 {
				t.Errorf("%+v after %d rounds", report, verified)
			}
			return
		default:
		}
	}
}

func TestVerifyOfNothing(t *testing.T) {
	t.Parallel()
	f := setup(t)
	if r := f.verify(t); !r.OK() || r.Size != 0 {
		t.Errorf("%+v", r)
	}
	f.append(t, 2)
	if r := f.verify(t); !r.OK() || r.Unsealed != 2 {
		t.Errorf("%+v", r)
	}
}
