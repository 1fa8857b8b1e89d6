package catalog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/catalog"
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
				var last postgres.Batch
				_, err := catalog.AssertTags(ctx, tx, &last, b.admin, tags("SCHEMA"))
				if err == nil {
					err = last.Send(ctx, tx)
				}
				return err
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
