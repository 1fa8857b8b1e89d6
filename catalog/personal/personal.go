// Package personal tells what the request of a data subject needs to know of the
// catalog: where personal data are, by what people are known there, and who can
// say under which other names. It reads and changes nothing.
package personal

import (
	"context"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/postgres"
)

// Dataset is what an erasure or export plan must account for.
type Dataset struct {
	ID                uuid.UUID
	Environment       string
	Namespace         string
	Name              string
	Kind              string
	StoreID           uuid.UUID // uuid.Nil: in no declared store
	ServiceID         uuid.UUID // uuid.Nil: nobody can be asked, which is a gap
	Derived           bool      // a read model or a copy
	Categories        []string  // keys under user, in order
	IdentifierTypes   []string  // by which its service can find a person
	EraseBy           string    // DELETE, ANONYMISE, EXPIRE, CRYPTO_SHRED
	RetentionDays     *int
	RetentionGround   *string // such as 17(3)(b): rows may outlast an erasure
	BackupHorizonDays *int
	TopicCluster      *string
	TopicName         *string
	CleanupPolicy     *string
	RetentionMs       *int64
	SegmentMs         *int64
	UsualMax          *int64 // the usual highest count of rows of one person
}

// Datasets lists the datasets of a controller in which personal data
// are: a category at or below user is confirmed for the dataset or one of its
// fields and not denied there, and the dataset is in use (ACTIVE or
// DEPRECATED). A dataset without a service belongs to every controller, so
// that it cannot be forgotten.
func Datasets(ctx context.Context, db postgres.DB, controller uuid.UUID) ([]Dataset, error) {
	const q = `
		SELECT d.id, d.environment, d.namespace, d.name, d.kind,
		       coalesce(d.store_id, '00000000-0000-0000-0000-000000000000') AS store_id,
		       coalesce(s.id, '00000000-0000-0000-0000-000000000000') AS service_id,
		       d.derived, p.categories, coalesce(s.identifier_types, '{}') AS identifier_types, d.erase_by,
		       r.days AS retention_days, r.ground AS retention_ground, st.backup_horizon_days,
		       t.cluster AS topic_cluster, t.topic AS topic_name, t.cleanup_policy, t.retention_ms, t.segment_ms, d.usual_max
		  FROM (SELECT dataset_id, array_agg(DISTINCT key ORDER BY key) AS categories FROM catalog_personal GROUP BY dataset_id) p
		  JOIN catalog_dataset d ON d.id = p.dataset_id AND d.lifecycle IN ('ACTIVE', 'DEPRECATED')
		  LEFT JOIN catalog_store st ON st.id = d.store_id
		  LEFT JOIN catalog_service s ON s.id = coalesce(d.service_id, st.service_id)
		  LEFT JOIN catalog_retention_policy r ON r.id = d.retention_policy_id
		  LEFT JOIN catalog_topic t ON t.dataset_id = d.id
		 WHERE s.controller_id = $1 OR s.id IS NULL
		 ORDER BY d.id`
	return postgres.Many[Dataset](ctx, db, q, controller)
}

// IdentifierTypes lists the types by which some service can find a person.
func IdentifierTypes(ctx context.Context, db postgres.DB) ([]string, error) {
	const q = `
		SELECT DISTINCT t.type
		  FROM catalog_service s, unnest(s.identifier_types) AS t (type)
		 WHERE s.state <> 'DISABLED'
		 ORDER BY t.type`
	return postgres.Scalars[string](ctx, db, q)
}

// IdentityServices lists the services of a controller that resolve a person's
// identifiers from others.
func IdentityServices(ctx context.Context, db postgres.DB, controller uuid.UUID) ([]catalog.Service, error) {
	const q = `
		SELECT id, ref, name, doc, owner_id, controller_id, party_role, endpoint, identifier_types, resolves,
		       allowed_networks, state, rate_per_second, max_in_flight, recipient, rev
		  FROM catalog_service
		 WHERE controller_id = $1 AND cardinality(resolves) > 0 AND state <> 'DISABLED'
		 ORDER BY ref`
	return postgres.Many[catalog.Service](ctx, db, q, controller)
}
