// Package devstack starts what Lethe leans on, for development, tests and the
// demo: a private PostgreSQL, Kafka, and an OIDC issuer. Nothing of it is for
// production, and all of it listens on loopback alone.
package devstack

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresOptions is how a private PostgreSQL is started. The zero value is a
// throw-away server on a free port that writes as durably as production does.
type PostgresOptions struct {
	// URL names a superuser of a server that runs already. Nothing is started
	// then; the roles are made if they are missing.
	URL string
	// Dir keeps the data between runs. Empty is a temporary directory that
	// Stop removes.
	Dir string
	// Port is the TCP port on loopback. 0 is any free one.
	Port int
	// NoSync gives up durability for speed: a crash of the machine loses the
	// data, a crash of the server does not. For tests; never for benchmarks or
	// chaos.
	NoSync bool
}

// Postgres is a PostgreSQL server with Lethe's two roles.
type Postgres struct {
	super    url.URL
	password string // of the superuser of a private server
	server   *child // nil when the server is somebody else's
	dir      string
	keep     bool
	noSync   bool
	lock     *os.File
}

// The roles: one owns the schema and migrates it, the other is the server's
// and owns nothing.
const (
	appRole   = "lethe_app"
	ownerRole = "lethe_owner"
)

// StartPostgres starts a private server, or takes the one that o.URL names.
// The server dies with this process. ctx bounds the start alone.
func StartPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	p, err := startPostgres(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("private PostgreSQL: %w", err)
	}
	if err := p.ensureRoles(ctx); err != nil {
		p.Stop()
		return nil, fmt.Errorf("private PostgreSQL: %w", err)
	}
	return p, nil
}

func startPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	if o.URL != "" {
		super, err := url.Parse(o.URL)
		if err != nil || super.Scheme != "postgres" && super.Scheme != "postgresql" {
			return nil, errors.New("the URL of the server must have the form postgres://superuser@host:port/name")
		}
		return &Postgres{super: *super}, nil
	}
	acc := serverAccount()
	bin, err := findPostgres(ctx, acc)
	if err != nil {
		return nil, err
	}
	p := &Postgres{dir: o.Dir, keep: o.Dir != "", noSync: o.NoSync}
	if err := p.claimDir(acc); err != nil {
		return nil, err
	}
	if err := p.launch(ctx, bin, acc, o.Port); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// claimDir makes the directory and locks it for the life of this process.
func (p *Postgres) claimDir(acc account) (err error) {
	if !p.keep {
		removeAbandoned()
		if p.dir, err = makeTemp(acc); err != nil {
			return err
		}
	} else if p.dir, err = filepath.Abs(p.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(p.dir, "data"), 0o711); err != nil {
		return err
	}
	if at := acc.blockedAt(p.dir); at != "" {
		return fmt.Errorf("PostgreSQL refuses to run as root, and the account %s that it runs under cannot enter %s; choose another directory", acc.name, at)
	}
	if err := acc.own(filepath.Join(p.dir, "data")); err != nil {
		return err
	}
	p.lock, err = lockDir(p.dir)
	if errors.Is(err, errLocked) {
		return fmt.Errorf("another process uses %s", p.dir)
	}
	return err
}

func (p *Postgres) launch(ctx context.Context, bin string, acc account, wanted int) error {
	if err := p.initialise(ctx, bin, acc); err != nil {
		return err
	}
	log, err := os.OpenFile(p.LogPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// A port that was free a moment ago may be taken by now; try again.
	for attempt := 1; ; attempt++ {
		port := wanted
		if port == 0 {
			if port, err = freePort(); err != nil {
				return err
			}
		}
		p.super = url.URL{Scheme: "postgres", User: url.UserPassword("postgres", p.password), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Path: "/postgres", RawQuery: "sslmode=disable"}
		if p.server, err = startChild(p.command(bin, acc, port, log), syscall.SIGQUIT); err != nil {
			return err
		}
		if err = p.waitReady(ctx); err == nil || ctx.Err() != nil || wanted != 0 || attempt == 3 {
			return err
		}
		p.server.stop(syscall.SIGQUIT, time.Second)
	}
}

// initialise makes the data directory, once, with a password that only this
// directory knows.
func (p *Postgres) initialise(ctx context.Context, bin string, acc account) error {
	data, secret := filepath.Join(p.dir, "data"), filepath.Join(p.dir, "password")
	if known, err := os.ReadFile(secret); err == nil {
		p.password = string(known)
		return nil
	}
	p.password = rand.Text()
	// initdb reads the password as the account that it runs under.
	pwfile := filepath.Join(data, "..", "initial-password")
	if err := os.WriteFile(pwfile, []byte(p.password), 0o600); err != nil {
		return err
	}
	defer func() { _ = os.Remove(pwfile) }()
	if err := acc.own(pwfile); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "scram-sha-256",
		"--pwfile", pwfile, "-E", "UTF8", "--locale=C", "--no-sync")
	prepare(cmd, acc, p.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return os.WriteFile(secret, []byte(p.password), 0o600)
}

func (p *Postgres) command(bin string, acc account, port int, log io.Writer) *exec.Cmd {
	settings := []string{
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=",
		"max_connections=300",
		"shared_buffers=128MB",
		"timezone=UTC",
		"logging_collector=off",
		// Values of statements are personal data. They must not reach the
		// server's own log: not as parameters, not as statements, not in the
		// words or the detail of an error.
		"log_min_messages=log",
		"log_min_error_statement=panic",
		"log_error_verbosity=terse",
		"log_parameter_max_length=0",
		"log_parameter_max_length_on_error=0",
	}
	if p.noSync {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off",
			"wal_level=minimal", "max_wal_senders=0", "max_wal_size=4GB", "checkpoint_timeout=30min")
		if runtime.GOOS == "linux" { // elsewhere each may cost every process a file
			settings = append(settings, "max_connections=1000") // of all tests that run at once, dozens each
		}
	}
	args := []string{"-D", filepath.Join(p.dir, "data"), "-p", strconv.Itoa(port)}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	cmd := exec.Command(filepath.Join(bin, "postgres"), args...)
	prepare(cmd, acc, p.dir)
	cmd.Stdout, cmd.Stderr = log, log
	return cmd
}

// waitReady waits until the server answers a query, or has ended.
func (p *Postgres) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, p.SuperURL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-p.server.ended:
			log, _ := os.ReadFile(p.LogPath())
			return fmt.Errorf("the server ended at once; its log says:\n%s", tail(log, 2000))
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// ensureRoles makes the two roles where they are missing.
func (p *Postgres) ensureRoles(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.SuperURL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	// Several processes may start on one server at once.
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(hashtext('lethe roles'))`); err != nil {
		return err
	}
	for _, role := range []string{appRole, ownerRole} {
		var known bool
		if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)`, role).Scan(&known); err != nil {
			return err
		}
		if known {
			continue
		}
		// Name and password are ours and hold no quote.
		_, err := conn.Exec(ctx, `CREATE ROLE `+role+` LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '`+p.rolePassword(role)+`'`)
		if err != nil {
			return err
		}
	}
	return nil
}

// CreateDatabase makes an empty database that lethe_owner owns. It is no error
// if it exists.
func (p *Postgres) CreateDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, p.SuperURL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var known bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&known); err != nil || known {
		return err
	}
	_, err = conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{name}.Sanitize()+` OWNER `+ownerRole)
	return err
}

// OwnerURL connects to a database as the owner of its schema.
func (p *Postgres) OwnerURL(db string) string {
	return p.urlFor(ownerRole, db)
}

// AppURL connects to a database as the server does.
func (p *Postgres) AppURL(db string) string {
	return p.urlFor(appRole, db)
}

// SuperURL connects to a database as superuser.
func (p *Postgres) SuperURL(db string) string { return p.urlFor("", db) }

func (p *Postgres) urlFor(role, db string) string {
	u := p.super
	u.Path = "/" + db
	if role != "" {
		u.User = url.UserPassword(role, p.rolePassword(role))
	}
	return u.String()
}

// rolePassword is the same for every process that knows the superuser's, and
// says nothing about it.
func (p *Postgres) rolePassword(role string) string {
	secret, _ := p.super.User.Password()
	sum := sha256.Sum256([]byte("lethe devstack " + role + " " + secret))
	return hex.EncodeToString(sum[:16])
}

// LogPath is the file of the server's own log; "" when the server is somebody
// else's.
func (p *Postgres) LogPath() string {
	if p.dir == "" {
		return ""
	}
	return filepath.Join(p.dir, "postgres.log")
}

// Crash ends the server at once, as a loss of power to it would: no
// checkpoint, no farewell to its clients. Restart brings it back.
func (p *Postgres) Crash() {
	if p.server != nil {
		p.server.stop(syscall.SIGQUIT, 10*time.Second)
	}
}

// Restart starts a stopped or crashed private server again, on the same data
// and port.
func (p *Postgres) Restart(ctx context.Context) error {
	if p.dir == "" {
		return errors.New("private PostgreSQL: the server is somebody else's")
	}
	acc := serverAccount()
	bin, err := findPostgres(ctx, acc)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(p.super.Port())
	if err != nil {
		return err
	}
	return p.launch(ctx, bin, acc, port)
}

// Stop ends the server and removes a throw-away directory. It may be called
// twice.
func (p *Postgres) Stop() {
	if p.server != nil {
		p.server.stop(syscall.SIGINT, 10*time.Second)
	}
	if p.lock == nil {
		return
	}
	if !p.keep {
		_ = os.RemoveAll(p.dir)
	}
	_ = p.lock.Close()
	p.lock = nil
}

// Ports are handed out below those that Linux and macOS give to connections, so
// that only whoever asks for one by number can take it before it is used; and
// each process hands out some of its own, so that two that start at once do not
// choose the same.
const (
	firstPort = 15_000
	portsEach = 125
)

var (
	portsFrom = mrand.Uint32N(portsEach)
	portsTold atomic.Uint32
)

// freePort is a port of this machine that nobody listens on.
func freePort() (int, error) {
	var err error
	for range portsEach {
		port := firstPort + os.Getpid()%128*portsEach + int((portsFrom+portsTold.Add(1))%portsEach)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }
