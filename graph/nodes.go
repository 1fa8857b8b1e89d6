package graph

import (
	"context"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/findings"
	"github.com/flowmart/lethe/catalog/pages"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/erasure/notice"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/lineage"
	"github.com/flowmart/lethe/schemas/contract"
)

// The kinds of id.
const (
	kindPrincipal       node.Kind = "Principal"
	kindController      node.Kind = "Controller"
	kindOwner           node.Kind = "Owner"
	kindService         node.Kind = "Service"
	kindStore           node.Kind = "Store"
	kindDataset         node.Kind = "Dataset"
	kindField           node.Kind = "Field"
	kindTerm            node.Kind = "Term"
	kindTag             node.Kind = "TagAssertion"
	kindPurpose         node.Kind = "Purpose"
	kindRetentionPolicy node.Kind = "RetentionPolicy"
	kindConsumption     node.Kind = "Consumption"
	kindStoreReader     node.Kind = "StoreReader"
	kindPermittedUse    node.Kind = "PermittedUse"
	kindReaderName      node.Kind = "ReaderName"
	kindDismissal       node.Kind = "ReaderDismissal"
	kindFlow            node.Kind = "Flow"
	kindSchemaReader    node.Kind = "SchemaReader"
	kindFinding         node.Kind = "Finding"
	kindRequest         node.Kind = "Request"
	kindTask            node.Kind = "Task"
	kindNotice          node.Kind = "Notice"
	kindPackage         node.Kind = "Package"
)

// named gives a thing its id.
func named(kind node.Kind, key uuid.UUID) (node.ID, error) { return node.ID{Kind: kind, Key: key}, nil }

// finder finds things of one kind for somebody who may see them.
type finder func(ctx context.Context, r *resolver, keys []uuid.UUID) (map[uuid.UUID]node.Node, error)

// finders has one for each type that implements Node.
func finders() map[node.Kind]finder {
	return map[node.Kind]finder{
		kindPrincipal:       byKey(audit.PrincipalsByID, access.Roles...),
		kindController:      byKey(catalog.ControllersByID, catalog.Readers...),
		kindOwner:           byKey(catalog.OwnersByID, catalog.Readers...),
		kindService:         byKey(catalog.ServicesByID, catalog.Readers...),
		kindStore:           byKey(catalog.StoresByID, catalog.Readers...),
		kindDataset:         byKey(catalog.DatasetsByID, catalog.Readers...),
		kindField:           byKey(catalog.FieldsByID, catalog.Readers...),
		kindTerm:            byKey(termsByID, catalog.Readers...),
		kindPurpose:         byKey(catalog.PurposesByID, catalog.Readers...),
		kindRetentionPolicy: byKey(catalog.RetentionPoliciesByID, catalog.Readers...),
		kindTag:             byKey(catalog.TagsByID, catalog.Readers...),
		kindFlow:            byKey(lineage.EdgesByID, catalog.Readers...),
		kindSchemaReader:    byKey(contract.ReadersByID, catalog.Readers...),
		kindDismissal:       byKey(catalog.DismissalsByID, catalog.Readers...),
		kindConsumption:     byKey(catalog.ConsumptionByID, catalog.Readers...),
		kindFinding:         byKey(findings.ByID, catalog.Readers...),
		kindReaderName:      byKey(pages.ReaderNames, catalog.Readers...),
		kindRequest:         requestsByKey,
		kindTask:            ofRequests(task.ByKey, func(t task.Task) uuid.UUID { return t.RequestID }),
		kindNotice:          ofRequests(notice.ByID, func(n notice.Notice) uuid.UUID { return n.RequestID }),
		kindPackage:         ofRequests(export.PackagesByID, func(p export.Package) uuid.UUID { return p.RequestID }),
	}
}

// byKey finds with a room's function for many, for whoever has one of the
// roles.
func byKey[V any](many func(context.Context, postgres.DB, []uuid.UUID) (map[uuid.UUID]V, error), roles ...access.Role) finder {
	return func(ctx context.Context, r *resolver, keys []uuid.UUID) (map[uuid.UUID]node.Node, error) {
		if err := access.From(ctx).Require(roles...); err != nil {
			return nil, err
		}
		rows, err := many(ctx, r.DB, keys)
		found := make(map[uuid.UUID]node.Node, len(rows))
		for key, row := range rows {
			found[key] = row
		}
		return found, err
	}
}

// requestsByKey finds requests for somebody who may see them.
func requestsByKey(ctx context.Context, r *resolver, keys []uuid.UUID) (map[uuid.UUID]node.Node, error) {
	rows, err := r.Requests.FindMany(ctx, access.From(ctx), keys)
	found := make(map[uuid.UUID]node.Node, len(rows))
	for key, row := range rows {
		found[key] = row
	}
	return found, err
}

// ofRequests finds what hangs on requests, for somebody who may see them.
func ofRequests[V any](many func(context.Context, postgres.DB, []uuid.UUID) (map[uuid.UUID]V, error), request func(V) uuid.UUID) finder {
	return func(ctx context.Context, r *resolver, keys []uuid.UUID) (map[uuid.UUID]node.Node, error) {
		rows, err := many(ctx, r.DB, keys)
		if err != nil {
			return nil, err
		}
		var ids []uuid.UUID
		for _, row := range rows {
			ids = append(ids, request(row))
		}
		seen, err := r.Requests.FindMany(ctx, access.From(ctx), ids)
		found := make(map[uuid.UUID]node.Node, len(rows))
		for key, row := range rows {
			if _, ok := seen[request(row)]; ok {
				found[key] = row
			}
		}
		return found, err
	}
}

func termsByID(_ context.Context, _ postgres.DB, ids []uuid.UUID) (map[uuid.UUID]taxonomy.Term, error) {
	found := map[uuid.UUID]taxonomy.Term{}
	for _, id := range ids {
		if t, ok := taxonomy.ByID(id); ok {
			found[id] = t
		}
	}
	return found, nil
}

// unseen reports whether something is not there, or not for this caller.
func unseen(err error) bool {
	kind := fault.KindOf(err)
	return kind == fault.NotFound || kind == fault.Denied
}

// ifAny is nil for something that is not there.
func ifAny[T any](v T, err error) (*T, error) {
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	return &v, err
}

// find finds nodes in the order of their ids, with one call a kind. What the
// caller may not see is not there.
func (r *resolver) find(ctx context.Context, ids []node.ID) ([]node.Node, error) {
	keys := map[node.Kind][]uuid.UUID{}
	for _, id := range ids {
		keys[id.Kind] = append(keys[id.Kind], id.Key)
	}
	found := map[node.Kind]map[uuid.UUID]node.Node{}
	for kind, find := range finders() {
		if len(keys[kind]) == 0 {
			continue
		}
		rows, err := find(ctx, r, keys[kind])
		if err != nil && !unseen(err) {
			return nil, err
		}
		found[kind] = rows
	}
	out := make([]node.Node, len(ids))
	for i, id := range ids {
		out[i] = found[id.Kind][id.Key]
	}
	return out, nil
}
