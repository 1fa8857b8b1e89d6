package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/flowmart/lethe/internal/fault"
)

// printable are the keys whose values reach the log. Any other value is
// replaced: an identifier that a line of code logs by mistake is not printed.
// Each holds a name, a number or an id of ours, or goes through scrub.
var printable = map[string]bool{
	slog.TimeKey: true, slog.LevelKey: true, slog.MessageKey: true, slog.SourceKey: true,
	"err": true, "error": true, "code": true, "stack": true,
	"request_id": true, "method": true, "route": true, "status": true, "duration_ms": true, "bytes": true,
	"version": true, "revision": true, "addr": true, "part": true, "parts": true, "dependency": true,
	"loop": true, "job": true, "job_id": true, "job_kind": true, "kind": true, "queue": true, "attempt": true, "max_attempts": true, "client_id": true,
	"service": true, "cluster": true, "topic": true, "partition": true, "offset": true, "group": true, "role": true,
	"request": true, "case": true, "task": true, "plan": true, "dataset": true, "action": true, "wave": true, "state": true, "outcome": true, "disposition": true,
	"count": true, "tasks": true, "records": true, "batch": true, "size": true, "seq": true, "due": true, "until": true, "reason": true,
}

// verbatim are the keys whose texts are our own words and addresses.
var verbatim = map[string]bool{slog.MessageKey: true, "stack": true, "addr": true, "route": true, "version": true, "due": true, "until": true, "case": true}

// newLog returns a log of JSON lines.
func newLog(to io.Writer, level string) *slog.Logger {
	var at slog.Level
	if at.UnmarshalText([]byte(level)) != nil {
		at = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: at, ReplaceAttr: redact}))
}

func redact(_ []string, a slog.Attr) slog.Attr {
	if !printable[a.Key] {
		return slog.String(a.Key, "[redacted]")
	}
	switch v := a.Value.Any().(type) {
	case error:
		return slog.String(a.Key, scrub(v))
	case string:
		if !verbatim[a.Key] {
			return slog.String(a.Key, mask(v))
		}
	case fmt.Stringer, time.Duration, time.Time, bool, int64, uint64, float64, slog.Level, *slog.Source:
	default:
		return slog.String(a.Key, "[redacted]")
	}
	return a
}

// scrub says what went wrong without the values it went wrong with. PostgreSQL
// quotes rows in Detail and inputs in Message; neither is printed.
func scrub(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.TrimSpace(fmt.Sprintf("postgres %s %s %s", pg.Code, pg.TableName, pg.ConstraintName))
	}
	if faults := fault.All(err); len(faults) > 0 {
		parts := make([]string, len(faults))
		for i, f := range faults {
			parts[i] = f.Code + ": " + mask(f.Error())
			if cause := f.Unwrap(); cause != nil {
				parts[i] += " (" + scrub(cause) + ")"
			}
		}
		return strings.Join(parts, "; ")
	}
	return mask(err.Error())
}

// values are what a message may quote: texts in quotation marks, addresses,
// long numbers.
var (
	quoted  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'`)
	mailish = regexp.MustCompile(`\S+(@|%40)\S+`)
	numbers = regexp.MustCompile(`\+?\d[\d \-/().]{6,}\d`)
	uuidish = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
)

func mask(s string) string {
	// Our own ids are no personal data and look like long numbers.
	var ids []string
	s = uuidish.ReplaceAllStringFunc(s, func(id string) string { ids = append(ids, id); return "\x00" })
	s = quoted.ReplaceAllString(s, `"…"`)
	s = mailish.ReplaceAllString(s, "…")
	s = numbers.ReplaceAllString(s, "…")
	for _, id := range ids {
		s = strings.Replace(s, "\x00", id, 1)
	}
	return s
}

// metrics are the server's own; rooms and doors register theirs beside them.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	inFlight prometheus.Gauge
	refused  *prometheus.CounterVec
	jobs     *prometheus.CounterVec
	unsent   *prometheus.CounterVec
	results  *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lethe_http_request_seconds", Help: "Time to answer a request, by route and class of status.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "route", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "lethe_http_in_flight", Help: "Requests being answered."}),
		refused:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lethe_http_refused_total", Help: "Requests refused before they reached a door, by code."}, []string{"code"}),
		jobs:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lethe_job_failures_total", Help: "Attempts of jobs that failed, by kind and whether it was the last."}, []string{"kind", "last"}),
		unsent:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lethe_deliveries_failed_total", Help: "Messages to services that were not delivered, by code."}, []string{"code"}),
		results:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lethe_results_total", Help: "Task results of services, by what became of them."}, []string{"disposition"}),
	}
	m.registry.MustRegister(m.requests, m.inFlight, m.refused, m.jobs, m.unsent, m.results,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) failedDelivery(code string) { m.unsent.WithLabelValues(code).Inc() }

func (m *metrics) judged(disposition string) { m.results.WithLabelValues(disposition).Inc() }

// watchPool shows how full a pool is.
func (m *metrics) watchPool(name string, pool *pgxpool.Pool) {
	gauge := func(metric, help string, read func(*pgxpool.Stat) float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: metric, Help: help, ConstLabels: prometheus.Labels{"pool": name}},
			func() float64 { return read(pool.Stat()) }))
	}
	gauge("lethe_pool_acquired", "Connections in use.", func(s *pgxpool.Stat) float64 { return float64(s.AcquiredConns()) })
	gauge("lethe_pool_max", "Most connections the pool may open.", func(s *pgxpool.Stat) float64 { return float64(s.MaxConns()) })
	// It only grows, and is asked for its rate.
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "lethe_pool_waits_total",
		Help: "Acquisitions that had to wait.", ConstLabels: prometheus.Labels{"pool": name}},
		func() float64 { return float64(pool.Stat().EmptyAcquireCount()) }))
}

// watchRegistry shows for how long the registry has answered from memory alone.
func (m *metrics) watchRegistry(asOf func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lethe_registry_behind_seconds",
		Help: "How long ago the registry last saw its database, while that is away; 0 while it is not."},
		func() float64 {
			at := asOf()
			if at.IsZero() {
				return 0
			}
			return time.Since(at).Seconds()
		}))
}

// opsHandler serves metrics, profiles and health, on a listener of its own.
func (m *metrics) opsHandler(health *health) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	health.Mount(mux)
	return mux
}

// Version is what this program was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	version, revision := info.Main.Version, ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	if version == "" {
		version = "(devel)"
	}
	return strings.TrimSpace(version + " " + revision)
}

// report logs an error of the work that ctx belongs to.
func report(ctx context.Context, log *slog.Logger, msg string, err error, attrs ...any) {
	log.ErrorContext(ctx, msg, append(attrs, "err", err)...)
}
