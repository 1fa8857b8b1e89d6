package yaml

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
)

// plan goes through the file in the order in which things refer to each other.
func (p *planner) plan() {
	p.claimAll()
	if p.Err() != nil {
		return
	}
	p.planParties()
	p.planServices()
	p.planStores()
	for i := range p.doc.datasets {
		p.planDataset(&p.doc.datasets[i], p.entryIDs[i])
	}
	p.planConsumption()
	p.planActors()
}

func (p *planner) claimAll() {
	claimEntries(p, "controller", p.doc.controllers, func(v catalog.Controller) string { return v.Ref })
	claimEntries(p, "owner", p.doc.owners, func(v catalog.Owner) string { return v.Ref })
	claimEntries(p, "retention policy", p.doc.policies, func(v catalog.RetentionPolicy) string { return v.Ref })
	claimEntries(p, "purpose", p.doc.purposes, func(v catalog.Purpose) string { return v.Ref })
	seen := map[string]bool{}
	for _, e := range p.doc.services {
		p.claim("service", e.value.Ref, e.Of("ref"), seen)
	}
	clear(seen)
	for _, e := range p.doc.stores {
		p.claim("store", e.value.Ref, e.Of("ref"), seen)
	}
	clear(seen)
	for _, e := range p.doc.datasets {
		p.claimFormer(e)
		p.claim("dataset", fullName(e.value), e.Of("name"), seen)
		p.entryIDs = append(p.entryIDs, p.ids["dataset"][fullName(e.value)])
	}
}

func claimEntries[T any](p *planner, kind string, entries []entry[T], ref func(T) string) {
	seen := map[string]bool{}
	for _, e := range entries {
		p.claim(kind, ref(e.value), e.Of("ref"), seen)
	}
}

// claimFormer finds the row of a dataset that the file renames.
func (p *planner) claimFormer(e datasetEntry) {
	if _, ok := p.ids["dataset"][fullName(e.value)]; ok {
		return
	}
	for _, former := range e.formerly {
		full := e.value.Environment + " " + former.Value
		if old, ok := p.datasets[full]; ok {
			p.ids["dataset"][fullName(e.value)] = old.ID
			p.datasets[fullName(e.value)] = old
			return
		}
	}
}

func (p *planner) planParties() {
	ch := &p.out.changes.Put
	for _, e := range p.doc.controllers {
		old := pick(p.controllers, e.value.Ref)
		e.value.ID = p.ids["controller"][e.value.Ref]
		if old != nil {
			e.value.Rev = old.Rev
			e.value.Country, e.value.TimeZone = cmp.Or(e.value.Country, old.Country), cmp.Or(e.value.TimeZone, old.TimeZone)
		}
		put(p, &ch.Controllers, "controllers", "CONTROLLER", e.value.Ref, e.Place, old, e.value)
	}
	for _, e := range p.doc.owners {
		old := pick(p.owners, e.value.Ref)
		e.value.ID = p.ids["owner"][e.value.Ref]
		if old != nil {
			e.value.Rev = old.Rev
		}
		put(p, &ch.Owners, "owners", "OWNER", e.value.Ref, e.Place, old, e.value)
	}
	for _, e := range p.doc.policies {
		old := pick(p.policies, e.value.Ref)
		e.value.ID = p.ids["retention policy"][e.value.Ref]
		if old != nil {
			e.value.Rev, e.value.Days = old.Rev, old.Days
		}
		put(p, &ch.RetentionPolicies, "retention_policies", "RETENTION_POLICY", e.value.Ref, e.Place, old, e.value)
	}
	for _, e := range p.doc.purposes {
		old := pick(p.purposes, e.value.Ref)
		e.value.ID = p.ids["purpose"][e.value.Ref]
		if old != nil {
			e.value.Rev = old.Rev
		}
		put(p, &ch.Purposes, "purposes", "PURPOSE", e.value.Ref, e.Place, old, e.value)
	}
}

func (p *planner) planServices() {
	for _, e := range p.doc.services {
		old := pick(p.services, e.value.Ref)
		v := e.value
		v.ID = p.ids["service"][v.Ref]
		v.OwnerID, v.ControllerID = p.find("owner", e.owner), p.findID("controller", e.controller)
		if old != nil {
			v.Rev, v.State, v.Recipient = old.Rev, old.State, old.Recipient
		}
		put(p, &p.out.changes.Put.Services, "services", "SERVICE", v.Ref, e.Place, old, v)
	}
}

func (p *planner) planStores() {
	open := map[uuid.UUID]map[uuid.UUID]catalog.StoreReader{}
	for _, r := range p.now.StoreReaders {
		if open[r.StoreID] == nil {
			open[r.StoreID] = map[uuid.UUID]catalog.StoreReader{}
		}
		open[r.StoreID][r.ServiceID] = r
	}
	for _, e := range p.doc.stores {
		old := pick(p.stores, e.value.Ref)
		v := e.value
		v.ID, v.ServiceID = p.ids["store"][v.Ref], p.find("service", e.service)
		if old != nil {
			v.Rev = old.Rev
		}
		put(p, &p.out.changes.Put.Stores, "stores", "STORE", v.Ref, e.Place, old, v)
		p.planStoreReaders(e, v.ID, open[v.ID])
	}
}

func (p *planner) planStoreReaders(e storeEntry, store uuid.UUID, open map[uuid.UUID]catalog.StoreReader) {
	for _, r := range e.readers {
		service := p.find("service", r.service)
		if service == nil {
			continue
		}
		next := catalog.StoreReader{StoreID: store, ServiceID: *service, Reason: r.reason}
		var old *catalog.StoreReader
		if was, ok := open[*service]; ok {
			old = &was
			next.ID, next.ValidFrom = was.ID, was.ValidFrom
			delete(open, *service)
		}
		put(p, &p.out.changes.Put.StoreReaders, "store_readers", "STORE_READER", e.value.Ref+" "+r.service.Value, r.Place, old, next)
	}
	for _, left := range p.now.StoreReaders {
		if _, ok := open[left.ServiceID]; ok && left.StoreID == store {
			p.end(&p.out.changes.EndStoreReaders, "STORE_READER", e.value.Ref, left.ID)
		}
	}
}

func (p *planner) planDataset(e *datasetEntry, id uuid.UUID) {
	old := pick(p.datasets, fullName(e.value))
	v := e.value
	v.ID = id
	if e.store != "" {
		store := p.ids["store"][e.store]
		v.StoreID = &store
	}
	v.ServiceID, v.OwnerID, v.RetentionPolicyID = p.find("service", e.service), p.find("owner", e.owner), p.find("retention policy", e.retention)
	for _, n := range e.derivedFrom {
		if source := p.findDataset(v.Environment, n); source != nil {
			v.DerivedFrom = append(v.DerivedFrom, *source)
		}
	}
	v.DerivedFrom = inOrder(v.DerivedFrom)
	if old != nil {
		v.Rev = old.Rev
	}
	label := v.Namespace + "/" + v.Name
	put(p, &p.out.changes.Put.Datasets, "datasets", "DATASET", label, e.Place, old, v)
	t := targets{planner: p, dataset: id, label: label, tags: p.openTags(id), permits: p.openPermits(id)}
	t.plan(nil, "", e.tags, e.permits)
	for _, f := range e.fields {
		field := p.planField(id, label, f)
		t.plan(&field, "#"+f.path, f.tags, f.permits)
	}
	t.endRest()
}

func inOrder(ids []uuid.UUID) []uuid.UUID {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// planField lays what the file says of a field over what is known of it: a
// registered schema may know its type and description better.
func (p *planner) planField(dataset uuid.UUID, label string, f fieldEntry) uuid.UUID {
	next := catalog.Field{ID: uuid.Must(uuid.NewV7()), DatasetID: dataset, Path: f.path, Nullable: true}
	old := pick(p.fields[dataset], f.path)
	if old != nil {
		next = *old
	}
	next.DataType, next.Doc = or(f.dataType, next.DataType), or(f.doc, next.Doc)
	next.Nullable, next.Opaque = or(f.nullable, next.Nullable), or(f.opaque, next.Opaque)
	put(p, &p.out.changes.Put.Fields, "fields", "FIELD", label+"#"+f.path, f.Place, old, next)
	return next.ID
}

func (p *planner) planConsumption() {
	open := map[[2]uuid.UUID]catalog.Consumption{}
	for _, c := range p.now.Consumption {
		open[[2]uuid.UUID{c.ServiceID, c.DatasetID}] = c
	}
	said := map[[2]uuid.UUID]bool{}
	for _, e := range p.doc.consumption {
		service, dataset := p.find("service", e.service), p.findDataset(e.environment, e.reads)
		var purposes []uuid.UUID
		for _, n := range e.purposes {
			purposes = append(purposes, p.findID("purpose", n))
		}
		if service == nil || dataset == nil {
			continue
		}
		key := [2]uuid.UUID{*service, *dataset}
		if said[key] {
			p.Bad(e.At, "TWICE", "this service says of this dataset twice that it reads it")
		}
		said[key] = true
		next := catalog.Consumption{ServiceID: *service, DatasetID: *dataset, PurposeIDs: inOrder(purposes), Fields: e.fields}
		slices.Sort(next.Fields)
		var old *catalog.Consumption
		if was, ok := open[key]; ok {
			old = &was
			next.ID, next.ValidFrom, next.CreatedBy = was.ID, was.ValidFrom, was.CreatedBy
			if (was.Fields == nil) != (next.Fields == nil) {
				// Not said and none are different things, which lists alone do not show.
				was.Fields = []string{"\x00"}
			}
		}
		put(p, &p.out.changes.Put.Consumption, "consumption", "CONSUMPTION", e.service.Value+" reads "+e.reads.Value, e.Place, old, next)
	}
	p.endConsumption(said)
}

// endConsumption ends what services of the file said once and do not say now.
func (p *planner) endConsumption(said map[[2]uuid.UUID]bool) {
	listed := map[uuid.UUID]string{}
	for _, e := range p.doc.services {
		listed[p.ids["service"][e.value.Ref]] = e.value.Ref
	}
	for _, c := range p.now.Consumption {
		if ref, ok := listed[c.ServiceID]; ok && !said[[2]uuid.UUID{c.ServiceID, c.DatasetID}] {
			p.end(&p.out.changes.EndConsumption, "CONSUMPTION", ref+" reads "+p.label(c.DatasetID), c.ID)
		}
	}
}

func (p *planner) label(dataset uuid.UUID) string {
	for _, d := range p.now.Datasets {
		if d.ID == dataset {
			return d.Namespace + "/" + d.Name
		}
	}
	return dataset.String()
}

func (p *planner) planActors() {
	now := map[string]catalog.ActorAlias{}
	for _, a := range p.now.ActorAliases {
		now[actorName(a)] = a
	}
	seen := map[string]bool{}
	for _, e := range p.doc.actors {
		service := p.find("service", e.service)
		if service == nil {
			continue
		}
		v := e.value
		v.ServiceID = *service
		if seen[actorName(v)] {
			p.Bad(e.Of("name"), "TWICE", "this actor stands in the file twice")
		}
		seen[actorName(v)] = true
		old := pick(now, actorName(v))
		if old != nil {
			v.ID, v.Rev = old.ID, old.Rev
		}
		put(p, &p.out.changes.Put.ActorAliases, "actor_aliases", "ACTOR", actorName(v), e.Place, old, v)
	}
}

func actorName(a catalog.ActorAlias) string {
	return strings.Join([]string{a.Cluster, a.Kind, a.Name}, " ")
}
