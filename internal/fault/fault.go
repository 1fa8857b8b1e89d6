// Package fault classifies what went wrong, once, where the cause is known.
// The edges (GraphQL, REST, the command line) turn a fault into words and a
// status; nothing between cause and edge rewrites it.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what sort of failure a fault is. It decides the HTTP status, the
// exit code and whether a caller may try again.
type Kind string

// The kinds.
const (
	Invalid     Kind = "INVALID"     // the input breaks a rule; sending it again will not help
	NotFound    Kind = "NOT_FOUND"   // no such thing, or the caller may not know of it
	Conflict    Kind = "CONFLICT"    // the state has moved on; read it again
	Denied      Kind = "DENIED"      // the caller may not do this
	Unknown     Kind = "UNSIGNED"    // nobody is signed in
	Unavailable Kind = "UNAVAILABLE" // a dependency is away; try again later
	TooLarge    Kind = "TOO_LARGE"   // more than the stated limit
	Internal    Kind = "INTERNAL"    // our own mistake; never shown in words
)

// Fault is a classified error. It never carries personal data: Message is
// written for the person who must mend the input and names fields and rules,
// not values.
type Fault struct {
	Kind    Kind
	Code    string   // stable, SCREAMING_SNAKE, listed in docs/errors.md
	Path    []string // where in the input, outermost first; empty for the whole
	Message string   // what is wrong and how to mend it
	cause   error
}

func (f *Fault) Error() string {
	if len(f.Path) == 0 {
		return f.Message
	}
	return strings.Join(f.Path, ".") + ": " + f.Message
}

func (f *Fault) Unwrap() error { return f.cause }

// Is lets errors.Is compare two faults by their code.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Code == f.Code
}

// At returns a copy of f that points at a place in the input.
func (f *Fault) At(path ...string) *Fault {
	c := *f
	c.Path = append(append([]string{}, path...), f.Path...)
	return &c
}

// With returns a copy of f with a cause. The cause is for logs of the house;
// it is not shown.
func (f *Fault) With(cause error) *Fault {
	c := *f
	c.cause = cause
	return &c
}

// New makes a fault.
func New(kind Kind, code, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Bad reports an input that breaks a rule at a place in it.
func Bad(path, code, format string, args ...any) *Fault {
	f := New(Invalid, code, format, args...)
	if path != "" {
		f.Path = strings.Split(path, ".")
	}
	return f
}

// Missing reports that a named thing does not exist.
func Missing(what, format string, args ...any) *Fault {
	return New(NotFound, strings.ToUpper(what)+"_NOT_FOUND", format, args...)
}

// KindOf finds the kind of err; an error that nobody classified is Internal.
func KindOf(err error) Kind {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f.Kind
	}
	return Internal
}

// All lists every fault in err, in order, so that an edge can tell a caller
// about all mistakes of one input at once. A mistake nobody classified makes
// the whole unclassified: it returns nil.
func All(err error) []*Fault {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var out []*Fault
		for _, e := range many.Unwrap() {
			faults := All(e)
			if faults == nil {
				return nil
			}
			out = append(out, faults...)
		}
		return out
	}
	if f, ok := errors.AsType[*Fault](err); ok {
		return []*Fault{f}
	}
	return nil
}

// longestSlip bounds the words that are compared: who sends more did not
// mistype a name. mostCells bounds the whole of one comparison, some hundredths
// of a second, whatever the caller knows.
const (
	longestSlip = 200
	mostCells   = 10_000_000
)

// Nearest names the known word that looks most like an unknown one, or ""
// when none is near enough to be a likely slip of the keyboard.
func Nearest(word string, known []string) string {
	if len(word) > longestSlip {
		return ""
	}
	best, at, cells := "", len(word)/2+1, 0
	for _, k := range known {
		if len(k)-len(word) >= at || len(word)-len(k) >= at {
			continue // they differ by that much in length alone
		}
		if cells += (len(word) + 1) * (len(k) + 1); cells > mostCells {
			break
		}
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < at {
			best, at = k, d
		}
	}
	return best
}

// Suggest appends "did you mean" to a message when a known word is near.
func Suggest(message, word string, known []string) string {
	if near := Nearest(word, known); near != "" && near != word {
		return message + fmt.Sprintf("; did you mean %q?", near)
	}
	return message
}

// distance is the optimal string alignment distance: insertions, deletions,
// substitutions and swaps of neighbours cost one each.
func distance(a, b string) int {
	prev2, prev, cur := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, make([]int, len(b)+1)
	}
	return prev[len(b)]
}
