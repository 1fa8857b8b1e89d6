package registry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// BenchmarkRegistrySize measures a replica over 100,000 subjects of three
// versions each, every one with a content of its own: how soon it is ready, what
// memory it takes, and the rates of reading ids and latest versions at random.
// SUBJECTS is how many.
func BenchmarkRegistrySize(b *testing.B) {
	subjects := 100_000
	if n, err := strconv.Atoi(os.Getenv("SUBJECTS")); err == nil {
		subjects = n
	}
	s := open(b, 1)
	s.token("admin")
	s.seed(subjects)
	s.replicas[0].Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	began := time.Now()
	s.must(s.replicas[0].Start(ctx))
	ready := time.Since(began)
	for { // until what can be read beforehand has been
		before := seconds(s.replicas[0].Pid())
		time.Sleep(3 * time.Second)
		if seconds(s.replicas[0].Pid())-before < 0.3 {
			break
		}
	}
	b.Logf("%d subjects, %d versions: ready after %.1f s, all in memory after %.1f s, %d MiB resident; load %s", subjects, 3*subjects, ready.Seconds(), time.Since(began).Seconds(), resident(s.replicas[0].Pid()), busy())
	at := func(path string) []byte { return request("GET", s.listen[0], "/registry"+path, s.token("admin"), nil) }
	s.row(b, "by id, at random", func() []byte { return at(fmt.Sprintf("/schemas/ids/%d", 1+rand.IntN(3*subjects))) })
	s.row(b, "latest, at random", func() []byte {
		return at(fmt.Sprintf("/subjects/s%d-value/versions/latest", 1+rand.IntN(subjects)))
	})
	if a, err := s.call(0, "admin", "POST", "/subjects/s7-value/versions", submission(schema(999_999_999))); err != nil || a.status != http.StatusOK {
		b.Errorf("registering: %d %s %v", a.status, a.text, err)
	}
	b.ReportMetric(0, "ns/op")
}

// seed writes subjects of three versions as registrations would have.
func (s *stack) seed(subjects int) {
	s.tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.pg.OwnerURL("lethe"))
	s.must(err)
	defer conn.Close(ctx)
	parts := strings.SplitN(schema(4711), "4711", 2)
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO schemas_schema (context, id, type, text, hash, created_at)
		  SELECT '.', n, 'AVRO', $1 || n || $2, sha256(convert_to(n::text, 'UTF8')), now() FROM generate_series(1, 3 * $3::int) AS n`, []any{parts[0], parts[1], subjects}},
		{`INSERT INTO schemas_context (name, next_id) VALUES ('.', 3 * $1::int + 1)`, []any{subjects}},
		{`INSERT INTO schemas_subject (id, context, name, head, created_at)
		  SELECT gen_random_uuid(), '.', 's' || n || '-value', n, now() FROM generate_series(1, $1::int) AS n`, []any{subjects}},
		{`INSERT INTO schemas_version (subject_id, version, context, schema_id, registered_by, registered_at)
		  SELECT s.id, v, '.', s.head * 3 - 3 + v, '00000000-0000-7000-8000-000000000001', now() FROM schemas_subject s CROSS JOIN generate_series(1, 3) AS v`, nil},
		{`INSERT INTO schemas_change (kind, context, subject_id, at) SELECT 'CONFIGURED', '.', id, now() FROM schemas_subject`, nil},
		{`ANALYZE`, nil},
	} {
		_, err := conn.Exec(ctx, step.sql, step.args...)
		s.must(err)
	}
}
