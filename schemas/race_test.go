package schemas_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/flowmart/lethe/schemas"
)

// Twelve pipelines, on two replicas, hand in schemas of which no two go
// together: one wins, and the others are told so. The same was measured of
// another registry to let three or four win.
func TestOfIncompatibleRegistrationsOneWins(t *testing.T) {
	t.Parallel()
	b := setup(t)
	replicas := []*schemas.Registry{b.Registry, schemas.New(b.db, time.Now)}
	if err := b.SetLevel(t.Context(), b.admin, "", schemas.Full); err != nil {
		t.Fatal(err)
	}
	for round := range 20 {
		subject := fmt.Sprintf("race-%d", round)
		errs := together(12, func(i int) error {
			_, err := replicas[i%2].Register(t.Context(), b.orders, schemas.Submission{Subject: subject, Text: record(fmt.Sprintf("only%d", i))})
			return err
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wants(t, err, "SCHEMA_INCOMPATIBLE")
		}
		if n := must(b.Versions(t.Context(), b.viewer, subject, schemas.Live))(t); won != 1 || len(n) != 1 {
			t.Fatalf("round %d: %d won, versions %v", round, won, n)
		}
	}
}

// Sixty-four producers start at once with the same schema, under one subject
// and under several: one id, and one version in each.
func TestTheSameSchemaFromEverywhereIsOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for round := range 5 {
		text := record("id", fmt.Sprintf("round%d", round))
		got := make([]schemas.Version, 64)
		errs := together(64, func(i int) (err error) {
			got[i], err = b.Register(t.Context(), b.orders, schemas.Submission{Subject: fmt.Sprintf("same-%d-%d", round, i%4), Text: text})
			return err
		})
		for i, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
			if got[i].ID != got[0].ID || got[i].Version != 1 {
				t.Fatalf("round %d: %+v and %+v", round, got[0], got[i])
			}
		}
		for i := range 4 {
			if n := must(b.Versions(t.Context(), b.viewer, fmt.Sprintf("same-%d-%d", round, i), schemas.Live))(t); len(n) != 1 {
				t.Errorf("versions %v", n)
			}
		}
	}
}

// Compatible versions from many pipelines all get in, numbered without a gap,
// and ids rise with them.
func TestNumbersHaveNoGaps(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, err := range together(24, func(i int) error {
		_, err := b.Register(t.Context(), b.orders, schemas.Submission{Subject: "evolving", Text: record("id", fmt.Sprintf("f%d?", i))})
		return err
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	numbers := must(b.Versions(t.Context(), b.viewer, "evolving", schemas.Live))(t)
	last := 0
	for i, n := range numbers {
		v := must(b.Version(t.Context(), b.viewer, "evolving", n, schemas.Live))(t)
		if n != i+1 || v.ID <= last {
			t.Errorf("version %d has the id %d after %d", n, v.ID, last)
		}
		last = v.ID
	}
	if len(numbers) != 24 {
		t.Errorf("%d versions", len(numbers))
	}
}

// together runs something n times at once and returns what each said.
func together(n int, do func(int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

func BenchmarkRegister(b *testing.B) {
	bench := setup(b)
	wide := func(i int) string {
		var fields []string
		for n := range 20 {
			fields = append(fields, fmt.Sprintf("field_%d?", n))
		}
		return record(append(fields, fmt.Sprintf("f%d?", i))...)
	}
	known := bench.put(b, bench.orders, "orders-value", wide(0))
	known.Subject = "orders-value"
	submission := schemas.Submission{Subject: "orders-value", Text: wide(0)}
	b.Run("known", func(b *testing.B) {
		each(b, func(int) error { _, err := bench.Register(b.Context(), bench.orders, submission); return err })
	})
	b.Run("lookup", func(b *testing.B) {
		each(b, func(int) error {
			_, err := bench.Lookup(b.Context(), bench.orders, submission, schemas.Live)
			return err
		})
	})
	b.Run("by id", func(b *testing.B) {
		each(b, func(int) error { _, err := bench.ByID(b.Context(), bench.orders, known.ID, ""); return err })
	})
	b.Run("latest", func(b *testing.B) {
		each(b, func(int) error {
			_, err := bench.Version(b.Context(), bench.orders, "orders-value", schemas.Latest, schemas.Live)
			return err
		})
	})
	b.Run("test", func(b *testing.B) {
		each(b, func(i int) error {
			_, err := bench.Test(b.Context(), bench.orders, schemas.Submission{Subject: "orders-value", Text: wide(i)}, schemas.Latest)
			return err
		})
	})
	run := 0
	b.Run("new", func(b *testing.B) {
		run++
		each(b, func(i int) error {
			_, err := bench.Register(b.Context(), bench.orders, schemas.Submission{Subject: fmt.Sprintf("s-%d-%d", run, i), Text: wide(1000*run + i)})
			return err
		})
	})
}

func each(b *testing.B, do func(int) error) {
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := do(i); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
