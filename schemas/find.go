package schemas

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// ByGUID finds a content by its guid, in the context "." first.
func (r *Registry) ByGUID(ctx context.Context, by access.Principal, guid uuid.UUID) (Schema, error) {
	ids, err := r.idsOf(ctx, by, guid)
	if err == nil && len(ids) == 0 {
		err = noGUID(guid)
	}
	if err != nil {
		return Schema{}, err
	}
	return r.load(ctx, r.db, ids[0])
}

// IDsByGUID lists the ids of a content by the context that gave them, the
// context "." first.
func (r *Registry) IDsByGUID(ctx context.Context, by access.Principal, guid uuid.UUID) ([]Schema, error) {
	ids, err := r.idsOf(ctx, by, guid)
	if err == nil && len(ids) == 0 {
		err = noGUID(guid)
	}
	if err != nil {
		return nil, err
	}
	found, err := r.loadAll(ctx, r.db, ids)
	var out []Schema
	for _, id := range ids {
		if s, ok := found[id]; ok { // else it was deleted for good meanwhile
			out = append(out, s)
		}
	}
	return out, err
}

func (r *Registry) idsOf(ctx context.Context, by access.Principal, guid uuid.UUID) ([]contentID, error) {
	if err := signedIn(by); err != nil {
		return nil, err
	}
	const q = `SELECT context, id FROM schemas_schema WHERE substring(hash FROM 1 FOR 16) = $1::bytea ORDER BY context <> '.', context`
	type row struct {
		Context string
		ID      int
	}
	return either(ctx, r, func() (out []contentID, err error) {
		rows, err := postgres.Many[row](ctx, r.db, q, guid[:])
		for _, one := range rows {
			out = append(out, contentID{one.Context, one.ID})
		}
		return out, err
	}, func() ([]contentID, error) {
		return r.recallGUID(guid)
	})
}

// MaxID is the highest id that a context has given, 0 for none. The subject
// says which context.
func (r *Registry) MaxID(ctx context.Context, by access.Principal, subject string) (int, error) {
	if err := signedIn(by); err != nil {
		return 0, err
	}
	p := split(subject)
	if err := checkContext(p.context); err != nil {
		return 0, err
	}
	if err := r.writable(ctx); err != nil { // memory does not know it
		return 0, err
	}
	const q = `SELECT next_id - 1 FROM schemas_context WHERE name = $1`
	n, err := postgres.Scalar[int](ctx, r.db, q, p.context)
	if errors.Is(err, postgres.ErrNotFound) {
		return 0, nil
	}
	return n, err
}

// WithProperties finds the newest version of a subject whose metadata has all
// the properties.
func (r *Registry) WithProperties(ctx context.Context, by access.Principal, subject string, properties map[string]string, which Which) (Version, error) {
	if err := signedIn(by); err != nil {
		return Version{}, err
	}
	p, err := placeToRead(subject)
	if err != nil {
		return Version{}, err
	}
	st, err := r.aliased(ctx, p)
	if err != nil {
		return Version{}, err
	}
	if st == nil {
		return Version{}, r.denied(st, Latest, st.absent(p, Latest, which))
	}
	meant := slices.DeleteFunc(slices.Clone(st.versions), func(v numbered) bool { return v.deleted && !which.deleted() })
	var ids []contentID
	for _, v := range meant {
		ids = append(ids, contentID{st.place.context, int(v.schema)})
	}
	contents, err := r.loadAll(ctx, r.db, ids)
	if err != nil {
		return Version{}, err
	}
	for i, v := range slices.Backward(meant) {
		s, ok := contents[ids[i]]
		if ok && s.Metadata.has(properties) { // else it was deleted for good meanwhile, or is another
			return Version{st.place.String(), int(v.version), v.time(), v.deleted, s}, nil
		}
	}
	if err := r.reachable(); err != nil {
		return Version{}, err
	}
	if len(meant) == 0 {
		return Version{}, st.absent(p, Latest, which)
	}
	return Version{}, fault.Missing("version", "Version not found. No version of subject '%s' has all of these properties in its metadata: ask with fewer pairs of key and value", st.place)
}

// mostListed is how many versions one call of List returns.
const mostListed = 1000

// List lists versions by subject and number: those of the subjects that start
// with prefix, as Subjects reads it, or of each only the latest. It skips
// offset of them, and returns at most limit, and a thousand, which it is where
// none is given. An alias is not followed: what it leads to is in the list under its own name.
func (r *Registry) List(ctx context.Context, by access.Principal, prefix string, which Which, latest bool, offset, limit int) ([]Version, error) {
	if err := signedIn(by); err != nil {
		return nil, err
	}
	p, every, ok := readPrefix(prefix)
	if !ok {
		return nil, nil
	}
	if limit <= 0 || limit > mostListed {
		limit = mostListed
	}
	const q = `
		SELECT s.context, s.name, v.version, v.schema_id, v.registered_at, v.deleted_at IS NOT NULL AS deleted
		  FROM schemas_subject s
		  JOIN schemas_version v ON v.subject_id = s.id AND ($4 AND v.deleted_at IS NULL OR $5 AND v.deleted_at IS NOT NULL)
		 WHERE (s.context = $1 OR $3) AND starts_with(s.name, $2)
		   AND NOT ($6 AND EXISTS (SELECT FROM schemas_version w
		                            WHERE w.subject_id = s.id AND w.version > v.version AND ($4 AND w.deleted_at IS NULL OR $5 AND w.deleted_at IS NOT NULL)))
		 ORDER BY (CASE s.context WHEN '.' THEN s.name ELSE ':' || s.context || ':' || s.name END) COLLATE "C", v.version
		OFFSET $7 LIMIT $8`
	offset = max(0, offset)
	rows, err := either(ctx, r, func() ([]stored, error) {
		return postgres.Many[stored](ctx, r.db, q, p.context, p.name, every, which.live(), which.deleted(), latest, offset, limit)
	}, func() ([]stored, error) {
		return r.recallList(p, every, which, latest, offset, limit)
	})
	if err != nil {
		return nil, err
	}
	ids := make([]contentID, len(rows))
	for i, v := range rows {
		ids[i] = v.content()
	}
	contents, err := r.loadAll(ctx, r.db, ids)
	if err != nil {
		return nil, err
	}
	out := []Version{}
	for _, v := range rows {
		if s, ok := contents[v.content()]; ok { // else it was deleted for good meanwhile
			out = append(out, v.of(s))
		}
	}
	return out, nil
}
