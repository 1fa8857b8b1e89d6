package catalog

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flowmart/lethe/catalog/findings"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Contents is the catalog, or a part of it, as values.
type Contents struct {
	Controllers       []Controller
	Owners            []Owner
	RetentionPolicies []RetentionPolicy
	Purposes          []Purpose
	Services          []Service
	Stores            []Store
	Datasets          []Dataset
	Fields            []Field // DatasetID and Path say which
	Tags              []Tag
	StoreReaders      []StoreReader
	PermittedUses     []PermittedUse
	Consumption       []Consumption
	ActorAliases      []ActorAlias
}

// Changes is what one act does to the catalog: what it declares, and which
// open assertions it ends, by id.
type Changes struct {
	Put              Contents
	EndTags          []uuid.UUID
	EndStoreReaders  []uuid.UUID
	EndPermittedUses []uuid.UUID
	EndConsumption   []uuid.UUID
}

// Apply makes many changes in one transaction: all or none. New rows may bear
// ids of the caller's making (Rev 0), so that others in the same Changes can
// refer to them. Each change is checked as if made alone; a mistake's path
// begins with its list and index, such as datasets.3. Mistakes of one list are
// told together.
func (c *Catalog) Apply(ctx context.Context, by access.Principal, ch Changes) error {
	return c.work(ctx, by, func(a *act) error { return a.apply(ctx, ch) })
}

// Within makes the changes in its caller's unit of work, as Apply does in one
// of its own: for what the schema of a store brings with it. Findings follow
// with the next refresh.
func (ch Changes) Within(ctx context.Context, db postgres.DB, by access.Principal) error {
	a := &act{db: db, by: by}
	return named(a.do(ctx, func(a *act) error { return a.apply(ctx, ch) }))
}

// errRehearsed ends a rehearsal without committing.
var errRehearsed = errors.New("rehearsed")

// Rehearse tells whether Apply would succeed, and changes nothing.
func (c *Catalog) Rehearse(ctx context.Context, by access.Principal, ch Changes) error {
	err := postgres.Work(ctx, c.db, func(tx pgx.Tx) error {
		a := c.act(tx, by)
		if err := a.do(ctx, func(a *act) error { return a.apply(ctx, ch) }); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SET CONSTRAINTS ALL IMMEDIATE`); err != nil {
			return err
		}
		return errRehearsed
	})
	if errors.Is(err, errRehearsed) {
		return nil
	}
	return named(err)
}

func (a *act) apply(ctx context.Context, ch Changes) error {
	steps := []func() error{
		func() error { return each(ctx, "controllers", ch.Put.Controllers, a.putController) },
		func() error { return each(ctx, "owners", ch.Put.Owners, a.putOwner) },
		func() error { return each(ctx, "retention_policies", ch.Put.RetentionPolicies, a.putRetentionPolicy) },
		func() error { return each(ctx, "purposes", ch.Put.Purposes, a.putPurpose) },
		func() error { return each(ctx, "services", ch.Put.Services, a.putService) },
		func() error { return each(ctx, "stores", ch.Put.Stores, a.putStore) },
		func() error { return each(ctx, "datasets", ch.Put.Datasets, a.putDataset) },
		func() error { return a.applyFields(ctx, ch.Put.Fields) },
		func() error { return every(ctx, ch.EndTags, maxTags, a.endTags) },
		func() error { return a.applyTags(ctx, ch.Put.Tags) },
		func() error { return each(ctx, "store_readers", ch.Put.StoreReaders, a.putStoreReader) },
		func() error { return each(ctx, "permitted_uses", ch.Put.PermittedUses, a.putPermittedUse) },
		func() error { return each(ctx, "consumption", ch.Put.Consumption, a.putConsumption) },
		func() error { return each(ctx, "actor_aliases", ch.Put.ActorAliases, a.putActorAlias) },
		func() error { return endEach(ctx, ch.EndStoreReaders, a.endStoreReader) },
		func() error { return endEach(ctx, ch.EndPermittedUses, a.endPermittedUse) },
		func() error { return endEach(ctx, ch.EndConsumption, a.endConsumption) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// each puts the items of a list and gathers what is wrong with them, up to
// what ends the transaction.
func each[T any](ctx context.Context, list string, items []T, put func(context.Context, T) (T, error)) error {
	var m mistakes
	for i, item := range items {
		if _, err := put(ctx, item); err != nil {
			m.add(at(err, list, fmt.Sprint(i)))
			if _, over := errors.AsType[*pgconn.PgError](err); over {
				break
			}
		}
	}
	return m.err()
}

// at points every fault of an error at a place in a list.
func at(err error, path ...string) error {
	faults := fault.All(named(err))
	if faults == nil {
		return err
	}
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = f.At(path...)
	}
	return errors.Join(errs...)
}

func endEach(ctx context.Context, ids []uuid.UUID, end func(context.Context, uuid.UUID) error) error {
	for _, id := range ids {
		if err := end(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// every hands a long list to f in pieces.
func every[T any](ctx context.Context, all []T, size int, f func(context.Context, []T) error) error {
	for len(all) > 0 {
		n := min(size, len(all))
		if err := f(ctx, all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// applyFields puts fields dataset by dataset. An id given here is used if the
// field is new, so that tags of the same Changes may refer to it.
func (a *act) applyFields(ctx context.Context, fields []Field) error {
	for first := 0; first < len(fields); {
		next := first + 1
		for next < len(fields) && next-first < maxFields && fields[next].DatasetID == fields[first].DatasetID {
			next++
		}
		if _, err := a.putFields(ctx, fields[first].DatasetID, fields[first:next]); err != nil {
			return shifted(err, "fields", first)
		}
		first = next
	}
	return nil
}

func (a *act) applyTags(ctx context.Context, tags []Tag) error {
	done := 0
	return every(ctx, tags, maxTags, func(ctx context.Context, tags []Tag) error {
		_, err := a.putTags(ctx, tags, nil)
		err = shifted(err, "tags", done)
		done += len(tags)
		return err
	})
}

// shifted counts the places of faults in a list from the list's beginning,
// where only a piece of it was judged.
func shifted(err error, list string, by int) error {
	faults := fault.All(err)
	if faults == nil {
		return err
	}
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = f
		if len(f.Path) < 2 || f.Path[0] != list {
			continue
		}
		if n, err := strconv.Atoi(f.Path[1]); err == nil {
			moved := *f
			moved.Path = append([]string{list, strconv.Itoa(n + by)}, f.Path[2:]...)
			errs[i] = &moved
		}
	}
	return errors.Join(errs...)
}

// RefreshFindings brings the findings up to date with what was observed since
// the last change of the catalog, and with the day.
func (c *Catalog) RefreshFindings(ctx context.Context) error {
	return postgres.Work(ctx, c.db, func(tx pgx.Tx) error { return findings.Refresh(ctx, tx, c.now()) })
}
