//go:build chaos

package mutants_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowmart/lethe/e2e/mutants"
)

// TestChaosMutants applies the mutants one at a time, by the compiler's
// overlay, and expects the scenario's test to fail. The short campaign tries
// every fifth; MUTANT=TestName tries one.
func TestChaosMutants(t *testing.T) {
	whole, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range mutants.All {
		if one := os.Getenv("MUTANT"); one != "" && !strings.Contains(m.Test, one) || one == "" && os.Getenv("CAMPAIGN") != "long" && i%5 != 0 {
			continue
		}
		t.Run(m.Test, func(t *testing.T) {
			out, err := run(t, whole, overlay(t, whole, m), m.Test)
			switch {
			case err == nil:
				t.Errorf("it stays green although %q is no longer true (%s)", m.Breaks, m.File)
			case !strings.Contains(out, "--- FAIL: "+m.Test):
				t.Errorf("it is not the test that failed:\n%s", out)
			}
		})
	}
}

// overlay writes the changed file and what tells the compiler to take it.
func overlay(t *testing.T, whole string, m mutants.Mutant) string {
	t.Helper()
	dir, file := t.TempDir(), filepath.Join(whole, m.File)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(dir, filepath.Base(file))
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), m.Old, m.New, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, replace, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func run(t *testing.T, whole, overlay, test string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-vet=off", "-overlay", overlay, "-run", "^"+test+"$", "./e2e/scenarios")
	cmd.Dir, cmd.Env = whole, append(os.Environ(), "LETHE_TEST_PATIENCE=12s")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
