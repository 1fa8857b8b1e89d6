package graph

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/vikstrous/dataloadgen"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/findings"
	"github.com/flowmart/lethe/catalog/pages"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/alert"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/erasure/notice"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/lineage"
	"github.com/flowmart/lethe/schemas"
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
	dismissals        loader[uuid.UUID, catalog.Dismissal]
	requests          loader[uuid.UUID, erasure.Request]

	storesOf       loader[uuid.UUID, []catalog.Store]       // by service
	storeReadersOf loader[uuid.UUID, []catalog.StoreReader] // by store
	topicOf        loader[uuid.UUID, catalog.Topic]         // by dataset, like those that follow
	fieldsOf       fieldLoader
	tagsOf         loader[uuid.UUID, []catalog.Tag]
	usesOf         loader[uuid.UUID, []catalog.PermittedUse]
	consumptionOf  loader[uuid.UUID, []catalog.Consumption]
	readsOf        loader[uuid.UUID, []catalog.ObservedRead]
	readersOf      loader[uuid.UUID, []lineage.Reader]
	flowsOf        loader[uuid.UUID, []lineage.Edge]
	subjectsOf     loader[uuid.UUID, []string]

	findingsOf loader[uuid.UUID, []findings.Finding] // by service, store or dataset

	deliveryOf loader[uuid.UUID, queue.Health] // by service
	stopped    loader[uuid.UUID, bool]         // by service

	nodesOf       loader[uuid.UUID, []erasure.Node] // by request, like those that follow
	tasksOf       loader[uuid.UUID, []task.Task]
	noticesOf     loader[uuid.UUID, []notice.Notice]
	alertsOf      loader[uuid.UUID, []alert.Alert]
	certificateOf loader[uuid.UUID, erasure.Certificate]
	packagesOf    loader[uuid.UUID, []export.Package]
	outcomesOf    loader[int64, []task.Outcome] // by task

	texts atomic.Int64 // bytes of schemas in the answer
}

func newLoaders(db postgres.DB, registry *schemas.Registry) *loaders {
	l := &loaders{}
	batch(l, &l.principals, db, audit.PrincipalsByID)
	batch(l, &l.controllers, db, catalog.ControllersByID)
	batch(l, &l.owners, db, catalog.OwnersByID)
	batch(l, &l.services, db, catalog.ServicesByID)
	batch(l, &l.stores, db, catalog.StoresByID)
	batch(l, &l.datasets, db, catalog.DatasetsByID)
	batch(l, &l.fields, db, catalog.FieldsByID)
	batch(l, &l.purposes, db, catalog.PurposesByID)
	batch(l, &l.retentionPolicies, db, catalog.RetentionPoliciesByID)
	batch(l, &l.dismissals, db, catalog.DismissalsByID)
	batch(l, &l.requests, db, erasure.RequestsByID)
	batch(l, &l.storesOf, db, catalog.StoresByService)
	batch(l, &l.storeReadersOf, db, catalog.ReadersByStore)
	batch(l, &l.topicOf, db, catalog.TopicsByDataset)
	batch(l, &l.fieldsOf.loader, db, pages.Fields)
	batch(l, &l.tagsOf, db, catalog.TagsByDataset)
	batch(l, &l.usesOf, db, catalog.PermittedUsesByDataset)
	batch(l, &l.consumptionOf, db, catalog.ConsumptionByDataset)
	batch(l, &l.readsOf, db, readsByDataset)
	batch(l, &l.readersOf, db, lineage.ReadersByDataset)
	batch(l, &l.flowsOf, db, lineage.EdgesByDataset)
	batch(l, &l.subjectsOf, db, registry.SubjectsByDataset)
	batch(l, &l.findingsOf, db, findings.OpenByEntity)
	batch(l, &l.deliveryOf, db, queue.HealthOf)
	batch(l, &l.stopped, db, stoppedServices)
	batch(l, &l.nodesOf, db, erasure.NodesOf)
	batch(l, &l.tasksOf, db, task.Of)
	batch(l, &l.noticesOf, db, notice.Of)
	batch(l, &l.alertsOf, db, alert.Of)
	batch(l, &l.certificateOf, db, erasure.CertificatesOf)
	batch(l, &l.packagesOf, db, export.PackagesOf)
	batch(l, &l.outcomesOf, db, task.OutcomesOf)
	return l
}

const (
	// patience is how long a loader gathers keys that nobody announced.
	patience = 2 * time.Millisecond
	// largest is how many keys one statement takes.
	largest = 10_000
)

// loader loads values of V by keys of K. Keys are announced as soon as a row
// that holds them is read, and the first one that is wanted brings all of
// them: however many rows a page has, and however the machine schedules their
// resolvers, a relation takes one statement.
type loader[K comparable, V any] struct {
	load *dataloadgen.Loader[K, V]

	mu        sync.Mutex
	announced []K
}

// batch makes a loader of a room's function for many.
func batch[K comparable, V any](all *loaders, l *loader[K, V], db postgres.DB, many func(context.Context, postgres.DB, []K) (map[K]V, error)) {
	fetch := func(ctx context.Context, keys []K) (map[K]V, error) {
		rows, err := many(ctx, db, keys)
		for _, row := range rows {
			all.saw(row)
		}
		return rows, err
	}
	l.load = dataloadgen.NewMappedLoader(fetch, dataloadgen.WithWait(patience), dataloadgen.WithBatchCapacity(largest))
}

// expect announces keys that may be wanted. It loads nothing.
func (l *loader[K, V]) expect(keys ...K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.announced = append(l.announced, keys...)
}

// expectAny announces a key if there is one.
func (l *loader[K, V]) expectAny(key *K) {
	if key != nil {
		l.expect(*key)
	}
}

// gather puts what was announced into the next statement.
func (l *loader[K, V]) gather(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.announced) > 0 {
		l.load.LoadAllThunk(ctx, l.announced)
		l.announced = nil
	}
}

// must loads what is there by a foreign key.
func (l *loader[K, V]) must(ctx context.Context, key K) (V, error) {
	l.gather(ctx)
	return l.load.Load(ctx, key)
}

// may loads what need not be there: nil for no key, and for no row.
func (l *loader[K, V]) may(ctx context.Context, key *K) (*V, error) {
	if key == nil {
		return nil, nil
	}
	v, err := l.must(ctx, *key)
	if errors.Is(err, dataloadgen.ErrNotFound) {
		return nil, nil
	}
	return &v, err
}

// all loads what is there of many keys, in their order.
func (l *loader[K, V]) all(ctx context.Context, keys []K) ([]V, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	l.gather(ctx)
	return l.load.LoadAll(ctx, keys)
}

// some loads a list that may be empty, or a value that may be zero.
func (l *loader[K, V]) some(ctx context.Context, key K) (V, error) {
	v, err := l.must(ctx, key)
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
	stops, err := queue.Stops(ctx, db)
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
type relations struct {
	db      postgres.DB
	schemas *schemas.Registry
}

// ExtensionName names the extension.
func (relations) ExtensionName() string { return "Relations" }

// Validate has nothing to check.
func (relations) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptResponse puts new loaders into the context.
func (r relations) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	return next(context.WithValue(ctx, loadersKey{}, newLoaders(r.db, r.schemas)))
}
