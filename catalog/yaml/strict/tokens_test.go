package strict_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/catalog/yaml/strict"
	"github.com/flowmart/lethe/internal/cputest"
)

// What the parser takes the square of is refused before it sees it.
func TestTokens(t *testing.T) {
	t.Parallel()
	const n = 60_000
	for name, c := range map[string]struct{ text, wrong string }{
		"words":                      {"a: [" + strings.Repeat("b,", 600_000) + "]", "more than 1000000 words"},
		"empty lines of a text":      {"a: |\n" + strings.Repeat("\n", n), "too many empty lines"},
		"empty lines behind a text":  {"a: |\n  b\n" + strings.Repeat("\r\n", n), "too many empty lines"},
		"spaces":                     {"a: >\n" + strings.Repeat("  \n", n), "too many empty lines"},
		"empty lines of many texts":  {strings.Repeat("- |\n"+strings.Repeat("\n", 1000), 100), "too many empty lines"},
		"empty lines as people do":   {strings.Repeat("- a\n\n\n", n), ""},
		"items":                      {"a:\n" + strings.Repeat("- \n", n), "too many values are left out"},
		"items with remarks":         {"a:\n" + strings.Repeat("- # b\n", n), "too many values are left out"},
		"items of items":             {"a:\n" + strings.Repeat("- - \n", n), "too many values are left out"},
		"keys of items":              {"a:\n" + strings.Repeat("- b:\n", n), "too many values are left out"},
		"keys in brackets":           {"a: [\n" + strings.Repeat("b: ,\n", n) + "]", "more than 2000 keys"},
		"words in braces":            {"a: {\n" + strings.Repeat("b,\n", n) + "}", "too many values are left out"},
		"words in braces, each":      {"a:\n" + strings.Repeat("- {b}\n", n), "too many values are left out"},
		"a few":                      {"a:\n" + strings.Repeat("- \n", 100) + strings.Repeat("- b\n", n), ""},
		"braces with nothing":        {"a:\n" + strings.Repeat("- {}\n", n), ""},
		"braces with commas at ends": {"a:\n" + strings.Repeat("- {b: c,}\n", n), ""},
		"brackets":                   {"a:\n" + strings.Repeat("- [b, c]\n", n), ""},
		"keys with lists":            {strings.Repeat("- b:\n  - c\n  d:\n    e: f\n", n), ""},
		"keys with texts":            {strings.Repeat("- b: |\n    c\n", n), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var wrong string
			took := cputest.Thread(func() { _, _, wrong = strict.Tokens(c.text, 1_000_000) })
			if wrong == "" != (c.wrong == "") || !strings.Contains(wrong, c.wrong) {
				t.Errorf("got %q", wrong)
			}
			if took > 5*time.Second { // it takes 0.2 s
				t.Errorf("it took %v of processor time", took)
			}
		})
	}
}
