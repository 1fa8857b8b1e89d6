package schemas_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas"
)

// crowd is many who register at one subject: the first holds everybody up, for
// a row is locked that it needs.
type crowd struct {
	*bench
	subject string
	told    []chan came
}

// came is what came of a registration.
type came struct {
	v   schemas.Version
	err error
}

// lockRow locks a row until it is released.
func (b *bench) lockRow(t *testing.T, q string, args ...any) (release func()) {
	t.Helper()
	tx, err := b.db.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), q, args...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }
}

// crowding has a subject held up.
func (b *bench) crowding(t *testing.T, subject string) (c *crowd, release func()) {
	t.Helper()
	return &crowd{bench: b, subject: subject}, b.lockRow(t, `SELECT FROM schemas_subject WHERE name = $1 FOR UPDATE`, subject)
}

// comes has somebody come, and waits until they wait.
func (c *crowd) comes(ctx context.Context, t *testing.T, by access.Principal, text string) {
	t.Helper()
	told := make(chan came, 1)
	go func() {
		v, err := c.Register(ctx, by, schemas.Submission{Subject: c.subject, Text: text})
		told <- came{v, err}
	}()
	if c.told = append(c.told, told); len(c.told) == 1 {
		c.blocked(t)
		return
	}
	until(t, func() bool { return c.Waiting(c.subject) == len(c.told)-1 })
}

// blocked waits until a connection waits for a row, and returns its process.
func (b *bench) blocked(t *testing.T) (pid int) {
	t.Helper()
	until(t, func() bool {
		const q = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0 LIMIT 1`
		var err error
		pid, err = postgres.Scalar[int](t.Context(), b.db, q)
		return err == nil
	})
	return pid
}

func until(t *testing.T, is func() bool) {
	t.Helper()
	for !is() {
		if t.Context().Err() != nil {
			t.Fatal("it did not come to that")
		}
		time.Sleep(time.Millisecond)
	}
}

// units counts the transactions in which versions of the subject were registered.
func (c *crowd) units(t *testing.T) int {
	t.Helper()
	const q = `SELECT count(DISTINCT c.xid) FROM schemas_change c JOIN schemas_subject s ON s.id = c.subject_id WHERE s.name = $1 AND c.kind = 'REGISTERED'`
	return must(postgres.Scalar[int](t.Context(), c.db, q, c.subject))(t)
}

// Nineteen come while one is at it: each gets a version, sixteen of them in one
// unit of work, and each is in the audit log.
func TestWhoComesMeanwhileGoesAlong(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.orders, "orders-value", record("id"))
	c, release := b.crowding(t, "orders-value")
	for n := range 20 {
		c.comes(t.Context(), t, b.orders, record("id", fmt.Sprintf("f%d?", n)))
	}
	before := c.units(t)
	release()
	var numbers, ids []int
	for _, told := range c.told {
		o := <-told
		if o.err != nil {
			t.Fatal(o.err)
		}
		numbers, ids = append(numbers, o.v.Version), append(ids, o.v.ID)
	}
	for n := range 20 {
		if numbers[n] != n+2 || ids[n] != n+2 {
			t.Fatalf("versions %v, ids %v; want those after 1, in the order they came", numbers, ids)
		}
	}
	if n := c.units(t) - before; n != 2 {
		t.Errorf("%d units of work; want 2", n)
	}
	const q = `SELECT count(*) FROM audit_entry WHERE act = 'schema.registered' AND actor_id = $1`
	if n := must(postgres.Scalar[int](t.Context(), b.db, q, b.orders.ID))(t); n != 21 {
		t.Errorf("the audit log has %d of them, want 21", n)
	}
	// Another replica, and this one from memory, have what was answered.
	for _, r := range []*schemas.Registry{b.Registry, schemas.New(b.db, time.Now)} {
		latest := must(r.Version(t.Context(), b.viewer, "orders-value", schemas.Latest, schemas.Live))(t)
		if latest.Version != 21 || latest.ID != 21 {
			t.Errorf("latest %+v", latest)
		}
	}
}

// To each it is as if they had come alone: judged against the one before, found
// if somebody brought the same, and refused where it is not theirs.
func TestEachInACrowdIsJudgedByItself(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.orders, "orders-value", record("id"))
	c, release := b.crowding(t, "orders-value")
	for _, one := range []struct {
		by     access.Principal
		fields []string
	}{
		{b.orders, []string{"id", "a?"}},
		{b.orders, []string{"id", "a?", "b?"}},
		{b.orders, []string{"id", "must"}}, // no default
		{b.other, []string{"id", "c?"}},    // of another service
		{b.orders, []string{"id", "a?", "b?"}},
		{b.admin, []string{"id", "d?"}},
	} {
		c.comes(t.Context(), t, one.by, record(one.fields...))
	}
	release()
	for i, want := range []struct {
		version int
		code    string
	}{{2, ""}, {3, ""}, {0, "SCHEMA_INCOMPATIBLE"}, {0, "NOT_OWNER"}, {3, ""}, {4, ""}} {
		o := <-c.told[i]
		if wants(t, o.err, want.code); o.v.Version != want.version {
			t.Errorf("%d: version %d, want %d", i, o.v.Version, want.version)
		}
	}
	if n := c.units(t); n != 2 {
		t.Errorf("%d units of work; want 2", n)
	}
}

// A subject that belongs to nobody is the first machine's, also where another
// machine comes in the same unit of work.
func TestTheFirstMachineOfACrowdOwnsTheSubject(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.admin, "stray-value", record("id"))
	c, release := b.crowding(t, "stray-value")
	c.comes(t.Context(), t, b.orders, record("id", "a?"))
	c.comes(t.Context(), t, b.other, record("id", "b?"))
	release()
	first, second := <-c.told[0], <-c.told[1]
	wants(t, first.err, "")
	wants(t, second.err, "NOT_OWNER")
}

// Who comes while others wait is judged by what holds when they come: the topic
// was given to another service after the first had looked whose it is.
func TestWhoComesLaterIsJudgedByWhatHoldsThen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.orders, "orders-value", record("id"))
	c, release := b.crowding(t, "orders-value")
	c.comes(t.Context(), t, b.admin, record("id", "a?"))
	given, billing := b.topic, must(catalog.ServiceByRef(t.Context(), b.db, "billing"))(t)
	given.ServiceID = &billing.ID
	must(catalog.New(b.db, b.clock).DeclareDataset(t.Context(), b.admin, given))(t)
	c.comes(t.Context(), t, b.orders, record("id", "b?"))
	c.comes(t.Context(), t, b.other, record("id", "c?"))
	release()
	for i, code := range []string{"", "NOT_OWNER", ""} {
		wants(t, (<-c.told[i]).err, code)
	}
}

// Who is refused in a crowd claims nothing: their change of the subject would be
// committed with what others bring.
func TestWhoIsRefusedInACrowdClaimsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.admin, "stray-value", record("id"))
	c, release := b.crowding(t, "stray-value")
	c.comes(t.Context(), t, b.admin, record("id", "a?"))
	c.comes(t.Context(), t, b.orders, record("id", "must")) // no default
	c.comes(t.Context(), t, b.other, record("id", "b?"))
	release()
	for i, code := range []string{"", "SCHEMA_INCOMPATIBLE", ""} {
		wants(t, (<-c.told[i]).err, code)
	}
	_, err := b.Register(t.Context(), b.orders, schemas.Submission{Subject: "stray-value", Text: record("id", "c?")})
	wants(t, err, "NOT_OWNER")
}

// Who has something new to say to the catalog does not make others wait for it:
// they begin a unit of work, and others go along with them.
func TestWhoSpeaksToTheCatalogGoesFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.orders, "orders-value", record("id"))
	tagged := `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},
		{"name":"mail","type":"string","default":"","confluent:tags":["user.contact.email"]}%s]}`
	c, release := b.crowding(t, "orders-value")
	c.comes(t.Context(), t, b.orders, record("id", "a?"))
	c.comes(t.Context(), t, b.orders, fmt.Sprintf(tagged, ""))
	c.comes(t.Context(), t, b.orders, fmt.Sprintf(tagged, `,{"name":"b","type":"string","default":""}`))
	release()
	for i, told := range c.told {
		if o := <-told; o.err != nil || o.v.Version != i+2 {
			t.Errorf("%d: version %d, %v", i, o.v.Version, o.err)
		}
	}
	if n := c.units(t); n != 3 {
		t.Errorf("%d units of work; want the first, the next alone, and one of two", n)
	}
	tags := must(catalog.TagsByDataset(t.Context(), b.db, []uuid.UUID{b.topic.ID}))(t)[b.topic.ID]
	if len(tags) != 1 || tags[0].Term != "user.contact.email" {
		t.Errorf("the catalog says %+v", tags)
	}
}

// Who deletes what a schema refers to holds that, and then tells the catalog. Who
// registers the schema does so in the same order, or they wait for one another.
func TestTargetsAreHeldBeforeTheCatalog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.admin, "money-value", `{"type":"record","name":"Money","namespace":"shop","fields":[{"name":"amount","type":"int"}]}`)
	tx := must(b.db.Begin(t.Context()))(t)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	const q = `SELECT FROM schemas_version v JOIN schemas_subject s ON s.id = v.subject_id WHERE s.name = 'money-value' FOR UPDATE OF v`
	must(tx.Exec(t.Context(), q))(t)
	told := make(chan error, 1)
	go func() {
		_, err := b.Register(t.Context(), b.orders, schemas.Submission{
			Subject: "orders-value",
			Text: `{"type":"record","name":"Order","namespace":"shop","fields":[
				{"name":"mail","type":"string","confluent:tags":["user.contact.email"]}, {"name":"price","type":"shop.Money"}]}`,
			References: []schemas.Reference{{Name: "shop.Money", Subject: "money-value", Version: 1}},
		})
		told <- err
	}()
	b.blocked(t)
	const qFree = `SELECT pg_try_advisory_xact_lock(hashtext('lethe.catalog'), hashtext($1::text))`
	if !must(postgres.Scalar[bool](t.Context(), tx, qFree, b.topic.ID.String()))(t) {
		t.Error("what is said of the dataset is held already")
	}
	_ = tx.Rollback(t.Context())
	wants(t, <-told, "")
}

// An act of the catalog holds that before it changes fields. So does a schema that
// has something to say of them, or they wait for one another.
func TestTheCatalogIsHeldBeforeFields(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.orders, "orders-value", record("mail"))
	tx := must(b.db.Begin(t.Context()))(t)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	must(tx.Exec(t.Context(), `SELECT pg_advisory_xact_lock(hashtext('lethe.catalog'))`))(t)
	told := make(chan error, 1)
	go func() {
		_, err := b.Register(t.Context(), b.orders, schemas.Submission{Subject: "orders-value",
			Text: `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"mail","type":"string","confluent:tags":["user.contact.email"]}]}`})
		told <- err
	}()
	b.blocked(t)
	const q = `SELECT id FROM catalog_field WHERE path = 'mail' FOR UPDATE SKIP LOCKED`
	if free := must(postgres.Scalars[uuid.UUID](t.Context(), tx, q))(t); len(free) != 1 {
		t.Error("the field is held already")
	}
	_ = tx.Rollback(t.Context())
	wants(t, <-told, "")
}

// What fails undoes it for all, and each is tried alone: a connection that is
// lost, and a client who goes away while others were taken along.
func TestACrowdComesApart(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{true, false} {
		t.Run(fmt.Sprintf("lost %t", lost), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.put(t, b.orders, "orders-value", record("id"))
			// Its content is known elsewhere, and its row is held.
			known := b.put(t, b.admin, "elsewhere-value", record("id", "held?"))
			thaw := b.lockRow(t, `SELECT FROM schemas_schema WHERE id = $1 FOR UPDATE`, known.ID)
			defer thaw()
			c, release := b.crowding(t, "orders-value")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.comes(ctx, t, b.orders, record("id", "a?"))
			c.comes(t.Context(), t, b.orders, record("id", "held?"))
			c.comes(t.Context(), t, b.orders, record("id", "c?"))
			release()
			until(t, func() bool { return c.Waiting(c.subject) == 1 }) // the second was taken along
			pid := b.blocked(t)
			if lost {
				if _, err := b.db.Exec(t.Context(), `SELECT pg_terminate_backend($1)`, pid); err != nil {
					t.Fatal(err)
				}
			} else {
				cancel()
			}
			first := <-c.told[0]
			if lost && first.err != nil || !lost && !errors.Is(first.err, context.Canceled) {
				t.Errorf("the first: %v", first.err)
			}
			thaw()
			var numbers []int
			for _, told := range c.told[1:] {
				o := <-told
				wants(t, o.err, "")
				numbers = append(numbers, o.v.Version)
			}
			all := must(b.Versions(t.Context(), b.viewer, "orders-value", schemas.Live))(t)
			want := []int{1, 2, 3}
			if lost {
				want = append(want, 4)
			}
			if !slices.Equal(all, want) || !slices.Equal(numbers, want[len(want)-2:]) {
				t.Errorf("versions %v, those of the others %v", all, numbers)
			}
		})
	}
}

// A fault of the program takes down who met it, and nobody who was taken along.
func TestACrowdSurvivesAPanic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var armed atomic.Bool
	var calls atomic.Int32
	b.Registry = schemas.New(b.db, func() time.Time {
		if armed.Load() && calls.Add(1) == 2 {
			panic("a fault of the program")
		}
		return today
	})
	b.put(t, b.orders, "orders-value", record("id"))
	c, release := b.crowding(t, "orders-value")
	met := make(chan any, 1)
	go func() {
		defer func() { met <- recover() }()
		_, _ = b.Register(t.Context(), b.orders, schemas.Submission{Subject: "orders-value", Text: record("id", "a?")})
	}()
	b.blocked(t)
	c.told = append(c.told, nil) // the first is ours
	c.comes(t.Context(), t, b.orders, record("id", "b?"))
	c.comes(t.Context(), t, b.orders, record("id", "c?"))
	armed.Store(true)
	release()
	if <-met == nil {
		t.Fatal("nothing happened")
	}
	for _, told := range c.told[1:] {
		wants(t, (<-told).err, "")
	}
	if all := must(b.Versions(t.Context(), b.viewer, "orders-value", schemas.Live))(t); !slices.Equal(all, []int{1, 2, 3}) {
		t.Errorf("versions %v", all)
	}
}

// Who waits no longer registers nothing, and holds nobody up.
func TestWhoLeavesACrowd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.orders, "orders-value", record("id"))
	c, release := b.crowding(t, "orders-value")
	ctx, cancel := context.WithCancel(t.Context())
	c.comes(t.Context(), t, b.orders, record("id", "a?"))
	c.comes(ctx, t, b.orders, record("id", "b?"))
	c.comes(t.Context(), t, b.orders, record("id", "c?"))
	cancel()
	if o := <-c.told[1]; !errors.Is(o.err, context.Canceled) {
		t.Errorf("who left: %v", o.err)
	}
	release()
	for _, i := range []int{0, 2} {
		wants(t, (<-c.told[i]).err, "")
	}
	if all := must(b.Versions(t.Context(), b.viewer, "orders-value", schemas.Live))(t); !slices.Equal(all, []int{1, 2, 3}) {
		t.Errorf("versions %v", all)
	}
	if n := c.Waiting("orders-value"); n != 0 {
		t.Errorf("%d still wait", n)
	}
}
