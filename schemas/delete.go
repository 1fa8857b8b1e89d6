package schemas

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/contract"
)

// DeleteVersion deletes a version of a subject, or its latest. Deleted softly,
// it keeps its number and its id, so that messages written with it can still be
// read; a second call deletes it for good, and its id with the last version
// that has it. A version that another refers to stays.
//
// The pipeline of the subject's service deletes softly; for good, a steward of
// its owner or an admin.
func (r *Registry) DeleteVersion(ctx context.Context, by access.Principal, subject string, version int, permanent bool) (int, error) {
	if err := checkVersion(version); err != nil {
		return 0, err
	}
	gone, err := r.delete(ctx, by, removal{subject: subject, version: version, permanent: permanent})
	if err != nil {
		return 0, err
	}
	return gone[0], nil
}

// DeleteSubject deletes every version of a subject, in two steps as
// DeleteVersion does, and returns their numbers. Its versions may refer to one
// another. For good, its configuration goes with it.
func (r *Registry) DeleteSubject(ctx context.Context, by access.Principal, subject string, permanent bool) ([]int, error) {
	return r.delete(ctx, by, removal{subject: subject, permanent: permanent})
}

// removal is what somebody asks to be deleted.
type removal struct {
	subject   string
	version   int // 0 for all
	permanent bool
}

// choose finds the versions that are meant.
func (q removal) choose(p place, all []kept) ([]kept, error) {
	if q.version == 0 {
		return chooseAll(p, all, q.permanent)
	}
	return chooseVersion(p, all, q.version, q.permanent)
}

// kept is a version that is stored, live or deleted softly.
type kept struct {
	Version   int
	SchemaID  int
	DeletedAt *time.Time
}

func (k kept) live() bool { return k.DeletedAt == nil }

// chooseVersion finds the version to delete. Each wrong step has a code of its
// own, as in the API that clients speak.
func chooseVersion(p place, all []kept, version int, permanent bool) ([]kept, error) {
	if version == Latest {
		version = latestOf(all, permanent)
	}
	i := slices.IndexFunc(all, func(k kept) bool { return k.Version == version })
	switch {
	case i < 0:
		return nil, noVersion(p, version, latestOf(all, false))
	case permanent && all[i].live():
		return nil, fault.New(fault.NotFound, "VERSION_NOT_DELETED", "Version %d of subject '%s' is not deleted yet: delete it first without permanent=true, then for good", version, p)
	case !permanent && !all[i].live():
		return nil, fault.New(fault.NotFound, "VERSION_DELETED_ALREADY", "Version %d of subject '%s' was deleted already: ask with permanent=true to delete it for good", version, p)
	}
	return all[i : i+1], nil
}

// latestOf is the newest live version; for good, and where none lives, the
// newest that is kept.
func latestOf(all []kept, permanent bool) int {
	for _, k := range slices.Backward(all) {
		if k.live() && !permanent {
			return k.Version
		}
	}
	return all[len(all)-1].Version
}

func chooseAll(p place, all []kept, permanent bool) ([]kept, error) {
	if permanent {
		if slices.ContainsFunc(all, kept.live) {
			return nil, fault.New(fault.NotFound, "SUBJECT_NOT_DELETED", "Subject '%s' is not deleted yet: delete it first without permanent=true, then for good", p)
		}
		return all, nil
	}
	live := slices.DeleteFunc(slices.Clone(all), func(k kept) bool { return !k.live() })
	if len(live) == 0 {
		return nil, fault.New(fault.NotFound, "SUBJECT_DELETED_ALREADY", "Subject '%s' was deleted already: ask with permanent=true to delete it for good", p)
	}
	return live, nil
}

// delete does what the two deletions share, under the subject's lock.
func (r *Registry) delete(ctx context.Context, by access.Principal, q removal) (numbers []int, err error) {
	if err := mayDelete(by, q.permanent); err != nil {
		return nil, err
	}
	p, err := placeToRead(q.subject)
	if err == nil {
		err = by.May(access.Delete, p.String())
	}
	if err != nil {
		return nil, err
	}
	if err := r.writable(ctx); err != nil {
		return nil, err
	}
	var ended []int
	err = postgres.Work(ctx, r.db, func(tx pgx.Tx) error {
		numbers, ended, err = r.deleteLocked(ctx, tx, by, p, q)
		return err
	})
	if turned, ok := errors.AsType[turnedRemoval](err); ok {
		return r.deleteElsewhere(ctx, by, p, q, turned.had)
	}
	if err != nil {
		return nil, err
	}
	r.end(p, ended)
	return numbers, nil
}

// end forgets contents whose ids ended.
func (r *Registry) end(p place, ids []int) {
	for _, id := range ids {
		r.forget([]contentID{{p.context, id}})
	}
}

func mayDelete(by access.Principal, permanent bool) error {
	if permanent {
		return by.Require(access.Steward, access.Admin)
	}
	return by.Require(access.CI, access.Service, access.Steward, access.Admin)
}

func (r *Registry) deleteLocked(ctx context.Context, tx pgx.Tx, by access.Principal, p place, q removal) (numbers, ended []int, err error) {
	s, err := lockKnown(ctx, tx, p)
	if err != nil {
		return nil, nil, err
	}
	all, err := lockVersions(ctx, tx, s.ID)
	if err == nil && len(all) == 0 {
		err = noSubject(p)
	}
	if err != nil {
		return nil, nil, err
	}
	layers, err := heldLayers(ctx, tx, p)
	if err != nil {
		return nil, nil, err
	}
	mode := holdingMode(layers)
	chosen, err := q.choose(p, all)
	turned := r.turn(mode) != nil
	if err != nil && !turned { // else it is not for us to say
		return nil, nil, err
	}
	if err := r.authoriseRemoval(ctx, tx, by, s); err != nil {
		return nil, nil, err
	}
	switch {
	case turned:
		return nil, nil, turnedRemoval{all}
	case mode.closed():
		return nil, nil, notWritable(p, mode)
	}
	return r.remove(ctx, tx, by, s, all, chosen, q.permanent)
}

// remove deletes versions of a subject, of all that are kept.
func (r *Registry) remove(ctx context.Context, tx pgx.Tx, by access.Principal, s subject, all, chosen []kept, permanent bool) (numbers, ended []int, err error) {
	for _, k := range chosen {
		numbers = append(numbers, k.Version)
	}
	if err := unreferenced(ctx, tx, s.ID, numbers, permanent); err != nil {
		return nil, nil, err
	}
	if permanent {
		ended, err = r.purge(ctx, tx, s, chosen, numbers)
		if err == nil && len(chosen) == len(all) {
			err = dropConfig(ctx, tx, s.ID)
		}
	} else if err = r.hide(ctx, tx, s, numbers); err == nil {
		err = r.reclassify(ctx, tx, by, s.place(), all, numbers)
	}
	if err != nil {
		return nil, nil, err
	}
	return numbers, ended, recordRemoval(ctx, tx, by, s, numbers, permanent)
}

// lockVersions holds every version of a subject. Whoever registers a schema
// that refers to one holds that, too, so one of the two comes first.
func lockVersions(ctx context.Context, tx pgx.Tx, subject uuid.UUID) ([]kept, error) {
	const q = `SELECT version, schema_id, deleted_at FROM schemas_version WHERE subject_id = $1 ORDER BY version FOR UPDATE`
	return postgres.Many[kept](ctx, tx, q, subject)
}

// unreferenced refuses to delete what others refer to: softly, what a live
// version does; for good, what any does. Versions that go together may refer
// to one another.
func unreferenced(ctx context.Context, tx pgx.Tx, subject uuid.UUID, numbers []int, permanent bool) error {
	const q = `
		SELECT r.target_version, s.context, s.name, v.version
		  FROM schemas_reference r
		  JOIN schemas_version v ON v.context = r.context AND v.schema_id = r.schema_id
		  JOIN schemas_subject s ON s.id = v.subject_id
		 WHERE r.target_subject_id = $1 AND r.target_version = ANY ($2)
		   AND (v.deleted_at IS NULL OR $3)
		   AND NOT (v.subject_id = $1 AND v.version = ANY ($2))
		 ORDER BY r.target_version, s.name, v.version
		 LIMIT 1`
	type referrer struct {
		TargetVersion int
		Context, Name string
		Version       int
	}
	found, err := postgres.One[referrer](ctx, tx, q, subject, numbers, permanent)
	if errors.Is(err, postgres.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Invalid, "REFERENCE_EXISTS", "a reference leads here: version %d of the subject %q refers to version %d; delete that one first",
		found.Version, place{found.Context, found.Name}, found.TargetVersion)
}

// hide deletes versions softly.
func (r *Registry) hide(ctx context.Context, tx pgx.Tx, s subject, numbers []int) error {
	const q = `UPDATE schemas_version SET deleted_at = $3 WHERE subject_id = $1 AND version = ANY ($2)`
	if _, err := tx.Exec(ctx, q, s.ID, numbers, r.now()); err != nil {
		return err
	}
	for _, n := range numbers {
		if _, err := r.changed(ctx, tx, change{kind: "DELETED", context: s.Context, subject: &s.ID, version: &n}); err != nil {
			return err
		}
	}
	return nil
}

// purge deletes versions for good, with the contents that no other version
// has, and returns the ids that ended. The contents are held first: who is
// just registering one of them elsewhere either comes before, and it stays, or
// after, and it is new.
func (r *Registry) purge(ctx context.Context, tx pgx.Tx, s subject, chosen []kept, numbers []int) (ended []int, err error) {
	var ids []int
	for _, k := range chosen {
		ids = append(ids, k.SchemaID)
	}
	const qHold = `SELECT id FROM schemas_schema WHERE context = $1 AND id = ANY ($2) ORDER BY id FOR UPDATE`
	if _, err := postgres.Scalars[int](ctx, tx, qHold, s.Context, ids); err != nil {
		return nil, err
	}
	const qEnded = `
		SELECT c.id
		  FROM schemas_schema c
		 WHERE c.context = $1 AND c.id = ANY ($2)
		   AND NOT EXISTS (SELECT FROM schemas_version v
		                    WHERE v.context = c.context AND v.schema_id = c.id AND NOT (v.subject_id = $3 AND v.version = ANY ($4)))
		 ORDER BY c.id`
	if ended, err = postgres.Scalars[int](ctx, tx, qEnded, s.Context, ids, s.ID, numbers); err != nil {
		return nil, err
	}
	const qReferences = `DELETE FROM schemas_reference WHERE context = $1 AND schema_id = ANY ($2)`
	if _, err := tx.Exec(ctx, qReferences, s.Context, ended); err != nil {
		return nil, err
	}
	const qVersions = `DELETE FROM schemas_version WHERE subject_id = $1 AND version = ANY ($2)`
	if _, err := tx.Exec(ctx, qVersions, s.ID, numbers); err != nil {
		return nil, err
	}
	const qMark = `
		INSERT INTO schemas_ended (context, id, hash)
		SELECT context, id, hash FROM schemas_schema WHERE context = $1 AND id = ANY ($2)
		    ON CONFLICT ON CONSTRAINT schemas_ended_once DO NOTHING`
	if _, err := tx.Exec(ctx, qMark, s.Context, ended); err != nil {
		return nil, err
	}
	const qSchemas = `DELETE FROM schemas_schema WHERE context = $1 AND id = ANY ($2)`
	if _, err := tx.Exec(ctx, qSchemas, s.Context, ended); err != nil {
		return nil, err
	}
	for _, k := range chosen {
		c := change{kind: "PURGED", context: s.Context, subject: &s.ID, version: &k.Version}
		if slices.Contains(ended, k.SchemaID) {
			c.schema = &k.SchemaID
		}
		if _, err := r.changed(ctx, tx, c); err != nil {
			return nil, err
		}
	}
	return ended, nil
}

// dropConfig takes back what was set for a subject and what was declared of it.
func dropConfig(ctx context.Context, tx pgx.Tx, subject uuid.UUID) error {
	if err := contract.EndAll(ctx, tx, subject); err != nil {
		return err
	}
	const q = `DELETE FROM schemas_config WHERE subject_id = $1`
	if _, err := tx.Exec(ctx, q, subject); err != nil {
		return err
	}
	return keepAlias(ctx, tx, subject, place{}, nil)
}

func recordRemoval(ctx context.Context, tx pgx.Tx, by access.Principal, s subject, numbers []int, permanent bool) error {
	act := "schema.deleted"
	if permanent {
		act = "schema.purged"
	}
	var entries []audit.Entry
	for _, n := range numbers {
		entries = append(entries, audit.Entry{Actor: by.ID, Act: act, Entity: s.ID, Amounts: map[string]int64{"version": int64(n)}})
	}
	return audit.Append(ctx, tx, entries...)
}

// ReferencedBy lists the ids of the schemas that refer to a version of a
// subject, or to its latest.
func (r *Registry) ReferencedBy(ctx context.Context, by access.Principal, subject string, version int, which Which) ([]int, error) {
	v, err := r.Version(ctx, by, subject, version, which)
	if err != nil {
		return nil, err
	}
	p := split(v.Subject)
	const q = `
		SELECT DISTINCT r.schema_id
		  FROM schemas_subject s
		  JOIN schemas_reference r ON r.target_subject_id = s.id AND r.target_version = $3
		 WHERE s.context = $1 AND s.name = $2
		   AND EXISTS (SELECT FROM schemas_version v
		                WHERE v.context = r.context AND v.schema_id = r.schema_id AND (v.deleted_at IS NULL OR $4))
		 ORDER BY r.schema_id`
	return either(ctx, r, func() ([]int, error) {
		return postgres.Scalars[int](ctx, r.db, q, p.context, p.name, v.Version, which.deleted())
	}, func() ([]int, error) {
		return r.recallReferrers(p, v.Version, which)
	})
}
