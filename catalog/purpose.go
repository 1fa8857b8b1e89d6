package catalog

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog/taxonomy"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// Purpose is something the organisation uses personal data for (Art. 5(1)(b)
// GDPR).
type Purpose struct {
	ID         uuid.UUID
	Ref        string
	Name       string
	Doc        string
	Use        string // key of a USE term that it refines
	LegalBasis string // of Art. 6(1): CONSENT, CONTRACT, LEGAL_OBLIGATION, VITAL_INTERESTS, PUBLIC_TASK, LEGITIMATE_INTERESTS
	Rev        int
}

func (p Purpose) key() uuid.UUID { return p.ID }
func (p Purpose) revision() int  { return p.Rev }

var legalBases = []string{"CONSENT", "CONTRACT", "LEGAL_OBLIGATION", "VITAL_INTERESTS", "PUBLIC_TASK", "LEGITIMATE_INTERESTS"}

// DeclarePurpose enters a purpose, or changes it. It needs an admin: purposes
// are the organisation's, not a team's.
func (c *Catalog) DeclarePurpose(ctx context.Context, by access.Principal, p Purpose) (Purpose, error) {
	err := c.work(ctx, by, func(a *act) (err error) {
		p, err = a.putPurpose(ctx, p)
		return err
	})
	return p, err
}

func (a *act) putPurpose(ctx context.Context, p Purpose) (Purpose, error) {
	if err := a.by.Require(access.Admin); err != nil {
		return p, err
	}
	var m mistakes
	checkRef(&m, p.Ref)
	checkName(&m, p.Name)
	checkDoc(&m, p.Doc)
	oneOf(&m, "legalBasis", p.LegalBasis, legalBases)
	use, err := taxonomy.Find("use", p.Use, taxonomy.Use)
	m.add(err)
	if err := m.err(); err != nil {
		return p, err
	}
	old, err := previous(ctx, a, "purpose", p, PurposesByID)
	if err != nil || old != nil && same(*old, p) {
		return p, err
	}
	if err := taxonomy.Ensure(ctx, a.db, []taxonomy.Term{use}); err != nil {
		return p, err
	}
	p.ID = newID(p.ID)
	if p.Rev, err = savePurpose(ctx, a.db, p, use.ID); err != nil {
		return p, err
	}
	a.did("purpose.declared", "PURPOSE", p.ID, old, p)
	return p, nil
}

func savePurpose(ctx context.Context, db postgres.DB, p Purpose, use uuid.UUID) (int, error) {
	const q = `
		INSERT INTO catalog_purpose (id, ref, name, doc, use_id, legal_basis)
		VALUES ($1, $2, $3, $4, $5, $6)
		    ON CONFLICT (id) DO UPDATE
		   SET ref = excluded.ref, name = excluded.name, doc = excluded.doc, use_id = excluded.use_id,
		       legal_basis = excluded.legal_basis, rev = catalog_purpose.rev + 1, updated_at = now()
		 WHERE catalog_purpose.rev = $7
		RETURNING rev`
	rev, err := postgres.Scalar[int](ctx, db, q, p.ID, p.Ref, p.Name, p.Doc, use, p.LegalBasis, p.Rev)
	return rev, lost(err)
}

// PurposesByID finds purposes; unknown ids are absent.
func PurposesByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Purpose, error) {
	const q = `
		SELECT p.id, p.ref, p.name, p.doc, t.key AS use, p.legal_basis, p.rev
		  FROM catalog_purpose p
		  JOIN catalog_term t ON t.id = p.use_id
		 WHERE p.id = ANY ($1)
		 ORDER BY p.id`
	return indexed(postgres.Many[Purpose](ctx, db, q, ids))
}

// Purposes lists the purposes by ref.
func (c *Catalog) Purposes(ctx context.Context, by access.Principal, p page.Args) (page.Page[Purpose], error) {
	const q = `
		SELECT p.id, p.ref, p.name, p.doc, t.key AS use, p.legal_basis, p.rev
		  FROM catalog_purpose p
		  JOIN catalog_term t ON t.id = p.use_id
		 WHERE p.ref > $1
		 ORDER BY p.ref
		 LIMIT $2`
	return byRef(by, p, "purposes", func(after string, limit int) ([]Purpose, error) {
		return postgres.Many[Purpose](ctx, c.db, q, after, limit)
	}, func(p Purpose) string { return p.Ref })
}

// PermittedUse says that data may be used for a purpose.
type PermittedUse struct {
	ID        uuid.UUID
	DatasetID uuid.UUID
	FieldID   *uuid.UUID // nil: the whole dataset
	PurposeID uuid.UUID
	ValidFrom time.Time // set by the catalog
	ValidTo   *time.Time
	CreatedBy uuid.UUID
}

// DeclarePermittedUse says that a dataset or field may be used for a purpose.
// It needs a steward of the dataset's team, or an admin.
func (c *Catalog) DeclarePermittedUse(ctx context.Context, by access.Principal, u PermittedUse) (PermittedUse, error) {
	err := c.work(ctx, by, func(a *act) (err error) {
		u, err = a.putPermittedUse(ctx, u)
		return err
	})
	return u, err
}

func (a *act) putPermittedUse(ctx context.Context, u PermittedUse) (PermittedUse, error) {
	if err := a.mayChangeContents(ctx, u.DatasetID); err != nil {
		return u, err
	}
	const q = `
		INSERT INTO catalog_permitted_use (id, dataset_id, field_id, purpose_id, created_by)
		VALUES ($1, $2, $3, $4, $5)
		    ON CONFLICT (dataset_id, coalesce(field_id, '00000000-0000-0000-0000-000000000000'), purpose_id) WHERE valid_to IS NULL DO NOTHING
		RETURNING id, dataset_id, field_id, purpose_id, valid_from, valid_to, created_by`
	saved, err := postgres.One[PermittedUse](ctx, a.db, q, newID(uuid.Nil), u.DatasetID, u.FieldID, u.PurposeID, a.by.ID)
	if errors.Is(err, postgres.ErrNotFound) {
		const q = `
			SELECT id, dataset_id, field_id, purpose_id, valid_from, valid_to, created_by
			  FROM catalog_permitted_use
			 WHERE dataset_id = $1 AND field_id IS NOT DISTINCT FROM $2 AND purpose_id = $3 AND valid_to IS NULL`
		return postgres.One[PermittedUse](ctx, a.db, q, u.DatasetID, u.FieldID, u.PurposeID)
	}
	if err == nil {
		a.did("dataset.use_permitted", "PERMITTED_USE", saved.ID, nil, saved)
	}
	return saved, err
}

// EndPermittedUse withdraws a permission. It needs a steward of the dataset's
// team, or an admin.
func (c *Catalog) EndPermittedUse(ctx context.Context, by access.Principal, id uuid.UUID) error {
	return c.work(ctx, by, func(a *act) error { return a.endPermittedUse(ctx, id) })
}

func (a *act) endPermittedUse(ctx context.Context, id uuid.UUID) error {
	const qFind = `
		SELECT id, dataset_id, field_id, purpose_id, valid_from, valid_to, created_by
		  FROM catalog_permitted_use
		 WHERE id = $1 AND valid_to IS NULL`
	u, err := postgres.One[PermittedUse](ctx, a.db, qFind, id)
	if errors.Is(err, postgres.ErrNotFound) {
		return missing("permitted_use")
	}
	if err != nil {
		return err
	}
	if err := a.mayChangeContents(ctx, u.DatasetID); err != nil {
		return err
	}
	const q = `UPDATE catalog_permitted_use SET valid_to = now() WHERE id = $1`
	_, err = a.db.Exec(ctx, q, id)
	a.did("dataset.use_withdrawn", "PERMITTED_USE", id, u, nil)
	return err
}

// PermittedUsesByDataset finds what each dataset and its fields may be used
// for now.
func PermittedUsesByDataset(ctx context.Context, db postgres.DB, datasets []uuid.UUID) (map[uuid.UUID][]PermittedUse, error) {
	const q = `
		SELECT id, dataset_id, field_id, purpose_id, valid_from, valid_to, created_by
		  FROM catalog_permitted_use
		 WHERE dataset_id = ANY ($1) AND valid_to IS NULL
		 ORDER BY dataset_id, field_id NULLS FIRST, valid_from, id`
	rows, err := postgres.Many[PermittedUse](ctx, db, q, datasets)
	return grouped(rows, err, func(u PermittedUse) uuid.UUID { return u.DatasetID })
}
