package audit

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/flowmart/lethe/audit/tree"
	"github.com/flowmart/lethe/internal/postgres"
)

// Fault is what is wrong with a place in the log.
type Fault string

// The faults.
const (
	Altered    Fault = "ALTERED"    // the entry's row is not what was sealed
	Deleted    Fault = "DELETED"    // the entry's row is gone
	Missing    Fault = "MISSING"    // nothing stands at this place of the log
	Replaced   Fault = "REPLACED"   // another entry was anchored at this place
	Truncated  Fault = "TRUNCATED"  // the log ends here; the anchor or a signed checkpoint proves more
	Unsigned   Fault = "UNSIGNED"   // entries stand in the log that no checkpoint covers
	Unqueued   Fault = "UNQUEUED"   // an entry was put in past the application
	Misdated   Fault = "MISDATED"   // the entry's date does not fit the time it was sealed
	Checkpoint Fault = "CHECKPOINT" // a checkpoint in the database is not signed by a known key
	Node       Fault = "NODE"       // a hash of the tree is wrong, so proofs fail
	Anchored   Fault = "ANCHORED"   // the anchored leaf hashes are damaged
)

// Finding is one thing wrong with the log.
type Finding struct {
	Index int64     // place in the log, from 0; -1 for an entry that is not sealed
	Entry uuid.UUID // the entry that stands there; uuid.Nil when none does
	Fault Fault
	Text  string // what is wrong, in words
}

// Report is the outcome of a verification.
type Report struct {
	Size     int64           // sealed entries in the database
	Root     tlog.Hash       // of the tree over them, computed from the entries
	Unsealed int64           // entries that wait for the sealer
	Anchor   tree.Checkpoint // what the log was held against; zero when the anchor is empty
	Findings []Finding       // by place, the first bad entry first; 100 at most
}

// OK reports whether the log is whole.
func (r Report) OK() bool { return len(r.Findings) == 0 }

const (
	maxFindings = 100
	// grace is how far the date of an entry may lie from those of the
	// checkpoints around it: a transaction that wrote an entry may commit
	// later, and clocks of a primary and its standby differ.
	grace = 10 * time.Minute
)

// Verify recomputes the whole log from its rows and holds it against the
// anchor, which is read first: what it proves must be in the database. It
// reads one state of the database and changes nothing. An error means that it
// could not be verified; a log found bad is a Report with findings.
func Verify(ctx context.Context, db *pgxpool.Pool, anchor *Anchor) (Report, error) {
	v := &verifier{keys: anchor.keys}
	if err := v.readAnchor(anchor); err != nil {
		return Report{}, err
	}
	leaves, err := anchor.leaves(v.report.Anchor)
	switch {
	case errors.Is(err, errLeavesDamaged):
		v.find(-1, uuid.Nil, Anchored, "the anchored leaf hashes do not lead to the anchored checkpoint; they are not used")
	case err != nil:
		return Report{}, err
	default:
		defer leaves.Close()
		v.outside = bufio.NewReaderSize(leaves, 1<<16)
	}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = postgres.WorkTx(ctx, db, snapshot, func(tx pgx.Tx) error {
		if err := patient(ctx, tx); err != nil {
			return err
		}
		if err := v.walk(ctx, tx); err != nil {
			return err
		}
		return v.unsealed(ctx, tx)
	})
	slices.SortStableFunc(v.report.Findings, func(a, b Finding) int {
		return cmp.Compare(uint64(a.Index), uint64(b.Index)) // -1 comes last
	})
	return v.report, err
}

// verifier walks the log from its first leaf to its last.
type verifier struct {
	keys     tree.Keys
	anchored []tree.Checkpoint // by size
	outside  io.Reader         // the anchored leaf hashes from the current leaf on; nil when there are none
	report   Report
	tree     tree.Frontier
	last     tree.Checkpoint // the last checkpoint in the database that agreed
	pending  []pendingLeaf   // leaves since then: first, and the latest dated
	// uncovered is the first entry that no checkpoint covers so far.
	uncovered uuid.UUID
	torn      bool // a place is empty or a hash wrong: roots from here on tell nothing new
}

type pendingLeaf struct {
	index int64
	entry uuid.UUID
	at    time.Time
}

// readAnchor reads what is anchored.
func (v *verifier) readAnchor(a *Anchor) error {
	latest, err := a.Latest()
	if err != nil {
		return err
	}
	days, err := a.Days()
	if err != nil {
		return err
	}
	v.report.Anchor = latest
	v.anchored = slices.DeleteFunc(append(days, latest), func(c tree.Checkpoint) bool { return c.Size == 0 })
	slices.SortStableFunc(v.anchored, func(x, y tree.Checkpoint) int { return cmp.Compare(x.Size, y.Size) })
	return nil
}

// patient lets the statements of a verification run longer than those of a
// request may.
func patient(ctx context.Context, db postgres.DB) error {
	const q = `SELECT set_config('statement_timeout', '600000', true)`
	_, err := db.Exec(ctx, q)
	return err
}

// walk goes over the leaves.
func (v *verifier) walk(ctx context.Context, db postgres.DB) error {
	for after := int64(math.MinInt64); ; {
		rows, err := leavesAfter(ctx, db, after)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1].Index
		checkpoints, err := checkpointsIn(ctx, db, rows[0].Index, after+1)
		if err != nil {
			return err
		}
		nodes := hashes{}
		for _, r := range rows {
			v.leaf(r, nodes)
			for len(checkpoints) > 0 && checkpoints[0].Size <= v.tree.Size {
				v.checkpoint(checkpoints[0])
				checkpoints = checkpoints[1:]
			}
			v.meetAnchors()
		}
		if err := v.checkNodes(ctx, db, nodes); err != nil {
			return err
		}
	}
	v.report.Size, v.report.Root = v.tree.Size, v.tree.Root()
	return v.end(ctx, db)
}

// leaf checks one leaf and the entry it stands for, and grows the tree by the
// entry as its row reads now.
func (v *verifier) leaf(r leafRow, nodes hashes) {
	if r.Index < v.tree.Size {
		v.find(max(r.Index, 0), r.EntryID, Replaced, "a second entry stands at this place of the log")
		return
	}
	for v.tree.Size < r.Index {
		v.find(v.tree.Size, uuid.Nil, Missing, "no entry stands at this place of the log")
		v.skip(r.Index)
	}
	hash, entry := tlog.Hash{}, r.entry()
	switch {
	case entry == nil && r.ID == nil:
		v.find(r.Index, r.EntryID, Deleted, "the entry was deleted")
	case entry == nil:
		v.find(r.Index, r.EntryID, Altered, "the entry holds what no entry can")
	default:
		hash = entry.Hash()
		if string(hash[:]) != string(r.Hash) {
			v.find(r.Index, r.EntryID, Altered, "the entry and the hash it was sealed with do not belong together")
		}
		v.date(r.Index, *entry)
	}
	v.compareOutside(r, hash)
	if v.tree.Size == max(v.last.Size, v.report.Anchor.Size) {
		v.uncovered = r.EntryID
	}
	for level, h := range v.tree.Push(hash) {
		if level > 0 && !v.torn {
			nodes[tlog.StoredHashIndex(level, r.Index>>level)] = h
		}
	}
}

// skip grows the tree over places where nothing stands.
func (v *verifier) skip(to int64) {
	for v.tree.Size < to {
		v.compareOutside(leafRow{Index: v.tree.Size}, tlog.Hash{})
		v.tree.Push(tlog.Hash{})
	}
}

// compareOutside holds a leaf against the one anchored at its place.
func (v *verifier) compareOutside(r leafRow, hash tlog.Hash) {
	if v.outside == nil || r.Index >= v.report.Anchor.Size {
		return
	}
	var want tlog.Hash
	if _, err := io.ReadFull(v.outside, want[:]); err != nil {
		v.outside = nil // it was read whole a moment ago; the roots must do
		return
	}
	if hash != want && !v.torn {
		v.find(r.Index, r.EntryID, Replaced, "another entry was sealed and anchored at this place")
	}
}

// date checks that an entry was not slipped in under an earlier or later date
// than its sealing allows.
func (v *verifier) date(index int64, e tree.Entry) {
	if !v.last.SealedAt.IsZero() && e.At.Before(v.last.SealedAt.Add(-grace)) {
		v.find(index, e.ID, Misdated, fmt.Sprintf("the entry is dated %s and was sealed after the checkpoint of %s", e.At.Format(time.RFC3339), v.last.SealedAt.Format(time.RFC3339)))
	}
	leaf := pendingLeaf{index, e.ID, e.At}
	switch {
	case len(v.pending) == 0:
		v.pending = []pendingLeaf{leaf, leaf}
	case e.At.After(v.pending[1].at):
		v.pending[1] = leaf
	}
}

// checkpoint holds the tree against a checkpoint in the database.
func (v *verifier) checkpoint(row checkpointRow) {
	c, err := tree.OpenCheckpoint([]byte(row.Note), v.keys)
	if err != nil || c.Size != row.Size {
		v.find(row.Size-1, uuid.Nil, Checkpoint, "the checkpoint over the log up to here is not signed by a known key")
		return
	}
	if c.Size == v.tree.Size { // else the place where it ends is missing, and found so
		v.compareRoot(c, "a signed checkpoint")
	}
	if len(v.pending) > 0 && v.pending[1].at.After(c.SealedAt.Add(grace)) {
		v.find(v.pending[1].index, v.pending[1].entry, Misdated, fmt.Sprintf("the entry is dated after it was sealed, at %s", c.SealedAt.Format(time.RFC3339)))
	}
	v.last, v.pending = c, nil
}

// meetAnchors holds the tree against the anchored checkpoints of its size.
func (v *verifier) meetAnchors() {
	for len(v.anchored) > 0 && v.anchored[0].Size <= v.tree.Size {
		if v.anchored[0].Size == v.tree.Size {
			v.compareRoot(v.anchored[0], "the anchored checkpoint")
		}
		v.anchored = v.anchored[1:]
	}
}

// compareRoot reports the entries since the last checkpoint that agreed, if
// nothing nearer was found: one of them is not what was sealed.
func (v *verifier) compareRoot(c tree.Checkpoint, what string) {
	if v.torn || v.tree.Root() == c.Root {
		return
	}
	var entry uuid.UUID
	from := v.last.Size
	if len(v.pending) > 0 {
		from, entry = v.pending[0].index, v.pending[0].entry
	}
	v.find(from, entry, Replaced, fmt.Sprintf("the entries from here to index %d are not those that %s covers", c.Size-1, what))
}

// end checks how the log ends.
func (v *verifier) end(ctx context.Context, db postgres.DB) error {
	if size := v.report.Anchor.Size; size > v.tree.Size {
		v.find(v.tree.Size, uuid.Nil, Truncated, fmt.Sprintf("the log ends here; the anchor proves %d entries", size))
	}
	beyond, err := checkpointsIn(ctx, db, v.tree.Size, 1<<62)
	if err != nil {
		return err
	}
	if len(beyond) > 0 {
		v.find(v.tree.Size, uuid.Nil, Truncated, fmt.Sprintf("the log ends here; a checkpoint in the database covers %d entries", beyond[len(beyond)-1].Size))
	}
	if anchored := v.report.Anchor.Size; v.last.Size < anchored {
		v.find(-1, uuid.Nil, Checkpoint, fmt.Sprintf("checkpoints are missing in the database: the last covers %d entries, the anchored one %d", v.last.Size, anchored))
	}
	if covered := max(v.last.Size, v.report.Anchor.Size); v.tree.Size > covered {
		v.find(covered, v.uncovered, Unsigned, "no checkpoint covers the entries from here on")
	}
	return nil
}

// unsealed checks the entries that are not in the tree yet.
func (v *verifier) unsealed(ctx context.Context, db postgres.DB) error {
	for after := uuid.Nil; ; {
		rows, err := unsealedAfter(ctx, db, after)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, r := range rows {
			v.waits(r)
		}
		after = rows[len(rows)-1].ID
	}
}

// waits checks an entry that is not in the tree yet.
func (v *verifier) waits(r unsealedRow) {
	switch {
	case r.At == nil:
		v.find(-1, r.ID, Deleted, "the entry was deleted before it was sealed")
	case !r.Queued:
		v.find(-1, r.ID, Unqueued, "the entry was put in past the application: it never came to the sealer")
	case r.At.Before(v.last.SealedAt.Add(-grace)):
		v.find(-1, r.ID, Misdated, fmt.Sprintf("the entry is dated %s and was not there at the checkpoint of %s", r.At.Format(time.RFC3339), v.last.SealedAt.Format(time.RFC3339)))
	default:
		v.report.Unsealed++
	}
}

func (v *verifier) find(index int64, entry uuid.UUID, fault Fault, text string) {
	if index >= 0 && fault != Misdated && fault != Checkpoint {
		v.torn = true
	}
	if len(v.report.Findings) < maxFindings {
		v.report.Findings = append(v.report.Findings, Finding{index, entry, fault, text})
	}
}

// checkNodes compares the inner nodes in the database with those computed.
func (v *verifier) checkNodes(ctx context.Context, db postgres.DB, computed hashes) error {
	indexes := make([]int64, 0, len(computed))
	for index := range computed {
		indexes = append(indexes, index)
	}
	slices.Sort(indexes)
	stored := hashes{}
	if err := stored.load(ctx, db, indexes); err != nil && !errors.Is(err, errTorn) {
		return err
	}
	for _, index := range indexes {
		if v.torn || stored[index] == computed[index] {
			continue
		}
		level, n := tlog.SplitStoredHashIndex(index)
		v.find(n<<level, uuid.Nil, Node, fmt.Sprintf("the hash over the %d entries from here on is wrong in the database; the entries are right", int64(1)<<level))
	}
	return nil
}
