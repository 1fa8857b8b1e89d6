package erasure

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// Advance takes a request as far as it can go without waiting for anybody.
// It may be called at any time, any number of times.
func (s *Requests) Advance(ctx context.Context, request uuid.UUID) error {
	return postgres.Work(ctx, s.db, func(tx pgx.Tx) error { return s.AdvanceTx(ctx, tx, request) })
}

// AdvanceTx is Advance within the caller's unit of work.
func (s *Requests) AdvanceTx(ctx context.Context, tx pgx.Tx, request uuid.UUID) error {
	r, err := lockRequest(ctx, tx, request)
	if err != nil {
		return err
	}
	return s.advance(ctx, tx, &r)
}

func (s *Requests) advance(ctx context.Context, tx pgx.Tx, r *Request) error {
	switch r.State {
	case Verified:
		return s.prepare(ctx, tx, r)
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
// answers of the identity services nothing goes on.
func (s *Requests) prepare(ctx context.Context, tx pgx.Tx, r *Request) error {
	types, err := subjectTypes(ctx, tx, r.ID)
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
	if merged, err := s.mergeInto(ctx, tx, r); err != nil || merged {
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
// are still awaited, or a person's decision is.
func (s *Requests) resolve(ctx context.Context, tx pgx.Tx, r *Request, types []string, all []Task) (bool, error) {
	asked := of(all, Resolve)
	services, err := catalog.IdentityServices(ctx, tx, r.ControllerID)
	if err != nil {
		return true, err
	}
	var todo []assignment
	for _, svc := range services {
		if svc.State == catalog.Active && overlap(svc.IdentifierTypes, types) && !asks(asked, svc.ID) {
			todo = append(todo, assignment{service: svc.ID, action: Resolve, wave: waveResolve, state: TaskReady, nextAt: s.now()})
		}
	}
	if len(todo) > 0 {
		return true, s.assign(ctx, tx, r.ID, todo)
	}
	if !terminal(asked) {
		return true, nil
	}
	for _, t := range asked {
		switch {
		case t.State.Stopped():
			return true, s.block(ctx, tx, r, ResolveFailed)
		case value(t.Code) == codeTwoPeople && !r.UnusualAccepted:
			return true, s.block(ctx, tx, r, TwoPeople)
		}
	}
	return false, nil
}

func asks(asked []Task, service uuid.UUID) bool {
	return slices.ContainsFunc(asked, func(t Task) bool { return t.ServiceID == service })
}

const codeTwoPeople = "TWO_PEOPLE"

// locate asks everybody who will be asked how much they hold. A service that
// does not say in time does not hold up the plan: its count is unknown.
func (s *Requests) locate(ctx context.Context, tx pgx.Tx, r *Request, f facts, all []Task) (bool, error) {
	asked := of(all, Locate)
	byService := map[uuid.UUID][]uuid.UUID{}
	for _, n := range draft(f) {
		if (n.Kind == Ask || n.Kind == Keep) && !asks(asked, *n.ServiceID) {
			byService[*n.ServiceID] = append(byService[*n.ServiceID], n.DatasetID)
		}
	}
	var todo []assignment
	for svc, datasets := range byService {
		todo = append(todo, assignment{service: svc, action: Locate, wave: waveLocate, state: TaskReady, nextAt: s.now(), datasets: datasets})
	}
	if len(todo) > 0 {
		slices.SortFunc(todo, func(a, b assignment) int { return slices.Compare(a.service[:], b.service[:]) })
		if err := s.postAt(ctx, tx, Progress{r.ID}, s.now().Add(s.conf.LocatePatience)); err != nil {
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
	_, err := cancelTasks(ctx, tx, r.ID, []Action{Locate}, "NOT_LOCATED")
	return false, err
}

// assign makes tasks and wakes the pumps of their services.
func (s *Requests) assign(ctx context.Context, tx pgx.Tx, request uuid.UUID, todo []assignment) error {
	if len(todo) == 0 {
		return nil
	}
	if err := insertTasks(ctx, tx, request, todo); err != nil {
		return err
	}
	var services []uuid.UUID
	for _, a := range todo {
		if a.state == TaskReady {
			services = append(services, a.service)
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

// unusual is the guard against erasing the wrong person: counts far above what
// one person usually has, or more erasures in a day than the controller allows
// itself without a second look.
func (s *Requests) unusual(ctx context.Context, db postgres.DB, r Request, f facts) (Block, error) {
	if r.UnusualAccepted || r.Kind != Erasure {
		return "", nil
	}
	for _, d := range f.datasets {
		if d.UsualMax != nil && f.counts[d.ID] > *d.UsualMax {
			return CountUnusual, nil
		}
	}
	today, controller, err := s.today(ctx, db, r)
	if err != nil {
		return "", err
	}
	zone, err := time.LoadLocation(controller.TimeZone)
	if err != nil {
		return "", err
	}
	midnight := time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, zone)
	planned, err := plannedSince(ctx, db, r.ControllerID, midnight)
	if err != nil {
		return "", err
	}
	if planned >= controller.DailyCeiling {
		return DailyCeiling, nil
	}
	return "", nil
}

// gather reads everything that the plan of r follows from.
func (s *Requests) gather(ctx context.Context, db postgres.DB, r Request, types []string) (facts, error) {
	f := facts{kind: r.Kind, types: types, dueOn: r.DueOn, basis: value(r.PlannedAt)}
	var err error
	if f.datasets, err = catalog.PersonalDatasets(ctx, db, r.ControllerID); err != nil {
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
	f.counts, err = located(ctx, db, r.ID)
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

// located is what services said they hold, by dataset.
func located(ctx context.Context, db postgres.DB, request uuid.UUID) (map[uuid.UUID]int64, error) {
	const q = `
		SELECT DISTINCT ON (o.dataset_id) o.dataset_id, coalesce(o.count, 0) AS count
		  FROM erasure_outcome o
		  JOIN erasure_task t ON t.id = o.task_id
		 WHERE t.request_id = $1 AND t.action = 'LOCATE' AND NOT o.conflict
		 ORDER BY o.dataset_id, o.round DESC, o.seq DESC`
	type row struct {
		DatasetID uuid.UUID
		Count     int64
	}
	rows, err := postgres.Many[row](ctx, db, q, request)
	out := make(map[uuid.UUID]int64, len(rows))
	for _, r := range rows {
		out[r.DatasetID] = r.Count
	}
	return out, err
}

// locatingSince is when the last service was asked what it holds.
func locatingSince(asked []Task) time.Time {
	last := asked[0].Key.Time()
	for _, t := range asked {
		last = max(last, t.Key.Time())
	}
	return time.Unix(last.UnixTime())
}

func plannedSince(ctx context.Context, db postgres.DB, controller uuid.UUID, since time.Time) (int, error) {
	const q = `SELECT count(*)::int FROM erasure_request WHERE controller_id = $1 AND kind = 'ERASURE' AND planned_at >= $2`
	return postgres.Scalar[int](ctx, db, q, controller, since)
}

func subjectTypes(ctx context.Context, db postgres.DB, request uuid.UUID) ([]string, error) {
	const q = `SELECT types FROM erasure_subject WHERE request_id = $1`
	return postgres.Scalar[[]string](ctx, db, q, request)
}

// mergeInto merges r into an older open request for the same person, if there
// is one. Both keep their own day of receipt; the earliest due date governs.
func (s *Requests) mergeInto(ctx context.Context, tx pgx.Tx, r *Request) (bool, error) {
	others, err := sameSubject(ctx, tx, *r)
	if err != nil || len(others) == 0 {
		return false, err
	}
	into, err := RequestByID(ctx, tx, others[0])
	if err != nil || into.Final() {
		return false, err
	}
	if err := lowerDue(ctx, tx, into.ID, r.DueOn); err != nil {
		return false, err
	}
	if _, err := cancelTasks(ctx, tx, r.ID, []Action{Resolve, Locate}, "MERGED"); err != nil {
		return false, err
	}
	r.MergedInto = &into.ID
	r.KeyDestroyOn = ptr(r.ReceivedOn.Add(s.conf.KeyPeriod))
	if err := insertNotice(ctx, tx, r.ID, NoticeMerged, r.DueOn); err != nil {
		return false, err
	}
	if err := forgetMarks(ctx, tx, r.ID); err != nil {
		return false, err
	}
	return true, s.move(ctx, tx, access.System, r, Merged, "SAME_PERSON")
}

func lowerDue(ctx context.Context, db postgres.DB, request uuid.UUID, due time.Time) error {
	const q = `UPDATE erasure_request SET due_on = $2, rev = rev + 1 WHERE id = $1 AND due_on > $2`
	_, err := db.Exec(ctx, q, request, due)
	return err
}

func insertNodes(ctx context.Context, db postgres.DB, request uuid.UUID, planNo int, nodes []Node) error {
	const q = `
		INSERT INTO erasure_node (request_id, plan_no, no, kind, dataset_id, service_id, action, wave, reason, reader, count, ground, until, effective_by)
		SELECT $1, $2, n.no, n.kind, n.dataset_id, n.service_id, n.action, n.wave, n.reason, n.reader, n.count, n.ground, n.until, n.effective_by
		  FROM unnest($3::int[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::smallint[], $9::text[], $10::text[], $11::bigint[], $12::text[], $13::date[], $14::date[])
		       AS n (no, kind, dataset_id, service_id, action, wave, reason, reader, count, ground, until, effective_by)`
	c := len(nodes)
	nos, kinds, datasets, services := make([]int32, c), make([]string, c), make([]uuid.UUID, c), make([]*uuid.UUID, c)
	actions, waves, reasons, readers := make([]*Action, c), make([]*int, c), make([]string, c), make([]*string, c)
	counts, grounds, untils, effective := make([]*int64, c), make([]*string, c), make([]*time.Time, c), make([]*time.Time, c)
	for i, n := range nodes {
		nos[i], kinds[i], datasets[i], services[i] = int32(n.No), string(n.Kind), n.DatasetID, n.ServiceID
		actions[i], waves[i], reasons[i], readers[i] = n.Action, n.Wave, n.Reason, n.Reader
		counts[i], grounds[i], untils[i], effective[i] = n.Count, n.Ground, n.Until, n.EffectiveBy
	}
	_, err := db.Exec(ctx, q, request, planNo, nos, kinds, datasets, services, actions, waves, reasons, readers, counts, grounds, untils, effective)
	return err
}

// NodesOf lists the nodes of the current plans of several requests.
func NodesOf(ctx context.Context, db postgres.DB, requests []uuid.UUID) (map[uuid.UUID][]Node, error) {
	const q = `
		SELECT n.request_id, n.plan_no, n.no, n.kind, n.dataset_id, n.service_id, n.action, n.wave, n.reason, n.reader,
		       n.count, n.ground, n.until, n.effective_by
		  FROM erasure_node n
		  JOIN erasure_request r ON r.id = n.request_id AND r.plan_no = n.plan_no
		 WHERE n.request_id = ANY($1)
		 ORDER BY n.request_id, n.no`
	rows, err := postgres.Many[Node](ctx, db, q, requests)
	return groupBy(rows, func(n Node) uuid.UUID { return n.RequestID }), err
}

func nodesOf(ctx context.Context, db postgres.DB, request uuid.UUID) ([]Node, error) {
	found, err := NodesOf(ctx, db, []uuid.UUID{request})
	return found[request], err
}

func of(all []Task, action Action) []Task {
	var out []Task
	for _, t := range all {
		if t.Action == action {
			out = append(out, t)
		}
	}
	return out
}

func terminal(all []Task) bool {
	return !slices.ContainsFunc(all, func(t Task) bool { return !t.State.Terminal() })
}
