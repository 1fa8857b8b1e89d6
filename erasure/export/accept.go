package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/erasure/answer"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Accept compares the parts that the signed result of a task declares with
// those that were uploaded, and accepts them; all, or none. exported is how
// much the service says it handed over of each dataset, where it says that it
// is done: the parts, those of earlier results included, must add up to it.
// Every mistake is reported: PART_MISSING, PART_DIGEST_MISMATCH,
// PART_COUNT_MISMATCH, PART_FORMAT_MISMATCH, PART_RECORD_TOO_LARGE. It may be
// repeated.
func Accept(ctx context.Context, db postgres.DB, key uuid.UUID, declared []answer.Part, exported map[uuid.UUID]int64) error {
	t, err := findTask(ctx, db, key)
	if err != nil {
		return err
	}
	here, err := lockParts(ctx, db, t.ID)
	if err != nil {
		return err
	}
	faults := compareAll(declared, here)
	if len(faults) == 0 {
		faults = addUp(declared, here, exported)
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	var entries []audit.Entry
	for _, d := range declared {
		p := here[place{d.Dataset, d.N}]
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
	return audit.Append(ctx, db, entries...)
}

// compareAll says what is wrong with declared parts, before any is accepted.
func compareAll(declared []answer.Part, here map[place]Part) (faults []error) {
	for i, d := range declared {
		p, ok := here[place{d.Dataset, d.N}]
		if err := compare(d, p, ok); err != nil {
			faults = append(faults, err.At("parts", fmt.Sprint(i)))
		}
	}
	return faults
}

// addUp compares the records in all parts of a dataset with what the service
// says it exported. What is no record has no count to compare: a dataset of
// binary parts alone needs one of them, and no more.
func addUp(declared []answer.Part, here map[place]Part, exported map[uuid.UUID]int64) (faults []error) {
	type sum struct{ parts, readable, records int64 }
	sums := map[uuid.UUID]sum{}
	add := func(dataset uuid.UUID, format string, records int64) {
		s := sums[dataset]
		s.parts++
		if format != formatBinary {
			s.readable, s.records = s.readable+1, s.records+records
		}
		sums[dataset] = s
	}
	said := map[place]bool{}
	for _, d := range declared {
		said[place{d.Dataset, d.N}] = true
		add(d.Dataset, d.Format, d.Records)
	}
	for at, p := range here {
		if p.State == Accepted && !said[at] {
			add(p.DatasetID, *p.Format, *p.Records)
		}
	}
	for _, dataset := range slices.SortedFunc(maps.Keys(exported), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }) {
		switch s := sums[dataset]; {
		case s.parts == 0:
			faults = append(faults, fault.New(fault.Conflict, "PART_MISSING", "a dataset is said to be exported and has no part; upload and declare its parts"))
		case s.readable > 0 && s.records != exported[dataset]:
			faults = append(faults, fault.New(fault.Conflict, "PART_COUNT_MISMATCH", "the parts of a dataset hold %d records, and %d are said to be exported", s.records, exported[dataset]))
		}
	}
	return faults
}

// compare says what is wrong with a part; nil if it is as declared.
func compare(d answer.Part, p Part, here bool) *fault.Fault {
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

func accept(ctx context.Context, db postgres.DB, id uuid.UUID, d answer.Part) error {
	const q = `UPDATE erasure_part SET state = 'ACCEPTED', format = $2, records = $3, accepted_at = now() WHERE id = $1`
	_, err := db.Exec(ctx, q, id, d.Format, d.Records)
	return err
}
