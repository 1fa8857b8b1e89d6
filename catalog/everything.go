package catalog

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// Snapshot reads the whole catalog as it stands at one moment. It is for
// export and import, for somebody who may read the catalog; screens read pages.
func (c *Catalog) Snapshot(ctx context.Context, by access.Principal) (all Contents, err error) {
	if err := by.Require(Readers...); err != nil {
		return Contents{}, err
	}
	one := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = postgres.WorkTx(ctx, c.db, one, func(tx pgx.Tx) (err error) {
		all, err = everything(ctx, tx)
		return err
	})
	return all, err
}

// everything reads the whole catalog as it stands: all rows, and of the
// assertions those open now. Give it a transaction of REPEATABLE READ to have
// all of one moment. It is for export and import; screens read pages.
func everything(ctx context.Context, db postgres.DB) (all Contents, err error) {
	reads := []func(context.Context, postgres.DB, *Contents) error{
		everyParty, everyRule, everyPlace, everyDataset, everyAssertion, everyReader,
	}
	for _, read := range reads {
		if err := read(ctx, db, &all); err != nil {
			return Contents{}, err
		}
	}
	return all, nil
}

func everyParty(ctx context.Context, db postgres.DB, all *Contents) (err error) {
	const qControllers = `
		SELECT id, ref, name, country, region, time_zone, daily_ceiling, rev
		  FROM catalog_controller
		 ORDER BY ref`
	if all.Controllers, err = postgres.Many[Controller](ctx, db, qControllers); err != nil {
		return err
	}
	const qOwners = `SELECT id, kind, ref, name, active, rev FROM catalog_owner ORDER BY ref`
	if all.Owners, err = postgres.Many[Owner](ctx, db, qOwners); err != nil {
		return err
	}
	const q = `
		SELECT id, ref, name, doc, owner_id, controller_id, party_role, endpoint, identifier_types, resolves,
		       allowed_networks, state, rate_per_second, max_in_flight, recipient, rev
		  FROM catalog_service
		 ORDER BY ref`
	all.Services, err = postgres.Many[Service](ctx, db, q)
	return err
}

func everyRule(ctx context.Context, db postgres.DB, all *Contents) (err error) {
	const qPolicies = `
		SELECT id, ref, name, duration, days, trigger, action, ground, legal_reference, rev
		  FROM catalog_retention_policy
		 ORDER BY ref`
	if all.RetentionPolicies, err = postgres.Many[RetentionPolicy](ctx, db, qPolicies); err != nil {
		return err
	}
	const q = `
		SELECT p.id, p.ref, p.name, p.doc, t.key AS use, p.legal_basis, p.rev
		  FROM catalog_purpose p
		  JOIN catalog_term t ON t.id = p.use_id
		 ORDER BY p.ref`
	all.Purposes, err = postgres.Many[Purpose](ctx, db, q)
	return err
}

func everyPlace(ctx context.Context, db postgres.DB, all *Contents) (err error) {
	const qStores = `
		SELECT id, ref, name, doc, service_id, technology, access_mode, residency, backup_horizon_days, backup_evidence_on, rev
		  FROM catalog_store
		 ORDER BY ref`
	if all.Stores, err = postgres.Many[Store](ctx, db, qStores); err != nil {
		return err
	}
	const q = `
		SELECT id, store_id, service_id, reason, valid_from, valid_to
		  FROM catalog_store_reader
		 WHERE valid_to IS NULL
		 ORDER BY store_id, valid_from, id`
	all.StoreReaders, err = postgres.Many[StoreReader](ctx, db, q)
	return err
}

func everyDataset(ctx context.Context, db postgres.DB, all *Contents) (err error) {
	const qDatasets = `
		SELECT id, environment, namespace, name, kind, doc, store_id, service_id, owner_id, derived, lifecycle, erase_by, usual_max,
		       retention_policy_id, rev,
		       ARRAY (SELECT source_id FROM catalog_dataset_source s WHERE s.dataset_id = d.id ORDER BY source_id) AS derived_from
		  FROM catalog_dataset d
		 ORDER BY environment, namespace, name`
	if all.Datasets, err = postgres.Many[Dataset](ctx, db, qDatasets); err != nil {
		return err
	}
	const q = `
		SELECT id, dataset_id, path, data_type, nullable, doc, opaque, source, first_version, last_version
		  FROM catalog_field
		 ORDER BY dataset_id, path`
	all.Fields, err = postgres.Many[Field](ctx, db, q)
	return err
}

func everyAssertion(ctx context.Context, db postgres.DB, all *Contents) (err error) {
	const qTags = `
		SELECT a.id, a.dataset_id, a.field_id, t.key AS term, a.polarity, a.source, a.state, a.reason, a.valid_from, a.valid_to, a.created_by
		  FROM catalog_tag_assertion a
		  JOIN catalog_term t ON t.id = a.term_id
		 WHERE a.valid_to IS NULL OR a.valid_to > greatest(a.valid_from, now())
		 ORDER BY a.dataset_id, a.field_id NULLS FIRST, t.key, a.source, a.valid_from, a.id`
	if all.Tags, err = postgres.Many[Tag](ctx, db, qTags); err != nil {
		return err
	}
	const q = `
		SELECT id, dataset_id, field_id, purpose_id, valid_from, valid_to, created_by
		  FROM catalog_permitted_use
		 WHERE valid_to IS NULL
		 ORDER BY dataset_id, field_id NULLS FIRST, valid_from, id`
	all.PermittedUses, err = postgres.Many[PermittedUse](ctx, db, q)
	return err
}

func everyReader(ctx context.Context, db postgres.DB, all *Contents) (err error) {
	const qConsumption = `
		SELECT id, service_id, dataset_id, fields, valid_from, valid_to, created_by,
		       ARRAY (SELECT purpose_id FROM catalog_consumption_purpose p WHERE p.consumption_id = c.id ORDER BY purpose_id) AS purpose_ids
		  FROM catalog_consumption c
		 WHERE valid_to IS NULL
		 ORDER BY service_id, dataset_id`
	if all.Consumption, err = postgres.Many[Consumption](ctx, db, qConsumption); err != nil {
		return err
	}
	const q = `
		SELECT id, cluster, kind, name, service_id, rev
		  FROM catalog_actor_alias
		 WHERE valid_to IS NULL
		 ORDER BY cluster, kind, name`
	all.ActorAliases, err = postgres.Many[ActorAlias](ctx, db, q)
	return err
}
