package queue

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Stop is an emergency stop: while it stands, nothing leaves for its service.
type Stop struct {
	ID        uuid.UUID
	ServiceID *uuid.UUID // nil: for all services
	SetBy     uuid.UUID
	SetAt     time.Time
	LiftedBy  *uuid.UUID
	LiftedAt  *time.Time
}

// Stop stops all messages to a service, or to all of them if service is nil.
// Every sender looks at it before each message, when the connection is
// there, so nothing leaves a second after this returns. Tasks stay as they are.
func (u *Queue) Stop(ctx context.Context, by access.Principal, service *uuid.UUID) (stop Stop, err error) {
	const q = `
		INSERT INTO erasure_stop (id, service_id, set_by) VALUES ($1, $2, $3)
		ON CONFLICT (coalesce(service_id, '00000000-0000-0000-0000-000000000000')) WHERE lifted_at IS NULL
		DO UPDATE SET set_by = erasure_stop.set_by
		RETURNING id, service_id, set_by, set_at, lifted_by, lifted_at`
	if err := by.Require(access.Approver); err != nil {
		return stop, err
	}
	err = postgres.Work(ctx, u.db, func(tx pgx.Tx) error {
		if err := known(ctx, tx, service); err != nil {
			return err
		}
		if stop, err = postgres.One[Stop](ctx, tx, q, uuid.Must(uuid.NewV7()), service, by.ID); err != nil {
			if postgres.Violates(err, "erasure_stop_service_id_fkey") {
				return fault.Missing("service", "no such service").With(err)
			}
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "dispatch.stopped", Entity: entity(service)})
	})
	return stop, err
}

// known refuses a service that is not in the catalog: a stop that was meant for
// it and stands for nobody would be taken for one that holds.
func known(ctx context.Context, db postgres.DB, service *uuid.UUID) error {
	if service == nil {
		return nil
	}
	found, err := catalog.ServicesByID(ctx, db, []uuid.UUID{*service})
	if _, ok := found[*service]; err == nil && !ok {
		err = fault.Missing("service", "no such service; nothing was stopped")
	}
	return err
}

// Resume lifts an emergency stop. What was due meanwhile goes out; nothing is
// lost and nothing goes twice.
func (u *Queue) Resume(ctx context.Context, by access.Principal, service *uuid.UUID) (stop Stop, err error) {
	const q = `
		UPDATE erasure_stop SET lifted_by = $2, lifted_at = now()
		 WHERE service_id IS NOT DISTINCT FROM $1 AND lifted_at IS NULL
		RETURNING id, service_id, set_by, set_at, lifted_by, lifted_at`
	if err := by.Require(access.Approver); err != nil {
		return stop, err
	}
	err = postgres.Work(ctx, u.db, func(tx pgx.Tx) error {
		if stop, err = postgres.One[Stop](ctx, tx, q, service, by.ID); err != nil {
			if errors.Is(err, postgres.ErrNotFound) {
				return fault.New(fault.NotFound, "NOT_STOPPED", "no emergency stop stands here")
			}
			return err
		}
		if err := Wake(ctx, tx, u.jobs, u.now()); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Actor: by.ID, Act: "dispatch.resumed", Entity: entity(service)})
	})
	return stop, err
}

// entity is the id under which the audit log keeps a stop: none, for all services.
func entity(service *uuid.UUID) uuid.UUID {
	if service == nil {
		return uuid.Nil
	}
	return *service
}

// Stops lists the emergency stops that stand.
func Stops(ctx context.Context, db postgres.DB) ([]Stop, error) {
	const q = `SELECT id, service_id, set_by, set_at, lifted_by, lifted_at FROM erasure_stop WHERE lifted_at IS NULL ORDER BY set_at, id`
	return postgres.Many[Stop](ctx, db, q)
}

// Standing lists the emergency stops that stand, for somebody who may read the
// catalog.
func (u *Queue) Standing(ctx context.Context, by access.Principal) ([]Stop, error) {
	if err := by.Require(catalog.Readers...); err != nil {
		return nil, err
	}
	return Stops(ctx, u.db)
}

// Stopped reports whether messages to a service are stopped. Senders ask
// before each message.
func Stopped(ctx context.Context, db postgres.DB, service uuid.UUID) (bool, error) {
	const q = `SELECT EXISTS (SELECT FROM erasure_stop WHERE lifted_at IS NULL AND (service_id IS NULL OR service_id = $1))`
	return postgres.Scalar[bool](ctx, db, q, service)
}
