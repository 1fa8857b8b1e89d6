// Package protocol is the language Lethe and a service speak about one person's
// data: the messages of lethe-rights/1, what they may say, and how they are
// read without trusting them. The specification is docs/rights-protocol.md;
// sub-package signature signs and verifies.
//
// Whatever arrives is read in one way: at most so many bytes, valid UTF-8, no
// member twice, none unknown, nothing nested deep, every word from a list. A
// message that breaks a rule is refused with a code and the place of the
// mistake. What the sender wrote is never repeated: it may be a name.
package protocol

import (
	"slices"
)

// Spec names this version of the protocol in every message.
const Spec = "lethe-rights/1"

// The limits of docs/rights-protocol.md, "Limits".
const (
	MaxRequestsBytes = 256 << 10 // one message of task requests
	MaxResultsBytes  = 64 << 10  // one message of task results, and every reply of a service
	maxTasks         = 500       // task requests, or results, in one message
	maxIdentifiers   = 100       // identifiers of one person in one task
	maxCount         = 1e9       // rows, records or people; a telephone number does not fit
	MaxPartBytes     = 1 << 40   // one part of an export
	maxSeq           = 1<<31 - 1 // the number of a result
	maxDepth         = 16
	maxValueBytes    = 512
	maxSealedBytes   = 128 << 10
)

// The types of message.
const (
	TypeRequests = "task_requests"
	TypeResults  = "task_results"
	TypePing     = "ping"
	TypePong     = "pong"
)

// Action is what a service is asked to do.
type Action string

// The actions.
const (
	Resolve    Action = "resolve"    // say under which other identifiers you know this person
	Locate     Action = "locate"     // count what you hold, change nothing
	Erase      Action = "erase"      // erase what you hold
	Export     Action = "export"     // hand over what you hold, as parts
	Probe      Action = "probe"      // look into the storage: is anything left?
	Cancel     Action = "cancel"     // stop another task, if it is not too late
	Restrict   Action = "restrict"   // keep, but stop using (Art. 18 GDPR)
	Unrestrict Action = "unrestrict" // lift a restriction
	Rectify    Action = "rectify"    // the person's data were wrong: fetch them anew (Art. 16 GDPR)
)

// actions lists every action.
var actions = []Action{Resolve, Locate, Erase, Export, Probe, Cancel, Restrict, Unrestrict, Rectify}

// State is how far a service is with a task.
type State string

// The states. Done, Refused and Failed are final unless a failure is retryable.
const (
	Working State = "working"
	Done    State = "done"
	Refused State = "refused" // the service will not do it; the code says why
	Failed  State = "failed"  // the service could not do it; the code says why
)

var states = []State{Working, Done, Refused, Failed}

// Final reports whether nothing more is expected from the service after s.
func (s State) Final() bool { return s == Done || s == Refused || s == Failed }

// Outcome is what became of one dataset.
type Outcome string

// The outcomes.
const (
	Erased          Outcome = "erased"
	Anonymised      Outcome = "anonymised"
	PartiallyErased Outcome = "partially_erased"
	CryptoShredded  Outcome = "crypto_shredded"
	PendingExpiry   Outcome = "pending_expiry" // gone by itself on effective_by
	NotFound        Outcome = "not_found"
	Retained        Outcome = "retained" // kept on a ground, until a day where one is known
	NotApplicable   Outcome = "not_applicable"
	Present         Outcome = "present"
	Absent          Outcome = "absent"
	Exported        Outcome = "exported"
	Restricted      Outcome = "restricted"
	Unrestricted    Outcome = "unrestricted"
	Rectified       Outcome = "rectified"
)

// answers says which outcomes may answer which action.
var answers = map[Action][]Outcome{
	Resolve:    {},
	Locate:     {Present, Absent},
	Probe:      {Present, Absent},
	Erase:      {Erased, Anonymised, PartiallyErased, CryptoShredded, PendingExpiry, NotFound, Retained, NotApplicable},
	Export:     {Exported, NotFound, NotApplicable},
	Cancel:     {},
	Restrict:   {Restricted, NotFound, NotApplicable},
	Unrestrict: {Unrestricted, NotFound, NotApplicable},
	Rectify:    {Rectified, NotFound, NotApplicable},
}

// Outcomes lists the outcomes that may answer a.
func (a Action) Outcomes() []Outcome { return slices.Clone(answers[a]) }

var outcomes = []Outcome{Erased, Anonymised, PartiallyErased, CryptoShredded, PendingExpiry, NotFound, Retained,
	NotApplicable, Present, Absent, Exported, Restricted, Unrestricted, Rectified}

// methods lists how data may have gone.
var methods = []string{"delete", "anonymise", "crypto_shred", "tombstone", "expire"}

// formats lists what a part of an export may be.
var formats = []string{"ndjson", "json", "csv", "binary"}

// Code is why a task was refused or failed, or why a message was not taken.
// The list is closed: an open one would be a place to write a name.
type Code string

// The codes.
const (
	UnsupportedIdentifier Code = "UNSUPPORTED_IDENTIFIER" // the service does not know this type of identifier
	UnsupportedAction     Code = "UNSUPPORTED_ACTION"
	UnknownDataset        Code = "UNKNOWN_DATASET"
	TaskConflict          Code = "TASK_CONFLICT" // the same task id came with other content
	TaskExpired           Code = "TASK_EXPIRED"
	CannotUnseal          Code = "CANNOT_UNSEAL"       // sealed to a key the service no longer has
	SeveralPeople         Code = "SEVERAL_PEOPLE"      // the identifiers lead to more than one person
	LegalHold             Code = "LEGAL_HOLD"          // a duty to keep, for the whole task
	LegalObligation       Code = "LEGAL_OBLIGATION"    // Art. 17(3)(b) for the whole task
	Cancelled             Code = "CANCELLED"           // stopped by a cancel task
	TooLate               Code = "TOO_LATE"            // the task to cancel was already carried out
	UnknownTask           Code = "UNKNOWN_TASK"        // the task to cancel was never seen
	StorageUnavailable    Code = "STORAGE_UNAVAILABLE" // the database or bucket is away
	UploadFailed          Code = "UPLOAD_FAILED"       // parts could not be handed over
	InternalError         Code = "INTERNAL_ERROR"
	Overloaded            Code = "OVERLOADED"
	NeedsPerson           Code = "NEEDS_PERSON" // a person at the service must decide
)

// Codes lists every code.
var Codes = []Code{UnsupportedIdentifier, UnsupportedAction, UnknownDataset, TaskConflict, TaskExpired, CannotUnseal,
	SeveralPeople, LegalHold, LegalObligation, Cancelled, TooLate, UnknownTask, StorageUnavailable, UploadFailed,
	InternalError, Overloaded, NeedsPerson}

// Disposition is what Lethe did with one result.
type Disposition string

// The dispositions. Every one of them ends the service's duty to send again.
const (
	Recorded  Disposition = "recorded"
	Duplicate Disposition = "duplicate" // the same result was here before
	Late      Disposition = "late"      // the task was over, or a higher seq was here before; kept, changes nothing
	Conflict  Disposition = "conflict"  // contradicts what was said before; a person looks at it
	Rejected  Disposition = "rejected"  // breaks a rule named by the code
)

var dispositions = []Disposition{Recorded, Duplicate, Late, Conflict, Rejected}
