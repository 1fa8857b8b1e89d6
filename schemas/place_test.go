package schemas_test

import (
	"testing"

	"github.com/flowmart/lethe/schemas"
)

// A name that says no context means that of whoever names it; ":.:" is the
// context of names that say none.
func TestQualified(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ within, subject, want string }{
		{"a", "b", "b"},
		{":.eu:a", "b", ":.eu:b"},
		{":.eu:a", ":.us:b", ":.us:b"},
		{":.eu:a", ":.:b", "b"},
		{":.:a", "b", "b"},
		{"a", ":.us:b", ":.us:b"},
		{":.eu:a", "b:c", ":.eu:b:c"},
	} {
		if got := schemas.Qualified(c.within, c.subject); got != c.want {
			t.Errorf("%s in %s: got %s, want %s", c.subject, c.within, got, c.want)
		}
	}
}
