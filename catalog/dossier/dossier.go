// Package dossier reads what the catalog has on one dataset, for who judges the
// schema of its data on the way in. Each statement is of one dataset, by its
// key: PostgreSQL plans such a one once for a connection, and one of a list at
// each call, which costs more than to run it.
package dossier

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/postgres"
)

// Dataset is a topic of a Kafka cluster, with who answers for its data and how
// long they are kept.
type Dataset struct {
	ID      uuid.UUID
	EraseBy string // as in catalog.Dataset

	ServiceID    *uuid.UUID // its own, or its store's; nil for none
	Service      string     // the ref of that
	ServiceOwner string     // the ref of the service's team; "" for none
	Owned        bool       // an active owner answers for it: its own, or the service's

	RetentionDays *int    // of its policy; nil for none
	CleanupPolicy *string // of the topic, as in catalog.Topic
	RetentionMs   *int64  // likewise
}

// AskTopic finds the dataset behind a topic of a cluster, with what else a batch
// asks; none if the catalog does not know the topic.
func AskTopic(b *postgres.Batch, into *[]Dataset, cluster, topic string) {
	const q = `
		SELECT d.id, d.erase_by, s.id AS service_id, coalesce(s.ref, '') AS service, coalesce(team.ref, '') AS service_owner,
		       coalesce(o.active, false) AS owned, p.days AS retention_days, t.cleanup_policy, t.retention_ms
		  FROM catalog_topic t
		  JOIN catalog_dataset d ON d.id = t.dataset_id
		  LEFT JOIN catalog_store st ON st.id = d.store_id
		  LEFT JOIN catalog_service s ON s.id = coalesce(d.service_id, st.service_id)
		  LEFT JOIN catalog_owner team ON team.id = s.owner_id
		  LEFT JOIN catalog_owner o ON o.id = coalesce(d.owner_id, s.owner_id)
		  LEFT JOIN catalog_retention_policy p ON p.id = d.retention_policy_id
		 WHERE t.cluster = $1 AND t.topic = $2`
	postgres.Ask(b, into, q, cluster, topic)
}

// Use is what a dataset or a field of it may be used for now.
type Use struct {
	Purpose string // its ref
	Basis   string // the legal basis (Art. 6(1) GDPR)
	Path    string // of the field; "" for the whole dataset
}

// Consumer is a service that says now that it reads a dataset.
type Consumer struct {
	ServiceID uuid.UUID
	Service   string   // its ref
	Owner     string   // the ref of its team; "" for none
	Fields    []string // that it reads; nil: it does not say
	Purposes  []string // refs of what it reads them for
}

// Reader is a consumer group that was seen reading a dataset, and whose reading
// nobody explained.
type Reader struct {
	Group     string     `db:"consumer_group"`
	ServiceID *uuid.UUID // nil: nobody has said which service this is
	Service   string     // its ref; "" for none
	Owner     string     // the ref of its team; "" for none
	LastSeen  time.Time
	Gone      bool // as in catalog.ObservedRead
}

// File is who reads a dataset, and what it may be used for.
type File struct {
	Uses      []Use // that of the whole first
	Consumers []Consumer
	Readers   []Reader
}

// Open reads the file of a dataset, in one round trip.
func Open(ctx context.Context, db postgres.DB, dataset uuid.UUID) (File, error) {
	const qUses = `
		SELECT p.ref AS purpose, p.legal_basis AS basis, coalesce(f.path, '') AS path
		  FROM catalog_permitted_use u
		  JOIN catalog_purpose p ON p.id = u.purpose_id
		  LEFT JOIN catalog_field f ON f.id = u.field_id
		 WHERE u.dataset_id = $1 AND u.valid_to IS NULL
		 ORDER BY u.field_id NULLS FIRST, u.valid_from, u.id`
	const qConsumers = `
		SELECT c.service_id, s.ref AS service, coalesce(o.ref, '') AS owner, c.fields,
		       ARRAY (SELECT p.ref
		                FROM catalog_consumption_purpose cp
		                JOIN catalog_purpose p ON p.id = cp.purpose_id
		               WHERE cp.consumption_id = c.id
		               ORDER BY cp.purpose_id) AS purposes
		  FROM catalog_consumption c
		  JOIN catalog_service s ON s.id = c.service_id
		  LEFT JOIN catalog_owner o ON o.id = s.owner_id
		 WHERE c.dataset_id = $1 AND c.valid_to IS NULL
		 ORDER BY c.service_id`
	const qReaders = `
		SELECT r.consumer_group, r.service_id, coalesce(s.ref, '') AS service, coalesce(o.ref, '') AS owner, r.last_seen, r.gone
		  FROM catalog_reader r
		  LEFT JOIN catalog_service s ON s.id = r.service_id
		  LEFT JOIN catalog_owner o ON o.id = s.owner_id
		 WHERE r.dataset_id = $1 AND r.dismissal_id IS NULL
		 ORDER BY r.cluster, r.consumer_group`
	var f File
	var b postgres.Batch
	postgres.Ask(&b, &f.Uses, qUses, dataset)
	postgres.Ask(&b, &f.Consumers, qConsumers, dataset)
	postgres.Ask(&b, &f.Readers, qReaders, dataset)
	err := b.Send(ctx, db)
	return f, err
}

// Tag is an assertion on a field that is open now.
type Tag struct {
	catalog.Tag
	Path string // of the field
}

// AskTags lists the assertions on the fields of a dataset, whatever their state
// and polarity, with what else a batch asks.
func AskTags(b *postgres.Batch, into *[]Tag, dataset uuid.UUID) {
	const q = `
		SELECT a.id, a.dataset_id, a.field_id, t.key AS term, a.polarity, a.source, a.state, a.reason, a.valid_from, a.valid_to, a.created_by, f.path
		  FROM catalog_tag_assertion a
		  JOIN catalog_term t ON t.id = a.term_id
		  JOIN catalog_field f ON f.id = a.field_id
		 WHERE a.dataset_id = $1 AND (a.valid_to IS NULL OR a.valid_to > greatest(a.valid_from, now()))
		 ORDER BY a.field_id, t.key, a.source, a.valid_from, a.id`
	postgres.Ask(b, into, q, dataset)
}
