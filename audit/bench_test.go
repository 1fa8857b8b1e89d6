package audit_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/postgres"
)

// BenchmarkAppend writes one entry a transaction, as most acts do.
func BenchmarkAppend(b *testing.B) {
	f := setup(b)
	e := audit.Entry{Actor: access.System.ID, Act: "task.closed", Entity: uuid.New(), Request: uuid.New(), Code: "ERASED", Digest: digest[:]}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := postgres.Work(b.Context(), f.db, func(tx pgx.Tx) error { return audit.Append(b.Context(), tx, e) }); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkSeal seals full batches: an operation is 5,000 entries.
func BenchmarkSeal(b *testing.B) {
	f := setup(b)
	for b.Loop() {
		b.StopTimer()
		f.append(b, 5000)
		b.StartTimer()
		if n, err := f.Seal(b.Context()); n != 5000 || err != nil {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(5000*float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
}

// BenchmarkVerify recomputes a log of 20,000 entries.
func BenchmarkVerify(b *testing.B) {
	f := setup(b)
	for range 4 {
		f.append(b, 5000)
		f.seal(b)
	}
	for b.Loop() {
		if r := f.verify(b); !r.OK() {
			b.Fatal(r.Findings)
		}
	}
	b.ReportMetric(20000*float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
}

// BenchmarkBareInsert is the floor under BenchmarkAppend: the shortest
// transaction that writes one row.
func BenchmarkBareInsert(b *testing.B) {
	f := setup(b)
	const q = `INSERT INTO audit_principal (id, issuer, subject, name) VALUES ($1::uuid, 'floor', $1::uuid::text, 'floor')`
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			err := postgres.Work(b.Context(), f.db, func(tx pgx.Tx) error {
				_, err := tx.Exec(b.Context(), q, uuid.New())
				return err
			})
			if err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
