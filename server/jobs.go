package server

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// Queue is the client that rooms post their jobs with, in their own
// transactions.
type Queue = river.Client[pgx.Tx]

// workers is what this process works off.
type workers struct {
	workers  *river.Workers
	queues   map[string]river.QueueConfig // by name; river.QueueDefault too
	periodic []*river.PeriodicJob
}

// every posts a job again and again, once for all replicas.
func (w *workers) every(interval time.Duration, job river.JobArgs) {
	w.periodic = append(w.periodic, river.NewPeriodicJob(river.PeriodicInterval(interval),
		func() (river.JobArgs, *river.InsertOpts) { return job, nil }, &river.PeriodicJobOpts{RunOnStart: true}))
}

const (
	jobFor     = 30 * time.Second // a job's patience
	rescueFrom = time.Minute      // jobs of a process that nobody knew (see process) come back
	softStop   = 10 * time.Second // for running jobs at the end
	retryCap   = 15 * time.Minute
)

// newPostingQueue returns a client that posts jobs and works none. Rooms need
// one before the workers exist, for the workers need the rooms.
func newPostingQueue(db *pgxpool.Pool, log *slog.Logger) (*Queue, error) {
	return river.NewClient(riverpgxv5.New(db), &river.Config{Logger: quiet(log)})
}

// newWorkingQueue returns the client that works jobs off, as a process.
func newWorkingQueue(db *pgxpool.Pool, process uuid.UUID, w workers, log *slog.Logger, m *metrics) (*Queue, error) {
	return river.NewClient(riverpgxv5.New(db), &river.Config{
		ID:           process.String(),
		Workers:      w.workers,
		Queues:       w.queues,
		PeriodicJobs: w.periodic,
		Logger:       quiet(log),

		JobTimeout:           jobFor,
		RescueStuckJobsAfter: rescueFrom,
		SoftStopTimeout:      softStop,
		FetchCooldown:        20 * time.Millisecond,
		FetchPollInterval:    500 * time.Millisecond,
		MaxAttempts:          100, // a day and more; jobs are never dropped in silence
		RetryPolicy:          backOff{},

		CompletedJobRetentionPeriod: time.Hour,
		Middleware:                  []rivertype.Middleware{&discreet{log: log, metrics: m}},
	})
}

// quiet keeps the library's chatter out of the log at info.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(atLeast{log.Handler(), slog.LevelWarn})
}

type atLeast struct {
	slog.Handler
	level slog.Level
}

func (h atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.Handler.Enabled(ctx, level)
}

// backOff waits twice as long after each failure, up to a quarter of an hour,
// with full jitter, so that what failed together does not return together.
type backOff struct{}

// NextRetry says when.
func (backOff) NextRetry(job *rivertype.JobRow) time.Time {
	wait := retryCap
	if n := len(job.Errors); n < 10 {
		wait = min(retryCap, time.Second<<n)
	}
	return time.Now().Add(time.Duration(rand.Int64N(int64(wait))) + 100*time.Millisecond)
}

// discreet stands around every job: an error or a panic is kept in the job's
// row and logged without the values it was about. Rows of jobs are kept,
// backed up and looked at.
type discreet struct {
	river.MiddlewareDefaults
	log     *slog.Logger
	metrics *metrics
}

// Work works a job and tells of its failure.
func (d *discreet) Work(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) (err error) {
	defer func() {
		if what := recover(); what != nil {
			d.log.ErrorContext(ctx, "job panicked", "job_id", job.ID, "job_kind", job.Kind, "stack", string(debug.Stack()))
			err = errors.New("panic")
			d.count(job)
		}
	}()
	err = work(ctx)
	if err == nil || wanted(err) {
		return err
	}
	d.count(job)
	d.log.WarnContext(ctx, "job failed", "job_id", job.ID, "job_kind", job.Kind, "attempt", job.Attempt, "max_attempts", job.MaxAttempts, "err", err)
	return errors.New(scrub(err))
}

// wanted tells what a worker asks of the queue from what went wrong.
func wanted(err error) bool {
	var cancel *river.JobCancelError
	var snooze *river.JobSnoozeError
	return errors.As(err, &cancel) || errors.As(err, &snooze)
}

func (d *discreet) count(job *rivertype.JobRow) {
	last := "no"
	if job.Attempt >= job.MaxAttempts {
		last = "yes"
	}
	d.metrics.jobs.WithLabelValues(job.Kind, last).Inc()
}
