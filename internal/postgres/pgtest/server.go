package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowmart/lethe/internal/devstack"
	"github.com/flowmart/lethe/migrations"
)

// kind is a database that Lethe has: its name here, and what migrates it.
type kind struct {
	name string
	up   func(ctx context.Context, ownerURL string) error
}

var (
	mainKind     = &kind{"main", migrations.Up}
	keystoreKind = &kind{"keystore", migrations.UpKeystore}
)

// prefix begins the name of every database made here.
const prefix = "lethe_test_"

// template is the name of the kind's template; its clones add a number.
func (k *kind) template() string { return prefix + k.name + "_" + migrations.Fingerprint() }

// server is the PostgreSQL that this process shares with others.
type server struct {
	pg *devstack.Postgres

	mu sync.Mutex
	// session holds an advisory lock on the name of every database that this
	// process uses. PostgreSQL frees them however the process ends, and so the
	// next process knows what it may take over or drop.
	session *pgx.Conn
	held    map[string]bool
	ready   map[*kind]bool // whose template is known to be built
	idle    map[*kind][]*lease
}

var (
	theServerMu sync.Mutex
	theServer   *server
)

// connect finds or starts the server, once for each process.
func connect(ctx context.Context) (*server, error) {
	theServerMu.Lock()
	defer theServerMu.Unlock()
	if theServer != nil {
		return theServer, nil
	}
	url := os.Getenv("LETHE_TEST_DATABASE_URL")
	if url == "" {
		var err error
		if url, err = sharedServer(ctx); err != nil {
			return nil, err
		}
	}
	pg, err := devstack.StartPostgres(ctx, devstack.PostgresOptions{URL: url})
	if err != nil {
		return nil, err
	}
	session, err := pgx.Connect(ctx, pg.SuperURL("postgres"))
	if err != nil {
		return nil, err
	}
	s := &server{pg: pg, session: session, held: map[string]bool{}, ready: map[*kind]bool{}, idle: map[*kind][]*lease{}}
	if err := s.dropStale(ctx); err != nil {
		return nil, err
	}
	theServer = s
	return s, nil
}

// lend returns a clean database of the kind: one that this process has idle,
// one that an ended process left behind, or a new clone.
func (s *server) lend(ctx context.Context, k *kind) (*lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.idle[k]); n > 0 {
		l := s.idle[k][n-1]
		s.idle[k] = s.idle[k][:n-1]
		return l, nil
	}
	if err := s.ensureTemplate(ctx, k); err != nil {
		return nil, err
	}
	if l, err := s.adopt(ctx, k); l != nil || err != nil {
		return l, err
	}
	return s.clone(ctx, k)
}

// adopt takes over a clone that nobody uses any more, if there is one.
func (s *server) adopt(ctx context.Context, k *kind) (*lease, error) {
	names, err := s.databases(ctx, k.template()+"_")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if mine, err := s.tryLock(ctx, name); err != nil || !mine {
			if err != nil {
				return nil, err
			}
			continue
		}
		l := &lease{server: s, kind: k, name: name, shared: true}
		if l.clean(ctx) == nil {
			return l, nil
		}
		l.close()
		if err := s.drop(ctx, name); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (s *server) clone(ctx context.Context, k *kind) (*lease, error) {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s_%d", k.template(), n)
		if mine, err := s.tryLock(ctx, name); err != nil || !mine {
			if err != nil {
				return nil, err
			}
			continue
		}
		_, err := s.session.Exec(ctx, `CREATE DATABASE `+name+` TEMPLATE `+k.template()+` STRATEGY FILE_COPY OWNER lethe_owner`)
		if err != nil {
			return nil, err
		}
		l := &lease{server: s, kind: k, name: name}
		return l, l.open(ctx)
	}
}

// ensureTemplate builds the template unless it is there. One process builds;
// the others wait and find it built.
func (s *server) ensureTemplate(ctx context.Context, k *kind) error {
	if s.ready[k] {
		return nil
	}
	name := k.template()
	// Whoever uses the template holds its name shared, so that a process with
	// another history does not drop it.
	if _, err := s.session.Exec(ctx, `SELECT pg_advisory_lock_shared(hashtextextended($1, 0))`, name); err != nil {
		return err
	}
	const lock, unlock = `SELECT pg_advisory_lock(hashtextextended('build ' || $1, 0))`, `SELECT pg_advisory_unlock(hashtextextended('build ' || $1, 0))`
	if _, err := s.session.Exec(ctx, lock, name); err != nil {
		return err
	}
	err := s.buildTemplate(ctx, k)
	_, unlockErr := s.session.Exec(ctx, unlock, name)
	s.ready[k] = err == nil
	return errors.Join(err, unlockErr)
}

func (s *server) buildTemplate(ctx context.Context, k *kind) error {
	name := k.template()
	var built bool
	err := s.session.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)`, name).Scan(&built)
	if err != nil || built {
		return err
	}
	if _, err := s.session.Exec(ctx, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`); err != nil {
		return err
	}
	if err := s.pg.CreateDatabase(ctx, name); err != nil {
		return err
	}
	if err := k.up(ctx, s.pg.OwnerURL(name)); err != nil {
		return err
	}
	if err := prepareSweep(ctx, s.pg.SuperURL(name)); err != nil {
		return err
	}
	_, err = s.session.Exec(ctx, `ALTER DATABASE `+name+` IS_TEMPLATE true`)
	return err
}

// dropStale drops what other histories of the migrations left and nobody uses.
func (s *server) dropStale(ctx context.Context) error {
	names, err := s.databases(ctx, prefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, mainKind.template()) || strings.HasPrefix(name, keystoreKind.template()) {
			continue
		}
		if mine, err := s.tryLock(ctx, name); err != nil || !mine {
			if err != nil {
				return err
			}
			continue
		}
		if err := s.drop(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// drop removes a database that this process has locked, and lets the name go.
func (s *server) drop(ctx context.Context, name string) error {
	_, err := s.session.Exec(ctx, `ALTER DATABASE `+name+` IS_TEMPLATE false`)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "3D000" {
		err = nil // gone already
	} else if err == nil {
		_, err = s.session.Exec(ctx, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
	}
	_, unlockErr := s.session.Exec(ctx, `SELECT pg_advisory_unlock(hashtextextended($1, 0))`, name)
	delete(s.held, name)
	return errors.Join(err, unlockErr)
}

// tryLock claims the name of a database for this process.
func (s *server) tryLock(ctx context.Context, name string) (mine bool, err error) {
	if s.held[name] {
		return false, nil
	}
	err = s.session.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 0))`, name).Scan(&mine)
	if mine {
		s.held[name] = true
	}
	return mine, err
}

// databases lists the databases whose names begin so.
func (s *server) databases(ctx context.Context, start string) ([]string, error) {
	rows, _ := s.session.Query(ctx, `SELECT datname FROM pg_database WHERE starts_with(datname, $1) ORDER BY datname`, start)
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
