package graph

import (
	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/findings"
	"github.com/flowmart/lethe/catalog/search"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/erasure/alert"
	"github.com/flowmart/lethe/erasure/export"
	"github.com/flowmart/lethe/erasure/notice"
	"github.com/flowmart/lethe/erasure/task"
	"github.com/flowmart/lethe/lineage"
	"github.com/flowmart/lethe/schemas/stores"
)

// saw announces the keys that a row, or a list of rows, holds.
func (l *loaders) saw(rows any) {
	switch rows := rows.(type) {
	case []erasure.Request:
		each(rows, l.sawRequest)
	case erasure.Request:
		l.sawRequest(rows)
	case []erasure.Node:
		each(rows, l.sawNode)
	case []task.Task:
		each(rows, l.sawTask)
	case []task.Outcome:
		each(rows, func(o task.Outcome) { l.datasets.expect(o.DatasetID) })
	case []notice.Notice:
		each(rows, func(n notice.Notice) { l.principals.expectAny(n.RecordedBy) })
	case []alert.Alert:
		each(rows, func(a alert.Alert) {
			l.requests.expect(a.RequestID)
			l.services.expect(a.ServiceID)
			l.datasets.expectAny(a.DatasetID)
		})
	case []export.Package:
		each(rows, func(p export.Package) { l.services.expect(p.Missing...) })
	case []audit.Record:
		each(rows, func(e audit.Record) { l.principals.expect(e.ActorID) })
	default:
		l.sawCatalog(rows)
	}
}

func (l *loaders) sawCatalog(rows any) {
	switch rows := rows.(type) {
	case []catalog.Service:
		each(rows, l.sawService)
	case catalog.Service:
		l.sawService(rows)
	case []catalog.Store:
		each(rows, l.sawStore)
	case catalog.Store:
		l.sawStore(rows)
	case []catalog.Dataset:
		each(rows, l.sawDataset)
	case catalog.Dataset:
		l.sawDataset(rows)
	case []catalog.Field:
		each(rows, func(f catalog.Field) { l.datasets.expect(f.DatasetID) })
	case catalog.Field:
		l.datasets.expect(rows.DatasetID)
	case []catalog.Tag:
		each(rows, func(t catalog.Tag) { l.datasets.expect(t.DatasetID); l.fields.expectAny(t.FieldID) })
	case []catalog.PermittedUse:
		each(rows, func(u catalog.PermittedUse) { l.purposes.expect(u.PurposeID); l.fields.expectAny(u.FieldID) })
	case []catalog.Consumption:
		each(rows, l.sawConsumption)
	case []findings.Finding:
		each(rows, func(f findings.Finding) { l.sawEntity(f.EntityKind, f.EntityID) })
	case []search.Hit:
		each(rows, l.sawHit)
	default:
		l.sawReaders(rows)
	}
}

func (l *loaders) sawReaders(rows any) {
	switch rows := rows.(type) {
	case []catalog.StoreReader:
		each(rows, func(r catalog.StoreReader) { l.services.expect(r.ServiceID) })
	case []lineage.Edge:
		each(rows, l.sawFlow)
	case []catalog.Change:
		each(rows, func(c catalog.Change) { l.principals.expect(c.Actor) })
	case []catalog.ObservedRead:
		each(rows, l.sawRead)
	case catalog.Dismissal:
		l.datasets.expect(rows.DatasetID)
		l.principals.expect(rows.CreatedBy)
	case []catalog.ActorAlias:
		each(rows, func(n catalog.ActorAlias) { l.services.expect(n.ServiceID) })
	case []lineage.Reader:
		each(rows, func(r lineage.Reader) { l.services.expectAny(r.ServiceID); l.dismissals.expect(r.Dismissals...) })
	case []stores.Change:
		each(rows, func(c stores.Change) { l.datasets.expectAny(c.DatasetID) })
	case []lineage.Reach:
		each(rows, func(r lineage.Reach) { l.datasets.expect(r.DatasetID, r.FromID); l.services.expectAny(r.ServiceID) })
	}
}

func each[T any](rows []T, f func(T)) {
	for _, row := range rows {
		f(row)
	}
}

func (l *loaders) sawRequest(r erasure.Request) {
	l.controllers.expect(r.ControllerID)
	l.principals.expect(r.OpenedBy)
	l.principals.expectAny(r.ApprovedBy)
	l.principals.expectAny(r.ClosedWithGapsBy)
	l.requests.expectAny(r.MergedInto)
	l.nodesOf.expect(r.ID)
	l.tasksOf.expect(r.ID)
	l.noticesOf.expect(r.ID)
	l.alertsOf.expect(r.ID)
	l.certificateOf.expect(r.ID)
	l.packagesOf.expect(r.ID)
}

func (l *loaders) sawNode(n erasure.Node) {
	l.datasets.expect(n.DatasetID)
	l.services.expectAny(n.ServiceID)
	l.dismissals.expectAny(n.DismissalID)
}

func (l *loaders) sawRead(r catalog.ObservedRead) {
	l.datasets.expect(r.DatasetID)
	l.services.expectAny(r.ServiceID)
	l.dismissals.expectAny(r.DismissalID)
}

func (l *loaders) sawFlow(e lineage.Edge) {
	l.datasets.expect(e.UpstreamID, e.DownstreamID)
	l.services.expectAny(e.ServiceID)
	l.principals.expect(e.StatedBy)
}

func (l *loaders) sawTask(t task.Task) {
	l.requests.expect(t.RequestID)
	l.services.expect(t.ServiceID)
	l.outcomesOf.expect(t.ID)
}

func (l *loaders) sawService(s catalog.Service) {
	l.owners.expectAny(s.OwnerID)
	l.controllers.expect(s.ControllerID)
	l.stopped.expect(s.ID)
	l.storesOf.expect(s.ID)
	l.deliveryOf.expect(s.ID)
	l.findingsOf.expect(s.ID)
}

func (l *loaders) sawStore(s catalog.Store) {
	l.services.expectAny(s.ServiceID)
	l.storeReadersOf.expect(s.ID)
	l.findingsOf.expect(s.ID)
}

func (l *loaders) sawDataset(d catalog.Dataset) {
	l.stores.expectAny(d.StoreID)
	l.services.expectAny(d.ServiceID)
	l.owners.expectAny(d.OwnerID)
	l.datasets.expect(d.DerivedFrom...)
	l.retentionPolicies.expectAny(d.RetentionPolicyID)
	l.topicOf.expect(d.ID)
	l.subjectsOf.expect(d.ID)
	l.fieldsOf.of(d.ID)
	l.tagsOf.expect(d.ID)
	l.usesOf.expect(d.ID)
	l.consumptionOf.expect(d.ID)
	l.readsOf.expect(d.ID)
	l.readersOf.expect(d.ID)
	l.flowsOf.expect(d.ID)
	l.findingsOf.expect(d.ID)
}

func (l *loaders) sawConsumption(c catalog.Consumption) {
	l.services.expect(c.ServiceID)
	l.datasets.expect(c.DatasetID)
	l.purposes.expect(c.PurposeIDs...)
}

func (l *loaders) sawHit(h search.Hit) { l.sawEntity(h.Kind, h.ID) }

// sawEntity announces what a row of the catalog names by kind and key.
func (l *loaders) sawEntity(kind string, id uuid.UUID) {
	switch kind {
	case "SERVICE":
		l.services.expect(id)
	case "STORE":
		l.stores.expect(id)
	case "DATASET":
		l.datasets.expect(id)
	case "FIELD":
		l.fields.expect(id)
	}
}
