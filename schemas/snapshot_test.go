package schemas_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas"
)

// said is everything that a replica says of a subject.
type said struct {
	Live, All []int
	Latest    schemas.Version
	Second    schemas.Version
	Level     schemas.Level
	Own       schemas.Config
	Mode      schemas.Mode
	Found     schemas.Version
	Codes     []string
}

func ask(t testing.TB, b *bench, replica *schemas.Registry, subject, text string) (all said) {
	t.Helper()
	ctx, by := t.Context(), b.viewer
	note := func(err error) {
		code := ""
		if faults := fault.All(err); len(faults) > 0 {
			code = faults[0].Code
		} else if err != nil {
			t.Fatal(err)
		}
		all.Codes = append(all.Codes, code)
	}
	var err error
	all.Live, err = replica.Versions(ctx, by, subject, schemas.Live)
	note(err)
	all.All, err = replica.Versions(ctx, by, subject, schemas.DeletedNegative)
	note(err)
	all.Latest, err = replica.Version(ctx, by, subject, schemas.Latest, schemas.Live)
	note(err)
	all.Second, err = replica.Version(ctx, by, subject, 2, schemas.WithDeleted)
	note(err)
	all.Own, err = replica.ConfigSet(ctx, by, subject)
	note(err)
	all.Level, err = replica.Level(ctx, by, subject)
	note(err)
	all.Mode, err = replica.Mode(ctx, by, subject)
	note(err)
	all.Found, err = replica.Lookup(ctx, by, schemas.Submission{Subject: subject, Text: text}, schemas.Live)
	note(err)
	return all
}

// Three replicas are written to and read from by turns. Whatever one of them
// acknowledged, each of the others says at once, as one does that has just
// started and has nothing in memory.
func TestReplicasSayWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	replicas := []*schemas.Registry{b.Registry, schemas.New(b.db, time.Now), schemas.New(b.db, time.Now)}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go replicas[2].Follow(ctx, func(err error) { t.Error(err) })
	for i, err := range together(6, func(i int) error {
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		subject := fmt.Sprintf("s%d", i)
		for step := range 40 {
			act(t, b, replicas[rng.IntN(3)], rng, subject)
			text := record("id", fmt.Sprintf("f%d?", rng.IntN(4)))
			want := ask(t, b, schemas.New(b.db, time.Now), subject, text)
			for n, r := range replicas {
				if got := ask(t, b, r, subject, text); !reflect.DeepEqual(got, want) {
					return fmt.Errorf("step %d, replica %d says\n%+v\nand a new one\n%+v", step, n, got, want)
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

// act does something to a subject, which may be refused.
func act(t testing.TB, b *bench, r *schemas.Registry, rng *rand.Rand, subject string) {
	t.Helper()
	ctx := t.Context()
	var err error
	switch rng.IntN(10) {
	case 0:
		_, err = r.DeleteVersion(ctx, b.admin, subject, 1+rng.IntN(3), rng.IntN(2) == 0)
	case 1:
		_, err = r.DeleteSubject(ctx, b.admin, subject, rng.IntN(2) == 0)
	case 2:
		err = r.SetLevel(ctx, b.admin, subject, []schemas.Level{schemas.None, schemas.Full}[rng.IntN(2)])
	case 3:
		_, err = r.DeleteConfig(ctx, b.admin, subject)
	case 4:
		err = r.SetMode(ctx, b.admin, subject, []schemas.Mode{schemas.ReadOnly, schemas.ReadWrite}[rng.IntN(2)], false)
	case 5:
		to := json.RawMessage([]string{"null", `"` + subject + `-real"`}[rng.IntN(2)])
		_, err = r.SetConfig(ctx, b.admin, subject, schemas.Patch{"alias": to})
	default:
		if rng.IntN(3) == 0 {
			subject += "-real"
		}
		_, err = r.Register(ctx, b.admin, schemas.Submission{Subject: subject, Text: record("id", fmt.Sprintf("f%d?", rng.IntN(4)))})
	}
	if err != nil && len(fault.All(err)) == 0 {
		t.Error(err)
	}
}

// What is set above the subjects, and taken back there, holds at once
// everywhere for subjects whose own settings it takes with it.
func TestReplicasSayWhatIsSetAboveSubjects(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	other := schemas.New(b.db, time.Now)
	b.put(t, b.admin, "s", record("id"))
	says := func(want schemas.Mode) {
		t.Helper()
		if got := must(other.Mode(ctx, b.viewer, "s"))(t); got != want {
			t.Errorf("the mode is %s, want %s", got, want)
		}
	}
	says(schemas.ReadWrite)
	must(0, b.SetMode(ctx, b.admin, "s", schemas.ReadOnly, false))(t)
	says(schemas.ReadOnly)
	must(b.DeleteMode(ctx, b.admin, "", true))(t) // with those of the subjects
	says(schemas.ReadWrite)
	must(0, b.SetMode(ctx, b.admin, "", schemas.ReadOnlyOverride, false))(t)
	says(schemas.ReadOnlyOverride)
}

// A change whose number was given first may be committed last. It is not
// missed: numbers say nothing about the order of commits.
func TestAChangeThatIsCommittedLateIsSeen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	b.put(t, b.admin, "late", record("id"))
	b.put(t, b.admin, "soon", record("id"))
	other := schemas.New(b.db, time.Now)
	must(other.Version(ctx, b.viewer, "late", schemas.Latest, schemas.Live))(t)
	err := postgres.Work(ctx, b.db, func(tx pgx.Tx) error {
		must(tx.Exec(ctx, `UPDATE schemas_version SET deleted_at = now() WHERE subject_id = (SELECT id FROM schemas_subject WHERE name = 'late')`))(t)
		must(tx.Exec(ctx, `
			WITH change AS (
			    INSERT INTO schemas_change (kind, context, subject_id, version, at) SELECT 'DELETED', '.', id, 1, now() FROM schemas_subject WHERE name = 'late'
			    RETURNING seq, subject_id)
			UPDATE schemas_subject s SET head = change.seq FROM change WHERE s.id = change.subject_id`))(t)
		for n := range 3 { // others come, and are seen, before this one is committed
			b.put(t, b.admin, "soon", record("id", fmt.Sprintf("f%d?", n)))
			if v := must(other.Version(ctx, b.viewer, "soon", schemas.Latest, schemas.Live))(t); v.Version != n+2 {
				t.Errorf("latest is %d", v.Version)
			}
			must(other.Version(ctx, b.viewer, "late", schemas.Latest, schemas.Live))(t)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Version(ctx, b.viewer, "late", schemas.Latest, schemas.Live)
	wants(t, err, "SUBJECT_NOT_FOUND")
}

// What is set above the subjects has those forgotten that have settings of
// their own. They are still answered from memory when the database goes away
// before they were read anew.
func TestWhatIsSetAboveLeavesSubjectsInMemory(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.admin, "s", record("id"))
	must(0, b.SetLevel(ctx, b.admin, "s", schemas.Full))(t)
	replica, looks := schemas.New(b.db, time.Now), b.pool(t, 1, nil)
	replica.LookThrough(looks, 1500*time.Millisecond)
	must(replica.Versions(ctx, b.viewer, "s", schemas.Live))(t)
	must(0, b.SetLevel(ctx, b.admin, "", schemas.Forward))(t)
	if level := must(replica.Level(ctx, b.viewer, "another"))(t); level != schemas.Forward {
		t.Errorf("the level is %s", level)
	}
	conn := must(looks.Acquire(ctx))(t) // no look gets through from now on
	defer conn.Release()
	if got := must(replica.Versions(ctx, b.viewer, "s", schemas.Live))(t); !slices.Equal(got, []int{1}) {
		t.Errorf("versions %v", got)
	}
	if replica.AsOf().IsZero() {
		t.Error("the database is not taken to be away")
	}
}

// pool is another pool of the same database.
func (b *bench) pool(t testing.TB, conns int32, tracer pgx.QueryTracer) *pgxpool.Pool {
	t.Helper()
	config := b.db.Config()
	config.MaxConns, config.MinConns, config.ConnConfig.Tracer = conns, 0, tracer
	pool := must(pgxpool.NewWithConfig(t.Context(), config))(t)
	t.Cleanup(pool.Close)
	return pool
}

// statements counts them.
type statements struct{ atomic.Int64 }

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.Add(1)
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// A dump that is taken into a new server brings changes with the numbers of
// transactions that the new one has yet to come to. They are not news with
// every look.
func TestChangesOfAServerBeforeAreNoNews(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.admin, "s", record("id"))
	must(b.db.Exec(ctx, `INSERT INTO schemas_change (xid, kind, context, at) VALUES ('9000000000000', 'CONFIGURED', '.', now())`))(t)
	var asked statements
	replica := schemas.New(b.db, time.Now)
	replica.LookThrough(b.pool(t, 1, &asked), 1500*time.Millisecond)
	must(replica.Versions(ctx, b.viewer, "s", schemas.Live))(t)
	before := asked.Load()
	must(replica.Versions(ctx, b.viewer, "s", schemas.Live))(t)
	if n := asked.Load() - before; n != 0 { // those of looks themselves are not traced
		t.Errorf("what did not change is followed with %d statements", n)
	}
}

// between does something once, right before a statement that has a text in it,
// after some of them.
type between struct {
	text  string
	after int64
	seen  atomic.Int64
	once  sync.Once
	do    func()
}

func (b *between) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.Contains(q.SQL, b.text) && b.seen.Add(1) > b.after {
		b.once.Do(b.do)
	}
	return ctx
}

func (b *between) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// acquiring does something once, right before a connection is taken of a pool,
// after some that were.
type acquiring struct {
	statements
	after int64
	seen  atomic.Int64
	once  sync.Once
	do    func()
}

func (a *acquiring) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	if a.seen.Add(1) > a.after {
		a.once.Do(a.do)
	}
	return ctx
}

func (a *acquiring) TraceAcquireEnd(context.Context, *pgxpool.Pool, pgxpool.TraceAcquireEndData) {}

// A content that is deleted for good while a replica reads it is not remembered
// there: nothing would tell that replica again that it is gone.
func TestWhatEndsWhileItIsReadIsNotRemembered(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	v := b.put(t, b.admin, "s", record("id"))
	reading := &between{text: "FROM schemas_reference"} // the second statement of a read
	replica := schemas.New(b.pool(t, 4, reading), time.Now)
	reading.do = func() {
		for _, permanent := range []bool{false, true} {
			must(b.DeleteSubject(ctx, b.admin, "s", permanent))(t)
		}
		_, err := replica.Versions(ctx, b.viewer, "s", schemas.WithDeleted) // it learns of that
		wants(t, err, "SUBJECT_NOT_FOUND")
	}
	must(replica.Versions(ctx, b.viewer, "s", schemas.Live))(t)
	must(replica.ByID(ctx, b.viewer, v.ID, ""))(t)
	_, err := replica.ByID(ctx, b.viewer, v.ID, "")
	wants(t, err, "SCHEMA_NOT_FOUND")
}
