package mutants_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flowmart/lethe/e2e/mutants"
)

const root = "../.."

// Each mutant's old text stands in its file once: the code has not moved away
// from under it.
func TestMutantsFit(t *testing.T) {
	t.Parallel()
	for _, m := range mutants.All {
		text, err := os.ReadFile(filepath.Join(root, m.File))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), m.Old); n != 1 {
			t.Errorf("scenario %s: %q stands in %s %d times", m.Scenario, m.Old, m.File, n)
		}
	}
}

// docs/scenarios.md names the tests there are, and each mutant.
func TestScenariosAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs/scenarios.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "e2e/scenarios/*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	tests := map[string]bool{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`).FindAllStringSubmatch(string(text), -1) {
			tests[found[1]] = true
			if !strings.Contains(string(page), "`"+found[1]+"`") {
				t.Errorf("docs/scenarios.md does not name %s", found[1])
			}
		}
	}
	idle := maps.Clone(tests)
	for _, m := range mutants.All {
		if !tests[m.Test] {
			t.Errorf("scenario %s: there is no test %s", m.Scenario, m.Test)
		}
		if !strings.Contains(string(page), m.Breaks) || !strings.Contains(string(page), "`"+m.File+"`") {
			t.Errorf("docs/scenarios.md does not say what turns %s red: %s, in %s", m.Test, m.Breaks, m.File)
		}
		delete(idle, m.Test)
	}
	for name := range idle {
		t.Errorf("no mutant is meant to turn %s red", name)
	}
}
