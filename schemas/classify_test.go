package schemas_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
)

// tagsOf lists the open assertions on the topic's fields.
func tagsOf(t *testing.T, b *bench, dataset uuid.UUID) []string {
	t.Helper()
	paths := map[uuid.UUID]string{}
	for _, f := range must(catalog.FieldsByDataset(t.Context(), b.db, []uuid.UUID{dataset}))(t)[dataset] {
		paths[f.ID] = f.Path
	}
	var out []string
	for _, tag := range must(catalog.TagsByDataset(t.Context(), b.db, []uuid.UUID{dataset}))(t)[dataset] {
		out = append(out, fmt.Sprintf("%s %s%s %s %s", paths[*tag.FieldID], tag.Polarity, tag.Term, tag.Source, tag.Reason))
	}
	slices.Sort(out)
	return out
}

const tagged = `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"email","type":"string","confluent:tags":["user.contact.email","PII"]}]}`

// Where a subject enforces, a registration is refused and says which field
// needs what; what is only to be told of passes.
func TestTheGateIsEnforced(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	register := func(subject, text string) error {
		_, err := b.Register(ctx, b.orders, schemas.Submission{Subject: subject, Text: text})
		return err
	}
	wants(t, register("lenient", record("email")), "") // nobody said anything: findings warn
	b.policy(t, "orders-value", gate.Enforce)
	err := register("orders-value", record("id", "email", "phoneNumber"))
	wants(t, err, "GATE_FAILED")
	for _, part := range []string{"email: it is probably user.contact.email", "phoneNumber: it is probably user.contact.phone_number", "CG010", "tag it user.contact.email in the schema"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %q", part, err)
		}
	}
	if names := must(b.Subjects(ctx, b.viewer, "orders", schemas.WithDeleted))(t); len(names) != 0 {
		t.Errorf("something was left of it: %v", names)
	}
	wants(t, register("orders-value", record("id", "category")), "")
	wants(t, register("orders-value", record("id", "category", "email?")), "GATE_FAILED")
	wants(t, register("orders-value", `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"},{"name":"category","type":"string"},
		{"name":"email","type":"string","default":"","tags":"user.contact.email"}]}`), "")
	// What was there before somebody enforced is known, and found as before.
	b.policy(t, "lenient", gate.Enforce)
	wants(t, register("lenient", record("email")), "")
	// And what is inherited holds: the whole context.
	b.policy(t, "", gate.Enforce)
	wants(t, register("orders-key", record("email")), "GATE_FAILED")
	b.policy(t, "orders-key", gate.Off)
	wants(t, register("orders-key", record("email")), "")
}

// What a schema says of its fields is asserted in the catalog under the name of
// whoever registers, also where the topic is declared later. A tag that is no
// category is a finding and nothing more.
func TestInlineTagsAreAsserted(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	b.put(t, b.orders, "orders-value", tagged)
	if got, want := tagsOf(t, b, b.topic.ID), []string{"email +user.contact.email SCHEMA "}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for _, tag := range must(catalog.TagsByDataset(ctx, b.db, []uuid.UUID{b.topic.ID}))(t)[b.topic.ID] {
		if tag.CreatedBy != b.orders.ID {
			t.Errorf("asserted by %s, not by who registered", tag.CreatedBy)
		}
	}
	b.put(t, b.other, "invoices-value", tagged)
	d := must(catalog.New(b.db, time.Now).DeclareDataset(ctx, b.admin, catalog.Dataset{Namespace: "kafka://default", Name: "invoices", Kind: "TOPIC"}))(t)
	must(b.Fill(ctx, ""))(t)
	if got, want := tagsOf(t, b, d.ID), []string{"email +user.contact.email SCHEMA "}; !slices.Equal(got, want) {
		t.Errorf("a topic declared later: %q, want %q", got, want)
	}
}

// A rename with an alias keeps the tags, and a version that says no more what
// a field is does not take that back: data written before is still there.
func TestARenameKeepsTheTags(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, b.orders, "orders-value", tagged)
	b.put(t, b.orders, "orders-value", `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"mail","aliases":["email"],"type":"string"}]}`)
	b.put(t, b.orders, "orders-value", `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"mail","aliases":["email"],"type":"string","doc":"x"}]}`)
	want := []string{"email +user.contact.email SCHEMA ", "mail +user.contact.email SCHEMA the field was called email"}
	if got := tagsOf(t, b, b.topic.ID); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What became of the personal data between two versions that are registered,
// the deleted ones too.
func TestPersonalDataBetweenVersions(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	must(b.SetConfig(ctx, b.admin, "orders-value", schemas.Patch{"compatibility": []byte(`"NONE"`)}))(t)
	b.put(t, b.orders, "orders-value", tagged)
	b.put(t, b.orders, "orders-value", `{"type":"record","name":"Order","fields":[{"name":"buyer","type":{"type":"record","name":"B","fields":[{"name":"email","type":"string","tags":"user.contact.email"}]}},{"name":"phoneNumber","type":"string"}]}`)
	must(b.DeleteVersion(ctx, b.orders, "orders-value", 1, false))(t)
	var got []string
	for _, d := range must(b.PersonalData(ctx, b.viewer, "orders-value", 1, schemas.Latest))(t) {
		got = append(got, fmt.Sprintf("%s %s %s from %q, guessed %t", d.Kind, d.Path, d.Category, d.From, d.Guessed))
	}
	want := []string{`MOVED buyer.email user.contact.email from "email", guessed false`, `ADDED phoneNumber user.contact.phone_number from "", guessed true`}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if same := must(b.PersonalData(ctx, b.viewer, "orders-value", 2, 2))(t); len(same) != 0 {
		t.Errorf("against itself: %v", same)
	}
	_, err := b.PersonalData(ctx, b.viewer, "orders-value", 1, 9)
	wants(t, err, "VERSION_NOT_FOUND")
}
