package schemas

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/postgres"
)

// snapshot is what this replica has in memory of the subjects and of what is
// set above them. Before it is read it is made exact: a look at the list of
// changes tells what other transactions committed since the look before. One
// look serves every request that came before it began, so many requests cost
// few looks, and each is answered with all that was committed when it came.
//
// Which changes are new is asked of PostgreSQL's own snapshots, and not of a
// number that rises: numbers are handed out before the commit, and one that is
// committed late would be missed. Numbers that this server has yet to come to
// are of the server that a dump was taken of.
type snapshot struct {
	db    *pgxpool.Pool
	looks *pgxpool.Pool     // for looks alone
	ended func([]contentID) // told which ids stand for nothing any more

	turns   sync.Mutex
	waiting *turn     // for the look that begins next
	since   time.Time // when the one under way began

	whole   atomic.Bool  // every subject has been read
	away    atomic.Bool  // the last look did not reach the database
	exactAt atomic.Int64 // when the last one began that did, in nanoseconds
	behind  atomic.Int64 // when that was of former, while there are some; else 0

	// Of the one look under way.
	line     *postgres.Line // through looks
	patience time.Duration  // with one look
	position string
	server   string // when the database's server started
	still    bool   // the look before found the position as it was

	mu       sync.RWMutex
	subjects map[place]*state
	former   map[place]*state  // as they were before they had to be read anew, until that is done
	levels   map[string]layer  // above the subjects, by context
	changes  uint64            // looks that found something
	floor    uint64            // what was read before this one counts for nothing
	expected map[place]written // as they will be once a unit of work of ours is committed
	brought  []contentID       // whose contents may not be in memory yet
	fresh    chan struct{}     // a token whenever everything is to be read anew
}

func newSnapshot(db *pgxpool.Pool, ended func([]contentID)) *snapshot {
	s := &snapshot{db: db, looks: db, line: postgres.NewLine(db), patience: lookFor, ended: ended, subjects: map[place]*state{}, expected: map[place]written{}, fresh: make(chan struct{}, 1)}
	s.exactAt.Store(time.Now().UnixNano()) // there is nothing in memory that could be older
	return s
}

// once takes a look.
func (s *snapshot) once() (err error) {
	until := time.Now().Add(s.patience)
	if s.still {
		if s.still, err = s.stands(until); s.still || err != nil {
			return err
		}
	}
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	if s.position == "" {
		return s.begin(ctx)
	}
	const q = `
		SELECT pg_current_snapshot()::text, pg_postmaster_start_time()::text,
		       EXISTS (SELECT FROM schemas_pruned p WHERE p.below > pg_snapshot_xmin($1::text::pg_snapshot) AND p.below < pg_snapshot_xmax(pg_current_snapshot())),
		       (SELECT json_agg(json_build_object('Kind', u.kind, 'Context', u.context, 'Name', s.name, 'Head', s.head, 'SchemaID', u.schema_id))
		          FROM (SELECT c.kind, c.context, c.subject_id, c.schema_id FROM schemas_change c
		                 WHERE c.xid >= pg_snapshot_xmin($1::text::pg_snapshot) AND c.xid < pg_snapshot_xmax(pg_current_snapshot()) AND NOT pg_visible_in_snapshot(c.xid, $1::text::pg_snapshot)
		                 ORDER BY c.xid -- has it begin at the new end of the index
		                 LIMIT 100) AS u
		          LEFT JOIN schemas_subject s ON s.id = u.subject_id)`
	seen, err := s.line.Row(until, q, s.position)
	if err != nil {
		return err
	}
	// What changes the position does not see may be gone, too (see Prune).
	unseen, cut := seen[3], seen[2] == "t"
	switch {
	case seen[1] != s.server || cut:
		return s.begin(ctx)
	case unseen != "" && !s.ours(unseen):
		return s.follow(ctx)
	}
	s.still = seen[0] == s.position
	s.position = seen[0]
	return nil
}

// ours reports whether changes are all of versions that this replica registered
// itself, and takes them on: what they brought is in memory, or is as soon as
// whoever registered comes to that. There is nothing to read then.
func (s *snapshot) ours(changes string) bool {
	var all []struct {
		Kind, Context, Name string
		Head                int64 // the subject's last change
		SchemaID            int
	}
	if err := json.Unmarshal([]byte(changes), &all); err != nil || len(all) >= 100 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range all {
		p := place{intern(c.Context), c.Name}
		if w := s.expected[p]; c.Kind == "REGISTERED" && w.st != nil && w.st.head == c.Head && w.floor == s.floor {
			s.put(w.st)
		}
		if there := s.subjects[p]; c.Kind != "REGISTERED" || there == nil || there.head < c.Head {
			return false
		}
	}
	s.changes++
	for _, c := range all {
		s.bring(contentID{intern(c.Context), c.SchemaID})
	}
	return true
}

// stands reports whether nothing was committed since the look before: the
// position is the same then. That costs PostgreSQL half of looking for changes.
// Where others write all the time it would be asked in vain.
func (s *snapshot) stands(until time.Time) (bool, error) {
	const q = `SELECT pg_current_snapshot()::text, pg_postmaster_start_time()::text`
	seen, err := s.line.Row(until, q)
	return err == nil && seen[0] == s.position && seen[1] == s.server, err
}

// begin forgets every subject. A server that was started anew may be another
// one, to which not everything came that was committed on the one before.
func (s *snapshot) begin(ctx context.Context) error {
	s.line.Release()
	var position, server string
	var levels map[string]layer
	err := postgres.WorkTx(ctx, s.looks, oneMoment, func(tx pgx.Tx) (err error) {
		const q = `SELECT pg_current_snapshot()::text, pg_postmaster_start_time()::text`
		if err := tx.QueryRow(ctx, q).Scan(&position, &server); err != nil {
			return err
		}
		levels, err = levelsAbove(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	s.position, s.server = position, server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	s.levels = levels
	s.forget(func(*state) bool { return true })
	return nil
}

// forget has subjects read anew. Until that is done they are answered as they
// were while the database is away.
func (s *snapshot) forget(which func(*state) bool) {
	if s.former == nil {
		s.former = map[place]*state{}
		s.behind.Store(s.exactAt.Load())
	}
	for p, st := range s.subjects {
		if which(st) {
			s.former[p] = st
			delete(s.subjects, p)
		}
	}
	s.floor = s.changes
	s.again()
}

// again has everything read anew.
func (s *snapshot) again() {
	select {
	case s.fresh <- struct{}{}:
	default:
	}
}

// oneMoment has every statement of a unit of work see the same.
var oneMoment = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// news is what a look found changed.
type news struct {
	position string
	server   string
	subjects map[uuid.UUID][]int // the versions that changed, by subject
	ended    []contentID         // ids that stand for nothing any more
	brought  []contentID         // ids that were registered
	above    bool                // something above the subjects
	many     bool                // more than is worth following, or than is kept
}

// mostFollowed is how many changes are followed one by one. Beyond that reading
// everything anew is cheaper.
const mostFollowed = 10_000

// follow takes on what changed since the last look.
func (s *snapshot) follow(ctx context.Context) error {
	s.line.Release()
	var n news
	var changed []*state
	var levels map[string]layer
	err := postgres.WorkTx(ctx, s.looks, oneMoment, func(tx pgx.Tx) (err error) {
		if n, err = newsSince(ctx, tx, s.position); err != nil || n.many {
			return err
		}
		if n.above {
			if levels, err = levelsAbove(ctx, tx); err != nil {
				return err
			}
		}
		changed, err = s.reread(ctx, tx, n.subjects)
		return err
	})
	switch {
	case err != nil:
		return err
	case n.many || n.server != s.server:
		return s.begin(ctx)
	}
	s.ended(n.ended)
	s.position = n.position
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	s.bring(n.brought...)
	if n.above {
		s.levels = levels
		s.forget((*state).set)
	}
	for _, st := range changed {
		s.put(st)
	}
	return nil
}

// bring notes contents that may not be in memory yet, as long as they are worth
// reading one by one.
func (s *snapshot) bring(ids ...contentID) {
	if len(s.brought) < mostFollowed {
		s.brought = append(s.brought, ids...)
	}
}

// put keeps a state unless a newer one is there. Whoever changes a subject
// holds its lock while the change is given its number, so heads rise in the
// order of changes.
func (s *snapshot) put(st *state) {
	if there := s.subjects[st.place]; there == nil || there.head < st.head {
		s.subjects[st.place] = st
	}
}

// newsSince reads which changes a position does not see.
func newsSince(ctx context.Context, tx pgx.Tx, position string) (news, error) {
	n := news{subjects: map[uuid.UUID][]int{}}
	const qNow = `
		SELECT pg_current_snapshot()::text, pg_postmaster_start_time()::text,
		       EXISTS (SELECT FROM schemas_pruned p WHERE p.below > pg_snapshot_xmin($1::text::pg_snapshot) AND p.below < pg_snapshot_xmax(pg_current_snapshot()))`
	if err := tx.QueryRow(ctx, qNow, position).Scan(&n.position, &n.server, &n.many); err != nil || n.many {
		return n, err
	}
	const q = `
		SELECT c.kind, c.context, c.subject_id, c.version, c.schema_id
		  FROM schemas_change c
		 WHERE c.xid >= pg_snapshot_xmin($1::text::pg_snapshot) AND c.xid < pg_snapshot_xmax(pg_current_snapshot()) AND NOT pg_visible_in_snapshot(c.xid, $1::text::pg_snapshot)
		 ORDER BY c.xid, c.seq
		 LIMIT $2`
	type row struct {
		Kind      string
		Context   string
		SubjectID *uuid.UUID
		Version   *int
		SchemaID  *int
	}
	rows, err := postgres.Many[row](ctx, tx, q, position, mostFollowed+1)
	n.many = len(rows) > mostFollowed
	for _, c := range rows {
		if c.SubjectID == nil {
			n.above = true
			continue
		}
		versions := n.subjects[*c.SubjectID]
		if c.Version != nil {
			versions = append(versions, *c.Version)
		}
		n.subjects[*c.SubjectID] = versions
		switch {
		case c.SchemaID == nil:
		case c.Kind == "PURGED":
			n.ended = append(n.ended, contentID{c.Context, *c.SchemaID})
		case c.Kind == "REGISTERED":
			n.brought = append(n.brought, contentID{c.Context, *c.SchemaID})
		}
	}
	return n, err
}

// reread reads subjects that changed: of those in memory what changed, of others
// all.
func (s *snapshot) reread(ctx context.Context, tx pgx.Tx, changed map[uuid.UUID][]int) ([]*state, error) {
	var ids, whole, of []uuid.UUID
	var versions []int
	for id := range changed {
		ids = append(ids, id)
	}
	read, err := statesByID(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	known := map[uuid.UUID]*state{}
	s.mu.RLock()
	for id, st := range read {
		if there := s.subjects[st.place]; there != nil {
			known[id] = there
		}
	}
	s.mu.RUnlock()
	for id := range read {
		switch there := known[id]; {
		case there == nil:
			whole = append(whole, id)
		case there.head >= read[id].head: // read by itself meanwhile, or changed by us
			delete(read, id)
		default:
			for _, v := range changed[id] {
				of, versions = append(of, id), append(versions, v)
			}
		}
	}
	all, err := versionsWhole(ctx, tx, whole)
	if err != nil {
		return nil, err
	}
	some, err := versionsNamed(ctx, tx, of, versions)
	if err != nil {
		return nil, err
	}
	out := make([]*state, 0, len(read))
	for id, st := range read {
		if st.versions = all[id]; known[id] != nil {
			st.versions = replaced(known[id].versions, changed[id], some[id])
		}
		out = append(out, st)
	}
	return out, nil
}

// subject is the state of a subject in memory, or read into it; nil where there
// is none.
func (s *snapshot) subject(ctx context.Context, p place) (*state, error) {
	s.mu.RLock()
	st, was, all := s.subjects[p], s.former[p], s.whole.Load() && s.former == nil
	s.mu.RUnlock()
	switch {
	case st != nil || all && !s.away.Load(): // who asks has looked
		return st, nil
	case s.away.Load() && was != nil:
		return was, nil
	case s.away.Load():
		return nil, errAway
	}
	var found *state
	err := s.reading(ctx, func(tx pgx.Tx) (_ []*state, err error) {
		if found, err = stateAt(ctx, tx, p); found == nil {
			return nil, err
		}
		return []*state{found}, nil
	})
	return found, err
}

// reading runs a read, all of one moment, and keeps what it brings that is not
// older than what came meanwhile.
func (s *snapshot) reading(ctx context.Context, read func(pgx.Tx) ([]*state, error)) error {
	s.mu.RLock()
	began := s.changes
	s.mu.RUnlock()
	var found []*state
	err := postgres.WorkTx(ctx, s.db, oneMoment, func(tx pgx.Tx) (err error) {
		found, err = read(tx)
		return err
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || began < s.floor {
		return err
	}
	for _, st := range found {
		s.put(st)
	}
	return nil
}

// layers are the levels that hold at a place, the nearest first.
func (s *snapshot) layers(ctx context.Context, p place) ([]layer, error) {
	var st *state
	if p.name != "" {
		var err error
		if st, err = s.subject(ctx, p); err != nil {
			return nil, err
		}
	}
	return s.over(p, st)
}

// over are the levels that hold at the place of a subject, nil for none.
func (s *snapshot) over(p place, st *state) ([]layer, error) {
	var out []layer
	if st != nil && st.own != nil {
		out = append(out, *st.own)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.levels == nil {
		return nil, errAway
	}
	for _, context := range above(p.context) {
		if l, set := s.levels[context]; set {
			out = append(out, l)
		}
	}
	return out, nil
}
