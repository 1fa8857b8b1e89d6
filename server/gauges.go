package server

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/lineage/observer"
)

const (
	gaugesEvery = 10 * time.Second // scrapes in between repeat the last reading
	gaugesFor   = 4 * time.Second  // patience with one reading; scrapers wait 10 s
)

// workGauges shows the state of the work as it stands in the database. Every
// replica that works requests shows the same figures. No label holds an id, a
// URL or anything of a person: refs of services are the most telling.
type workGauges struct {
	read func(ctx context.Context) ([]reading, audit.Stats, error)

	mu   sync.Mutex
	at   time.Time
	last []prometheus.Metric
}

// reading is one figure: of which metric, with which labels.
type reading struct {
	Metric string
	A, B   string
	Value  float64
}

func newGauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// gauges are the metrics by their names in the statement.
var gauges = map[string]*prometheus.Desc{
	"requests":  newGauge("lethe_requests_open", "Requests of data subjects that are not over, by state and kind.", "state", "kind"),
	"blocked":   newGauge("lethe_requests_blocked", "Requests that a person must decide about, by reason.", "reason"),
	"days_left": newGauge("lethe_request_days_left", "Days until the first open request is due; negative when it is overdue. Absent when none is open."),
	"tasks":     newGauge("lethe_tasks", "Tasks of open requests, by service and state.", "service", "state"),
	"waiting":   newGauge("lethe_tasks_waiting", "Tasks that their service has not ended for more than an hour, by service.", "service"),
	"undone":    newGauge("lethe_tasks_undone", "Tasks that their service has left undone for 24 hours, by service.", "service"),
	"breaker":   newGauge("lethe_breaker_open", "1 while deliveries to a service rest after failures.", "service"),
	"stops":     newGauge("lethe_emergency_stops", "Emergency stops that stand."),
	"jobs":      newGauge("lethe_jobs", "Jobs that are not completed, by kind and state; a discarded one was given up.", "kind", "state"),
}

var (
	auditSize     = newGauge("lethe_audit_sealed_entries", "Entries of the audit log under its latest checkpoint.")
	auditUnsealed = newGauge("lethe_audit_unsealed_entries", "Entries of the audit log that wait to be sealed.")
	auditAge      = newGauge("lethe_audit_unsealed_seconds", "Age of the oldest entry that waits to be sealed.")
	workReadable  = newGauge("lethe_work_readable", "1 when the state of the work could be read from the database.")
)

// readWork reads every figure in one statement; all of it runs on partial
// indexes of what is open, not on the years behind.
func readWork(ctx context.Context, db *pgxpool.Pool, now time.Time) ([]reading, error) {
	const q = `
		WITH open AS MATERIALIZED (
		    SELECT r.id, r.state, r.kind, r.block, r.approved_at, r.opened_at, r.due_on - ($1::timestamptz AT TIME ZONE c.time_zone)::date AS days
		      FROM erasure_request r JOIN catalog_controller c ON c.id = r.controller_id
		     WHERE r.state NOT IN ('CLOSED', 'MERGED')
		), task AS MATERIALIZED (
		    SELECT s.ref, t.state, count(*) AS n,
		           count(*) FILTER (WHERE t.state IN ('READY', 'SENT', 'WORKING') AND coalesce(t.sent_at, o.approved_at, o.opened_at) < now() - interval '1 hour') AS waiting
		      FROM open o JOIN erasure_task t ON t.request_id = o.id JOIN catalog_service s ON s.id = t.service_id
		     GROUP BY s.ref, t.state
		)
		SELECT 'requests' AS metric, state AS a, kind AS b, count(*)::float8 AS value FROM open GROUP BY state, kind
		UNION ALL SELECT 'blocked', block, '', count(*) FROM open WHERE block IS NOT NULL GROUP BY block
		UNION ALL SELECT 'days_left', '', '', min(days) FROM open HAVING count(*) > 0
		UNION ALL SELECT 'tasks', ref, state, n FROM task
		UNION ALL SELECT 'waiting', ref, '', sum(waiting) FROM task GROUP BY ref
		UNION ALL SELECT 'undone', s.ref, '', count(*) FROM erasure_alert a JOIN erasure_task t ON t.id = a.task_id JOIN catalog_service s ON s.id = t.service_id
		           WHERE a.over_at IS NULL AND a.reason = 'TASK_UNDONE' GROUP BY s.ref
		UNION ALL SELECT 'breaker', s.ref, '', coalesce(d.open_until > now(), false)::int FROM erasure_delivery d JOIN catalog_service s ON s.id = d.service_id
		UNION ALL SELECT 'stops', '', '', count(*) FROM erasure_stop WHERE lifted_at IS NULL
		UNION ALL SELECT 'jobs', kind, state::text, count(*) FROM river_job WHERE state NOT IN ('completed', 'cancelled') GROUP BY kind, state
		ORDER BY metric, a, b`
	return postgres.Many[reading](ctx, db, q, now)
}

// watchWork registers the gauges of the work.
func (m *metrics) watchWork(db *pgxpool.Pool, log *audit.Log, now func() time.Time) {
	m.registry.MustRegister(&workGauges{read: func(ctx context.Context) ([]reading, audit.Stats, error) {
		rows, err := readWork(ctx, db, now())
		if err != nil {
			return nil, audit.Stats{}, err
		}
		stats, err := log.Stats(ctx)
		return rows, stats, err
	}})
}

// Describe lists the metrics.
func (g *workGauges) Describe(to chan<- *prometheus.Desc) {
	for _, d := range gauges {
		to <- d
	}
	for _, d := range []*prometheus.Desc{auditSize, auditUnsealed, auditAge, workReadable} {
		to <- d
	}
}

// Collect gives the latest reading, and reads anew when it is old.
func (g *workGauges) Collect(to chan<- prometheus.Metric) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.at) > gaugesEvery {
		g.last, g.at = g.look(), time.Now()
	}
	for _, m := range g.last {
		to <- m
	}
}

// look reads once. A database that does not answer shows as such, and no old
// figure passes for a new one.
func (g *workGauges) look() []prometheus.Metric {
	ctx, cancel := context.WithTimeout(context.Background(), gaugesFor)
	defer cancel()
	rows, log, err := g.read(ctx)
	if err != nil {
		return []prometheus.Metric{gauge(workReadable, 0)}
	}
	out := []prometheus.Metric{gauge(workReadable, 1), gauge(auditSize, float64(log.Size)),
		gauge(auditUnsealed, float64(log.Unsealed)), gauge(auditAge, log.OldestUnsealed.Seconds())}
	for _, r := range rows {
		out = append(out, gauge(gauges[r.Metric], r.Value, r.labels()...))
	}
	return out
}

// labels are as many as the metric has.
func (r reading) labels() []string {
	switch r.Metric {
	case "requests", "tasks", "jobs":
		return []string{r.A, r.B}
	case "blocked", "waiting", "undone", "breaker":
		return []string{r.A}
	}
	return nil
}

func gauge(d *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

// watchClusters shows how the last round went at each Kafka cluster.
func (m *metrics) watchClusters(names []string, states func() []observer.State) {
	for i, name := range names {
		show := func(metric, help string, read func(observer.State) float64) {
			m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: metric, Help: help, ConstLabels: prometheus.Labels{"cluster": name}},
				func() float64 { return read(states()[i]) }))
		}
		show("lethe_kafka_seen", "1 when the last look at a Kafka cluster went well.", func(s observer.State) float64 {
			if s.Err != nil || s.At.IsZero() {
				return 0
			}
			return 1
		})
		show("lethe_kafka_unknown_readers", "Reads at a Kafka cluster by groups that nobody declared.", func(s observer.State) float64 { return float64(s.Unknown) })
	}
}
