package graph

import (
	"context"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/findings"
	"github.com/flowmart/lethe/catalog/search"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/catalog/yaml"
	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/graph/relay"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
)

// browse shows a page of a room's list.
func browse[T any](ctx context.Context, first int, after *string, list func(context.Context, access.Principal, page.Args) (page.Page[T], error)) (relay.Connection[T], error) {
	args := page.Args{First: first, After: orNil(after)}
	p, err := list(ctx, access.From(ctx), args)
	load(ctx).saw(p.Items)
	return relay.Of(p, args), err
}

func (r queryResolver) Controllers(ctx context.Context, first int, after *string) (relay.Connection[catalog.Controller], error) {
	return browse(ctx, first, after, r.Catalog.Controllers)
}

func (r queryResolver) Owners(ctx context.Context, first int, after *string) (relay.Connection[catalog.Owner], error) {
	return browse(ctx, first, after, r.Catalog.Owners)
}

func (r queryResolver) Services(ctx context.Context, first int, after *string) (relay.Connection[catalog.Service], error) {
	return browse(ctx, first, after, r.Catalog.Services)
}

func (r queryResolver) Stores(ctx context.Context, first int, after *string) (relay.Connection[catalog.Store], error) {
	return browse(ctx, first, after, r.Catalog.Stores)
}

func (r queryResolver) Purposes(ctx context.Context, first int, after *string) (relay.Connection[catalog.Purpose], error) {
	return browse(ctx, first, after, r.Catalog.Purposes)
}

func (r queryResolver) RetentionPolicies(ctx context.Context, first int, after *string) (relay.Connection[catalog.RetentionPolicy], error) {
	return browse(ctx, first, after, r.Catalog.RetentionPolicies)
}

func (r queryResolver) ReaderNames(ctx context.Context, first int, after *string) (relay.Connection[catalog.ActorAlias], error) {
	return browse(ctx, first, after, r.Catalog.ActorAliases)
}

func (r queryResolver) CatalogChanges(ctx context.Context, entity node.ID, first int, after *string) (exec.CatalogChangeConnection, error) {
	changes, err := browse(ctx, first, after, func(ctx context.Context, by access.Principal, p page.Args) (page.Page[catalog.Change], error) {
		return r.Catalog.Changes(ctx, by, entity.Key, p)
	})
	return history(changes), err
}

func history(changes relay.Connection[catalog.Change]) exec.CatalogChangeConnection {
	shown := exec.CatalogChangeConnection{Nodes: changes.Nodes(), PageInfo: changes.PageInfo()}
	for _, e := range changes.Edges() {
		shown.Edges = append(shown.Edges, exec.CatalogChangeEdge{Cursor: e.Cursor, Node: e.Node})
	}
	return shown
}

func (r queryResolver) Datasets(ctx context.Context, first int, after *string, filter *exec.DatasetFilter) (relay.Connection[catalog.Dataset], error) {
	return browse(ctx, first, after, func(ctx context.Context, by access.Principal, p page.Args) (page.Page[catalog.Dataset], error) {
		return r.Catalog.Datasets(ctx, by, datasetFilter(filter), p)
	})
}

func (r queryResolver) Findings(ctx context.Context, first int, after *string, states []string) (relay.Connection[findings.Finding], error) {
	return browse(ctx, first, after, func(ctx context.Context, by access.Principal, p page.Args) (page.Page[findings.Finding], error) {
		return r.Catalog.Findings(ctx, by, states, p)
	})
}

func (r queryResolver) Search(ctx context.Context, query string, first int, after *string, kinds []string) (relay.Connection[search.Hit], error) {
	return browse(ctx, first, after, func(ctx context.Context, by access.Principal, p page.Args) (page.Page[search.Hit], error) {
		return search.Find(ctx, r.DB, by, query, kinds, p)
	})
}

func (r queryResolver) Terms(ctx context.Context, first int, after *string, kind *taxonomy.Kind) (relay.Connection[taxonomy.Term], error) {
	if err := access.From(ctx).Require(catalog.Readers...); err != nil {
		return relay.Terms{}, err
	}
	args := page.Args{First: first, After: orNil(after)}
	return relay.Cut(taxonomy.All(orNil(kind)), "terms:"+string(orNil(kind)), args, func(t taxonomy.Term) string { return string(t.Kind) + t.Key })
}

func (r queryResolver) Service(ctx context.Context, ref string) (*catalog.Service, error) {
	return ifAny(r.Catalog.Find(ctx, access.From(ctx), ref))
}

func (r queryResolver) Dataset(ctx context.Context, environment, namespace, name string) (*catalog.Dataset, error) {
	return ifAny(r.Catalog.FindDataset(ctx, access.From(ctx), environment, namespace, name))
}

func (r queryResolver) ServiceKeys(ctx context.Context, service node.ID) ([]catalog.ServiceKey, error) {
	return r.Catalog.Keys(ctx, access.From(ctx), service.Of(kindService))
}

func (r mutationResolver) RegisterService(ctx context.Context, in exec.RegisterServiceInput) (exec.ServicePayload, error) {
	s, refused, err := outcome(r.Catalog.RegisterService(ctx, access.From(ctx), newService(in)))
	return exec.ServicePayload{Service: s, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) UpdateService(ctx context.Context, in exec.UpdateServiceInput) (exec.ServicePayload, error) {
	s, refused, err := outcome(r.Catalog.UpdateService(ctx, access.From(ctx), changedService(in)))
	return exec.ServicePayload{Service: s, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) ChallengeService(ctx context.Context, in exec.ServiceActInput) (exec.ServicePayload, error) {
	s, refused, err := outcome(r.Challenge(ctx, access.From(ctx), in.ServiceID.Of(kindService)))
	return exec.ServicePayload{Service: s, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) RotateKey(ctx context.Context, in exec.ServiceActInput) (exec.ServicePayload, error) {
	s, refused, err := outcome(r.Rotate(ctx, access.From(ctx), in.ServiceID.Of(kindService)))
	return exec.ServicePayload{Service: s, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) RevokeKey(ctx context.Context, in exec.RevokeKeyInput) (exec.ServicePayload, error) {
	id := in.ServiceID.Of(kindService)
	_, refused, err := outcome(id, r.Catalog.RevokeKey(ctx, access.From(ctx), id, in.KeyID))
	if err != nil || refused != nil {
		return exec.ServicePayload{UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
	}
	s, err := load(ctx).services.may(ctx, &id)
	return exec.ServicePayload{Service: s, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DisableService(ctx context.Context, in exec.DisableServiceInput) (exec.ServicePayload, error) {
	s, refused, err := outcome(r.Catalog.DisableService(ctx, access.From(ctx), in.ServiceID.Of(kindService), in.Rev))
	return exec.ServicePayload{Service: s, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DeclareController(ctx context.Context, in exec.DeclareControllerInput) (exec.DeclareControllerPayload, error) {
	c, refused, err := outcome(r.Catalog.DeclareController(ctx, access.From(ctx), controller(in)))
	return exec.DeclareControllerPayload{Controller: c, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DeclareOwner(ctx context.Context, in exec.DeclareOwnerInput) (exec.DeclareOwnerPayload, error) {
	o, refused, err := outcome(r.Catalog.DeclareOwner(ctx, access.From(ctx), owner(in)))
	return exec.DeclareOwnerPayload{Owner: o, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DeclareStore(ctx context.Context, in exec.DeclareStoreInput) (exec.DeclareStorePayload, error) {
	s, refused, err := outcome(r.Catalog.DeclareStore(ctx, access.From(ctx), store(in)))
	return exec.DeclareStorePayload{Store: s, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DeclareDataset(ctx context.Context, in exec.DeclareDatasetInput) (exec.DeclareDatasetPayload, error) {
	d, refused, err := outcome(r.Catalog.DeclareDataset(ctx, access.From(ctx), dataset(in)))
	return exec.DeclareDatasetPayload{Dataset: d, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DeclareFields(ctx context.Context, in exec.DeclareFieldsInput) (exec.DeclareFieldsPayload, error) {
	fields, refused, err := outcome(r.Catalog.DeclareFields(ctx, access.From(ctx), in.DatasetID.Of(kindDataset), in.Fields))
	return exec.DeclareFieldsPayload{Fields: orNil(fields), UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DeclarePurpose(ctx context.Context, in exec.DeclarePurposeInput) (exec.DeclarePurposePayload, error) {
	p, refused, err := outcome(r.Catalog.DeclarePurpose(ctx, access.From(ctx), purpose(in)))
	return exec.DeclarePurposePayload{Purpose: p, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DeclareRetentionPolicy(ctx context.Context, in exec.DeclareRetentionPolicyInput) (exec.DeclareRetentionPolicyPayload, error) {
	p, refused, err := outcome(r.Catalog.DeclareRetentionPolicy(ctx, access.From(ctx), retentionPolicy(in)))
	return exec.DeclareRetentionPolicyPayload{RetentionPolicy: p, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DeclareConsumption(ctx context.Context, in exec.DeclareConsumptionInput) (exec.DeclareConsumptionPayload, error) {
	c, refused, err := outcome(r.Catalog.DeclareConsumption(ctx, access.From(ctx), consumption(in)))
	return exec.DeclareConsumptionPayload{Consumption: c, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) EndConsumption(ctx context.Context, in exec.EndInput) (exec.EndPayload, error) {
	_, refused, err := outcome(true, r.Catalog.EndConsumption(ctx, access.From(ctx), in.ID.Of(kindConsumption)))
	return exec.EndPayload{Ended: err == nil && refused == nil, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) EndTags(ctx context.Context, in exec.EndTagsInput) (exec.EndPayload, error) {
	_, refused, err := outcome(true, r.Catalog.EndTags(ctx, access.From(ctx), keys(in.Ids, kindTag)))
	return exec.EndPayload{Ended: err == nil && refused == nil, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DeclareStoreReader(ctx context.Context, in exec.DeclareStoreReaderInput) (exec.DeclareStoreReaderPayload, error) {
	reader, refused, err := outcome(r.Catalog.DeclareStoreReader(ctx, access.From(ctx), storeReader(in)))
	return exec.DeclareStoreReaderPayload{Reader: reader, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) EndStoreReader(ctx context.Context, in exec.EndInput) (exec.EndPayload, error) {
	_, refused, err := outcome(true, r.Catalog.EndStoreReader(ctx, access.From(ctx), in.ID.Of(kindStoreReader)))
	return exec.EndPayload{Ended: err == nil && refused == nil, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DeclarePermittedUse(ctx context.Context, in exec.DeclarePermittedUseInput) (exec.DeclarePermittedUsePayload, error) {
	use, refused, err := outcome(r.Catalog.DeclarePermittedUse(ctx, access.From(ctx), permittedUse(in)))
	return exec.DeclarePermittedUsePayload{PermittedUse: use, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) EndPermittedUse(ctx context.Context, in exec.EndInput) (exec.EndPayload, error) {
	_, refused, err := outcome(true, r.Catalog.EndPermittedUse(ctx, access.From(ctx), in.ID.Of(kindPermittedUse)))
	return exec.EndPayload{Ended: err == nil && refused == nil, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DeclareReader(ctx context.Context, in exec.DeclareReaderInput) (exec.DeclareReaderPayload, error) {
	name, refused, err := outcome(r.Catalog.DeclareActorAlias(ctx, access.From(ctx), readerName(in)))
	return exec.DeclareReaderPayload{Reader: name, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) EndReader(ctx context.Context, in exec.EndInput) (exec.EndPayload, error) {
	_, refused, err := outcome(true, r.Catalog.EndActorAlias(ctx, access.From(ctx), in.ID.Of(kindReaderName)))
	return exec.EndPayload{Ended: err == nil && refused == nil, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DismissReader(ctx context.Context, in exec.DismissReaderInput) (exec.DismissReaderPayload, error) {
	d, refused, err := outcome(r.Catalog.DismissReader(ctx, access.From(ctx), dismissal(in)))
	return exec.DismissReaderPayload{Dismissal: d, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) EndDismissal(ctx context.Context, in exec.EndInput) (exec.EndPayload, error) {
	_, refused, err := outcome(true, r.Catalog.EndDismissal(ctx, access.From(ctx), in.ID.Of(kindDismissal)))
	return exec.EndPayload{Ended: err == nil && refused == nil, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) AssertTags(ctx context.Context, in exec.AssertTagsInput) (exec.AssertTagsPayload, error) {
	tags, refused, err := outcome(r.Catalog.AssertTags(ctx, access.From(ctx), tags(in.Tags)))
	return exec.AssertTagsPayload{Tags: orNil(tags), UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) DecideTags(ctx context.Context, in exec.DecideTagsInput) (exec.DecideTagsPayload, error) {
	tags, refused, err := outcome(r.Catalog.DecideTags(ctx, access.From(ctx), keys(in.Ids, kindTag), in.State, in.Reason))
	return exec.DecideTagsPayload{Tags: orNil(tags), UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) SetOwner(ctx context.Context, in exec.SetOwnerInput) (exec.SetOwnerPayload, error) {
	entity, refused, err := r.setOwner(ctx, in)
	return exec.SetOwnerPayload{Entity: entity, UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

func (r mutationResolver) ImportCatalog(ctx context.Context, in exec.ImportCatalogInput) (exec.ImportCatalogPayload, error) {
	from := yaml.Source{File: "catalog.yaml", Text: []byte(in.Yaml)}
	plan, refused, err := outcome(yaml.Import(ctx, r.Catalog, access.From(ctx), from, in.DryRun))
	return exec.ImportCatalogPayload{Changes: changes(plan), UserErrors: refused, ClientMutationID: in.ClientMutationID}, err
}

// changes are the steps of an import that was not refused.
func changes(p *yaml.Plan) []yaml.Step {
	if p == nil {
		return nil
	}
	return p.Steps
}

// setOwner knows two kinds of things that have owners.
func (r *resolver) setOwner(ctx context.Context, in exec.SetOwnerInput) (node.Node, []exec.UserError, error) {
	by, owner := access.From(ctx), key(in.OwnerID, kindOwner)
	if in.EntityID.Kind == kindDataset {
		d, refused, err := outcome(r.Catalog.SetDatasetOwner(ctx, by, in.EntityID.Key, in.Rev, owner))
		return orNoNode(d), refused, err
	}
	s, refused, err := outcome(r.Catalog.SetServiceOwner(ctx, by, in.EntityID.Of(kindService), in.Rev, owner))
	return orNoNode(s), refused, err
}

// orNoNode keeps a nil pointer from becoming an interface that is not nil.
func orNoNode[T any](v *T) node.Node {
	if v == nil {
		return nil
	}
	return *v
}
