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
// context "." first. The content itself is not read.
func (r *Registry) IDsByGUID(ctx context.Context, by access.Principal, guid uuid.UUID) ([]Schema, error) {
	ids, err := r.idsOf(ctx, by, guid)
	if err == nil && len(ids) == 0 {
		err = noGUID(guid)
	}
	if err != nil {
		return nil, err
	}
	out := make([]Schema, len(ids))
	for i, id := range ids {
		out[i] = Schema{Context: id.context, ID: id.id, GUID: guid}
	}
	return out, nil
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
	slices.Reverse(meant)
	for some := range slices.Chunk(meant, propertiesRead) {
		v, found, err := r.firstWith(ctx, st.place, some, properties)
		if err != nil || found {
			return v, err
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

// propertiesRead is how many versions are read at a time to look at their metadata:
// with them come their texts.
const propertiesRead = 50

// firstWith finds the first of some versions whose metadata has all the
// properties.
func (r *Registry) firstWith(ctx context.Context, p place, some []numbered, properties map[string]string) (Version, bool, error) {
	if err := ctx.Err(); err != nil {
		return Version{}, false, err // what is in memory is read without asking anybody
	}
	ids := make([]contentID, len(some))
	for i, v := range some {
		ids[i] = contentID{p.context, int(v.schema)}
	}
	contents, err := r.loadAll(ctx, r.db, ids)
	if err != nil {
		return Version{}, false, err
	}
	for i, v := range some {
		s, ok := contents[ids[i]]
		if ok && s.Metadata.has(properties) { // else it was deleted for good meanwhile, or is another
			return Version{p.String(), int(v.version), v.time(), v.deleted, s, nil}, true, nil
		}
	}
	return Version{}, false, nil
}
