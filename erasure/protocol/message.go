package protocol

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Requests is one message of task requests to one service.
type Requests struct {
	Spec     string    `json:"spec"`
	Type     string    `json:"type"`
	Issuer   string    `json:"issuer"`    // Lethe's public URL
	Audience string    `json:"audience"`  // the service's ref; a service refuses any other
	IssuedAt time.Time `json:"issued_at"` //
	Tasks    []Task    `json:"tasks"`     // 1 to maxTasks
}

// Task is what one service is asked about one person.
type Task struct {
	Task         uuid.UUID    `json:"task"` // the idempotency key, for ever
	Seq          int64        `json:"seq"`  // from 1; rises when Lethe renews the request (new dates)
	Action       Action       `json:"action"`
	Case         string       `json:"case"`                  // the case number, for people
	Controller   string       `json:"controller"`            // ref of the legal entity that is responsible
	Wave         int          `json:"wave"`                  // order within the plan; information only
	PlanDigest   string       `json:"plan_digest"`           // hex SHA-256 of the approved plan; empty for resolve and locate
	ReceivedOn   Date         `json:"received_on"`           // when the person asked
	DueOn        Date         `json:"due_on"`                // when the law wants the answer
	EraseBefore  time.Time    `json:"erase_before,omitzero"` // data created later belongs to a new relationship
	ExpiresAt    time.Time    `json:"expires_at"`            // the service does not begin after this
	Cancels      uuid.UUID    `json:"cancels,omitzero"`      // action cancel: the task to stop
	Identifiers  []Identifier `json:"identifiers,omitempty"`
	Sealed       string       `json:"sealed_identifiers,omitempty"` // instead: base64 of an age file of the JSON array
	Datasets     []Dataset    `json:"datasets,omitempty"`           // what the plan wants answered; none for resolve and cancel
	ReplyTo      string       `json:"reply_to"`                     // where results go
	PartsTo      string       `json:"parts_to,omitempty"`           // action export: where parts go
	MaxPartBytes int64        `json:"max_part_bytes,omitzero"`      // action export
}

// Fingerprint identifies what a task asks, so that a service can tell a repeat
// from the same id with other content. ids are the opened identifiers: sealing
// the same ones twice gives different bytes. Dates and seq may be renewed and
// do not count.
func (t Task) Fingerprint(ids []Identifier) string {
	h := sha256.New()
	line := func(words ...string) {
		for _, w := range words {
			fmt.Fprintf(h, "%d:%s,", len(w), w)
		}
		io.WriteString(h, "\n")
	}
	line(string(t.Action), t.Case, t.Controller, t.PlanDigest, t.Cancels.String())
	names := make([]string, 0, len(t.Datasets))
	for _, d := range t.Datasets {
		names = append(names, d.ID.String())
	}
	slices.Sort(names)
	line(names...)
	sorted := slices.SortedFunc(slices.Values(ids), func(a, b Identifier) int {
		return strings.Compare(a.Type+"\x00"+a.Value, b.Type+"\x00"+b.Value)
	})
	for _, id := range sorted {
		line(id.Type, id.Value)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Identifier is one way to name a person. It prints as its type only: a value
// that reached a log would be a second copy to erase.
type Identifier struct {
	Type  string `json:"type"` // ^[a-z][a-z0-9_]{0,39}$
	Value string `json:"value"`
}

// String names the type and hides the value.
func (i Identifier) String() string { return i.Type + ":…" }

// Format hides the value from every verb of fmt.
func (i Identifier) Format(f fmt.State, _ rune) { io.WriteString(f, i.String()) }

// LogValue hides the value from slog.
func (i Identifier) LogValue() slog.Value { return slog.StringValue(i.String()) }

// Dataset names one dataset of the plan.
type Dataset struct {
	ID        uuid.UUID `json:"id"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
}

// Acceptance is a service's 202: which tasks it has written down, which not.
type Acceptance struct {
	Accepted []uuid.UUID `json:"accepted"`
	Rejected []Rejection `json:"rejected,omitempty"`
}

// Rejection is a task that a service does not take, and why.
type Rejection struct {
	Task uuid.UUID `json:"task"`
	Code Code      `json:"code"`
}

// Results is one message of task results from one service. It is also the
// answer to a poll.
type Results struct {
	Spec     string    `json:"spec"`
	Type     string    `json:"type"`
	Issuer   string    `json:"issuer"`   // the service's ref
	Audience string    `json:"audience"` // Lethe's public URL
	IssuedAt time.Time `json:"issued_at"`
	Results  []Result  `json:"results"` // 1 to maxTasks
}

// Result is how far a service is with one task. Outcomes and parts of several
// results of a task add up; for the same dataset or part the higher seq counts.
type Result struct {
	Task       uuid.UUID        `json:"task"`
	Seq        int64            `json:"seq"`         // from 1, strictly rising for each task
	PlanDigest string           `json:"plan_digest"` // as in the task request
	State      State            `json:"state"`
	Code       Code             `json:"code,omitempty"`     // required when refused or failed
	Retryable  bool             `json:"retryable,omitzero"` // failed: sending the task again may help
	Outcomes   []DatasetOutcome `json:"outcomes,omitempty"` //
	Resolved   *Resolved        `json:"resolved,omitempty"` // action resolve only
	Parts      []Part           `json:"parts,omitempty"`    // action export only
}

// DatasetOutcome is what became of one dataset.
type DatasetOutcome struct {
	Dataset     uuid.UUID `json:"dataset"`
	Outcome     Outcome   `json:"outcome"`
	Count       int64     `json:"count"`                  // rows or records concerned, 0 to maxCount
	Method      string    `json:"method,omitempty"`       // delete, anonymise, crypto_shred, tombstone, expire
	Ground      string    `json:"ground,omitempty"`       // retained: 17(3)(a) to 17(3)(e)
	Until       Date      `json:"until,omitempty"`        // retained: the last day, where one is known
	EffectiveBy Date      `json:"effective_by,omitempty"` // when the last byte can be gone; required for pending_expiry
}

// Resolved says under which identifiers a service knows a person, and how many
// people the question led to.
type Resolved struct {
	People      int          `json:"people"`
	Identifiers []Identifier `json:"identifiers,omitempty"`
}

// Part is one part of an export as the service declares it.
type Part struct {
	Dataset  uuid.UUID `json:"dataset"`
	N        int       `json:"n"` // from 1
	Bytes    int64     `json:"bytes"`
	Records  int64     `json:"records"`
	SHA256   string    `json:"sha256"`             // hex
	Format   string    `json:"format"`             // ndjson, json, csv, binary
	SchemaID int       `json:"schema_id,omitzero"` // id in Lethe's schema registry of the schema of a record; 0 = none
}

// Dispositions is Lethe's answer to a message of results.
type Dispositions struct {
	Results []TaskDisposition `json:"results"`
}

// TaskDisposition is what Lethe did with the result of one task.
type TaskDisposition struct {
	Task        uuid.UUID   `json:"task"`
	Disposition Disposition `json:"disposition"`
	Code        string      `json:"code,omitempty"`
}

// Ping is the challenge of registration: only the holder of the service's key
// can answer it.
type Ping struct {
	Spec     string    `json:"spec"`
	Type     string    `json:"type"`
	Issuer   string    `json:"issuer"`
	Audience string    `json:"audience"`
	Nonce    string    `json:"nonce"` // 16 to 64 characters of A-Z a-z 0-9 _ -
	IssuedAt time.Time `json:"issued_at"`
}

// Pong answers a Ping.
type Pong struct {
	Spec      string      `json:"spec"`
	Type      string      `json:"type"`
	Issuer    string      `json:"issuer"` // the service's ref
	Nonce     string      `json:"nonce"`
	Keys      []PublicKey `json:"keys"`                // 1 to 4, the one that signed this answer among them
	Recipient string      `json:"recipient,omitempty"` // age X25519 recipient for sealed identifiers
}

// PublicKey is an ed25519 key a service signs with.
type PublicKey struct {
	ID     string            `json:"id"`
	Public ed25519.PublicKey `json:"public_key"` // base64 of 32 bytes
}

// Date is a calendar day, YYYY-MM-DD; empty when there is none.
type Date string

// DateOf is the day of t in t's own time zone.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// Time is midnight UTC of d, and whether d is a day at all.
func (d Date) Time() (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, string(d))
	return t, err == nil
}
