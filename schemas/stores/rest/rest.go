// Package rest is the door through which pipelines say what the tables of a
// store look like: JSON over HTTP. Mistakes of a request are problems (RFC
// 9457), what is wrong with the files is a finding. The caller is who the server
// put into the request's context.
package rest

import (
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/problem"
	"github.com/flowmart/lethe/schemas/gate"
	"github.com/flowmart/lethe/schemas/stores"
)

// Door answers requests. Make it with New.
type Door struct {
	stores *stores.Stores
	log    *slog.Logger
}

// New returns a door to the schemas of stores. It logs only what went wrong on
// our side.
func New(s *stores.Stores, log *slog.Logger) *Door { return &Door{s, log} }

// Path is where a store's tables are.
func Path(store string) string { return "/api/v1/schemas/stores/" + store }

// Mount mounts the door.
func (d *Door) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/schemas/stores/{store}", d.latest)
	mux.HandleFunc("POST /api/v1/schemas/stores/{store}", d.push)
	mux.HandleFunc("POST /api/v1/schemas/stores/{store}/check", d.check)
	mux.HandleFunc("PUT /api/v1/schemas/stores/{store}/gate", d.gate)
}

func (d *Door) latest(w http.ResponseWriter, r *http.Request) {
	s, err := d.stores.Latest(r.Context(), access.From(r.Context()), r.PathValue("store"))
	d.answer(w, r, s, err)
}

func (d *Door) check(w http.ResponseWriter, r *http.Request) {
	sub, err := read[stores.Submission](r)
	var a stores.Answer
	if err == nil {
		a, err = d.stores.Check(r.Context(), access.From(r.Context()), r.PathValue("store"), sub)
	}
	d.answer(w, r, a, err)
}

func (d *Door) push(w http.ResponseWriter, r *http.Request) {
	sub, err := read[stores.Submission](r)
	var a stores.Answer
	if err == nil {
		a, err = d.stores.Push(r.Context(), access.From(r.Context()), r.PathValue("store"), sub)
	}
	d.answer(w, r, a, err)
}

// setting is the body of a change of the gate.
type setting struct {
	Policy gate.Policy `json:"policy"`
}

func (d *Door) gate(w http.ResponseWriter, r *http.Request) {
	s, err := read[setting](r)
	if err == nil {
		_, err = d.stores.SetPolicy(r.Context(), access.From(r.Context()), r.PathValue("store"), s.Policy)
	}
	d.answer(w, r, s, err)
}

func (d *Door) answer(w http.ResponseWriter, r *http.Request, v any, err error) {
	if err != nil {
		if fault.All(err) == nil && !postgres.Away(err) && r.Context().Err() == nil {
			d.log.ErrorContext(r.Context(), "schema of a store", "request_id", w.Header().Get(problem.RequestID), "err", err)
		}
		problem.Write(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // the client may have gone
}

const like = `{"format":"sql","files":[{"path":"schema.sql","text":"…"}]}, or {"policy":"ENFORCE"} for the gate`

func read[T any](r *http.Request) (T, error) {
	return problem.Read[T](r, like, "leave out the files that only fill tables")
}
