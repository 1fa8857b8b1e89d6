package access

import (
	"slices"
	"strings"

	"github.com/flowmart/lethe/internal/fault"
)

// Verb is one thing that a job of a pipeline can be trusted with.
type Verb string

// The verbs. Check goes with each of the others: schemas describe data and hold
// none, so whoever is signed in reads them and tries new ones.
const (
	Check    Verb = "check"    // read, check, try what would happen
	Register Verb = "register" // versions of subjects
	Delete   Verb = "delete"   // versions of subjects, softly
	Declare  Verb = "declare"  // with which schema its service reads
	Push     Verb = "push"     // the tables of its service's stores
)

// Verbs lists every verb.
var Verbs = []Verb{Check, Register, Delete, Declare, Push}

// Errand is what a job of a pipeline was let in for. It narrows what the job's
// role may do, and widens nothing.
type Errand struct {
	Verbs    []Verb
	Subjects []string // patterns of the subjects it may change, as Fits has them
	Held     string   // what about the job keeps it to checking: "it runs for a pull request"; "" for nothing
}

// May refuses an act that a principal on an errand was not let in for; "" stands
// for an act that is about no subject. Whoever is on no errand passes: what
// they may do is for their roles to say.
func (p Principal) May(verb Verb, subject string) error {
	e := p.Errand
	switch {
	case e == nil:
		return nil
	case e.Held != "" && verb != Check:
		return fault.New(fault.Denied, "NOT_TRUSTED", "this job may only check: %s", e.Held)
	case !slices.Contains(e.Verbs, verb):
		return fault.New(fault.Denied, "NOT_TRUSTED", "this job is trusted to %s and not to %s; who answers for its service declares a trust for more", joined(e.Verbs), verb)
	case subject != "" && !slices.ContainsFunc(e.Subjects, func(pattern string) bool { return covers(pattern, subject) }):
		return fault.New(fault.Denied, "NOT_TRUSTED", "this job is trusted with the subjects %s and with no other; who answers for its service declares a trust for more", strings.Join(e.Subjects, ", "))
	}
	return nil
}

func joined(verbs []Verb) string {
	names := make([]string, len(verbs))
	for i, v := range verbs {
		names[i] = string(v)
	}
	return strings.Join(names, ", ")
}

// covers keeps a pattern that names no context to the subjects that are in none:
// "*" is not every context.
func covers(pattern, subject string) bool {
	return strings.HasPrefix(pattern, ":") == strings.HasPrefix(subject, ":") && Fits(pattern, subject)
}

// Fits reports whether a text is as a pattern says, in which a star stands for
// any characters, or none.
func Fits(pattern, text string) bool {
	first, rest, starred := strings.Cut(pattern, "*")
	if !starred {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	last := parts[len(parts)-1]
	for _, part := range parts[:len(parts)-1] {
		_, after, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = after
	}
	return strings.HasSuffix(text, last)
}
