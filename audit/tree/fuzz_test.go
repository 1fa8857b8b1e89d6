package tree_test

import (
	"encoding/json"
	"testing"

	"github.com/flowmart/lethe/audit/tree"
)

// An entry that is read is the entry that is hashed: written and read again,
// its hash is the same, and it panics at nothing.
func FuzzEntry(f *testing.F) {
	f.Add(`{"act":"a.b","actor":"00000000-0000-7000-8000-000000000001","amounts":{"a":1},"at":"2026-11-23T22:08:20.944990Z","code":"X","day":"2026-04-07","digest":"00ff","id":"019ab000-0000-7000-8000-000000000001","v":1}`)
	f.Add(`{"at":"0000-01-01T00:00:00.000000Z","v":1}`)
	f.Add(`{"act":"<&> \u2028","at":"2026-11-23T22:08:20.944990Z","v":1,"day":"9999-12-31"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var e, again tree.Entry
		if json.Unmarshal([]byte(text), &e) != nil {
			return
		}
		if err := json.Unmarshal(e.Leaf(), &again); err != nil {
			t.Fatalf("%s: %v", e.Leaf(), err)
		}
		if e.Hash() != again.Hash() {
			t.Errorf("%s becomes %s", e.Leaf(), again.Leaf())
		}
	})
}

// Bundles come from strangers: nothing in one makes the verifier panic, and
// without the signature of the key asked for nothing verifies.
func FuzzBundle(f *testing.F) {
	f.Add(`{"checkpoint":"x\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— x Az3grlgtzPI=\n","keys":["x+00000000+AQ=="],"entries":[{"index":-1,"path":[]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var b tree.Bundle
		if json.Unmarshal([]byte(text), &b) != nil {
			return
		}
		if _, err := b.Verify("0000000000000000000000000000000000000000000000000000000000000000"); err == nil {
			t.Error("verified by a key that is not")
		}
		_, _ = tree.ParseKeys(text)
	})
}
