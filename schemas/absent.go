package schemas

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/internal/fault"
)

// What is not there, to compare an error with: errors.Is looks at the code. The
// functions below name what was asked for. Their first sentence is the one that
// clients of this API have always printed; what there is to do follows on it.
var (
	errNoSubject = noSubject(place{})
	errNoSchema  = noContent(contentID{})
)

// noSubject says that no version was ever registered under a name, or none is
// left.
func noSubject(p place) *fault.Fault {
	return fault.Missing("subject", "Subject '%s' not found. Nothing is registered under it: register a version first, or look for its name among the subjects", p)
}

// noVersion says that a subject has no version of a number, and which one is
// its latest; 0 for none.
func noVersion(p place, version, latest int) *fault.Fault {
	if latest == 0 {
		return fault.Missing("version", "Version %s not found. Subject '%s' has no version now: register one first", spelt(version), p)
	}
	return fault.Missing("version", "Version %s not found. The latest version of subject '%s' is %d: ask for that, or for one before it", spelt(version), p, latest)
}

// noContent says that no schema has an id.
func noContent(id contentID) *fault.Fault {
	return fault.Missing("schema", "Schema %d not found. The context '%s' has no schema of this id: ask the registry that the data were written with, or say with subject whose id it is", id.id, id.context)
}

// noGUID says that no schema has a guid.
func noGUID(guid uuid.UUID) *fault.Fault {
	return fault.Missing("schema", "Schema %s not found. No context has a schema of this guid: ask the registry that the data were written with", guid)
}

// absent says what is missing of a subject that is asked for as p: a version,
// or the whole of it. What was only deleted softly is there for who asks so.
func (st *state) absent(p place, version int, which Which) *fault.Fault {
	if st != nil {
		p = st.place
	}
	i, kept := st.find(version)
	live := st.numbers(Live)
	switch {
	case len(st.numbers(WithDeleted)) == 0:
		return noSubject(p)
	case len(live) == 0 && which == Live:
		return fault.Missing("subject", "Subject '%s' not found. Its versions are deleted: ask with deleted=true, or register one anew", p)
	case len(st.numbers(which)) == 0:
		return fault.Missing("subject", "Subject '%s' not found. None of its versions is deleted: ask without deletedOnly", p)
	case kept && st.versions[i].deleted:
		return fault.Missing("version", "Version %d not found. It is deleted: ask for it with deleted=true, or for the latest of subject '%s'", version, p)
	case len(live) == 0:
		return fault.Missing("version", "Version %s not found. The versions of subject '%s' are deleted: ask for one by its number", spelt(version), p)
	}
	return noVersion(p, version, live[len(live)-1])
}

// spelt is the number of a version as it is asked for.
func spelt(version int) string {
	if version == Latest {
		return "latest"
	}
	return fmt.Sprint(version)
}

// told is how a place is called in words: a subject, a context, or all.
func (p place) told() string {
	switch {
	case p.name != "":
		return "subject '" + p.String() + "'"
	case p.context == home || p.context == global:
		return "the registry"
	}
	return "the context '" + p.context + "'"
}
