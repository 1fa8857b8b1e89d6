package schemas_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas"
)

// Crowds at a few subjects of one topic, on two replicas, while versions are
// deleted, settings changed, and people speak to the catalog of the same fields;
// some go away before they are answered. Whatever was answered is so, is in the
// audit log once, and both replicas say it as one does that has just started.
func TestCrowdsAmongOtherChanges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	replicas := []*schemas.Registry{b.Registry, schemas.New(b.db, time.Now)}
	replicas[1].LookThrough(b.pool(t, 1, nil), 1500*time.Millisecond)
	subjects := []string{"orders-value", "orders-key", "orders-shop.Order", "stray-value"}
	for _, s := range subjects {
		b.put(t, b.admin, s, record("id"))
	}
	var mu sync.Mutex
	answered := map[int]string{} // texts by id
	until := time.Now().Add(2 * time.Second)
	for i, err := range together(16, func(i int) error {
		rng := rand.New(rand.NewPCG(7, uint64(i)))
		for time.Now().Before(until) {
			r, subject := replicas[rng.IntN(2)], subjects[rng.IntN(len(subjects))]
			if i < 3 {
				if err := meddle(t, b, r, rng, subject); err != nil && len(fault.All(err)) == 0 {
					return err
				}
				continue
			}
			ctx, cancel := t.Context(), func() {}
			if rng.IntN(8) == 0 {
				ctx, cancel = context.WithTimeout(ctx, time.Duration(rng.IntN(20))*time.Millisecond)
			}
			v, err := r.Register(ctx, b.admin, schemas.Submission{Subject: subject, Text: crowded(rng)})
			cancel()
			switch {
			case err == nil:
				mu.Lock()
				if text, known := answered[v.ID]; known && text != v.Text {
					err = fmt.Errorf("the id %d is of two schemas: %s and %s", v.ID, text, v.Text)
				}
				answered[v.ID] = v.Text
				mu.Unlock()
				if err != nil {
					return err
				}
			case len(fault.All(err)) == 0 && !errors.Is(err, context.DeadlineExceeded):
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	fresh := schemas.New(b.db, time.Now)
	for _, subject := range subjects {
		want := ask(t, b, fresh, subject, record("id"))
		for n, r := range replicas {
			if got := ask(t, b, r, subject, record("id")); !reflect.DeepEqual(got, want) {
				t.Errorf("replica %d says\n%+v\nand a new one\n%+v", n, got, want)
			}
		}
	}
	for id, text := range answered {
		for n, r := range append(replicas, fresh) {
			s, err := r.ByID(t.Context(), b.viewer, id, "")
			if err != nil && fault.KindOf(err) != fault.NotFound || err == nil && s.Text != text {
				t.Errorf("replica %d: %d is %q (%v), and was answered as %q", n, id, s.Text, err, text)
			}
		}
	}
	const q = `
		SELECT (SELECT count(*) FROM schemas_change WHERE kind = 'REGISTERED') AS registered,
		       (SELECT count(*) FROM audit_entry WHERE act = 'schema.registered') AS recorded`
	n := must(postgres.One[struct{ Registered, Recorded int }](t.Context(), b.db, q))(t)
	if n.Registered != n.Recorded || n.Registered < len(answered) {
		t.Errorf("%d answered, %+v", len(answered), n)
	}
}

// crowded is one of many schemas; some say that a field is an address.
func crowded(rng *rand.Rand) string {
	f := func(n int) string { return fmt.Sprintf("f%d?", rng.IntN(n)) }
	switch rng.IntN(6) {
	case 0:
		return fmt.Sprintf(`{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},
			{"name":"m%d","type":"string","default":"","confluent:tags":["user.contact.email"]}]}`, rng.IntN(4))
	case 1:
		return record("id", fmt.Sprintf("must%d", rng.IntN(1000)))
	}
	a, c := f(50), f(50)
	if a == c {
		return record("id", a)
	}
	return record("id", a, c)
}

// meddle does something else, which may be refused.
func meddle(t *testing.T, b *bench, r *schemas.Registry, rng *rand.Rand, subject string) (err error) {
	ctx, c := t.Context(), catalog.New(b.db, b.clock)
	time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
	switch rng.IntN(8) {
	case 0:
		_, err = r.DeleteVersion(ctx, b.admin, subject, 1+rng.IntN(30), rng.IntN(2) == 0)
	case 1:
		_, err = r.DeleteSubject(ctx, b.admin, subject, rng.IntN(2) == 0)
	case 2:
		at := []string{subject, ""}[rng.IntN(2)]
		err = r.SetLevel(ctx, b.admin, at, []schemas.Level{schemas.None, schemas.Backward}[rng.IntN(2)])
	case 3:
		err = r.SetMode(ctx, b.admin, subject, []schemas.Mode{schemas.ReadOnly, schemas.ReadWrite}[min(1, rng.IntN(6))], false)
	case 4:
		_, err = r.DeleteMode(ctx, b.admin, "", true)
	case 5:
		_, err = r.Versions(ctx, b.viewer, subject, schemas.WithDeleted)
	default:
		var fields map[uuid.UUID][]catalog.Field
		if fields, err = catalog.FieldsByDataset(ctx, b.db, []uuid.UUID{b.topic.ID}); err != nil {
			return err
		}
		f := fields[b.topic.ID][rng.IntN(len(fields[b.topic.ID]))]
		_, err = c.AssertTags(ctx, b.admin, []catalog.Tag{{DatasetID: b.topic.ID, FieldID: &f.ID, Term: "user.contact.email", Polarity: "-", Source: "MANUAL", Reason: "it is none"}})
	}
	return err
}
