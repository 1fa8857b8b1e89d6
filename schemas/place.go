package schemas

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flowmart/lethe/internal/fault"
)

// home is the context of subjects whose name says none.
const home = "."

// global is the context whose configuration every other falls back on. It
// holds no subjects.
const global = ".__GLOBAL"

// place is where a subject is: a context, and a name within it. In full a
// subject is called ":.context:name"; without the part between colons it is of
// the context ".".
type place struct{ context, name string }

func (p place) String() string {
	if p.context == home {
		return p.name
	}
	return ":" + p.context + ":" + p.name
}

// split reads the name of a subject without judging it.
func split(subject string) place {
	if !strings.HasPrefix(subject, ":.") {
		return place{home, subject}
	}
	context, name, _ := strings.Cut(subject[1:], ":")
	return place{context, name}
}

// from is the place of a subject that is named in another context: a name that
// says no context means the one it stands in.
func from(context, subject string) place {
	if strings.HasPrefix(subject, ":.") {
		return split(subject)
	}
	return place{context, subject}
}

// Qualified is the full name of a subject that is named where another one is,
// as a reference names it.
func Qualified(within, subject string) string { return from(split(within).context, subject).String() }

// within is a place's name as it is said inside a context.
func (p place) within(context string) string {
	if p.context == context {
		return p.name
	}
	return ":" + p.context + ":" + p.name
}

// placeOf is the place of a subject that is to be written to. It refuses names
// that no client could ask for again.
func placeOf(subject string) (place, error) {
	p := split(subject)
	bad := func(why string) (place, error) { return p, fault.Bad("subject", "INVALID_SUBJECT", "%s", why) }
	switch {
	case p.name == "":
		return bad("a subject has a name; give one")
	case len(subject) > 1000 || !utf8.ValidString(subject):
		return bad("the name of a subject is at most 1000 bytes of UTF-8")
	case strings.ContainsFunc(subject, unicode.IsControl):
		return bad("the name of a subject holds no control characters; take them out")
	case p.name == "__GLOBAL" || p.name == "__EMPTY":
		return bad("this name is reserved; choose another")
	case p.name == "." || p.name == "..": // nor may a topic of Kafka; RFC 3986 §5.2.4
		return bad("a name of dots alone is taken for a folder on its way here; choose another")
	}
	return p, checkContext(p.context)
}

// checkContext refuses names of contexts that could not stand in a path.
func checkContext(name string) error {
	sound := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.", c)
	}
	if len(name) > 255 || strings.ContainsFunc(name, func(c rune) bool { return !sound(c) }) || name == global {
		return fault.Bad("subject", "INVALID_SUBJECT", "the name of a context is a dot and letters, digits, dots, hyphens and underscores")
	}
	return nil
}

// placeToRead is the place of a subject that is only read: no subject has a
// name that could not be given to one.
func placeToRead(subject string) (place, error) {
	p, err := placeOf(subject)
	if err != nil {
		return p, fault.Missing("subject", "Subject not found. No subject has such a name: %s", err)
	}
	return p, nil
}

// Which versions of a subject are meant. One that was deleted keeps its number
// and its content until it is deleted for good.
type Which int

// The choices.
const (
	Live            Which = iota // those not deleted
	WithDeleted                  // all that are kept
	OnlyDeleted                  // those deleted
	DeletedNegative              // all that are kept, the numbers of deleted ones negative
)

func (w Which) live() bool    { return w != OnlyDeleted }
func (w Which) deleted() bool { return w != Live }
