package schemas

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Contexts lists the contexts that hold versions and start with prefix, the
// context "." among them whether it does or not.
func (r *Registry) Contexts(ctx context.Context, by access.Principal, prefix string) ([]string, error) {
	if err := signedIn(by); err != nil {
		return nil, err
	}
	const q = `
		SELECT DISTINCT s.context
		  FROM schemas_subject s
		 WHERE s.context <> '.' AND EXISTS (SELECT FROM schemas_version v WHERE v.subject_id = s.id)
		 ORDER BY s.context`
	names, err := either(ctx, r, func() ([]string, error) {
		return postgres.Scalars[string](ctx, r.db, q)
	}, r.recallContexts)
	if err != nil {
		return nil, err
	}
	slices.Sort(names) // as bytes, whatever the database takes for an order
	all := append([]string{home}, names...)
	return slices.DeleteFunc(all, func(name string) bool { return !strings.HasPrefix(name, prefix) }), nil
}

// DeleteContext takes back everything that is set in a context which holds no
// version, deleted ones included. Its ids are not given again. It needs an
// admin.
func (r *Registry) DeleteContext(ctx context.Context, by access.Principal, name string) error {
	if err := by.Require(access.Admin); err != nil {
		return err
	}
	if err := checkContext(name); err != nil {
		return err
	}
	err := r.atLevel(ctx, by, ":"+name+":", false, func(tx pgx.Tx, l level) error {
		if err := r.endContext(ctx, tx, by, name); err != nil {
			return err
		}
		return r.turn(l.mode)
	})
	if errors.Is(err, errTurned) {
		return r.deleteContextElsewhere(ctx, by, name)
	}
	return err
}

func (r *Registry) endContext(ctx context.Context, tx pgx.Tx, by access.Principal, name string) error {
	const qHeld = `
			SELECT EXISTS (SELECT FROM schemas_subject s JOIN schemas_version v ON v.subject_id = s.id WHERE s.context = $1)`
	held, err := postgres.Scalar[bool](ctx, tx, qHeld, name)
	if err == nil && held {
		err = fault.New(fault.Invalid, "CONTEXT_NOT_EMPTY", "the context '%s' holds versions; delete its subjects for good first", name)
	}
	if err != nil {
		return err
	}
	const q = `DELETE FROM schemas_config WHERE context = $1`
	if _, err := tx.Exec(ctx, q, name); err != nil {
		return err
	}
	const qAliases = `UPDATE schemas_subject SET alias_context = NULL, alias_name = NULL WHERE context = $1 AND alias_name IS NOT NULL`
	if _, err := tx.Exec(ctx, qAliases, name); err != nil {
		return err
	}
	if _, err := r.changed(ctx, tx, change{kind: "CONFIGURED", context: name}); err != nil {
		return err
	}
	return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "schema.context_deleted"})
}
