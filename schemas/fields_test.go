package schemas_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/fieldpath"
)

func fieldsOf(t *testing.T, b *bench) []string {
	t.Helper()
	fields := must(catalog.FieldsByDataset(t.Context(), b.db, []uuid.UUID{b.topic.ID}))(t)
	var paths []string
	for _, f := range fields[b.topic.ID] {
		paths = append(paths, f.Path)
	}
	return paths
}

func TestFieldsReachTheCatalog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.orders, "orders-value", `{"type":"record","name":"Order","fields":[{"name":"id","type":"string","doc":"`+strings.Repeat("ä", 3000)+`"},{"name":"raw","type":["null","bytes"],"default":null}]}`)
	b.put(t, b.orders, "orders-value", `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"items","type":{"type":"array","items":"string"},"default":[]}]}`)
	b.put(t, b.orders, "orders-key", `"string"`)
	fields := must(catalog.FieldsByDataset(t.Context(), b.db, []uuid.UUID{b.topic.ID}))(t)[b.topic.ID]
	byPath := map[string]catalog.Field{}
	for _, f := range fields {
		byPath[f.Path] = f
	}
	if len(byPath) != 5 || byPath["#key"].DataType != "string" || byPath["items[]"].DataType != "string" {
		t.Errorf("got %+v", fields)
	}
	if id := byPath["id"]; *id.FirstVersion != 1 || *id.LastVersion != 2 || len(id.Doc) > 4000 || id.Nullable {
		t.Errorf("id is %+v", id)
	}
	if raw := byPath["raw"]; *raw.LastVersion != 1 || !raw.Opaque || !raw.Nullable {
		t.Errorf("raw is %+v", raw)
	}
}

// A topic that is declared after its schema learns the fields then.
func TestATopicLearnsItsFieldsLater(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.other, "invoices-value", record("id", "email"))
	c := catalog.New(b.db, time.Now)
	d := must(c.DeclareDataset(ctx, b.admin, catalog.Dataset{Namespace: "kafka://default", Name: "invoices", Kind: "TOPIC"}))(t)
	b.put(t, b.other, "invoices-key", record("customer"))
	if next := must(b.Fill(ctx, ""))(t); next != "" {
		t.Errorf("more to do after %q", next)
	}
	var paths []string
	for _, f := range must(catalog.FieldsByDataset(ctx, b.db, []uuid.UUID{d.ID}))(t)[d.ID] {
		paths = append(paths, f.Path)
	}
	if want := []string{"#key.customer", "email", "id"}; !slices.Equal(paths, want) {
		t.Errorf("fields %q, want %q", paths, want)
	}
	// Who goes on after the last subject has nothing left to do.
	if next := must(b.Fill(ctx, "invoices-value"))(t); next != "" {
		t.Errorf("more to do after %q", next)
	}
}

// A key is a place in the data like any other: orders keyed by an e-mail
// address hold it for as long as the topic is compacted (catalog.md §6.1:
// `#key.`).
func TestKeysEnterFields(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		schema string
		want   []string
	}{
		"a record":             {record("email", "shop"), []string{"#key.email", "#key.shop"}},
		"a text":               {`"string"`, []string{"#key"}},
		"a list":               {`{"type":"array","items":"string"}`, []string{"#key.[]"}},
		"a union of records":   {`[` + record("id") + `,"string"]`, []string{"#key.<shop.Order>", "#key.<shop.Order>.id"}},
		"a record in a record": {`{"type":"record","name":"K","fields":[{"name":"who","type":` + record("id") + `}]}`, []string{"#key.who", "#key.who.id"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.put(t, b.orders, "orders-value", record("id"))
			b.put(t, b.orders, "orders-key", c.schema)
			var got []string
			for _, f := range must(catalog.FieldsByDataset(t.Context(), b.db, []uuid.UUID{b.topic.ID}))(t)[b.topic.ID] {
				if f.Path != "id" {
					got = append(got, f.Path)
				}
				if _, err := fieldpath.Parse(f.Path); err != nil {
					t.Errorf("%s: %v", f.Path, err)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("fields %q, want %q", got, c.want)
			}
		})
	}
}
