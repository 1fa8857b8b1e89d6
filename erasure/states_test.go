package erasure_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/postgres/pgtest"
)

// docs/states.md draws exactly the steps that the database allows.
func TestStatesAreDrawnAsTheyAre(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/states.md")
	if err != nil {
		t.Fatal(err)
	}
	var drawn []string
	for _, m := range regexp.MustCompile(`(?m)^    ([A-Z_]+) --> ([A-Z_]+): `).FindAllStringSubmatch(string(page), -1) {
		drawn = append(drawn, m[1]+" "+m[2])
	}
	rows, _ := pgtest.New(t).Query(t.Context(), `SELECT step_from || ' ' || step_to FROM erasure_transition ORDER BY 1`)
	allowed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(drawn)
	slices.Sort(allowed)
	if !slices.Equal(drawn, allowed) {
		t.Errorf("drawn:\n%v\nallowed:\n%v", drawn, allowed)
	}
}

// No other step can be taken, not even with SQL of one's own.
func TestOtherStepsAreRefused(t *testing.T) {
	t.Parallel()
	s := furnish(t, confNow)
	r := s.planned("ERASURE")
	for _, q := range []string{
		`UPDATE erasure_request SET state = 'VERIFYING', approved_by = (SELECT id FROM audit_principal WHERE subject = 'anton') WHERE id = $1`,
		`UPDATE erasure_request SET state = 'RECEIVED' WHERE id = $1`,
		`UPDATE erasure_request SET outcome = 'FULFILLED' WHERE id = $1`,
		`UPDATE erasure_request SET approved_by = opened_by WHERE id = $1`,
		`UPDATE erasure_task SET state = 'READY' WHERE request_id = $1 AND state = 'DONE'`,
		`UPDATE erasure_task SET round = round - 1 WHERE request_id = $1`,
		`DELETE FROM erasure_request WHERE id = $1`,
		`DELETE FROM erasure_outcome WHERE task_id IN (SELECT id FROM erasure_task WHERE request_id = $1)`,
	} {
		if _, err := s.db.Exec(s.ctx, q, r.ID); err == nil {
			t.Errorf("not refused: %s", q)
		}
	}
}
