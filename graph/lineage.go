package graph

import (
	"context"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/lineage"
)

type (
	readerResolver struct{}
	reachResolver  struct{}
	flowResolver   struct{}
)

func (r *resolver) Reader() exec.ReaderResolver { return readerResolver{} }
func (r *resolver) Reach() exec.ReachResolver   { return reachResolver{} }
func (r *resolver) Flow() exec.FlowResolver     { return flowResolver{} }

func (r mutationResolver) StateFlow(ctx context.Context, in exec.StateFlowInput) (exec.StateFlowPayload, error) {
	e, refused, err := outcome(r.Lineage.State(ctx, access.From(ctx), flow(in)))
	return exec.StateFlowPayload{Flow: e, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) EndFlow(ctx context.Context, in exec.EndInput) (exec.EndPayload, error) {
	_, refused, err := outcome(true, r.Lineage.Withdraw(ctx, access.From(ctx), in.ID.Of(kindFlow)))
	return exec.EndPayload{Ended: err == nil && refused == nil, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (flowResolver) ID(_ context.Context, e *lineage.Edge) (node.ID, error) {
	return named(kindFlow, e.ID)
}

func (flowResolver) Upstream(ctx context.Context, e *lineage.Edge) (catalog.Dataset, error) {
	return load(ctx).datasets.must(ctx, e.UpstreamID)
}

func (flowResolver) Downstream(ctx context.Context, e *lineage.Edge) (catalog.Dataset, error) {
	return load(ctx).datasets.must(ctx, e.DownstreamID)
}

func (flowResolver) Service(ctx context.Context, e *lineage.Edge) (*catalog.Service, error) {
	return load(ctx).services.may(ctx, e.ServiceID)
}

func (flowResolver) StatedBy(ctx context.Context, e *lineage.Edge) (*audit.Principal, error) {
	return load(ctx).principals.may(ctx, &e.StatedBy)
}

func (r queryResolver) Downstream(ctx context.Context, dataset node.ID) ([]lineage.Reach, error) {
	reaches, err := lineage.Downstream(ctx, r.DB, access.From(ctx), []uuid.UUID{dataset.Of(kindDataset)})
	load(ctx).saw(reaches)
	return reaches, err
}

func (readerResolver) Service(ctx context.Context, r *lineage.Reader) (*catalog.Service, error) {
	return load(ctx).services.may(ctx, r.ServiceID)
}

func (readerResolver) Dismissals(ctx context.Context, r *lineage.Reader) ([]catalog.Dismissal, error) {
	return load(ctx).dismissals.all(ctx, r.Dismissals)
}

func (reachResolver) Dataset(ctx context.Context, r *lineage.Reach) (catalog.Dataset, error) {
	return load(ctx).datasets.must(ctx, r.DatasetID)
}

func (reachResolver) From(ctx context.Context, r *lineage.Reach) (catalog.Dataset, error) {
	return load(ctx).datasets.must(ctx, r.FromID)
}

func (reachResolver) Service(ctx context.Context, r *lineage.Reach) (*catalog.Service, error) {
	return load(ctx).services.may(ctx, r.ServiceID)
}
