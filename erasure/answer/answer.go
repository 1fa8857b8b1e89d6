// Package answer holds what services say about their tasks, and what it does to
// them. It is pure: it knows no database.
package answer

import (
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/erasure/subject"
	"github.com/flowmart/lethe/erasure/task"
)

// Answer is a service's result for one task, as its door has read and checked
// it. It is never personal, but for Resolved.
type Answer struct {
	Task       uuid.UUID
	Seq        int
	PlanDigest string // hex; "" where no plan exists yet
	State      string // WORKING, DONE, REFUSED, FAILED
	Code       string
	Retryable  bool
	Outcomes   []Dataset
	Resolved   *Resolution
	Parts      []Part

	// Refused is why its parts were refused, "" if they are as declared. The
	// room finds out, whatever a door says.
	Refused string
}

// Dataset is what a service says became of one dataset.
type Dataset struct {
	Dataset     uuid.UUID
	Outcome     string
	Count       int64
	Method      *string
	Ground      *string
	Until       *time.Time
	EffectiveBy *time.Time
}

// Resolution is the answer of an identity service.
type Resolution struct {
	People      int
	Identifiers []subject.Identifier
}

// Part is one part of an export as a service declares it.
type Part struct {
	Dataset uuid.UUID
	N       int
	Bytes   int64
	Records int64
	SHA256  []byte
	Format  string
}

// Disposition is what became of an answer.
type Disposition string

// The dispositions.
const (
	Recorded  Disposition = "recorded"
	Duplicate Disposition = "duplicate" // we knew; nothing changes
	Late      Disposition = "late"      // an older word, or one after the end; kept, and changes nothing
	Conflict  Disposition = "conflict"  // contradicts what the service said before
	Rejected  Disposition = "rejected"
)

// Verdict is what an answer does to its task.
type Verdict struct {
	Task        uuid.UUID
	Disposition Disposition
	Code        string

	State     task.State           // of the task; "" leaves it
	Again     bool                 // ask once more, in a new round
	Outcomes  []Dataset            // what counts of what was said
	Unplanned []uuid.UUID          // datasets it speaks of and was not asked about
	Conflict  bool                 // it contradicts what the service said before
	Learned   []subject.Identifier // what an identity service knows of the person
}

// Message is a service's signed message as its door verified it.
type Message struct {
	Service uuid.UUID // whose key signed it
	Key     string    // the id of that key; "" for a poll's, whose key was looked up just now
	ID      string    // the service's id of the message
	Body    []byte    // SHA-256 of the raw body
	Answers []Answer
	Polled  bool // it is the answer to a poll and not a message of its own
}
