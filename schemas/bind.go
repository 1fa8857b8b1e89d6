package schemas

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/topic"
)

// spelled is the patch with its topics in the form that they are kept in.
func (p Patch) spelled(subject string) (Patch, error) {
	raw, given := p["topics"]
	if !given {
		return p, nil
	}
	var declared []string
	if err := json.Unmarshal(raw, &declared); err != nil {
		return p, fault.Bad("topics", "INVALID_CONFIG", `topics are a list of names, such as ["orders.v1", "orders.v2"]`)
	}
	out := maps.Clone(p)
	out["topics"] = json.RawMessage("null")
	topics, err := topic.Spell(split(subject).String(), declared)
	if err == nil && len(topics) > 0 {
		out["topics"], err = json.Marshal(topics)
	}
	return out, err
}

// describes is which topics a subject describes, with what is set on it.
func describes(p place, set Settings) topic.Binding {
	switch {
	case p.context != home:
		return topic.Binding{}
	case set.Topics == nil:
		return topic.Bound(p.name, nil)
	}
	return topic.Bound(p.name, *set.Topics)
}

// rebind has the catalog learn that a subject describes other topics: what its
// latest version says is of the records there, and of those it leaves no more.
// Whoever binds a subject to a topic acts for whose topic it is.
func (r *Registry) rebind(ctx context.Context, tx pgx.Tx, by access.Principal, l level, c Config) error {
	was := r.scene(tx, l.place, []layer{l.set})
	now := r.scene(tx, l.place, []layer{{Own: true, Context: l.place.context, Settings: c.Settings}})
	if was.of.Same(now.of) {
		return nil
	}
	if err := now.admits(ctx, by); err != nil {
		return err
	}
	st, err := stateAt(ctx, tx, l.place)
	if err != nil {
		return err
	}
	live := st.live()
	if len(live) == 0 {
		return nil
	}
	var b postgres.Batch
	left, err := was.leave(ctx, &b, by, now)
	if err != nil {
		return err
	}
	latest, err := now.described(ctx, contentID{live[0].Context, live[0].SchemaID})
	if err != nil {
		return err
	}
	if err := now.bound(ctx, latest); err != nil {
		return err
	}
	terms, err := now.news(ctx, latest, live[0].Version)
	if err != nil {
		return err
	}
	come, err := now.tellCatalog(ctx, &b, by, live[0].Version, latest, terms)
	if err == nil {
		err = audit.Queue(&b, append(left, come...)...)
	}
	if err != nil {
		return err
	}
	return b.Send(ctx, now.db)
}

// admits lets stewards of every topic pass, and whoever may do anything.
func (s *scene) admits(ctx context.Context, by access.Principal) error {
	if by.IsSystem() || by.Has(access.Admin) {
		return nil
	}
	owners, err := s.owners(ctx, nil)
	if err != nil {
		return err
	}
	return steward(by, owners)
}

// leave has the catalog mark what the subject said of records that it describes
// no more, as classify does.
func (s *scene) leave(ctx context.Context, last *postgres.Batch, by access.Principal, now *scene) ([]audit.Entry, error) {
	all, err := s.topics(ctx)
	if err != nil {
		return nil, err
	}
	stay := map[uuid.UUID]bool{}
	if s.of.Part == now.of.Part {
		there, err := now.topics(ctx)
		if err != nil {
			return nil, err
		}
		for _, d := range there {
			stay[d.ID] = true
		}
	}
	var left []behind
	for _, d := range all {
		if !stay[d.ID] {
			left = append(left, d)
		}
	}
	s.datasets = &left
	return s.classify(ctx, last, by, nil, described{}, 0)
}

// Topics lists the topics that a subject describes: the one it is called after,
// and those declared for it.
func (r *Registry) Topics(ctx context.Context, by access.Principal, subject string) ([]topic.Described, error) {
	if err := signedIn(by); err != nil {
		return nil, err
	}
	p := split(subject)
	layers, err := r.layersToRead(ctx, p)
	own, _ := at(layers, p)
	return describes(p, own.Settings).Described(), err
}

// SubjectsByDataset names the subjects with a live version that describe the
// topics of datasets, by their names.
func (r *Registry) SubjectsByDataset(ctx context.Context, db postgres.DB, datasets []uuid.UUID) (map[uuid.UUID][]string, error) {
	const q = `
		SELECT DISTINCT t.dataset_id, s.subject
		  FROM catalog_topic t
		  JOIN schemas_topic s ON s.topic = t.topic
		 WHERE t.dataset_id = ANY ($1) AND t.cluster = ANY ($2)
		   AND EXISTS (SELECT FROM schemas_version v WHERE v.subject_id = s.subject_id AND v.deleted_at IS NULL)
		 ORDER BY s.subject`
	type row struct {
		DatasetID uuid.UUID
		Subject   string
	}
	rows, err := postgres.Many[row](ctx, db, q, datasets, r.clusters)
	out := map[uuid.UUID][]string{}
	for _, n := range rows {
		out[n.DatasetID] = append(out[n.DatasetID], n.Subject)
	}
	return out, err
}
