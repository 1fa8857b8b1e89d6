package tree

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Inclusion is an entry with the proof that it stands in the log.
type Inclusion struct {
	Entry Entry       `json:"entry"`
	Index int64       `json:"index"` // its place in the log, from 0
	Path  []tlog.Hash `json:"path"`  // audit path of RFC 6962, from the leaf upwards
}

// Bundle is what an offline verifier needs: entries with their proofs, the
// checkpoint they lead to, and the keys it is signed with. Who verifies must
// know a key by its fingerprint from elsewhere.
type Bundle struct {
	Checkpoint string      `json:"checkpoint"` // a signed note
	Keys       []string    `json:"keys"`       // verifier keys, the newest first
	Entries    []Inclusion `json:"entries"`
}

// verifyInclusion reports whether the entry stands in the log at its index, as
// the checkpoint says.
func verifyInclusion(c Checkpoint, in Inclusion) error {
	if err := tlog.CheckRecord(in.Path, c.Size, c.Root, in.Index, in.Entry.Hash()); err != nil {
		return fmt.Errorf("entry %s at index %d is not in the log that the checkpoint of size %d covers", in.Entry.ID, in.Index, c.Size)
	}
	return nil
}

// VerifyConsistency reports whether the log of the newer checkpoint begins
// with the whole log of the older one.
func VerifyConsistency(older, newer Checkpoint, path []tlog.Hash) error {
	if older.Size == 0 {
		return nil
	}
	if err := tlog.CheckTree(path, newer.Size, newer.Root, older.Size, older.Root); err != nil {
		return fmt.Errorf("the log of size %d does not continue that of size %d: entries were changed between", newer.Size, older.Size)
	}
	return nil
}

// Verify checks a bundle against keys known by fingerprint, and returns the
// checkpoint that its entries are proved by.
func (b Bundle) Verify(fingerprints ...string) (Checkpoint, error) {
	if len(b.Entries) == 0 {
		return Checkpoint{}, errors.New("the bundle holds no entry: it proves nothing")
	}
	var all Keys
	for _, encoded := range b.Keys {
		k, err := ParseKey(encoded)
		if err != nil {
			return Checkpoint{}, err
		}
		all = append(all, k)
	}
	keys, err := all.ByFingerprint(fingerprints...)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := OpenCheckpoint([]byte(b.Checkpoint), keys)
	if err != nil {
		return Checkpoint{}, err
	}
	for _, in := range b.Entries {
		err = errors.Join(err, verifyInclusion(c, in))
	}
	return c, err
}
