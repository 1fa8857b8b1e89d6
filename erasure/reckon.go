package erasure

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/postgres"
)

// reckoning is what a request has come to: its plan, everything that services
// said, and the last word about each dataset.
type reckoning struct {
	names
	nodes   []Node
	said    map[int64][]task.Outcome // by task; other requests' too
	final   map[uuid.UUID]task.Outcome
	stopped bool // something was left: a task that stopped, a contradiction, residue
}

// names are what the ids of plans stand for.
type names struct {
	datasets    map[uuid.UUID]catalog.Dataset
	services    map[uuid.UUID]catalog.Service
	controllers map[uuid.UUID]catalog.Controller
}

func (k reckoning) outcome(r Request) Outcome { return conclude(r, k.nodes, k.final, k.stopped) }

// reckon is what r has come to, from all of its tasks.
func reckon(ctx context.Context, db postgres.DB, r Request, all []task.Task) (reckoning, error) {
	if j, ok := db.(*journal); ok {
		if k, known := j.reckoned[r.ID]; known {
			return k, nil
		}
	}
	found, err := reckonAll(ctx, db, []Request{r}, map[uuid.UUID][]task.Task{r.ID: all})
	return found[r.ID], err
}

// reckonAll reads what several requests have come to, in as many statements as
// for one.
func reckonAll(ctx context.Context, db postgres.DB, rs []Request, all map[uuid.UUID][]task.Task) (map[uuid.UUID]reckoning, error) {
	var requests []uuid.UUID
	var tasks []int64
	for _, r := range rs {
		requests = append(requests, r.ID)
		for _, t := range all[r.ID] {
			tasks = append(tasks, t.ID)
		}
	}
	nodes, err := NodesOf(ctx, db, requests)
	if err != nil {
		return nil, err
	}
	said, err := task.OutcomesOf(ctx, db, tasks)
	if err != nil {
		return nil, err
	}
	n, err := namesOf(ctx, db, rs, nodes, all)
	if err != nil {
		return nil, err
	}
	damaged, err := partsDamaged(ctx, db, rs)
	if err != nil {
		return nil, err
	}
	out := make(map[uuid.UUID]reckoning, len(rs))
	for _, r := range rs {
		k := reckoning{names: n, nodes: nodes[r.ID], said: said}
		k.final, k.stopped = finals(said, r.doing(all[r.ID]))
		// Somebody said erased, and it is still there; or handed something over
		// that cannot be read.
		k.stopped = k.stopped || len(residue(said, r.lastProbes(all[r.ID]))) > 0 || slices.Contains(damaged, r.ID)
		out[r.ID] = k
	}
	return out, nil
}

// partsDamaged lists the requests of which something that was handed over
// cannot be read, so that the data subject does not get it.
func partsDamaged(ctx context.Context, db postgres.DB, rs []Request) ([]uuid.UUID, error) {
	const q = `SELECT DISTINCT request_id FROM erasure_part WHERE request_id = ANY($1) AND state = 'QUARANTINED' ORDER BY request_id`
	var exports []uuid.UUID
	for _, r := range rs {
		if r.Kind != Erasure {
			exports = append(exports, r.ID)
		}
	}
	if len(exports) == 0 {
		return nil, nil
	}
	return postgres.Scalars[uuid.UUID](ctx, db, q, exports)
}

func namesOf(ctx context.Context, db postgres.DB, rs []Request, nodes map[uuid.UUID][]Node, all map[uuid.UUID][]task.Task) (n names, err error) {
	datasets, services, controllers := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
	for _, r := range rs {
		controllers[r.ControllerID] = true
		for _, node := range nodes[r.ID] {
			datasets[node.DatasetID] = true
			if node.ServiceID != nil {
				services[*node.ServiceID] = true
			}
		}
		for _, t := range all[r.ID] {
			services[t.ServiceID] = true
		}
	}
	if n.datasets, err = catalog.DatasetsByID(ctx, db, keys(datasets)); err != nil {
		return n, err
	}
	if n.services, err = catalog.ServicesByID(ctx, db, keys(services)); err != nil {
		return n, err
	}
	n.controllers, err = catalog.ControllersByID(ctx, db, keys(controllers))
	return n, err
}

func keys(set map[uuid.UUID]bool) []uuid.UUID {
	out := make([]uuid.UUID, 0, len(set))
	for id := range set {
		out = append(out, id)
	}
	return out
}

// finals is the last word about each dataset over all rounds of the work, and
// whether a task stopped or contradicts itself.
func finals(said map[int64][]task.Outcome, work []task.Task) (map[uuid.UUID]task.Outcome, bool) {
	stopped := false
	final := map[uuid.UUID]task.Outcome{}
	for _, t := range work { // in the order of their waves: later work overrides
		stopped = stopped || t.State != task.Done || value(t.Code) == task.CodeConflict
		for dataset, o := range task.Current(said[t.ID]) {
			final[dataset] = o
		}
	}
	return final, stopped
}

// residue lists, by service, the datasets in which a probe found the person.
func residue(said map[int64][]task.Outcome, probes []task.Task) map[uuid.UUID][]uuid.UUID {
	left := map[uuid.UUID][]uuid.UUID{}
	for _, t := range probes {
		for dataset, o := range task.Current(said[t.ID]) {
			if o.Outcome == "PRESENT" && value(o.Count) > 0 {
				left[t.ServiceID] = append(left[t.ServiceID], dataset)
			}
		}
	}
	return left
}
