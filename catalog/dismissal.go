package catalog

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Dismissal explains why a consumer group was seen reading a dataset: a tool
// that somebody used once, a group that is gone. While it holds the reader need
// not be asked and is amiss nowhere, and every plan that touches the dataset
// names it with the reason and who gave it. It covers what was seen before
// ValidTo: a reader that is seen later is as unexplained as before.
type Dismissal struct {
	ID        uuid.UUID
	Cluster   string // "" means default
	Group     string `db:"consumer_group"`
	DatasetID uuid.UUID
	Reason    string
	ValidFrom time.Time // set by the catalog
	ValidTo   time.Time
	EndedAt   *time.Time // it was taken back, or another took its place
	CreatedBy uuid.UUID  // row of the audit log's principals; set by the catalog
}

func (d Dismissal) key() uuid.UUID { return d.ID }
func (d Dismissal) revision() int  { return 0 }

// longestDismissal bounds how long a reading may be explained ahead, so that
// somebody looks at it again. It is as old as evidence may be.
const longestDismissal = 180 * 24 * time.Hour

// DismissReader explains that a group reads a dataset. What explained it before
// ends. It needs a steward of the dataset's team, or an admin: whoever answers
// for the data answers for not asking a reader of them.
func (c *Catalog) DismissReader(ctx context.Context, by access.Principal, d Dismissal) (Dismissal, error) {
	err := c.work(ctx, by, func(a *act) (err error) {
		d, err = a.putDismissal(ctx, d)
		return err
	})
	return d, err
}

func (a *act) putDismissal(ctx context.Context, d Dismissal) (Dismissal, error) {
	if d.Cluster == "" {
		d.Cluster = "default"
	}
	if err := a.mayChangeContents(ctx, d.DatasetID); err != nil {
		return d, err
	}
	now := a.now
	var m mistakes
	m.require(len(d.Reason) <= 1000 && printable(d.Reason), "reason", "TOO_LONG", "a reason has at most 1000 printable characters")
	m.require(d.Reason != "", "reason", "REQUIRED", "say what it was and what became of what it read; an approver and an auditor will ask")
	m.require(d.ValidTo.After(now) && !d.ValidTo.After(now.Add(longestDismissal)), "validTo", "OUT_OF_RANGE",
		"an explanation ends in the future, and within 180 days; explain it again if it still holds then")
	m.add(a.checkSeen(ctx, d))
	if err := m.err(); err != nil {
		return d, err
	}
	old, err := standingDismissal(ctx, a.db, d)
	if err != nil {
		return d, err
	}
	if old != nil && old.Reason == d.Reason && old.ValidTo.Equal(d.ValidTo) {
		return *old, nil
	}
	if old != nil {
		if err := endDismissalRow(ctx, a.db, old.ID); err != nil {
			return d, err
		}
	}
	d.ID, d.ValidFrom, d.EndedAt, d.CreatedBy = newID(uuid.Nil), now, nil, a.by.ID
	a.did("reader.dismissed", "DISMISSAL", d.ID, old, d)
	return d, beginDismissal(ctx, a.db, d)
}

// checkSeen refuses to explain what nobody saw.
func (a *act) checkSeen(ctx context.Context, d Dismissal) error {
	const q = `
		SELECT consumer_group
		  FROM catalog_observed_read
		 WHERE dataset_id = $1 AND cluster = $2
		 ORDER BY consumer_group`
	seen, err := postgres.Scalars[string](ctx, a.db, q, d.DatasetID, d.Cluster)
	if err != nil {
		return err
	}
	if slices.Contains(seen, d.Group) {
		return nil
	}
	return fault.Bad("name", "UNKNOWN_REFERENCE", "%s", fault.Suggest("no group of this name was seen reading this dataset on this cluster", d.Group, seen))
}

func standingDismissal(ctx context.Context, db postgres.DB, d Dismissal) (*Dismissal, error) {
	const q = `
		SELECT id, cluster, consumer_group, dataset_id, reason, valid_from, valid_to, ended_at, created_by
		  FROM catalog_reader_dismissal
		 WHERE cluster = $1 AND consumer_group = $2 AND dataset_id = $3 AND ended_at IS NULL`
	old, err := postgres.One[Dismissal](ctx, db, q, d.Cluster, d.Group, d.DatasetID)
	if errors.Is(err, postgres.ErrNotFound) {
		return nil, nil
	}
	return &old, err
}

func beginDismissal(ctx context.Context, db postgres.DB, d Dismissal) error {
	const q = `
		INSERT INTO catalog_reader_dismissal (id, cluster, consumer_group, dataset_id, reason, valid_from, valid_to, created_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	_, err := db.Exec(ctx, q, d.ID, d.Cluster, d.Group, d.DatasetID, d.Reason, d.ValidFrom, d.ValidTo, d.CreatedBy)
	return err
}

func endDismissalRow(ctx context.Context, db postgres.DB, id uuid.UUID) error {
	const q = `UPDATE catalog_reader_dismissal SET ended_at = now() WHERE id = $1`
	_, err := db.Exec(ctx, q, id)
	return err
}

// EndDismissal takes an explanation back: the reader is as unexplained as
// before. It needs a steward of the dataset's team, or an admin.
func (c *Catalog) EndDismissal(ctx context.Context, by access.Principal, id uuid.UUID) error {
	return c.work(ctx, by, func(a *act) error {
		found, err := DismissalsByID(ctx, a.db, []uuid.UUID{id})
		if err != nil {
			return err
		}
		d, ok := found[id]
		if !ok || d.EndedAt != nil {
			return missing("reader_dismissal")
		}
		if err := a.mayChangeContents(ctx, d.DatasetID); err != nil {
			return err
		}
		a.did("reader.dismissal_ended", "DISMISSAL", id, d, nil)
		return endDismissalRow(ctx, a.db, id)
	})
}

// DismissalsByID finds explanations, ended ones too; unknown ids are absent.
func DismissalsByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Dismissal, error) {
	const q = `
		SELECT id, cluster, consumer_group, dataset_id, reason, valid_from, valid_to, ended_at, created_by
		  FROM catalog_reader_dismissal
		 WHERE id = ANY ($1)
		 ORDER BY id`
	return indexed(postgres.Many[Dismissal](ctx, db, q, ids))
}
