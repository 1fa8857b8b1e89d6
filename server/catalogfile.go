package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/yaml"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/postgres"
	"github.com/flowmart/lethe/internal/problem"
)

// catalogFile takes and gives the catalog as a file, which is larger than what
// GraphQL takes. The command line is its only customer.
type catalogFile struct {
	db      *pgxpool.Pool
	catalog *catalog.Catalog
	log     *slog.Logger
}

// fileFor bounds an import or an export; the listener's own bound is 30 s.
const fileFor = 25 * time.Second

// Mount mounts the door.
func (d *catalogFile) Mount(mux *http.ServeMux) {
	mux.HandleFunc("POST /api/v1/catalog", d.take)
	mux.HandleFunc("GET /api/v1/catalog", d.give)
}

// taken is the answer to an import.
type taken struct {
	Changes   []taking `json:"changes"`
	Unchanged int      `json:"unchanged"`
	DryRun    bool     `json:"dryRun"`
}

type taking struct {
	Action string   `json:"action"`
	Kind   string   `json:"kind"`
	Ref    string   `json:"ref"`
	Keys   []string `json:"keys,omitempty"`
	Line   int      `json:"line,omitempty"`
}

func (d *catalogFile) take(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), fileFor)
	defer cancel()
	text, err := io.ReadAll(r.Body)
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		problem.Write(w, fault.New(fault.TooLarge, "BODY_TOO_LARGE", "a catalog file has at most 4 MiB; split it, each part can be imported alone"))
		return
	}
	if err != nil {
		problem.WriteStatus(w, http.StatusBadRequest, fault.New(fault.Invalid, "BAD_BODY", "the request broke off"))
		return
	}
	dryRun := r.URL.Query().Get("dry_run") == "true"
	plan, err := d.carryOut(ctx, access.From(r.Context()), text, dryRun)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	a := taken{Changes: []taking{}, Unchanged: plan.Unchanged, DryRun: dryRun}
	for _, s := range plan.Steps {
		a.Changes = append(a.Changes, taking{string(s.Action), s.Kind, s.Ref, s.Keys, s.Line})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a) // the client may have gone
}

// carryOut plans a file and does what the plan says, or tries it.
func (d *catalogFile) carryOut(ctx context.Context, by access.Principal, text []byte, dryRun bool) (yaml.Plan, error) {
	if err := by.Require(access.Steward, access.Admin); err != nil {
		return yaml.Plan{}, err
	}
	doc, err := yaml.Parse("", text, nil)
	if err != nil {
		return yaml.Plan{}, err
	}
	var plan yaml.Plan
	err = ofOneMoment(ctx, d.db, func(tx pgx.Tx) (err error) {
		plan, err = yaml.NewPlan(ctx, tx, doc)
		return err
	})
	switch {
	case err != nil:
		return plan, err
	case dryRun:
		return plan, plan.Rehearse(ctx, d.catalog, by)
	}
	return plan, plan.Apply(ctx, d.catalog, by)
}

func (d *catalogFile) give(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), fileFor)
	defer cancel()
	err := access.From(r.Context()).Require(access.Viewer, access.Steward, access.Handler, access.Approver, access.DPO, access.Auditor, access.Admin)
	if err != nil {
		problem.Write(w, err)
		return
	}
	var all catalog.Contents
	err = ofOneMoment(ctx, d.db, func(tx pgx.Tx) (err error) {
		all, err = catalog.Everything(ctx, tx)
		return err
	})
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(yaml.Export(all)) // the client may have gone
}

// refuse answers with the mistakes of a file, each with its line and column.
func (d *catalogFile) refuse(w http.ResponseWriter, r *http.Request, err error) {
	faults := fault.All(err)
	if len(faults) == 0 {
		report(r.Context(), d.log, "catalog file", err, "request_id", w.Header().Get(problem.RequestID))
		problem.Write(w, err)
		return
	}
	var placed []error
	for _, f := range faults {
		g := *f
		if len(g.Path) == 3 && g.Path[0] == "" {
			g.Path = []string{strings.Join(g.Path[1:], ":")}
		}
		placed = append(placed, &g)
	}
	problem.Write(w, errors.Join(placed...))
}

// ofOneMoment reads from one state of the database.
func ofOneMoment(ctx context.Context, db *pgxpool.Pool, read func(tx pgx.Tx) error) error {
	return postgres.WorkTx(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, read)
}
