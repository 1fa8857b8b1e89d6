package stores_test

import (
	"slices"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
)

// Every push is kept, and what lies between any two is told with the datasets
// that it is about.
func TestHistory(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	if s := must(b.Latest(ctx, b.viewer, "orders-db"))(t); s.Version != 0 || s.PushedAt != nil || len(s.Tables) != 0 {
		t.Errorf("%+v", s)
	}
	texts := []string{"CREATE TABLE a (id int);", "CREATE TABLE b (id int);", "ALTER TABLE a RENAME TO c;", "DROP TABLE b;"}
	for i := range texts {
		if a := b.push(t, texts[:i+1]...); !a.Pushed || a.Version != i+1 {
			t.Fatalf("%+v", a)
		}
	}
	var numbers []int
	for after := ""; ; {
		p := must(b.Versions(ctx, b.viewer, "orders-db", page.Args{First: 3, After: after}))(t)
		for _, v := range p.Items {
			numbers = append(numbers, v.Version)
		}
		if !p.HasNext {
			break
		}
		after = p.Cursors[2]
	}
	if !slices.Equal(numbers, []int{4, 3, 2, 1}) {
		t.Errorf("%v", numbers)
	}
	if s := must(b.At(ctx, b.viewer, "orders-db", 2))(t); s.Version != 2 || s.PushedAt == nil || len(s.Tables) != 2 {
		t.Errorf("%+v", s)
	}
	for _, c := range []struct {
		from, to int
		want     []string
	}{
		{0, 1, []string{"table added: public.a"}},
		{1, 2, []string{"table added: public.b"}},
		{2, 4, []string{"the table public.a is called public.c", "the table public.b is dropped"}},
		{4, 2, []string{"table added: public.a", "table added: public.b", "the table public.c is dropped"}},
		{3, 3, nil},
	} {
		var got []string
		for _, change := range must(b.Changes(ctx, b.viewer, "orders-db", c.from, c.to))(t) {
			got = append(got, change.Words())
			if change.DatasetID == nil {
				t.Errorf("%d to %d: %s is about no dataset", c.from, c.to, change.Words())
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d to %d: %q, want %q", c.from, c.to, got, c.want)
		}
	}
	_, err := b.At(ctx, b.viewer, "orders-db", 9)
	wants(t, err, "VERSION_NOT_FOUND")
	_, err = b.Changes(ctx, b.viewer, "orders-db", 1, 9)
	wants(t, err, "VERSION_NOT_FOUND")
	_, err = b.Versions(ctx, b.viewer, "orders-db", page.Args{First: 1, After: "x"})
	wants(t, err, "BAD_CURSOR")
	for _, err := range []error{
		func() error { _, err := b.At(ctx, access.Principal{}, "orders-db", 1); return err }(),
		func() error { _, err := b.Changes(ctx, access.Principal{}, "orders-db", 0, 1); return err }(),
		func() error {
			_, err := b.Versions(ctx, access.Principal{}, "orders-db", page.Args{First: 1})
			return err
		}(),
	} {
		wants(t, err, "UNAUTHENTICATED")
	}
}
