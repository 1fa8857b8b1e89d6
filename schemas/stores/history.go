package stores

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/page"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/tables"
)

// Version is one push that changed something.
type Version struct {
	Version  int
	PushedAt time.Time
}

// Latest is what was last pushed. Whoever is signed in may read it.
func (s *Stores) Latest(ctx context.Context, by access.Principal, store string) (State, error) {
	v, err := s.look(ctx, by, store)
	if err != nil {
		return State{}, err
	}
	return v.state(), nil
}

// At is what was pushed as a version of the store. Whoever is signed in may read
// it.
func (s *Stores) At(ctx context.Context, by access.Principal, store string, version int) (State, error) {
	v, err := s.look(ctx, by, store)
	if err != nil {
		return State{}, err
	}
	if v.before, v.pushedAt, err = v.at(ctx, version); err != nil {
		return State{}, err
	}
	v.version = version
	return v.state(), nil
}

// Versions lists the pushes to a store, the latest first. Whoever is signed in
// may read them.
func (s *Stores) Versions(ctx context.Context, by access.Principal, store string, args page.Args) (page.Page[Version], error) {
	var none page.Page[Version]
	if by.ID == uuid.Nil {
		return none, by.Require(access.Viewer)
	}
	if err := args.Check(); err != nil {
		return none, err
	}
	v, err := visit(ctx, s.db, store, "")
	if err != nil {
		return none, err
	}
	list, last := "store versions "+store, 1<<31-1
	if args.After != "" {
		if err := page.Decode(args.After, list, &last); err != nil {
			return none, err
		}
	}
	const q = `
		SELECT version, pushed_at
		  FROM schemas_store_version
		 WHERE store_id = $1 AND version < $2
		 ORDER BY version DESC
		 LIMIT $3`
	rows, err := postgres.Many[Version](ctx, s.db, q, v.store.ID, last, args.First+1)
	return page.Cut(rows, args.First, func(v Version) string { return page.Encode(list, v.Version) }), err
}

// Changes lists what lies between two versions of a store; version 0 is before
// the first. Whoever is signed in may read them.
func (s *Stores) Changes(ctx context.Context, by access.Principal, store string, from, to int) ([]Change, error) {
	v, err := s.look(ctx, by, store)
	if err != nil {
		return nil, err
	}
	now, _, err := v.at(ctx, to)
	if err != nil {
		return nil, err
	}
	v.before = tables.New()
	if from != 0 {
		if v.before, _, err = v.at(ctx, from); err != nil {
			return nil, err
		}
	}
	all := listed(now)
	known, err := v.datasets(ctx, all)
	if err != nil {
		return nil, err
	}
	for _, j := range all {
		j.dataset = datasetOf(known, j.Table)
	}
	found, gone := v.differ(now, all)
	if err := v.identify(ctx, found, gone); err != nil {
		return nil, err
	}
	out := make([]Change, len(found))
	for i, d := range found {
		out[i] = d.Change
	}
	return out, nil
}

// look reads a store with what was last pushed to it.
func (s *Stores) look(ctx context.Context, by access.Principal, store string) (*work, error) {
	if by.ID == uuid.Nil {
		return nil, by.Require(access.Viewer)
	}
	v, err := visit(ctx, s.db, store, "")
	if err != nil {
		return nil, err
	}
	return v, v.latest(ctx)
}

func (v *work) state() State {
	return State{v.store.Ref, v.namespace, v.set, v.version, v.pushedAt, v.before.All()}
}

// latest reads what was last pushed.
func (v *work) latest(ctx context.Context) error {
	const q = `SELECT max(version) FROM schemas_store_version WHERE store_id = $1`
	last, err := postgres.Scalar[*int](ctx, v.db, q, v.store.ID)
	if err != nil || last == nil {
		return err
	}
	v.version = *last
	v.before, v.pushedAt, err = v.at(ctx, *last)
	return err
}

// at reads what was pushed as a version, and when.
func (v *work) at(ctx context.Context, version int) (*tables.State, *time.Time, error) {
	const q = `SELECT pushed_at, tables FROM schemas_store_version WHERE store_id = $1 AND version = $2`
	row, err := postgres.One[struct {
		PushedAt time.Time
		Tables   []byte
	}](ctx, v.db, q, v.store.ID, version)
	if errors.Is(err, postgres.ErrNotFound) {
		return nil, nil, fault.Missing("version", "the store %s has no version %d; its latest is %d", v.store.Ref, version, v.version)
	}
	if err != nil {
		return nil, nil, err
	}
	var all []tables.Table
	if err := json.Unmarshal(row.Tables, &all); err != nil {
		return nil, nil, err
	}
	return tables.Of(all), &row.PushedAt, nil
}
