package pgtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/postgres"
)

// lease is a database that this process holds.
type lease struct {
	server *server
	kind   *kind
	name   string
	super  *pgx.Conn     // sweeps
	app    *pgxpool.Pool // is lent
	shared bool          // others than app may be connected: a server of the test
}

func (l *lease) pool(testing.TB) *pgxpool.Pool { return l.app }

func (l *lease) urls() (app, owner, super string) {
	l.shared = true
	pg := l.server.pg
	return pg.AppURL(l.name), pg.OwnerURL(l.name), pg.SuperURL(l.name)
}

func (l *lease) open(ctx context.Context) (err error) {
	if l.super, err = pgx.Connect(ctx, l.server.pg.SuperURL(l.name)); err != nil {
		return err
	}
	return l.openApp(ctx)
}

func (l *lease) openApp(ctx context.Context) (err error) {
	l.app, err = postgres.Open(ctx, l.server.pg.AppURL(l.name), postgres.Config{MaxConns: 8, StatementTimeout: 30 * time.Second, Application: "test"})
	return err
}

// giveBack sweeps the database and puts it with the idle ones. What cannot be
// swept is dropped. A connection that the test did not return is an error.
func (l *lease) giveBack() error {
	leak := l.awaitReturned()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if leak == nil && l.clean(ctx) == nil {
		l.server.mu.Lock()
		defer l.server.mu.Unlock()
		l.server.idle[l.kind] = append(l.server.idle[l.kind], l)
		return nil
	}
	l.close()
	l.server.mu.Lock()
	defer l.server.mu.Unlock()
	return errors.Join(leak, l.server.drop(ctx, l.name))
}

// awaitReturned waits for connections that are on their way back.
func (l *lease) awaitReturned() error {
	for deadline := time.Now().Add(20 * time.Second); l.app.Stat().AcquiredConns() > 0; {
		if time.Now().After(deadline) {
			return fmt.Errorf("the test left %d connections of its pool in use: rows not closed, or a transaction not ended", l.app.Stat().AcquiredConns())
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// clean makes the database as good as new.
func (l *lease) clean(ctx context.Context) error {
	if l.super == nil {
		if err := l.open(ctx); err != nil {
			return err
		}
	}
	if l.shared {
		if err := l.turnOut(ctx); err != nil {
			return err
		}
	} else if err := l.calm(ctx); err != nil {
		return err
	}
	return sweep(ctx, l.super)
}

// turnOut ends every other connection to the database and waits until each is
// gone, so that nothing is written after the sweep.
func (l *lease) turnOut(ctx context.Context) error {
	l.app.Close()
	_, err := l.super.Exec(ctx, `
		SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		return err
	}
	l.shared = false
	return l.openApp(ctx)
}

// calm takes back what a test may have set on the pool's connections.
func (l *lease) calm(ctx context.Context) error {
	for _, conn := range l.app.AcquireAllIdle(ctx) {
		_, err := conn.Exec(ctx, `UNLISTEN *; RESET ALL; RESET ROLE; SELECT pg_advisory_unlock_all()`, pgx.QueryExecModeSimpleProtocol)
		conn.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// close lets go of the connections. A leaked one would have the pool wait for
// ever, so nobody waits for it.
func (l *lease) close() {
	if l.super != nil {
		_ = l.super.Close(context.Background())
	}
	if l.app != nil {
		go l.app.Close()
	}
}
