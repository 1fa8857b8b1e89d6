package rights

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Break is a way to be wrong, for showing that Lethe notices.
type Break string

// The ways.
const (
	KeepsRow    Break = "keeps-row"    // erases all but one row, says erased
	Lies        Break = "lies"         // erases nothing, says erased
	LeaksLog    Break = "leaks-log"    // writes an e-mail address where none belongs
	DropsResult Break = "drops-result" // does the work and never says so
	WrongPart   Break = "wrong-part"   // declares other parts than it uploads
)

// Breaks lists them.
var Breaks = []Break{KeepsRow, Lies, LeaksLog, DropsResult, WrongPart}

// Service is the part of a service that speaks with Lethe.
type Service struct {
	Ref      string
	DB       *pgxpool.Pool
	Keys     *Keys
	Lethe    *Lethe
	Holdings Holdings
	Break    Break
	Think    time.Duration // how long a task takes at least
	Log      *slog.Logger  // ids only

	woken  chan struct{}
	report chan struct{}
}

// schema holds what the service keeps about tasks. Identifiers stand in
// request, and only until the task is over.
const schema = `
CREATE TABLE IF NOT EXISTS rights_task (
	task         uuid PRIMARY KEY,
	seq          bigint NOT NULL,
	fingerprint  text NOT NULL,
	plan_digest  text NOT NULL,
	request      jsonb,
	state        text NOT NULL CHECK (state IN ('new', 'done', 'refused', 'failed')),
	result       jsonb,
	result_seq   bigint NOT NULL DEFAULT 0,
	attempts     int NOT NULL DEFAULT 0,
	received_at  timestamptz NOT NULL DEFAULT now(),
	run_after    timestamptz NOT NULL DEFAULT now(),
	reply_to     text NOT NULL,
	reported_at  timestamptz,
	report_tries int NOT NULL DEFAULT 0,
	report_after timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS rights_task_to_do ON rights_task (run_after) WHERE state = 'new';
CREATE INDEX IF NOT EXISTS rights_task_to_report ON rights_task (report_after) WHERE state <> 'new' AND reported_at IS NULL;
CREATE TABLE IF NOT EXISTS rights_effect (
	task    uuid NOT NULL,
	action  text NOT NULL,
	case_no text NOT NULL,
	wave    int NOT NULL,
	at      timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS rights_forgotten (
	digest       bytea PRIMARY KEY,
	erase_before timestamptz NOT NULL
);`

// Start creates the tables and begins to work and to report, until ctx ends.
func (s *Service) Start(ctx context.Context) error {
	if _, err := s.DB.Exec(ctx, schema); err != nil {
		return fmt.Errorf("tables of the rights protocol: %w", err)
	}
	s.woken, s.report = make(chan struct{}, 1), make(chan struct{}, 1)
	for range 4 {
		go s.every(ctx, s.woken, s.workOne)
	}
	if s.Break != DropsResult {
		go s.every(ctx, s.report, s.reportSome)
	}
	return nil
}

// every calls step until it has nothing more to do, then waits for a sign or a
// moment.
func (s *Service) every(ctx context.Context, sign <-chan struct{}, step func(context.Context) (bool, error)) {
	for {
		more, err := step(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.Log.Error("rights", "err", err)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-sign:
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
