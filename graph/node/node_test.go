package node_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/graph/node"
)

func TestIDs(t *testing.T) {
	t.Parallel()
	id := node.ID{Kind: "Request", Key: uuid.MustParse("0190b6a0-0000-7000-8000-000000000001")}
	// The expected text is base64url of "Request:0190b6a0-…", by the tool base64.
	const text = "UmVxdWVzdDowMTkwYjZhMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDE"
	if id.String() != text {
		t.Errorf("String = %s", id)
	}
	for _, s := range []string{text, text + "="} {
		if got := node.Parse(s); got != id {
			t.Errorf("Parse(%q) = %v", s, got)
		}
	}
	if id.Of("Request") != id.Key || id.Of("Task") != uuid.Max {
		t.Error("an id is of one kind only")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "x", "UmVxdWVzdDo", "!", "UmVxdWVzdDowMTkwYjZhMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDE"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id := node.Parse(s); id != (node.ID{}) && node.Parse(id.String()) != id {
			t.Errorf("%q reads as %v and does not come back", s, id)
		}
	})
}
