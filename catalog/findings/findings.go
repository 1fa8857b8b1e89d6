// Package findings says what is amiss in the catalog. A finding is known by
// its fingerprint: the code and what it is about. Refresh computes what holds
// now; what no longer holds is FIXED, and opens again if it comes back.
package findings

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// Finding is one thing amiss. Codes:
//
//	BACKUP_EVIDENCE_STALE     a store of personal data has no evidence of its backup horizon, or none of the last 180 days
//	DATASET_WITHOUT_ENDPOINT  personal data that no service can be asked about
//	DATASET_WITHOUT_OWNER     a dataset for which no team answers
//	DERIVED_WITHOUT_TAGS      a copy or read model of personal data that says nothing about its own content
//	OWNER_INACTIVE            the owner has left
//	PERSONAL_WITHOUT_RETENTION personal data without a retention policy
//	READER_UNDECLARED         a service was seen reading personal data and declared nothing, and nobody has explained it
//	READER_UNKNOWN            somebody was seen reading personal data, and nobody knows who, or has explained it
//	SERVICE_WITHOUT_OWNER     a service for which no team answers
//	STORE_READ_BY_OTHER       a service reads a store that another service owns
type Finding struct {
	ID          uuid.UUID
	Code        string
	Severity    string // ERROR: a request cannot be answered fully; WARNING: it should be mended
	Fingerprint string
	EntityKind  string // SERVICE, STORE or DATASET
	EntityID    uuid.UUID
	Message     string
	State       string // OPEN, FIXED
	FirstSeen   time.Time
	LastSeen    time.Time
}

// evidenceDays is how old the evidence of a backup horizon may be.
const evidenceDays = 180

// Refresh makes the findings those that hold in the caller's unit of work.
// The age of evidence is counted to the day of now. It reads the whole
// catalog: some 20 ms for 2,000 datasets.
func Refresh(ctx context.Context, db postgres.DB, now time.Time) error {
	found, err := compute(ctx, db, now)
	if err != nil {
		return err
	}
	return save(ctx, db, found)
}

type found struct {
	Code, Severity, Fingerprint, EntityKind string
	EntityID                                uuid.UUID
	Message                                 string
}

func compute(ctx context.Context, db postgres.DB, now time.Time) ([]found, error) {
	const q = `
		WITH dataset AS MATERIALIZED (
		    SELECT d.id, d.namespace || '/' || d.name AS label, d.derived, d.retention_policy_id, d.store_id,
		           st.technology, st.service_id AS store_service_id, s.id AS service_id, s.ref AS service, s.endpoint, s.state,
		           coalesce(d.owner_id, s.owner_id) AS owner_id,
		           EXISTS (SELECT FROM catalog_effective_tag e WHERE e.dataset_id = d.id AND e.kind = 'CATEGORY') AS tagged,
		           EXISTS (SELECT FROM catalog_personal p WHERE p.dataset_id = d.id) AS personal
		      FROM catalog_dataset d
		      LEFT JOIN catalog_store st ON st.id = d.store_id
		      LEFT JOIN catalog_service s ON s.id = coalesce(d.service_id, st.service_id)
		     WHERE d.lifecycle <> 'RETIRED')
		SELECT 'DATASET_WITHOUT_OWNER' AS code, CASE WHEN personal THEN 'ERROR' ELSE 'WARNING' END AS severity,
		       id::text AS fingerprint, 'DATASET' AS entity_kind, id AS entity_id,
		       label || ' has no owner; give it a service with an owner, or an owner of its own' AS message
		  FROM dataset
		 WHERE owner_id IS NULL
		UNION ALL
		SELECT 'DATASET_WITHOUT_ENDPOINT', 'ERROR', id::text, 'DATASET', id,
		       label || CASE WHEN service_id IS NULL THEN ' belongs to no service; nobody can be asked to erase or export'
		                     WHEN endpoint IS NULL THEN ' belongs to ' || service || ', which has no rights endpoint'
		                     ELSE ' belongs to ' || service || ', which is ' || lower(state) || '; let it answer a challenge' END
		  FROM dataset
		 WHERE personal AND (service_id IS NULL OR endpoint IS NULL OR state <> 'ACTIVE')
		UNION ALL
		SELECT 'PERSONAL_WITHOUT_RETENTION', 'WARNING', id::text, 'DATASET', id, label || ' holds personal data and has no retention policy'
		  FROM dataset
		 WHERE personal AND retention_policy_id IS NULL
		UNION ALL
		SELECT 'DERIVED_WITHOUT_TAGS', 'WARNING', d.id::text, 'DATASET', d.id,
		       d.label || ' is made from personal data and says nothing about its own content; tag it, or deny the tags with a reason'
		  FROM dataset d
		 WHERE d.derived AND NOT d.tagged
		   AND EXISTS (SELECT FROM catalog_dataset_source ds JOIN catalog_personal p ON p.dataset_id = ds.source_id WHERE ds.dataset_id = d.id)
		   AND NOT EXISTS (SELECT FROM catalog_tag_assertion n WHERE n.dataset_id = d.id AND n.polarity = '-' AND n.state = 'CONFIRMED' AND n.valid_to IS NULL)
		UNION ALL
		SELECT 'OWNER_INACTIVE', 'WARNING', d.id::text, 'DATASET', d.id, d.label || ' belongs to ' || o.ref || ', which is not active any more'
		  FROM dataset d
		  JOIN catalog_owner o ON o.id = d.owner_id AND NOT o.active
		UNION ALL
		SELECT 'SERVICE_WITHOUT_OWNER', 'WARNING', s.id::text, 'SERVICE', s.id, s.ref || ' has no owner; set one'
		  FROM catalog_service s
		 WHERE s.owner_id IS NULL
		UNION ALL
		SELECT 'BACKUP_EVIDENCE_STALE', 'WARNING', st.id::text, 'STORE', st.id,
		       st.ref || CASE WHEN st.backup_horizon_days IS NULL THEN ' holds personal data, and nobody has said when its backups forget'
		                      ELSE ' holds personal data, and its backup horizon was last made sure of more than 180 days ago' END
		  FROM catalog_store st
		 WHERE EXISTS (SELECT FROM dataset d WHERE d.store_id = st.id AND d.personal)
		   AND (st.backup_evidence_on IS NULL OR st.backup_evidence_on < $1::date - $2::int)
		UNION ALL
		SELECT 'STORE_READ_BY_OTHER', 'WARNING', x.store_id::text || ':' || x.service_id::text, 'STORE', x.store_id,
		       s.ref || ' reads ' || st.ref || ', which ' || coalesce('belongs to ' || own.ref, 'belongs to no service') || '; read its events or ask its service'
		  FROM (SELECT store_id, service_id FROM catalog_store_reader WHERE valid_to IS NULL
		         UNION
		        SELECT d.store_id, c.service_id
		          FROM catalog_consumption c
		          JOIN dataset d ON d.id = c.dataset_id
		         WHERE c.valid_to IS NULL AND d.store_id IS NOT NULL AND d.technology <> 'KAFKA'
		           AND c.service_id IS DISTINCT FROM d.service_id) x
		  JOIN catalog_store st ON st.id = x.store_id AND st.service_id IS DISTINCT FROM x.service_id
		  JOIN catalog_service s ON s.id = x.service_id
		  LEFT JOIN catalog_service own ON own.id = st.service_id
		UNION ALL
		SELECT CASE WHEN r.service_id IS NULL THEN 'READER_UNKNOWN' ELSE 'READER_UNDECLARED' END,
		       CASE WHEN r.service_id IS NULL THEN 'ERROR' ELSE 'WARNING' END,
		       r.dataset_id::text || ':' || r.cluster || ':' || r.consumer_group, 'DATASET', r.dataset_id,
		       'group ' || r.consumer_group || CASE WHEN r.service_id IS NULL THEN ' reads ' || d.label || ', and nobody has said which service it is'
		           ELSE ' of ' || s.ref || ' reads ' || d.label || ' without having declared it' END
		  FROM catalog_reader r
		  JOIN dataset d ON d.id = r.dataset_id AND d.personal
		  LEFT JOIN catalog_service s ON s.id = r.service_id
		 WHERE r.dismissal_id IS NULL
		   AND (r.service_id IS NULL
		        OR r.service_id IS DISTINCT FROM d.service_id
		           AND NOT EXISTS (SELECT FROM catalog_consumption c WHERE c.service_id = r.service_id AND c.dataset_id = r.dataset_id AND c.valid_to IS NULL))
		 ORDER BY 1, 3`
	return postgres.Many[found](ctx, db, q, now, evidenceDays)
}

// save opens what is new or came back, closes what is gone, and touches
// nothing else.
func save(ctx context.Context, db postgres.DB, all []found) error {
	const q = `SELECT fingerprint, severity, message FROM catalog_finding WHERE state = 'OPEN' ORDER BY fingerprint`
	rows, err := postgres.Many[standing](ctx, db, q)
	if err != nil {
		return err
	}
	open := make(map[string]standing, len(rows))
	for _, r := range rows {
		open[r.Fingerprint] = r
	}
	var news []found
	for _, f := range all {
		f.Fingerprint = f.Code + ":" + f.Fingerprint
		if open[f.Fingerprint] != (standing{f.Fingerprint, f.Severity, f.Message}) {
			news = append(news, f)
		}
		delete(open, f.Fingerprint)
	}
	if err := closeFixed(ctx, db, slices.Collect(maps.Keys(open))); err != nil {
		return err
	}
	return openNew(ctx, db, news)
}

// standing is what an open finding says.
type standing struct{ Fingerprint, Severity, Message string }

func closeFixed(ctx context.Context, db postgres.DB, prints []string) error {
	if len(prints) == 0 {
		return nil
	}
	const q = `UPDATE catalog_finding SET state = 'FIXED', last_seen = now() WHERE fingerprint = ANY ($1)`
	_, err := db.Exec(ctx, q, prints)
	return err
}

func openNew(ctx context.Context, db postgres.DB, news []found) error {
	if len(news) == 0 {
		return nil
	}
	n := len(news)
	ids, entities := make([]uuid.UUID, n), make([]uuid.UUID, n)
	codes, severities, prints, kinds, messages := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, f := range news {
		ids[i], entities[i] = uuid.Must(uuid.NewV7()), f.EntityID
		codes[i], severities[i], prints[i], kinds[i], messages[i] = f.Code, f.Severity, f.Fingerprint, f.EntityKind, f.Message
	}
	const q = `
		INSERT INTO catalog_finding AS f (id, code, severity, fingerprint, entity_kind, entity_id, message)
		SELECT id, code, severity, fingerprint, entity_kind, entity_id, message
		  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[])
		       AS n (id, code, severity, fingerprint, entity_kind, entity_id, message)
		    ON CONFLICT (fingerprint) DO UPDATE
		   SET severity = excluded.severity, message = excluded.message, state = 'OPEN', last_seen = now(),
		       first_seen = CASE WHEN f.state = 'OPEN' THEN f.first_seen ELSE now() END`
	_, err := db.Exec(ctx, q, ids, codes, severities, prints, kinds, entities, messages)
	return err
}

// List pages through the findings of the given states (none: the open ones),
// the newest first.
func List(ctx context.Context, db postgres.DB, states []string, p page.Args) (page.Page[Finding], error) {
	if err := p.Check(); err != nil {
		return page.Page[Finding]{}, err
	}
	if len(states) == 0 {
		states = []string{"OPEN"}
	}
	list := "findings:" + strings.Join(states, ",")
	before := uuid.Max
	if p.After != "" {
		if err := page.Decode(p.After, list, &before); err != nil {
			return page.Page[Finding]{}, err
		}
	}
	const q = `
		SELECT id, code, severity, fingerprint, entity_kind, entity_id, message, state, first_seen, last_seen
		  FROM catalog_finding
		 WHERE id < $1 AND state = ANY ($2)
		 ORDER BY id DESC
		 LIMIT $3`
	rows, err := postgres.Many[Finding](ctx, db, q, before, states, p.First+1)
	if err != nil {
		return page.Page[Finding]{}, err
	}
	return page.Cut(rows, p.First, func(f Finding) string { return page.Encode(list, f.ID) }), nil
}

// OpenByEntity finds the open findings about each service, store or dataset.
func OpenByEntity(ctx context.Context, db postgres.DB, entities []uuid.UUID) (map[uuid.UUID][]Finding, error) {
	const q = `
		SELECT id, code, severity, fingerprint, entity_kind, entity_id, message, state, first_seen, last_seen
		  FROM catalog_finding
		 WHERE entity_id = ANY ($1) AND state = 'OPEN'
		 ORDER BY entity_id, severity, code, id`
	rows, err := postgres.Many[Finding](ctx, db, q, entities)
	found := make(map[uuid.UUID][]Finding)
	for _, f := range rows {
		found[f.EntityID] = append(found[f.EntityID], f)
	}
	return found, err
}

// ByID finds findings; unknown ids are absent.
func ByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Finding, error) {
	const q = `
		SELECT id, code, severity, fingerprint, entity_kind, entity_id, message, state, first_seen, last_seen
		  FROM catalog_finding
		 WHERE id = ANY ($1)
		 ORDER BY id`
	rows, err := postgres.Many[Finding](ctx, db, q, ids)
	found := make(map[uuid.UUID]Finding, len(rows))
	for _, f := range rows {
		found[f.ID] = f
	}
	return found, err
}
