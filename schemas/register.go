package schemas

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/audit"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Register makes a schema the newest version of a subject. One that the
// subject has already is only found: that asks no more than being signed in as
// someone who registers, takes no lock, and is what every producer does when
// it starts.
//
// A new one must fit what the level asks, and needs a pipeline or a service
// that the subject belongs to, a steward of its owner, or an admin. It becomes
// a version, and fields of the topic's dataset, or nothing happens. By force it
// need not fit the level, where the one who registers may set that.
func (r *Registry) Register(ctx context.Context, by access.Principal, s Submission) (v Version, err error) {
	if err := by.Require(access.CI, access.Service, access.Steward, access.Admin); err != nil {
		return v, err
	}
	if s.plain() && r.subjects.recent() {
		if v, done, err := r.registerAtOnce(ctx, by, s); done {
			return v, err
		}
	}
	for {
		if err := r.subjects.exact(ctx); err != nil {
			return v, err
		}
		p, err := r.prepare(ctx, by, s)
		if err != nil || p.e == nil {
			return p.v, err
		}
		if v, err = r.registerAsSet(ctx, p.e); !errors.Is(err, errOvertaken) {
			return v, err
		}
	}
}

// registerAtOnce is Register by what memory had a moment ago, without a look at
// what was committed since, as far as that goes. What an entrant was prepared by is
// read again under the lock, but for where a subject leads, and whether another
// registry is asked first. A version that was found is answered with once a look
// found its subject as it was. What is refused is refused by what holds now, but for a
// text that cannot be read at any time.
func (r *Registry) registerAtOnce(ctx context.Context, by access.Principal, s Submission) (v Version, done bool, err error) {
	p, err := r.prepare(ctx, by, s)
	if err != nil {
		return v, p.unreadable, err
	}
	if e := p.e; e != nil && !e.led && holdingMode(e.layers) != Forwarding {
		v, err = r.registerAsSet(ctx, e)
		return v, !errors.Is(err, errOvertaken), err
	}
	if p.of == nil {
		return v, false, nil
	}
	if err := r.subjects.exact(ctx); err != nil {
		return v, true, err
	}
	now, err := r.subjectIn(ctx, r.db, p.of.place)
	return p.v, err == nil && now == p.of, nil
}

// errOvertaken is that what an entrant was prepared by is so no more: there is a
// version since, later than the one of which something was taken, or the subject
// has an alias. It is prepared anew.
var errOvertaken = errors.New("there is something later")

// registerAsSet registers an entrant here, or has another registry do it where
// the mode says so. Whoever finds under the lock that the mode was changed since
// goes the other way.
func (r *Registry) registerAsSet(ctx context.Context, e *entrant) (v Version, err error) {
	for {
		if holdingMode(e.layers) == Forwarding && e.s.ID <= 0 {
			v, err = r.forward(ctx, e)
		} else {
			r.foresee(e)
			err = r.enter(ctx, e)
			v = e.v
		}
		if !errors.Is(err, errTurned) {
			return v, err
		}
		if e.layers, err = r.layers(ctx, e.at); err != nil {
			return v, err
		}
		e = &entrant{by: e.by, at: e.at, led: e.led, isNew: e.isNew, layers: e.layers, s: e.s, c: e.c, after: e.after, told: make(chan bool, 1)}
	}
}

// locked is a subject under its lock, in a unit of work. What was read before the
// lock is read again: the last holder may have changed it.
type locked struct {
	subject
	tx     pgx.Tx
	st     *state
	layers []layer
	around *scene

	done []audit.Entry
}

// lock holds a subject until the unit of work ends, and makes it if there is none.
func (r *Registry) lock(ctx context.Context, tx pgx.Tx, around *scene, isNew bool) (*locked, error) {
	s, layers, err := r.lockToRegister(ctx, tx, around, isNew)
	if err != nil {
		return nil, err
	}
	st, err := r.held(ctx, tx, s)
	return &locked{subject: s, tx: tx, st: st, layers: layers, around: around.under(layers)}, err
}

// successor is the version that a submission would become.
type successor struct {
	number int
	id     int // that an import asks for; else 0
	c      *content
	forced bool       // it took force
	claims *uuid.UUID // whose the subject becomes, where it is nobody's
	judged *Metadata  // with which it passed, where another registry made it since

	now  described
	news []string // the terms of which the catalog has something new to hear
}

// metadata says of the fields what the version says. Where the other registry kept
// no tags, those count that the gate let pass: the catalog is to know what they said.
func (to *successor) metadata() *Metadata {
	if to.judged == nil || to.c.Metadata != nil && len(to.c.Metadata.Tags) > 0 {
		return to.c.Metadata
	}
	return to.judged
}

// admit judges what somebody brings that would follow what is registered under
// the lock. What the subject has is found.
func (r *Registry) admit(ctx context.Context, l *locked, e *entrant) (v Version, found bool, to successor, err error) {
	by, s, c := e.by, e.s, e.c
	if l.Led && !e.led && s.ID <= 0 {
		return v, false, to, errOvertaken
	}
	mode, config := holdingMode(l.layers), holding(l.layers)
	if v, found, err = r.known(ctx, l.tx, l.st, s, c, Live); err == nil && !found && s.ID <= 0 {
		v, found, err = r.knownAsKept(ctx, l.tx, l.st, s, c, config, Live)
	}
	if err != nil || found {
		return v, found, to, asked(v, s, err)
	}
	if e.after != nil && *e.after != l.st.newest() {
		return v, false, to, errOvertaken
	}
	if to.claims, err = e.authorise(ctx, l); err != nil {
		return v, false, to, err
	}
	live := l.st.live()
	if c, err = r.asKept(ctx, l.tx, s, live, mode, config, c); err != nil {
		return v, false, to, err
	}
	if v, found, err = r.known(ctx, l.tx, l.st, c.inFull(s), c, Live); err != nil || found {
		return v, found, to, asked(v, s, err)
	}
	if err = e.suits(l.place(), mode); err != nil {
		return v, false, to, err
	}
	if to.number, err = l.st.numberFor(s, mode); err != nil && e.way != sends { // there another may be next
		return v, false, to, err
	}
	if to.c, to.id, to.forced, to.judged = c, s.ID, e.forced, e.judged; mode.copies(s) {
		return v, false, to, nil
	}
	if to.c, err = c.numbered(max(s.Version, to.number), s.Version > 0); err != nil {
		return v, false, to, err
	}
	if e.way == sends {
		e.judged = to.c.Metadata
		to.forced, err = r.passesBeside(ctx, by, l.around, live, config, to.c, s.Force)
		return v, false, to, err
	}
	to.forced, err = r.passes(ctx, by, l.around, live, config, to.c, s.Force)
	return v, false, to, err
}

// asKept is a content as it is to be kept: normalized where the subject asks
// for that, and dressed. A copy is taken as it comes.
func (r *Registry) asKept(ctx context.Context, db postgres.DB, s Submission, live []earlier, mode Mode, config Config, c *content) (*content, error) {
	if mode.copies(s) {
		return c.with(s.Metadata, s.RuleSet)
	}
	if config.normalizes() {
		c = c.normal()
	}
	return r.dressed(ctx, db, s, live, config, c)
}

// dressed is dress with the latest of the live versions, newest first.
func (r *Registry) dressed(ctx context.Context, db postgres.DB, s Submission, live []earlier, config Config, c *content) (*content, error) {
	if len(live) == 0 {
		return c.dress(s, nil, config)
	}
	latest, err := r.load(ctx, db, contentID{live[0].Context, live[0].SchemaID})
	if err != nil {
		return nil, err
	}
	return c.dress(s, &latest, config)
}

// inFull is a submission of just this content, that names all that it is.
func (c *content) inFull(s Submission) Submission {
	return Submission{ID: s.ID, Metadata: said(c.Metadata), RuleSet: said(c.RuleSet)}
}

// said is a value that is named, if only to say that there is none.
func said[T any](v *T) *T {
	if v == nil {
		return new(T)
	}
	return v
}

// grouped leaves the versions that a new one is held against: where a subject
// has a compatibility group, those that have the same value of that property.
func (r *Registry) grouped(ctx context.Context, db postgres.DB, live []earlier, config Config, c *content) ([]earlier, error) {
	if config.Group == nil {
		return live, nil
	}
	var out []earlier
	for _, e := range live {
		s, err := r.load(ctx, db, contentID{e.Context, e.SchemaID})
		if err != nil {
			return nil, err
		}
		if said(s.Metadata).Properties[*config.Group] == said(c.Metadata).Properties[*config.Group] {
			out = append(out, e)
		}
	}
	return out, nil
}

// numberFor is the number of a new version: the next one, or of a copy any that
// is free.
func (st *state) numberFor(s Submission, mode Mode) (int, error) {
	next := st.next()
	if s.Version <= 0 || s.Version == next {
		return next, nil
	}
	if !mode.copies(s) {
		return 0, fault.Bad("version", "INVALID_SCHEMA", "the next version of the subject is %d; ask for that, or leave the version out", next)
	}
	if s.Version > mostChosen {
		return 0, fault.Bad("version", "INVALID_SCHEMA", "a version that is brought is at most %d; what is registered later is counted on from it", mostChosen)
	}
	if _, taken := st.find(s.Version); taken {
		return 0, fault.Bad("version", "INVALID_SCHEMA", "version %d of the subject is another schema; delete that one for good first", s.Version)
	}
	return s.Version, nil
}

// keep writes what a registration brings: content, version and fields. The subject
// has the version from then on, in the unit of work.
func (r *Registry) keep(ctx context.Context, l *locked, by access.Principal, to successor) (v Version, err error) {
	c := to.c
	if err := lockTargets(ctx, l.tx, c.references); err != nil { // as who deletes one, before the catalog is told
		return v, err
	}
	var b postgres.Batch
	var told []audit.Entry
	l.claim(&b, to.claims)
	if len(to.news) == 0 {
		_, err = l.around.tellFields(&b, to.number, to.now)
	} else {
		told, err = l.around.tellCatalog(ctx, &b, by, to.number, to.now, to.news)
	}
	if err != nil {
		return v, err
	}
	at := r.now()
	is, err := r.writeVersion(ctx, l, &b, by, to, at)
	if err == nil && is.Fresh {
		err = keepReferences(ctx, l.tx, contentID{l.Context, is.ID}, c.references)
	}
	if err != nil {
		return v, err
	}
	v = c.as(l.place(), to.number, is.ID, at)
	gone, head, err := r.dropEarlier(ctx, l, is)
	if err != nil {
		return v, err
	}
	n := numbered{int32(to.number), int32(is.ID), false, v.RegisteredAt.UnixMicro(), c.body, c.shape()}
	l.st = l.st.with(n, gone, head)
	r.bring(v.Schema, c)
	l.done = append(append(l.done, told...), to.record(by, l.ID, is.ID))
	return v, nil
}

// claim makes the subject a service's, with what else a batch does.
func (l *locked) claim(b *postgres.Batch, by *uuid.UUID) {
	if by != nil {
		b.Do(qClaimed, l.ID, by)
		l.ServiceID, l.around.consumers = by, nil // the service is among them from here on
	}
}

// bring has a content that is not committed in the memory of the unit of work.
func (r *Registry) bring(s Schema, c *content) {
	f := &fresh{content: s, weight: weigh(c.text), sinceKept: r.byID.mark(), sinceRead: r.parsed.mark()}
	if len(c.references) == 0 && !c.reworded {
		f.schema = c.schema
	}
	r.fresh[contentID{s.Context, s.ID}] = f
}

// record is what the audit log has of a version that was registered.
func (to successor) record(by access.Principal, subject uuid.UUID, id int) audit.Entry {
	amounts := map[string]int64{"version": int64(to.number), "schema": int64(id)}
	if to.forced {
		amounts["forced"] = 1
	}
	return audit.Entry{Actor: by.ID, Act: "schema.registered", Entity: subject, Digest: to.c.hash[:], Amounts: amounts}
}

// dropEarlier removes the deleted versions whose content was registered again,
// unless something refers to them. It returns their numbers, and the subject's
// last change.
func (r *Registry) dropEarlier(ctx context.Context, l *locked, is outcome) (gone []int, head int64, err error) {
	if head = is.Head; !slices.ContainsFunc(l.st.versions, func(v numbered) bool { return v.deleted && int(v.schema) == is.ID }) {
		return nil, head, nil
	}
	const q = `
		DELETE FROM schemas_version v
		 WHERE v.subject_id = $1 AND v.schema_id = $2 AND v.deleted_at IS NOT NULL
		   AND NOT EXISTS (SELECT FROM schemas_reference r WHERE r.target_subject_id = v.subject_id AND r.target_version = v.version)
		RETURNING v.version -- any order`
	gone, err = postgres.Scalars[int](ctx, l.tx, q, l.ID, is.ID)
	for _, version := range gone {
		seq, failed := r.changed(ctx, l.tx, change{kind: "PURGED", context: l.Context, subject: &l.ID, version: &version})
		head, err = seq, errors.Join(err, failed)
	}
	return gone, head, err
}

// change is what whoever follows the registry is told.
type change struct {
	kind    string // REGISTERED, DELETED, PURGED (for good), CONFIGURED
	context string
	subject *uuid.UUID
	version *int
	schema  *int // what was registered; of what was deleted for good, the id that ended with it
}

// changed notes a change for whoever follows the registry, and on the subject,
// and returns its number.
func (r *Registry) changed(ctx context.Context, db postgres.DB, c change) (int64, error) {
	const q = `
		WITH change AS (
		    INSERT INTO schemas_change (kind, context, subject_id, version, schema_id, at)
		    VALUES ($1, $2, $3, $4, $5, $6)
		    RETURNING seq),
		head AS (UPDATE schemas_subject s SET head = change.seq FROM change WHERE s.id = $3)
		SELECT seq FROM change`
	return postgres.Scalar[int64](ctx, db, q, c.kind, c.context, c.subject, c.version, c.schema, r.now())
}

// isMachine reports whether a principal is a machine that registers schemas.
func isMachine(by access.Principal) bool {
	return by.Service != "" && slices.ContainsFunc(by.Roles, func(role access.Role) bool { return role == access.CI || role == access.Service })
}
