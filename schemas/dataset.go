package schemas

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/topic"
)

// serviceOf is the service of a dataset: its own, or its store's; nil for none.
func serviceOf(ctx context.Context, db postgres.DB, d catalog.Dataset) (*uuid.UUID, error) {
	if d.ServiceID != nil || d.StoreID == nil {
		return d.ServiceID, nil
	}
	stores, err := catalog.StoresByID(ctx, db, []uuid.UUID{*d.StoreID})
	return stores[*d.StoreID].ServiceID, err
}

// authorise refuses a change to a subject by whoever it does not belong to. It
// belongs to the services of its topics, where the catalog knows them, and else
// to the service that registered first.
func (r *Registry) authorise(ctx context.Context, tx pgx.Tx, by access.Principal, s subject) error {
	around, err := r.sceneNow(ctx, tx, s.place())
	if err != nil {
		return err
	}
	claims, err := authorise(ctx, tx, by, s, around)
	if err != nil || claims == nil {
		return err
	}
	_, err = tx.Exec(ctx, qClaimed, s.ID, claims)
	return err
}

// authorise also tells the service that claims a subject of nobody. Who registers
// there claims it with what is registered: who is refused claims nothing.
func authorise(ctx context.Context, tx pgx.Tx, by access.Principal, s subject, around *scene) (claims *uuid.UUID, err error) {
	if by.IsSystem() || by.Has(access.Admin) {
		return nil, nil
	}
	owners, err := around.owners(ctx, s.ServiceID)
	if err != nil {
		return nil, err
	}
	if isMachine(by) {
		return claimant(ctx, tx, by, owners)
	}
	return nil, steward(by, owners)
}

// authoriseRemoval is authorise without the claim: what belongs to nobody is
// not a machine's to delete.
func (r *Registry) authoriseRemoval(ctx context.Context, tx pgx.Tx, by access.Principal, s subject) error {
	if by.IsSystem() || by.Has(access.Admin) {
		return nil
	}
	around, err := r.sceneNow(ctx, tx, s.place())
	if err != nil {
		return err
	}
	owners, err := around.owners(ctx, s.ServiceID)
	if err != nil {
		return err
	}
	if isMachine(by) && len(owners) == 0 {
		return fault.New(fault.Denied, "NOT_OWNER", "this subject belongs to no service; a steward or an admin deletes here")
	}
	if isMachine(by) {
		_, err := claimant(ctx, tx, by, owners)
		return err
	}
	return steward(by, owners)
}

// steward lets a steward of every owner's team pass.
func steward(by access.Principal, owners []service) error {
	if err := by.Require(access.Steward); err != nil {
		return err
	}
	for _, o := range owners {
		if o.owner == "" {
			return fault.New(fault.Denied, "NOT_OWNER", "nobody owns the service %q that this subject belongs to; ask an admin", o.ref)
		}
		if err := by.RequireOwner(o.owner); err != nil {
			return err
		}
	}
	return nil
}

const qClaimed = `UPDATE schemas_subject SET service_id = $2 WHERE id = $1`

// claimant lets a machine of an owner pass, and the first machine that comes to a
// subject which belongs to nobody yet. That one makes it its service's, which is
// returned.
func claimant(ctx context.Context, tx pgx.Tx, by access.Principal, owners []service) (*uuid.UUID, error) {
	if slices.ContainsFunc(owners, func(o service) bool { return o.ref == by.Service }) {
		return nil, nil
	}
	if len(owners) > 0 {
		return nil, fault.New(fault.Denied, "NOT_OWNER", "this subject belongs to the service %q; its pipeline registers here", owners[0].ref)
	}
	own, err := catalog.ServiceByRef(ctx, tx, by.Service)
	if fault.KindOf(err) == fault.NotFound || errors.Is(err, postgres.ErrNotFound) {
		return nil, fault.New(fault.Denied, "SERVICE_UNKNOWN", "your service is not in the catalog; a steward declares it first")
	}
	return &own.ID, err
}

// Bounds of what one version tells the catalog, of all datasets behind its topics
// together: it is told in one unit of work, for which others wait.
const (
	mostEntered = 20_000 // fields
	mostSaid    = 2_000  // categories at fields
)

// bound refuses a version that would tell the catalog too much.
func (s *scene) bound(ctx context.Context, now described) error {
	datasets, err := s.topics(ctx)
	if err != nil || len(datasets) == 0 {
		return err
	}
	fields, said := len(now.fields)*len(datasets), now.categories()*len(datasets)
	if fields > mostEntered {
		return fault.New(fault.TooLarge, "SCHEMA_TOO_LARGE", "the schema has %d fields together, in all topics that it describes; the catalog takes at most %d with one version; split it, or describe fewer topics by it", fields, mostEntered)
	}
	if said > mostSaid {
		return fault.New(fault.TooLarge, "SCHEMA_TOO_LARGE", "the fields of the schema have %d categories together, in all topics that it describes; the catalog takes at most %d with one version; tag what they lie in, from which they inherit", said, mostSaid)
	}
	return nil
}

// categories is how often fields are tagged with one.
func (d described) categories() (n int) {
	for _, f := range d.fields {
		for _, tag := range f.Says() {
			if taxonomy.Has(tag, taxonomy.Category) {
				n++
			}
		}
	}
	return n
}

// told is what fields of a dataset were written.
type told struct {
	dataset uuid.UUID
	ids     func() map[string]uuid.UUID // by path
}

// tellFields writes the fields of a topic's keys or values into the catalog with
// what else a batch does, for each dataset behind the topic.
func (s *scene) tellFields(b *postgres.Batch, version int, now described) (all []told, err error) {
	fields := catalogFields(now.places, s.of.Part)
	for _, d := range *s.datasets {
		const atOnce = 2000 // the catalog takes no more in one call
		for some := range slices.Chunk(fields, atOnce) {
			ids, err := catalog.UpsertSchemaFields(b, d.ID, version, some)
			if err != nil {
				return nil, err
			}
			all = append(all, told{d.ID, ids})
		}
	}
	return all, nil
}

// tellCatalog writes the fields, and what the schema says they are, as classify
// does. The terms are its news.
func (s *scene) tellCatalog(ctx context.Context, last *postgres.Batch, by access.Principal, version int, now described, terms []string) ([]audit.Entry, error) {
	datasets, err := s.ids(ctx)
	if err != nil || len(datasets) == 0 {
		return nil, err
	}
	var b postgres.Batch
	say, err := askToSay(&b, by, datasets, terms)
	if err != nil {
		return nil, err
	}
	all, err := s.tellFields(&b, version, now)
	if err == nil {
		err = b.Send(ctx, s.db)
	}
	if err != nil {
		return nil, err
	}
	fields := entered{}
	for _, d := range datasets {
		fields[d] = map[string]uuid.UUID{}
	}
	for _, t := range all {
		maps.Copy(fields[t.dataset], t.ids())
	}
	return s.say(ctx, last, say, fields, now, version)
}

// catalogFields turns field paths into the catalog's fields. What lies in a
// header is of the header.
func catalogFields(fields []format.Field, of topic.Part) []catalog.Field {
	out := make([]catalog.Field, 0, len(fields))
	seen := map[string]bool{"": true}
	for _, f := range fields {
		path := of.At(f.Path)
		if seen[path] {
			continue
		}
		seen[path] = true
		out = append(out, catalog.Field{Path: path, DataType: f.Type, Nullable: f.Nullable, Doc: shortDoc(f.Doc), Opaque: f.Opaque})
	}
	return out
}

// shortDoc cuts a description that is longer than the catalog keeps; the schema
// has it whole. It is cut before it is copied: one may be that of many fields.
func shortDoc(doc string) string {
	const most = 4000
	return fault.Cut(strings.ReplaceAll(fault.Cut(doc, 2*most), "\x00", ""), most)
}

// fillAtOnce is how many subjects one call of Fill takes on.
const fillAtOnce = 100

// Fill tells the catalog the fields of subjects that were registered before
// their topic was declared. The catalog may not know the registry, so what is
// missing is looked for, a hundred subjects at a time: it begins after the
// subject it is given, and returns the one to go on after, "" at the end. A
// schema without fields comes up each time round, hence the place.
func (r *Registry) Fill(ctx context.Context, after string) (next string, err error) {
	subjects, err := r.barren(ctx, after)
	if err != nil {
		return "", err
	}
	for _, name := range subjects {
		if err := postgres.Work(ctx, r.db, func(tx pgx.Tx) error { return r.fill(ctx, tx, name) }); err != nil {
			return "", err
		}
	}
	if len(subjects) == fillAtOnce {
		next = subjects[fillAtOnce-1]
	}
	return next, nil
}

// barren finds the subjects with a schema whose topic, the one they are called
// after or one that is declared for them, has none of its fields.
func (r *Registry) barren(ctx context.Context, after string) ([]string, error) {
	const q = `
		SELECT DISTINCT s.subject
		  FROM schemas_topic s
		  JOIN catalog_topic t ON t.topic = s.topic
		 WHERE t.cluster = ANY ($1) AND s.subject > $2
		   AND EXISTS (SELECT FROM schemas_version v WHERE v.subject_id = s.subject_id AND v.deleted_at IS NULL)
		   AND NOT EXISTS (SELECT FROM catalog_field f
		                    WHERE f.dataset_id = t.dataset_id AND f.last_version IS NOT NULL
		                      AND CASE s.part
		                          WHEN '#key' THEN f.path = '#key' OR starts_with(f.path, '#key.')
		                          WHEN '#header' THEN starts_with(f.path, '#header.')
		                          WHEN '#value' THEN NOT (f.path = '#key' OR starts_with(f.path, '#key.') OR starts_with(f.path, '#header.') OR starts_with(f.path, '<'))
		                          ELSE starts_with(f.path, s.part) END)
		 ORDER BY s.subject
		 LIMIT $3`
	return postgres.Scalars[string](ctx, r.db, q, r.clusters, after, fillAtOnce)
}

// fill tells the catalog the fields of one subject's latest schema.
func (r *Registry) fill(ctx context.Context, db postgres.DB, name string) error {
	p := place{home, name}
	v, err := r.version(ctx, p, Latest, Live)
	if errors.Is(err, errNoSubject) {
		return nil
	}
	if err != nil {
		return err
	}
	around, err := r.sceneNow(ctx, db, p)
	if err != nil {
		return err
	}
	now, err := around.described(ctx, contentID{v.Context, v.ID})
	if err != nil {
		return err
	}
	terms, err := around.news(ctx, now, v.Version)
	if err != nil {
		return err
	}
	var b postgres.Batch
	done, err := around.tellCatalog(ctx, &b, access.System, v.Version, now, terms)
	if err == nil {
		err = audit.Queue(&b, done...)
	}
	if err != nil {
		return err
	}
	return b.Send(ctx, db)
}
