package catalog

import (
	"context"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/postgres"
)

// DeclaredReader is a service that declared that it reads a dataset.
type DeclaredReader struct{ ServiceID, DatasetID uuid.UUID }

// DeclaredReaders lists who declared to read the datasets.
func DeclaredReaders(ctx context.Context, db postgres.DB, datasets []uuid.UUID) ([]DeclaredReader, error) {
	const q = `
		SELECT service_id, dataset_id
		  FROM catalog_consumption
		 WHERE dataset_id = ANY($1) AND valid_to IS NULL
		 ORDER BY dataset_id, service_id`
	return postgres.Many[DeclaredReader](ctx, db, q, datasets)
}

// Signer is a key in force, and whose it is.
type Signer struct {
	KeyID      string
	PublicKey  []byte // ed25519
	ServiceID  uuid.UUID
	ServiceRef string
}

// SignersByKey finds the keys in force with an id. Two services may have
// chosen the same one, so the caller tries each.
func SignersByKey(ctx context.Context, db postgres.DB, id string) ([]Signer, error) {
	const q = `
		SELECT k.id AS key_id, k.public_key, k.service_id, s.ref AS service_ref
		  FROM catalog_service_key k
		  JOIN catalog_service s ON s.id = k.service_id
		 WHERE k.id = $1 AND k.revoked_at IS NULL AND k.valid_from <= now() AND (k.valid_to IS NULL OR k.valid_to > now())
		 ORDER BY k.service_id
		 LIMIT 100`
	return postgres.Many[Signer](ctx, db, q, id)
}

// KeyName names a key of a service. What it names never changes: a key id is
// not used again for another key.
type KeyName struct {
	Service uuid.UUID
	Key     string
}

// InForce tells which of several keys are good now: neither revoked nor over.
func InForce(ctx context.Context, db postgres.DB, names []KeyName) (map[KeyName]bool, error) {
	const q = `
		SELECT k.service_id AS service, k.id AS key
		  FROM catalog_service_key k
		  JOIN unnest($1::uuid[], $2::text[]) AS n (service_id, id) USING (service_id, id)
		 WHERE k.revoked_at IS NULL AND k.valid_from <= now() AND (k.valid_to IS NULL OR k.valid_to > now())
		 ORDER BY k.service_id, k.id`
	services, keys := make([]uuid.UUID, len(names)), make([]string, len(names))
	for i, n := range names {
		services[i], keys[i] = n.Service, n.Key
	}
	rows, err := postgres.Many[KeyName](ctx, db, q, services, keys)
	good := make(map[KeyName]bool, len(rows))
	for _, n := range rows {
		good[n] = true
	}
	return good, err
}

// KeysByID lists the keys of a key id that are good now. Key ids are the
// services' own choice, so several services may have one of the same name.
func KeysByID(ctx context.Context, db postgres.DB, id string) ([]ServiceKey, error) {
	const q = `
		SELECT id, service_id, public_key, valid_from, valid_to, revoked_at
		  FROM catalog_service_key
		 WHERE id = $1 AND revoked_at IS NULL AND valid_from <= now() AND (valid_to IS NULL OR valid_to > now())
		 ORDER BY service_id
		 LIMIT 100`
	return postgres.Many[ServiceKey](ctx, db, q, id)
}
