package catalog_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/personal"
)

// large fills a catalog with 2,000 datasets of ten fields, every second one
// personal, in one act.
func large(t testing.TB) *bench {
	t.Helper()
	b := setup(t)
	var ch catalog.Changes
	for i := range 2000 {
		d := catalog.Dataset{ID: uuid.Must(uuid.NewV7()), Namespace: "postgres://customers", Name: fmt.Sprintf("public.t%04d", i), Kind: "TABLE", StoreID: &b.store.ID}
		ch.Put.Datasets = append(ch.Put.Datasets, d)
		for j := range 10 {
			f := catalog.Field{ID: uuid.Must(uuid.NewV7()), DatasetID: d.ID, Path: fmt.Sprintf("field%d", j)}
			ch.Put.Fields = append(ch.Put.Fields, f)
			if i%2 == 0 && j < 3 {
				ch.Put.Tags = append(ch.Put.Tags, catalog.Tag{DatasetID: d.ID, FieldID: &f.ID, Term: "user.contact.email", Source: "IMPORT"})
			}
		}
	}
	if err := b.Apply(t.Context(), b.admin, ch); err != nil {
		t.Fatal(err)
	}
	return b
}

func BenchmarkPersonalDatasets(b *testing.B) {
	s := large(b)
	for b.Loop() {
		rows, err := personal.Datasets(context.Background(), s.db, s.controller.ID)
		if err != nil || len(rows) != 1000 {
			b.Fatal(len(rows), err)
		}
	}
}

func BenchmarkRefreshFindings(b *testing.B) {
	s := large(b)
	for b.Loop() {
		if err := s.RefreshFindings(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDeclareDataset is one small change in a large catalog, findings
// included.
func BenchmarkDeclareDataset(b *testing.B) {
	s := large(b)
	n := 0
	for b.Loop() {
		n++
		d := catalog.Dataset{Namespace: "s3://bench", Name: fmt.Sprint(n), Kind: "OBJECTS", StoreID: &s.store.ID}
		if _, err := s.DeclareDataset(context.Background(), s.steward, d); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApply changes the description of 2,000 datasets in one act.
func BenchmarkApply(b *testing.B) {
	s := large(b)
	for n := 0; b.Loop(); n++ {
		all, err := s.Snapshot(context.Background(), s.admin)
		if err != nil {
			b.Fatal(err)
		}
		for i := range all.Datasets {
			all.Datasets[i].Doc = fmt.Sprint(n)
		}
		if err := s.Apply(context.Background(), s.admin, catalog.Changes{Put: catalog.Contents{Datasets: all.Datasets}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUpsertSchemaFields enters a version of 20 documented fields: of a
// dataset that had none, and of one that has them all.
func BenchmarkUpsertSchemaFields(b *testing.B) {
	s := large(b)
	ctx := context.Background()
	fields := make([]catalog.Field, 20)
	for i := range fields {
		fields[i] = catalog.Field{Path: fmt.Sprintf("field_%02d", i), DataType: "string", Doc: fmt.Sprintf("What field %02d holds.", i)}
	}
	enter := func(b *testing.B, dataset uuid.UUID, version int) {
		if err := enter(ctx, s.db, dataset, version, fields); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			d, err := s.DeclareDataset(ctx, s.admin, catalog.Dataset{Namespace: "kafka://default", Name: uuid.NewString(), Kind: "TOPIC", StoreID: &s.store.ID})
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			enter(b, d.ID, 1)
		}
	})
	b.Run("again", func(b *testing.B) {
		version := 1
		for b.Loop() {
			version++
			enter(b, s.dataset.ID, version)
		}
	})
}
