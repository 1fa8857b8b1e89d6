package schemas

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/dossier"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/contract"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/topic"
)

// scene is what the catalog knows of the data that a subject describes: whose
// they are, who reads them, what may be done with them. Each thing is read once
// in a unit of work, when it is first asked for, and belongs to that unit alone.
type scene struct {
	r     *Registry
	db    postgres.DB
	place place
	of    topic.Binding

	datasets  *[]behind
	readings  []contract.Reader // once datasets are known
	said      []gate.Around
	consumers *consumers
	known     *known
	files     map[uuid.UUID]dossier.File // by dataset
}

// behind is a dataset behind a topic.
type behind struct {
	topic string
	dossier.Dataset
}

// scene begins to look around a subject, by the levels that hold for it.
func (r *Registry) scene(db postgres.DB, p place, layers []layer) *scene {
	own, _ := at(layers, p)
	return &scene{r: r, db: db, place: p, of: describes(p, own.Settings), files: map[uuid.UUID]dossier.File{}}
}

// sceneNow is scene by the levels as they are in a database.
func (r *Registry) sceneNow(ctx context.Context, db postgres.DB, p place) (*scene, error) {
	layers, err := layersOf(ctx, db, p)
	return r.scene(db, p, layers), err
}

// under is the scene by levels that were read later: another one, if the subject
// has been bound to other topics since.
func (s *scene) under(layers []layer) *scene {
	now := s.r.scene(s.db, s.place, layers)
	if now.of.Same(s.of) {
		return s
	}
	return now
}

// gather looks for the topics, and at all that a gate which is enforced will ask
// for. Who registers does so before the subject is locked: the others that
// register there wait for the rest alone.
func (s *scene) gather(ctx context.Context, enforced bool) error {
	if _, err := s.topics(ctx); err != nil || !enforced {
		return err
	}
	if _, err := s.readers(ctx); err != nil {
		return err
	}
	_, err := s.around(ctx)
	return err
}

// anew is the scene as it is now, for who came since: in one round trip, unless
// other datasets are behind the topics.
func (s *scene) anew(ctx context.Context, enforced bool) (*scene, error) {
	if _, err := s.topics(ctx); err != nil {
		return nil, err
	}
	now := &scene{r: s.r, db: s.db, place: s.place, of: s.of, files: map[uuid.UUID]dossier.File{}}
	var b postgres.Batch
	take := now.askTopics(&b)
	s.askTags(&b)
	if err := b.Send(ctx, s.db); err != nil {
		return nil, err
	}
	take()
	if slices.EqualFunc(*now.datasets, *s.datasets, func(a, b behind) bool { return a.ID == b.ID }) {
		now.known = s.known
	}
	return now, now.gather(ctx, enforced)
}

// topics finds the datasets behind the topics that the subject describes: one a
// cluster that has such a topic. In the same round trip it asks which schemas
// consumers read with.
func (s *scene) topics(ctx context.Context) ([]behind, error) {
	if s.datasets != nil {
		return *s.datasets, nil
	}
	var b postgres.Batch
	take := s.askTopics(&b)
	if err := b.Send(ctx, s.db); err != nil {
		return nil, err
	}
	take()
	return *s.datasets, nil
}

// askTopics is topics with what else a batch asks. Once that was sent, take has
// them.
func (s *scene) askTopics(b *postgres.Batch) (take func()) {
	found := make([][]dossier.Dataset, len(s.of.Topics)*len(s.r.clusters))
	for i := range found {
		dossier.AskTopic(b, &found[i], s.r.clusters[i%len(s.r.clusters)], s.of.Topics[i/len(s.r.clusters)])
	}
	contract.AskReaders(b, &s.readings, s.place.context, s.place.name)
	return func() {
		var out []behind
		for i, some := range found {
			for _, d := range some {
				out = append(out, behind{s.of.Topics[i/len(s.r.clusters)], d})
			}
		}
		s.datasets = &out
	}
}

// ids are the keys of the datasets behind the topics.
func (s *scene) ids(ctx context.Context) ([]uuid.UUID, error) {
	datasets, err := s.topics(ctx)
	var out []uuid.UUID
	for _, d := range datasets {
		out = append(out, d.ID)
	}
	return out, err
}

// file is who reads a dataset, and what it may be used for.
func (s *scene) file(ctx context.Context, dataset uuid.UUID) (dossier.File, error) {
	if f, open := s.files[dataset]; open {
		return f, nil
	}
	f, err := dossier.Open(ctx, s.db, dataset)
	if err == nil {
		s.files[dataset] = f
	}
	return f, err
}

// service is one that something belongs to.
type service struct {
	id    uuid.UUID
	ref   string
	owner string // the ref of its team; "" if nobody owns it
}

// services finds services in the order of their ids.
func services(ctx context.Context, db postgres.DB, ids []uuid.UUID) ([]service, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := catalog.ServicesByID(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	var teams []uuid.UUID
	for _, s := range found {
		if s.OwnerID != nil {
			teams = append(teams, *s.OwnerID)
		}
	}
	owners, err := catalog.OwnersByID(ctx, db, teams)
	var out []service
	for _, id := range ids {
		one := service{id: id, ref: found[id].Ref}
		if found[id].OwnerID != nil {
			one.owner = owners[*found[id].OwnerID].Ref
		}
		out = append(out, one)
	}
	return out, err
}

// owners are the services that the subject belongs to: those of its topics, and
// where the catalog knows none, the one given, which registered it.
func (s *scene) owners(ctx context.Context, registrar *uuid.UUID) ([]service, error) {
	datasets, err := s.topics(ctx)
	if err != nil {
		return nil, err
	}
	var out []service
	for _, d := range datasets {
		if d.ServiceID != nil {
			out = append(out, service{*d.ServiceID, d.Service, d.ServiceOwner})
		}
	}
	if len(out) == 0 && registrar != nil {
		return services(ctx, s.db, []uuid.UUID{*registrar})
	}
	return out, nil
}

// belongsTo names the services that the subject belongs to; it may be no
// subject yet.
func (s *scene) belongsTo(ctx context.Context) ([]service, error) {
	of, err := s.owners(ctx, nil)
	if err != nil || len(of) > 0 {
		return of, err
	}
	const q = `SELECT service_id FROM schemas_subject WHERE context = $1 AND name = $2 ORDER BY id`
	registrars, err := postgres.Scalars[*uuid.UUID](ctx, s.db, q, s.place.context, s.place.name)
	if err != nil || len(registrars) == 0 {
		return nil, err
	}
	return s.owners(ctx, registrars[0])
}
