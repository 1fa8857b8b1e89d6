package schemas

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/remote"
)

// way is on which way a registration is.
type way int

const (
	gives  way = iota // an id is given here, or an import brings one
	sends             // another registry is about to give it: judged here, and not kept
	brings            // another one gave it: kept here, and not judged
)

// suits refuses who comes on a way that the mode does not have.
func (e *entrant) suits(p place, mode Mode) error {
	forwards := mode == Forwarding
	switch {
	case mode.closed():
		return notWritable(p, mode)
	case e.way == sends && !forwards, e.way == gives && forwards && e.s.ID <= 0:
		return errTurned
	case e.way == brings && mode == ReadWrite:
		return fault.New(fault.Invalid, "MODE_FORBIDS", "%s is in the mode READWRITE since, in which an id is given here", p.told())
	case e.way == gives && forwards && e.by.Require(access.Admin) != nil:
		return fault.New(fault.Invalid, "MODE_FORBIDS", "in the mode FORWARD an id is given by the registry that is written to; leave it out, or have an admin copy what is there")
	}
	return mode.admits(p, e.s)
}

// authorise is authorise of whoever brings something. What another registry made
// of it was asked before it was sent.
func (e *entrant) authorise(ctx context.Context, l *locked) (claims *uuid.UUID, err error) {
	claims, err = authorise(ctx, l.tx, e.by, l.subject, l.around)
	if e.way == brings && fault.All(err) != nil {
		return nil, nil
	}
	return claims, err
}

// forward has another registry register what an entrant brings, and keeps what it
// made of it.
func (r *Registry) forward(ctx context.Context, e *entrant) (Version, error) {
	e.way = sends
	if v, found, err := r.judgeToSend(ctx, e); err != nil || found {
		return v, err
	}
	asking, done, err := r.elsewhere.begin(ctx)
	if err != nil {
		return Version{}, err
	}
	defer done()
	made, err := r.elsewhere.register(asking, e)
	if err != nil {
		return Version{}, err
	}
	keeping, cancel := r.elsewhere.keeping(ctx)
	defer cancel()
	v, err := r.keepMade(keeping, e, made)
	if err != nil {
		err = notKept(err, "the registry that is written to has it as version %d with the id %d", made.Version, made.ID)
	}
	return v, err
}

// judgeToSend judges what is to be sent, all at one moment, and holds nothing.
func (r *Registry) judgeToSend(ctx context.Context, e *entrant) (v Version, found bool, err error) {
	err = postgres.WorkTx(ctx, r.db, oneMoment, func(tx pgx.Tx) error {
		l, err := r.seen(ctx, tx, e.at)
		if err != nil {
			return err
		}
		var to successor
		if v, found, to, err = r.admit(ctx, l, e); err != nil {
			return err
		}
		e.forced = to.forced
		return nil
	})
	return v, found, err
}

// seen is a subject as it is, without its lock.
func (r *Registry) seen(ctx context.Context, tx pgx.Tx, p place) (*locked, error) {
	const q = `SELECT id, context, name, service_id, head, alias_name IS NOT NULL AS led FROM schemas_subject WHERE context = $1 AND name = $2`
	s, err := postgres.One[subject](ctx, tx, q, p.context, p.name)
	if errors.Is(err, postgres.ErrNotFound) {
		s, err = subject{Context: p.context, Name: p.name}, nil
	}
	if err != nil {
		return nil, err
	}
	l := &locked{subject: s, tx: tx}
	if l.st, err = stateAt(ctx, tx, p); err != nil {
		return nil, err
	}
	if l.layers, err = layersOf(ctx, tx, p); err != nil {
		return nil, err
	}
	l.around = r.scene(tx, p, l.layers)
	return l, l.around.gather(ctx, holding(l.layers).policy() == gate.Enforce)
}

// register has the registry make a version, and returns it as it is there: with
// the metadata, the rules and the words that it keeps.
func (o *elsewhere) register(ctx context.Context, e *entrant) (made remote.Version, err error) {
	sent, err := toSend(e)
	if err != nil {
		return made, err
	}
	q := url.Values{}
	if e.s.Normalize {
		q.Set("normalize", "true")
	}
	if e.s.Force && mayForce(e.by) {
		q.Set("force", "true")
	}
	var answer remote.Version
	if err := o.ask(ctx, http.MethodPost, pathOf("/subjects", e.at, "versions")+queryOf(q), sent, &answer); err != nil {
		return made, err
	}
	if answer.ID <= 0 || answer.ID > mostChosen {
		return made, odd("id")
	}
	if made, err = o.find(ctx, e, sent, answer.Version); err != nil {
		return made, notKept(err, "the registry that is written to has it with the id %d", answer.ID)
	}
	if made.ID != answer.ID || made.Version <= 0 || made.Schema == "" {
		return made, odd("version of the id that it gave")
	}
	return made, nil
}

// find is what was made. A registry of several nodes may deny for a moment what
// one of them made.
func (o *elsewhere) find(ctx context.Context, e *entrant, sent remote.Version, number int) (made remote.Version, err error) {
	for pause := 20 * time.Millisecond; ; pause *= 2 {
		made, err = o.findOnce(ctx, e, sent, number)
		if !remote.Absent(err) || pause > 500*time.Millisecond {
			return made, err
		}
		select {
		case <-ctx.Done():
			return made, err
		case <-time.After(pause):
		}
	}
}

// findOnce asks for a version by its number. Where a registry tells none it is asked
// for that first, by what the version says; some tell less then than there is.
func (o *elsewhere) findOnce(ctx context.Context, e *entrant, sent remote.Version, number int) (made remote.Version, err error) {
	if number <= 0 {
		q := url.Values{}
		if e.s.Normalize {
			q.Set("normalize", "true")
		}
		sent.Version = 0
		var found remote.Version
		if err := o.ask(ctx, http.MethodPost, pathOf("/subjects", e.at)+queryOf(q), sent, &found); err != nil {
			return made, err
		}
		number = found.Version
	}
	err = o.ask(ctx, http.MethodGet, pathOf("/subjects", e.at, "versions", strconv.Itoa(number)), nil, &made)
	made.Version = cmp.Or(made.Version, number)
	return made, err
}

// toSend is what somebody brings, in the form of the API. References are to the
// versions that it was judged with.
func toSend(e *entrant) (remote.Version, error) {
	v := remote.Version{Version: e.s.Version, Type: e.s.Type, Schema: e.s.Text}
	if v.Type == Avro {
		v.Type = "" // registries of old know no other, and no member for it
	}
	if e.s.retags() {
		v.Schema = e.c.text
	}
	for _, t := range e.c.references {
		v.References = append(v.References, remote.Reference(t.Reference))
	}
	var err error
	if e.s.Metadata != nil {
		v.Metadata, err = json.Marshal(e.s.Metadata)
	}
	if e.s.RuleSet != nil && err == nil {
		v.RuleSet, err = json.Marshal(e.s.RuleSet)
	}
	return v, err
}

// keepMade keeps what another registry made of what an entrant brought. Where the
// content has another id here already, it is kept with that of there among its
// metadata: some registries give one to each spelling, or to each version.
func (r *Registry) keepMade(ctx context.Context, e *entrant, made remote.Version) (Version, error) {
	st, err := r.subjectAt(ctx, e.at)
	if err != nil {
		return Version{}, err
	}
	if n, ok := st.pick(made.Version, Live); ok && int(n.schema) == made.ID { // somebody else was told, too
		return r.numbered(ctx, r.db, e.at, n)
	}
	s, err := copyOf(made)
	if err != nil {
		return Version{}, err
	}
	s.Subject = e.at.String()
	v, err := r.keepCopy(ctx, e, s)
	if errors.Is(err, errIDTaken) {
		s.Metadata = s.Metadata.marked(made.ID)
		v, err = r.keepCopy(ctx, e, s)
	}
	return v, err
}

// errIDTaken is to compare an error with.
var errIDTaken = fault.New(fault.Invalid, "ID_TAKEN", "")

func (r *Registry) keepCopy(ctx context.Context, e *entrant, s Submission) (Version, error) {
	c, err := r.read(ctx, r.db, e.at.context, s)
	if err != nil {
		return Version{}, err
	}
	own := &entrant{by: e.by, at: e.at, isNew: e.isNew, layers: e.layers, s: s, c: c, way: brings, forced: e.forced, judged: e.judged, told: make(chan bool, 1)}
	err = r.enter(ctx, own)
	return own.v, err
}

// copyOf is a version of another registry as an import brings it.
func copyOf(v remote.Version) (Submission, error) {
	s := Submission{Type: v.Type, Text: v.Schema, ID: v.ID, Version: v.Version, Metadata: new(Metadata), RuleSet: new(RuleSet)}
	for _, ref := range v.References {
		s.References = append(s.References, Reference(ref))
	}
	for raw, into := range map[*json.RawMessage]any{&v.Metadata: s.Metadata, &v.RuleSet: s.RuleSet} {
		if len(*raw) == 0 {
			continue
		}
		if err := json.Unmarshal(*raw, into); err != nil {
			return s, odd("metadata and rules as this API has them")
		}
	}
	return s, nil
}

// notKept says that something was done elsewhere and is not here yet.
func notKept(why error, done string, args ...any) error {
	reason := "something went wrong on our side"
	if faults := fault.All(why); len(faults) > 0 {
		reason = faults[0].Message
	} else if postgres.Away(why) {
		reason = "the database cannot be reached"
	}
	return fault.New(fault.Unavailable, "NOT_KEPT", "%s, and it could not be kept here: %s; ask the same again, which keeps it", fmt.Sprintf(done, args...), reason).With(why)
}

// queryOf is a query behind a path.
func queryOf(q url.Values) string {
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}
