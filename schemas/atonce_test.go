package schemas_test

import (
	"errors"
	"testing"
	"time"

	"github.com/flowmart/lethe/schemas"
)

// Whoever registers does not wait for a look at what was committed since the last
// one, and yet goes by what another replica did a moment ago.
func TestRegisteringAtOnceGoesByWhatHolds(t *testing.T) {
	t.Parallel()
	first, next := record("id"), record("id", "note?")
	for _, c := range []struct {
		name  string
		there func(b *bench, replica *schemas.Registry) error // a moment before
		text  string
		code  string // of the refusal; or what came of it:
		in    string
		want  int
	}{
		{"the same version", func(b *bench, there *schemas.Registry) error {
			_, err := there.Register(t.Context(), b.admin, schemas.Submission{Subject: "s", Text: next})
			return err
		}, next, "", "s", 2},
		{"another version", func(b *bench, there *schemas.Registry) error {
			_, err := there.Register(t.Context(), b.admin, schemas.Submission{Subject: "s", Text: next})
			return err
		}, record("id", "extra?"), "", "s", 3},
		{"a version that it does not go with", func(b *bench, there *schemas.Registry) error {
			_, err := there.Register(t.Context(), b.admin, schemas.Submission{Subject: "s", Text: next})
			return errors.Join(err, there.SetLevel(t.Context(), b.admin, "s", schemas.Full))
		}, record("id", "total"), "SCHEMA_INCOMPATIBLE", "", 0},
		{"the subject deleted", func(b *bench, there *schemas.Registry) error {
			_, err := there.DeleteSubject(t.Context(), b.admin, "s", false)
			return err
		}, first, "", "s", 2},
		{"the subject deleted for good", func(b *bench, there *schemas.Registry) error {
			_, err := there.DeleteSubject(t.Context(), b.admin, "s", false)
			if err == nil {
				_, err = there.DeleteSubject(t.Context(), b.admin, "s", true)
			}
			return err
		}, first, "", "s", 1},
		{"no more to be written to", func(b *bench, there *schemas.Registry) error {
			return there.SetMode(t.Context(), b.admin, "s", schemas.ReadOnly, false)
		}, next, "MODE_FORBIDS", "", 0},
		{"all of it no more to be written to", func(b *bench, there *schemas.Registry) error {
			return there.SetMode(t.Context(), b.admin, "", schemas.ReadOnly, false)
		}, next, "MODE_FORBIDS", "", 0},
		{"an alias", func(b *bench, there *schemas.Registry) error {
			_, err := there.SetConfig(t.Context(), b.admin, "s", schemas.Patch{"alias": []byte(`"other"`)})
			return err
		}, next, "", "other", 1},
		{"an alias, and it is known", func(b *bench, there *schemas.Registry) error {
			_, err := there.SetConfig(t.Context(), b.admin, "s", schemas.Patch{"alias": []byte(`"other"`)})
			return err
		}, first, "", "other", 1},
		{"normalized from now on", func(b *bench, there *schemas.Registry) error {
			_, err := there.SetConfig(t.Context(), b.admin, "", schemas.Patch{"normalize": []byte(`true`)})
			return err
		}, `{"fields":[{"type":"string","name":"id"}],"name":"Order","namespace":"shop","type":"record"}`, "", "s", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			there := schemas.New(b.db, time.Now)
			b.put(t, b.admin, "s", first)
			if err := c.there(b, there); err != nil {
				t.Fatal(err)
			}
			v, err := b.Register(t.Context(), b.admin, schemas.Submission{Subject: "s", Text: c.text})
			if c.code != "" {
				wants(t, err, c.code)
				return
			}
			if err != nil || v.Subject != c.in || v.Version != c.want {
				t.Errorf("got version %d of %q, %v; want version %d of %q", v.Version, v.Subject, err, c.want, c.in)
			}
		})
	}
}
