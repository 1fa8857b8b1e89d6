package chaos

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
)

// watchStatements has PostgreSQL count what its statements cost, where the
// variable STATEMENTS asks for it and the server has pg_stat_statements.
func (c *Company) watchStatements(ctx context.Context) error {
	if os.Getenv("STATEMENTS") == "" {
		return nil
	}
	conn, err := pgx.Connect(ctx, c.pg.SuperURL("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'`)
	_ = conn.Close(ctx) // the server is about to go
	if err != nil {
		return err
	}
	c.pg.Crash()
	if err := c.pg.Restart(ctx); err != nil {
		return err
	}
	if conn, err = pgx.Connect(ctx, c.pg.SuperURL("postgres")); err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, `CREATE EXTENSION pg_stat_statements`)
	return err
}

// statements lists the costliest statements since forget was last true.
func (c *Company) statements(ctx context.Context, forget bool) (string, error) {
	if os.Getenv("STATEMENTS") == "" {
		return "", nil
	}
	conn, err := pgx.Connect(ctx, c.pg.SuperURL("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if forget {
		_, err := conn.Exec(ctx, `SELECT pg_stat_statements_reset()`)
		return "", err
	}
	const q = `
		SELECT calls, total_exec_time, rows, regexp_replace(query, '\s+', ' ', 'g')
		  FROM pg_stat_statements
		 ORDER BY total_exec_time DESC
		 LIMIT 40`
	rows, err := conn.Query(ctx, q)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var calls, n int64
		var ms float64
		var text string
		if err := rows.Scan(&calls, &ms, &n, &text); err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%8d calls %9.0f ms %7.3f ms each %8d rows  %.160s\n", calls, ms, ms/float64(calls), n, text)
	}
	return b.String(), rows.Err()
}

// analyze has PostgreSQL look at how large the tables are. It does so by itself
// once a minute; here they have grown from nothing within one.
func (c *Company) analyze(ctx context.Context) error {
	_, err := c.DB.Exec(ctx, `ANALYZE`)
	return err
}
