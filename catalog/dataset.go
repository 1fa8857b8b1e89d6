package catalog

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Dataset is a named body of data: a table, a topic, an index. It is
// identified by environment, namespace and name; a name it once had finds it
// for ever.
type Dataset struct {
	ID                uuid.UUID
	Environment       string // "" means production
	Namespace         string // after OpenLineage, such as postgres://orders or kafka://default
	Name              string // such as public.order, or a topic's name
	Kind              string // TABLE, COLLECTION, CACHE, TOPIC, QUEUE, OBJECTS, INDEX, GRAPH, SERIES, EXTERNAL, OTHER
	Doc               string
	StoreID           *uuid.UUID
	ServiceID         *uuid.UUID  // who is asked about it; nil means its store's service
	OwnerID           *uuid.UUID  // nil means its service's owner
	Derived           bool        // a read model or a copy
	DerivedFrom       []uuid.UUID // what it is made from, in order of id
	Lifecycle         string      // DRAFT, ACTIVE, DEPRECATED, RETIRED; "" means ACTIVE
	EraseBy           string      // DELETE, ANONYMISE, EXPIRE, CRYPTO_SHRED; "" means DELETE
	UsualMax          *int64      // the usual highest count of rows of one person; above it a person must look
	RetentionPolicyID *uuid.UUID
	Rev               int
}

func (d Dataset) key() uuid.UUID { return d.ID }
func (d Dataset) revision() int  { return d.Rev }

var (
	datasetKinds = []string{"TABLE", "COLLECTION", "CACHE", "TOPIC", "QUEUE", "OBJECTS", "INDEX", "GRAPH", "SERIES", "EXTERNAL", "OTHER"}
	lifecycles   = []string{"DRAFT", "ACTIVE", "DEPRECATED", "RETIRED"}
	erasures     = []string{"DELETE", "ANONYMISE", "EXPIRE", "CRYPTO_SHRED"}
)

// DeclareDataset enters a dataset, or changes it; a new name leaves the old
// one behind as an alias. It needs a steward of the dataset's team, or an
// admin.
func (c *Catalog) DeclareDataset(ctx context.Context, by access.Principal, d Dataset) (Dataset, error) {
	err := c.work(ctx, by, func(a *act) (err error) {
		d, err = a.putDataset(ctx, d)
		return err
	})
	return d, err
}

// SetDatasetOwner gives a dataset an owner of its own, or (nil) back to the
// owner of its service. It needs a steward of the team that owns it, or an
// admin.
func (c *Catalog) SetDatasetOwner(ctx context.Context, by access.Principal, dataset uuid.UUID, rev int, owner *uuid.UUID) (d Dataset, err error) {
	err = c.work(ctx, by, func(a *act) error {
		old, err := previousOf(ctx, a, "dataset", Dataset{ID: dataset, Rev: rev}, DatasetsByID)
		if err != nil {
			return err
		}
		d = *old
		d.OwnerID = owner
		d, err = a.putDataset(ctx, d)
		return err
	})
	return d, err
}

func (a *act) putDataset(ctx context.Context, d Dataset) (Dataset, error) {
	old, err := previous(ctx, a, "dataset", d, DatasetsByID)
	if err != nil {
		return d, err
	}
	if err := a.mayChangeDataset(ctx, old, d); err != nil {
		return d, err
	}
	d = d.completed()
	if err := d.check(); err != nil {
		return d, err
	}
	if old != nil && same(*old, d) {
		return d, nil
	}
	d.ID = newID(d.ID)
	if d.Rev, err = saveDataset(ctx, a.db, d); err != nil {
		return d, err
	}
	if err := keepNames(ctx, a.db, d); err != nil {
		return d, err
	}
	if err := saveSources(ctx, a.db, d); err != nil {
		return d, err
	}
	if d.Kind == "TOPIC" {
		if err := saveTopicName(ctx, a.db, d); err != nil {
			return d, err
		}
	}
	a.did("dataset.declared", "DATASET", d.ID, old, d)
	return d, nil
}

// mayChangeDataset asks whoever owns the dataset now, and for a new place also
// whoever owns that. A draft that an observer entered and nobody took on is
// open to whoever puts it under a service of their own.
func (a *act) mayChangeDataset(ctx context.Context, old *Dataset, d Dataset) error {
	if old != nil && !old.unclaimed() {
		team, err := a.teamOfDataset(ctx, old.ID)
		if err != nil {
			return err
		}
		if err := a.requireOwner(team); err != nil {
			return err
		}
		if same(old.StoreID, d.StoreID) && same(old.ServiceID, d.ServiceID) {
			return nil
		}
	}
	team, err := a.teamOfPlace(ctx, d)
	if err != nil {
		return err
	}
	return a.requireOwner(team)
}

// unclaimed reports whether nobody ever said anything about the dataset.
func (d Dataset) unclaimed() bool {
	return d.Lifecycle == "DRAFT" && d.StoreID == nil && d.ServiceID == nil && d.OwnerID == nil
}

// teamOfPlace finds the team that owns the service a dataset is put under.
func (a *act) teamOfPlace(ctx context.Context, d Dataset) (string, error) {
	if d.ServiceID != nil {
		return a.teamOfService(ctx, d.ServiceID)
	}
	return a.teamOfStore(ctx, d.StoreID)
}

func (d Dataset) completed() Dataset {
	if d.Environment == "" {
		d.Environment = "production"
	}
	if d.Lifecycle == "" {
		d.Lifecycle = "ACTIVE"
	}
	if d.EraseBy == "" {
		d.EraseBy = "DELETE"
		if d.Kind == "TOPIC" {
			d.EraseBy = "EXPIRE"
		}
	}
	if len(d.DerivedFrom) == 0 {
		d.DerivedFrom = []uuid.UUID{}
	} else {
		d.Derived = true
	}
	d.DerivedFrom = sorted(d.DerivedFrom)
	return d
}

func (d Dataset) check() error {
	var m mistakes
	m.require(environmentForm(d.Environment), "environment", "BAD_ENVIRONMENT", "an environment is 1 to 40 of a-z, 0-9, dash and underscore, such as production")
	m.require(nameForm(d.Namespace), "namespace", "BAD_NAMESPACE", "a namespace is 1 to 512 characters without spaces, such as postgres://orders")
	m.require(nameForm(d.Name), "name", "BAD_NAME", "a name is 1 to 512 characters without spaces, such as public.order")
	checkDoc(&m, d.Doc)
	oneOf(&m, "kind", d.Kind, datasetKinds)
	oneOf(&m, "lifecycle", d.Lifecycle, lifecycles)
	oneOf(&m, "eraseBy", d.EraseBy, erasures)
	m.require(d.UsualMax == nil || *d.UsualMax > 0, "usualMax", "OUT_OF_RANGE", "the usual highest count is at least 1")
	m.require(len(d.DerivedFrom) <= 100, "derivedFrom", "TOO_MANY", "name at most 100 sources")
	for _, s := range d.DerivedFrom {
		m.require(s != d.ID, "derivedFrom", "DERIVED_FROM_ITSELF", "a dataset cannot be made from itself")
	}
	if d.Kind == "TOPIC" {
		_, ok := strings.CutPrefix(d.Namespace, "kafka://")
		m.require(ok, "namespace", "BAD_NAMESPACE", "a topic's namespace is kafka:// and the name of its cluster, such as kafka://default")
	}
	return m.err()
}

func environmentForm(s string) bool {
	return len(s) >= 1 && len(s) <= 40 && s[0] != '-' && s[0] != '_' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

func nameForm(s string) bool {
	return len(s) >= 1 && len(s) <= 512 && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar
	})
}

func saveDataset(ctx context.Context, db postgres.DB, d Dataset) (int, error) {
	const q = `
		INSERT INTO catalog_dataset (id, environment, namespace, name, kind, doc, store_id, service_id, owner_id, derived, lifecycle,
		                             erase_by, usual_max, retention_policy_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		    ON CONFLICT (id) DO UPDATE
		   SET environment = excluded.environment, namespace = excluded.namespace, name = excluded.name, kind = excluded.kind,
		       doc = excluded.doc, store_id = excluded.store_id, service_id = excluded.service_id, owner_id = excluded.owner_id,
		       derived = excluded.derived, lifecycle = excluded.lifecycle, erase_by = excluded.erase_by,
		       usual_max = excluded.usual_max, retention_policy_id = excluded.retention_policy_id,
		       rev = catalog_dataset.rev + 1, updated_at = now()
		 WHERE catalog_dataset.rev = $15
		RETURNING rev`
	rev, err := postgres.Scalar[int](ctx, db, q, d.ID, d.Environment, d.Namespace, d.Name, d.Kind, d.Doc, d.StoreID, d.ServiceID, d.OwnerID,
		d.Derived, d.Lifecycle, d.EraseBy, d.UsualMax, d.RetentionPolicyID, d.Rev)
	return rev, lost(err)
}

// keepNames enters the present name among the names that find the dataset. A
// name that found another dataset, even long ago, is refused.
func keepNames(ctx context.Context, db postgres.DB, d Dataset) error {
	const q = `
		INSERT INTO catalog_dataset_alias AS a (environment, namespace, name, dataset_id)
		VALUES ($1, $2, $3, $4)
		    ON CONFLICT (environment, namespace, name) DO UPDATE
		   SET since = a.since
		 WHERE a.dataset_id = excluded.dataset_id
		RETURNING dataset_id`
	_, err := postgres.Scalar[uuid.UUID](ctx, db, q, d.Environment, d.Namespace, d.Name, d.ID)
	if errors.Is(err, postgres.ErrNotFound) {
		return datasetTaken
	}
	return err
}

func saveSources(ctx context.Context, db postgres.DB, d Dataset) error {
	const qGone = `DELETE FROM catalog_dataset_source WHERE dataset_id = $1 AND source_id <> ALL ($2::uuid[])`
	if _, err := db.Exec(ctx, qGone, d.ID, d.DerivedFrom); err != nil {
		return err
	}
	const q = `
		INSERT INTO catalog_dataset_source (dataset_id, source_id)
		SELECT $1, source_id FROM unnest($2::uuid[]) AS s (source_id)
		    ON CONFLICT DO NOTHING`
	_, err := db.Exec(ctx, q, d.ID, d.DerivedFrom)
	return err
}

// DatasetsByID finds datasets; unknown ids are absent.
func DatasetsByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Dataset, error) {
	const q = `
		SELECT id, environment, namespace, name, kind, doc, store_id, service_id, owner_id, derived, lifecycle, erase_by, usual_max,
		       retention_policy_id, rev,
		       ARRAY (SELECT source_id FROM catalog_dataset_source s WHERE s.dataset_id = d.id ORDER BY source_id) AS derived_from
		  FROM catalog_dataset d
		 WHERE id = ANY ($1)
		 ORDER BY id`
	return indexed(postgres.Many[Dataset](ctx, db, q, ids))
}

// datasetByName finds a dataset by a name that it has or once had.
func datasetByName(ctx context.Context, db postgres.DB, environment, namespace, name string) (Dataset, error) {
	const q = `
		SELECT dataset_id
		  FROM catalog_dataset_alias
		 WHERE environment = $1 AND namespace = $2 AND name = $3`
	id, err := postgres.Scalar[uuid.UUID](ctx, db, q, environment, namespace, name)
	if errors.Is(err, postgres.ErrNotFound) {
		return Dataset{}, fault.Missing("dataset", "no dataset has this name in this environment, or ever had")
	}
	if err != nil {
		return Dataset{}, err
	}
	found, err := DatasetsByID(ctx, db, []uuid.UUID{id})
	return found[id], err
}
