package stores

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/tables"
)

// work is one store in one unit of work.
type work struct {
	db        postgres.DB
	store     catalog.Store
	service   catalog.Service // that the store belongs to; without a name if it belongs to none
	home      string          // the namespace that it is in; "" for none
	asked     string          // the namespace that who calls names; "" for none
	namespace string          // that it is described in
	set       gate.Policy     // that the store has
	policy    gate.Policy     // by which it is judged
	version   int             // that was pushed last, 0 for none
	pushedAt  *time.Time
	before    *tables.State
}

// visit reads a store, without what was last pushed to it.
func visit(ctx context.Context, db postgres.DB, ref, namespace string) (*work, error) {
	const q = `SELECT id FROM catalog_store WHERE ref = $1`
	id, err := postgres.Scalar[uuid.UUID](ctx, db, q, ref)
	if errors.Is(err, postgres.ErrNotFound) {
		return nil, unknown(ctx, db, ref)
	}
	if err != nil {
		return nil, err
	}
	found, err := catalog.StoresByID(ctx, db, []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	v := &work{db: db, store: found[id], asked: namespace, set: gate.Warn, before: tables.New()}
	if owner := v.store.ServiceID; owner != nil {
		services, err := catalog.ServicesByID(ctx, db, []uuid.UUID{*owner})
		if err != nil {
			return nil, err
		}
		v.service = services[*owner]
	}
	return v, v.settings(ctx)
}

// unknown is what is said of a store that is not in the catalog.
func unknown(ctx context.Context, db postgres.DB, ref string) error {
	const q = `SELECT ref FROM catalog_store ORDER BY ref`
	known, err := postgres.Scalars[string](ctx, db, q)
	if err != nil {
		return err
	}
	return fault.Missing("store", "%s", fault.Suggest("no store is called so; declare it in the catalog first, with its service", ref, known))
}

func (v *work) settings(ctx context.Context) error {
	const q = `
		SELECT s.policy, s.namespace,
		       (SELECT d.namespace
		          FROM catalog_dataset d
		         WHERE d.store_id = $1 AND d.kind IN ('TABLE', 'COLLECTION')
		         GROUP BY d.namespace
		         ORDER BY count(*) DESC, d.namespace
		         LIMIT 1) AS used
		  FROM (VALUES (1)) AS one
		  LEFT JOIN schemas_store s ON s.store_id = $1`
	row, err := postgres.One[struct {
		Policy          *gate.Policy
		Namespace, Used *string
	}](ctx, v.db, q, v.store.ID)
	if err != nil {
		return err
	}
	if row.Policy != nil {
		v.set = *row.Policy
	}
	v.policy = v.set
	v.home = cmp.Or(orNone(row.Namespace), orNone(row.Used))
	v.namespace = cmp.Or(v.asked, v.home, ofItsOwn(v.store))
	return nil
}

func orNone(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// authorise refuses whoever the store does not belong to. Its service's pipeline
// may push; how strict its gate is only people say.
func (v *work) authorise(ctx context.Context, by access.Principal, pipelines bool) error {
	if by.IsSystem() || by.Has(access.Admin) {
		return nil
	}
	if v.store.ServiceID == nil {
		return fault.New(fault.Denied, "NOT_OWNER", "the store belongs to no service; an admin declares whose it is")
	}
	if pipelines && by.Service != "" && by.Has(access.CI, access.Service) {
		if by.Service == v.service.Ref {
			return by.May(access.Push, "")
		}
		return fault.New(fault.Denied, "NOT_OWNER", "the store belongs to the service %q; its pipeline pushes here", v.service.Ref)
	}
	if err := by.Require(access.Steward); err != nil {
		return err
	}
	if v.service.OwnerID == nil {
		return fault.New(fault.Denied, "NOT_OWNER", "nobody owns the service %q that the store belongs to; ask an admin", v.service.Ref)
	}
	teams, err := catalog.OwnersByID(ctx, v.db, []uuid.UUID{*v.service.OwnerID})
	if err != nil {
		return err
	}
	return by.RequireOwner(teams[*v.service.OwnerID].Ref)
}

// lock has one push to a store wait for the other, and reads what the other
// left.
func (v *work) lock(ctx context.Context) error {
	if err := v.enter(ctx); err != nil {
		return err
	}
	const q = `SELECT FROM schemas_store WHERE store_id = $1 FOR UPDATE`
	if _, err := v.db.Exec(ctx, q, v.store.ID); err != nil {
		return err
	}
	if err := v.settings(ctx); err != nil {
		return err
	}
	return v.latest(ctx)
}

func (v *work) enter(ctx context.Context) error {
	const q = `INSERT INTO schemas_store (store_id) VALUES ($1) ON CONFLICT DO NOTHING`
	_, err := v.db.Exec(ctx, q, v.store.ID)
	return err
}

func (v *work) setPolicy(ctx context.Context, by access.Principal, policy gate.Policy) error {
	if err := v.enter(ctx); err != nil {
		return err
	}
	const q = `UPDATE schemas_store SET policy = $2 WHERE store_id = $1 AND policy <> $2`
	done, err := v.db.Exec(ctx, q, v.store.ID, policy)
	v.set = policy
	if err != nil || done.RowsAffected() == 0 {
		return err
	}
	return audit.Append(ctx, v.db, audit.Entry{Actor: by.ID, Act: "store.gate_set", Entity: v.store.ID, Code: string(policy)})
}

// fingerprint is of what the tables are, not of where that was said.
func fingerprint(all []tables.Table) ([]byte, error) {
	raw, err := json.Marshal(placeless(all))
	sum := sha256.Sum256(raw)
	return sum[:], err
}

func placeless(all []tables.Table) []tables.Table {
	out := make([]tables.Table, len(all))
	for i, t := range all {
		t.At = tables.Place{}
		t.Columns = placelessColumns(t.Columns)
		out[i] = t
	}
	return out
}

func placelessColumns(all []tables.Column) []tables.Column {
	out := make([]tables.Column, len(all))
	for i, c := range all {
		c.At = tables.Place{}
		c.Within = placelessColumns(c.Within)
		out[i] = c
	}
	return out
}
