package schemas_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas"
)

// What references lead to is read with each schema that has them.
func TestReferencesLeadToNoMoreThanIsReadAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	put := func(name, doc string, refs ...string) error {
		s := schemas.Submission{Subject: name, Text: fmt.Sprintf(`{"type":"record","name":%q,"doc":%q,"fields":[]}`, name, doc)}
		for _, ref := range refs {
			s.References = append(s.References, schemas.Reference{Name: ref, Subject: ref, Version: 1})
		}
		_, err := b.Register(t.Context(), b.admin, s)
		return err
	}
	long := strings.Repeat("x", 400_000)
	for _, name := range []string{"a", "b", "c"} {
		wants(t, put(name, long), "")
	}
	wants(t, put("two", "", "a", "b"), "")
	wants(t, put("three", "", "a", "b", "c"), "INVALID_SCHEMA")
	wants(t, put("throughOne", "", "two", "c"), "INVALID_SCHEMA")

	var ends []string
	for i := range 100 {
		name := fmt.Sprint("end", i)
		wants(t, put(name, ""), "")
		ends = append(ends, name)
	}
	var all []string
	for i := range 4 {
		var some []string
		for j := range 80 {
			name := fmt.Sprint("some", i, "x", j)
			wants(t, put(name, "", ends[j]), "")
			some = append(some, name)
		}
		name := fmt.Sprint("all", i)
		wants(t, put(name, "", some...), "")
		all = append(all, name)
	}
	wants(t, put("top", "", all[:2]...), "") // 2 and 160, and the 80 that those share
	wants(t, put("beyond", "", all...), "INVALID_SCHEMA")
}
