package catalog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// What schemas say of different datasets is written side by side, and of one
// dataset in turn, also while people tag: each says it once, and every change
// moves the generation on.
func TestSchemasSpeakBesideOneAnother(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	const datasets, times = 4, 6
	var fields []catalog.Field
	for i := range datasets {
		d := must(b.DeclareDataset(ctx, b.steward, catalog.Dataset{Namespace: "postgres://customers", Name: fmt.Sprintf("public.t%d", i), Kind: "TABLE", StoreID: &b.store.ID}))(t)
		fields = append(fields, must(b.DeclareFields(ctx, b.steward, d.ID, []catalog.Field{{Path: "email"}}))(t)...)
	}
	before := generation(t, b)
	var all sync.WaitGroup
	for n := range datasets * times {
		f := fields[n%datasets]
		tags := func(source string) []catalog.Tag {
			return []catalog.Tag{{DatasetID: f.DatasetID, FieldID: &f.ID, Term: "user.contact.email", Source: source}}
		}
		all.Go(func() {
			err := postgres.Work(ctx, b.db, func(tx pgx.Tx) error {
				return say(ctx, tx, b.admin, tags("SCHEMA")[0])
			})
			if err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			if _, err := b.AssertTags(ctx, b.steward, tags("MANUAL")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, f := range fields {
		open := must(catalog.TagsByDataset(context.Background(), b.db, []uuid.UUID{f.DatasetID}))(t)[f.DatasetID]
		if len(open) != 2 {
			t.Errorf("%d assertions are open on a field that a schema and a person speak of", len(open))
		}
	}
	if moved := generation(t, b) - before; moved != 2*datasets {
		t.Errorf("the generation moved by %d with %d changes", moved, 2*datasets)
	}
}

// Who counts the generation on holds up nobody who does, and what is not committed
// is not counted.
func TestNobodyWaitsForTheGeneration(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	other := must(b.DeclareDataset(ctx, b.steward, catalog.Dataset{Namespace: "postgres://customers", Name: "public.other", Kind: "TABLE", StoreID: &b.store.ID}))(t)
	if err := taxonomy.Sync(ctx, b.db); err != nil { // as a server does that starts
		t.Fatal(err)
	}
	before := generation(t, b)
	counted := map[int]bool{} // parts: processes of PostgreSQL may share one
	asserted := func(dataset uuid.UUID) pgx.Tx {
		tx, part := begun(t, b)
		for counted[part] {
			tx, part = begun(t, b)
		}
		counted[part] = true
		if err := say(ctx, tx, b.admin, catalog.Tag{DatasetID: dataset, Term: "user.contact.email", Source: "SCHEMA"}); err != nil {
			t.Fatal(err)
		}
		return tx
	}
	first, second := asserted(b.dataset.ID), asserted(other.ID)
	for i, tx := range []pgx.Tx{second, first} {
		if got := generation(t, b) - before; got != int64(i) {
			t.Errorf("the generation moved by %d after %d commits", got, i)
		}
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if got := generation(t, b) - before; got != 2 {
		t.Errorf("the generation moved by %d in the end", got)
	}
}

// say asserts a tag in a unit of work, as a schema does.
func say(ctx context.Context, tx pgx.Tx, by access.Principal, tag catalog.Tag) error {
	var asking, last postgres.Batch
	assert, err := catalog.AssertTags(&asking, by, []uuid.UUID{tag.DatasetID}, []string{tag.Term})
	if err == nil {
		err = asking.Send(ctx, tx)
	}
	if err != nil {
		return err
	}
	said, err := assert(ctx, tx, &last, []catalog.Tag{tag})
	if err == nil {
		err = last.Send(ctx, tx)
	}
	if err == nil {
		err = audit.Append(ctx, tx, said...)
	}
	return err
}

// begun is a transaction, and the part of the generation that it counts in.
func begun(t *testing.T, b *bench) (pgx.Tx, int) {
	t.Helper()
	tx := must(b.db.Begin(t.Context()))(t)
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	return tx, must(postgres.Scalar[int](t.Context(), tx, `SELECT pg_backend_pid() % 256`))(t)
}
