package graph

import (
	"context"
	"errors"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vikstrous/dataloadgen"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/postgres"
)

// loaders load the relations of one operation, many rows with one statement.
// The loaders are the graph's, the statements the rooms'.
type loaders struct {
	principals loader[uuid.UUID, audit.Principal]
}

func newLoaders(db postgres.DB) *loaders {
	return &loaders{
		principals: batch(db, audit.PrincipalsByID),
	}
}

const (
	// patience is how long a loader gathers keys. It is added to each level of
	// a query.
	patience = time.Millisecond
	// largest is how many keys one statement takes.
	largest = 1_000
)

// loader loads values of V by keys of K.
type loader[K comparable, V any] struct {
	*dataloadgen.Loader[K, V]
}

// batch makes a loader of a room's function for many.
func batch[K comparable, V any](db postgres.DB, many func(context.Context, postgres.DB, []K) (map[K]V, error)) loader[K, V] {
	fetch := func(ctx context.Context, keys []K) (map[K]V, error) { return many(ctx, db, keys) }
	return loader[K, V]{dataloadgen.NewMappedLoader(fetch, dataloadgen.WithWait(patience), dataloadgen.WithBatchCapacity(largest))}
}

// must loads what is there by a foreign key.
func (l loader[K, V]) must(ctx context.Context, key K) (V, error) { return l.Load(ctx, key) }

// may loads what need not be there: nil for no key, and for no row.
func (l loader[K, V]) may(ctx context.Context, key *K) (*V, error) {
	if key == nil {
		return nil, nil
	}
	v, err := l.Load(ctx, *key)
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return nil, nil
	}
	return &v, err
}

// list loads a list that may be empty.
func list[K comparable, V any](ctx context.Context, l loader[K, []V], key K) ([]V, error) {
	rows, err := l.Load(ctx, key)
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return nil, nil
	}
	return rows, err
}

type loadersKey struct{}

func load(ctx context.Context) *loaders {
	l, _ := ctx.Value(loadersKey{}).(*loaders)
	return l
}

// relations gives every answer loaders of its own: each event of a
// subscription reads the present.
type relations struct{ db postgres.DB }

// ExtensionName names the extension.
func (relations) ExtensionName() string { return "Relations" }

// Validate has nothing to check.
func (relations) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptResponse puts new loaders into the context.
func (r relations) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	return next(context.WithValue(ctx, loadersKey{}, newLoaders(r.db)))
}
