package graph

import (
	"context"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/lineage"
)

type (
	readerResolver struct{}
	reachResolver  struct{}
)

func (r *resolver) Reader() exec.ReaderResolver { return readerResolver{} }
func (r *resolver) Reach() exec.ReachResolver   { return reachResolver{} }

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
