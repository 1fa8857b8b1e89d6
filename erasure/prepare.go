package erasure

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/personal"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// advance takes on a request that the caller has locked.
func (s *Requests) advance(ctx context.Context, tx pgx.Tx, r *Request) error {
	switch r.State {
	case Verified:
		return s.prepare(ctx, tx, r, nil)
	case Blocked:
		return s.counted(ctx, tx, r)
	case Executing:
		return s.execute(ctx, tx, r)
	case Verifying:
		return s.verify(ctx, tx, r)
	}
	return nil
}

// prepare resolves the person's identifiers, finds out whether a request for
// the same person is open, asks services what they hold, and freezes the plan.
// Every identifier is captured before anything is deleted, and without all the
// answers of the identity services nothing goes on. For held see mergeInto.
func (s *Requests) prepare(ctx context.Context, tx pgx.Tx, r *Request, held map[uuid.UUID]Request) error {
	types, err := subject.Types(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	done, err := tasks(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	waits, err := s.resolve(ctx, tx, r, types, done)
	if err != nil || waits {
		return err
	}
	if merged, err := s.mergeInto(ctx, tx, r, held); err != nil || merged {
		return err
	}
	f, err := s.gather(ctx, tx, *r, types)
	if err != nil {
		return err
	}
	if waits, err := s.locate(ctx, tx, r, f, done); err != nil || waits {
		return err
	}
	return s.freeze(ctx, tx, r, f)
}

// resolve asks each identity service once. It reports whether their answers
// are still awaited, or a person's decision is. One that cannot be asked stops
// the request: only one that a person disabled is left out.
func (s *Requests) resolve(ctx context.Context, tx pgx.Tx, r *Request, types []string, all []task.Task) (bool, error) {
	wave := r.planning(waveResolve)
	asked := inWave(of(all, task.Resolve), wave)
	services, err := personal.IdentityServices(ctx, tx, r.ControllerID)
	if err != nil {
		return true, err
	}
	var todo []task.Assignment
	for _, svc := range services {
		if svc.State == catalog.Active && overlap(svc.IdentifierTypes, types) && !asks(asked, svc.ID) {
			todo = append(todo, task.Assignment{Service: svc.ID, Action: task.Resolve, Wave: wave, State: task.Ready, NextAt: s.now()})
		}
	}
	if len(todo) > 0 {
		return true, s.assign(ctx, tx, r.ID, todo)
	}
	if deaf(services, types, asked) {
		return true, s.block(ctx, tx, r, ResolveFailed)
	}
	if !terminal(asked) {
		return true, nil
	}
	for _, t := range asked {
		switch {
		case t.State.Stopped():
			return true, s.block(ctx, tx, r, ResolveFailed)
		case value(t.Code) == answer.CodeTwoPeople && !r.accepts(TwoPeople):
			return true, s.block(ctx, tx, r, TwoPeople)
		}
	}
	return false, nil
}

func asks(asked []task.Task, service uuid.UUID) bool {
	return slices.ContainsFunc(asked, func(t task.Task) bool { return t.ServiceID == service })
}

// locate asks everybody who will be asked how much they hold. A service that
// does not say in time does not hold up the plan: its count is unknown, which
// is for a person where a usual count is known.
func (s *Requests) locate(ctx context.Context, tx pgx.Tx, r *Request, f facts, all []task.Task) (bool, error) {
	wave := r.planning(waveLocate)
	asked := inWave(of(all, task.Locate), wave)
	byService := map[uuid.UUID][]uuid.UUID{}
	for _, n := range draft(f) {
		if (n.Kind == Ask || n.Kind == Keep) && !asks(asked, *n.ServiceID) {
			byService[*n.ServiceID] = append(byService[*n.ServiceID], n.DatasetID)
		}
	}
	var todo []task.Assignment
	for svc, datasets := range byService {
		todo = append(todo, task.Assignment{Service: svc, Action: task.Locate, Wave: wave, State: task.Ready, NextAt: s.now(), Datasets: datasets})
	}
	if len(todo) > 0 {
		slices.SortFunc(todo, func(a, b task.Assignment) int { return slices.Compare(a.Service[:], b.Service[:]) })
		if err := s.postAt(ctx, tx, progress{r.ID}, s.now().Add(s.conf.LocatePatience)); err != nil {
			return true, err
		}
		return true, s.assign(ctx, tx, r.ID, todo)
	}
	if len(asked) == 0 || terminal(asked) {
		return false, nil
	}
	if s.now().Before(locatingSince(asked).Add(s.conf.LocatePatience)) {
		return true, nil
	}
	if r.Kind == Erasure && !r.accepts(CountUnknown) && len(uncounted(f)) > 0 {
		return true, s.block(ctx, tx, r, CountUnknown) // and goes on by itself if they are counted after all
	}
	_, err := task.Cancel(ctx, tx, r.ID, []task.Action{task.Locate}, "NOT_LOCATED")
	return false, err
}

// assign makes tasks and wakes the pumps of their services.
func (s *Requests) assign(ctx context.Context, tx pgx.Tx, request uuid.UUID, todo []task.Assignment) error {
	if len(todo) == 0 {
		return nil
	}
	if err := task.Insert(ctx, tx, request, todo); err != nil {
		return err
	}
	var services []uuid.UUID
	for _, a := range todo {
		if a.State == task.Ready {
			services = append(services, a.Service)
		}
	}
	return s.pump(ctx, tx, services...)
}

// freeze writes the plan with its digest, unless something about it is so
// unusual that a person must look first.
func (s *Requests) freeze(ctx context.Context, tx pgx.Tx, r *Request, f facts) error {
	if why, err := s.unusual(ctx, tx, *r, f); err != nil || why != "" {
		if err != nil {
			return err
		}
		return s.block(ctx, tx, r, why)
	}
	if err := s.writePlan(ctx, tx, r, f); err != nil {
		return err
	}
	return s.move(ctx, tx, access.System, r, Planned, "")
}

// gather reads everything that the plan of r follows from.
func (s *Requests) gather(ctx context.Context, db postgres.DB, r Request, types []string) (facts, error) {
	f := facts{kind: r.Kind, types: types, dueOn: r.DueOn, basis: value(r.PlannedAt)}
	var err error
	if f.datasets, err = personal.Datasets(ctx, db, r.ControllerID); err != nil {
		return f, err
	}
	var datasets, services []uuid.UUID
	for _, d := range f.datasets {
		datasets, services = append(datasets, d.ID), append(services, d.ServiceID)
	}
	if f.services, err = catalog.ServicesByID(ctx, db, services); err != nil {
		return f, err
	}
	if f.reads, err = catalog.ObservedReads(ctx, db, datasets); err != nil {
		return f, err
	}
	if f.declared, err = declaredReaders(ctx, db, datasets); err != nil {
		return f, err
	}
	f.counts, err = located(ctx, db, r)
	return f, err
}

func declaredReaders(ctx context.Context, db postgres.DB, datasets []uuid.UUID) (map[reader]bool, error) {
	found, err := catalog.DeclaredReaders(ctx, db, datasets)
	out := make(map[reader]bool, len(found))
	for _, d := range found {
		out[reader{d.ServiceID, d.DatasetID}] = true
	}
	return out, err
}

// located is what services said they hold, by dataset, when they were last
// asked.
func located(ctx context.Context, db postgres.DB, r Request) (map[uuid.UUID]int64, error) {
	const q = `
		SELECT DISTINCT ON (o.dataset_id) o.dataset_id, coalesce(o.count, 0) AS count
		  FROM erasure_outcome o
		  JOIN erasure_task t ON t.id = o.task_id
		 WHERE t.request_id = $1 AND t.action = 'LOCATE' AND t.wave = $2 AND NOT o.conflict
		 ORDER BY o.dataset_id, o.round DESC, o.seq DESC`
	type row struct {
		DatasetID uuid.UUID
		Count     int64
	}
	rows, err := postgres.Many[row](ctx, db, q, r.ID, r.planning(waveLocate))
	out := make(map[uuid.UUID]int64, len(rows))
	for _, l := range rows {
		out[l.DatasetID] = l.Count
	}
	return out, err
}

// locatingSince is when the last service was asked what it holds.
func locatingSince(asked []task.Task) (last time.Time) {
	for _, t := range asked {
		if t.WaitsSince.After(last) {
			last = t.WaitsSince
		}
	}
	return last
}

func insertNodes(ctx context.Context, db postgres.DB, request uuid.UUID, planNo int, nodes []Node) error {
	const q = `
		INSERT INTO erasure_node (request_id, plan_no, no, kind, dataset_id, service_id, action, wave, reason, reader, dismissal_id, count, ground, until, effective_by)
		SELECT $1, $2, n.no, n.kind, n.dataset_id, n.service_id, n.action, n.wave, n.reason, n.reader, n.dismissal_id, n.count, n.ground, n.until, n.effective_by
		  FROM unnest($3::int[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::smallint[], $9::text[], $10::text[], $11::uuid[], $12::bigint[], $13::text[], $14::date[], $15::date[])
		       AS n (no, kind, dataset_id, service_id, action, wave, reason, reader, dismissal_id, count, ground, until, effective_by)`
	c := len(nodes)
	nos, kinds, datasets, services := make([]int32, c), make([]string, c), make([]uuid.UUID, c), make([]*uuid.UUID, c)
	actions, waves, reasons, readers, dismissals := make([]*task.Action, c), make([]*int, c), make([]string, c), make([]*string, c), make([]*uuid.UUID, c)
	counts, grounds, untils, effective := make([]*int64, c), make([]*string, c), make([]*time.Time, c), make([]*time.Time, c)
	for i, n := range nodes {
		nos[i], kinds[i], datasets[i], services[i] = int32(n.No), string(n.Kind), n.DatasetID, n.ServiceID
		actions[i], waves[i], reasons[i], readers[i], dismissals[i] = n.Action, n.Wave, n.Reason, n.Reader, n.DismissalID
		counts[i], grounds[i], untils[i], effective[i] = n.Count, n.Ground, n.Until, n.EffectiveBy
	}
	_, err := db.Exec(ctx, q, request, planNo, nos, kinds, datasets, services, actions, waves, reasons, readers, dismissals, counts, grounds, untils, effective)
	return err
}

// NodesOf lists the nodes of the current plans of several requests.
func NodesOf(ctx context.Context, db postgres.DB, requests []uuid.UUID) (map[uuid.UUID][]Node, error) {
	const q = `
		SELECT n.request_id, n.plan_no, n.no, n.kind, n.dataset_id, n.service_id, n.action, n.wave, n.reason, n.reader, n.dismissal_id,
		       n.count, n.ground, n.until, n.effective_by
		  FROM erasure_node n
		  JOIN erasure_request r ON r.id = n.request_id AND r.plan_no = n.plan_no
		 WHERE n.request_id = ANY($1)
		 ORDER BY n.request_id, n.no`
	rows, err := postgres.Many[Node](ctx, db, q, requests)
	return postgres.GroupBy(rows, func(n Node) uuid.UUID { return n.RequestID }), err
}

func nodesOf(ctx context.Context, db postgres.DB, request uuid.UUID) ([]Node, error) {
	found, err := NodesOf(ctx, db, []uuid.UUID{request})
	return found[request], err
}
