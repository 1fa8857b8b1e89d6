// Package postgres is the ground floor: it opens pools, runs a unit of work,
// and turns rows into values. It knows no noun of the field.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"

	"github.com/flowmart/lethe/internal/fault"
)

// DB is whatever can run a statement: the pool, or the transaction of a unit
// of work. A function that takes a DB joins its caller's work and never
// commits.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// ErrNotFound reports that a query for one row found none.
var ErrNotFound = errors.New("not found")

// Config is how a pool is opened. The zero value is fit for production.
type Config struct {
	// MaxConns is the size of the pool. Default 10.
	MaxConns int32
	// StatementTimeout ends a statement that runs longer. Default 5 s.
	StatementTimeout time.Duration
	// Application is the name PostgreSQL shows for the connections.
	Application string
}

// Open opens a pool. Statements are bounded in time, idle transactions are
// ended by the server, and sessions keep values out of PostgreSQL's own log as
// far as their role may; LogLeaks tells what is left.
func Open(ctx context.Context, url string, c Config) (*pgxpool.Pool, error) {
	conf, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fault.New(fault.Invalid, "BAD_DATABASE_URL", "the database URL cannot be read; it has the form postgres://user@host:port/name")
	}
	if c.MaxConns == 0 {
		c.MaxConns = 10
	}
	if c.StatementTimeout == 0 {
		c.StatementTimeout = 5 * time.Second
	}
	conf.MaxConns = c.MaxConns
	conf.MaxConnLifetime, conf.MaxConnLifetimeJitter = 30*time.Minute, 5*time.Minute
	conf.MaxConnIdleTime = 5 * time.Minute
	conf.HealthCheckPeriod = 30 * time.Second
	conf.ConnConfig.ConnectTimeout = 3 * time.Second
	params := conf.ConnConfig.RuntimeParams
	params["application_name"] = "lethe/" + c.Application
	params["timezone"] = "UTC"
	params["statement_timeout"] = fmt.Sprint(c.StatementTimeout.Milliseconds())
	params["idle_in_transaction_session_timeout"] = "15000"
	params["log_parameter_max_length_on_error"] = "0"
	conf.AfterConnect = prepare
	return pgxpool.NewWithConfig(ctx, conf)
}

// prepare readies a new connection. Ids travel as their 16 bytes: left to
// itself, pgx makes text of each and parses it again.
func prepare(ctx context.Context, conn *pgx.Conn) error {
	pgxuuid.Register(conn.TypeMap())
	return hush(ctx, conn)
}

// attempts is how often Work tries a unit of work that PostgreSQL rolled back
// for a reason that lies in its timing and not in it.
const attempts = 5

// Work runs fn in a transaction and commits it if fn returns nil. A
// serialization failure or a deadlock is tried again with jitter, so fn must
// have no effect outside tx. The rollback survives a cancelled ctx.
func Work(ctx context.Context, db *pgxpool.Pool, fn func(tx pgx.Tx) error) error {
	return WorkTx(ctx, db, pgx.TxOptions{}, fn)
}

// WorkTx is Work with options of the transaction.
func WorkTx(ctx context.Context, db *pgxpool.Pool, opts pgx.TxOptions, fn func(tx pgx.Tx) error) error {
	return repeated(ctx, db, unit{opts: opts, do: func(tx pgx.Tx, _ *Batch) error { return fn(tx) }})
}

// WorkBriefly is Work for a unit of work that others wait for. What it asks first
// goes with the beginning of the transaction, and the last statements of fn with
// the commit, which saves two round trips.
func WorkBriefly(ctx context.Context, db *pgxpool.Pool, ask func(first *Batch), fn func(tx pgx.Tx, last *Batch) error) error {
	return repeated(ctx, db, unit{ask: ask, do: fn})
}

// unit is a unit of work.
type unit struct {
	opts pgx.TxOptions
	ask  func(first *Batch) // nil for none
	do   func(tx pgx.Tx, last *Batch) error
}

func repeated(ctx context.Context, db *pgxpool.Pool, u unit) (err error) {
	for n := range attempts {
		if err = u.once(ctx, db); !transient(err) {
			return legible(err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(rand.Int64N(int64(5 * time.Millisecond << n)))):
		}
	}
	return err
}

func (u unit) once(ctx context.Context, db *pgxpool.Pool) error {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // which closes it where the transaction could not be ended
	tx, err := u.begin(ctx, conn)
	defer func() {
		if tx == nil || conn.Conn().PgConn().TxStatus() == idle {
			return
		}
		// It must reach the server even though the caller has gone.
		free, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = tx.Rollback(free)
	}()
	if err != nil {
		return err
	}
	var last Batch
	if err := u.do(tx, &last); err != nil {
		return err
	}
	if last.empty() {
		return tx.Commit(ctx)
	}
	return last.commit(ctx, tx)
}

func (u unit) begin(ctx context.Context, conn *pgxpool.Conn) (pgx.Tx, error) {
	if u.ask == nil {
		return conn.BeginTx(ctx, u.opts)
	}
	var first Batch
	first.statements.BeginTx(u.opts)
	u.ask(&first)
	sent := conn.SendBatch(ctx, &first.statements)
	tx := sent.Tx()
	return tx, first.end(sent)
}

// idle is the state of a connection that is in no transaction.
const idle = 'I'

func transient(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "40001" || pg.Code == "40P01")
}

// One returns the only row of a query as a T, or ErrNotFound.
func One[T any](ctx context.Context, db DB, q string, args ...any) (T, error) {
	rows, _ := db.Query(ctx, q, args...)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return v, legible(err)
}

// Many returns every row of a query as a T.
func Many[T any](ctx context.Context, db DB, q string, args ...any) ([]T, error) {
	rows, _ := db.Query(ctx, q, args...)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[T])
	return all, legible(err)
}

// Scalar returns the only column of the only row of a query, or ErrNotFound.
func Scalar[T any](ctx context.Context, db DB, q string, args ...any) (T, error) {
	rows, _ := db.Query(ctx, q, args...)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return v, legible(err)
}

// Scalars returns the only column of every row of a query.
func Scalars[T any](ctx context.Context, db DB, q string, args ...any) ([]T, error) {
	rows, _ := db.Query(ctx, q, args...)
	all, err := pgx.CollectRows(rows, pgx.RowTo[T])
	return all, legible(err)
}

// legible tells that PostgreSQL refused a text as such: it keeps no NUL, in
// json (22P05) as little as elsewhere (22021). That is a mistake of whoever sent
// the text, through whichever door.
func legible(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Code != "22021" && pg.Code != "22P05" || fault.All(err) != nil {
		return err
	}
	return fault.New(fault.Invalid, "BAD_ENCODING", "a text holds a NUL character, or is not UTF-8; take out what no text holds").With(err)
}

// GroupBy gathers rows by what they belong to, in the order they came.
func GroupBy[K comparable, T any](rows []T, key func(T) K) map[K][]T {
	groups := map[K][]T{}
	for _, r := range rows {
		groups[key(r)] = append(groups[key(r)], r)
	}
	return groups
}

// Violates reports whether err is a breach of the named constraint.
func Violates(err error, constraint string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.ConstraintName == constraint
}

// Away reports whether err means that PostgreSQL could not be reached or went
// away, so that the same call may succeed later.
func Away(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return len(pg.Code) == 5 && (pg.Code[:2] == "08" || pg.Code[:2] == "53" || pg.Code[:3] == "57P")
	}
	_, connect := errors.AsType[*pgconn.ConnectError](err)
	_, broken := errors.AsType[*net.OpError](err)
	return connect || broken || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err) || errors.Is(err, context.DeadlineExceeded)
}
