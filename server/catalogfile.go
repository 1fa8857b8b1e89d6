package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/flowmart/lethe/catalog"
	"github.com/flowmart/lethe/catalog/yaml"
	"github.com/flowmart/lethe/internal/access"
	"github.com/flowmart/lethe/internal/fault"
	"github.com/flowmart/lethe/internal/problem"
)

// catalogFile takes and gives the catalog as a file, which is larger than what
// GraphQL takes. The command line is its only customer.
type catalogFile struct {
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
	dryRun, err := rehearsal(r.URL.RawQuery)
	if err != nil {
		problem.Write(w, err)
		return
	}
	from, err := source(r.Header.Get("Content-Type"), text)
	if err != nil {
		problem.Write(w, err)
		return
	}
	plan, err := yaml.Import(ctx, d.catalog, access.From(r.Context()), from, dryRun)
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

// rehearsal reads the one parameter of an import. A slip of the pen in it must
// not import what was only to be tried.
func rehearsal(query string) (dryRun bool, err error) {
	asked, err := url.ParseQuery(query)
	if err != nil {
		return false, fault.New(fault.Invalid, "BAD_PARAMETER", "the query of this URL cannot be read")
	}
	for key := range asked {
		if key != "dry_run" {
			return false, fault.New(fault.Invalid, "BAD_PARAMETER", "%s", fault.Suggest("an import has one parameter, dry_run", key, []string{"dry_run"}))
		}
	}
	switch values := asked["dry_run"]; {
	case len(values) == 0, len(values) == 1 && values[0] == "false":
		return false, nil
	case len(values) == 1 && values[0] == "true":
		return true, nil
	}
	return false, fault.Bad("dry_run", "BAD_PARAMETER", "say dry_run=true to try the import, dry_run=false or nothing to do it")
}

// source reads what was sent: a file by itself, or with the values of the
// variables in it, which are then put in where the file is understood.
func source(contentType string, body []byte) (yaml.Source, error) {
	if kind, _, _ := mime.ParseMediaType(contentType); kind != "application/vnd.lethe.catalog+json" {
		return yaml.Source{Text: body}, nil
	}
	sent, err := problem.Decode[struct {
		YAML      *string           `json:"yaml"`
		Variables map[string]string `json:"variables"`
	}](body, `{"yaml":"…","variables":{"name":"…"}}`)
	if err != nil {
		return yaml.Source{}, err
	}
	if sent.YAML == nil {
		return yaml.Source{}, fault.Bad("yaml", "BAD_JSON", "send the file as this member and, if it has any, its variables as texts")
	}
	vars := func(name string) (string, bool) {
		value, ok := sent.Variables[name]
		return value, ok
	}
	return yaml.Source{Text: []byte(*sent.YAML), Vars: vars}, nil
}

func (d *catalogFile) give(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), fileFor)
	defer cancel()
	all, err := d.catalog.Snapshot(ctx, access.From(ctx))
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
