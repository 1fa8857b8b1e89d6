package graph

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/alert"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/erasure/notice"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/graph/relay"
	"github.com/flowmart/lethe/internal/page"
)

// The relations of the types of requests. Whoever has a request may see them.
type (
	requestResolver     struct{ *resolver }
	planResolver        struct{}
	planNodeResolver    struct{}
	taskResolver        struct{}
	taskOutcomeResolver struct{}
	noticeResolver      struct{}
	alertResolver       struct{}
	certificateResolver struct{}
	packageResolver     struct{}
	stopResolver        struct{}
)

func (r *resolver) Request() exec.RequestResolver             { return requestResolver{r} }
func (r *resolver) Plan() exec.PlanResolver                   { return planResolver{} }
func (r *resolver) PlanNode() exec.PlanNodeResolver           { return planNodeResolver{} }
func (r *resolver) Task() exec.TaskResolver                   { return taskResolver{} }
func (r *resolver) TaskOutcome() exec.TaskOutcomeResolver     { return taskOutcomeResolver{} }
func (r *resolver) Notice() exec.NoticeResolver               { return noticeResolver{} }
func (r *resolver) Alert() exec.AlertResolver                 { return alertResolver{} }
func (r *resolver) Certificate() exec.CertificateResolver     { return certificateResolver{} }
func (r *resolver) Package() exec.PackageResolver             { return packageResolver{} }
func (r *resolver) EmergencyStop() exec.EmergencyStopResolver { return stopResolver{} }

func (requestResolver) ID(_ context.Context, r *erasure.Request) (node.ID, error) {
	return named(kindRequest, r.ID)
}

func (requestResolver) Controller(ctx context.Context, r *erasure.Request) (catalog.Controller, error) {
	return load(ctx).controllers.must(ctx, r.ControllerID)
}

func (q requestResolver) DaysLeft(ctx context.Context, r *erasure.Request) (*int, error) {
	if r.Final() {
		return nil, nil
	}
	c, err := load(ctx).controllers.must(ctx, r.ControllerID)
	if err != nil {
		return nil, err
	}
	return daysLeft(q.Now(), c.TimeZone, r.DueOn)
}

func (requestResolver) OpenedBy(ctx context.Context, r *erasure.Request) (*audit.Principal, error) {
	return load(ctx).principals.may(ctx, &r.OpenedBy)
}

func (requestResolver) ApprovedBy(ctx context.Context, r *erasure.Request) (*audit.Principal, error) {
	return load(ctx).principals.may(ctx, r.ApprovedBy)
}

func (requestResolver) ClosedWithGapsBy(ctx context.Context, r *erasure.Request) (*audit.Principal, error) {
	return load(ctx).principals.may(ctx, r.ClosedWithGapsBy)
}

func (requestResolver) Plan(_ context.Context, r *erasure.Request) (*erasure.Request, error) {
	if r.PlannedAt == nil {
		return nil, nil
	}
	return r, nil
}

func (requestResolver) Tasks(ctx context.Context, r *erasure.Request, first int, after *string, states []task.State) (relay.Connection[task.Task], error) {
	rows, err := load(ctx).tasksOf.some(ctx, r.ID)
	if err != nil {
		return relay.Tasks{}, err
	}
	rows = only(rows, states, func(t task.Task) task.State { return t.State })
	args := page.Args{First: first, After: orNil(after)}
	return relay.Cut(rows, "tasks:"+r.ID.String(), args, func(t task.Task) uuid.UUID { return t.Key })
}

func (requestResolver) Progress(ctx context.Context, r *erasure.Request) (exec.Progress, error) {
	rows, err := load(ctx).tasksOf.some(ctx, r.ID)
	return progress(rows), err
}

func (requestResolver) Notices(ctx context.Context, r *erasure.Request) ([]notice.Notice, error) {
	return load(ctx).noticesOf.some(ctx, r.ID)
}

func (requestResolver) Alerts(ctx context.Context, r *erasure.Request) ([]alert.Alert, error) {
	return load(ctx).alertsOf.some(ctx, r.ID)
}

func (requestResolver) Certificate(ctx context.Context, r *erasure.Request) (*erasure.Certificate, error) {
	return load(ctx).certificateOf.may(ctx, &r.ID)
}

func (requestResolver) Package(ctx context.Context, r *erasure.Request) (*export.Package, error) {
	all, err := load(ctx).packagesOf.some(ctx, r.ID)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[len(all)-1], nil
}

func (requestResolver) Packages(ctx context.Context, r *erasure.Request) ([]export.Package, error) {
	return load(ctx).packagesOf.some(ctx, r.ID)
}

func (requestResolver) MergedInto(ctx context.Context, r *erasure.Request) (*erasure.Request, error) {
	return load(ctx).requests.may(ctx, r.MergedInto)
}

func (planResolver) CreatedAt(_ context.Context, r *erasure.Request) (time.Time, error) {
	return *r.PlannedAt, nil
}

func (planResolver) Nodes(ctx context.Context, r *erasure.Request, first int, after *string, kinds []erasure.NodeKind) (relay.Connection[erasure.Node], error) {
	rows, err := load(ctx).nodesOf.some(ctx, r.ID)
	if err != nil {
		return relay.PlanNodes{}, err
	}
	rows = only(rows, kinds, func(n erasure.Node) erasure.NodeKind { return n.Kind })
	args := page.Args{First: first, After: orNil(after)}
	return relay.Cut(rows, "plan:"+r.ID.String(), args, func(n erasure.Node) [2]int { return [2]int{n.PlanNo, n.No} })
}

func (planResolver) Summary(ctx context.Context, r *erasure.Request) (exec.PlanSummary, error) {
	rows, err := load(ctx).nodesOf.some(ctx, r.ID)
	return summary(rows), err
}

func (planNodeResolver) Dataset(ctx context.Context, n *erasure.Node) (catalog.Dataset, error) {
	return load(ctx).datasets.must(ctx, n.DatasetID)
}

func (planNodeResolver) Service(ctx context.Context, n *erasure.Node) (*catalog.Service, error) {
	return load(ctx).services.may(ctx, n.ServiceID)
}

func (planNodeResolver) Dismissal(ctx context.Context, n *erasure.Node) (*catalog.Dismissal, error) {
	return load(ctx).dismissals.may(ctx, n.DismissalID)
}

func (planNodeResolver) Owner(ctx context.Context, n *erasure.Node) (*catalog.Owner, error) {
	d, err := load(ctx).datasets.must(ctx, n.DatasetID)
	if err != nil {
		return nil, err
	}
	return ownerOf(ctx, d)
}

func (taskResolver) ID(_ context.Context, t *task.Task) (node.ID, error) {
	return named(kindTask, t.Key)
}

func (taskResolver) Request(ctx context.Context, t *task.Task) (erasure.Request, error) {
	return load(ctx).requests.must(ctx, t.RequestID)
}

func (taskResolver) Service(ctx context.Context, t *task.Task) (catalog.Service, error) {
	return load(ctx).services.must(ctx, t.ServiceID)
}

func (taskResolver) NextAt(_ context.Context, t *task.Task) (*time.Time, error) {
	if t.State.Terminal() {
		return nil, nil
	}
	return &t.NextAt, nil
}

func (taskResolver) Outcomes(ctx context.Context, t *task.Task) ([]task.Outcome, error) {
	return load(ctx).outcomesOf.some(ctx, t.ID)
}

func (taskOutcomeResolver) Dataset(ctx context.Context, o *task.Outcome) (catalog.Dataset, error) {
	return load(ctx).datasets.must(ctx, o.DatasetID)
}

func (noticeResolver) ID(_ context.Context, n *notice.Notice) (node.ID, error) {
	return named(kindNotice, n.ID)
}

func (noticeResolver) RecordedBy(ctx context.Context, n *notice.Notice) (*audit.Principal, error) {
	return load(ctx).principals.may(ctx, n.RecordedBy)
}

func (alertResolver) Request(ctx context.Context, a *alert.Alert) (erasure.Request, error) {
	return load(ctx).requests.must(ctx, a.RequestID)
}

func (alertResolver) TaskID(_ context.Context, a *alert.Alert) (node.ID, error) {
	return named(kindTask, a.TaskKey)
}

func (alertResolver) Dataset(ctx context.Context, a *alert.Alert) (*catalog.Dataset, error) {
	return load(ctx).datasets.may(ctx, a.DatasetID)
}

func (alertResolver) Service(ctx context.Context, a *alert.Alert) (catalog.Service, error) {
	return load(ctx).services.must(ctx, a.ServiceID)
}

func (certificateResolver) Fingerprint(_ context.Context, c *erasure.Certificate) ([]byte, error) {
	sum := sha256.Sum256([]byte(c.Body))
	return sum[:], nil
}

func (packageResolver) ID(_ context.Context, p *export.Package) (node.ID, error) {
	return named(kindPackage, p.ID)
}

func (packageResolver) Missing(ctx context.Context, p *export.Package) ([]catalog.Service, error) {
	return load(ctx).services.all(ctx, p.Missing)
}

func (packageResolver) DownloadURL(_ context.Context, p *export.Package) (*string, error) {
	if !p.Ready() {
		return nil, nil
	}
	path := "/packages/" + p.ID.String()
	return &path, nil
}

func (stopResolver) Service(ctx context.Context, s *queue.Stop) (*catalog.Service, error) {
	return load(ctx).services.may(ctx, s.ServiceID)
}

func (stopResolver) SetBy(ctx context.Context, s *queue.Stop) (*audit.Principal, error) {
	return load(ctx).principals.may(ctx, &s.SetBy)
}

func (stopResolver) LiftedBy(ctx context.Context, s *queue.Stop) (*audit.Principal, error) {
	return load(ctx).principals.may(ctx, s.LiftedBy)
}

// only keeps the rows of the wanted kinds; all when none are named.
func only[T any, K comparable](rows []T, wanted []K, kind func(T) K) []T {
	if len(wanted) == 0 {
		return rows
	}
	return slices.DeleteFunc(slices.Clone(rows), func(row T) bool { return !slices.Contains(wanted, kind(row)) })
}

// daysLeft counts the days from today, in a time zone, to a due date.
func daysLeft(now time.Time, zone string, due time.Time) (*int, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, err
	}
	y, m, d := now.In(loc).Date()
	days := int(due.Sub(time.Date(y, m, d, 0, 0, 0, 0, time.UTC)).Hours() / 24)
	return &days, nil
}

func progress(tasks []task.Task) exec.Progress {
	p := exec.Progress{Total: len(tasks)}
	counter := map[task.State]*int{
		task.Waiting: &p.Waiting, task.Ready: &p.Ready, task.Sent: &p.Sent, task.Working: &p.Working,
		task.Done: &p.Done, task.Refused: &p.Stopped, task.Poisoned: &p.Stopped, task.Cancelled: &p.Cancelled,
	}
	for _, t := range tasks {
		*counter[t.State]++
	}
	return p
}

func summary(nodes []erasure.Node) exec.PlanSummary {
	var s exec.PlanSummary
	counter := map[erasure.NodeKind]*int{
		erasure.Ask: &s.Ask, erasure.Keep: &s.Keep, erasure.Expire: &s.Expire, erasure.Gap: &s.Gaps, erasure.Excluded: &s.Excluded,
	}
	asked := map[uuid.UUID]bool{}
	for _, n := range nodes {
		*counter[n.Kind]++
		s.Rows += orNil(n.Count)
		if n.Action != nil && n.ServiceID != nil {
			asked[*n.ServiceID] = true
		}
		for _, day := range []*time.Time{n.EffectiveBy, n.Until} {
			if day != nil && (s.EffectiveBy == nil || day.After(*s.EffectiveBy)) {
				s.EffectiveBy = day
			}
		}
	}
	s.Services = len(asked)
	if s.Gaps > 0 {
		s.EffectiveBy = nil // nobody knows when a gap ends
	}
	return s
}
