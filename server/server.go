package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/vault"
)

// Server is Lethe, wired and listening, not yet running.
type Server struct {
	conf     Config
	log      *slog.Logger
	metrics  *metrics
	health   *health
	ground   *ground
	house    *house
	late     bool     // the database was away when this process started
	working  *Queue   // nil where this process works no jobs
	process  *process // as working
	public   *http.Server
	ops      *http.Server
	browsers *sessions
	at       net.Listener
	opsAt    net.Listener
	pools    []*pgxpool.Pool
	cut      context.CancelFunc // ends the streams
}

// Option changes how a server is made.
type Option func(*options)

type options struct {
	listener net.Listener
	log      io.Writer
	now      func() time.Time
}

// On serves on a listener that is open already, instead of Config.Listen.
func On(l net.Listener) Option { return func(o *options) { o.listener = l } }

// LogTo writes the log elsewhere than to standard error.
func LogTo(w io.Writer) Option { return func(o *options) { o.log = w } }

// Clock replaces the time of law, due dates and tokens. Leases, sessions and
// sealing keep the database's.
func Clock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// New opens everything a server needs, from the bottom up, and starts none of
// it. The database must answer and be migrated, except where the registry runs
// alone, which waits for it; Kafka, the issuer and the services may be away.
func New(ctx context.Context, conf Config, opts ...Option) (_ *Server, err error) {
	o := options{log: os.Stderr, now: time.Now}
	for _, set := range opts {
		set(&o)
	}
	s := &Server{conf: conf, log: newLog(o.log, conf.LogLevel), metrics: newMetrics()}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := s.openGround(ctx, o.now); err != nil {
		return nil, err
	}
	if s.house, err = wire(s.ground); err != nil {
		return nil, err
	}
	if err := s.openJobs(); err != nil {
		return nil, err
	}
	if err := s.openFront(); err != nil {
		return nil, err
	}
	return s, s.listen(ctx, o.listener)
}

// openGround opens the pools, each of its own size, and what stands on them.
func (s *Server) openGround(ctx context.Context, now func() time.Time) error {
	g := &ground{conf: s.conf, log: s.log, metrics: s.metrics, now: now, process: uuid.New()}
	s.ground = g
	for _, p := range []struct {
		into    **pgxpool.Pool
		name    string
		url     string
		conns   int32
		timeout time.Duration
	}{
		{&g.web, "web", s.conf.DatabaseURL, 10, 5 * time.Second},
		{&g.jobs, "jobs", s.conf.DatabaseURL, 8, 60 * time.Second},
		{&g.sealer, "sealer", s.conf.DatabaseURL, 2, 60 * time.Second},
		{&g.looks, "looks", s.conf.DatabaseURL, 2, 5 * time.Second},
		{&g.beat, "beat", s.conf.DatabaseURL, 1, 5 * time.Second},
		{&g.keys, "keystore", s.conf.KeystoreURL, 8, 5 * time.Second},
	} {
		pool, err := postgres.Open(ctx, p.url, postgres.Config{MaxConns: p.conns, StatementTimeout: p.timeout, Application: p.name})
		if err != nil {
			return err
		}
		*p.into, s.pools = pool, append(s.pools, pool)
		s.metrics.watchPool(p.name, pool)
	}
	err := fit(ctx, g.web)
	if s.late = s.conf.runsAlone(Registry) && postgres.Away(err); err != nil && !s.late {
		return err
	}
	if err := s.openVault(ctx, g); err != nil {
		return err
	}
	s.warn(ctx)
	g.queue, err = newPostingQueue(g.web, s.log)
	return err
}

// fit tells why the main database cannot be used.
func fit(ctx context.Context, db *pgxpool.Pool) error {
	err := migrated(ctx, db)
	if err == nil || fault.KindOf(err) == fault.Unavailable {
		return err
	}
	return fault.New(fault.Unavailable, "DATABASE_UNAVAILABLE", "the database of LETHE_DATABASE_URL cannot be used: %s", scrub(err)).With(err)
}

// await waits for the database of a process that started while it was away. Such
// a process knows nobody and has nothing in memory: it refuses everything (503),
// and denies nothing. One that finds an older database than it needs ends.
func (s *Server) await(ctx context.Context) error {
	s.log.WarnContext(ctx, "the database is away; nothing is answered until it is there")
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		err := fit(ctx, s.ground.web)
		if err == nil || !postgres.Away(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// openVault refuses a KEK file that lacks a key of the store: what it wraps
// could not be read, and would seem broken one by one. A key store that is away
// is no reason not to start; /readyz looks again.
func (s *Server) openVault(ctx context.Context, g *ground) (err error) {
	if g.vault, err = vault.Open(g.keys, s.conf.KEKFile); err != nil {
		return fault.New(fault.Invalid, "BAD_SETTING", "LETHE_KEK_FILE: %s; a first key is made with: lethe key kek %s", err, s.conf.KEKFile)
	}
	if s.late {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err = g.vault.Check(ctx)
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return f
	}
	if err != nil {
		report(ctx, s.log, "the key store cannot be looked into", err)
	}
	return nil
}

// warn says so where PostgreSQL's own log is not quiet.
func (s *Server) warn(ctx context.Context) {
	if s.late {
		return
	}
	if err := s.quiet(ctx); fault.KindOf(err) == fault.Unavailable {
		s.log.WarnContext(ctx, "PostgreSQL's own log may hold personal data", "err", err)
	}
}

// quiet reports whether PostgreSQL, at both databases, keeps values out of its
// own log.
func (s *Server) quiet(ctx context.Context) error {
	for _, pool := range []*pgxpool.Pool{s.ground.web, s.ground.keys} {
		leaks, err := postgres.LogLeaks(ctx, pool)
		if err != nil {
			return err
		}
		if len(leaks) > 0 {
			return fault.New(fault.Unavailable, "DATABASE_LOG_TELLS", "PostgreSQL writes values of statements into its own log: a superuser corrects %s for the role of LETHE_DATABASE_URL and LETHE_KEYSTORE_URL, see the runbook", strings.Join(leaks, ", "))
		}
	}
	return nil
}

// openJobs makes the working client where there is anything to work.
func (s *Server) openJobs() (err error) {
	if len(s.house.workers.queues) == 0 {
		return nil
	}
	s.process = &process{id: s.ground.process, db: s.ground.beat, log: s.log}
	s.house.loops = append(s.house.loops, loop{"process", s.process.run})
	s.working, err = newWorkingQueue(s.ground.jobs, s.process.id, s.house.workers, s.log, s.metrics)
	return err
}

// openFront mounts the doors and puts the guards before them.
func (s *Server) openFront() error {
	public, err := url.Parse(s.conf.PublicURL)
	if err != nil {
		return err
	}
	tokens, login, err := wireSignIn(s.ground)
	if err != nil {
		return err
	}
	alone := s.conf.runsAlone(Registry) // which goes on without the database
	s.health = &health{checks: append([]check{
		{"database", !alone, s.ground.web.Ping},
		{"migrations", !alone, func(ctx context.Context) error { return migrated(ctx, s.ground.web) }},
		{"keystore", false, s.ground.vault.Check},
		{"database log", false, s.quiet},
		{"issuer", false, func(ctx context.Context) error { return login.issuer.look(ctx) }},
	}, s.house.checks...)}
	if s.late {
		s.house.loops = append(s.house.loops, loop{"database", s.await})
	}
	if s.conf.Runs(Registry) {
		s.house.loops = append(s.house.loops, loop{"callers", newAcquaintance(s.ground, tokens).run})
	}
	mux := http.NewServeMux()
	s.health.Mount(mux)
	if s.conf.Runs(Web) {
		login.Mount(mux)
		s.house.loops = append(s.house.loops, loop{"sessions", s.sweep})
	}
	if s.conf.Runs(Web) || s.conf.Runs(Registry) { // who runs the registry alone lets jobs in, too
		newExchange(s.ground).Mount(mux)
	}
	for _, d := range s.house.doors {
		d.Mount(mux)
	}
	ending, cut := context.WithCancel(context.Background())
	s.cut = cut
	f, err := newFront(ending, mux, public, s.ground.conf.AnswerWithin)
	if err != nil {
		return err
	}
	s.browsers = login.sessions
	f.log, f.metrics, f.bearer, f.sessions, f.site = s.log, s.metrics, tokens, login.sessions, s.house.site
	s.public = newHTTPServer(f, s.log)
	s.public.IdleTimeout = 30 * time.Second // connections that anybody opens are not kept for long
	s.ops = newHTTPServer(s.metrics.opsHandler(s.health), s.log)
	s.ops.WriteTimeout = 2 * time.Minute // a profile takes its time
	return nil
}

func (s *Server) listen(ctx context.Context, given net.Listener) (err error) {
	var lc net.ListenConfig
	if s.at = given; given == nil {
		if s.at, err = lc.Listen(ctx, "tcp", s.conf.Listen); err != nil {
			return fault.New(fault.Unavailable, "CANNOT_LISTEN", "LETHE_LISTEN: %s cannot be listened on; is another Lethe running?", s.conf.Listen).With(err)
		}
	}
	if s.opsAt, err = lc.Listen(ctx, "tcp", s.conf.OpsListen); err != nil {
		return fault.New(fault.Unavailable, "CANNOT_LISTEN", "LETHE_OPS_LISTEN: %s cannot be listened on; is another Lethe running?", s.conf.OpsListen).With(err)
	}
	return nil
}

// Addr is where the server listens.
func (s *Server) Addr() string { return s.at.Addr().String() }

// OpsAddr is where metrics and health are.
func (s *Server) OpsAddr() string { return s.opsAt.Addr().String() }

// Close frees what New opened, for a server that does not run.
func (s *Server) Close() {
	if s.cut != nil {
		s.cut()
	}
	for _, l := range []net.Listener{s.at, s.opsAt} {
		if l != nil {
			_ = l.Close() // closed already after Run
		}
	}
	for _, p := range slices.Backward(s.pools) {
		p.Close()
	}
}

// Run serves until ctx ends or a part fails, and then stops everything in
// order. It returns within 45 s of ctx's end. A process killed instead loses
// nothing: the others take over what it was at (see process), batches repeat.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	if s.process != nil { // before its first job, so that the others know whose it is
		begin, cancel := context.WithTimeout(ctx, beginFor)
		_, err := s.process.beat(begin)
		cancel()
		if ctx.Err() != nil { // told to stop before it began, which is no failure
			return nil
		}
		if err != nil {
			return fmt.Errorf("processes: %w", err)
		}
	}
	g, ending := errgroup.WithContext(ctx)
	loops, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoops()
	for _, l := range s.house.loops {
		g.Go(func() error { return runLoop(loops, l) })
	}
	if s.working != nil {
		if err := s.working.Start(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("jobs: %w", err)
		}
	}
	g.Go(func() error { return serve(s.ops, s.opsAt) })
	g.Go(func() error { return serve(s.public, s.at) })
	g.Go(func() error {
		<-ending.Done()
		defer stopLoops()
		return s.stop()
	})
	s.log.InfoContext(ctx, "serving", "addr", s.Addr(), "parts", joinParts(s.conf.Only), "version", Version(), "client_id", s.ground.process)
	err := g.Wait()
	s.log.Info("stopped")
	return err
}

func runLoop(ctx context.Context, l loop) error {
	if err := l.run(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", l.name, err)
	}
	return nil
}

// stop takes the roof off first: no new traffic, no new requests, no new jobs;
// the loops and the pools follow.
func (s *Server) stop() error {
	s.health.draining.Store(true)
	s.log.Info("draining")
	<-time.After(s.conf.DrainDelay) // load balancers look away meanwhile
	s.cut()
	answering, cancel := context.WithTimeout(context.Background(), 18*time.Second)
	defer cancel()
	var errs []error
	if err := s.public.Shutdown(answering); err != nil {
		errs = append(errs, fmt.Errorf("http: %w", err), s.public.Close())
	}
	s.browsers.finish(answering)
	if s.working != nil {
		working, cancel := context.WithTimeout(context.Background(), softStop+3*time.Second)
		defer cancel()
		if err := s.working.Stop(working); err != nil {
			errs = append(errs, fmt.Errorf("jobs: %w", err))
		}
	}
	return errors.Join(append(errs, s.ops.Close())...)
}

func serve(server *http.Server, at net.Listener) error {
	if err := server.Serve(at); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// sweep deletes sessions and sign-ins that have ended.
func (s *Server) sweep(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := sweepSessions(ctx, s.ground.web); err != nil && ctx.Err() == nil {
				report(ctx, s.log, "sweeping sessions", err)
			}
		}
	}
}
