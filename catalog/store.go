package catalog

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// Store is a place where a service keeps data: a database, a bucket, a queue,
// a cluster of topics.
type Store struct {
	ID                uuid.UUID
	Ref               string
	Name              string
	Doc               string
	ServiceID         *uuid.UUID // the service that owns it
	Technology        string     // POSTGRESQL, MONGODB, REDIS, ELASTICSEARCH, NEPTUNE, INFLUXDB, S3, SQS, CLICKHOUSE, KAFKA, EXTERNAL, OTHER
	AccessMode        string     // READ, WRITE, READ_WRITE, APPEND_ONLY; "" means READ_WRITE
	Residency         *string    // where the data lies, such as eu-west-1
	BackupHorizonDays *int       // after so many days no backup holds what was deleted; nil: nobody has said
	BackupEvidenceOn  *time.Time // the day somebody last made sure of that
	Rev               int
}

func (s Store) key() uuid.UUID { return s.ID }
func (s Store) revision() int  { return s.Rev }

// StoreReader is a service that reads a store of another service. It is
// allowed to exist, and it is a finding.
type StoreReader struct {
	ID        uuid.UUID
	StoreID   uuid.UUID
	ServiceID uuid.UUID
	Reason    string
	ValidFrom time.Time
	ValidTo   *time.Time
}

var (
	technologies = []string{"POSTGRESQL", "MONGODB", "REDIS", "ELASTICSEARCH", "NEPTUNE", "INFLUXDB", "S3", "SQS", "CLICKHOUSE", "KAFKA", "EXTERNAL", "OTHER"}
	accessModes  = []string{"READ", "WRITE", "READ_WRITE", "APPEND_ONLY"}
)

// DeclareStore enters a store, or changes it. It needs a steward of the team
// that owns the store's service, or an admin.
func (c *Catalog) DeclareStore(ctx context.Context, by access.Principal, s Store) (Store, error) {
	err := c.work(ctx, by, func(a *act) (err error) {
		s, err = a.putStore(ctx, s)
		return err
	})
	return s, err
}

func (a *act) putStore(ctx context.Context, s Store) (Store, error) {
	old, err := previous(ctx, a, "store", s, StoresByID)
	if err != nil {
		return s, err
	}
	if err := a.mayMove(ctx, serviceOfStore(old), s.ServiceID, old != nil); err != nil {
		return s, err
	}
	if s.AccessMode == "" {
		s.AccessMode = "READ_WRITE"
	}
	s.BackupEvidenceOn = day(s.BackupEvidenceOn)
	if err := s.check(); err != nil {
		return s, err
	}
	if old != nil && same(*old, s) {
		return s, nil
	}
	s.ID = newID(s.ID)
	if s.Rev, err = saveStore(ctx, a.db, s); err != nil {
		return s, err
	}
	a.did("store.declared", "STORE", s.ID, old, s)
	return s, nil
}

func serviceOfStore(s *Store) *uuid.UUID {
	if s == nil {
		return nil
	}
	return s.ServiceID
}

// mayMove asks the owner of the service that has something, and the owner of
// the service that will have it.
func (a *act) mayMove(ctx context.Context, from, to *uuid.UUID, exists bool) error {
	if exists {
		team, err := a.teamOfService(ctx, from)
		if err != nil {
			return err
		}
		if err := a.requireOwner(team); err != nil || same(from, to) {
			return err
		}
	}
	team, err := a.teamOfService(ctx, to)
	if err != nil {
		return err
	}
	return a.requireOwner(team)
}

// day strips the time of day, which a date does not have.
func day(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	d := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return &d
}

func (s Store) check() error {
	var m mistakes
	checkRef(&m, s.Ref)
	checkName(&m, s.Name)
	checkDoc(&m, s.Doc)
	oneOf(&m, "technology", s.Technology, technologies)
	oneOf(&m, "accessMode", s.AccessMode, accessModes)
	if s.Residency != nil {
		m.require(*s.Residency != "" && len(*s.Residency) <= 100 && printable(*s.Residency), "residency", "BAD_RESIDENCY", "name the place in 1 to 100 characters, such as eu-west-1")
	}
	if h := s.BackupHorizonDays; h != nil {
		m.require(*h >= 0 && *h <= 36_500, "backupHorizonDays", "OUT_OF_RANGE", "the backup horizon is 0 to 36,500 days")
	}
	m.require(s.BackupEvidenceOn == nil || s.BackupHorizonDays != nil, "backupHorizonDays", "REQUIRED", "evidence of a backup horizon needs the horizon in days")
	return m.err()
}

func saveStore(ctx context.Context, db postgres.DB, s Store) (int, error) {
	const q = `
		INSERT INTO catalog_store (id, ref, name, doc, service_id, technology, access_mode, residency, backup_horizon_days, backup_evidence_on)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		    ON CONFLICT (id) DO UPDATE
		   SET ref = excluded.ref, name = excluded.name, doc = excluded.doc, service_id = excluded.service_id,
		       technology = excluded.technology, access_mode = excluded.access_mode, residency = excluded.residency,
		       backup_horizon_days = excluded.backup_horizon_days, backup_evidence_on = excluded.backup_evidence_on,
		       rev = catalog_store.rev + 1, updated_at = now()
		 WHERE catalog_store.rev = $11
		RETURNING rev`
	rev, err := postgres.Scalar[int](ctx, db, q, s.ID, s.Ref, s.Name, s.Doc, s.ServiceID, s.Technology, s.AccessMode, s.Residency,
		s.BackupHorizonDays, s.BackupEvidenceOn, s.Rev)
	return rev, lost(err)
}

// StoresByID finds stores; unknown ids are absent.
func StoresByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Store, error) {
	const q = `
		SELECT id, ref, name, doc, service_id, technology, access_mode, residency, backup_horizon_days, backup_evidence_on, rev
		  FROM catalog_store
		 WHERE id = ANY ($1)
		 ORDER BY id`
	return indexed(postgres.Many[Store](ctx, db, q, ids))
}

// StoresByService finds the stores each service owns.
func StoresByService(ctx context.Context, db postgres.DB, services []uuid.UUID) (map[uuid.UUID][]Store, error) {
	const q = `
		SELECT id, ref, name, doc, service_id, technology, access_mode, residency, backup_horizon_days, backup_evidence_on, rev
		  FROM catalog_store
		 WHERE service_id = ANY ($1)
		 ORDER BY service_id, ref`
	rows, err := postgres.Many[Store](ctx, db, q, services)
	return grouped(rows, err, func(s Store) uuid.UUID { return *s.ServiceID })
}

// Stores lists the stores by ref.
func (c *Catalog) Stores(ctx context.Context, by access.Principal, p page.Args) (page.Page[Store], error) {
	const q = `
		SELECT id, ref, name, doc, service_id, technology, access_mode, residency, backup_horizon_days, backup_evidence_on, rev
		  FROM catalog_store
		 WHERE ref > $1
		 ORDER BY ref
		 LIMIT $2`
	return byRef(by, p, "stores", func(after string, limit int) ([]Store, error) {
		return postgres.Many[Store](ctx, c.db, q, after, limit)
	}, func(s Store) string { return s.Ref })
}

// DeclareStoreReader says that a service reads a store of another service. It
// needs a steward of the team that owns the store, or an admin.
func (c *Catalog) DeclareStoreReader(ctx context.Context, by access.Principal, r StoreReader) (StoreReader, error) {
	err := c.work(ctx, by, func(a *act) (err error) {
		r, err = a.putStoreReader(ctx, r)
		return err
	})
	return r, err
}

func (a *act) putStoreReader(ctx context.Context, r StoreReader) (StoreReader, error) {
	stores, err := StoresByID(ctx, a.db, []uuid.UUID{r.StoreID})
	if err != nil {
		return r, err
	}
	store, ok := stores[r.StoreID]
	if !ok {
		return r, unknown("storeId", "store")
	}
	team, err := a.teamOfStore(ctx, &r.StoreID)
	if err != nil {
		return r, err
	}
	if err := a.requireOwner(team); err != nil {
		return r, err
	}
	if same(store.ServiceID, &r.ServiceID) {
		return r, fault.Bad("serviceId", "OWN_STORE", "a service reads its own store anyway; name a service that does not own it")
	}
	if len(r.Reason) > 1000 || !printable(r.Reason) {
		return r, fault.Bad("reason", "TOO_LONG", "a reason has at most 1000 printable characters")
	}
	const q = `
		INSERT INTO catalog_store_reader (id, store_id, service_id, reason)
		VALUES ($1, $2, $3, $4)
		    ON CONFLICT (store_id, service_id) WHERE valid_to IS NULL DO UPDATE
		   SET reason = excluded.reason
		 WHERE catalog_store_reader.reason <> excluded.reason
		RETURNING id, store_id, service_id, reason, valid_from, valid_to`
	saved, err := postgres.One[StoreReader](ctx, a.db, q, newID(uuid.Nil), r.StoreID, r.ServiceID, r.Reason)
	if errors.Is(err, postgres.ErrNotFound) {
		return a.openReader(ctx, r)
	}
	if err == nil {
		a.did("store.reader_declared", "STORE_READER", saved.ID, nil, saved)
	}
	return saved, err
}

func (a *act) openReader(ctx context.Context, r StoreReader) (StoreReader, error) {
	const q = `
		SELECT id, store_id, service_id, reason, valid_from, valid_to
		  FROM catalog_store_reader
		 WHERE store_id = $1 AND service_id = $2 AND valid_to IS NULL`
	return postgres.One[StoreReader](ctx, a.db, q, r.StoreID, r.ServiceID)
}

// ReadersByStore finds the services that read each store beside its owner, as
// declared and open now.
func ReadersByStore(ctx context.Context, db postgres.DB, stores []uuid.UUID) (map[uuid.UUID][]StoreReader, error) {
	const q = `
		SELECT id, store_id, service_id, reason, valid_from, valid_to
		  FROM catalog_store_reader
		 WHERE store_id = ANY ($1) AND valid_to IS NULL
		 ORDER BY store_id, valid_from, id`
	rows, err := postgres.Many[StoreReader](ctx, db, q, stores)
	return grouped(rows, err, func(r StoreReader) uuid.UUID { return r.StoreID })
}

// EndStoreReader says that a service no longer reads a store of another. It
// needs a steward of the team that owns the store, or an admin.
func (c *Catalog) EndStoreReader(ctx context.Context, by access.Principal, reader uuid.UUID) error {
	return c.work(ctx, by, func(a *act) error { return a.endStoreReader(ctx, reader) })
}

func (a *act) endStoreReader(ctx context.Context, reader uuid.UUID) error {
	const qFind = `
		SELECT id, store_id, service_id, reason, valid_from, valid_to
		  FROM catalog_store_reader
		 WHERE id = $1 AND valid_to IS NULL`
	r, err := postgres.One[StoreReader](ctx, a.db, qFind, reader)
	if errors.Is(err, postgres.ErrNotFound) {
		return missing("store_reader")
	}
	if err != nil {
		return err
	}
	team, err := a.teamOfStore(ctx, &r.StoreID)
	if err != nil {
		return err
	}
	if err := a.requireOwner(team); err != nil {
		return err
	}
	const q = `UPDATE catalog_store_reader SET valid_to = now() WHERE id = $1`
	_, err = a.db.Exec(ctx, q, reader)
	a.did("store.reader_ended", "STORE_READER", r.ID, r, nil)
	return err
}
