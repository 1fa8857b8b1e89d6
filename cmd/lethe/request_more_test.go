package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// An approver at the terminal reads why a reader is not asked, and who said so.
func TestPlanNamesWhoExplainedAReader(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		`{"number": 3, "kind": "EXCLUDED", "reason": "READER_EXPLAINED", "reader": "console-17", "dataset": {"namespace": "kafka://default", "name": "orders.v1"},
		  "dismissal": {"reason": "looked once", "validTo": "2026-12-01T00:00:00Z", "dismissedBy": {"name": "Ada"}}}`: `  3  excluded kafka://default orders.v1  read by console-17  (reader explained): "looked once", by Ada, covers what is seen until 2026-12-01T00:00:00Z`,
		`{"number": 3, "kind": "EXCLUDED", "reason": "READER_EXPLAINED", "reader": "g", "dataset": {"namespace": "n", "name": "d"},
		  "dismissal": {"reason": "r", "validTo": "2026-12-01T00:00:00Z", "dismissedBy": {"name": null}}}`: `  3  excluded n d  read by g  (reader explained): "r", by somebody who was erased since, covers what is seen until 2026-12-01T00:00:00Z`,
	} {
		var n planNode
		if err := json.Unmarshal([]byte(answer), &n); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		writeNode(&b, n)
		if got := strings.TrimSuffix(b.String(), "\n"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
