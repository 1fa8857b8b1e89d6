package server

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/flowmart/lethe/catalog/trust"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/problem"
)

// trustsDoor declares, lists and ends trusts.
type trustsDoor struct {
	trusts *trust.Trusts
	log    *slog.Logger
}

// Mount mounts the door.
func (d *trustsDoor) Mount(mux *http.ServeMux) {
	mux.HandleFunc("POST /api/v1/trusts", d.declare)
	mux.HandleFunc("GET /api/v1/trusts", d.list)
	mux.HandleFunc("DELETE /api/v1/trusts/{id}", d.end)
}

// shownTrust is a trust as it is sent and told.
type shownTrust struct {
	ID          string        `json:"id,omitempty"`
	Provider    string        `json:"provider,omitempty"` // by the issuer
	Issuer      string        `json:"issuer"`
	Repository  int64         `json:"repository"`
	Owner       int64         `json:"owner"`
	Workflow    string        `json:"workflow"`
	Ref         string        `json:"ref,omitempty"`
	Environment string        `json:"environment,omitempty"`
	Events      []string      `json:"events,omitempty"`
	Service     string        `json:"service"`
	Verbs       []access.Verb `json:"verbs"`
	Subjects    []string      `json:"subjects,omitempty"`
	Label       string        `json:"label"`
	CreatedAt   *time.Time    `json:"createdAt,omitempty"`
	EndedAt     *time.Time    `json:"endedAt,omitempty"`
}

func showTrust(t trust.Trust) shownTrust {
	return shownTrust{t.ID.String(), string(t.Provider), t.Issuer, t.Repository, t.Owner, t.Workflow, t.Ref, t.Environment, t.Events,
		t.Service, t.Verbs, t.Subjects, t.Label, &t.CreatedAt, t.EndedAt}
}

func (d *trustsDoor) declare(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	asked, err := problem.Read[shownTrust](r, `{"issuer":"https://token.actions.githubusercontent.com","repository":74,"owner":65,"workflow":".github/workflows/schemas.yml","service":"orders","verbs":["register"],"subjects":["orders.*"],"label":"acme/orders"}`, "a trust takes a few words")
	if err != nil {
		problem.Write(w, err)
		return
	}
	t, err := d.trusts.Declare(r.Context(), access.From(r.Context()), trust.Trust{
		Issuer: asked.Issuer, Repository: asked.Repository, Owner: asked.Owner, Workflow: asked.Workflow, Ref: asked.Ref, Environment: asked.Environment, Events: asked.Events,
		Service: asked.Service, Verbs: asked.Verbs, Subjects: asked.Subjects, Label: asked.Label,
	})
	tell(w, r, d.log, "trusts", showTrust(t), err)
}

func (d *trustsDoor) list(w http.ResponseWriter, r *http.Request) {
	found, err := d.trusts.List(r.Context(), access.From(r.Context()), r.URL.Query().Get("service"))
	out := []shownTrust{}
	for _, t := range found {
		out = append(out, showTrust(t))
	}
	tell(w, r, d.log, "trusts", map[string]any{"trusts": out}, err)
}

func (d *trustsDoor) end(w http.ResponseWriter, r *http.Request) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		problem.Write(w, fault.New(fault.NotFound, "TRUST_NOT_FOUND", "there is no such trust; lethe trust list shows them"))
		return
	}
	t, err := d.trusts.End(r.Context(), access.From(r.Context()), id)
	tell(w, r, d.log, "trusts", showTrust(t), err)
}
