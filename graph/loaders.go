package graph

import (
	"context"
	"errors"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vikstrous/dataloadgen"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/findings"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/lineage"
)

// loaders load the relations of one answer, many rows with one statement. The
// loaders are the graph's, the statements the rooms'.
type loaders struct {
	principals        loader[uuid.UUID, audit.Principal]
	controllers       loader[uuid.UUID, catalog.Controller]
	owners            loader[uuid.UUID, catalog.Owner]
	services          loader[uuid.UUID, catalog.Service]
	stores            loader[uuid.UUID, catalog.Store]
	datasets          loader[uuid.UUID, catalog.Dataset]
	fields            loader[uuid.UUID, catalog.Field]
	purposes          loader[uuid.UUID, catalog.Purpose]
	retentionPolicies loader[uuid.UUID, catalog.RetentionPolicy]
	requests          loader[uuid.UUID, erasure.Request]

	storesOf       loader[uuid.UUID, []catalog.Store]       // by service
	storeReadersOf loader[uuid.UUID, []catalog.StoreReader] // by store
	topicOf        loader[uuid.UUID, catalog.Topic]         // by dataset, like those that follow
	fieldsOf       loader[uuid.UUID, []catalog.Field]
	tagsOf         loader[uuid.UUID, []catalog.Tag]
	usesOf         loader[uuid.UUID, []catalog.PermittedUse]
	consumptionOf  loader[uuid.UUID, []catalog.Consumption]
	readsOf        loader[uuid.UUID, []catalog.ObservedRead]
	readersOf      loader[uuid.UUID, []lineage.Reader]

	findingsOf loader[uuid.UUID, []findings.Finding] // by service, store or dataset

	deliveryOf loader[uuid.UUID, erasure.Health] // by service
	stopped    loader[uuid.UUID, bool]           // by service

	nodesOf       loader[uuid.UUID, []erasure.Node] // by request, like those that follow
	tasksOf       loader[uuid.UUID, []erasure.Task]
	noticesOf     loader[uuid.UUID, []erasure.Notice]
	certificateOf loader[uuid.UUID, erasure.Certificate]
	packagesOf    loader[uuid.UUID, []export.Package]
	outcomesOf    loader[int64, []erasure.TaskOutcome] // by task
}

func newLoaders(db postgres.DB) *loaders {
	return &loaders{
		principals:        batch(db, audit.PrincipalsByID),
		controllers:       batch(db, catalog.ControllersByID),
		owners:            batch(db, catalog.OwnersByID),
		services:          batch(db, catalog.ServicesByID),
		stores:            batch(db, catalog.StoresByID),
		datasets:          batch(db, catalog.DatasetsByID),
		fields:            batch(db, catalog.FieldsByID),
		purposes:          batch(db, catalog.PurposesByID),
		retentionPolicies: batch(db, catalog.RetentionPoliciesByID),
		requests:          batch(db, erasure.RequestsByID),
		storesOf:          batch(db, catalog.StoresByService),
		storeReadersOf:    batch(db, catalog.ReadersByStore),
		topicOf:           batch(db, catalog.TopicsByDataset),
		fieldsOf:          batch(db, catalog.FieldsByDataset),
		tagsOf:            batch(db, catalog.TagsByDataset),
		usesOf:            batch(db, catalog.PermittedUsesByDataset),
		consumptionOf:     batch(db, catalog.ConsumptionByDataset),
		readsOf:           batch(db, readsByDataset),
		readersOf:         batch(db, lineage.ReadersByDataset),
		findingsOf:        batch(db, findings.OpenByEntity),
		deliveryOf:        batch(db, erasure.HealthOf),
		stopped:           batch(db, stoppedServices),
		nodesOf:           batch(db, erasure.NodesOf),
		tasksOf:           batch(db, erasure.TasksOf),
		noticesOf:         batch(db, erasure.NoticesOf),
		certificateOf:     batch(db, erasure.CertificatesOf),
		packagesOf:        batch(db, export.PackagesOf),
		outcomesOf:        batch(db, erasure.OutcomesOf),
	}
}

const (
	// patience is how long a loader gathers keys. Each level of a query takes
	// so much longer, and all of its relations take one statement each.
	patience = 4 * time.Millisecond
	// largest is how many keys one statement takes.
	largest = 10_000
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

// all loads what is there of many keys, in their order.
func (l loader[K, V]) all(ctx context.Context, keys []K) ([]V, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return l.LoadAll(ctx, keys)
}

// some loads a list that may be empty, or a value that may be zero.
func (l loader[K, V]) some(ctx context.Context, key K) (V, error) {
	v, err := l.Load(ctx, key)
	if errors.Is(err, dataloadgen.ErrNotFound) {
		err = nil
	}
	return v, err
}

// readsByDataset is catalog.ObservedReads by dataset.
func readsByDataset(ctx context.Context, db postgres.DB, datasets []uuid.UUID) (map[uuid.UUID][]catalog.ObservedRead, error) {
	reads, err := catalog.ObservedReads(ctx, db, datasets)
	of := map[uuid.UUID][]catalog.ObservedRead{}
	for _, r := range reads {
		of[r.DatasetID] = append(of[r.DatasetID], r)
	}
	return of, err
}

// stoppedServices tells which services an emergency stop keeps messages from.
func stoppedServices(ctx context.Context, db postgres.DB, services []uuid.UUID) (map[uuid.UUID]bool, error) {
	stops, err := erasure.Stops(ctx, db)
	stopped := make(map[uuid.UUID]bool, len(services))
	for _, s := range stops {
		for _, id := range services {
			stopped[id] = stopped[id] || s.ServiceID == nil || *s.ServiceID == id
		}
	}
	return stopped, err
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
