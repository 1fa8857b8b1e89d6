package erasure

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/personal"
	"github.com/flowmart/lethe/erasure/task"
)

// randomFacts draws a catalog of any shape.
func randomFacts(r *rand.Rand) facts {
	pick := func(n int) bool { return r.IntN(n) == 0 }
	f := facts{kind: []Kind{Erasure, Access, Portability}[r.IntN(3)], types: []string{"customer_id"}, basis: time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC),
		dueOn: time.Date(2026, 4, 7, 0, 0, 0, 0, time.UTC), services: map[uuid.UUID]catalog.Service{}, declared: map[reader]bool{}, counts: map[uuid.UUID]int64{}}
	var services []uuid.UUID
	for i := range 1 + r.IntN(8) {
		s := catalog.Service{ID: uuid.New(), Ref: fmt.Sprint("s", i), State: catalog.Active, Endpoint: ptr("https://s.example"), IdentifierTypes: []string{"customer_id"}}
		if pick(4) {
			s.State = []catalog.ServiceState{catalog.Declared, catalog.Disabled}[r.IntN(2)]
		}
		if pick(4) {
			s.IdentifierTypes = []string{"phone"}
		}
		if pick(5) {
			s.Resolves = []string{"customer_id"}
		}
		if pick(6) {
			s.Endpoint = nil
		}
		f.services[s.ID], services = s, append(services, s.ID)
	}
	for i := range r.IntN(30) {
		d := personal.Dataset{ID: uuid.New(), Namespace: "n", Name: fmt.Sprint("d", i), ServiceID: services[r.IntN(len(services))], Derived: pick(3)}
		if pick(10) {
			d.ServiceID = uuid.Nil
		}
		if pick(3) {
			d.RetentionGround, d.RetentionDays = ptr("17(3)(b)"), ptr(3650)
		}
		if pick(3) {
			d.TopicName = ptr(d.Name)
			d.CleanupPolicy = []*string{nil, ptr("delete"), ptr("compact"), ptr("compact,delete")}[r.IntN(4)]
			d.RetentionMs = []*int64{nil, ptr(int64(-1)), ptr(int64(604800000))}[r.IntN(3)]
		}
		if pick(2) {
			f.counts[d.ID] = int64(r.IntN(100))
		}
		f.datasets = append(f.datasets, d)
		if d.TopicName != nil && pick(2) {
			read := catalog.ObservedRead{Group: fmt.Sprint("g", i), DatasetID: d.ID}
			if pick(2) {
				read.ServiceID = ptr(services[r.IntN(len(services))])
			}
			if pick(3) {
				read.DismissalID = ptr(uuid.New())
			}
			f.reads = append(f.reads, read)
		}
	}
	return f
}

// For any catalog each personal dataset is accounted for exactly once, nobody
// is asked who cannot be, each unknown reader of an erasure is a gap, and the
// same facts give the same digest (reference: a plan is computed, never a list
// kept by hand).
func TestPlanAccountsForEverything(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := randomFacts(r)
		nodes := draft(f)
		seen, readers := map[uuid.UUID]int{}, 0
		for i, n := range nodes {
			if n.No != i+1 {
				t.Fatalf("seed %d: node %d has the number %d", seed, i+1, n.No)
			}
			if n.Reader != nil {
				readers++
				if n.Kind != Gap && (n.Kind != Excluded || n.DismissalID == nil) || n.Kind == Gap && n.DismissalID != nil {
					t.Errorf("seed %d: a reader that cannot be asked is %s, explained by %v", seed, n.Kind, n.DismissalID)
				}
				continue
			}
			seen[n.DatasetID]++
			checkNode(t, seed, f, n)
		}
		for _, d := range f.datasets {
			if seen[d.ID] != 1 {
				t.Errorf("seed %d: dataset %s stands in the plan %d times", seed, d.Name, seen[d.ID])
			}
		}
		unknown := 0
		for _, read := range f.reads {
			if read.ServiceID == nil {
				unknown++
			}
		}
		if f.kind == Erasure && readers < unknown {
			t.Errorf("seed %d: %d unknown readers, %d gaps", seed, unknown, readers)
		}
		r.Shuffle(len(f.datasets), func(i, j int) { f.datasets[i], f.datasets[j] = f.datasets[j], f.datasets[i] })
		if !bytes.Equal(digest(uuid.Nil, 1, nodes), digest(uuid.Nil, 1, draft(f))) {
			t.Errorf("seed %d: the order of the catalog changes the digest", seed)
		}
	}
}

func checkNode(t *testing.T, seed uint64, f facts, n Node) {
	t.Helper()
	if n.Kind != Ask && n.Kind != Keep {
		return
	}
	s := f.services[*n.ServiceID]
	if s.State != catalog.Active || s.Endpoint == nil || !overlap(s.IdentifierTypes, f.types) || n.Action == nil || n.Wave == nil {
		t.Errorf("seed %d: %s is asked and cannot be", seed, s.Ref)
	}
	if f.kind == Erasure && len(s.Resolves) > 0 != (*n.Wave == waveDirectory) {
		t.Errorf("seed %d: a directory goes last, and only a directory", seed)
	}
	if n.Kind == Keep && (n.Ground == nil || n.Until == nil) {
		t.Errorf("seed %d: kept without a ground or a date", seed)
	}
}

// Whatever a person would want to know before approving changes the digest.
func TestDigestCoversThePlan(t *testing.T) {
	t.Parallel()
	base := func() Node {
		return Node{No: 1, Kind: Ask, DatasetID: uuid.MustParse("0198f000-0000-7000-8000-000000000001"), ServiceID: ptr(uuid.MustParse("0198f000-0000-7000-8000-000000000002")),
			Action: ptr(task.Erase), Wave: ptr(3), Reason: reasonHolds}
	}
	request := uuid.MustParse("0198f000-0000-7000-8000-000000000003")
	first := digest(request, 1, []Node{base()})
	day := time.Date(2026, 4, 7, 0, 0, 0, 0, time.UTC)
	for name, change := range map[string]func(n *Node){
		"kind": func(n *Node) { n.Kind = Keep }, "dataset": func(n *Node) { n.DatasetID = request }, "service": func(n *Node) { n.ServiceID = nil },
		"action": func(n *Node) { n.Action = ptr(task.Export) }, "wave": func(n *Node) { n.Wave = ptr(4) }, "reason": func(n *Node) { n.Reason = reasonCopy },
		"reader": func(n *Node) { n.Reader = ptr("g") }, "dismissal": func(n *Node) { n.DismissalID = &request }, "count": func(n *Node) { n.Count = ptr(int64(0)) }, "ground": func(n *Node) { n.Ground = ptr("17(3)(b)") },
		"until": func(n *Node) { n.Until = &day }, "effective by": func(n *Node) { n.EffectiveBy = &day },
	} {
		n := base()
		change(&n)
		if bytes.Equal(first, digest(request, 1, []Node{n})) {
			t.Errorf("%s is not covered", name)
		}
	}
	if bytes.Equal(first, digest(request, 2, []Node{base()})) || bytes.Equal(first, digest(uuid.Nil, 1, []Node{base()})) || bytes.Equal(first, digest(request, 1, nil)) {
		t.Error("the number, the request and the nodes are covered too")
	}
}

// A plan for 2,000 datasets; the target of the reference is 200 ms.
func BenchmarkPlan(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	f := randomFacts(r)
	for len(f.datasets) < 2000 {
		more := randomFacts(r)
		f.datasets = append(f.datasets, more.datasets...)
		for id, s := range more.services {
			f.services[id] = s
		}
	}
	for b.Loop() {
		digest(uuid.Nil, 1, draft(f))
	}
}
