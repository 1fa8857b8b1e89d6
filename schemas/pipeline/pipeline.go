// Package pipeline is the registry's door for what decides whether a change is
// merged: it tells what registering schemas would come to, several at once and
// with what they refer to among them, and writes nothing. It speaks JSON over
// HTTP; mistakes of a request are problems (RFC 9457), what is wrong with a
// schema is a finding. The caller is who the server put into the request's
// context.
package pipeline

import (
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/problem"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/report"
)

// Path is where schemas are checked.
const Path = "/api/v1/schemas/check"

// Question is the body of a check.
type Question struct {
	Schemas few[Schema] `json:"schemas"`
}

// Schema is a schema on its way to a subject.
type Schema struct {
	Subject    string            `json:"subject"`
	Type       string            `json:"schemaType,omitempty"` // AVRO where it is left out
	Text       string            `json:"schema"`
	References few[Reference]    `json:"references,omitempty"`
	Metadata   *schemas.Metadata `json:"metadata,omitempty"`
	RuleSet    *schemas.RuleSet  `json:"ruleSet,omitempty"`
	// What the subject is to be set to: the schema is held against it, too.
	Level  schemas.Level `json:"compatibility,omitempty"`
	Policy gate.Policy   `json:"gate,omitempty"`
	Topics []string      `json:"topics,omitempty"`
}

// Reference is what a schema takes from another subject; without a version,
// from its latest, which may be one that is checked along.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version,omitempty"`
}

// Submission is the schema as the registry takes it.
func (s Schema) Submission() (schemas.Submission, error) {
	out := schemas.Submission{Subject: s.Subject, Type: s.Type, Text: s.Text, Metadata: s.Metadata, RuleSet: s.RuleSet}
	if err := out.Intend(s.Level, s.Policy, s.Topics); err != nil {
		return out, err
	}
	for _, r := range s.References {
		if r.Version == 0 {
			r.Version = schemas.Latest
		}
		out.References = append(out.References, schemas.Reference(r))
	}
	return out, nil
}

// Door answers requests. Make it with New.
type Door struct {
	registry *schemas.Registry
	log      *slog.Logger
}

// New returns a door to a registry. It logs only what went wrong on our side.
func New(registry *schemas.Registry, log *slog.Logger) *Door { return &Door{registry, log} }

// Mount mounts the door.
func (d *Door) Mount(mux *http.ServeMux) {
	mux.HandleFunc("POST /api/v1/schemas/check", d.check)
	mux.HandleFunc("POST /api/v1/schemas/readers", d.declareReader)
	mux.HandleFunc("POST /api/v1/schemas/safe", d.safe)
}

func (d *Door) check(w http.ResponseWriter, r *http.Request) {
	q, err := problem.Read[Question](r, `{"schemas":[{"subject":"orders-value","schema":"…"}]}`, "check fewer schemas at a time")
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	all := make([]schemas.Submission, len(q.Schemas))
	for i, s := range q.Schemas {
		if all[i], err = s.Submission(); err != nil {
			d.refuse(w, r, err)
			return
		}
	}
	found, err := d.registry.Check(r.Context(), access.From(r.Context()), all)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	send(w, report.Of(found))
}

func (d *Door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if fault.All(err) == nil && !postgres.Away(err) && r.Context().Err() == nil {
		d.log.ErrorContext(r.Context(), "schemas", "request_id", w.Header().Get(problem.RequestID), "err", err)
	}
	problem.Write(w, err)
}

func send(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // the client may have gone
}
