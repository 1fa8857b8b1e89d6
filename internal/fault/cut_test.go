package fault_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flowmart/lethe/internal/fault"
)

// "…" and "€" have three bytes, "é" has two, "😀" four.
func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"", 5, ""},
		{"abcde", 5, "abcde"},
		{"abcdef", 5, "ab…"},
		{"aé€", 6, "aé€"},
		{"aé€x", 6, "aé…"},
		{"aéé€", 7, "aé…"},
		{"😀😀", 7, "😀…"},
		{"😀😀", 6, "…"},
		{"abcd", 3, "…"},
		{"a\xffb", 5, "a�b"},
		{"a\xff\xfeb", 5, "a�b"},
		{"ab\xff", 4, "a…"}, // five bytes, once the last is "�"
		{"\xff\xff\xff\xff", 3, "…"},
		{strings.Repeat("€", 1000), 8, "€…"},
	} {
		got := fault.Cut(c.text, c.most)
		if got != c.want || len(got) > c.most || !utf8.ValidString(got) {
			t.Errorf("%q in %d bytes: %q, want %q", c.text, c.most, got, c.want)
		}
	}
}
