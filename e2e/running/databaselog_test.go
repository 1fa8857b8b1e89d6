package running

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// PostgreSQL writes no value into its own log, whatever fails. That the search
// would find one is shown first.
func TestDatabaseLogHoldsNoValues(t *testing.T) {
	t.Parallel()
	h := found(t, "")
	db, err := pgx.Connect(t.Context(), pg.AppURL(h.name))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	for n, q := range []string{
		`SELECT '%s'::int`, `SELECT no_such_function('%s')`, `SELECT 1 AS "%s`, `INSERT INTO catalog_owner (id, kind, ref, name) VALUES (gen_random_uuid(), 'TEAM', '%s !', 'x')`,
		`SELECT raise_%s()`, `DO $$ BEGIN RAISE EXCEPTION '%s'; END $$`, `DO $$ BEGIN RAISE WARNING '%s'; END $$`,
	} {
		mark := fmt.Sprintf("zq7d%03d", n)
		_, err := db.Exec(t.Context(), fmt.Sprintf(q, mark))
		if err == nil && !strings.Contains(q, "WARNING") {
			t.Errorf("%s did not fail", q)
		}
		if strings.Contains(pgLog(t), mark) {
			t.Errorf("PostgreSQL's log holds what failed in %s", q)
		}
	}
	if _, err := db.Exec(t.Context(), `SELECT $1::int`, "zq7e000"); err == nil || strings.Contains(pgLog(t), "zq7e000") {
		t.Errorf("a parameter: %v", err)
	}
	super, err := pgx.Connect(t.Context(), pg.SuperURL(h.name))
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close(context.Background())
	if _, err := super.Exec(t.Context(), `SET log_min_messages = error`); err != nil {
		t.Fatal(err)
	}
	_, _ = super.Exec(t.Context(), `SELECT 'zq7f000'::int`) // fails; that is what is looked for
	if !strings.Contains(pgLog(t), "zq7f000") {
		t.Error("the search does not find what a careless setting lets through")
	}
}

// careless gives the databases of an installation the settings that PostgreSQL
// comes with: the values of its documentation, "Error Reporting and Logging".
func (h *house) careless() {
	h.t.Helper()
	for _, name := range []string{h.name, h.name + "_keys"} {
		super, err := pgx.Connect(h.t.Context(), pg.SuperURL(name))
		if err != nil {
			h.t.Fatal(err)
		}
		defer super.Close(context.Background())
		for _, setting := range []string{"log_min_messages = warning", "log_min_error_statement = error", "log_error_verbosity = default",
			"log_parameter_max_length = -1", "log_parameter_max_length_on_error = 0", "log_statement = none"} {
			if _, err := super.Exec(h.t.Context(), "ALTER DATABASE "+name+" SET "+setting); err != nil {
				h.t.Fatal(err)
			}
		}
	}
}

// A PostgreSQL that nobody has set up tells of values when statements fail. The
// server says so, at its start and whenever it is asked, serves all the same,
// and gives it no identifier to tell of.
func TestCarelessPostgreSQL(t *testing.T) {
	t.Parallel()
	h := found(t, "")
	h.careless()
	r := h.replica(address(h.public))
	a, err := send(t.Context(), patient, http.MethodGet, h.public+"/readyz", "")
	if err != nil || a.status != http.StatusOK {
		t.Fatalf("readyz: %v %d %s", err, a.status, a.body)
	}
	var state struct {
		Dependencies []struct {
			Name, Error string
			OK, Needed  bool
		}
	}
	if err := json.Unmarshal([]byte(a.body), &state); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(state.Dependencies, func(d struct {
		Name, Error string
		OK, Needed  bool
	}) bool {
		return d.Name == "database log"
	})
	if i < 0 || state.Dependencies[i].OK || state.Dependencies[i].Needed {
		t.Errorf("/readyz shows %s", a.body)
	}
	h.importCatalog(plainCatalog)
	inputs := marked("zq7g", "zq7h")
	h.sendAll(inputs)
	r.terminate()
	r.wait(45e9)
	log, err := os.ReadFile(r.log)
	if err != nil {
		t.Fatal(err)
	}
	warned := slices.ContainsFunc(strings.Split(string(log), "\n"), func(line string) bool {
		return strings.Contains(line, `"WARN"`) && strings.Contains(line, "PostgreSQL's own log may hold personal data") &&
			strings.Contains(line, "DATABASE_LOG_TELLS") && strings.Contains(line, "log_min_messages")
	})
	if !warned {
		t.Error("the server does not warn at its start")
	}
	untold(t, inputs, map[string]string{"the log": string(log)})
	known := slices.DeleteFunc(inputs, func(i input) bool { return !strings.HasPrefix(i.mark, "zq7g") })
	untold(t, known, map[string]string{"PostgreSQL's log": pgLog(t)})
}
