package catalog_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// A reader that nobody declared is nobody's until its owner says so; what was
// seen before is that service's from then on.
func TestObservedReaderFindsItsService(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	seen := catalog.ObservedRead{Cluster: "default", Group: "marketing-exporter", DatasetID: b.dataset.ID, LastSeen: today}
	read := func() catalog.ObservedRead {
		t.Helper()
		reads := must(catalog.ObservedReads(ctx, b.db, []uuid.UUID{b.dataset.ID}))(t)
		if len(reads) != 1 {
			t.Fatalf("%d reads", len(reads))
		}
		return reads[0]
	}
	record := func(reads ...catalog.ObservedRead) int64 {
		t.Helper()
		if err := catalog.RecordObservedReads(ctx, b.db, reads); err != nil {
			t.Fatal(err)
		}
		return generation(t, b)
	}
	first := record(seen, seen)
	if r := read(); r.ServiceID != nil || !r.FirstSeen.Equal(today) {
		t.Errorf("first seen: %+v", r)
	}
	seen.LastSeen = today.Add(time.Hour)
	if again := record(seen); again != first {
		t.Error("seeing the same again moved the generation on")
	}
	if r := read(); !r.LastSeen.Equal(seen.LastSeen) || !r.FirstSeen.Equal(today) {
		t.Errorf("seen again: %+v", r)
	}
	must(b.DeclareActorAlias(ctx, b.steward, catalog.ActorAlias{Kind: "GROUP", Name: "marketing-exporter", ServiceID: b.service.ID}))(t)
	if r := read(); r.ServiceID == nil || *r.ServiceID != b.service.ID {
		t.Errorf("declared: %+v", r)
	}
	if generation(t, b) <= first {
		t.Error("declaring a reader must move the generation on")
	}
	known := must(catalog.ServicesByActor(ctx, b.db, "default", "GROUP", []string{"marketing-exporter", "x"}))(t)
	if len(known) != 1 || known["marketing-exporter"] != b.service.ID {
		t.Errorf("services by actor: %v", known)
	}
	if err := catalog.RecordObservedReads(ctx, b.db, []catalog.ObservedRead{{Cluster: "c", Group: "g", DatasetID: nobody, LastSeen: today}}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a read of no dataset: %v", err)
	}
}

func TestTopicsAreDraftedAndObserved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	declared := must(b.DeclareDataset(ctx, b.steward, catalog.Dataset{Namespace: "kafka://default", Name: "customers.v1", Kind: "TOPIC", ServiceID: &b.service.ID}))(t)
	if declared.EraseBy != "EXPIRE" {
		t.Errorf("a topic's data go by %s, want EXPIRE", declared.EraseBy)
	}
	week := int64(7 * 24 * 3600 * 1000)
	topics := []catalog.Topic{
		{Cluster: "default", Topic: "unheard-of", Partitions: ptr(1), CleanupPolicy: ptr("compact")},
		{Cluster: "default", Topic: "customers.v1", Partitions: ptr(3), CleanupPolicy: ptr("delete,compact"), RetentionMs: &week, ObservedAt: ptr(today)},
	}
	record := func() int64 {
		t.Helper()
		if err := catalog.RecordTopic(ctx, b.db, "", topics...); err != nil {
			t.Fatal(err)
		}
		return generation(t, b)
	}
	before := generation(t, b)
	first := record()
	if first <= before {
		t.Error("the first sight of a topic must move the generation on")
	}
	if record() != first {
		t.Error("the same sight again moved the generation on")
	}
	found := must(catalog.DatasetsByTopic(ctx, b.db, "default", []string{"customers.v1", "unheard-of", "other"}))(t)
	if len(found) != 2 || found["customers.v1"] != declared.ID {
		t.Fatalf("datasets by topic: %v", found)
	}
	seen := must(catalog.TopicsByDataset(ctx, b.db, []uuid.UUID{declared.ID}))(t)[declared.ID]
	if *seen.CleanupPolicy != "compact,delete" || *seen.RetentionMs != week || !seen.ObservedAt.Equal(today) || *seen.Partitions != 3 {
		t.Errorf("observed: %+v", seen)
	}
	draft := must(catalog.DatasetsByID(ctx, b.db, []uuid.UUID{found["unheard-of"]}))(t)[found["unheard-of"]]
	if draft.Lifecycle != "DRAFT" || draft.ServiceID != nil || draft.Namespace != "kafka://default" || draft.Environment != "production" {
		t.Errorf("draft: %+v", draft)
	}
	// Somebody takes it on: one change away from being in every plan.
	nobodys := draft
	nobodys.Doc = "mine"
	if _, err := b.DeclareDataset(ctx, b.steward, nobodys); fault.KindOf(err) != fault.Denied {
		t.Errorf("a draft changed by somebody who does not take it on: %v", err)
	}
	draft.ServiceID, draft.Lifecycle = &b.service.ID, "ACTIVE"
	if _, err := b.DeclareDataset(ctx, b.other, draft); fault.KindOf(err) != fault.Denied {
		t.Errorf("a draft put under another team's service: %v", err)
	}
	must(b.DeclareDataset(ctx, b.steward, draft))(t)
	renamed := must(catalog.DatasetsByID(ctx, b.db, []uuid.UUID{declared.ID}))(t)[declared.ID]
	renamed.Name = "customers.v2"
	must(b.DeclareDataset(ctx, b.steward, renamed))(t)
	// The old topic still exists on the cluster; its name is the dataset's for ever.
	record()
	if n := b.count(t, "catalog_dataset"); n != 3 {
		t.Errorf("%d datasets, want 3", n)
	}
	if err := catalog.RecordTopic(ctx, b.db, ""); err != nil {
		t.Errorf("no topics: %v", err)
	}
}

// A name finds its dataset for ever and is never given to another.
func TestAliasesNeverDie(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	d := b.dataset
	d.Name = "crm.customer"
	d = must(b.DeclareDataset(ctx, b.steward, d))(t)
	d.Namespace = "postgres://crm"
	d = must(b.DeclareDataset(ctx, b.steward, d))(t)
	for _, name := range [][2]string{{"postgres://customers", "public.customer"}, {"postgres://customers", "crm.customer"}, {"postgres://crm", "crm.customer"}} {
		found, err := b.FindDataset(ctx, b.admin, "production", name[0], name[1])
		if err != nil || found.ID != d.ID {
			t.Errorf("%v finds %v, %v", name, found.ID, err)
		}
	}
	_, err := b.DeclareDataset(ctx, b.steward, catalog.Dataset{Namespace: "postgres://customers", Name: "public.customer", Kind: "TABLE", StoreID: &b.store.ID})
	if told(err) != "name:TAKEN" {
		t.Errorf("an old name given to another: %v", err)
	}
	elsewhere := catalog.Dataset{Environment: "sit", Namespace: "postgres://customers", Name: "public.customer", Kind: "TABLE", StoreID: &b.store.ID}
	if _, err := b.DeclareDataset(ctx, b.steward, elsewhere); err != nil {
		t.Errorf("the same name in another environment: %v", err)
	}
	d.Name = "public.customer"
	d.Namespace = "postgres://customers"
	if _, err := b.DeclareDataset(ctx, b.steward, d); err != nil {
		t.Errorf("back to its first name: %v", err)
	}
	if _, err := b.FindDataset(ctx, b.admin, "production", "postgres://customers", "never"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an unknown name: %v", err)
	}
}

// enter enters fields of a version, and sees that each has an id.
func enter(ctx context.Context, db postgres.DB, dataset uuid.UUID, version int, fields []catalog.Field) error {
	var b postgres.Batch
	ids, err := catalog.UpsertSchemaFields(&b, dataset, version, fields)
	if err == nil {
		err = b.Send(ctx, db)
	}
	if err == nil && len(ids()) != len(fields) {
		err = fmt.Errorf("%d fields have %d ids", len(fields), len(ids()))
	}
	return err
}

// Schemas add fields and remember their versions; what people declared stays
// where the schema says nothing.
func TestSchemaFields(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	upsert := func(version int, fields ...catalog.Field) {
		t.Helper()
		if err := enter(ctx, b.db, b.dataset.ID, version, fields); err != nil {
			t.Fatal(err)
		}
	}
	upsert(1, catalog.Field{Path: "email", DataType: "string"}, catalog.Field{Path: "items[].sku", DataType: "string", Doc: "Article"})
	upsert(3, catalog.Field{Path: "email"}, catalog.Field{Path: "#key", DataType: "string"})
	upsert(2, catalog.Field{Path: "items[].sku"})
	want := map[string]struct {
		source, dataType string
		first, last      int
	}{
		"email": {"DECLARED", "string", 1, 3}, "items[].sku": {"SCHEMA", "string", 1, 2}, "#key": {"SCHEMA", "string", 3, 3},
	}
	fields := must(catalog.FieldsByDataset(ctx, b.db, []uuid.UUID{b.dataset.ID}))(t)[b.dataset.ID]
	for _, f := range fields {
		w, ok := want[f.Path]
		if !ok || f.Source != w.source || f.DataType != w.dataType || f.FirstVersion == nil || *f.FirstVersion != w.first || *f.LastVersion != w.last {
			t.Errorf("%+v, want %+v", f, w)
		}
		delete(want, f.Path)
	}
	if len(want) > 0 {
		t.Errorf("missing %v", want)
	}
	into := func(dataset uuid.UUID, path string) error {
		return enter(ctx, b.db, dataset, 1, []catalog.Field{{Path: path}})
	}
	for path, err := range map[string]error{
		"fields.0.path:BAD_FIELD_PATH": into(b.dataset.ID, "a..b"),
		"datasetId:UNKNOWN_REFERENCE":  into(nobody, "a"),
	} {
		if told(err) != path {
			t.Errorf("told %q, want %q", told(err), path)
		}
	}
}
