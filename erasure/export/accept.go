package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Accept compares the parts that the signed result of a task declares with
// those that were uploaded, and accepts them; all, or none. Every mistake is
// reported: PART_MISSING, PART_DIGEST_MISMATCH, PART_COUNT_MISMATCH,
// PART_FORMAT_MISMATCH, PART_RECORD_TOO_LARGE, PART_NOT_ASKED. It may be
// repeated.
func Accept(ctx context.Context, db postgres.DB, key uuid.UUID, declared []erasure.Part) error {
	t, err := findTask(ctx, db, key)
	if err != nil {
		return err
	}
	here, err := lockParts(ctx, db, t.ID)
	if err != nil {
		return err
	}
	var faults []error
	var entries []audit.Entry
	for i, d := range declared {
		p, ok := here[place{d.Dataset, d.N}]
		if err := compare(d, p, ok); err != nil {
			faults = append(faults, err.At("parts", fmt.Sprint(i)))
			continue
		}
		if p.State == Accepted {
			continue
		}
		if err := accept(ctx, db, p.ID, d); err != nil {
			return err
		}
		entries = append(entries, audit.Entry{
			Actor: access.System.ID, Act: "part.accepted", Entity: p.ID, Request: t.RequestID, Digest: p.SHA256,
			Amounts: map[string]int64{"n": int64(p.N), "bytes": p.Bytes, "records": d.Records},
		})
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	return audit.Append(ctx, db, entries...)
}

// compare says what is wrong with a part; nil if it is as declared.
func compare(d erasure.Part, p Part, here bool) *fault.Fault {
	if !here || p.State == Requested || p.State == Uploading {
		return fault.New(fault.Conflict, "PART_MISSING", "part %d of this dataset has not arrived whole; upload it before you report it", d.N)
	}
	if p.State == Quarantined {
		return fault.New(fault.Conflict, "PART_QUARANTINED", "part %d of this dataset could not be read; upload it again", d.N)
	}
	if d.Bytes != p.Bytes || !bytes.Equal(d.SHA256, p.SHA256) {
		return fault.New(fault.Conflict, "PART_DIGEST_MISMATCH", "part %d of this dataset has another size or digest than it was uploaded with", d.N)
	}
	count := tally{Shape: *p.Shape, Records: *p.Records}
	if p.State == Accepted {
		if *p.Format != d.Format || *p.Records != d.Records {
			return fault.New(fault.Conflict, "PART_DIFFERS", "part %d of this dataset was accepted with another format or count", d.N)
		}
		return nil
	}
	records, fits := count.fits(d.Format)
	switch {
	case !fits:
		return fault.New(fault.Conflict, "PART_FORMAT_MISMATCH", "part %d of this dataset does not look like %s", d.N, d.Format)
	case records >= 0 && records != d.Records:
		return fault.New(fault.Conflict, "PART_COUNT_MISMATCH", "part %d of this dataset holds %d records, not %d", d.N, records, d.Records)
	case d.Format != formatBinary && *p.Longest > maxRecordBytes:
		return fault.New(fault.Conflict, "PART_RECORD_TOO_LARGE", "part %d of this dataset holds a record of more than %d bytes; hand large things over as binary", d.N, maxRecordBytes)
	}
	return nil
}

// place is where a part belongs within its task.
type place struct {
	dataset uuid.UUID
	n       int
}

// lockParts finds the parts of a task and holds them until the unit of work
// ends.
func lockParts(ctx context.Context, db postgres.DB, task int64) (map[place]Part, error) {
	const q = `
		SELECT id, task_id, request_id, dataset_id, n, state, bytes, sha256, received, progress, shape, records, longest,
		       format, code, holder, lease_until, uploaded_at, accepted_at, removed_at
		  FROM erasure_part
		 WHERE task_id = $1
		 ORDER BY id
		   FOR UPDATE`
	rows, err := postgres.Many[Part](ctx, db, q, task)
	found := make(map[place]Part, len(rows))
	for _, p := range rows {
		found[place{p.DatasetID, p.N}] = p
	}
	return found, err
}

func accept(ctx context.Context, db postgres.DB, id uuid.UUID, d erasure.Part) error {
	const q = `UPDATE erasure_part SET state = 'ACCEPTED', format = $2, records = $3, accepted_at = now() WHERE id = $1`
	_, err := db.Exec(ctx, q, id, d.Format, d.Records)
	return err
}
