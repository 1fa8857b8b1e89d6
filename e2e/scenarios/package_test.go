package scenarios_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/flowmart/lethe/erasure/protocol"
	"github.com/flowmart/lethe/internal/access"
)

// A handler has the package built while a service is still at work: that
// closes nothing, and the last part is in the package that counts.
func TestPackagePreparedEarlyClosesNothing(t *testing.T) {
	t.Parallel()
	c := found(t, shop(nil, mute()))
	number := c.open(accessOf(person(1)))
	c.counts("loyalty")
	c.approve(c.reach(number, "PLANNED"))
	export := c.awaits("loyalty", protocol.Export)
	r := c.when(number, "orders handed over", func(r request) bool {
		return len(r.of("orders", "EXPORT")) == 1 && r.of("orders", "EXPORT")[0].State == "DONE"
	})
	c.do(access.Handler, "preparePackage", "PreparePackageInput", map[string]any{"requestId": r.ID})
	r = c.when(number, "an early package", func(r request) bool { return r.Package != nil && r.Package.State == "SEALED" })
	if r.State != "EXECUTING" {
		t.Fatalf("a package alone has closed the request: %s", r)
	}
	// Said to be exported and not handed over: not taken.
	c.expect(c.says("loyalty", result(export, 1, protocol.Done, exported(4))), "rejected PART_MISSING")
	c.expect(c.says("loyalty", result(export, 2, protocol.Done, func(r *protocol.Result) {
		r.Outcomes[0] = protocol.DatasetOutcome{Dataset: r.Outcomes[0].Dataset, Outcome: protocol.NotFound}
	})), "recorded")
	c.closes(number, "FULFILLED")
	c.when(number, "the whole package", func(now request) bool {
		return now.Package != nil && now.Package.State == "SEALED" && now.Package.ID != ""
	})
}

// exported says of every dataset that so much was handed over.
func exported(count int64) func(*protocol.Result) {
	return func(r *protocol.Result) {
		for i, o := range r.Outcomes {
			r.Outcomes[i] = protocol.DatasetOutcome{Dataset: o.Dataset, Outcome: protocol.Exported, Count: count}
		}
	}
}

// A part that cannot be read when it is packed is missing in the package. That
// is no whole answer, and a person must say so.
func TestDamagedPartIsNoWholeAnswer(t *testing.T) {
	t.Parallel()
	c := found(t, shop(nil, mute()))
	number := c.open(accessOf(person(1)))
	c.counts("loyalty")
	c.approve(c.reach(number, "PLANNED"))
	export := c.awaits("loyalty", protocol.Export)
	c.when(number, "orders handed over", func(r request) bool {
		return len(r.of("orders", "EXPORT")) == 1 && r.of("orders", "EXPORT")[0].State == "DONE"
	})
	parts, err := filepath.Glob(filepath.Join(c.files, "*", "parts", "*"))
	if err != nil || len(parts) == 0 {
		t.Fatalf("%v %v", parts, err)
	}
	for _, name := range parts { // loyalty's too, which it does not declare
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text[len(text)-1] ^= 1 // the disk has rotted
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.expect(c.says("loyalty", result(export, 1, protocol.Done, func(r *protocol.Result) {
		r.Outcomes[0] = protocol.DatasetOutcome{Dataset: r.Outcomes[0].Dataset, Outcome: protocol.NotFound}
	})), "recorded")
	r := c.blocks(number, "GAPS")
	c.act(access.Approver, "closePartially", r)
	c.closes(number, "PARTIALLY_FULFILLED")
}
