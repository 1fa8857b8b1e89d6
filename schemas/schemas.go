// Package schemas is the registry of the schemas that data travel in: subjects
// and their versions, which id stands for which content, what may follow what,
// and which fields the catalog knows because of it.
//
// Two schemas are the same if their canonical text and what they refer to are
// the same. An id is given once and stands for one content for ever, because
// it is written in front of every message.
package schemas

import (
	"crypto/sha256"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/schemas/avro"
	"github.com/flowmart/lethe/schemas/detect"
	"github.com/flowmart/lethe/schemas/format"
	"github.com/flowmart/lethe/schemas/jsonschema"
	"github.com/flowmart/lethe/schemas/protobuf"
)

// Registry registers schemas and finds them again. It is safe for concurrent
// use. It remembers content, which never changes, and what is registered, which
// it keeps exact (see snapshot).
type Registry struct {
	db       *pgxpool.Pool
	now      func() time.Time
	clusters []string

	texts  *lru[[sha256.Size]byte, *content] // by what was sent
	parsed *lru[contentID, format.Schema]
	byID   *lru[contentID, packed]
	warm   *lru[contentID, warm] // of those, what is often asked for
	asked  *lately               // … and what was a moment ago

	verdicts *lru[[sha256.Size]byte, Verdict]
	guesses  *lru[part, []detect.Suggestion]
	looks    *sync.Pool // of *detect.Memory: what the detector remembers, for one who asks at a time

	subjects *snapshot

	queue *queue

	elsewhere *elsewhere // that is written to in the mode FORWARD; nil for none
	copying   bool       // of that mode: what is here is changed, and nothing elsewhere

	spells bool // see Spelling

	// Of a unit of work that registers: contents that are not committed.
	fresh map[contentID]*fresh

	// Of a rehearsal (see Check).
	rehearsed map[place]*state
	drafts    int
}

// New returns a registry kept in db. It is of the Kafka clusters named: their
// topics are what its subjects are called after. Without one, it is of the
// cluster "default".
func New(db *pgxpool.Pool, now func() time.Time, clusters ...string) *Registry {
	if len(clusters) == 0 {
		clusters = []string{"default"}
	}
	r := &Registry{
		db: db, now: now, clusters: clusters,
		texts:  newLRU[[sha256.Size]byte, *content](32 << 20),
		parsed: newLRU[contentID, format.Schema](64 << 20),
		byID:   newLRU[contentID, packed](256 << 20),
		warm:   newLRU[contentID, warm](16 << 20),
		asked:  &lately{seed: maphash.MakeSeed()},

		verdicts: newLRU[[sha256.Size]byte, Verdict](16 << 20),
		guesses:  newLRU[part, []detect.Suggestion](32 << 20),
		looks:    &sync.Pool{New: func() any { return new(detect.Memory) }},
	}
	r.subjects, r.queue = newSnapshot(db, r.forget), newQueue()
	return r
}

// forget drops contents whose id stands for nothing any more.
func (r *Registry) forget(ids []contentID) {
	for _, id := range ids {
		r.byID.drop(id)
		r.warm.drop(id)
		r.parsed.drop(id)
	}
}

// contentID is an id with the context it was given in: each counts for itself.
type contentID struct {
	context string
	id      int
}

// Avro is the type of a schema that does not say its type.
const Avro = "AVRO"

// formats are the types of schema that are taken.
var formats = map[string]format.Read{
	Avro:       avro.Read,
	"JSON":     jsonschema.Read,
	"PROTOBUF": protobuf.Read,
}

// bringing are the same for a registered schema that another one refers to.
var bringing = map[string]format.Read{
	Avro:       avro.Bring,
	"JSON":     jsonschema.Bring,
	"PROTOBUF": protobuf.Bring,
}

// Types lists the types of schema that are taken, sorted.
func Types() []string { return slices.Sorted(maps.Keys(formats)) }

// Reference is what a schema takes from a version of another subject.
type Reference struct {
	Name    string // the full name of the type it takes
	Subject string // of the same context, unless it says another
	Version int    // −1 for the latest, as it is when the schema is registered
}

// Submission is a schema as someone hands it in.
type Submission struct {
	Subject    string
	Type       string // "" for AVRO
	Text       string
	References []Reference
	Metadata   *Metadata // nil for the latest version's; an empty one for none
	RuleSet    *RuleSet  // likewise
	// Normalize has the text kept in the form that depends least on how it was
	// put into words; a subject may ask for that, too.
	Normalize bool
	// Tags to put into the text, and to take out of it; KeepTags has what is
	// untagged there get the tags that the latest version has at it.
	AddTags, RemoveTags []format.Tagged
	KeepTags            bool
	// Force has it registered although the level refuses it, by who may set the
	// level. The gate, reserved fields and the mode count as ever.
	Force bool
	// ID is the id the content must get, in the mode IMPORT; else 0.
	ID int
	// Version is the number the version must get, for who wants to be sure
	// that nobody came between; 0 for whatever is next.
	Version int
	// Intended is what the level, the policy and the topics of the subject are to
	// be set to, for a check; a registration goes by what holds.
	Intended Config
}

// Form names the form that the text is in, if it is not that of a text: a
// descriptor of Protobuf. Show writes a schema in it.
func (s Submission) Form() string {
	if s.Type != "PROTOBUF" {
		return ""
	}
	return protobuf.FormOf(s.Text)
}

// Schema is the content that an id stands for.
type Schema struct {
	Context    string // that gave the id
	ID         int
	Type       string
	Text       string      // canonical
	References []Reference `db:"-"`
	Metadata   *Metadata
	RuleSet    *RuleSet
	GUID       uuid.UUID       // the same for the content in every context
	Tags       []format.Tagged `db:"-"` // that stand in the text, where View asks for them

	spelling spelling // of a text that is left out; see Spelling
}

// Version is a schema as a version of a subject.
type Version struct {
	Subject      string
	Version      int
	RegisteredAt time.Time
	Deleted      bool
	Schema
	Aliases []string // the other names that lead to the subject, where a Listing asks for them
}

// SubjectVersion names a version of a subject.
type SubjectVersion struct {
	Subject string
	Version int
}

// Latest stands for the newest version wherever a version is asked for.
const Latest = -1

// signedIn refuses whoever did not say who they are. Schemas describe data and
// hold none, so every principal may read them.
func signedIn(by access.Principal) error {
	if by.ID != uuid.Nil {
		return nil
	}
	return by.Require(access.Viewer)
}
