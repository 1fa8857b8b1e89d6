package pipeline

import (
	"net/http"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/problem"
	"github.com/flowmart/lethe/schemas"
	"github.com/flowmart/lethe/schemas/contract"
)

// Where a service says with which schema it reads, and where somebody asks what
// can be taken away.
const (
	ReadersPath = "/api/v1/schemas/readers"
	SafePath    = "/api/v1/schemas/safe"
)

// Reader is a service that reads a subject's data with a schema, or where it
// has none with a version of the subject, the latest where that is left out.
type Reader struct {
	ID      string `json:"id,omitempty"` // given by the registry
	Service string `json:"service"`
	Name    string `json:"name,omitempty"` // of the program, where the service has several
	Version int    `json:"version,omitempty"`
	Schema
}

func (d *Door) declareReader(w http.ResponseWriter, r *http.Request) {
	q, err := problem.Read[Reader](r, `{"subject":"orders-value","service":"billing","version":3}`, "make the schema smaller")
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	s, err := q.Submission()
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	if s.Version = q.Version; s.Version == 0 {
		s.Version = schemas.Latest
	}
	n, err := d.registry.DeclareReader(r.Context(), access.From(r.Context()), q.Service, q.Name, s)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	out := Reader{ID: n.ID.String(), Service: q.Service, Name: n.Name, Schema: Schema{Subject: n.Subject, Type: n.Type, Text: n.Text}}
	if n.Version != nil {
		out.Version = *n.Version
	}
	send(w, out)
}

// Contraction is what somebody would like to take away: a field of a subject or
// a version of it.
type Contraction struct {
	Subject string `json:"subject"`
	Field   string `json:"field,omitempty"`
	Version int    `json:"version,omitempty"`
}

// Safe is whether it can be: YES, NO or UNKNOWN, and why.
type Safe struct {
	Safety    contract.Safety `json:"safety"`
	Witnesses []Witness       `json:"witnesses"`
}

// Witness is one reason, in the words of the API.
type Witness struct {
	Safety  contract.Safety `json:"safety"`
	Service string          `json:"service,omitempty"`
	Owner   string          `json:"owner,omitempty"`
	Group   string          `json:"group,omitempty"`
	Reason  string          `json:"reason"`
}

func (d *Door) safe(w http.ResponseWriter, r *http.Request) {
	q, err := problem.Read[Contraction](r, `{"subject":"orders-value","field":"note"}`, "ask about one field")
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	a, err := d.registry.SafeToContract(r.Context(), access.From(r.Context()), contract.Question{Subject: q.Subject, Field: q.Field, Version: q.Version})
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	out := Safe{Safety: a.Safety, Witnesses: []Witness{}}
	for _, one := range a.Witnesses {
		out.Witnesses = append(out.Witnesses, Witness(one))
	}
	send(w, out)
}
