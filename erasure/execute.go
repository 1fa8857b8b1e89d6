package erasure

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/postgres"

	"github.com/flowmart/lethe/internal/access"
)

// execute opens the waves of an approved plan one after the other, and takes
// the request on when the last task is done.
func (s *Requests) execute(ctx context.Context, tx pgx.Tx, r *Request) error {
	all, err := tasks(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	return s.executeWith(ctx, tx, r, all)
}

// executeWith is execute for a caller that has read the tasks.
func (s *Requests) executeWith(ctx context.Context, tx pgx.Tx, r *Request, all []task.Task) error {
	work := r.doing(all)
	if !terminal(work) {
		return s.openWaves(ctx, tx, *r, work)
	}
	switch {
	case slices.ContainsFunc(work, task.Task.Stuck) && r.ClosedWithGapsBy == nil:
		return s.block(ctx, tx, r, TaskStopped)
	case r.Kind != Erasure && len(work) > 0:
		return s.post(ctx, tx, Pack{r.ID})
	case s.conf.NoProbes:
		return s.finish(ctx, tx, r, all)
	}
	return s.probe(ctx, tx, r, all)
}

// doing are the tasks that carry the plan of r out, this time round.
func (r Request) doing(all []task.Task) []task.Task {
	return slices.DeleteFunc(slices.Clone(all), func(t task.Task) bool {
		return t.Action != task.Erase && t.Action != task.Export || t.Wave < r.wave(0)
	})
}

// openWaves lets the next wave go once the waves before it are done. A service
// that does not answer holds the next wave up for a while only, so that its
// copies are not kept for weeks because one service is down; the directory
// goes last, whatever it takes.
func (s *Requests) openWaves(ctx context.Context, tx pgx.Tx, r Request, work []task.Task) error {
	if _, ok := nextWave(work); !ok {
		return nil
	}
	if r.Kind == Erasure {
		// What an open access request must still hand over is not erased first.
		if hold, err := accessOpen(ctx, tx, r); err != nil || hold {
			return err
		}
	}
	for {
		wave, ok := nextWave(work)
		if !ok {
			return nil
		}
		before := slices.DeleteFunc(slices.Clone(work), func(t task.Task) bool { return t.Wave >= wave })
		if !terminal(before) && (wave == r.wave(waveDirectory) || !s.outwaited(before)) {
			return nil
		}
		services, err := task.Open(ctx, tx, r.ID, wave, s.now())
		if err != nil {
			return err
		}
		for i := range work {
			if work[i].Wave == wave && work[i].State == task.Waiting {
				work[i].State, work[i].NextAt = task.Ready, s.now()
			}
		}
		if err := s.pump(ctx, tx, services...); err != nil {
			return err
		}
	}
}

// nextWave is the earliest wave that has not opened.
func nextWave(work []task.Task) (int, bool) {
	wave, found := 0, false
	for _, t := range work {
		if t.State == task.Waiting && (!found || t.Wave < wave) {
			wave, found = t.Wave, true
		}
	}
	return wave, found
}

// outwaited reports whether every unfinished task has been tried for longer
// than a wave waits.
func (s *Requests) outwaited(before []task.Task) bool {
	for _, t := range before {
		if t.State.Terminal() {
			continue
		}
		if made := time.Unix(t.Key.Time().UnixTime()); t.Attempt == 0 || s.now().Before(made.Add(s.conf.WavePatience)) {
			return false
		}
	}
	return true
}

// accessOpen reports whether the same person's request for access or
// portability is still open.
func accessOpen(ctx context.Context, db postgres.DB, r Request) (bool, error) {
	const q = `
		SELECT EXISTS (
			SELECT FROM erasure_request o
			 WHERE o.kind <> 'ERASURE' AND o.controller_id = $2 AND o.state NOT IN ('RECEIVED', 'IDENTITY_PENDING', 'CLOSED', 'MERGED')
			   AND EXISTS (SELECT FROM erasure_mark a JOIN erasure_mark b USING (mark) WHERE a.request_id = $1 AND b.request_id = o.id))`
	return postgres.Scalar[bool](ctx, db, q, r.ID, r.ControllerID)
}

// denied are the outcomes that cannot be true of a dataset in which the service
// itself had counted the person's data: a probe finds out.
var denied = []string{"NOT_FOUND", "NOT_APPLICABLE"}

// probe asks every service that erased something, or denies what it had
// counted, whether anything is left. If nobody did there is nothing to ask.
func (s *Requests) probe(ctx context.Context, tx pgx.Tx, r *Request, all []task.Task) error {
	todo, err := s.probes(ctx, tx, *r, all, r.wave(waveProbe), s.now().Add(s.conf.ProbeDelay))
	if err != nil {
		return err
	}
	if len(todo) == 0 {
		return s.finish(ctx, tx, r, all)
	}
	if err := s.move(ctx, tx, access.System, r, Verifying, ""); err != nil {
		return err
	}
	return s.assign(ctx, tx, r.ID, todo)
}

// probes lists whom to ask about which datasets that must hold nothing now.
func (s *Requests) probes(ctx context.Context, db postgres.DB, r Request, all []task.Task, wave int, at time.Time) ([]task.Assignment, error) {
	k, err := reckon(ctx, db, r, all)
	if err != nil {
		return nil, err
	}
	gone := goneDatasets(k, r.doing(all))
	for _, t := range all {
		if t.Action == task.Probe && t.Wave >= wave && t.Wave < r.wave(waveFollowUp) {
			wave = t.Wave + 2
		}
	}
	var todo []task.Assignment
	for svc, datasets := range gone {
		todo = append(todo, task.Assignment{Service: svc, Action: task.Probe, Wave: wave, State: task.Ready, NextAt: at, Datasets: datasets})
	}
	slices.SortFunc(todo, func(a, b task.Assignment) int { return slices.Compare(a.Service[:], b.Service[:]) })
	return todo, nil
}

// goneDatasets lists, by service, the datasets that it said are erased, or
// erased in part, and those that it denies to hold though it had counted there.
func goneDatasets(k reckoning, work []task.Task) map[uuid.UUID][]uuid.UUID {
	located := map[uuid.UUID]bool{}
	for _, n := range k.nodes {
		located[n.DatasetID] = located[n.DatasetID] || value(n.Count) > 0
	}
	gone := map[uuid.UUID][]uuid.UUID{}
	for _, t := range work {
		for dataset, o := range task.Current(k.said[t.ID]) {
			doubtful := o.Outcome == "PARTIALLY_ERASED" || located[dataset] && slices.Contains(denied, o.Outcome)
			if (o.Gone() || doubtful) && !slices.Contains(gone[t.ServiceID], dataset) {
				gone[t.ServiceID] = append(gone[t.ServiceID], dataset)
			}
		}
	}
	for _, datasets := range gone {
		slices.SortFunc(datasets, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	}
	return gone
}

// verify reads the probes. Clean ones close the request. Residue is erased
// once more, under new tasks; residue after that is for a person.
func (s *Requests) verify(ctx context.Context, tx pgx.Tx, r *Request) error {
	all, err := tasks(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	return s.verifyWith(ctx, tx, r, all)
}

// verifyWith is verify for a caller that has read the tasks.
func (s *Requests) verifyWith(ctx context.Context, tx pgx.Tx, r *Request, all []task.Task) error {
	if !terminal(r.lastProbes(all)) || !terminal(r.doing(all)) {
		return nil
	}
	last := r.lastProbes(all)
	if len(last) == 0 {
		return s.finish(ctx, tx, r, all)
	}
	if slices.ContainsFunc(last, func(t task.Task) bool { return t.State.Stopped() }) && r.ClosedWithGapsBy == nil {
		return s.block(ctx, tx, r, TaskStopped)
	}
	k, err := reckon(ctx, tx, *r, all)
	if err != nil {
		return err
	}
	left := residue(k.said, last)
	switch {
	case len(left) == 0 || r.ClosedWithGapsBy != nil:
		return s.finish(ctx, tx, r, all)
	case last[0].Wave > r.wave(waveProbe):
		return s.block(ctx, tx, r, Residue)
	}
	if err := s.move(ctx, tx, access.System, r, Executing, "RESIDUE"); err != nil {
		return err
	}
	return s.eraseLeft(ctx, tx, *r, left, last[0].Wave+1)
}

// eraseLeft has what probes found erased, by tasks of their own.
func (s *Requests) eraseLeft(ctx context.Context, tx pgx.Tx, r Request, left map[uuid.UUID][]uuid.UUID, wave int) error {
	var todo []task.Assignment
	for svc, datasets := range left {
		todo = append(todo, task.Assignment{Service: svc, Action: task.Erase, Wave: wave, State: task.Ready, NextAt: s.now(), Datasets: datasets})
	}
	return s.assign(ctx, tx, r.ID, todo)
}

// lastProbes are the probes of the latest wave.
func (r Request) lastProbes(all []task.Task) []task.Task {
	probes := slices.DeleteFunc(of(all, task.Probe), func(t task.Task) bool { return t.Wave < r.wave(0) || t.Wave >= r.wave(waveFollowUp) })
	wave := 0
	for _, t := range probes {
		wave = max(wave, t.Wave)
	}
	return slices.DeleteFunc(probes, func(t task.Task) bool { return t.Wave != wave })
}
