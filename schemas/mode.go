package schemas

import (
	"context"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
)

// Mode says what may be written to a subject.
type Mode string

// The modes. Import takes versions with the ids and numbers they have
// elsewhere, unjudged, and no others. ReadOnlyOverride, set above a subject,
// holds whatever the subject says. Forwarding is the whole registry's: another
// one is written to and gives ids and numbers, and a copy is kept (see
// elsewhere).
const (
	ReadWrite        Mode = "READWRITE"
	ReadOnly         Mode = "READONLY"
	ReadOnlyOverride Mode = "READONLY_OVERRIDE"
	Import           Mode = "IMPORT"
	Forwarding       Mode = "FORWARD"
)

// parseMode reads the name of a mode, in any case.
func parseMode(name string) (Mode, error) {
	known := []string{string(ReadWrite), string(ReadOnly), string(ReadOnlyOverride), string(Import), string(Forwarding)}
	for _, m := range known {
		if strings.EqualFold(name, m) {
			return Mode(m), nil
		}
	}
	return "", fault.Bad("mode", "INVALID_MODE", "%s", fault.Suggest("this is no mode; there are "+strings.Join(known, ", "), name, known))
}

// closed reports whether nothing may be changed.
func (m Mode) closed() bool { return m == ReadOnly || m == ReadOnlyOverride }

// copies reports whether a registration is a copy of what another registry has,
// and is taken as it comes.
func (m Mode) copies(s Submission) bool { return m == Import || m == Forwarding && s.ID > 0 }

// notWritable refuses a change because of the mode.
func notWritable(p place, m Mode) error {
	return fault.New(fault.Invalid, "MODE_FORBIDS", "%s is in the mode %s, which does not allow this; set READWRITE first, there or where the mode is inherited from", p.told(), m)
}

// mostChosen is the highest id, and the highest number of a version, that an
// import may choose. Both are four bytes with a sign where clients read them, an
// id in front of every message, and what is registered later is counted on from
// the highest.
const mostChosen = 2_000_000_000

// admits refuses a registration that the mode does not take.
func (m Mode) admits(p place, s Submission) error {
	switch {
	case m.closed():
		return notWritable(p, m)
	case m == Import && s.ID <= 0:
		return fault.New(fault.Invalid, "MODE_FORBIDS", "in the mode IMPORT a schema brings its id; set the mode READWRITE to have it given one")
	case !m.copies(s) && s.ID > 0:
		return fault.New(fault.Invalid, "MODE_FORBIDS", "an id is given by the registry; leave it out, or set the mode IMPORT")
	case s.ID > mostChosen:
		return fault.Bad("id", "INVALID_SCHEMA", "an id that is brought is at most %d; what is registered later is counted on from it", mostChosen)
	}
	return nil
}

// holdingMode is the mode that holds where layers are read for. Where the
// registry forwards, a subject or a context may be closed, and not opened: ids
// that are given here would be given there to other schemas.
func holdingMode(layers []layer) Mode {
	mode, forwards := Mode(""), false
	for _, l := range layers {
		if l.Mode == nil {
			continue
		}
		if mode == "" {
			mode = *l.Mode
		}
		if *l.Mode == ReadOnlyOverride && !l.Own {
			return ReadOnlyOverride
		}
		forwards = forwards || *l.Mode == Forwarding
	}
	switch {
	case forwards && !mode.closed():
		return Forwarding
	case mode == "":
		return ReadWrite
	}
	return mode
}

// ModeSet is the mode set on a subject itself; a subject without one has the
// fault MODE_NOT_FOUND. A context and the registry, where subject is "", always
// have one.
func (r *Registry) ModeSet(ctx context.Context, by access.Principal, subject string) (Mode, error) {
	if err := signedIn(by); err != nil {
		return "", err
	}
	p := split(subject)
	layers, err := r.layersToRead(ctx, p)
	if err != nil || p.name == "" {
		return holdingMode(layers), err
	}
	own, _ := at(layers, p)
	if own.Mode == nil {
		return "", fault.Missing("mode", "Subject '%s' has no mode of its own. It inherits one: ask with defaultToGlobal=true, or set one", p)
	}
	return *own.Mode, nil
}

// Mode is the mode that holds for a subject, its own or the one it inherits.
func (r *Registry) Mode(ctx context.Context, by access.Principal, subject string) (Mode, error) {
	if err := signedIn(by); err != nil {
		return "", err
	}
	layers, err := r.layersToRead(ctx, split(subject))
	return holdingMode(layers), err
}

// SetMode sets the mode of a subject, a context, or the registry where subject
// is ""; in any case of letters. Import is entered while nothing is registered
// there, or by force; Forwarding likewise, or from Import. It needs who may
// configure the level; Import needs an admin. Forwarding is the registry's alone,
// and needs another one.
func (r *Registry) SetMode(ctx context.Context, by access.Principal, subject string, mode Mode, force bool) error {
	if err := by.Require(access.Steward, access.Admin); err != nil {
		return err
	}
	mode, err := parseMode(string(mode))
	if err != nil {
		return err
	}
	if mode == Import {
		if err := by.Require(access.Admin); err != nil {
			return err
		}
	}
	if mode == Forwarding {
		if err := r.mayForward(split(subject)); err != nil {
			return err
		}
	}
	return r.atLevel(ctx, by, subject, true, func(tx pgx.Tx, l level) error {
		if !force {
			if err := enters(ctx, tx, l, mode); err != nil {
				return err
			}
		}
		return r.keepMode(ctx, tx, by, l, mode)
	})
}

// enters refuses a mode in which ids come from elsewhere where versions are
// registered that have theirs from here.
func enters(ctx context.Context, tx pgx.Tx, l level, mode Mode) error {
	if mode != Import && mode != Forwarding || l.mode == mode || l.mode == Import {
		return nil
	}
	within := l.place
	if mode == Forwarding {
		within = place{global, ""} // it is every context's
	}
	taken, err := occupied(ctx, tx, within)
	switch {
	case err != nil || !taken:
		return err
	case mode == Forwarding:
		return fault.New(fault.Invalid, "MODE_FORBIDS", "versions are registered that the registry which is written to may have under other ids; copy what that has first (lethe schema mirror), or ask with force=true")
	}
	return fault.New(fault.Invalid, "MODE_FORBIDS", "%s holds versions, whose ids an import could contradict; delete them first, or ask with force=true", l.place.told())
}

// occupied reports whether live versions are registered.
func occupied(ctx context.Context, tx pgx.Tx, p place) (bool, error) {
	const q = `
		SELECT EXISTS (SELECT FROM schemas_subject s
		                 JOIN schemas_version v ON v.subject_id = s.id AND v.deleted_at IS NULL
		                WHERE ($1 = '.__GLOBAL' OR s.context = $1) AND ($2 = '' OR s.name = $2))`
	return postgres.Scalar[bool](ctx, tx, q, p.context, p.name)
}

// DeleteMode takes back the mode of a subject, a context or the registry, and
// returns what it was; recursively, those of the subjects below, too.
func (r *Registry) DeleteMode(ctx context.Context, by access.Principal, subject string, recursive bool) (was Mode, err error) {
	if err := by.Require(access.Steward, access.Admin); err != nil {
		return was, err
	}
	err = r.atLevel(ctx, by, subject, false, func(tx pgx.Tx, l level) error {
		was = ReadWrite
		if l.set.Mode != nil {
			was = *l.set.Mode
		} else if l.subject != nil {
			return fault.Missing("subject", "Subject '%s' has no mode of its own. What it inherits is taken back where it is set", l.place)
		}
		if recursive && l.subject == nil {
			const q = `UPDATE schemas_config SET mode = NULL WHERE ($1 = '.__GLOBAL' OR context = $1) AND mode IS NOT NULL`
			if _, err := tx.Exec(ctx, q, l.place.context); err != nil {
				return err
			}
		}
		return r.keepMode(ctx, tx, by, l, "")
	})
	return was, err
}

func (r *Registry) keepMode(ctx context.Context, tx pgx.Tx, by access.Principal, l level, mode Mode) error {
	const q = `
		INSERT INTO schemas_config AS g (context, subject_id, mode, changed_by, changed_at)
		VALUES ($1, $2, nullif($3, ''), $4, $5)
		    ON CONFLICT ON CONSTRAINT schemas_config_one_a_level DO UPDATE
		   SET mode = excluded.mode, rev = g.rev + 1, changed_by = excluded.changed_by, changed_at = excluded.changed_at`
	if _, err := tx.Exec(ctx, q, l.place.context, l.subject, string(mode), by.ID, r.now()); err != nil {
		return err
	}
	return r.recordLevel(ctx, tx, by, l, "schema.mode_set", string(mode))
}

// level is a subject, a context or the registry while its configuration is
// changed.
type level struct {
	place   place
	subject *uuid.UUID // nil above a subject
	set     layer      // what is set there
	mode    Mode       // what holds there
}

// atLevel does something to a level under its lock: a subject's row or, above
// a subject, against every registration. A subject that is not there is made,
// where it may be.
func (r *Registry) atLevel(ctx context.Context, by access.Principal, subject string, make bool, do func(pgx.Tx, level) error) error {
	l := level{place: split(subject)}
	if l.place.name != "" {
		if _, err := placeOf(subject); err != nil {
			return err
		}
	} else {
		if err := checkContext(l.place.context); err != nil && l.place.context != global {
			return err
		}
		if err := by.Require(access.Admin); err != nil {
			return err
		}
	}
	if err := r.writable(ctx); err != nil {
		return err
	}
	return postgres.Work(ctx, r.db, func(tx pgx.Tx) error {
		if err := r.hold(ctx, tx, by, &l, make); err != nil {
			return err
		}
		layers, err := layersOf(ctx, tx, l.place)
		if err != nil {
			return err
		}
		l.set, _ = at(layers, l.place)
		if l.mode, err = levelMode(ctx, tx, l.place, layers); err != nil {
			return err
		}
		return do(tx, l)
	})
}

// levelMode is the mode that holds at a level. Nothing is above the one of all;
// but where the registry forwards, so it is with that, too.
func levelMode(ctx context.Context, tx pgx.Tx, p place, layers []layer) (Mode, error) {
	mode := holdingMode(layers)
	if p.context != global || mode.closed() {
		return mode, nil
	}
	under, err := layersOf(ctx, tx, place{home, ""})
	if holdingMode(under) == Forwarding {
		mode = Forwarding
	}
	return mode, err
}

func (r *Registry) hold(ctx context.Context, tx pgx.Tx, by access.Principal, l *level, make bool) error {
	if l.place.name == "" {
		const q = `SELECT pg_advisory_xact_lock($1)`
		_, err := tx.Exec(ctx, q, configLock)
		return err
	}
	lock := lockKnown
	if make {
		lock = r.lockSubject
	}
	s, err := lock(ctx, tx, l.place)
	if err != nil {
		return err
	}
	l.subject = &s.ID
	if err := r.authorise(ctx, tx, by, s); err != nil {
		return err
	}
	return shareConfig(ctx, tx)
}

// configLock is the advisory lock of what is set above the subjects: held
// alone by who changes it, shared by who acts upon it. There may be no row yet
// that could be locked.
const configLock int64 = 0x4c65746865_01

func shareConfig(ctx context.Context, tx pgx.Tx) error {
	const q = `SELECT pg_advisory_xact_lock_shared($1)`
	_, err := tx.Exec(ctx, q, configLock)
	return err
}

// heldLayers reads what holds for a subject, and keeps it until the unit of
// work ends.
func heldLayers(ctx context.Context, tx pgx.Tx, p place) ([]layer, error) {
	if err := shareConfig(ctx, tx); err != nil {
		return nil, err
	}
	return layersOf(ctx, tx, p)
}
