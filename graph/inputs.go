package graph

import (
	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/graph/exec"
	"github.com/flowmart/lethe/graph/node"
	"github.com/flowmart/lethe/lineage"
)

// This file turns inputs of the API into what the catalog takes. No rule
// stands here: the room judges what it is told.

// which reads the id and revision of something to change; both are zero for
// something new. An id without a revision is at none that exists.
func which(id *node.ID, rev *int, kind node.Kind) (uuid.UUID, int) {
	switch {
	case id == nil:
		return uuid.Nil, orNil(rev)
	case rev == nil:
		return id.Of(kind), -1
	}
	return id.Of(kind), *rev
}

// key reads an id that need not be given.
func key(id *node.ID, kind node.Kind) *uuid.UUID {
	if id == nil {
		return nil
	}
	k := id.Of(kind)
	return &k
}

func keys(ids []node.ID, kind node.Kind) []uuid.UUID {
	out := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		out[i] = id.Of(kind)
	}
	return out
}

func newService(in exec.RegisterServiceInput) catalog.Service {
	return catalog.Service{
		Ref: in.Ref, Name: in.Name, Doc: in.Doc, OwnerID: key(in.OwnerID, kindOwner), ControllerID: in.ControllerID.Of(kindController),
		PartyRole: in.PartyRole, Endpoint: in.Endpoint, IdentifierTypes: in.IdentifierTypes, Resolves: in.Resolves,
		AllowedNetworks: in.AllowedNetworks, RatePerSecond: orNil(in.RatePerSecond), MaxInFlight: orNil(in.MaxInFlight),
	}
}

func changedService(in exec.UpdateServiceInput) catalog.Service {
	return catalog.Service{
		ID: in.ID.Of(kindService), Rev: in.Rev,
		Ref: in.Ref, Name: in.Name, Doc: in.Doc, OwnerID: key(in.OwnerID, kindOwner), ControllerID: in.ControllerID.Of(kindController),
		PartyRole: in.PartyRole, Endpoint: in.Endpoint, IdentifierTypes: in.IdentifierTypes, Resolves: in.Resolves,
		AllowedNetworks: in.AllowedNetworks, RatePerSecond: orNil(in.RatePerSecond), MaxInFlight: orNil(in.MaxInFlight),
	}
}

func controller(in exec.DeclareControllerInput) catalog.Controller {
	id, rev := which(in.ID, in.Rev, kindController)
	return catalog.Controller{
		ID: id, Rev: rev, Ref: in.Ref, Name: in.Name, Country: orNil(in.Country), Region: in.Region,
		TimeZone: orNil(in.TimeZone), DailyCeiling: orNil(in.DailyCeiling),
	}
}

func owner(in exec.DeclareOwnerInput) catalog.Owner {
	id, rev := which(in.ID, in.Rev, kindOwner)
	return catalog.Owner{ID: id, Rev: rev, Kind: in.Kind, Ref: in.Ref, Name: in.Name, Active: in.Active}
}

func store(in exec.DeclareStoreInput) catalog.Store {
	id, rev := which(in.ID, in.Rev, kindStore)
	return catalog.Store{
		ID: id, Rev: rev, Ref: in.Ref, Name: in.Name, Doc: in.Doc, ServiceID: key(in.ServiceID, kindService), Technology: in.Technology,
		AccessMode: in.AccessMode, Residency: in.Residency, BackupHorizonDays: in.BackupHorizonDays, BackupEvidenceOn: in.BackupEvidenceOn,
	}
}

func dataset(in exec.DeclareDatasetInput) catalog.Dataset {
	id, rev := which(in.ID, in.Rev, kindDataset)
	return catalog.Dataset{
		ID: id, Rev: rev, Environment: in.Environment, Namespace: in.Namespace, Name: in.Name, Kind: in.Kind, Doc: in.Doc,
		StoreID: key(in.StoreID, kindStore), ServiceID: key(in.ServiceID, kindService), OwnerID: key(in.OwnerID, kindOwner),
		Derived: in.Derived, DerivedFrom: keys(in.DerivedFrom, kindDataset), Lifecycle: in.Lifecycle, EraseBy: orNil(in.EraseBy),
		UsualMax: in.UsualMax, RetentionPolicyID: key(in.RetentionPolicyID, kindRetentionPolicy),
	}
}

func purpose(in exec.DeclarePurposeInput) catalog.Purpose {
	id, rev := which(in.ID, in.Rev, kindPurpose)
	return catalog.Purpose{ID: id, Rev: rev, Ref: in.Ref, Name: in.Name, Doc: in.Doc, Use: in.Use, LegalBasis: in.LegalBasis}
}

func retentionPolicy(in exec.DeclareRetentionPolicyInput) catalog.RetentionPolicy {
	id, rev := which(in.ID, in.Rev, kindRetentionPolicy)
	return catalog.RetentionPolicy{
		ID: id, Rev: rev, Ref: in.Ref, Name: in.Name, Duration: in.Duration, Trigger: in.Trigger, Action: in.Action,
		Ground: in.Ground, LegalReference: in.LegalReference,
	}
}

func consumption(in exec.DeclareConsumptionInput) catalog.Consumption {
	return catalog.Consumption{
		ServiceID: in.ServiceID.Of(kindService), DatasetID: in.DatasetID.Of(kindDataset),
		PurposeIDs: keys(in.PurposeIds, kindPurpose), Fields: in.Fields,
	}
}

func storeReader(in exec.DeclareStoreReaderInput) catalog.StoreReader {
	return catalog.StoreReader{StoreID: in.StoreID.Of(kindStore), ServiceID: in.ServiceID.Of(kindService), Reason: in.Reason}
}

func permittedUse(in exec.DeclarePermittedUseInput) catalog.PermittedUse {
	return catalog.PermittedUse{
		DatasetID: in.DatasetID.Of(kindDataset), FieldID: key(in.FieldID, kindField), PurposeID: in.PurposeID.Of(kindPurpose),
	}
}

func readerName(in exec.DeclareReaderInput) catalog.ActorAlias {
	id, rev := which(in.ID, in.Rev, kindReaderName)
	return catalog.ActorAlias{
		ID: id, Rev: rev, Cluster: in.Cluster, Kind: in.Kind, Name: in.Name, ServiceID: in.ServiceID.Of(kindService),
	}
}

func dismissal(in exec.DismissReaderInput) catalog.Dismissal {
	return catalog.Dismissal{
		Cluster: in.Cluster, Group: in.Name, DatasetID: in.DatasetID.Of(kindDataset), Reason: in.Reason, ValidTo: in.ValidTo,
	}
}

func flow(in exec.StateFlowInput) lineage.Edge {
	return lineage.Edge{
		UpstreamID: in.UpstreamID.Of(kindDataset), DownstreamID: in.DownstreamID.Of(kindDataset), ServiceID: key(in.ServiceID, kindService),
	}
}

func tags(in []exec.TagInput) []catalog.Tag {
	out := make([]catalog.Tag, len(in))
	for i, t := range in {
		polarity := "+"
		if t.Deny {
			polarity = "-"
		}
		out[i] = catalog.Tag{
			DatasetID: t.DatasetID.Of(kindDataset), FieldID: key(t.FieldID, kindField), Term: t.Term,
			Polarity: polarity, State: t.State, Reason: t.Reason, ValidFrom: orNil(t.ValidFrom), ValidTo: t.ValidTo,
		}
	}
	return out
}

func datasetFilter(f *exec.DatasetFilter) catalog.DatasetFilter {
	if f == nil {
		return catalog.DatasetFilter{}
	}
	return catalog.DatasetFilter{ServiceID: key(f.ServiceID, kindService), StoreID: key(f.StoreID, kindStore), Term: f.Term}
}
