package schemas_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas"
)

// What is expected here is written in the rules of the API that clients speak:
// a soft delete keeps the id readable, one for good ends the id with the last
// version that has it, and no id is ever given twice.
func TestWhatDeletingLeaves(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	first := b.put(t, b.orders, "orders-value", record("id"))
	second := b.put(t, b.orders, "orders-value", record("id", "a?"))
	b.put(t, b.other, "twin", record("id"))
	if n := must(b.DeleteVersion(ctx, b.orders, "orders-value", schemas.Latest, false))(t); n != 2 {
		t.Errorf("deleted %d", n)
	}
	if s := must(b.ByID(ctx, b.viewer, second.ID, ""))(t); s.Text != second.Text {
		t.Errorf("the id of a deleted version is %+v", s)
	}
	if v := must(b.Version(ctx, b.viewer, "orders-value", schemas.Latest, schemas.WithDeleted))(t); v.Version != 1 {
		t.Errorf("latest is %+v", v)
	}
	if v := must(b.Version(ctx, b.viewer, "orders-value", 2, schemas.WithDeleted))(t); !v.Deleted {
		t.Errorf("version 2 is %+v", v)
	}
	// Registered again it is a new version with the same id, and the old one goes.
	third := b.put(t, b.orders, "orders-value", record("id", "a?"))
	if third.Version != 3 || third.ID != second.ID {
		t.Errorf("again: %+v", third)
	}
	if n := must(b.Versions(ctx, b.viewer, "orders-value", schemas.WithDeleted))(t); !slices.Equal(n, []int{1, 3}) {
		t.Errorf("versions %v", n)
	}
	// For good: the id ends where no other version has it, and stays where one has.
	if got := must(b.DeleteSubject(ctx, b.team, "orders-value", false))(t); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("deleted %v", got)
	}
	if err := b.SetLevel(ctx, b.admin, "orders-value", schemas.None); err != nil {
		t.Fatal(err)
	}
	if got := must(b.DeleteSubject(ctx, b.team, "orders-value", true))(t); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("deleted for good %v", got)
	}
	_, err := b.ByID(ctx, b.viewer, second.ID, "")
	wants(t, err, "SCHEMA_NOT_FOUND")
	must(b.ByID(ctx, b.viewer, first.ID, ""))(t)
	_, err = b.LevelSet(ctx, b.viewer, "orders-value")
	wants(t, err, "LEVEL_NOT_FOUND")
	fresh := b.put(t, b.orders, "orders-value", record("id", "a?"))
	if fresh.Version != 1 || fresh.ID <= second.ID {
		t.Errorf("registered after the end: %+v", fresh)
	}
	const q = `
		SELECT count(*) FILTER (WHERE kind = 'DELETED') AS soft, count(*) FILTER (WHERE kind = 'PURGED') AS good,
		       count(*) FILTER (WHERE kind = 'PURGED' AND schema_id IS NOT NULL) AS ended
		  FROM schemas_change`
	type told struct{ Soft, Good, Ended int64 }
	// One of those for good went when its content was registered again.
	if got := must(postgres.One[told](ctx, b.db, q))(t); got != (told{3, 3, 1}) {
		t.Errorf("followers are told %+v", got)
	}
}

func TestTheHighestNumberIsUsedAgainOnlyAfterItIsGoneForGood(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	b.put(t, b.other, "s", record("id"))
	b.put(t, b.other, "s", record("id", "a?"))
	must(b.DeleteVersion(ctx, b.other, "s", 2, false))(t)
	if v := b.put(t, b.other, "s", record("id", "b?")); v.Version != 3 {
		t.Errorf("after a soft delete: %d", v.Version)
	}
	must(b.DeleteVersion(ctx, b.other, "s", 3, false))(t)
	must(b.DeleteVersion(ctx, b.admin, "s", 3, true))(t)
	if v := b.put(t, b.other, "s", record("id", "c?")); v.Version != 3 {
		t.Errorf("after a hard one: %d", v.Version)
	}
}

func TestWhatIsReferredToStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	b.put(t, b.other, "order", record("id"))
	list := schemas.Submission{Subject: "list", Text: `{"type":"array","items":"shop.Order"}`,
		References: []schemas.Reference{{Name: "shop.Order", Subject: "order", Version: 1}}}
	v := must(b.Register(ctx, b.other, list))(t)
	if ids := must(b.ReferencedBy(ctx, b.viewer, "order", 1, schemas.Live))(t); !slices.Equal(ids, []int{v.ID}) {
		t.Errorf("referred to by %v", ids)
	}
	_, err := b.DeleteVersion(ctx, b.other, "order", 1, false)
	wants(t, err, "REFERENCE_EXISTS")
	_, err = b.DeleteSubject(ctx, b.other, "order", false)
	wants(t, err, "REFERENCE_EXISTS")
	// A referrer that is deleted softly still holds what it refers to from its end.
	must(b.DeleteSubject(ctx, b.other, "list", false))(t)
	must(b.DeleteSubject(ctx, b.other, "order", false))(t)
	_, err = b.DeleteSubject(ctx, b.admin, "order", true)
	wants(t, err, "REFERENCE_EXISTS")
	if ids := must(b.ReferencedBy(ctx, b.viewer, "order", 1, schemas.WithDeleted))(t); !slices.Equal(ids, []int{v.ID}) {
		t.Errorf("referred to by %v", ids)
	}
	// And what is deleted resolves for it no more than for a new one.
	_, err = b.Register(ctx, b.other, list)
	wants(t, err, "INVALID_SCHEMA")
	must(b.DeleteSubject(ctx, b.admin, "list", true))(t)
	must(b.DeleteSubject(ctx, b.admin, "order", true))(t)
	// Under the same number there may stand another schema now.
	b.put(t, b.other, "order", `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"n","type":"int"}]}`)
	must(b.Register(ctx, b.other, list))(t)
	other := schemas.Submission{Subject: "list", Text: `{"type":"array","items":{"type":"array","items":"shop.Order"}}`, References: list.References}
	if _, err := b.Register(ctx, b.other, other); err == nil {
		t.Error("what follows a list of orders is no list of lists")
	}
}

func TestASubjectThatRefersToItselfGoesWhole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	b.put(t, b.other, "self", record("id"))
	if err := b.SetLevel(ctx, b.admin, "self", schemas.None); err != nil {
		t.Fatal(err)
	}
	must(b.Register(ctx, b.other, schemas.Submission{Subject: "self", Text: `{"type":"array","items":"shop.Order"}`,
		References: []schemas.Reference{{Name: "shop.Order", Subject: "self", Version: 1}}}))(t)
	_, err := b.DeleteVersion(ctx, b.other, "self", 1, false)
	wants(t, err, "REFERENCE_EXISTS")
	must(b.DeleteSubject(ctx, b.other, "self", false))(t)
	must(b.DeleteSubject(ctx, b.admin, "self", true))(t)
	_, err = b.Versions(ctx, b.viewer, "self", schemas.WithDeleted)
	wants(t, err, "SUBJECT_NOT_FOUND")
}

func TestWhoMayDelete(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	b.put(t, b.orders, "orders-value", record("id"))
	b.put(t, b.admin, "nobody's", record("id"))
	elsewhere := principal(t, b.db, access.Principal{Roles: []access.Role{access.Steward}, Teams: []string{"finance"}})
	refused := func(by access.Principal, subject string, permanent bool, code string) {
		t.Helper()
		_, err := b.DeleteSubject(ctx, by, subject, permanent)
		wants(t, err, code)
		_, err = b.DeleteVersion(ctx, by, subject, 1, permanent)
		wants(t, err, code)
	}
	refused(access.Principal{}, "orders-value", false, "UNAUTHENTICATED")
	refused(b.viewer, "orders-value", false, "ROLE_REQUIRED")
	refused(b.other, "orders-value", false, "NOT_OWNER")
	refused(elsewhere, "orders-value", false, "NOT_OWNER")
	refused(b.orders, "nobody's", false, "NOT_OWNER")
	must(b.DeleteSubject(ctx, b.orders, "orders-value", false))(t)
	refused(b.orders, "orders-value", true, "ROLE_REQUIRED")
	refused(elsewhere, "orders-value", true, "NOT_OWNER")
	must(b.DeleteVersion(ctx, b.team, "orders-value", 1, true))(t)
	// A pipeline that was refused did not make the subject its service's.
	b.put(t, b.other, "nobody's", record("id", "a?"))
}

// Who registers a schema that refers to a version, and who deletes that
// version, come one after the other: never is a live schema left that refers
// to a deleted one.
func TestRegisteringAgainstDeleting(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	for round := range 20 {
		target, list := fmt.Sprintf("target-%d", round), fmt.Sprintf("list-%d", round)
		b.put(t, b.other, target, record("id", fmt.Sprintf("only%d", round)))
		errs := together(2, func(i int) error {
			if i == 0 {
				_, err := b.DeleteVersion(ctx, b.other, target, 1, false)
				return err
			}
			_, err := b.Register(ctx, b.other, schemas.Submission{Subject: list, Text: `{"type":"array","items":"shop.Order"}`,
				References: []schemas.Reference{{Name: "shop.Order", Subject: target, Version: 1}}})
			return err
		})
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("round %d: deleted %v, registered %v", round, errs[0], errs[1])
		}
	}
}

// The same content is registered under one subject while the only version that
// has it is deleted for good under another: it is there with an id in the end.
func TestRegisteringAgainstTheEndOfAnId(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	for round := range 20 {
		old, fresh := fmt.Sprintf("old-%d", round), fmt.Sprintf("new-%d", round)
		text := record("id", fmt.Sprintf("only%d", round))
		b.put(t, b.other, old, text)
		must(b.DeleteVersion(ctx, b.other, old, 1, false))(t)
		for _, err := range together(2, func(i int) (err error) {
			if i == 0 {
				_, err = b.DeleteVersion(ctx, b.admin, old, 1, true)
				return err
			}
			_, err = b.Register(ctx, b.other, schemas.Submission{Subject: fresh, Text: text})
			return err
		}) {
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		v := must(b.Version(ctx, b.viewer, fresh, 1, schemas.Live))(t)
		if s := must(b.ByID(ctx, b.viewer, v.ID, ""))(t); s.Text != text {
			t.Fatalf("round %d: %+v", round, s)
		}
	}
}
