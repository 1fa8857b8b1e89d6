package catalog

import (
	"context"
	"errors"
	"reflect"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
)

// OwnerKind says whether an owner is a team or one person.
type OwnerKind string

// The kinds of owner. Stewards act through their teams; what a single person
// owns is changed by an admin.
const (
	Team   OwnerKind = "TEAM"
	Person OwnerKind = "PERSON"
)

// Owner is who answers for services and datasets within the organisation.
type Owner struct {
	ID     uuid.UUID
	Kind   OwnerKind
	Ref    string // of a team: its name in the groups of the identity provider
	Name   string
	Active bool // what an inactive owner owns is a finding
	Rev    int
}

func (o Owner) key() uuid.UUID { return o.ID }
func (o Owner) revision() int  { return o.Rev }

// DeclareOwner enters a team or a person, or changes it. It needs an admin.
func (c *Catalog) DeclareOwner(ctx context.Context, by access.Principal, o Owner) (Owner, error) {
	err := c.work(ctx, by, func(a *act) (err error) {
		o, err = a.putOwner(ctx, o)
		return err
	})
	return o, err
}

func (a *act) putOwner(ctx context.Context, o Owner) (Owner, error) {
	if err := a.by.Require(access.Admin); err != nil {
		return o, err
	}
	var m mistakes
	checkRef(&m, o.Ref)
	checkName(&m, o.Name)
	oneOf(&m, "kind", string(o.Kind), []string{string(Team), string(Person)})
	if err := m.err(); err != nil {
		return o, err
	}
	old, err := previous(ctx, a, "owner", o, OwnersByID)
	if err != nil || old != nil && same(*old, o) {
		return o, err
	}
	o.ID = newID(o.ID)
	if o.Rev, err = saveOwner(ctx, a.db, o); err != nil {
		return o, err
	}
	a.did("owner.declared", "OWNER", o.ID, old, o)
	return o, nil
}

func saveOwner(ctx context.Context, db postgres.DB, o Owner) (int, error) {
	const q = `
		INSERT INTO catalog_owner (id, kind, ref, name, active)
		VALUES ($1, $2, $3, $4, $5)
		    ON CONFLICT (id) DO UPDATE
		   SET kind = excluded.kind, ref = excluded.ref, name = excluded.name, active = excluded.active,
		       rev = catalog_owner.rev + 1, updated_at = now()
		 WHERE catalog_owner.rev = $6
		RETURNING rev`
	rev, err := postgres.Scalar[int](ctx, db, q, o.ID, o.Kind, o.Ref, o.Name, o.Active, o.Rev)
	return rev, lost(err)
}

// OwnersByID finds owners; unknown ids are absent.
func OwnersByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]Owner, error) {
	const q = `SELECT id, kind, ref, name, active, rev FROM catalog_owner WHERE id = ANY ($1) ORDER BY id`
	return indexed(postgres.Many[Owner](ctx, db, q, ids))
}

// Owners lists teams and people by ref.
func (c *Catalog) Owners(ctx context.Context, by access.Principal, p page.Args) (page.Page[Owner], error) {
	const q = `SELECT id, kind, ref, name, active, rev FROM catalog_owner WHERE ref > $1 ORDER BY ref LIMIT $2`
	return byRef(by, p, "owners", func(after string, limit int) ([]Owner, error) {
		return postgres.Many[Owner](ctx, c.db, q, after, limit)
	}, func(o Owner) string { return o.Ref })
}

// same reports whether a declaration says nothing new.
func same[T any](old, next T) bool { return reflect.DeepEqual(old, next) }

// lost turns the answer "no row" of a guarded write into what it means: the id
// is in use at another revision.
func lost(err error) error {
	if errors.Is(err, postgres.ErrNotFound) {
		return idTaken
	}
	return err
}

// requireOwner refuses unless the actor is a steward of the owning team.
func (a *act) requireOwner(team string) error {
	if team == "" && !a.by.IsSystem() && !a.by.Has(access.Admin) {
		if err := a.by.Require(access.Admin, access.Steward); err != nil {
			return err
		}
		return fault.New(fault.Denied, "NOT_OWNER", "no team owns this yet; ask an admin to set its owner")
	}
	return a.by.RequireOwner(team)
}

// teamOf finds the ref of an owner given by id.
func (a *act) teamOf(ctx context.Context, owner *uuid.UUID) (string, error) {
	const q = `SELECT ref FROM catalog_owner WHERE id = $1`
	return orEmpty(postgres.Scalar[string](ctx, a.db, q, owner))
}

// teamOfService finds the team that owns a service.
func (a *act) teamOfService(ctx context.Context, service *uuid.UUID) (string, error) {
	const q = `
		SELECT o.ref
		  FROM catalog_service s
		  JOIN catalog_owner o ON o.id = s.owner_id
		 WHERE s.id = $1`
	return orEmpty(postgres.Scalar[string](ctx, a.db, q, service))
}

// teamOfStore finds the team that owns the service that owns a store.
func (a *act) teamOfStore(ctx context.Context, store *uuid.UUID) (string, error) {
	const q = `
		SELECT o.ref
		  FROM catalog_store st
		  JOIN catalog_service s ON s.id = st.service_id
		  JOIN catalog_owner o ON o.id = s.owner_id
		 WHERE st.id = $1`
	return orEmpty(postgres.Scalar[string](ctx, a.db, q, store))
}

// teamOfDataset finds the team that owns a dataset: its own owner, or else the
// owner of its service, or else of its store's service.
func (a *act) teamOfDataset(ctx context.Context, dataset uuid.UUID) (string, error) {
	const q = `
		SELECT o.ref
		  FROM catalog_dataset d
		  LEFT JOIN catalog_store st ON st.id = d.store_id
		  LEFT JOIN catalog_service s ON s.id = coalesce(d.service_id, st.service_id)
		  JOIN catalog_owner o ON o.id = coalesce(d.owner_id, s.owner_id)
		 WHERE d.id = $1`
	return orEmpty(postgres.Scalar[string](ctx, a.db, q, dataset))
}

func orEmpty(ref string, err error) (string, error) {
	if errors.Is(err, postgres.ErrNotFound) {
		return "", nil
	}
	return ref, err
}
