package schemas

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"
)

// either asks the database or, while that is away, memory. Lists are asked of
// the database as long as it is there, which sorts and cuts them.
func either[T any](ctx context.Context, r *Registry, ask, recall func() (T, error)) (T, error) {
	if err := r.subjects.exact(ctx); err != nil {
		var none T
		return none, err
	}
	if r.subjects.away.Load() {
		return recall()
	}
	return ask()
}

// denied is the error for what a subject does not have. While the database is
// away only what is known to be deleted is denied: anything else may have been
// registered right before, through another replica.
func (r *Registry) denied(st *state, version int, err error) error {
	if !r.subjects.away.Load() {
		return err
	}
	if st != nil && version == Latest && len(st.versions) > 0 {
		return err
	}
	if _, deleted := st.find(version); deleted {
		return err
	}
	return errAway
}

// known lists every subject as it is in memory. While some are still to be read
// nobody can say what is not there, and it refuses.
func (s *snapshot) known() ([]*state, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.whole.Load() || s.former != nil {
		return nil, errAway
	}
	return slices.Collect(maps.Values(s.subjects)), nil
}

// remembered lists the subjects in memory that have versions and whose names are
// wanted, by their full names.
func (r *Registry) remembered(wanted func(place) bool) ([]*state, error) {
	all, err := r.subjects.known()
	all = slices.DeleteFunc(all, func(st *state) bool { return len(st.versions) == 0 || !wanted(st.place) })
	slices.SortFunc(all, func(a, b *state) int { return cmp.Compare(a.place.String(), b.place.String()) })
	return all, err
}

// recallSubjects is Subjects from memory.
func (r *Registry) recallSubjects(p place, every bool, which Which) ([]string, error) {
	all, err := r.remembered(func(name place) bool { return p.begins(name, every) })
	var names []string
	for _, st := range all {
		if lives := st.lives(); lives && which.live() || !lives && which.deleted() {
			names = append(names, st.place.String())
		}
	}
	return names, err
}

// lives reports whether a version does.
func (st *state) lives() bool {
	return slices.ContainsFunc(st.versions, func(v numbered) bool { return !v.deleted })
}

// means reports whether a version is among those that are meant.
func (w Which) means(v numbered) bool { return !v.deleted && w.live() || v.deleted && w.deleted() }

// recallUses is UsesOf from memory.
func (r *Registry) recallUses(id contentID, which Which) ([]SubjectVersion, error) {
	all, err := r.subjects.known()
	var out []SubjectVersion
	for _, st := range all {
		if st.place.context != id.context {
			continue
		}
		for _, v := range st.versions {
			if int(v.schema) == id.id && (!v.deleted || which.deleted()) {
				out = append(out, SubjectVersion{st.place.String(), int(v.version)})
			}
		}
	}
	slices.SortFunc(out, func(a, b SubjectVersion) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	return out, err
}

// recallContexts lists the contexts that hold versions, but for ".".
func (r *Registry) recallContexts() ([]string, error) {
	all, err := r.subjects.known()
	names := map[string]bool{}
	for _, st := range all {
		if len(st.versions) > 0 && st.place.context != home {
			names[st.place.context] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), err
}

// recallContext is contextOf from memory. An id of the context "." whose content
// is not in memory comes first all the same.
func (r *Registry) recallContext(name string, id int) (string, error) {
	all, err := r.subjects.known()
	if err != nil {
		return "", err
	}
	var found []string
	for _, st := range all {
		if (st.place.name == name || st.place.context == home) && slices.ContainsFunc(st.versions, func(v numbered) bool { return int(v.schema) == id }) {
			found = append(found, st.place.context)
		}
	}
	if len(found) == 0 || slices.Min(found) == home {
		return "", errAway
	}
	return slices.Min(found), nil
}

// recallContents goes through the contents of versions, some more than once.
// Where one is not in memory nobody can say what it is, and it refuses.
func (r *Registry) recallContents(which Which, do func(contentID, packed)) error {
	all, err := r.subjects.known()
	for _, st := range all {
		for _, v := range st.versions {
			if v.deleted && !which.deleted() {
				continue
			}
			id := contentID{st.place.context, int(v.schema)}
			p, ok := r.byID.peek(id)
			if !ok {
				return errAway
			}
			do(id, p)
		}
	}
	return err
}

// recallReferrers lists the ids of the contents that refer to a version of a
// subject.
func (r *Registry) recallReferrers(p place, version int, which Which) ([]int, error) {
	referrers := map[int]bool{}
	err := r.recallContents(which, func(id contentID, c packed) {
		for _, ref := range c.beside().references {
			if ref.Version == version && from(id.context, ref.Subject) == p {
				referrers[id.id] = true
			}
		}
	})
	return slices.Sorted(maps.Keys(referrers)), err
}

// recallGUID lists the ids of the content of a guid, the context "." first.
func (r *Registry) recallGUID(guid uuid.UUID) ([]contentID, error) {
	var ids []contentID
	err := r.recallContents(WithDeleted, func(id contentID, c packed) {
		if c.guid == guid && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	})
	if err == nil && ids == nil {
		err = errAway // what is not in memory is not denied
	}
	slices.SortFunc(ids, func(a, b contentID) int { return cmp.Compare(a.context, b.context) }) // every name begins with a dot
	return ids, err
}
