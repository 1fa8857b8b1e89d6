package schemas

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/postgres"
)

// state is a subject at a moment: its versions, what is set on it, and as which
// subject it is read. A change makes another state.
type state struct {
	id       uuid.UUID
	place    place
	alias    *place
	own      *layer
	versions []numbered // rising
	head     int64      // the number of the last change
}

// numbered is a version without its content.
type numbered struct {
	version int32
	schema  int32
	deleted bool
	at      int64             // microseconds
	body    [sha256.Size]byte // the hash of the content without metadata and rules
	shape   [sha256.Size]byte // … and without what may be put into other words
}

func (n numbered) time() time.Time { return time.UnixMicro(n.at).UTC() }

// set reports whether something is set on it, which may be taken back from above.
func (st *state) set() bool { return st.own != nil || st.alias != nil }

// numbers lists the numbers of the versions that are meant.
func (st *state) numbers(which Which) []int {
	var out []int
	if st == nil {
		return nil
	}
	for _, v := range st.versions {
		switch n := int(v.version); {
		case !v.deleted && which.live():
			out = append(out, n)
		case v.deleted && which == DeletedNegative:
			out = append(out, -n)
		case v.deleted && which.deleted():
			out = append(out, n)
		}
	}
	return out
}

// pick finds a version, or the latest that is not deleted.
func (st *state) pick(version int, which Which) (v numbered, ok bool) {
	if st == nil {
		return v, false
	}
	if version == Latest {
		for _, v := range slices.Backward(st.versions) {
			if !v.deleted {
				return v, true
			}
		}
	} else if i, found := st.find(version); found && (!st.versions[i].deleted || which.deleted()) {
		return st.versions[i], true
	}
	return v, false
}

func (st *state) find(version int) (int, bool) {
	if st == nil {
		return 0, false
	}
	return slices.BinarySearchFunc(st.versions, version, func(v numbered, n int) int { return cmp.Compare(int(v.version), n) })
}

// newest is the number of the latest version that lives, 0 for none.
func (st *state) newest() int {
	v, _ := st.pick(Latest, Live)
	return int(v.version)
}

// live lists the versions that a new one is held against, newest first.
func (st *state) live() []earlier {
	var out []earlier
	if st == nil {
		return nil
	}
	for _, v := range slices.Backward(st.versions) {
		if !v.deleted {
			out = append(out, earlier{int(v.version), st.place.context, int(v.schema)})
		}
	}
	return out
}

// having lists versions: those that live first, and the newest first.
func (st *state) having(which Which, wanted func(numbered) bool) []numbered {
	var live, deleted []numbered
	if st == nil {
		return nil
	}
	for _, v := range slices.Backward(st.versions) {
		switch {
		case !wanted(v):
		case !v.deleted:
			live = append(live, v)
		case which.deleted():
			deleted = append(deleted, v)
		}
	}
	return append(live, deleted...)
}

// next is the number of the next version. Deleted ones count too: a number is
// not used again while one is kept.
func (st *state) next() int {
	if st == nil || len(st.versions) == 0 {
		return 1
	}
	return int(st.versions[len(st.versions)-1].version) + 1
}

// with is the state after a version was registered, and others went for it.
func (st *state) with(v numbered, gone []int, head int64) *state {
	out := *st
	out.versions, out.head = replaced(st.versions, append(gone, int(v.version)), []numbered{v}), head
	return &out
}

// replaced returns versions with some of them read again: those not found are
// gone. What was there is left as it is, for others read it.
func replaced(versions []numbered, again []int, found []numbered) []numbered {
	rest := versions
	if cut := slices.IndexFunc(versions, func(v numbered) bool { return slices.Contains(again, int(v.version)) }); cut >= 0 {
		rest = slices.DeleteFunc(slices.Clone(versions), func(v numbered) bool { return slices.Contains(again, int(v.version)) })
	}
	for _, v := range found {
		at, _ := slices.BinarySearchFunc(rest, v.version, func(v numbered, n int32) int { return cmp.Compare(v.version, n) })
		rest = slices.Insert(slices.Clip(rest), at, v)
	}
	return rest
}

// subjectRow is a subject with what is set on it.
type subjectRow struct {
	ID            uuid.UUID
	Context, Name string
	AliasContext  *string
	AliasName     *string
	Set           bool
	Compatibility *Level
	Mode          *Mode
	Settings      *Settings
	Head          int64
}

func (r subjectRow) state() *state {
	st := &state{id: r.ID, place: place{intern(r.Context), r.Name}, head: r.Head}
	if r.AliasName != nil {
		st.alias = &place{*r.AliasContext, *r.AliasName}
	}
	if r.Set {
		st.own = &layer{Own: true, Context: r.Context, Compatibility: r.Compatibility, Mode: r.Mode}
		if r.Settings != nil {
			st.own.Settings = *r.Settings
		}
	}
	return st
}

// intern saves the memory of the name that nearly every subject's context has.
func intern(context string) string {
	if context == home {
		return home
	}
	return context
}

func statesByID(ctx context.Context, db postgres.DB, ids []uuid.UUID) (map[uuid.UUID]*state, error) {
	const q = `
		SELECT s.id, s.context, s.name, s.alias_context, s.alias_name, g.context IS NOT NULL AS set, g.compatibility, g.mode, g.settings, s.head
		  FROM schemas_subject s
		  LEFT JOIN schemas_config g ON g.subject_id = s.id
		 WHERE s.id = ANY ($1) -- any order`
	rows, err := postgres.Many[subjectRow](ctx, db, q, ids)
	out := make(map[uuid.UUID]*state, len(rows))
	for _, r := range rows {
		out[r.ID] = r.state()
	}
	return out, err
}

// stateAt reads the subject at a place; nil where there is none.
func stateAt(ctx context.Context, db postgres.DB, p place) (*state, error) {
	const q = `
		SELECT s.id, s.context, s.name, s.alias_context, s.alias_name, g.context IS NOT NULL AS set, g.compatibility, g.mode, g.settings, s.head
		  FROM schemas_subject s
		  LEFT JOIN schemas_config g ON g.subject_id = s.id
		 WHERE s.context = $1 AND s.name = $2`
	row, err := postgres.One[subjectRow](ctx, db, q, p.context, p.name)
	if errors.Is(err, postgres.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := withVersions(ctx, db, []subjectRow{row})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// statesAfter reads the subjects that come after a place.
func statesAfter(ctx context.Context, db postgres.DB, p place, most int) ([]*state, error) {
	const q = `
		SELECT s.id, s.context, s.name, s.alias_context, s.alias_name, g.context IS NOT NULL AS set, g.compatibility, g.mode, g.settings, s.head
		  FROM schemas_subject s
		  LEFT JOIN schemas_config g ON g.subject_id = s.id
		 WHERE (s.context, s.name) > ($1, $2)
		 ORDER BY s.context, s.name
		 LIMIT $3`
	rows, err := postgres.Many[subjectRow](ctx, db, q, p.context, p.name, most)
	if err != nil {
		return nil, err
	}
	return withVersions(ctx, db, rows)
}

func withVersions(ctx context.Context, db postgres.DB, rows []subjectRow) ([]*state, error) {
	out := make([]*state, len(rows))
	ids := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		out[i], ids[i] = r.state(), r.ID
	}
	versions, err := versionsWhole(ctx, db, ids)
	for _, st := range out {
		st.versions = versions[st.id]
	}
	return out, err
}

// versionRow is a version of a subject.
type versionRow struct {
	SubjectID    uuid.UUID
	Version      int32
	SchemaID     int32
	RegisteredAt time.Time
	Deleted      bool
	Body, Shape  []byte
}

func byNumber(rows []versionRow) map[uuid.UUID][]numbered {
	out := map[uuid.UUID][]numbered{}
	for _, r := range rows {
		v := numbered{r.Version, r.SchemaID, r.Deleted, r.RegisteredAt.UnixMicro(), [sha256.Size]byte(r.Body), [sha256.Size]byte(r.Shape)}
		out[r.SubjectID] = append(out[r.SubjectID], v)
	}
	return out
}

// versionsWhole reads every version of subjects.
func versionsWhole(ctx context.Context, db postgres.DB, of []uuid.UUID) (map[uuid.UUID][]numbered, error) {
	if len(of) == 0 {
		return nil, nil
	}
	const q = `
		SELECT v.subject_id, v.version, v.schema_id, v.registered_at, v.deleted_at IS NOT NULL AS deleted, coalesce(c.body_hash, c.hash) AS body, coalesce(c.shape_hash, c.body_hash, c.hash) AS shape
		  FROM schemas_version v
		  JOIN schemas_schema c ON c.context = v.context AND c.id = v.schema_id
		 WHERE v.subject_id = ANY ($1)
		 ORDER BY v.subject_id, v.version`
	rows, err := postgres.Many[versionRow](ctx, db, q, of)
	return byNumber(rows), err
}

// versionsNamed reads some versions, each by its subject and number.
func versionsNamed(ctx context.Context, db postgres.DB, of []uuid.UUID, versions []int) (map[uuid.UUID][]numbered, error) {
	if len(of) == 0 {
		return nil, nil
	}
	const q = `
		SELECT v.subject_id, v.version, v.schema_id, v.registered_at, v.deleted_at IS NOT NULL AS deleted, coalesce(c.body_hash, c.hash) AS body, coalesce(c.shape_hash, c.body_hash, c.hash) AS shape
		  FROM (SELECT DISTINCT w.subject_id, w.version FROM unnest($1::uuid[], $2::int[]) AS w (subject_id, version)) AS w
		  JOIN schemas_version v ON v.subject_id = w.subject_id AND v.version = w.version
		  JOIN schemas_schema c ON c.context = v.context AND c.id = v.schema_id
		 ORDER BY v.subject_id, v.version`
	rows, err := postgres.Many[versionRow](ctx, db, q, of, versions)
	return byNumber(rows), err
}

// levelsAbove reads what is set above the subjects.
func levelsAbove(ctx context.Context, db postgres.DB) (map[string]layer, error) {
	const q = `
		SELECT false AS own, g.context, g.compatibility, g.mode, g.settings
		  FROM schemas_config g
		 WHERE g.subject_id IS NULL -- any order`
	rows, err := postgres.Many[layer](ctx, db, q)
	out := make(map[string]layer, len(rows))
	for _, l := range rows {
		out[l.Context] = l
	}
	return out, err
}
