package strict_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowmart/lethe/catalog/yaml/strict"
	"github.com/flowmart/lethe/internal/fault"
)

// A mapping with more keys than the parser bears is refused before it, at the
// key that is one too many; as many keys in mappings beside one another are not.
func TestCrowdedMappings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		line string // "" if it is read
	}{
		"as many as may be":  {strings.Repeat("a: b\n", strict.MostKeys), ""},
		"one more":           {strings.Repeat("a: b\n", strict.MostKeys+1), "2001"},
		"inside":             {"x:\n" + strings.Repeat("  a: b\n", strict.MostKeys+1), "2002"},
		"with lists in them": {strings.Repeat("a:\n- b: c\n  d: e\n", strict.MostKeys+1), "6001"},
		"in lists":           {"x:\n" + strings.Repeat("- a: b\n  c: d\n", 2*strict.MostKeys), ""},
		"in mappings":        {strings.Repeat("x:\n  a: b\n  c: d\n", strict.MostKeys), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &strict.Reader{File: "f.yaml", What: "a file", Most: 1 << 20}
			r.Tree([]byte(c.text))
			var at string
			for _, f := range fault.All(r.Err()) {
				if f.Code == "YAML_TOO_WIDE" {
					at = f.Path[1]
				}
			}
			if at != c.line {
				t.Errorf("refused at line %q, want %q: %v", at, c.line, r.Err())
			}
		})
	}
}

// Of very many keys that are not known the first mistakes are told, and no words
// are looked for beyond them.
func TestManyUnknownKeys(t *testing.T) {
	t.Parallel()
	var keys strings.Builder
	for i := range strict.MostKeys {
		fmt.Fprintf(&keys, "ab%d: c\n", i)
	}
	r := &strict.Reader{File: "f.yaml", What: "a file", Most: 1 << 20}
	r.Object(r.Tree([]byte(keys.String())), "a file", "abc")
	if all := fault.All(r.Err()); len(all) != 100 {
		t.Errorf("%d mistakes, want 100", len(all))
	}
}
