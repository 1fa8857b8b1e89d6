package schemas_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas"
)

// A job does what it was let in for, with the subjects that it was let in for:
// whichever way leads to a change, and under whichever name it comes.
func TestAJobKeepsToItsErrand(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	on := func(held string, verbs ...access.Verb) access.Principal {
		job := b.orders
		job.Errand = &access.Errand{Verbs: verbs, Subjects: []string{"orders-*", ":.eu:orders-*"}, Held: held}
		return job
	}
	registers, all := on("", access.Check, access.Register), on("", access.Verbs...)
	request, checks := on("it runs for a pull request", access.Check), on("", access.Check)

	b.put(t, registers, "orders-value", record("id"))
	b.put(t, registers, "orders-value", record("id")) // what is there already
	b.put(t, registers, ":.eu:orders-value", record("id"))
	b.put(t, b.orders, "refunds-value", record("id"))
	if _, err := b.SetConfig(ctx, b.admin, "orders-alias", schemas.Patch{"alias": []byte(`"refunds-value"`)}); err != nil {
		t.Fatal(err)
	}
	reader := must(b.DeclareReader(ctx, b.orders, "orders", "", schemas.Submission{Subject: "refunds-value", Version: 1}))(t)

	register := func(by access.Principal, subject string) func() error {
		return func() error {
			_, err := b.Register(ctx, by, schemas.Submission{Subject: subject, Text: record("id", "note?")})
			return err
		}
	}
	for name, c := range map[string]struct {
		do   func() error
		code string
	}{
		"a subject of others": {register(registers, "refunds-value"), "NOT_TRUSTED"},
		"another context":     {register(registers, ":.us:orders-value"), "NOT_TRUSTED"},
		"by an alias":         {register(registers, "orders-alias"), "NOT_TRUSTED"},
		"a pull request":      {register(request, "orders-value"), "NOT_TRUSTED"},
		"a pull request, what is": {func() error {
			_, err := b.Register(ctx, request, schemas.Submission{Subject: "orders-value", Text: record("id")})
			return err
		}, "NOT_TRUSTED"},
		"who may only check":         {register(checks, "orders-value"), "NOT_TRUSTED"},
		"another's service's errand": {func() error { by := registers; by.Service = "billing"; return register(by, "orders-value")() }, "NOT_OWNER"},
		"new tags": {func() error {
			_, err := b.Amend(ctx, checks, 1, schemas.Submission{Subject: "orders-value", Metadata: &schemas.Metadata{Properties: map[string]string{"a": "b"}}}, nil, nil)
			return err
		}, "NOT_TRUSTED"},
		"a version":            {func() error { _, err := b.DeleteVersion(ctx, registers, "orders-value", 1, false); return err }, "NOT_TRUSTED"},
		"a subject":            {func() error { _, err := b.DeleteSubject(ctx, request, "orders-value", false); return err }, "NOT_TRUSTED"},
		"a subject of others'": {func() error { _, err := b.DeleteSubject(ctx, all, "refunds-value", false); return err }, "NOT_TRUSTED"},
		"for good":             {func() error { _, err := b.DeleteSubject(ctx, all, "orders-value", true); return err }, "ROLE_REQUIRED"},
		"a reader": {func() error {
			_, err := b.DeclareReader(ctx, registers, "orders", "", schemas.Submission{Subject: "orders-value", Version: 1})
			return err
		}, "NOT_TRUSTED"},
		"a reader of others'": {func() error {
			_, err := b.DeclareReader(ctx, all, "orders", "", schemas.Submission{Subject: "refunds-value", Version: 1})
			return err
		}, "NOT_TRUSTED"},
		"a reader's end": {func() error { return b.EndReader(ctx, all, reader.ID) }, "NOT_TRUSTED"},
		"no reader":      {func() error { return b.EndReader(ctx, all, uuid.New()) }, "READER_NOT_FOUND"},
		"a level":        {func() error { return b.SetLevel(ctx, all, "orders-value", schemas.None) }, "ROLE_REQUIRED"},
		"a mode":         {func() error { return b.SetMode(ctx, all, "orders-value", schemas.ReadOnly, false) }, "ROLE_REQUIRED"},
	} {
		t.Run(name, func(t *testing.T) { wants(t, c.do(), c.code) })
	}
	if a := must(b.Check(ctx, request, []schemas.Submission{{Subject: "refunds-value", Text: record("id", "note?")}}))(t); a[0].Version != 2 {
		t.Errorf("whoever is let in may check: %+v", a)
	}
	must(b.DeclareReader(ctx, all, "orders", "", schemas.Submission{Subject: "orders-value", Version: 1}))(t)
	b.put(t, all, "orders-value", record("id", "note?"))
	must(b.DeleteVersion(ctx, all, "orders-value", 2, false))(t)
}
