package audit

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/flowmart/lethe/audit/tree"
)

// A replica that committed a smaller tree and comes late to the anchor leaves
// the larger one there; one that comes with another tree of the same size is
// refused. Both leave every file as it was.
func TestAnchorKeepsTheLargerTree(t *testing.T) {
	t.Parallel()
	signer, err := GenerateKey(filepath.Join(t.TempDir(), "key"), "flowmart.example/lethe")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	anchor, err := OpenAnchor(dir, signer.Keys)
	if err != nil {
		t.Fatal(err)
	}
	publish := func(of byte, size int64) error {
		var grown tree.Frontier
		var leaves []tlog.Hash
		for range size {
			leaves = append(leaves, tlog.RecordHash([]byte{of, byte(grown.Size)}))
			grown.Push(leaves[grown.Size])
		}
		c := tree.Checkpoint{Origin: signer.Name(), Size: size, Root: grown.Root(), SealedAt: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
		signed, err := c.Sign(signer)
		if err != nil {
			t.Fatal(err)
		}
		return anchor.publish(c, string(signed), func(from, to int64) ([]tlog.Hash, error) { return leaves[from:to], nil })
	}
	if err := publish('a', 9); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	for _, late := range []int64{1, 8, 9} {
		if err := publish('a', late); err != nil || contents(t, dir) != before {
			t.Errorf("size %d, late: %v, %q", late, err, contents(t, dir))
		}
	}
	if err := publish('b', 9); err == nil || contents(t, dir) != before {
		t.Errorf("another tree of the same size is taken: %v", err)
	}
	if err := publish('a', 12); err != nil {
		t.Error(err)
	}
	if c, err := anchor.Latest(); err != nil || c.Size != 12 {
		t.Errorf("%+v, %v", c, err)
	}
}

func contents(t *testing.T, dir string) (all string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "[a-z0-9]*"))
	if err != nil || len(names) != 3 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all += filepath.Base(name) + "\n" + string(b) + "\n"
	}
	return all
}
