// Package tree verifies the audit log without its database: the bytes of an
// entry, checkpoints, keys, and the proofs that an entry stands in the log and
// that the log only grew. Hashes and proofs are those of RFC 6962, checkpoints
// those of C2SP (c2sp.org/tlog-checkpoint), so that other tools verify them
// too.
package tree

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/tlog"
)

// Entry is one act as it stands in the log. Nothing in it is personal: people
// are ids, and there is no field for prose.
type Entry struct {
	ID        uuid.UUID
	At        time.Time        // by the database's clock, to the microsecond
	ActorID   uuid.UUID        // the principal who acted
	Act       string           // what was done, "request.opened"
	EntityID  *uuid.UUID       // what it was done to
	RequestID *uuid.UUID       // the data subject's request it belongs to
	Code      string           // outcome, reason or role; "" for none
	Digest    []byte           // SHA-256 of what was decided on, sent or received
	Day       *time.Time       // a date the act is about
	Amounts   map[string]int64 // counts
}

// wire is an entry in JSON. Its fields stand in the order of their names, so
// that encoding it yields the canonical form of RFC 8785.
type wire struct {
	Act     string           `json:"act"`
	Actor   uuid.UUID        `json:"actor"`
	Amounts map[string]int64 `json:"amounts,omitempty"`
	At      string           `json:"at"`
	Code    string           `json:"code,omitempty"`
	Day     string           `json:"day,omitempty"`
	Digest  string           `json:"digest,omitempty"`
	Entity  *uuid.UUID       `json:"entity,omitempty"`
	ID      uuid.UUID        `json:"id"`
	Request *uuid.UUID       `json:"request,omitempty"`
	V       int              `json:"v"`
}

// version is that of the form of an entry's bytes.
const version = 1

const instant = "2006-01-02T15:04:05.000000Z"

// Leaf returns the bytes that are hashed into the tree: the entry as JSON in
// the canonical form of RFC 8785, amounts kept exact beyond 2^53.
func (e Entry) Leaf() []byte {
	w := wire{
		V: version, ID: e.ID, At: e.At.UTC().Format(instant), Actor: e.ActorID, Act: e.Act,
		Entity: e.EntityID, Request: e.RequestID, Code: e.Code, Amounts: e.Amounts,
		Digest: hex.EncodeToString(e.Digest),
	}
	if e.Day != nil {
		w.Day = e.Day.Format(time.DateOnly)
	}
	// Strings, ids and numbers cannot fail to encode, and the characters that
	// Go would escape beyond RFC 8785 are refused by the table's constraints.
	b, _ := json.Marshal(w)
	return b
}

// Hash returns the entry's leaf hash: SHA-256 of a zero byte and the leaf.
func (e Entry) Hash() tlog.Hash { return tlog.RecordHash(e.Leaf()) }

// MarshalJSON writes the entry as it is hashed.
func (e Entry) MarshalJSON() ([]byte, error) { return e.Leaf(), nil }

// UnmarshalJSON reads an entry. A field that an entry has not is refused: it
// would not be covered by the hash.
func (e *Entry) UnmarshalJSON(b []byte) error {
	var w wire
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return fmt.Errorf("audit entry: %w", err)
	}
	if w.V != version {
		return fmt.Errorf("audit entry: its form is version %d, this program knows %d", w.V, version)
	}
	at, err := time.Parse(instant, w.At)
	if err != nil {
		return fmt.Errorf("audit entry: at is not a time of the form %s", instant)
	}
	digest, err := hex.DecodeString(w.Digest)
	if err != nil {
		return fmt.Errorf("audit entry: digest is not hexadecimal")
	}
	*e = Entry{ID: w.ID, At: at, ActorID: w.Actor, Act: w.Act, EntityID: w.Entity, RequestID: w.Request, Code: w.Code, Amounts: w.Amounts}
	if len(digest) > 0 {
		e.Digest = digest
	}
	if w.Day != "" {
		day, err := time.Parse(time.DateOnly, w.Day)
		if err != nil {
			return fmt.Errorf("audit entry: day is not a date of the form %s", time.DateOnly)
		}
		e.Day = &day
	}
	return nil
}
