package graph

import (
	"context"
	"crypto/sha256"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/findings"
	"github.com/flowmart/lethe/catalog/search"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/erasure/queue"
	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/graph/relay"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/lineage"
)

// The relations of the catalog's types. Each is loaded together with its like.
type (
	controllerResolver      struct{}
	ownerResolver           struct{}
	serviceResolver         struct{}
	serviceKeyResolver      struct{}
	storeResolver           struct{}
	storeReaderResolver     struct{}
	datasetResolver         struct{}
	fieldResolver           struct{}
	termResolver            struct{}
	tagResolver             struct{}
	purposeResolver         struct{}
	permittedUseResolver    struct{}
	retentionPolicyResolver struct{}
	consumptionResolver     struct{}
	observedReadResolver    struct{}
	readerNameResolver      struct{}
	dismissalResolver       struct{}
	changeResolver          struct{}
	findingResolver         struct{ *resolver }
	hitResolver             struct{ *resolver }
)

func (r *resolver) Controller() exec.ControllerResolver           { return controllerResolver{} }
func (r *resolver) Owner() exec.OwnerResolver                     { return ownerResolver{} }
func (r *resolver) Service() exec.ServiceResolver                 { return serviceResolver{} }
func (r *resolver) ServiceKey() exec.ServiceKeyResolver           { return serviceKeyResolver{} }
func (r *resolver) Store() exec.StoreResolver                     { return storeResolver{} }
func (r *resolver) StoreReader() exec.StoreReaderResolver         { return storeReaderResolver{} }
func (r *resolver) Dataset() exec.DatasetResolver                 { return datasetResolver{} }
func (r *resolver) Field() exec.FieldResolver                     { return fieldResolver{} }
func (r *resolver) Term() exec.TermResolver                       { return termResolver{} }
func (r *resolver) TagAssertion() exec.TagAssertionResolver       { return tagResolver{} }
func (r *resolver) Purpose() exec.PurposeResolver                 { return purposeResolver{} }
func (r *resolver) PermittedUse() exec.PermittedUseResolver       { return permittedUseResolver{} }
func (r *resolver) RetentionPolicy() exec.RetentionPolicyResolver { return retentionPolicyResolver{} }
func (r *resolver) Consumption() exec.ConsumptionResolver         { return consumptionResolver{} }
func (r *resolver) ObservedRead() exec.ObservedReadResolver       { return observedReadResolver{} }
func (r *resolver) ReaderName() exec.ReaderNameResolver           { return readerNameResolver{} }
func (r *resolver) ReaderDismissal() exec.ReaderDismissalResolver { return dismissalResolver{} }
func (r *resolver) CatalogChange() exec.CatalogChangeResolver     { return changeResolver{} }
func (r *resolver) Finding() exec.FindingResolver                 { return findingResolver{r} }
func (r *resolver) SearchHit() exec.SearchHitResolver             { return hitResolver{r} }

func (controllerResolver) ID(_ context.Context, c *catalog.Controller) (node.ID, error) {
	return named(kindController, c.ID)
}

func (ownerResolver) ID(_ context.Context, o *catalog.Owner) (node.ID, error) {
	return named(kindOwner, o.ID)
}

func (serviceResolver) ID(_ context.Context, s *catalog.Service) (node.ID, error) {
	return named(kindService, s.ID)
}

func (serviceResolver) Owner(ctx context.Context, s *catalog.Service) (*catalog.Owner, error) {
	return load(ctx).owners.may(ctx, s.OwnerID)
}

func (serviceResolver) Controller(ctx context.Context, s *catalog.Service) (catalog.Controller, error) {
	return load(ctx).controllers.must(ctx, s.ControllerID)
}

func (serviceResolver) Stopped(ctx context.Context, s *catalog.Service) (bool, error) {
	return load(ctx).stopped.some(ctx, s.ID)
}

func (serviceResolver) Stores(ctx context.Context, s *catalog.Service) ([]catalog.Store, error) {
	return load(ctx).storesOf.some(ctx, s.ID)
}

func (serviceResolver) Delivery(ctx context.Context, s *catalog.Service) (*queue.Health, error) {
	return load(ctx).deliveryOf.may(ctx, &s.ID)
}

func (serviceResolver) Findings(ctx context.Context, s *catalog.Service) ([]findings.Finding, error) {
	return load(ctx).findingsOf.some(ctx, s.ID)
}

func (serviceKeyResolver) Fingerprint(_ context.Context, k *catalog.ServiceKey) ([]byte, error) {
	sum := sha256.Sum256(k.PublicKey)
	return sum[:], nil
}

func (storeResolver) ID(_ context.Context, s *catalog.Store) (node.ID, error) {
	return named(kindStore, s.ID)
}

func (storeResolver) Service(ctx context.Context, s *catalog.Store) (*catalog.Service, error) {
	return load(ctx).services.may(ctx, s.ServiceID)
}

func (storeResolver) Readers(ctx context.Context, s *catalog.Store) ([]catalog.StoreReader, error) {
	return load(ctx).storeReadersOf.some(ctx, s.ID)
}

func (storeResolver) Findings(ctx context.Context, s *catalog.Store) ([]findings.Finding, error) {
	return load(ctx).findingsOf.some(ctx, s.ID)
}

func (storeReaderResolver) ID(_ context.Context, r *catalog.StoreReader) (node.ID, error) {
	return named(kindStoreReader, r.ID)
}

func (storeReaderResolver) Service(ctx context.Context, r *catalog.StoreReader) (catalog.Service, error) {
	return load(ctx).services.must(ctx, r.ServiceID)
}

func (datasetResolver) ID(_ context.Context, d *catalog.Dataset) (node.ID, error) {
	return named(kindDataset, d.ID)
}

func (datasetResolver) Store(ctx context.Context, d *catalog.Dataset) (*catalog.Store, error) {
	return load(ctx).stores.may(ctx, d.StoreID)
}

func (datasetResolver) Service(ctx context.Context, d *catalog.Dataset) (*catalog.Service, error) {
	return serviceOf(ctx, *d)
}

func (datasetResolver) Owner(ctx context.Context, d *catalog.Dataset) (*catalog.Owner, error) {
	return ownerOf(ctx, *d)
}

func (datasetResolver) DerivedFrom(ctx context.Context, d *catalog.Dataset) ([]catalog.Dataset, error) {
	return load(ctx).datasets.all(ctx, d.DerivedFrom)
}

func (datasetResolver) RetentionPolicy(ctx context.Context, d *catalog.Dataset) (*catalog.RetentionPolicy, error) {
	return load(ctx).retentionPolicies.may(ctx, d.RetentionPolicyID)
}

func (datasetResolver) Topic(ctx context.Context, d *catalog.Dataset) (*catalog.Topic, error) {
	return load(ctx).topicOf.may(ctx, &d.ID)
}

func (datasetResolver) Fields(ctx context.Context, d *catalog.Dataset, first int, after *string) (relay.Connection[catalog.Field], error) {
	return load(ctx).fieldsOf.page(ctx, d.ID, page.Args{First: first, After: orNil(after)})
}

func (datasetResolver) Tags(ctx context.Context, d *catalog.Dataset) ([]catalog.Tag, error) {
	return load(ctx).tagsOf.some(ctx, d.ID)
}

func (datasetResolver) PermittedUses(ctx context.Context, d *catalog.Dataset) ([]catalog.PermittedUse, error) {
	return load(ctx).usesOf.some(ctx, d.ID)
}

func (datasetResolver) Consumption(ctx context.Context, d *catalog.Dataset) ([]catalog.Consumption, error) {
	return load(ctx).consumptionOf.some(ctx, d.ID)
}

func (datasetResolver) ObservedReads(ctx context.Context, d *catalog.Dataset) ([]catalog.ObservedRead, error) {
	return load(ctx).readsOf.some(ctx, d.ID)
}

func (datasetResolver) StatedFlows(ctx context.Context, d *catalog.Dataset) ([]lineage.Edge, error) {
	return load(ctx).flowsOf.some(ctx, d.ID)
}

func (datasetResolver) Readers(ctx context.Context, d *catalog.Dataset) ([]lineage.Reader, error) {
	return load(ctx).readersOf.some(ctx, d.ID)
}

func (datasetResolver) Findings(ctx context.Context, d *catalog.Dataset) ([]findings.Finding, error) {
	return load(ctx).findingsOf.some(ctx, d.ID)
}

func (fieldResolver) ID(_ context.Context, f *catalog.Field) (node.ID, error) {
	return named(kindField, f.ID)
}

func (fieldResolver) Dataset(ctx context.Context, f *catalog.Field) (catalog.Dataset, error) {
	return load(ctx).datasets.must(ctx, f.DatasetID)
}

func (termResolver) ID(_ context.Context, t *taxonomy.Term) (node.ID, error) {
	return named(kindTerm, t.ID)
}

func (tagResolver) ID(_ context.Context, t *catalog.Tag) (node.ID, error) {
	return named(kindTag, t.ID)
}

func (tagResolver) Dataset(ctx context.Context, t *catalog.Tag) (catalog.Dataset, error) {
	return load(ctx).datasets.must(ctx, t.DatasetID)
}

func (tagResolver) Field(ctx context.Context, t *catalog.Tag) (*catalog.Field, error) {
	return load(ctx).fields.may(ctx, t.FieldID)
}

func (tagResolver) Term(_ context.Context, t *catalog.Tag) (taxonomy.Term, error) {
	return taxonomy.Find("term", t.Term, taxonomy.Category, taxonomy.Subject, taxonomy.Sensitivity)
}

func (tagResolver) Denied(_ context.Context, t *catalog.Tag) (bool, error) {
	return t.Polarity == "-", nil
}

func (purposeResolver) ID(_ context.Context, p *catalog.Purpose) (node.ID, error) {
	return named(kindPurpose, p.ID)
}

func (purposeResolver) Use(_ context.Context, p *catalog.Purpose) (taxonomy.Term, error) {
	return taxonomy.Find("use", p.Use, taxonomy.Use)
}

func (permittedUseResolver) ID(_ context.Context, u *catalog.PermittedUse) (node.ID, error) {
	return named(kindPermittedUse, u.ID)
}

func (permittedUseResolver) Field(ctx context.Context, u *catalog.PermittedUse) (*catalog.Field, error) {
	return load(ctx).fields.may(ctx, u.FieldID)
}

func (permittedUseResolver) Purpose(ctx context.Context, u *catalog.PermittedUse) (catalog.Purpose, error) {
	return load(ctx).purposes.must(ctx, u.PurposeID)
}

func (retentionPolicyResolver) ID(_ context.Context, p *catalog.RetentionPolicy) (node.ID, error) {
	return named(kindRetentionPolicy, p.ID)
}

func (consumptionResolver) ID(_ context.Context, c *catalog.Consumption) (node.ID, error) {
	return named(kindConsumption, c.ID)
}

func (consumptionResolver) Service(ctx context.Context, c *catalog.Consumption) (catalog.Service, error) {
	return load(ctx).services.must(ctx, c.ServiceID)
}

func (consumptionResolver) Dataset(ctx context.Context, c *catalog.Consumption) (catalog.Dataset, error) {
	return load(ctx).datasets.must(ctx, c.DatasetID)
}

func (consumptionResolver) Purposes(ctx context.Context, c *catalog.Consumption) ([]catalog.Purpose, error) {
	return load(ctx).purposes.all(ctx, c.PurposeIDs)
}

func (observedReadResolver) Dataset(ctx context.Context, r *catalog.ObservedRead) (catalog.Dataset, error) {
	return load(ctx).datasets.must(ctx, r.DatasetID)
}

func (observedReadResolver) Service(ctx context.Context, r *catalog.ObservedRead) (*catalog.Service, error) {
	return load(ctx).services.may(ctx, r.ServiceID)
}

func (observedReadResolver) Dismissal(ctx context.Context, r *catalog.ObservedRead) (*catalog.Dismissal, error) {
	return load(ctx).dismissals.may(ctx, r.DismissalID)
}

func (dismissalResolver) ID(_ context.Context, d *catalog.Dismissal) (node.ID, error) {
	return named(kindDismissal, d.ID)
}

func (dismissalResolver) Dataset(ctx context.Context, d *catalog.Dismissal) (catalog.Dataset, error) {
	return load(ctx).datasets.must(ctx, d.DatasetID)
}

func (dismissalResolver) DismissedBy(ctx context.Context, d *catalog.Dismissal) (*audit.Principal, error) {
	return load(ctx).principals.may(ctx, &d.CreatedBy)
}

func (readerNameResolver) ID(_ context.Context, n *catalog.ActorAlias) (node.ID, error) {
	return named(kindReaderName, n.ID)
}

func (readerNameResolver) Service(ctx context.Context, n *catalog.ActorAlias) (catalog.Service, error) {
	return load(ctx).services.must(ctx, n.ServiceID)
}

func (changeResolver) Actor(ctx context.Context, c *catalog.Change) (*audit.Principal, error) {
	return load(ctx).principals.may(ctx, &c.Actor)
}

func (changeResolver) Before(_ context.Context, c *catalog.Change) (*string, error) {
	return document(c.Before), nil
}

func (changeResolver) After(_ context.Context, c *catalog.Change) (*string, error) {
	return document(c.After), nil
}

// document is JSON as text, if there is any.
func document(raw json.RawMessage) *string {
	if raw == nil {
		return nil
	}
	text := string(raw)
	return &text
}

func (findingResolver) ID(_ context.Context, f *findings.Finding) (node.ID, error) {
	return named(kindFinding, f.ID)
}

func (r findingResolver) Entity(ctx context.Context, f *findings.Finding) (node.Node, error) {
	return entity(ctx, f.EntityKind, f.EntityID)
}

func (r hitResolver) Entity(ctx context.Context, h *search.Hit) (node.Node, error) {
	return entity(ctx, h.Kind, h.ID)
}

// entity loads what a row of the catalog names by kind and key.
func entity(ctx context.Context, kind string, id uuid.UUID) (node.Node, error) {
	switch l := load(ctx); kind {
	case "SERVICE":
		return anyNode(l.services.may(ctx, &id))
	case "STORE":
		return anyNode(l.stores.may(ctx, &id))
	case "DATASET":
		return anyNode(l.datasets.may(ctx, &id))
	case "FIELD":
		return anyNode(l.fields.may(ctx, &id))
	}
	term, ok := taxonomy.ByID(id)
	if !ok {
		return nil, nil
	}
	return term, nil
}

func anyNode[T any](v *T, err error) (node.Node, error) { return orNoNode(v), err }

// serviceOf is who is asked about a dataset: its own service, or else its
// store's.
func serviceOf(ctx context.Context, d catalog.Dataset) (*catalog.Service, error) {
	if d.ServiceID == nil {
		store, err := load(ctx).stores.may(ctx, d.StoreID)
		if err != nil || store == nil {
			return nil, err
		}
		d.ServiceID = store.ServiceID
	}
	return load(ctx).services.may(ctx, d.ServiceID)
}

// ownerOf is who answers for a dataset: its own owner, or else its service's.
func ownerOf(ctx context.Context, d catalog.Dataset) (*catalog.Owner, error) {
	if d.OwnerID == nil {
		service, err := serviceOf(ctx, d)
		if err != nil || service == nil {
			return nil, err
		}
		d.OwnerID = service.OwnerID
	}
	return load(ctx).owners.may(ctx, d.OwnerID)
}
