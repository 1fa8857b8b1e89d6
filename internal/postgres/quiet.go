package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// PostgreSQL's own log must hold no values: it is kept by other people and for
// longer than anything of ours. An error's words and detail quote rows and
// inputs, and a statement is logged with its parameters, unless these settings
// say otherwise. All but the last can be set by a superuser alone, or by a role
// that was granted it: sessions set what they may, and LogLeaks tells the rest.
var (
	quietNames = []string{"log_min_messages", "log_min_error_statement", "log_error_verbosity", "log_parameter_max_length", "log_statement", "log_parameter_max_length_on_error"}
	quietTo    = []string{"log", "panic", "terse", "0", "none", "0"}
	// What does as well.
	quietToo = []string{"fatal,panic", "log,fatal", "", "", "ddl", ""}
)

// hush sets what the session's role may set.
func hush(ctx context.Context, conn *pgx.Conn) error {
	const q = `
		SELECT set_config(w.name, w.value, false)
		  FROM unnest($1::text[], $2::text[]) AS w (name, value)
		 WHERE current_setting(w.name) <> w.value AND has_parameter_privilege(w.name, 'SET')
		 ORDER BY w.name`
	_, err := conn.Exec(ctx, q, pgx.QueryExecModeExec, quietNames, quietTo)
	return err
}

// LogLeaks names the settings under which PostgreSQL writes values of
// statements into its own log, as they hold for the sessions of db.
func LogLeaks(ctx context.Context, db DB) ([]string, error) {
	const q = `
		SELECT w.name FROM unnest($1::text[], $2::text[], $3::text[]) AS w (name, value, too)
		 WHERE current_setting(w.name) <> w.value AND current_setting(w.name) <> ALL (string_to_array(w.too, ','))
		 ORDER BY w.name`
	return Scalars[string](ctx, db, q, quietNames, quietTo, quietToo)
}
