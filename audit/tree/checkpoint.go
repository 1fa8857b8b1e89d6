package tree

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is the head of the log at a size: whoever keeps one can tell any
// later change of what it covers.
type Checkpoint struct {
	Origin   string    // the log's name, the same for ever
	Size     int64     // entries covered
	Root     tlog.Hash // Merkle tree hash of RFC 6962 over them
	SealedAt time.Time // by the database's clock, to the second; zero if not stated
}

// sealed begins the line, an extension that the specification lets readers
// skip, that dates a checkpoint. The date is signed so that an entry cannot be
// slipped in under an earlier one.
const sealed = "sealed "

// Text returns the checkpoint as it is signed.
func (c Checkpoint) Text() string {
	text := fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Root)
	if !c.SealedAt.IsZero() {
		text += sealed + c.SealedAt.UTC().Format(time.RFC3339) + "\n"
	}
	return text
}

// Sign returns the checkpoint as a signed note.
func (c Checkpoint) Sign(signers ...note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.Text()}, signers...)
}

// OpenCheckpoint reads a signed checkpoint. One of the keys must have signed
// it, under the name of its origin.
func OpenCheckpoint(signed []byte, keys Keys) (Checkpoint, error) {
	n, err := note.Open(signed, keys)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	for _, sig := range n.Sigs {
		if sig.Name == c.Origin {
			return c, nil
		}
	}
	return Checkpoint{}, fmt.Errorf("checkpoint: it is of %q and signed by another", c.Origin)
}

var errForm = errors.New("checkpoint: it has not the form of c2sp.org/tlog-checkpoint")

func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" {
		return Checkpoint{}, errForm
	}
	c := Checkpoint{Origin: lines[0]}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || c.Origin == "" || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, errForm
	}
	c.Size = size
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil {
		return Checkpoint{}, errForm
	}
	for _, line := range lines[3 : len(lines)-1] {
		if line == "" {
			return Checkpoint{}, errForm
		}
		if at, ok := strings.CutPrefix(line, sealed); ok {
			if c.SealedAt, err = time.Parse(time.RFC3339, at); err != nil {
				return Checkpoint{}, errForm
			}
		}
	}
	return c, nil
}
