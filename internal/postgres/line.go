package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Line is a connection of a pool that is held from one statement to the next,
// for short ones that are asked thousands of times a second: what a pool and pgx
// do around a statement costs more than such a one itself. No context is watched,
// for the deadline is the socket's; no value is converted, and no tracer told.
// It is not safe for concurrent use.
type Line struct {
	db    *pgxpool.Pool
	conn  *pgxpool.Conn
	asked int // on this connection
}

// NewLine returns a line that holds no connection yet.
func NewLine(db *pgxpool.Pool) *Line { return &Line{db: db} }

// mostAsked is how many statements a connection is held for. Then the pool may
// renew it.
const mostAsked = 1000

// Row returns the only row of a statement, its values as PostgreSQL writes them
// as text. Its arguments are texts, too. After a failure the line holds no
// connection.
func (l *Line) Row(until time.Time, q string, args ...string) ([]string, error) {
	row, err := l.row(until, q, args)
	if l.asked++; err != nil || l.asked == mostAsked {
		l.Release()
	}
	return row, err
}

func (l *Line) row(until time.Time, q string, args []string) ([]string, error) {
	if l.conn == nil {
		ctx, cancel := context.WithDeadline(context.Background(), until)
		defer cancel()
		var err error
		if l.conn, err = l.db.Acquire(ctx); err != nil {
			return nil, err
		}
	}
	conn := l.conn.Conn()
	_ = conn.PgConn().Conn().SetDeadline(until)                // it fails where what follows does
	statement, err := conn.Prepare(context.Background(), q, q) // which is known from the second time on
	if err != nil {
		return nil, err
	}
	given := make([][]byte, len(args))
	for i, a := range args {
		given[i] = []byte(a)
	}
	read := conn.PgConn().ExecStatement(context.Background(), statement, given, nil, nil)
	var row []string
	for read.NextRow() {
		for _, value := range read.Values() {
			row = append(row, string(value))
		}
	}
	if _, err = read.Close(); err == nil && row == nil {
		err = ErrNotFound
	}
	return row, err
}

// Release gives the connection back. A broken one the pool does not take.
func (l *Line) Release() {
	if l.conn != nil {
		_ = l.conn.Conn().PgConn().Conn().SetDeadline(time.Time{})
		l.conn.Release()
	}
	l.conn, l.asked = nil, 0
}
