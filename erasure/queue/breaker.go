package queue

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/postgres"
)

// The breaker opens after this many failures in a row, for a time that doubles
// with each further one up to breakerMost.
const (
	breakerAfter = 5
	breakerFirst = time.Second
	breakerMost  = time.Minute
)

// BreakerOpen reports whether deliveries to a service rest for a while. All
// replicas share the breaker.
func BreakerOpen(ctx context.Context, db postgres.DB, service uuid.UUID) (bool, error) {
	const q = `SELECT EXISTS (SELECT FROM erasure_delivery WHERE service_id = $1 AND open_until > now())`
	return postgres.Scalar[bool](ctx, db, q, service)
}

// Reserve takes the next place in the rate of a service, shared by all
// replicas, and says how long to wait for it. A rate of 0 has no limit.
func Reserve(ctx context.Context, db postgres.DB, service uuid.UUID, perSecond float64) (time.Duration, error) {
	const q = `
		INSERT INTO erasure_delivery (service_id, free_at) VALUES ($1, now() + $2::interval)
		ON CONFLICT (service_id) DO UPDATE SET free_at = greatest(erasure_delivery.free_at, now()) + $2::interval
		RETURNING greatest(free_at - $2::interval - now(), '0')`
	if perSecond <= 0 {
		return 0, nil
	}
	return postgres.Scalar[time.Duration](ctx, db, q, service, time.Duration(float64(time.Second)/perSecond))
}

// Reached records that a service answered as it should.
func Reached(ctx context.Context, db postgres.DB, service uuid.UUID) error {
	const q = `
		UPDATE erasure_delivery SET failures = 0, open_until = NULL, last_code = NULL, changed_at = now()
		 WHERE service_id = $1 AND failures > 0`
	_, err := db.Exec(ctx, q, service)
	return err
}

// CloseBreaker lets a service be tried at once, because a person asks it again.
func CloseBreaker(ctx context.Context, db postgres.DB, service uuid.UUID) error {
	const q = `UPDATE erasure_delivery SET failures = 0, open_until = NULL, changed_at = now() WHERE service_id = $1`
	_, err := db.Exec(ctx, q, service)
	return err
}

// Unreached records that a delivery failed; rest is what the service asked for
// (Retry-After), or 0.
func Unreached(ctx context.Context, db postgres.DB, service uuid.UUID, code string, rest time.Duration) error {
	const q = `
		INSERT INTO erasure_delivery (service_id, failures, open_until, last_code, changed_at)
		VALUES ($1, 1, CASE WHEN $3::interval > '0' THEN now() + $3::interval END, $2, now())
		ON CONFLICT (service_id) DO UPDATE
		   SET failures = erasure_delivery.failures + 1, last_code = $2, changed_at = now(),
		       open_until = now() + greatest($3::interval,
		           CASE WHEN erasure_delivery.failures + 1 >= $4
		                THEN least($6::interval, $5::interval * power(2, least(erasure_delivery.failures + 1 - $4, 10))) ELSE '0' END)`
	_, err := db.Exec(ctx, q, service, code, rest, breakerAfter, breakerFirst, breakerMost)
	return err
}

// Health is how deliveries to a service fare.
type Health struct {
	ServiceID uuid.UUID
	Failures  int // in a row
	OpenUntil *time.Time
	LastCode  *string
	ChangedAt time.Time
}

// HealthOf tells how deliveries to several services fare; one that was never
// sent anything is missing.
func HealthOf(ctx context.Context, db postgres.DB, services []uuid.UUID) (map[uuid.UUID]Health, error) {
	const q = `
		SELECT service_id, failures, open_until, last_code, changed_at
		  FROM erasure_delivery
		 WHERE service_id = ANY($1)
		 ORDER BY service_id`
	rows, err := postgres.Many[Health](ctx, db, q, services)
	out := make(map[uuid.UUID]Health, len(rows))
	for _, h := range rows {
		out[h.ServiceID] = h
	}
	return out, err
}
