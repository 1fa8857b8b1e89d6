package erasure

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/notice"
	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/internal/postgres"
)

// journal is the transaction of a unit of work that takes many requests on. It
// keeps what each of them adds to the records until the end, and writes it
// once for all of them, in the same transaction. What it keeps is not read
// before: a closing is the last thing that happens to a request.
type journal struct {
	pgx.Tx
	entries []audit.Entry
	jobs    []river.InsertManyParams
	notices []notice.Duty
	closed  []uuid.UUID // requests whose marks go

	closings    []Request   // closed requests, as they are to be
	uncertified []uuid.UUID // closed requests that want a certificate

	reckoned map[uuid.UUID]reckoning // what requests have come to, read beforehand
}

// record writes entries of the audit log, now or with the journal.
func record(ctx context.Context, db postgres.DB, entries ...audit.Entry) error {
	if j, ok := db.(*journal); ok {
		j.entries = append(j.entries, entries...)
		return nil
	}
	return audit.Append(ctx, db, entries...)
}

// insertJobs posts jobs, now or with the journal.
func (s *Requests) insertJobs(ctx context.Context, tx pgx.Tx, jobs ...river.InsertManyParams) error {
	if j, ok := tx.(*journal); ok {
		j.jobs = append(j.jobs, jobs...)
		return nil
	}
	_, err := s.jobs.InsertManyTx(ctx, tx, jobs)
	return err
}

// write writes everything that was kept.
func (s *Requests) write(ctx context.Context, j *journal) error {
	if len(j.closings) > 0 {
		if err := saveRequests(ctx, j.Tx, j.closings...); err != nil {
			return err
		}
	}
	if err := audit.Append(ctx, j.Tx, j.entries...); err != nil {
		return err
	}
	if len(j.notices) > 0 {
		if err := notice.Insert(ctx, j.Tx, j.notices); err != nil {
			return err
		}
	}
	if len(j.closed) > 0 {
		if err := subject.Forget(ctx, j.Tx, j.closed); err != nil {
			return err
		}
	}
	if len(j.uncertified) > 0 {
		if err := s.orderCertificates(ctx, j, j.uncertified); err != nil {
			return err
		}
	}
	if len(j.jobs) == 0 {
		return nil
	}
	_, err := s.jobs.InsertManyTx(ctx, j.Tx, j.jobs)
	return err
}

// forgetMarks forgets by what a request is known to be about the same person as
// another, now or with the journal.
func forgetMarks(ctx context.Context, db postgres.DB, request uuid.UUID) error {
	if j, ok := db.(*journal); ok {
		j.closed = append(j.closed, request)
		return nil
	}
	return subject.Forget(ctx, db, []uuid.UUID{request})
}
