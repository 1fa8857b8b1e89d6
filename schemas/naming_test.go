package schemas_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
)

const refund = `{"type":"record","name":"Refund","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"why","type":"string"}]}`

const taggedOrder = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},
	{"name":"email","type":["null","string"],"default":null,"confluent:tags":["user.contact.email"]}]}`

// A topic whose values are of several types has a subject for each
// (TopicRecordNameStrategy): their fields stand apart, and belong to who the
// topic belongs to.
func TestSubjectsOfOneTopic(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.orders, "orders-shop.Order", taggedOrder)
	b.put(t, b.orders, "orders-shop.Refund", refund)
	b.put(t, b.orders, "orders-shop.List", `{"type":"array","items":"string"}`)
	b.put(t, b.orders, "orders-shop.Text", `"string"`)
	b.put(t, b.orders, "orders-key", `"string"`)
	want := []string{"#key", "<shop.List>[]", "<shop.Order>.email", "<shop.Order>.id", "<shop.Refund>.id", "<shop.Refund>.why", "<shop.Text>"}
	if got := fieldsOf(t, b); !slices.Equal(got, want) {
		t.Errorf("fields %q, want %q", got, want)
	}
	tags := must(catalog.TagsByDataset(ctx, b.db, []uuid.UUID{b.topic.ID}))(t)[b.topic.ID]
	if len(tags) != 1 || tags[0].Term != "user.contact.email" {
		t.Errorf("tags %+v", tags)
	}
	_, err := b.Register(ctx, b.other, schemas.Submission{Subject: "orders-shop.Payment", Text: refund})
	wants(t, err, "NOT_OWNER")
	// A word behind a dash is no full name: such a subject is who registers first's.
	b.put(t, b.other, "orders-events", refund)
	if got := fieldsOf(t, b); !slices.Equal(got, want) {
		t.Errorf("fields %q, want %q", got, want)
	}
}

// The gate speaks of the place in the topic, and what consumers declared of one
// type is nothing that another type lacks.
func TestTheGateKnowsTheTypesOfATopic(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.orders, "orders-shop.Order", taggedOrder)
	c := catalog.New(b.db, time.Now)
	billing := must(catalog.ServiceByRef(ctx, b.db, "billing"))(t)
	must(c.DeclareConsumption(ctx, b.admin, catalog.Consumption{ServiceID: billing.ID, DatasetID: b.topic.ID, Fields: []string{"<shop.Order>.email"}}))(t)
	a := must(b.Check(ctx, b.viewer, []schemas.Submission{
		{Subject: "orders-shop.Refund", Text: `{"type":"record","name":"Refund","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"customerEmail","type":"string"}]}`},
		{Subject: "orders-shop.Order", Text: `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"}]}`},
	}))(t)
	codes := func(a schemas.Answer) (out []string) {
		for _, f := range a.Findings {
			out = append(out, f.Code+" "+f.Path)
		}
		return out
	}
	if got := codes(a[0]); !slices.Contains(got, "CG010 <shop.Refund>.customerEmail") || slices.ContainsFunc(a[0].Findings, func(f gate.Finding) bool { return f.Code == "CG004" || f.Code == "CG051" }) {
		t.Errorf("of the refund %q", got)
	}
	if got := codes(a[1]); !slices.Contains(got, "CG004 <shop.Order>.email") {
		t.Errorf("of the order %q", got)
	}
}

// A topic of several types that is declared later learns their fields then.
func TestATopicOfSeveralTypesLearnsLater(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.other, "late-shop.Order", taggedOrder)
	b.put(t, b.other, "late-shop.Refund", refund)
	d := must(catalog.New(b.db, time.Now).DeclareDataset(ctx, b.admin, catalog.Dataset{Namespace: "kafka://default", Name: "late", Kind: "TOPIC"}))(t)
	must(b.Fill(ctx, ""))(t)
	var paths []string
	for _, f := range must(catalog.FieldsByDataset(ctx, b.db, []uuid.UUID{d.ID}))(t)[d.ID] {
		paths = append(paths, f.Path)
	}
	if want := []string{"<shop.Order>.email", "<shop.Order>.id", "<shop.Refund>.id", "<shop.Refund>.why"}; !slices.Equal(paths, want) {
		t.Errorf("fields %q, want %q", paths, want)
	}
}
