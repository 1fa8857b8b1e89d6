package lineage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/postgres"
)

// Standing is what is said of a reader against what is seen of it.
type Standing string

// The standings. An unknown reader was seen, and nobody knows which service it
// is: its owner cannot be asked about anyone's data. Of an explained reader
// somebody has said why it need not be asked; it stands so only while that
// covers everything that was seen of it.
const (
	Both         Standing = "BOTH"
	DeclaredOnly Standing = "DECLARED_ONLY"
	ObservedOnly Standing = "OBSERVED_ONLY"
	Explained    Standing = "EXPLAINED"
	Unknown      Standing = "UNKNOWN_READER"
)

// Reader is who reads a dataset.
type Reader struct {
	DatasetID uuid.UUID
	ServiceID *uuid.UUID // nil for a reader that nobody knows
	Standing  Standing
	Groups    []Group    // the consumer groups it was seen as; one for a reader that nobody knows
	FirstSeen *time.Time // nil if it was only declared
	LastSeen  *time.Time
	// Gone says that none of its groups has been seen for a week, although their
	// clusters were asked.
	Gone       bool
	Dismissals []uuid.UUID // what explains its groups, in their order
}

// Group is a consumer group of a cluster.
type Group struct{ Cluster, Name string }

// Readers lists who reads a dataset, declared and observed, services first. The
// service that a dataset belongs to needs no declaration.
func Readers(ctx context.Context, db postgres.DB, dataset uuid.UUID) ([]Reader, error) {
	all, err := ReadersByDataset(ctx, db, []uuid.UUID{dataset})
	return all[dataset], err
}

// ReadersByDataset is Readers for several datasets at once.
func ReadersByDataset(ctx context.Context, db postgres.DB, datasets []uuid.UUID) (map[uuid.UUID][]Reader, error) {
	owned, err := catalog.DatasetsByID(ctx, db, datasets)
	if err != nil {
		return nil, err
	}
	declared, err := catalog.DeclaredReaders(ctx, db, datasets)
	if err != nil {
		return nil, err
	}
	seen, err := catalog.ObservedReads(ctx, db, datasets)
	if err != nil {
		return nil, err
	}
	owners, err := servicesOf(ctx, db, owned)
	if err != nil {
		return nil, err
	}
	t := table{}
	for _, d := range declared {
		t.service(d.DatasetID, d.ServiceID).Standing = DeclaredOnly
	}
	for _, o := range seen {
		t.observe(o, owners[o.DatasetID])
	}
	return t.byDataset(), nil
}

// servicesOf names the service of each dataset: its own, or its store's.
func servicesOf(ctx context.Context, db postgres.DB, datasets map[uuid.UUID]catalog.Dataset) (map[uuid.UUID]*uuid.UUID, error) {
	var stores []uuid.UUID
	for _, d := range datasets {
		if d.ServiceID == nil && d.StoreID != nil {
			stores = append(stores, *d.StoreID)
		}
	}
	found, err := catalog.StoresByID(ctx, db, stores)
	out := map[uuid.UUID]*uuid.UUID{}
	for id, d := range datasets {
		out[id] = d.ServiceID
		if d.ServiceID == nil && d.StoreID != nil {
			out[id] = found[*d.StoreID].ServiceID
		}
	}
	return out, err
}

// table gathers the readers of datasets while they are joined.
type table map[tableKey]*Reader

type tableKey struct {
	dataset, service uuid.UUID
	group            Group // of an unknown reader
}

func (t table) at(key tableKey) *Reader {
	if t[key] == nil {
		t[key] = &Reader{DatasetID: key.dataset}
	}
	return t[key]
}

func (t table) service(dataset, service uuid.UUID) *Reader {
	r := t.at(tableKey{dataset: dataset, service: service})
	r.ServiceID = &service
	return r
}

func (t table) observe(o catalog.ObservedRead, owner *uuid.UUID) {
	group := Group{o.Cluster, o.Group}
	var r *Reader
	switch {
	case o.ServiceID == nil:
		r = t.at(tableKey{dataset: o.DatasetID, group: group})
		r.Standing = Unknown
		if o.DismissalID != nil {
			r.Standing = Explained
		}
	default:
		r = t.service(o.DatasetID, *o.ServiceID)
		r.Standing = sighted(r.Standing, owner != nil && *owner == *o.ServiceID, o.DismissalID != nil)
	}
	r.Gone = o.Gone && (r.Gone || len(r.Groups) == 0)
	r.Groups = append(r.Groups, group)
	if o.DismissalID != nil {
		r.Dismissals = append(r.Dismissals, *o.DismissalID)
	}
	if r.FirstSeen == nil || o.FirstSeen.Before(*r.FirstSeen) {
		r.FirstSeen = &o.FirstSeen
	}
	if r.LastSeen == nil || o.LastSeen.After(*r.LastSeen) {
		r.LastSeen = &o.LastSeen
	}
}

// sighted is the standing of a service after it was seen once more.
func sighted(before Standing, own, explained bool) Standing {
	switch {
	case own || before == DeclaredOnly || before == Both:
		return Both
	case explained && before != ObservedOnly:
		return Explained
	}
	return ObservedOnly
}

func (t table) byDataset() map[uuid.UUID][]Reader {
	out := map[uuid.UUID][]Reader{}
	for _, r := range t {
		out[r.DatasetID] = append(out[r.DatasetID], *r)
	}
	for _, readers := range out {
		slices.SortFunc(readers, func(a, b Reader) int {
			return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.name(), b.name()))
		})
	}
	return out
}

func (r Reader) rank() int {
	if r.ServiceID == nil {
		return 1
	}
	return 0
}

func (r Reader) name() string {
	if r.ServiceID != nil {
		return r.ServiceID.String()
	}
	return r.Groups[0].Cluster + "/" + r.Groups[0].Name
}
