package schemas

import (
	"context"
	"errors"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
)

// plain reports whether a submission can be prepared by what memory had a moment
// ago: it is a text alone, that leads to nothing else.
func (s Submission) plain() bool {
	return s.ID <= 0 && len(s.References) == 0 && !s.takes() && !s.retags()
}

// prepared is what can be told of a submission without its subject's lock.
type prepared struct {
	e  *entrant // who enters; nil: the subject has the version v
	v  Version
	of *state // the subject that has it, if nothing else bears on that

	unreadable bool // what is wrong is the text, whatever there is
}

// prepare judges what can be told of a submission without its subject's lock.
func (r *Registry) prepare(ctx context.Context, by access.Principal, s Submission) (p prepared, err error) {
	at, st, err := r.subjectFor(ctx, by, s)
	if err != nil {
		return p, err
	}
	if err := s.RuleSet.check("ruleSet"); err != nil {
		return p, err
	}
	var after *int
	if s.takes() {
		after = new(st.newest())
	}
	if s, err = r.texted(ctx, at.place, s); err != nil {
		return p, err
	}
	if s.ID > 0 {
		// An import brings everything that the content is: what it leaves out is
		// not there.
		s.Metadata, s.RuleSet = said(s.Metadata), said(s.RuleSet)
	}
	c, err := r.read(ctx, r.db, at.context, s)
	p.unreadable = err != nil && s.plain()
	if err == nil && s.retags() {
		c, err = r.retagged(ctx, at.place, s, c)
	}
	if err != nil {
		return p, err
	}
	if s.Normalize {
		c = c.normal()
	}
	v, found, err := r.known(ctx, r.db, st, s, c, Live)
	if found && !at.led {
		p.of = st
	}
	if err == nil && !found && s.ID <= 0 {
		v, found, err = r.knownAsSet(ctx, st, s, c, Live)
	}
	if err != nil || found {
		p.v = v
		return p, asked(v, s, err)
	}
	if err := r.reachable(); err != nil {
		return p, err
	}
	layers, err := r.subjects.over(at.place, st)
	if err != nil {
		return p, err
	}
	p.e = &entrant{by: by, at: at.place, led: at.led, isNew: st == nil, layers: layers, s: s, c: c, after: after, told: make(chan bool, 1)}
	return p, nil
}

// meant is the place that a submission is for: another, where the subject has an
// alias. Reading follows it, so what was registered here would not be found. An
// import names just what it means.
func (r *Registry) meant(ctx context.Context, p place, s Submission) (place, error) {
	if s.ID > 0 {
		return p, nil
	}
	return r.readAs(ctx, p)
}

// meaning is the place that a submission is for, and whether an alias led there.
type meaning struct {
	place
	led bool
}

// subjectFor is the subject at the place that a submission is for, which is where
// its alias leads; nil if it is new. It is refused whoever may not register there
// whatever the schema.
func (r *Registry) subjectFor(ctx context.Context, by access.Principal, s Submission) (is meaning, st *state, err error) {
	if is.place, err = placeOf(s.Subject); err != nil {
		return is, nil, err
	}
	st, err = r.subjectIn(ctx, r.db, is.place)
	if err == nil && s.ID <= 0 && st != nil && st.alias != nil {
		is = meaning{*st.alias, true}
		st, err = r.subjectIn(ctx, r.db, is.place)
	}
	if err != nil {
		return is, st, err
	}
	return is, st, by.May(access.Register, is.String())
}

// texted gives a submission that has only metadata or rules the text of the
// subject's latest version.
func (r *Registry) texted(ctx context.Context, p place, s Submission) (Submission, error) {
	if !s.bare() {
		return s, nil
	}
	latest, err := r.version(ctx, p, Latest, Live)
	if errors.Is(err, errNoSubject) {
		return s, fault.Bad("schema", "INVALID_SCHEMA", "the subject has no version whose schema could be taken; send one")
	}
	s.Type, s.Text, s.References = latest.Type, latest.Text, latest.References
	return s, err
}

// asked checks that a version found is the one that was asked for.
func asked(v Version, s Submission, err error) error {
	switch {
	case err != nil:
		return err
	case s.ID > 0 && s.ID != v.ID:
		return fault.Bad("id", "ID_TAKEN", "the schema has the id %d here; leave the id out", v.ID)
	case s.Version > 0 && s.Version != v.Version:
		return fault.Bad("version", "INVALID_SCHEMA", "the schema is version %d of the subject already; leave the version out", v.Version)
	}
	return nil
}
