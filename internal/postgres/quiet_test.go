package postgres_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// careless gives the test's database the settings that PostgreSQL comes with,
// and makes a role to connect to it as; its URL is returned.
func careless(t *testing.T, super *pgx.Conn, then string) string {
	t.Helper()
	conf := super.Config()
	role, secret := "lethe_quiet_"+strings.ReplaceAll(uuid.NewString(), "-", ""), uuid.NewString()
	run := func(q string) {
		t.Helper()
		if _, err := super.Exec(context.Background(), strings.NewReplacer("{db}", conf.Database, "{role}", role, "{secret}", secret).Replace(q)); err != nil {
			t.Fatal(err)
		}
	}
	run(`CREATE ROLE {role} LOGIN PASSWORD '{secret}'`)
	t.Cleanup(func() {
		defer oneGrants(t, conf)()
		run(`DROP OWNED BY {role}; DROP ROLE {role}; ALTER DATABASE {db} RESET ALL`)
	})
	// The values of PostgreSQL's documentation, "Error Reporting and Logging".
	for name, value := range map[string]string{"log_min_messages": "warning", "log_min_error_statement": "error", "log_error_verbosity": "default",
		"log_parameter_max_length": "-1", "log_statement": "none", "log_parameter_max_length_on_error": "100"} {
		run(`ALTER DATABASE {db} SET ` + name + ` = '` + value + `'`)
	}
	granted := oneGrants(t, conf)
	run(then)
	granted()
	app, _, _ := pgtest.URLs(t)
	url, err := pgx.ParseConfig(app)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(app, url.User+":"+url.Password+"@", role+":"+secret+"@", 1)
}

// oneGrants has the others who grant wait until it is done. What roles may set is
// one row for the whole server, and PostgreSQL refuses the later of two who
// change it at once ("tuple concurrently updated").
func oneGrants(t *testing.T, super *pgx.ConnConfig) (done func()) {
	t.Helper()
	conf := super.Copy()
	conf.Database = "postgres" // advisory locks are of a database
	conn, err := pgx.ConnectConfig(context.Background(), conf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(context.Background(), `SELECT pg_advisory_lock(hashtextextended('lethe test grants', 0))`); err != nil {
		t.Fatal(err)
	}
	return func() { _ = conn.Close(context.Background()) }
}

func TestSessionsKeepValuesOutOfTheLog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then  string
		leaks []string
	}{
		"a role that may set nothing": {"SELECT 1", []string{"log_error_verbosity", "log_min_error_statement", "log_min_messages", "log_parameter_max_length"}},
		"a role that may set one":     {"GRANT SET ON PARAMETER log_min_messages TO {role}", []string{"log_error_verbosity", "log_min_error_statement", "log_parameter_max_length"}},
		"a role that may set them":    {"GRANT SET ON PARAMETER log_min_messages, log_min_error_statement, log_error_verbosity, log_parameter_max_length TO {role}", nil},
		"a role that was set up": {`ALTER ROLE {role} SET log_min_messages = fatal; ALTER ROLE {role} SET log_min_error_statement = log;
			ALTER ROLE {role} SET log_error_verbosity = terse; ALTER ROLE {role} SET log_parameter_max_length = 0; ALTER ROLE {role} SET log_statement = ddl`, nil},
		"a role whose statements are logged": {"ALTER ROLE {role} SET log_statement = 'all'; GRANT SET ON PARAMETER log_min_messages, log_min_error_statement, log_error_verbosity, log_parameter_max_length TO {role}", []string{"log_statement"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, url := pgtest.URLs(t)
			super, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = super.Close(context.Background()) })
			db, err := postgres.Open(t.Context(), careless(t, super, c.then), postgres.Config{MaxConns: 2})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(db.Close)
			first, err := db.Acquire(t.Context()) // so that a second connection is looked at
			if err != nil {
				t.Fatal(err)
			}
			defer first.Release()
			leaks, err := postgres.LogLeaks(t.Context(), db)
			if err != nil || !slices.Equal(leaks, c.leaks) {
				t.Errorf("leaks %v, want %v: %v", leaks, c.leaks, err)
			}
		})
	}
	leaks, err := postgres.LogLeaks(t.Context(), pgtest.New(t))
	if err != nil || len(leaks) > 0 {
		t.Errorf("under the settings of the runbook: %v, %v", leaks, err)
	}
}
