package schemas

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Level is what a new version of a subject must be able to read, or be read
// by.
type Level string

// The levels. Backward: the new version reads data of the latest one. Forward:
// the latest one reads data of the new. The transitive ones ask it of every
// version.
const (
	None               Level = "NONE"
	Backward           Level = "BACKWARD"
	BackwardTransitive Level = "BACKWARD_TRANSITIVE"
	Forward            Level = "FORWARD"
	ForwardTransitive  Level = "FORWARD_TRANSITIVE"
	Full               Level = "FULL"
	FullTransitive     Level = "FULL_TRANSITIVE"
)

// levels lists every level; Backward holds where nobody set one.
var levels = []Level{None, Backward, BackwardTransitive, Forward, ForwardTransitive, Full, FullTransitive}

// ParseLevel reads the name of a level, in any case.
func ParseLevel(name string) (Level, error) {
	var known []string
	for _, l := range levels {
		if strings.EqualFold(name, string(l)) {
			return l, nil
		}
		known = append(known, string(l))
	}
	return "", fault.Bad("compatibility", "INVALID_LEVEL", "%s", fault.Suggest("this is no compatibility level; there are "+strings.Join(known, ", "), name, known))
}

func (l Level) transitive() bool { return strings.HasSuffix(string(l), "_TRANSITIVE") }
func (l Level) backward() bool   { return strings.HasPrefix(string(l), "BACKWARD") || l.full() }
func (l Level) forward() bool    { return strings.HasPrefix(string(l), "FORWARD") || l.full() }
func (l Level) full() bool       { return strings.HasPrefix(string(l), "FULL") }

// LevelSet is the level set on a subject itself, or on the registry where
// subject is "". A subject without one has the fault LEVEL_NOT_FOUND; the
// registry always has one.
func (r *Registry) LevelSet(ctx context.Context, by access.Principal, subject string) (Level, error) {
	if err := signedIn(by); err != nil {
		return "", err
	}
	if subject == "" {
		return levelOf(ctx, r.db, place{home, ""})
	}
	p := split(subject)
	const q = `
		SELECT g.compatibility
		  FROM schemas_subject s
		  JOIN schemas_config g ON g.subject_id = s.id
		 WHERE s.context = $1 AND s.name = $2 AND g.compatibility IS NOT NULL`
	level, err := postgres.Scalar[Level](ctx, r.db, q, p.context, p.name)
	if errors.Is(err, postgres.ErrNotFound) {
		err = fault.Missing("level", "the subject has no compatibility level of its own; the registry's holds")
	}
	return level, err
}

// Level is the level that holds for a subject, its own or the registry's.
func (r *Registry) Level(ctx context.Context, by access.Principal, subject string) (Level, error) {
	if err := signedIn(by); err != nil {
		return "", err
	}
	return levelOf(ctx, r.db, split(subject))
}

// levelOf is the level that holds for a subject: its own, its context's, or
// the registry's.
func levelOf(ctx context.Context, db postgres.DB, p place) (Level, error) {
	const q = `
		SELECT g.compatibility
		  FROM schemas_config g
		  LEFT JOIN schemas_subject s ON s.id = g.subject_id
		 WHERE g.context IN ($1, '.') AND g.compatibility IS NOT NULL AND (g.subject_id IS NULL OR s.context = $1 AND s.name = $2)
		 ORDER BY g.subject_id NULLS LAST, g.context = '.'
		 LIMIT 1`
	level, err := postgres.Scalar[Level](ctx, db, q, p.context, p.name)
	if errors.Is(err, postgres.ErrNotFound) {
		return Backward, nil
	}
	return level, err
}

// SetLevel sets the level of a subject, or of the registry where subject is
// "". A subject may be given one before its first version. It needs a steward
// of the subject's owner, or an admin; the registry's needs an admin.
func (r *Registry) SetLevel(ctx context.Context, by access.Principal, subject string, level Level) error {
	if err := by.Require(access.Steward, access.Admin); err != nil {
		return err
	}
	if _, err := ParseLevel(string(level)); err != nil {
		return err
	}
	if subject == "" {
		if err := by.Require(access.Admin); err != nil {
			return err
		}
		return postgres.Work(ctx, r.db, func(tx pgx.Tx) error {
			return r.keepLevel(ctx, tx, by, home, nil, level)
		})
	}
	p, err := placeOf(subject)
	if err != nil {
		return err
	}
	return postgres.Work(ctx, r.db, func(tx pgx.Tx) error {
		s, err := r.lockSubject(ctx, tx, p)
		if err != nil {
			return err
		}
		if err := r.authorise(ctx, tx, by, s); err != nil {
			return err
		}
		return r.keepLevel(ctx, tx, by, p.context, &s.ID, level)
	})
}

func (r *Registry) keepLevel(ctx context.Context, db postgres.DB, by access.Principal, in string, subject *uuid.UUID, level Level) error {
	const q = `
		INSERT INTO schemas_config AS g (context, subject_id, compatibility, changed_by, changed_at)
		VALUES ($1, $2, $3, $4, $5)
		    ON CONFLICT ON CONSTRAINT schemas_config_one_a_level DO UPDATE
		   SET compatibility = excluded.compatibility, rev = g.rev + 1, changed_by = excluded.changed_by, changed_at = excluded.changed_at`
	if _, err := db.Exec(ctx, q, in, subject, level, by.ID, r.now()); err != nil {
		return err
	}
	entity := uuid.Nil
	if subject != nil {
		entity = *subject
	}
	if err := r.changed(ctx, db, change{kind: "CONFIGURED", context: in, subject: subject}); err != nil {
		return err
	}
	return audit.Append(ctx, db, audit.Entry{Actor: by.ID, Act: "schema.level_set", Entity: entity, Code: string(level)})
}
