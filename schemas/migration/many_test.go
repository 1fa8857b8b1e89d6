package migration_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/schemas/migration"
)

// Of ten thousand files that are all wrong the first mistakes are told.
func TestMistakesOfManyFiles(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]migration.Source{
		"twice":        {Format: "flyway", Files: alike("%d/V1__a.sql", "")},
		"placeholders": {Format: "flyway", Files: alike("V%d__a.sql", strings.Repeat("${a}\n", 20))},
		"no up":        {Format: "goose", Files: alike("%d_a.sql", "")},
		"drops":        {Format: "mongodb", Files: alike("%d.json", `[{"drop":"a"},{"drop":"a"},{"drop":"a"}]`)},
	} {
		_, err := migration.Read(s)
		if n := len(fault.All(err)); n != 500 {
			t.Errorf("%s: %d mistakes", name, n)
		}
	}
}

func alike(path, text string) []migration.File {
	all := make([]migration.File, 10_000)
	for i := range all {
		all[i] = migration.File{Path: fmt.Sprintf(path, i), Text: text}
	}
	return all
}
