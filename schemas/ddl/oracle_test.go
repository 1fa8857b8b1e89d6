package ddl_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowmart/lethe/schemas/ddl"
	"github.com/flowmart/lethe/schemas/ddl/ddltest"
	"github.com/flowmart/lethe/schemas/tables"
)

// What is read from a script is what PostgreSQL has after running it: names,
// order, types, nulls, keys and descriptions. The scripts lie in testdata, a
// statement or a few under each "-- case:".
func TestSameAsPostgreSQL(t *testing.T) {
	t.Parallel()
	conn := ddltest.Connect(t)
	files, err := filepath.Glob("testdata/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range strings.Split(string(raw), "-- case: ")[1:] {
			name, script, _ := strings.Cut(c, "\n")
			t.Run(name, func(t *testing.T) {
				want := ddltest.After(t, conn, script)
				d := ddl.New()
				if err := d.Run(tables.Place{File: file}, script); err != nil {
					t.Fatal(err)
				}
				if got := ddltest.Read(d.State); got != want {
					t.Errorf("read:\n%s\nPostgreSQL has:\n%s", got, want)
				}
			})
		}
	}
}
