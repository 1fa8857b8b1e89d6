package schemas

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/remote"
)

// turnedRemoval turns back a deletion that is to be forwarded, with what is here.
type turnedRemoval struct{ had []kept }

func (turnedRemoval) Error() string { return errTurned.Error() }

// goneThere are the codes of what is deleted already, or never was.
var goneThere = []int{40401, 40402, 40404, 40406}

// deleteElsewhere has another registry delete, and then deletes the copies that
// were here before. What is gone there already goes here, too, if it is here: so
// the same again mends what could not be kept. The latest is the one of here, by its
// number: after an answer that was lost another one is the latest there.
func (r *Registry) deleteElsewhere(ctx context.Context, by access.Principal, p place, q removal, had []kept) ([]int, error) {
	asking, done, err := r.elsewhere.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if q.version == Latest {
		q.version = latestOf(had, q.permanent)
	}
	numbers, refused := r.elsewhere.delete(asking, p, q)
	told, ok := errors.AsType[*remote.Refusal](refused)
	gone := ok && slices.Contains(goneThere, told.Code)
	if refused != nil && !gone {
		return nil, refused
	}
	which := had
	if q.version != 0 {
		which = slices.DeleteFunc(slices.Clone(had), func(k kept) bool { return k.Version != q.version })
	}
	keeping, cancel := r.elsewhere.keeping(ctx)
	defer cancel()
	dropped, err := r.dropCopies(keeping, by, p, which, q.permanent)
	switch {
	case err != nil:
		return nil, notKept(err, "it is deleted in the registry that is written to")
	case refused != nil && len(dropped) == 0:
		return nil, refused
	case refused != nil:
		return dropped, nil
	}
	return numbers, nil
}

// delete has the registry delete, and returns the numbers of what it deleted.
func (o *elsewhere) delete(ctx context.Context, p place, q removal) (numbers []int, err error) {
	query := url.Values{}
	if q.permanent {
		query.Set("permanent", "true")
	}
	if q.version == 0 {
		err = o.ask(ctx, http.MethodDelete, pathOf("/subjects", p)+queryOf(query), nil, &numbers)
		return numbers, err
	}
	err = o.ask(ctx, http.MethodDelete, pathOf("/subjects", p, "versions", strconv.Itoa(q.version))+queryOf(query), nil, nil)
	return []int{q.version}, err
}

// dropCopies deletes versions that were here, as far as they are here still, and
// returns their numbers. A number that stands for another content since is not
// what was deleted.
func (r *Registry) dropCopies(ctx context.Context, by access.Principal, p place, had []kept, permanent bool) (dropped []int, err error) {
	var ended []int
	err = postgres.Work(ctx, r.db, func(tx pgx.Tx) error {
		dropped, ended = nil, nil
		s, err := lockKnown(ctx, tx, p)
		if errors.Is(err, errNoSubject) {
			return nil
		}
		if err != nil {
			return err
		}
		all, err := lockVersions(ctx, tx, s.ID)
		if err != nil {
			return err
		}
		layers, err := heldLayers(ctx, tx, p)
		if err != nil {
			return err
		}
		if mode := holdingMode(layers); mode.closed() {
			return notWritable(p, mode)
		}
		dropped, ended, err = r.dropLocked(ctx, tx, by, s, all, had, permanent)
		return err
	})
	r.end(p, ended)
	return dropped, err
}

// dropLocked is dropCopies under the subject's lock: for good, what is live goes
// softly first, so that the catalog hears of it as ever.
func (r *Registry) dropLocked(ctx context.Context, tx pgx.Tx, by access.Principal, s subject, all, had []kept, permanent bool) (dropped, ended []int, err error) {
	chosen := slices.DeleteFunc(slices.Clone(all), func(k kept) bool {
		return !slices.ContainsFunc(had, func(was kept) bool { return was.Version == k.Version && was.SchemaID == k.SchemaID })
	})
	live := slices.DeleteFunc(slices.Clone(chosen), func(k kept) bool { return !k.live() })
	if len(live) > 0 {
		if dropped, _, err = r.remove(ctx, tx, by, s, all, live, false); err != nil {
			return nil, nil, err
		}
	}
	if permanent && len(chosen) > 0 {
		return r.remove(ctx, tx, by, s, all, chosen, true)
	}
	return dropped, nil, nil
}
