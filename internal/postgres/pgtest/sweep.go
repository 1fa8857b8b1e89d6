package pgtest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// table is a table of the template. One that the migrations themselves filled
// is seeded, and gets its rows back.
type table struct {
	OID    uint32
	Name   string // schema and name, quoted
	Fields string // the columns one can insert into, quoted
}

// shape is a digest of what the database consists of, rows aside. A test that
// made or changed a table leaves a database that is not lent again.
const shape = `(SELECT md5(string_agg(concat_ws(' ', c.oid, c.relname, c.relkind, c.relnatts, c.relchecks, c.relhastriggers), ',' ORDER BY c.oid))
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pgtest') AND n.nspname NOT LIKE 'pg\_%')`

// prepareSweep puts a function into the template that takes a clone back to
// the state of the template. Deleting from every table costs a millisecond or
// two, where TRUNCATE would make each table's files anew.
func prepareSweep(ctx context.Context, superURL string) error {
	conn, err := pgx.Connect(ctx, superURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `CREATE SCHEMA pgtest`); err != nil {
		return err
	}
	var body strings.Builder
	if err := sweepTables(ctx, conn, &body); err != nil {
		return err
	}
	if err := sweepSequences(ctx, conn, &body); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `
		CREATE TABLE pgtest.shape AS SELECT `+shape+` AS digest;
		CREATE FUNCTION pgtest.sweep() RETURNS boolean LANGUAGE plpgsql AS $sweep$
		BEGIN
		`+body.String()+`
		RETURN (SELECT digest FROM pgtest.shape) = `+shape+`;
		END $sweep$`, pgx.QueryExecModeSimpleProtocol)
	return err
}

func sweepTables(ctx context.Context, conn *pgx.Conn, body *strings.Builder) error {
	rows, _ := conn.Query(ctx, `
		SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name,
			(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
			 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS fields
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pgtest')
		ORDER BY c.oid`)
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByName[table])
	if err != nil {
		return err
	}
	for _, t := range tables {
		var seeded bool
		if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+t.Name+`)`).Scan(&seeded); err != nil {
			return err
		}
		if !seeded {
			fmt.Fprintf(body, "DELETE FROM %s;\n", t.Name)
			continue
		}
		digest := `(SELECT sum(hashtextextended(t::text, 0)) FROM ` + t.Name + ` t)`
		var want string
		if err := conn.QueryRow(ctx, `SELECT `+digest+`::text`).Scan(&want); err != nil {
			return err
		}
		seed := fmt.Sprintf("pgtest.seed_%d", t.OID)
		if _, err := conn.Exec(ctx, `CREATE TABLE `+seed+` AS SELECT `+t.Fields+` FROM `+t.Name); err != nil {
			return err
		}
		fmt.Fprintf(body, "IF %s IS DISTINCT FROM %s THEN\nDELETE FROM %s;\nINSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s;\nEND IF;\n",
			digest, want, t.Name, t.Name, t.Fields, t.Fields, seed)
	}
	return nil
}

func sweepSequences(ctx context.Context, conn *pgx.Conn, body *strings.Builder) error {
	rows, _ := conn.Query(ctx, `SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences ORDER BY 1`)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		var last int64
		var called bool
		if err := conn.QueryRow(ctx, `SELECT last_value, is_called FROM `+name).Scan(&last, &called); err != nil {
			return err
		}
		fmt.Fprintf(body, "PERFORM setval('%s', %d, %t);\n", strings.ReplaceAll(name, "'", "''"), last, called)
	}
	return nil
}

// sweep empties every table, triggers and foreign keys aside, the append-only
// audit log included, and gives the seeded ones their rows back.
func sweep(ctx context.Context, super *pgx.Conn) error {
	return pgx.BeginFunc(ctx, super, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL session_replication_role = replica; SET LOCAL lock_timeout = '5s'`, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		var sound bool
		if err := tx.QueryRow(ctx, `SELECT pgtest.sweep()`).Scan(&sound); err != nil {
			return err
		}
		if !sound {
			return errors.New("the test changed the schema")
		}
		return nil
	})
}
