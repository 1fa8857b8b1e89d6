package schemas_test

import (
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas"
)

// A description is cut to what the catalog keeps, without null characters and
// within no character; by hand.
func TestDescriptionsAreCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 1_998)
	for doc, want := range map[string]string{
		"":                                    "",
		"what it is":                          "what it is",
		"a\x00b\x00":                          "ab",
		strings.Repeat("a", 4_000):            strings.Repeat("a", 4_000),
		strings.Repeat("a", 4_001):            strings.Repeat("a", 3_997) + "…",
		strings.Repeat("a\x00", 4_000):        strings.Repeat("a", 4_000),
		strings.Repeat("a", 4_000) + "\x00":   strings.Repeat("a", 4_000),
		strings.Repeat("a", 700_000) + "\x00": strings.Repeat("a", 3_997) + "…",
		long + "abcd":                         long + "abcd",
		long + "abcde":                        long + "a…",
		strings.Repeat("\x00", 9_000) + "ü":   "…",
		"a" + strings.Repeat("ü", 5_000):      "a" + strings.Repeat("ü", 1_998) + "…",
	} {
		if got := schemas.ShortDoc(doc); got != want {
			t.Errorf("%d bytes: %d bytes that end in %q, want %d", len(doc), len(got), got[max(0, len(got)-9):], len(want))
		}
	}
}
