package schemas_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas"
)

// changes counts those that are kept.
func (b *bench) changes(t testing.TB) int {
	t.Helper()
	return must(postgres.Scalar[int](t.Context(), b.db, `SELECT count(*)::int FROM schemas_change`))(t)
}

// settle waits until nothing is under way, anywhere on the server, that began
// before a transaction.
func (b *bench) settle(t testing.TB, before string) {
	t.Helper()
	const q = `SELECT pg_snapshot_xmin(pg_current_snapshot()) >= ($1::xid8)`
	for !must(postgres.Scalar[bool](t.Context(), b.db, q, before))(t) {
	}
}

// latest is the transaction after that of the newest change.
func (b *bench) latest(t testing.TB) string {
	t.Helper()
	return must(postgres.Scalar[string](t.Context(), b.db, `SELECT (max(xid)::text::bigint + 1)::text FROM schemas_change`))(t)
}

// A replica that was cut off while changes were dropped reads everything anew.
// One that saw them goes on, and reads nothing twice.
func TestAReplicaNoticesThatChangesAreGone(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.admin, "s", record("id"))
	cut := schemas.New(b.db, time.Now)
	must(cut.Versions(ctx, b.viewer, "s", schemas.Live))(t)
	b.put(t, b.admin, "s", record("id", "f?"))
	for n := range 5 {
		b.put(t, b.admin, "other", record("id", fmt.Sprintf("f%d?", n)))
	}
	var asked statements
	present := schemas.New(b.db, time.Now)
	present.LookThrough(b.pool(t, 1, &asked), 1500*time.Millisecond)
	b.settle(t, b.latest(t))
	must(present.Versions(ctx, b.viewer, "s", schemas.Live))(t)
	must(0, b.Prune(ctx, 2))(t)
	if n := b.changes(t); n != 2 {
		t.Errorf("%d changes are kept", n)
	}
	if v := must(cut.Version(ctx, b.viewer, "s", schemas.Latest, schemas.Live))(t); v.Version != 2 {
		t.Errorf("latest is %d", v.Version)
	}
	before := asked.Load()
	must(present.Versions(ctx, b.viewer, "s", schemas.Live))(t)
	if n := asked.Load() - before; n != 0 { // those of looks themselves are not traced
		t.Errorf("who has seen all takes %d statements to read it anew", n)
	}
	must(0, b.Prune(ctx, 0))(t) // the newest is always kept
	if n := b.changes(t); n != 1 {
		t.Errorf("%d changes are kept", n)
	}
}

// What is still under way is not dropped, and neither is what came after it:
// whoever sees those first must still be told of it.
func TestWhatIsUnderWayIsNotDropped(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.admin, "s", record("id"))
	kept := 0
	must(0, postgres.Work(ctx, b.db, func(tx pgx.Tx) error {
		own := must(postgres.Scalar[string](ctx, tx, `SELECT pg_current_xact_id()::text`))(t)
		for n := range 3 {
			b.put(t, b.admin, "s", record("id", fmt.Sprintf("f%d?", n)))
		}
		b.settle(t, own)
		must(0, b.Prune(ctx, 1))(t)
		kept = b.changes(t)
		return nil
	}))(t)
	if kept != 3 {
		t.Errorf("%d changes are kept beside one that is under way", kept)
	}
	b.settle(t, b.latest(t))
	must(0, b.Prune(ctx, 1))(t)
	if n := b.changes(t); n != 1 {
		t.Errorf("%d changes are kept", n)
	}
}

// A dump that is taken into a new server brings numbers of transactions that the
// new one has yet to come to. They have nobody read everything with every look,
// and go with the next pruning.
func TestPruningByAServerBeforeCountsForNothing(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.admin, "s", record("id"))
	must(b.db.Exec(ctx, `UPDATE schemas_pruned SET below = '9000000000000'`))(t)
	must(b.db.Exec(ctx, `INSERT INTO schemas_change (xid, kind, context, at) VALUES ('9000000000000', 'CONFIGURED', '.', now())`))(t)
	var asked statements
	replica := schemas.New(b.db, time.Now)
	replica.LookThrough(b.pool(t, 1, &asked), 1500*time.Millisecond)
	must(replica.Versions(ctx, b.viewer, "s", schemas.Live))(t)
	before := asked.Load()
	must(replica.Versions(ctx, b.viewer, "s", schemas.Live))(t)
	if n := asked.Load() - before; n != 0 {
		t.Errorf("what is no news is read anew with %d statements", n)
	}
	must(0, b.Prune(ctx, 1))(t)
	if n := b.changes(t); n != 1 {
		t.Errorf("%d changes are kept", n)
	}
	b.put(t, b.admin, "s", record("id", "f?"))
	if v := must(replica.Version(ctx, b.viewer, "s", schemas.Latest, schemas.Live))(t); v.Version != 2 {
		t.Errorf("latest is %d", v.Version)
	}
}

// Changes are dropped all the time, by two, while replicas are written to and
// read from by turns, some of them seldom. Whatever one acknowledged each of the
// others says.
func TestReplicasSayWhatWasAcknowledgedWhileChangesAreDropped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	replicas := []*schemas.Registry{b.Registry, schemas.New(b.db, time.Now), schemas.New(b.db, time.Now)}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for i := range 2 {
		go func() {
			for ctx.Err() == nil {
				if err := replicas[i].Prune(ctx, 1+i); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	for i, err := range together(4, func(i int) error {
		rng := rand.New(rand.NewPCG(2, uint64(i)))
		subject := fmt.Sprintf("s%d", i)
		for step := range 40 {
			act(t, b, replicas[rng.IntN(3)], rng, subject)
			if rng.IntN(3) > 0 {
				continue
			}
			text := record("id", fmt.Sprintf("f%d?", rng.IntN(4)))
			want := ask(t, b, schemas.New(b.db, time.Now), subject, text)
			for n, r := range replicas[rng.IntN(3):] {
				if got := ask(t, b, r, subject, text); !reflect.DeepEqual(got, want) {
					return fmt.Errorf("step %d, replica %d from the end says\n%+v\nand a new one\n%+v", step, n, got, want)
				}
			}
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("subject %d: %v", i, err)
		}
	}
}
