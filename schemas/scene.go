package schemas

import (
	"context"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/gate"
)

// scene is what the catalog knows of the data that a subject describes: whose
// they are, who reads them, what may be done with them. Each thing is read once
// in a unit of work, when it is first asked for, and belongs to that unit alone.
type scene struct {
	r     *Registry
	db    postgres.DB
	place place

	datasets  *[]catalog.Dataset // behind the topic: one a cluster that has it
	said      *gate.Around
	consumers *consumers
	known     *known

	stores   shelf[catalog.Store]
	services shelf[catalog.Service]
	teams    shelf[catalog.Owner]
	purposes shelf[catalog.Purpose]
	declared shelf[[]catalog.Consumption] // by dataset
}

// scene begins to look around a subject.
func (r *Registry) scene(db postgres.DB, p place) *scene {
	return &scene{
		r: r, db: db, place: p,
		stores:   shelf[catalog.Store]{read: catalog.StoresByID},
		services: shelf[catalog.Service]{read: catalog.ServicesByID},
		teams:    shelf[catalog.Owner]{read: catalog.OwnersByID},
		purposes: shelf[catalog.Purpose]{read: catalog.PurposesByID},
		declared: shelf[[]catalog.Consumption]{read: catalog.ConsumptionByDataset},
	}
}

// shelf has rows by id, each read once.
type shelf[T any] struct {
	read  func(context.Context, postgres.DB, []uuid.UUID) (map[uuid.UUID]T, error)
	asked map[uuid.UUID]bool
	rows  map[uuid.UUID]T
}

// of finds the rows of ids, among others; unknown ids are absent.
func (s *shelf[T]) of(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]T, error) {
	var missing []uuid.UUID
	for _, id := range ids {
		if !s.asked[id] {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return s.rows, nil
	}
	found, err := s.read(ctx, db, missing)
	if err != nil {
		return nil, err
	}
	if s.asked == nil {
		s.asked, s.rows = map[uuid.UUID]bool{}, map[uuid.UUID]T{}
	}
	for _, id := range missing {
		s.asked[id] = true
		if row, ok := found[id]; ok {
			s.rows[id] = row
		}
	}
	return s.rows, nil
}

// gather looks at all that a gate which is enforced will ask for. Who registers
// does so before the subject is locked: the others that register there wait for
// the rest alone.
func (s *scene) gather(ctx context.Context) error {
	if _, err := s.readers(ctx); err != nil {
		return err
	}
	_, err := s.around(ctx)
	return err
}

// topic finds the datasets behind the topic that the subject is called after:
// one a cluster that has such a topic.
func (s *scene) topic(ctx context.Context) ([]catalog.Dataset, error) {
	if s.datasets != nil {
		return *s.datasets, nil
	}
	ids, err := s.r.datasetsOf(ctx, s.db, s.place)
	if err != nil {
		return nil, err
	}
	found := map[uuid.UUID]catalog.Dataset{}
	if len(ids) > 0 {
		if found, err = catalog.DatasetsByID(ctx, s.db, ids); err != nil {
			return nil, err
		}
	}
	var out []catalog.Dataset
	for _, id := range ids {
		out = append(out, found[id])
	}
	s.datasets = &out
	return out, nil
}

// ids are the keys of the datasets behind the topic.
func (s *scene) ids(ctx context.Context) ([]uuid.UUID, error) {
	datasets, err := s.topic(ctx)
	var out []uuid.UUID
	for _, d := range datasets {
		out = append(out, d.ID)
	}
	return out, err
}

// servicesOf are the services of datasets: their own, or their stores'.
func (s *scene) servicesOf(ctx context.Context, datasets []catalog.Dataset) ([]catalog.Service, error) {
	var stores, services []uuid.UUID
	for _, d := range datasets {
		if d.ServiceID == nil && d.StoreID != nil {
			stores = append(stores, *d.StoreID)
		}
	}
	in, err := s.stores.of(ctx, s.db, stores)
	if err != nil {
		return nil, err
	}
	for _, d := range datasets {
		service := d.ServiceID
		if service == nil && d.StoreID != nil {
			service = in[*d.StoreID].ServiceID
		}
		if service != nil {
			services = append(services, *service)
		}
	}
	return s.servicesByID(ctx, services)
}

func (s *scene) servicesByID(ctx context.Context, ids []uuid.UUID) ([]catalog.Service, error) {
	found, err := s.services.of(ctx, s.db, ids)
	var out []catalog.Service
	for _, id := range ids {
		out = append(out, found[id])
	}
	return out, err
}

// owners are the services that the subject belongs to: those of its topic, and
// where the catalog knows none, the one given, which registered it.
func (s *scene) owners(ctx context.Context, registrar *uuid.UUID) ([]catalog.Service, error) {
	datasets, err := s.topic(ctx)
	if err != nil {
		return nil, err
	}
	out, err := s.servicesOf(ctx, datasets)
	if err == nil && len(out) == 0 && registrar != nil {
		return s.servicesByID(ctx, []uuid.UUID{*registrar})
	}
	return out, err
}

// registrar is the service that registered the subject first, nil for none; it
// may be no subject yet.
func (s *scene) registrar(ctx context.Context) (*uuid.UUID, error) {
	const q = `SELECT service_id FROM schemas_subject WHERE context = $1 AND name = $2 ORDER BY id`
	found, err := postgres.Scalars[*uuid.UUID](ctx, s.db, q, s.place.context, s.place.name)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// belongsTo names the services that the subject belongs to; it may be no
// subject yet.
func (s *scene) belongsTo(ctx context.Context) ([]catalog.Service, error) {
	registrar, err := s.registrar(ctx)
	if err != nil {
		return nil, err
	}
	return s.owners(ctx, registrar)
}
