package catalog

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/postgres"
)

// Topic is what a Kafka cluster says about a topic. What nobody has observed
// yet is nil.
type Topic struct {
	DatasetID          uuid.UUID
	Cluster            string
	Topic              string
	Partitions         *int
	CleanupPolicy      *string // delete, compact, or compact,delete
	RetentionMs        *int64  // -1: for ever
	RetentionBytes     *int64  // -1: no limit
	SegmentMs          *int64
	MaxCompactionLagMs *int64
	DeleteRetentionMs  *int64
	ObservedAt         *time.Time
}

// saveTopicName ties a dataset of kind TOPIC to the topic of its cluster.
func saveTopicName(ctx context.Context, db postgres.DB, d Dataset) error {
	const q = `
		INSERT INTO catalog_topic (dataset_id, cluster, topic)
		VALUES ($1, $2, $3)
		    ON CONFLICT (dataset_id) DO UPDATE
		   SET cluster = excluded.cluster, topic = excluded.topic`
	_, err := db.Exec(ctx, q, d.ID, strings.TrimPrefix(d.Namespace, "kafka://"), d.Name)
	if postgres.Violates(err, "catalog_topic_cluster_form") || postgres.Violates(err, "catalog_topic_name_form") {
		return badTopic
	}
	return err
}

// TopicsByDataset finds what is known of the topic behind each dataset.
func TopicsByDataset(ctx context.Context, db postgres.DB, datasets []uuid.UUID) (map[uuid.UUID]Topic, error) {
	const q = `
		SELECT dataset_id, cluster, topic, partitions, cleanup_policy, retention_ms, retention_bytes, segment_ms,
		       max_compaction_lag_ms, delete_retention_ms, observed_at
		  FROM catalog_topic
		 WHERE dataset_id = ANY ($1)
		 ORDER BY dataset_id`
	topics, err := postgres.Many[Topic](ctx, db, q, datasets)
	byDataset := make(map[uuid.UUID]Topic, len(topics))
	for _, t := range topics {
		byDataset[t.DatasetID] = t
	}
	return byDataset, err
}

// DatasetsByTopic finds the datasets behind the topics of a cluster, by topic.
// Topics the catalog does not know are absent.
func DatasetsByTopic(ctx context.Context, db postgres.DB, cluster string, topics []string) (map[string]uuid.UUID, error) {
	const q = `
		SELECT dataset_id AS id, topic AS name
		  FROM catalog_topic
		 WHERE cluster = $1 AND topic = ANY ($2)
		 ORDER BY topic`
	rows, err := postgres.Many[struct {
		ID   uuid.UUID
		Name string
	}](ctx, db, q, cluster, topics)
	byTopic := make(map[string]uuid.UUID, len(rows))
	for _, r := range rows {
		byTopic[r.Name] = r.ID
	}
	return byTopic, err
}

// RecordTopic writes down what a cluster shows about its topics. A topic that
// nobody declared is entered as a draft without service, which is a finding.
// The generation moves on only if something changed that a plan depends on.
// DatasetID of the given topics is not read; DatasetsByTopic tells it.
func RecordTopic(ctx context.Context, db postgres.DB, environment string, topics ...Topic) error {
	if len(topics) == 0 {
		return nil
	}
	slices.SortFunc(topics, func(a, b Topic) int { return strings.Compare(a.Topic, b.Topic) })
	if err := draftTopics(ctx, db, environment, topics); err != nil {
		return err
	}
	changed := false
	for _, t := range topics {
		const q = `
			WITH before AS (
			    SELECT dataset_id, cleanup_policy, retention_ms, segment_ms, delete_retention_ms, max_compaction_lag_ms
			      FROM catalog_topic
			     WHERE cluster = $1 AND topic = $2
			       FOR UPDATE)
			UPDATE catalog_topic t
			   SET partitions = $3, cleanup_policy = $4, retention_ms = $5, retention_bytes = $6, segment_ms = $7,
			       max_compaction_lag_ms = $8, delete_retention_ms = $9, observed_at = coalesce($10, now())
			  FROM before b
			 WHERE t.dataset_id = b.dataset_id
			RETURNING (b.cleanup_policy, b.retention_ms, b.segment_ms, b.delete_retention_ms, b.max_compaction_lag_ms)
			          IS DISTINCT FROM (t.cleanup_policy, t.retention_ms, t.segment_ms, t.delete_retention_ms, t.max_compaction_lag_ms)`
		moved, err := postgres.Scalar[bool](ctx, db, q, t.Cluster, t.Topic, t.Partitions, cleanup(t.CleanupPolicy), t.RetentionMs, t.RetentionBytes,
			t.SegmentMs, t.MaxCompactionLagMs, t.DeleteRetentionMs, t.ObservedAt)
		if errors.Is(err, postgres.ErrNotFound) {
			continue // the name belongs to something that is not a topic any more
		}
		if err != nil {
			return named(err)
		}
		changed = changed || moved
	}
	if !changed {
		return nil
	}
	return bumped(ctx, db)
}

// cleanup gives Kafka's two spellings of "both" one.
func cleanup(policy *string) *string {
	if policy == nil || *policy != "delete,compact" {
		return policy
	}
	both := "compact,delete"
	return &both
}

// draftTopics enters the topics that the catalog does not know.
func draftTopics(ctx context.Context, db postgres.DB, environment string, topics []Topic) error {
	if environment == "" {
		environment = "production"
	}
	ids, clusters, names := make([]uuid.UUID, len(topics)), make([]string, len(topics)), make([]string, len(topics))
	for i, t := range topics {
		ids[i], clusters[i], names[i] = newID(uuid.Nil), t.Cluster, t.Topic
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	const q = `
		WITH unknown AS (
		    SELECT o.id, o.cluster, o.topic
		      FROM unnest($2::uuid[], $3::text[], $4::text[]) AS o (id, cluster, topic)
		     WHERE NOT EXISTS (SELECT FROM catalog_topic t WHERE t.cluster = o.cluster AND t.topic = o.topic)
		       AND NOT EXISTS (SELECT FROM catalog_dataset_alias a
		                        WHERE a.environment = $1 AND a.namespace = 'kafka://' || o.cluster AND a.name = o.topic)),
		entered AS (
		    INSERT INTO catalog_dataset (id, environment, namespace, name, kind, lifecycle, erase_by)
		    SELECT id, $1, 'kafka://' || cluster, topic, 'TOPIC', 'DRAFT', 'EXPIRE'
		      FROM unknown
		        ON CONFLICT DO NOTHING
		    RETURNING id, environment, namespace, name),
		named AS (
		    INSERT INTO catalog_dataset_alias (environment, namespace, name, dataset_id)
		    SELECT environment, namespace, name, id FROM entered)
		INSERT INTO catalog_topic (dataset_id, cluster, topic)
		SELECT e.id, u.cluster, u.topic
		  FROM entered e
		  JOIN unknown u ON u.id = e.id
		    ON CONFLICT DO NOTHING`
	_, err := db.Exec(ctx, q, environment, ids, clusters, names)
	return named(err)
}
