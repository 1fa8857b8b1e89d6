package rights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
)

// cancelledUnseen marks a task that was cancelled before it ever came.
const cancelledUnseen = "cancelled before it came"

const (
	maxAttempts = 5
	lockPeople  = 0x6c65746865 // advisory lock: an erasure and a batch of events do not overlap
)

// workOne carries out one task: the effect, its record and the end of the task
// in one transaction. It tells whether there may be more.
func (s *Service) workOne(ctx context.Context) (more bool, err error) {
	var t task
	err = pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		var raw []byte
		var id string
		err := tx.QueryRow(ctx, `
			SELECT task::text, request FROM rights_task
			 WHERE state = 'new' AND run_after <= now() AND received_at <= now() - make_interval(secs => $1)
			 ORDER BY run_after, task LIMIT 1 FOR UPDATE SKIP LOCKED`, s.Think.Seconds()).Scan(&id, &raw)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		more, t.Task = true, id
		if err := json.Unmarshal(raw, &t); err != nil {
			return err
		}
		res, err := s.carryOut(ctx, tx, t)
		if err != nil {
			return err
		}
		if s.Break == LeaksLog {
			res.Code = s.Holdings.emailOf(ctx, s.DB, t.Identifiers)
		}
		return s.finish(ctx, tx, t, res)
	})
	if err != nil && t.Task != "" {
		return true, errors.Join(fmt.Errorf("task %s: %w", t.Task, err), s.postpone(ctx, t))
	}
	if more {
		s.Log.Info("rights: task over", "task", t.Task)
		wake(s.report)
	}
	return more, err
}

// finish writes the result and forgets the identifiers.
func (s *Service) finish(ctx context.Context, tx pgx.Tx, t task, res result) error {
	res.Task, res.PlanDigest = t.Task, t.PlanDigest
	if err := tx.QueryRow(ctx, `SELECT result_seq + 1 FROM rights_task WHERE task = $1`, t.Task).Scan(&res.Seq); err != nil {
		return err
	}
	raw, err := json.Marshal(res)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		UPDATE rights_task SET state = $2, result = $3, result_seq = $4, request = NULL, report_after = now(), report_tries = 0
		 WHERE task = $1`, t.Task, res.State, raw, res.Seq)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO rights_effect (task, action, case_no, wave) VALUES ($1, $2, $3, $4)`, t.Task, t.Action, t.Case, t.Wave)
	return err
}

// postpone tries a task again later, and gives up with a retryable failure.
func (s *Service) postpone(ctx context.Context, t task) error {
	return pgx.BeginFunc(ctx, s.DB, func(tx pgx.Tx) error {
		var attempts int
		err := tx.QueryRow(ctx, `
			UPDATE rights_task SET attempts = attempts + 1, run_after = now() + make_interval(secs => 2 ^ attempts)
			 WHERE task = $1 AND state = 'new' RETURNING attempts`, t.Task).Scan(&attempts)
		if err != nil || attempts < maxAttempts {
			return err
		}
		code := "INTERNAL_ERROR"
		if t.Action == "export" {
			code = "UPLOAD_FAILED"
		}
		return s.finish(ctx, tx, t, result{State: "failed", Code: code, Retryable: true})
	})
}

func (s *Service) carryOut(ctx context.Context, tx pgx.Tx, t task) (result, error) {
	if time.Now().After(t.ExpiresAt) {
		return result{State: "refused", Code: "TASK_EXPIRED"}, nil
	}
	p := personOf(t.Identifiers)
	switch t.Action {
	case "cancel":
		return s.cancel(ctx, tx, t)
	case "resolve":
		found, err := s.Holdings.Identity.resolve(ctx, tx, s.who(), p)
		return result{State: "done", Resolved: &found}, err
	case "locate", "probe":
		return s.look(ctx, tx, t, p)
	case "export":
		return s.export(ctx, tx, t, p)
	}
	return s.erase(ctx, tx, t, p)
}

func (s *Service) who() map[string]string {
	for _, t := range s.Holdings.Tables {
		if t.Name == s.Holdings.Identity.Table {
			return t.Who
		}
	}
	return nil
}

// look counts what is there, in the tables and the topics themselves.
func (s *Service) look(ctx context.Context, tx pgx.Tx, t task, p person) (result, error) {
	res := result{State: "done"}
	for _, d := range t.Datasets {
		n, known, err := s.countIn(ctx, tx, d, p, t.EraseBefore)
		if err != nil {
			return res, err
		}
		switch {
		case known && n > 0:
			res.Outcomes = append(res.Outcomes, outcome{Dataset: d.ID, Outcome: "present", Count: n})
		case known:
			res.Outcomes = append(res.Outcomes, outcome{Dataset: d.ID, Outcome: "absent"})
		}
	}
	return res, nil
}

func (s *Service) countIn(ctx context.Context, tx pgx.Tx, d dataset, p person, before *time.Time) (n int64, known bool, err error) {
	if table := s.Holdings.table(d); table != nil {
		n, err = table.count(ctx, tx, p, before)
		return n, true, err
	}
	if topic := s.Holdings.topic(d); topic != nil {
		if s.Holdings.Scan == nil {
			return 0, true, nil // without Kafka nothing was ever written
		}
		n, err = s.Holdings.Scan(ctx, topic.Name, p["customer_id"])
		return n, true, err
	}
	return 0, false, nil
}

// erase goes through the tables in the order of the holdings, children first,
// and remembers by digest whom it forgot.
func (s *Service) erase(ctx context.Context, tx pgx.Tx, t task, p person) (result, error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lockPeople); err != nil {
		return result{}, err
	}
	res := result{State: "done"}
	for i := range s.Holdings.Tables {
		table := &s.Holdings.Tables[i]
		at := slices.IndexFunc(t.Datasets, func(d dataset) bool { return s.Holdings.table(d) == table })
		if at < 0 {
			continue
		}
		out, err := table.erase(ctx, tx, p, t.EraseBefore, s.Break)
		if err != nil {
			return res, err
		}
		out.Dataset = t.Datasets[at].ID
		res.Outcomes = append(res.Outcomes, out)
	}
	for _, d := range t.Datasets {
		topic := s.Holdings.topic(d)
		if topic == nil {
			continue
		}
		n, _, err := s.countIn(ctx, tx, d, p, nil)
		if err != nil {
			return res, err
		}
		out := outcome{Dataset: d.ID, Outcome: "not_found"}
		if n > 0 {
			gone := time.Now().UTC().AddDate(0, 0, topic.Days+1) // the segment must be full before it can expire
			out = outcome{Dataset: d.ID, Outcome: "pending_expiry", Count: n, Method: "expire", EffectiveBy: gone.Format(time.DateOnly)}
		}
		res.Outcomes = append(res.Outcomes, out)
	}
	return res, s.forget(ctx, tx, t, p)
}

func (s *Service) forget(ctx context.Context, tx pgx.Tx, t task, p person) error {
	if s.Holdings.Forget != nil {
		if err := s.Holdings.Forget(ctx, tx, p["customer_id"]); err != nil {
			return err
		}
	}
	for typ, values := range p {
		for _, v := range values {
			_, err := tx.Exec(ctx, `
				INSERT INTO rights_forgotten (digest, erase_before) VALUES ($1, $2)
				ON CONFLICT (digest) DO UPDATE SET erase_before = greatest(rights_forgotten.erase_before, excluded.erase_before)`,
				s.Keys.digest(typ, v), *t.EraseBefore)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Forgotten tells a reader of events whether the person of an event of this
// moment was erased since. It holds erasures back until tx is over.
func (s *Service) Forgotten(ctx context.Context, tx pgx.Tx, at time.Time, ids map[string]string) (yes bool, err error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared($1)`, lockPeople); err != nil {
		return false, err
	}
	var digests [][]byte
	for typ, value := range ids {
		digests = append(digests, s.Keys.digest(typ, Normal(typ, value)))
	}
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM rights_forgotten WHERE digest = ANY($1) AND erase_before >= $2)`, digests, at).Scan(&yes)
	return yes, err
}

// cancel stops a task that has not begun.
func (s *Service) cancel(ctx context.Context, tx pgx.Tx, t task) (result, error) {
	if !uuidForm.MatchString(t.Cancels) {
		return result{State: "done", Code: "UNKNOWN_TASK"}, nil
	}
	var state, digest string
	var seq int64
	err := tx.QueryRow(ctx, `SELECT state, plan_digest, result_seq FROM rights_task WHERE task = $1 FOR UPDATE`, t.Cancels).Scan(&state, &digest, &seq)
	stopped, _ := json.Marshal(result{Task: t.Cancels, Seq: seq + 1, PlanDigest: digest, State: "refused", Code: "CANCELLED"})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		_, err = tx.Exec(ctx, `
			INSERT INTO rights_task (task, seq, fingerprint, plan_digest, state, reply_to, result, result_seq, reported_at)
			VALUES ($1, 0, $2, '', 'refused', $3, $4, 1, now())`, t.Cancels, cancelledUnseen, t.ReplyTo, stopped)
		return result{State: "done", Code: "UNKNOWN_TASK"}, err
	case err != nil || state != "new":
		return result{State: "done", Code: "TOO_LATE"}, err
	}
	_, err = tx.Exec(ctx, `UPDATE rights_task SET state = 'refused', request = NULL, result = $2, result_seq = result_seq + 1 WHERE task = $1`, t.Cancels, stopped)
	return result{State: "done", Code: "CANCELLED"}, err
}
