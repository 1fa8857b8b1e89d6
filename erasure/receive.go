package erasure

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure/alert"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// ServiceIssuer is the issuer of the principals of services: they sign in by
// their keys and not through an identity provider.
const ServiceIssuer = "lethe:service"

// ErrMessageReused reports a second body under the id of an earlier message.
var ErrMessageReused = fault.New(fault.Conflict, "ID_REUSED", "another message came with this webhook-id before; every message has an id of its own")

// ErrWrongService reports an answer about another service's task.
var ErrWrongService = fault.New(fault.Denied, "WRONG_SERVICE", "a task in this message belongs to another service")

// ErrKeyGone reports a message signed with a key that is not in force any more.
var ErrKeyGone = fault.New(fault.Unknown, "SIGNATURE_INVALID", "the key that signed this message was revoked or is over; sign with a key in force")

// checkKeys refuses messages whose key is not in force at the moment they are
// taken, whenever their signature was verified.
func checkKeys(ctx context.Context, db postgres.DB, group []*letter) error {
	var names []catalog.KeyName
	for _, l := range group {
		n := catalog.KeyName{Service: l.message.Service, Key: l.message.Key}
		if n.Key != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return nil
	}
	good, err := catalog.InForce(ctx, db, names)
	if err == nil && len(good) < len(names) {
		return ErrKeyGone
	}
	return err
}

// remember keeps the ids of messages for ever. The same message again is no
// mistake: its answers will be found to be duplicates.
func remember(ctx context.Context, db postgres.DB, group []*letter) error {
	const q = `
		INSERT INTO erasure_inbox (service_id, message, body)
		SELECT m.service_id, m.message, m.body FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS m (service_id, message, body)
		ON CONFLICT DO NOTHING`
	var services []uuid.UUID
	var ids []string
	var bodies [][]byte
	for _, l := range group {
		if m := l.message; !m.Polled {
			services, ids, bodies = append(services, m.Service), append(ids, m.ID), append(bodies, m.Body)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	tag, err := db.Exec(ctx, q, services, ids, bodies)
	if err != nil || int(tag.RowsAffected()) == len(ids) {
		return err
	}
	return sameBodies(ctx, db, services, ids, bodies)
}

// sameBodies refuses messages that came before with another body.
func sameBodies(ctx context.Context, db postgres.DB, services []uuid.UUID, ids []string, bodies [][]byte) error {
	const q = `
		SELECT EXISTS (
			SELECT FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS m (service_id, message, body)
			  JOIN erasure_inbox i ON i.service_id = m.service_id AND i.message = m.message
			 WHERE i.body <> m.body)`
	other, err := postgres.Scalar[bool](ctx, db, q, services, ids, bodies)
	if err == nil && other {
		return ErrMessageReused
	}
	return err
}

// inbox is everything that the answers of a message are judged by.
type inbox struct {
	tasks    map[uuid.UUID]task.Task
	requests map[uuid.UUID]Request
	scopes   map[int64][]uuid.UUID
	said     map[int64][]task.Outcome
}

func (s *Requests) readInbox(ctx context.Context, tx pgx.Tx, group []*letter) (in inbox, err error) {
	var keys []uuid.UUID
	for _, l := range group {
		for _, a := range l.message.Answers {
			keys = append(keys, a.Task)
		}
	}
	if in.requests, err = requestsOfTasks(ctx, tx, keys); err != nil {
		return in, err
	}
	if in.tasks, err = task.Lock(ctx, tx, keys); err != nil {
		return in, err
	}
	for _, l := range group {
		for _, a := range l.message.Answers {
			if t, ok := in.tasks[a.Task]; ok && t.ServiceID != l.message.Service {
				return in, ErrWrongService
			}
		}
	}
	var ids []int64
	for _, t := range in.tasks {
		ids = append(ids, t.ID)
	}
	if in.scopes, err = task.ScopesOf(ctx, tx, ids); err != nil {
		return in, err
	}
	in.said, err = task.OutcomesOf(ctx, tx, ids)
	return in, err
}

func (in inbox) judgeAll(m answer.Message) []answer.Verdict {
	verdicts := make([]answer.Verdict, len(m.Answers))
	for i, a := range m.Answers {
		t, ok := in.tasks[a.Task]
		if !ok {
			verdicts[i] = answer.Verdict{Task: a.Task, Disposition: answer.Rejected, Code: "UNKNOWN_TASK"}
			continue
		}
		plan := hex.EncodeToString(in.requests[t.RequestID].PlanDigest)
		v := answer.Judge(t, plan, in.scopes[t.ID], in.said[t.ID], a)
		verdicts[i] = v
		// A message may say several things about one task; each sees the last.
		in.tasks[a.Task] = v.Apply(t, a)
		for _, o := range v.Outcomes {
			in.said[t.ID] = append(in.said[t.ID], o.Said(t, a, v))
		}
	}
	return verdicts
}

// settle writes what the verdicts mean for their tasks, and returns the alerts
// that they raise.
func (s *Requests) settle(ctx context.Context, tx pgx.Tx, in inbox, group []*letter) ([]alert.Alert, error) {
	var out settlement
	for _, l := range group {
		if err := s.gatherUp(ctx, tx, in, l, &out); err != nil {
			return nil, err
		}
	}
	if err := task.Save(ctx, tx, out.changed, s.now()); err != nil {
		return nil, err
	}
	if err := task.SaveOutcomes(ctx, tx, out.outcomes); err != nil {
		return nil, err
	}
	if err := audit.Append(ctx, tx, out.entries...); err != nil {
		return nil, err
	}
	return alert.RaiseUnplanned(ctx, tx, out.unplanned, s.now())
}

// settlement is everything that verdicts change.
type settlement struct {
	outcomes []task.Outcome
	entries  []audit.Entry
	changed  []task.Task

	unplanned []alert.Place
}

// consequences are what answers may mean for requests.
type consequences map[uuid.UUID]consequence

type consequence struct {
	ended bool // one of its tasks has
	back  bool // a follow-up found the person again
	doubt bool // a service contradicted what it had done
}

func (c consequence) and(o consequence) consequence {
	return consequence{c.ended || o.ended, c.back || o.back, c.doubt || o.doubt}
}

// gatherUp adds what the verdicts about one message change.
func (s *Requests) gatherUp(ctx context.Context, tx pgx.Tx, in inbox, l *letter, out *settlement) error {
	l.after = consequences{}
	for i, v := range l.verdicts {
		a := l.message.Answers[i]
		t, ok := in.tasks[a.Task]
		if ok && v.Disposition == answer.Duplicate {
			// What followed from the first may not have come to pass.
			again := t.Action == task.Probe && t.Wave >= in.requests[t.RequestID].wave(waveFollowUp) && found(a.Outcomes)
			l.after[t.RequestID] = l.after[t.RequestID].and(consequence{ended: t.State.Terminal(), back: again})
		}
		if !ok || v.Disposition == answer.Rejected || v.Disposition == answer.Duplicate || v.Disposition == answer.Late && len(v.Outcomes) == 0 {
			continue
		}
		if err := s.learn(ctx, tx, in.requests[t.RequestID], v); err != nil {
			return err
		}
		for _, o := range v.Outcomes {
			out.outcomes = append(out.outcomes, o.Said(t, a, v))
		}
		t.NextAt = nextWord(t, in.requests[t.RequestID], s.now())
		out.changed = append(out.changed, t)
		l.after[t.RequestID] = l.after[t.RequestID].and(consequence{
			ended: t.State.Terminal(), back: t.Action == task.Probe && found(v.Outcomes),
			doubt: v.Conflict && t.Action == task.Erase && t.Wave >= in.requests[t.RequestID].wave(0),
		})
		out.entries = append(out.entries, answered(l.by, t, l.message, a, v))
		for _, dataset := range v.Unplanned {
			out.unplanned = append(out.unplanned, alert.Place{Task: t.ID, Dataset: dataset})
		}
	}
	return nil
}

// pollAfterWord is how long after a sign of life a service is asked.
const pollAfterWord = 10 * time.Minute

// nextWord is when a task is looked at again after an answer. One that is to be
// sent again waits longer with each round, as one that cannot be delivered
// waits with each attempt: a service that fails for days is not called every
// few seconds.
func nextWord(t task.Task, r Request, now time.Time) time.Time {
	if t.State == task.Ready {
		return now.Add(queue.BackOff(t.Round, r.DueOn, now))
	}
	return now.Add(pollAfterWord)
}

func found(outcomes []answer.Dataset) bool {
	return slices.ContainsFunc(outcomes, func(o answer.Dataset) bool { return o.Outcome == "PRESENT" && o.Count > 0 })
}

func answered(by access.Principal, t task.Task, m answer.Message, a answer.Answer, v answer.Verdict) audit.Entry {
	amounts := map[string]int64{"seq": int64(a.Seq), "round": int64(t.Round), "datasets": int64(len(a.Outcomes))}
	if m.Polled {
		amounts["polled"] = 1
	}
	code := v.Code
	if code == "" {
		code = string(t.State)
	}
	return audit.Entry{Actor: by.ID, Act: "task.answered", Entity: t.Key, Request: t.RequestID, Code: code, Digest: m.Body, Amounts: amounts}
}

// learn adds what an identity service found to what is sealed of the person.
func (s *Requests) learn(ctx context.Context, tx pgx.Tx, r Request, v answer.Verdict) error {
	if len(v.Learned) == 0 {
		return nil
	}
	have, err := subject.Load(ctx, tx, s.vault, r.ID)
	if err != nil {
		return err
	}
	return subject.Save(ctx, tx, s.vault, r.ID, subject.Merge(have, v.Learned))
}

// checkParts refuses an export whose parts are not here, whole and as declared,
// or that is said to be done when they do not add up to what was exported. A
// unit of work that is repeated asks again: what was wrong may have arrived.
func (s *Requests) checkParts(ctx context.Context, tx pgx.Tx, in inbox, answers []answer.Answer) error {
	for i, a := range answers {
		answers[i].Refused = ""
		t, ok := in.tasks[a.Task]
		if !ok || t.Action != task.Export || s.parts == nil || t.State.Terminal() || a.Seq <= t.SeqSeen {
			continue
		}
		var exported map[uuid.UUID]int64
		if a.State == "DONE" {
			exported = exports(in.said[t.ID], a)
		}
		if len(a.Parts)+len(exported) == 0 {
			continue
		}
		err := s.parts(ctx, tx, t.Key, a.Parts, exported)
		if f, ok := errors.AsType[*fault.Fault](err); ok && f.Kind != fault.Internal {
			answers[i].Refused = f.Code
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// exports is how much of each dataset a service says it exported, in this
// answer or before.
func exports(said []task.Outcome, a answer.Answer) map[uuid.UUID]int64 {
	out := map[uuid.UUID]int64{}
	for dataset, o := range task.Current(said) {
		if o.Outcome == "EXPORTED" {
			out[dataset] = value(o.Count)
		}
	}
	for _, o := range a.Outcomes {
		if delete(out, o.Dataset); o.Outcome == "EXPORTED" {
			out[o.Dataset] = o.Count
		}
	}
	return out
}

// requestsOfTasks finds the requests that tasks belong to. Those whose answers
// change the request itself, by what is known of the person or by parts, are
// held; whether a request goes on is decided later, under its lock.
func requestsOfTasks(ctx context.Context, db postgres.DB, keys []uuid.UUID) (map[uuid.UUID]Request, error) {
	const q = `
		SELECT request_id, bool_or(action IN ('RESOLVE', 'EXPORT')) AS changed
		  FROM erasure_task
		 WHERE key = ANY($1)
		 GROUP BY request_id
		 ORDER BY request_id`
	type row struct {
		RequestID uuid.UUID
		Changed   bool
	}
	rows, err := postgres.Many[row](ctx, db, q, keys)
	if err != nil {
		return nil, err
	}
	var held, read []uuid.UUID
	for _, r := range rows {
		if r.Changed {
			held = append(held, r.RequestID)
		} else {
			read = append(read, r.RequestID)
		}
	}
	out, err := RequestsByID(ctx, db, read)
	if err != nil || len(held) == 0 {
		return out, err
	}
	locked, err := lockRequests(ctx, db, held)
	maps.Copy(out, locked)
	return out, err
}
