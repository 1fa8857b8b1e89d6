package catalog

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// ActorAlias says which service hides behind a name that a Kafka cluster
// knows.
type ActorAlias struct {
	ID        uuid.UUID
	Cluster   string // "" means default
	Kind      string // GROUP, CLIENT_ID, PRINCIPAL
	Name      string
	ServiceID uuid.UUID
	Rev       int
}

func (n ActorAlias) key() uuid.UUID { return n.ID }
func (n ActorAlias) revision() int  { return n.Rev }

var actorKinds = []string{"GROUP", "CLIENT_ID", "PRINCIPAL"}

// DeclareActorAlias says which service a consumer group, client or principal
// is; reads observed before are that service's from then on. It needs a
// steward of the service's team, or an admin; to take a name from another
// service, of both teams.
func (c *Catalog) DeclareActorAlias(ctx context.Context, by access.Principal, n ActorAlias) (ActorAlias, error) {
	err := c.work(ctx, by, func(a *act) (err error) {
		n, err = a.putActorAlias(ctx, n)
		return err
	})
	return n, err
}

func (a *act) putActorAlias(ctx context.Context, n ActorAlias) (ActorAlias, error) {
	if n.Cluster == "" {
		n.Cluster = "default"
	}
	old, err := previous(ctx, a, "actor_alias", n, actorAliasesByID)
	if err != nil {
		return n, err
	}
	if old != nil && old.ServiceID != n.ServiceID {
		if err := a.mayActAs(ctx, old.ServiceID); err != nil {
			return n, err
		}
	}
	if err := a.mayActAs(ctx, n.ServiceID); err != nil {
		return n, err
	}
	var m mistakes
	oneOf(&m, "kind", n.Kind, actorKinds)
	m.require(len(n.Name) >= 1 && len(n.Name) <= 300 && printable(n.Name), "name", "BAD_NAME", "give the name as the cluster knows it, of 1 to 300 printable characters")
	m.require(len(n.Cluster) <= 100 && printable(n.Cluster), "cluster", "BAD_CLUSTER", "a cluster's name has 1 to 100 printable characters")
	if err := m.err(); err != nil || old != nil && same(*old, n) {
		return n, err
	}
	n.ID = newID(n.ID)
	if n.Rev, err = saveActorAlias(ctx, a.db, n); err != nil {
		return n, err
	}
	a.did("service.actor_declared", "ACTOR", n.ID, old, n)
	return n, nil
}

func saveActorAlias(ctx context.Context, db postgres.DB, n ActorAlias) (int, error) {
	const q = `
		INSERT INTO catalog_actor_alias (id, cluster, kind, name, service_id)
		VALUES ($1, $2, $3, $4, $5)
		    ON CONFLICT (id) DO UPDATE
		   SET cluster = excluded.cluster, kind = excluded.kind, name = excluded.name, service_id = excluded.service_id,
		       rev = catalog_actor_alias.rev + 1, updated_at = now()
		 WHERE catalog_actor_alias.rev = $6
		RETURNING rev`
	rev, err := postgres.Scalar[int](ctx, db, q, n.ID, n.Cluster, n.Kind, n.Name, n.ServiceID, n.Rev)
	return rev, lost(err)
}

func actorAliasesByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]ActorAlias, error) {
	const q = `
		SELECT id, cluster, kind, name, service_id, rev
		  FROM catalog_actor_alias
		 WHERE id = ANY ($1) AND valid_to IS NULL
		 ORDER BY id`
	return indexed(postgres.Many[ActorAlias](ctx, db, q, ids))
}

// EndActorAlias says that a name of a cluster's actor is its service's no more:
// from now on nobody has said who it is, and what it was seen reading is a gap
// in plans until somebody does, or explains it. It needs a steward of the
// service's team, or an admin.
func (c *Catalog) EndActorAlias(ctx context.Context, by access.Principal, id uuid.UUID) error {
	return c.work(ctx, by, func(a *act) error {
		found, err := actorAliasesByID(ctx, a.db, []uuid.UUID{id})
		if err != nil {
			return err
		}
		n, ok := found[id]
		if !ok {
			return missing("actor_alias")
		}
		if err := a.mayActAs(ctx, n.ServiceID); err != nil {
			return err
		}
		a.did("service.actor_ended", "ACTOR", id, n, nil)
		return endActorAliasRow(ctx, a.db, n)
	})
}

// endActorAliasRow ends a name, and forgets what observers knew by it. Which of
// the service's groups they knew by this name and which by another is not
// written down, so all are forgotten: the next round brings back the others.
// An observer that has read the name holds it until it has written what it
// saw, so that nothing it writes outlives the name.
func endActorAliasRow(ctx context.Context, db postgres.DB, n ActorAlias) error {
	const q = `UPDATE catalog_actor_alias SET valid_to = greatest(now(), created_at), rev = rev + 1, updated_at = now() WHERE id = $1`
	if _, err := db.Exec(ctx, q, n.ID); err != nil {
		return err
	}
	const qReads = `UPDATE catalog_observed_read SET service_id = NULL WHERE cluster = $1 AND service_id = $2`
	_, err := db.Exec(ctx, qReads, n.Cluster, n.ServiceID)
	return err
}

// ActorAliases lists the known names of the clusters' actors.
func (c *Catalog) ActorAliases(ctx context.Context, by access.Principal, p page.Args) (page.Page[ActorAlias], error) {
	const q = `
		SELECT id, cluster, kind, name, service_id, rev
		  FROM catalog_actor_alias
		 WHERE cluster || ' ' || kind || ' ' || name > $1 AND valid_to IS NULL
		 ORDER BY cluster || ' ' || kind || ' ' || name
		 LIMIT $2`
	return byRef(by, p, "actor_aliases", func(after string, limit int) ([]ActorAlias, error) {
		return postgres.Many[ActorAlias](ctx, c.db, q, after, limit)
	}, func(n ActorAlias) string { return n.Cluster + " " + n.Kind + " " + n.Name })
}

// ServicesByActor finds the services behind names of a cluster's actors of one
// kind, by name. Names nobody declared are absent. Those found stand until the
// caller's unit of work ends.
func ServicesByActor(ctx context.Context, db postgres.DB, cluster, kind string, names []string) (map[string]uuid.UUID, error) {
	const q = `
		SELECT id, cluster, kind, name, service_id, rev
		  FROM catalog_actor_alias
		 WHERE cluster = $1 AND kind = $2 AND name = ANY ($3) AND valid_to IS NULL
		 ORDER BY name
		   FOR SHARE`
	rows, err := postgres.Many[ActorAlias](ctx, db, q, cluster, kind, names)
	byName := make(map[string]uuid.UUID, len(rows))
	for _, n := range rows {
		byName[n.Name] = n.ServiceID
	}
	return byName, err
}

// ObservedRead is a consumer group that a cluster showed to read a dataset.
type ObservedRead struct {
	Cluster   string
	Group     string `db:"consumer_group"`
	DatasetID uuid.UUID
	ServiceID *uuid.UUID // nil: nobody has said which service this is
	FirstSeen time.Time
	LastSeen  time.Time

	// Of what ObservedReads tells; RecordObservedReads does not read them.
	DismissalID *uuid.UUID // explains all that was seen of it; nil: nothing does
	Gone        bool       // its cluster has not shown it for a week, although it was asked
}

// ObservedReads lists who was seen reading datasets, also those who are gone
// and those whose reading somebody has explained. The service is the one
// declared for the group now, or else the one the observer knew.
func ObservedReads(ctx context.Context, db postgres.DB, datasets []uuid.UUID) ([]ObservedRead, error) {
	const q = `
		SELECT cluster, consumer_group, dataset_id, service_id, first_seen, last_seen, dismissal_id, gone
		  FROM catalog_reader
		 WHERE dataset_id = ANY ($1)
		 ORDER BY dataset_id, cluster, consumer_group`
	return postgres.Many[ObservedRead](ctx, db, q, datasets)
}

// RecordObservedReads writes down who was seen reading what. Seeing the same
// again moves LastSeen only; the generation moves on when a reader is new,
// turns out to be another service, or is seen after what explains it is over.
func RecordObservedReads(ctx context.Context, db postgres.DB, reads []ObservedRead) error {
	if len(reads) == 0 {
		return nil
	}
	reads = slices.Clone(reads)
	slices.SortFunc(reads, func(a, b ObservedRead) int {
		return strings.Compare(a.Cluster+"\x00"+a.Group+"\x00"+a.DatasetID.String(), b.Cluster+"\x00"+b.Group+"\x00"+b.DatasetID.String())
	})
	n := len(reads)
	clusters, groups, datasets := make([]string, n), make([]string, n), make([]uuid.UUID, n)
	services, firsts, lasts := make([]*uuid.UUID, n), make([]time.Time, n), make([]time.Time, n)
	for i, r := range reads {
		clusters[i], groups[i], datasets[i] = r.Cluster, r.Group, r.DatasetID
		services[i], firsts[i], lasts[i] = r.ServiceID, r.FirstSeen, r.LastSeen
		if r.FirstSeen.IsZero() {
			firsts[i] = r.LastSeen
		}
	}
	const q = `
		WITH seen AS (
		    SELECT n.cluster, n.consumer_group, n.dataset_id, (array_agg(n.service_id) FILTER (WHERE n.service_id IS NOT NULL))[1] AS service_id,
		           min(n.first_seen) AS first_seen, max(n.last_seen) AS last_seen
		      FROM unnest($1::text[], $2::text[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::timestamptz[])
		           AS n (cluster, consumer_group, dataset_id, service_id, first_seen, last_seen)
		     GROUP BY n.cluster, n.consumer_group, n.dataset_id),
		news AS (
		    SELECT count(*) AS n
		      FROM seen s
		      LEFT JOIN catalog_observed_read o USING (cluster, consumer_group, dataset_id)
		     WHERE o.cluster IS NULL OR s.service_id IS NOT NULL AND o.service_id IS DISTINCT FROM s.service_id
		        OR EXISTS (SELECT FROM catalog_reader_dismissal d
		                    WHERE d.cluster = s.cluster AND d.consumer_group = s.consumer_group AND d.dataset_id = s.dataset_id
		                      AND d.ended_at IS NULL AND d.valid_to > o.last_seen AND d.valid_to <= s.last_seen)),
		kept AS (
		    INSERT INTO catalog_observed_read AS o (cluster, consumer_group, dataset_id, service_id, first_seen, last_seen)
		    SELECT cluster, consumer_group, dataset_id, service_id, first_seen, last_seen
		      FROM seen
		     ORDER BY cluster, consumer_group, dataset_id
		        ON CONFLICT (cluster, consumer_group, dataset_id) DO UPDATE
		       SET service_id = coalesce(excluded.service_id, o.service_id),
		           first_seen = least(o.first_seen, excluded.first_seen), last_seen = greatest(o.last_seen, excluded.last_seen))
		SELECT n FROM news`
	news, err := postgres.Scalar[int64](ctx, db, q, clusters, groups, datasets, services, firsts, lasts)
	if err != nil || news == 0 {
		return named(err)
	}
	return bumped(ctx, db)
}
