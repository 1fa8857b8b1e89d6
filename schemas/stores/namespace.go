package stores

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/tables"
)

// Stores on one server share a namespace, and each table in it is of one store.
// Who pushes says which namespace, so that a store could take the names of
// another's tables before that does. So its pipeline stays where it is, and moves
// into namespaces that nobody is in; to bring stores together takes somebody who
// answers for all of them. Decision 18.

// neighbour is another store of a namespace.
type neighbour struct {
	Ref       string
	ServiceID *uuid.UUID
}

// neighbours are the other stores that have datasets in the namespace, push into
// it, or that it is called after.
func (v *work) neighbours(ctx context.Context) ([]neighbour, error) {
	const q = `
		SELECT s.ref, s.service_id
		  FROM catalog_store s
		 WHERE s.id <> $1
		   AND (s.ref = split_part($2, '://', 2)
		    OR EXISTS (SELECT FROM schemas_store k WHERE k.store_id = s.id AND k.namespace = $2)
		    OR EXISTS (SELECT FROM catalog_dataset d WHERE d.store_id = s.id AND d.namespace = $2))
		 ORDER BY s.ref`
	return postgres.Many[neighbour](ctx, v.db, q, v.store.ID, v.namespace)
}

func called(all []neighbour) string {
	var names []string
	for _, n := range all {
		names = append(names, n.Ref)
	}
	return enumerated(names)
}

// settle refuses a push into the namespace of others, where the store is not
// yet, by whoever does not answer for all of them.
func (v *work) settle(ctx context.Context, by access.Principal) error {
	if v.namespace == v.home || by.IsSystem() || by.Has(access.Admin) {
		return nil
	}
	// Of two stores that come into an empty namespace at once one is the first.
	const q = `SELECT pg_advisory_xact_lock(hashtext('schemas_store.namespace'), hashtext($1))`
	if _, err := v.db.Exec(ctx, q, v.namespace); err != nil {
		return err
	}
	others, err := v.neighbours(ctx)
	if err != nil || len(others) == 0 {
		return err
	}
	shared := fault.New(fault.Denied, "NAMESPACE_SHARED", "the namespace %s is of %s, too; the first push into it is for a steward of the teams of all of them, or an admin", v.namespace, called(others))
	if err := by.Require(access.Steward); err != nil {
		return shared
	}
	var services []uuid.UUID
	for _, n := range others {
		if n.ServiceID == nil {
			return shared
		}
		services = append(services, *n.ServiceID)
	}
	return v.answersFor(ctx, by, services, shared)
}

// answersFor refuses whoever is of no team that owns one of some services.
func (v *work) answersFor(ctx context.Context, by access.Principal, services []uuid.UUID, otherwise error) error {
	found, err := catalog.ServicesByID(ctx, v.db, services)
	if err != nil {
		return err
	}
	var teams []uuid.UUID
	for _, s := range found {
		if s.OwnerID == nil {
			return otherwise
		}
		teams = append(teams, *s.OwnerID)
	}
	owners, err := catalog.OwnersByID(ctx, v.db, teams)
	if err != nil {
		return err
	}
	for _, o := range owners {
		if by.RequireOwner(o.Ref) != nil {
			return otherwise
		}
	}
	return nil
}

// elsewhere finds tables whose datasets are not the store's to describe, and
// says who else is in a namespace that it is not in yet.
func (v *work) elsewhere(ctx context.Context, all []*judged, notes *judged, first tables.Place) error {
	for _, j := range all {
		if j.known.ID != uuid.Nil && !v.mayTake(j.known) {
			j.findings = append(j.findings, finding{j.At, gate.Finding{Code: "CG008", Severity: gate.Refused,
				Message: fmt.Sprintf("%s %s is a dataset of another store, service or team, or a topic", j.known.Namespace, j.known.Name),
				Mend:    "give this store a namespace of its own, or move the dataset in the catalog"}})
		}
	}
	if v.namespace == v.home {
		return nil
	}
	others, err := v.neighbours(ctx)
	if err != nil || len(others) == 0 {
		return err
	}
	notes.findings = append(notes.findings, finding{first, gate.Finding{Code: "CG008", Severity: gate.Advice,
		Message: fmt.Sprintf("the namespace %s is of %s, too, and %s is not in it yet", v.namespace, called(others), v.store.Ref),
		Mend:    "have a steward of the teams of all of them, or an admin, push first; or give this store a namespace of its own"}})
	return nil
}

// mayTake reports whether a dataset is the store's, or becomes it: one in no
// store does, where nobody else answers for it. The namespace is the caller's to
// say, so that it could be anybody's.
func (v *work) mayTake(d catalog.Dataset) bool {
	if d.StoreID != nil {
		return *d.StoreID == v.store.ID
	}
	ours := func(id, own *uuid.UUID) bool { return id == nil || own != nil && *id == *own }
	return d.Kind != "TOPIC" && ours(d.ServiceID, v.store.ServiceID) && ours(d.OwnerID, v.service.OwnerID)
}

// ofItsOwn is the namespace of a store that has none yet.
func ofItsOwn(s catalog.Store) string {
	if scheme := map[string]string{"POSTGRESQL": "postgres", "MONGODB": "mongodb"}[s.Technology]; scheme != "" {
		return scheme + "://" + s.Ref
	}
	return strings.ToLower(s.Technology) + "://" + s.Ref
}
