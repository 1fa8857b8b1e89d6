package scenarios_test

import (
	"fmt"
	"testing"

	"github.com/flowmart/lethe/erasure/erasuretest"
	"github.com/flowmart/lethe/erasure/protocol"
)

// aliases are so many addresses of one person, beginning with number from.
func aliases(from, n int) (all []protocol.Identifier) {
	for i := range n {
		all = append(all, protocol.Identifier{Type: "email_alias", Value: fmt.Sprintf("greta+%d@example.org", from+i)})
	}
	return all
}

// More identifiers than a message holds stop the task of this one person, and
// nobody else's.
func TestTooManyIdentifiersStopOneTaskOnly(t *testing.T) {
	t.Parallel()
	directory := func(ref string, from int) member {
		return member{ref: ref, types: "loyalty_no", resolves: "loyalty_no",
			how: []erasuretest.Option{erasuretest.Resolves(1, aliases(from, 60)...)}}
	}
	c := found(t, []member{directory("north", 0), directory("south", 60), {ref: "support", types: "customer_id, email_alias"}})
	crowded := c.open(erasureOf(append(person(1), map[string]any{"type": "loyalty_no", "value": "L-1"})))
	r := c.reach(crowded, "PLANNED")
	c.approve(r)
	r = c.blocks(crowded, "TASK_STOPPED")
	for _, action := range []string{"LOCATE", "ERASE"} {
		if all := r.of("support", action); len(all) != 1 || all[0].State != "REFUSED" || all[0].code() != "TOO_MANY_IDENTIFIERS" {
			t.Errorf("%s: %s", action, r)
		}
	}
	plain := c.approved(person(2)) // whom the directories cannot be asked about
	if r = c.blocks(plain.CaseNumber, "GAPS"); r.erases("support").State != "DONE" {
		t.Errorf("support no longer serves anybody: %s", r)
	}
}
